"""What an operator may do to an action, what it will do, and the message that does it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.action_summary import WORKED_ON, Standing, has_unfinished_step, summarize
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Extend, Finish, Hold, Nudge, Resume, Skip
from asg_lifecycle.model.running_timeouts import (
    UnknownPlanError,
    plan_of,
    running_timeouts,
    sentence_of_extension,
    why_not_extended,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.model.action_summary import ActionSummary
    from asg_lifecycle.model.records import Record


class Verb(StrEnum):
    """What an operator may do."""

    FINISH = "finish"
    """End the action with CONTINUE, whatever work is left."""
    ABANDON = "abandon"
    """End the action with ABANDON."""
    SKIP = "skip"
    """Leave the present step and go on with the next one."""
    HOLD = "hold"
    """Begin no further step, and do not complete the action; the step under way goes on, and so do heartbeats."""
    RESUME = "resume"
    """Go on: a hold ends, and a step that failed begins again."""
    EXTEND = "extend"
    """Move the timeout of the present step and of the plan."""
    NUDGE = "nudge"
    """Poll again now, and change nothing."""


ENDS_WORK = frozenset({Verb.FINISH, Verb.ABANDON, Verb.SKIP})
"""The verbs that leave work undone: they need a reason, and the instance's id typed on a terminal."""

AT_WORK = (Verb.SKIP, Verb.HOLD, Verb.EXTEND, Verb.NUDGE, Verb.FINISH, Verb.ABANDON)
POSSIBLE = {
    Standing.STARTING: (),
    Standing.QUEUED: (Verb.HOLD, Verb.FINISH, Verb.ABANDON),
    Standing.EARLY: AT_WORK,
    Standing.WORKING: AT_WORK,
    Standing.HELD: (Verb.RESUME, Verb.SKIP, Verb.HOLD, Verb.EXTEND, Verb.NUDGE, Verb.FINISH, Verb.ABANDON),
    Standing.COMPLETING: (),
    Standing.ENDED: (),
}
"""The verbs that may change something, by where an action stands."""

OF_RUNNING_STEPS = frozenset({Verb.EXTEND, Verb.NUDGE})
"""The verbs that change nothing where no step is under way."""


class Order(Struct, frozen=True, kw_only=True):
    """What an operator wants done.

    Attributes:
        verb: what.
        length: by how much timeouts are moved, seconds; of `extend` alone.
    """

    verb: Verb
    length: int = 0


def possible_verbs(summary: ActionSummary) -> tuple[Verb, ...]:
    """Return the verbs that may change something of an action."""
    needless = OF_RUNNING_STEPS if not summary.under_way else frozenset()
    held = frozenset({Verb.HOLD}) if summary.hold is not None else frozenset()
    return tuple(verb for verb in POSSIBLE[summary.standing] if verb not in needless | held)


def refusal(  # noqa: PLR0911 - one line a case
    order: Order, record: Record, now: float, at: Callable[[float], str]
) -> str | None:
    """Return why an order would change nothing, a sentence; None when it would change something.

    Args:
        order: what is wanted.
        record: the action's.
        now: seconds since the epoch.
        at: a time as the operator knows it.
    """
    summary = summarize(record, now)
    if order.verb is Verb.SKIP and summary.standing is Standing.HELD and not summary.steps:
        return "its plan cannot be used, and has no step to skip"
    if order.verb is Verb.SKIP and summary.standing in WORKED_ON and summary.step is None:
        return "no step of it is left"
    if order.verb in possible_verbs(summary):
        return _why_not_extended(record, now, at) if order.verb is Verb.EXTEND else None
    match summary.standing:
        case Standing.ENDED:
            return "it has ended"
        case Standing.COMPLETING:
            return "its result is decided and Auto Scaling is being told"
        case Standing.STARTING:
            return "its execution has only just begun: say it again in a moment"
        case Standing.HELD if order.verb is Verb.HOLD:
            return "it is on hold already"
        case Standing.HELD:
            return "it is held, and its work has stopped: resume lets it go on, and a step that failed begins again"
        case _ if order.verb is Verb.RESUME:
            return f"it is {summary.standing}, not held"
        case _:
            return f"it is {summary.standing}, and no step is under way"


def _why_not_extended(record: Record, now: float, at: Callable[[float], str]) -> str | None:
    try:
        return why_not_extended(running_timeouts(record, now), at)
    except UnknownPlanError as unknown:
        return f"{unknown}, and its timeouts are not known here"


def effect(  # noqa: PLR0911 - one line a case
    order: Order, record: Record, now: float, at: Callable[[float], str]
) -> str:
    """Return what an order will do, as an operator is asked to confirm it. Arguments as for `refusal`."""
    summary = summarize(record, now)
    left = summary.steps - (summary.step - 1) if summary.step is not None else summary.steps
    undone = f", with {left} of {summary.steps} steps not done" if left else ""
    match order.verb:
        case Verb.FINISH:
            return f"ends with CONTINUE{undone}"
        case Verb.ABANDON:
            return f"ends with ABANDON{undone}"
        case Verb.SKIP:
            return f"leaves step {summary.step or 1} of {summary.steps} ({summary.kind or 'not begun'}){_then(summary)}"
        case Verb.HOLD:
            under_way = f"step {summary.step} ({summary.kind}) goes on, " if summary.under_way else ""
            return f"is held: {under_way}no further step begins, and it is not completed before its deadline"
        case Verb.RESUME:
            return _resumed(record, summary)
        case Verb.EXTEND:
            return sentence_of_extension(running_timeouts(record, now), order.length, at)
        case Verb.NUDGE:
            return "is looked at now"


def _resumed(record: Record, summary: ActionSummary) -> str:
    if summary.step is not None:
        step = f"step {summary.step} of {summary.steps} ({summary.kind})"
        return f"goes on with {step}" if has_unfinished_step(record) else f"goes on: {step} begins"
    try:
        unusable = plan_of(record) is None
    except UnknownPlanError as unknown:
        return f"goes on: {unknown}, and what begins is not known here"
    if unusable:
        return "goes on: its plan is chosen again"
    early = record.early_reason is not None and record.token is None
    return f"goes on: no step is left, and it {'waits for its hook' if early else 'is completed'}"


def _then(summary: ActionSummary) -> str:
    if summary.hold is not None:
        return " and stays on hold"
    first, width = summary.step or 1, (summary.kind or "").count("+") + 1
    return " and goes on" if first - 1 + width < summary.steps else ", the last one: the work is done"


def message_of(order: Order, by: str) -> Finish | Skip | Hold | Resume | Extend | Nudge:  # noqa: PLR0911 - one line a case
    """Return the message that does it.

    Args:
        order: what is wanted.
        by: who says so, when and why.
    """
    match order.verb:
        case Verb.FINISH:
            return Finish(ActionResult.CONTINUE, by=by)
        case Verb.ABANDON:
            return Finish(ActionResult.ABANDON, by=by)
        case Verb.SKIP:
            return Skip(by=by)
        case Verb.HOLD:
            return Hold(by=by)
        case Verb.RESUME:
            return Resume(by=by)
        case Verb.EXTEND:
            return Extend(seconds=order.length, by=by)
        case Verb.NUDGE:
            return Nudge(by=by)
