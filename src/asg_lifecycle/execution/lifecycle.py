"""The durable execution of one lifecycle action: claim, admit, race, finish.

Everything here but the functions handed to durable operations runs again on every replay: it reads no clock, no
environment and no network. The names of the operations are an interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python.config import StepConfig
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig

from asg_lifecycle.execution.admission import Admission, Claim, admit, claim
from asg_lifecycle.execution.application import Application, Assignment
from asg_lifecycle.execution.decision import Ending
from asg_lifecycle.execution.finish import Completion, Finisher
from asg_lifecycle.execution.race import Race
from asg_lifecycle.execution.retrying import claiming
from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.execution.turnstile import Turnstile
from asg_lifecycle.execution.waiting import decide_by_delay
from asg_lifecycle.execution.work import Work
from asg_lifecycle.model.events import Broken, Ignore, decide
from asg_lifecycle.model.plans import timeout_result
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext

    from asg_lifecycle.model.actions import LifecycleAction

Outcome = dict[str, Any]
"""What the execution returns: `outcome` is `ignored`, `invalid`, `duplicate`, `completed`, `over`, `lost` or `taken`;
`reason` is a sentence; `result` is `CONTINUE` or `ABANDON` where we completed."""


def answer(application: Application, event: object, context: DurableContext) -> Outcome:
    """Answer one event: carry out its lifecycle action, or say why there is none.

    Args:
        application: the parts to work with.
        event: an EventBridge event or a flat notification, as parsed JSON.
        context: the durable context.

    Raises:
        StepError: the action could not be claimed; the event goes to the dead-letter queue.
    """
    observer = application.observer
    observer.unbind()
    context.set_logger(observer.logger)
    match decide(event, hook_name_prefix=application.settings.hook_name_prefix):
        case Ignore(reason):
            observer.count(Metric.IGNORED)
            context.logger.info("ignored: %s", reason)
            return {"outcome": "ignored", "reason": reason}
        case Broken(reason):
            observer.count(Metric.INVALID)
            context.logger.error("invalid event, a retry cannot help: %s", reason)
            return {"outcome": "invalid", "reason": reason}
        case handle:
            return _carry_out(application, handle.action, context)


def _carry_out(application: Application, action: LifecycleAction, context: DurableContext) -> Outcome:
    execution = context.execution_context.durable_execution_arn
    application.observer.bind(action, execution)
    assignment = Assignment(application=application, action=action, execution=execution)
    claimed = context.step(
        lambda _: claim(assignment),
        name="claim",
        config=StepConfig(retry_strategy=claiming, serdes=StructSerDes(Claim)),
    )
    if not claimed.granted:
        reason = f"{claimed.owner} has this action, which is {claimed.status}"
        return {"outcome": "duplicate", "reason": reason}
    callback = context.create_callback("inbox-1")
    admission = context.wait_for_condition(
        lambda state, _: admit(assignment, callback.callback_id, state),
        WaitForConditionConfig(
            wait_strategy=decide_by_delay, initial_state=Admission(), serdes=StructSerDes(Admission)
        ),
        name="admit",
    )
    decision = admission.decision
    if admission.verdict == "over" or decision is None:
        ending = Ending(how="over", reason=admission.pulse.over or "the action is over")
    elif admission.verdict == "late":
        ending = Ending(
            how="complete",
            result=timeout_result(decision.plan),
            reason="the event came after the action's deadline: nothing was begun",
        )
    else:
        ending = Race(assignment, admission, decision).run(context, callback)
    plan = decision.plan if decision is not None else None
    work = Work(assignment, plan, admission.facts, Turnstile()) if plan is not None else None
    finisher = Finisher(assignment, admission, ending, work)
    completion = context.wait_for_condition(
        lambda state, _: finisher.attempt(state),
        WaitForConditionConfig(
            wait_strategy=decide_by_delay, initial_state=Completion(), serdes=StructSerDes(Completion)
        ),
        name="finish",
    )
    if completion.taken or completion.status is None:
        return {"outcome": "taken", "reason": "another execution has taken this action over"}
    reason = "; ".join(part for part in (ending.reason, completion.reason) if part)
    outcome: Outcome = {"outcome": completion.status.value, "reason": reason}
    if completion.status == "completed" and ending.result is not None:
        outcome["result"] = ending.result.value
    return outcome
