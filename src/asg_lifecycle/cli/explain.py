"""`asg-lifecycle explain`: what would be done with a payload, and which function of the stack would do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from msgspec import Struct

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, write_sentences
from asg_lifecycle.cli.input_files import file_name, read_text
from asg_lifecycle.cli.options import THE_ONLY_STACK, HookNamePrefix, StackName
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list
from asg_lifecycle.cli.plan_access import PlanPath, open_plan_tools
from asg_lifecycle.model.entry_points import Elsewhere, EntryPoint, answered_elsewhere
from asg_lifecycle.model.envelopes import Message, messages_in_text
from asg_lifecycle.model.events import Handle, Ignore, Invalid, decisions_in_text
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX
from asg_lifecycle.model.plans import PlannedStep
from asg_lifecycle.plans.selection import plan_offline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.fields import Problem
    from asg_lifecycle.model.plans import PlanDecision

FIELDS = (
    "decision",
    "entry_point",
    "reason",
    "group",
    "hook",
    "instance",
    "token",
    "transition",
    "origin",
    "destination",
    "survives",
    "plan",
)
COLUMNS: tuple[Column[dict[str, Any]], ...] = tuple(
    Column(name=name, value=lambda decision, name=name: decision.get(name))  # type: ignore[misc]
    for name in FIELDS
)


class Explanation(Struct, frozen=True):
    """What `explain` prints.

    Attributes:
        decisions: one JSON object for each action or event that is handled or ignored, in the payload's order.
        invalid: why the others cannot be understood, in the payload's order.
    """

    decisions: tuple[dict[str, Any], ...]
    invalid: tuple[str, ...]


def explain(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[str, typer.Argument(metavar="FILE", help="The payload as JSON; - reads standard input.")],
    *,
    hook_name_prefix: HookNamePrefix = DEFAULT_HOOK_NAME_PREFIX,
    look_up: Annotated[
        bool, typer.Option("--look-up", help="Ask the stack for its plans, as the function does, instead of nothing.")
    ] = False,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
    output: OutputForm = Output.TABLE,
) -> None:
    """Say what would be done with a payload, and by which function of the stack. Asks nothing of AWS by itself.

    The payload is an EventBridge event, a notification as an SQS body, an SNS message, what "aws sqs receive-message"
    prints, or the event a queue or topic hands to a Lambda function.

    Exit code 0 when all in it is handled or ignored; 2, with one line on standard error, when the payload is no JSON
    or something in it is broken: the others are printed all the same.

    For example: `asg-lifecycle explain event.json --look-up`
    """
    text = read_text(file)
    choose = open_plan_tools(stack, path).planning.plan_for if look_up else plan_offline
    with reporting_failed_calls():
        explanation = explain_text(text, hook_name_prefix, choose)
    if output is Output.TABLE:
        for decision in explanation.decisions:
            write_sentences("\n".join(_in_words(decision)))
    elif explanation.decisions or not explanation.invalid:
        write_list(explanation.decisions, COLUMNS, output, none="")
    if explanation.invalid:
        first, *others = explanation.invalid
        reason = f"{first} (and {len(others)} more that are broken)" if others else first
        fail(f"{file_name(file)}: {reason}", ExitCode.BAD_INPUT)


def explain_text(
    text: str, hook_name_prefix: str, choose_plan: Callable[[LifecycleAction], PlanDecision] = plan_offline
) -> Explanation:
    """Return what would be done with the JSON text of a payload.

    Args:
        text: the payload's JSON.
        hook_name_prefix: the names of our hooks begin with it.
        choose_plan: returns the plan of an action.

    Raises:
        CallFailed: `choose_plan` raised it.
    """
    explained: list[dict[str, Any]] = []
    invalid: list[str] = []
    decisions = decisions_in_text(text, hook_name_prefix=hook_name_prefix)
    for message, decision in zip(messages_in_text(text), decisions, strict=True):
        match _answer(message, decision):
            case Handle(action=action):
                explained.append(_explain_action(action, choose_plan(action)))
            case Elsewhere() as elsewhere:
                reason = f"{elsewhere.does} (parameter {elsewhere.parameter})"
                where = {"decision": "handle", "entry_point": elsewhere.entry_point.value}
                explained.append(where | {"reason": reason, "instance": elsewhere.instance})
            case Ignore(reason=reason):
                explained.append({"decision": "ignore", "reason": reason})
            case Invalid(reason=reason):
                invalid.append(reason)
    return Explanation(tuple(explained), tuple(invalid))


def _answer(message: Message | Problem, decision: Handle | Ignore | Invalid) -> Handle | Elsewhere | Ignore | Invalid:
    """Return what becomes of a message: of what is no lifecycle action, in no envelope, what another function does."""
    if isinstance(message, Message) and not message.path and not isinstance(decision, Handle):
        return answered_elsewhere(message.content) or decision
    return decision


def _explain_action(action: LifecycleAction, plan: PlanDecision) -> dict[str, Any]:
    return {
        "decision": "handle",
        "entry_point": EntryPoint.LIFECYCLE_ACTION.value,
        "group": action.group,
        "hook": action.hook,
        "instance": action.instance,
        "token": action.token,
        "transition": action.transition.value,
        "origin": action.origin and action.origin.value,
        "destination": action.destination and action.destination.value,
        "survives": action.survives,
        "plan": msgspec.to_builtins(plan),
    }


def _in_words(decision: dict[str, Any]) -> Iterator[str]:
    if decision["decision"] == "ignore":
        yield f"ignored: {decision['reason']}"
        return
    if "plan" not in decision:
        yield f"{decision['entry_point']} {decision['reason']}"
        return
    plan, kind = decision["plan"], decision["transition"].rpartition("_")[2].lower()
    yield f"{decision['entry_point']} works on it:"
    yield f"  instance {decision['instance']} of group {decision['group']}, hook {decision['hook']} ({kind})"
    named = f"plan {plan['name']}" if plan["name"] is not None else "plan"
    yield f"  {named} from {plan['source']}: {plan['why']}"
    yield from (f"  cannot be used, the action would be held: {problem}" for problem in plan["problems"])
    steps = plan["plan"]["steps"] if plan["plan"] is not None else ()
    yield from (f"  {number}. {_kinds(step)}" for number, step in enumerate(steps, start=1))
    if plan["plan"] is not None and not steps:
        yield "  no steps: the action is completed at once"


def _kinds(step: dict[str, Any]) -> str:
    return " + ".join(map(_kind, step.get("parallel") or (step,)))


def _kind(step: dict[str, Any]) -> str:
    said = msgspec.convert(step, PlannedStep).conditions.said
    return f"{step['kind']} ({said})" if said else str(step["kind"])
