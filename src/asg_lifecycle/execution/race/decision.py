"""What follows a round of the race: pure decisions over the results of its branches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from asg_lifecycle.execution.heartbeat import HeartbeatState, KeepAlive
from asg_lifecycle.execution.work.work_state import PlanResult
from asg_lifecycle.model.actions import ActionResult, LifecycleAction
from asg_lifecycle.model.messages import Extend, Finish, Hold, Message, Resume, Skip, describe
from asg_lifecycle.model.plans import Plan, holds_when_late, success_result, timeout_result
from asg_lifecycle.model.replies import Reply
from asg_lifecycle.model.step_memory import StepOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable

MESSAGES_KEPT = 20


class RaceOutcome(Struct, frozen=True, kw_only=True):
    """How the action is to end.

    Attributes:
        how: `complete`: with `result`; `over`: it has ended without us; `lost_ownership`: another execution owns it;
            `joined`: work that began early goes on under the action `joined`; `out_of_operations`: a fresh execution
            has to go on with it.
        result: what to complete it with.
        reason: why, a sentence.
        messages: the messages to the action, oldest first.
        steps: the outcomes of the steps, where the work has ended.
        joined: the action that the instance waits under.
        held: why the early work was held, None when it was not.
        hold: who has put the work on hold that somebody goes on with, when and why; None where nobody has.
    """

    how: Literal["complete", "over", "lost_ownership", "joined", "out_of_operations"]
    result: ActionResult | None = None
    reason: str
    messages: tuple[str, ...] = ()
    steps: tuple[StepOutcome, ...] = ()
    joined: LifecycleAction | None = None
    held: str | None = None
    hold: str | None = None


class BranchResults(Struct, frozen=True, kw_only=True):
    """The results of the branches of one round; None for a branch that was still waiting."""

    keep_alive: KeepAlive | None = None
    message: Message | None = None
    work: PlanResult | None = None
    reply: Reply | None = None


def merged_results(results: Iterable[BranchResults]) -> BranchResults:
    """Return the results of several branches as one."""
    found = [{name: getattr(result, name) for name in BranchResults.__struct_fields__} for result in results]
    return BranchResults(**{name: value for each in found for name, value in each.items() if value is not None})


def decide(results: BranchResults, plan: Plan | None) -> RaceOutcome | None:  # noqa: PLR0911 - one line a case
    """Return how the action ends after a round, None when another round begins.

    When several branches finish together: an action that is over cannot be completed; an operator's message goes before
    the work, and finished work before the deadline.

    Args:
        results: the results of the branches.
        plan: decides what to complete the action with; None for one that cannot be used.
    """
    on_timeout = timeout_result(plan)
    match results:
        case BranchResults(work=PlanResult(how="lost_ownership")):
            return RaceOutcome(how="lost_ownership", reason="another execution has taken this action over")
        case BranchResults(keep_alive=KeepAlive(heartbeat=HeartbeatState(over=str() as why))):
            return RaceOutcome(how="over", reason=why)
        case BranchResults(message=Finish(result=result) as message):
            return RaceOutcome(how="complete", result=result, reason=describe(message))
        case BranchResults(message=message, work=PlanResult() as work) if goes_before(
            message, work
        ) and not is_at_deadline(results):
            return None
        case BranchResults(work=PlanResult(how="done", reason=why, outcomes=steps)):
            why = f"the work is done: {why}"
            return RaceOutcome(how="complete", result=success_result(plan), reason=why, steps=steps)
        case BranchResults(work=PlanResult(how="abandon", reason=why, outcomes=steps)):
            return RaceOutcome(how="complete", result=ActionResult.ABANDON, reason=why, steps=steps)
        case BranchResults(work=PlanResult(how="timed_out", reason=why, outcomes=steps)) if not holds_when_late(plan):
            return RaceOutcome(
                how="complete", result=on_timeout, reason=f"{why}, the plan says {on_timeout}", steps=steps
            )
        case BranchResults(keep_alive=KeepAlive(deadline_reached=True)):
            said = "nothing can be held any longer" if holds_when_late(plan) else f"the plan says {on_timeout}"
            why = f"the deadline came before the work was done, {said}"
            return RaceOutcome(how="complete", result=on_timeout, reason=why)
        case BranchResults(message=None) if is_out_of_operations(results):
            return RaceOutcome(how="out_of_operations", reason="the execution may have no more operations")
        case _:
            return None


def goes_before(message: Message | None, work: PlanResult) -> bool:
    """Return whether a message changes what becomes of work that has ended in the same round.

    The record says where the work stands: under a hold it stops there, with more time it goes on.
    """
    if isinstance(message, Hold):
        return work.how in {"done", "abandon", "timed_out"}
    return isinstance(message, Extend) and work.how == "timed_out"


def is_at_deadline(results: BranchResults) -> bool:
    """Return whether the deadline was reached in a round."""
    return results.keep_alive is not None and results.keep_alive.deadline_reached


def is_out_of_operations(results: BranchResults) -> bool:
    """Return whether a branch has stopped because the execution has used nearly all operations that it may have."""
    work, keep_alive = results.work, results.keep_alive
    return (work is not None and work.how == "out_of_operations") or (
        keep_alive is not None and keep_alive.out_of_operations
    )


class Round(Struct, frozen=True, kw_only=True):
    """What one round of the race begins with.

    Attributes:
        number: from 1.
        held: why no work is done, None when it is.
        hold: who has put it on hold, when and why: only what is under way goes on. None where nobody has.
        newly_held: whether work stopped in the round before.
        idle: why there is no work to do though nothing is wrong; None when there is. Of early work only.
        expired: the time that EC2 left the instance is over. Of early work only.
        message: the message that ended the round before, None when none did.
        messages: the messages so far, oldest first.
        needs_callback: the entry of the plan that needs a callback before it begins, None when none does.
        reply: what came back through the present callback, None as long as nothing has.
    """

    number: int = 1
    held: str | None = None
    hold: str | None = None
    newly_held: bool = False
    idle: str | None = None
    expired: bool = False
    message: Message | None = None
    messages: tuple[str, ...] = ()
    needs_callback: int | None = None
    reply: Reply | None = None


def next_round(current: Round, results: BranchResults, problems: str) -> Round:
    """Return the round after one that did not end the action.

    Args:
        current: the round that was run.
        results: the results of its branches.
        problems: what is wrong with the plan, empty when it can be used.
    """
    message, work = results.message, results.work
    held, hold = current.held, current.hold
    newly_held = False
    if isinstance(message, Skip | Resume):
        # A message goes before a failure in the same round: the operator answers that failure.
        held = problems or None
    elif work is not None and work.how in {"held", "timed_out"} and not goes_before(message, work):
        held, newly_held = work.reason, True
    elif work is not None and work.how == "on_hold":
        held = work.reason
    if isinstance(message, Hold):
        hold = message.by
    elif isinstance(message, Resume):
        hold = None
    needs_callback = work.index if work is not None and work.how == "needs_callback" else None
    if isinstance(message, Hold):
        # A step that has not begun does not begin any more. One under way, taken over without its callback, asks again.
        needs_callback = None
    return Round(
        number=current.number + 1,
        held=held,
        hold=hold,
        newly_held=newly_held,
        idle=current.idle,
        expired=current.expired,
        message=message,
        messages=said_so_far(current, results),
        needs_callback=needs_callback,
        reply=results.reply or (current.reply if needs_callback is None else None),
    )


def said_so_far(current: Round, results: BranchResults) -> tuple[str, ...]:
    """Return the messages to the action up to the end of a round, oldest first, the last twenty."""
    said = (describe(results.message),) if results.message is not None else ()
    return (*current.messages, *said)[-MESSAGES_KEPT:]
