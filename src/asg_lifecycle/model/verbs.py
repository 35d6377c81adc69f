"""What an operator may do to an action, what it will do, and the message that does it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from asg_lifecycle.model.action_summary import Standing
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish, Nudge, Skip

if TYPE_CHECKING:
    from asg_lifecycle.model.action_summary import ActionSummary


class Verb(StrEnum):
    """What an operator may do."""

    FINISH = "finish"
    """End the action with CONTINUE, whatever work is left."""
    ABANDON = "abandon"
    """End the action with ABANDON."""
    SKIP = "skip"
    """Leave the present step and go on with the next one."""
    NUDGE = "nudge"
    """Poll again now; a step that is held after a failure begins again."""


ENDS_WORK = frozenset({Verb.FINISH, Verb.ABANDON, Verb.SKIP})
"""The verbs that leave work undone: they need a reason, and the instance's id typed on a terminal."""

POSSIBLE = {
    Standing.STARTING: (),
    Standing.QUEUED: (Verb.FINISH, Verb.ABANDON),
    Standing.EARLY: (Verb.SKIP, Verb.NUDGE, Verb.FINISH, Verb.ABANDON),
    Standing.WORKING: (Verb.SKIP, Verb.NUDGE, Verb.FINISH, Verb.ABANDON),
    Standing.HELD: (Verb.NUDGE, Verb.SKIP, Verb.FINISH, Verb.ABANDON),
    Standing.COMPLETING: (),
    Standing.ENDED: (),
}
"""The verbs that change something, by where an action stands."""


def refusal(verb: Verb, summary: ActionSummary) -> str | None:
    """Return why a verb would change nothing, a sentence; None when it would change something."""
    if verb is Verb.SKIP and summary.standing is Standing.HELD and not summary.steps:
        return "its plan cannot be used, and has no step to skip"
    if verb in POSSIBLE[summary.standing]:
        return None
    match summary.standing:
        case Standing.ENDED:
            return "it has ended"
        case Standing.COMPLETING:
            return "its result is decided and Auto Scaling is being told"
        case Standing.STARTING:
            return "its execution has only just begun: say it again in a moment"
        case _:
            return f"it is {summary.standing}, and no step is under way"


def effect(verb: Verb, summary: ActionSummary) -> str:
    """Return what a verb will do, as an operator is asked to confirm it."""
    left = summary.steps - (summary.step - 1) if summary.step is not None else summary.steps
    undone = f", with {left} of {summary.steps} steps not done" if left else ""
    match verb:
        case Verb.FINISH:
            return f"ends with CONTINUE{undone}"
        case Verb.ABANDON:
            return f"ends with ABANDON{undone}"
        case Verb.SKIP:
            first, width = summary.step or 1, (summary.kind or "").count("+") + 1
            then = " and goes on" if first - 1 + width < summary.steps else ", the last one: the work is done"
            return f"leaves step {first} of {summary.steps} ({summary.kind or 'not begun'}){then}"
        case Verb.NUDGE:
            return "is looked at now"


def message_of(verb: Verb, by: str) -> Finish | Skip | Nudge:
    """Return the message that does it.

    Args:
        verb: what.
        by: who says so, when and why.
    """
    match verb:
        case Verb.FINISH:
            return Finish(ActionResult.CONTINUE, by=by)
        case Verb.ABANDON:
            return Finish(ActionResult.ABANDON, by=by)
        case Verb.SKIP:
            return Skip(by=by)
        case Verb.NUDGE:
            return Nudge(by=by)
