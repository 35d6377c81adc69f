"""What a hook's `NotificationMetadata` says: a plan, the name of one, nothing of ours, or a plan written wrongly.

What is meant as a plan never falls through to another plan in silence: it is understood where nothing else can be
meant, and else the action is held with the right form in the sentence. All other metadata belongs to somebody else.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from asg_lifecycle.model.plans import PlanDecision, plan_transition
from asg_lifecycle.plans.decisions import decide_text, decide_value
from asg_lifecycle.steps.catalog import KINDS

if TYPE_CHECKING:
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.plans import PlanTransition

PLAN_KEY = "plan"
SOURCE = "hook metadata"
RIGHT_FORM = 'write {"plan": "NAME"} for a plan by its name, or {"plan": {"steps": […]}}'

_QUOTES = r"[\\\"'`]*"
_BEGINS = r"(?:^|[\{\[,\n\r\\\"'`])\s*-?\s*"
PLAN_IN_TEXT = re.compile(rf"{_BEGINS}{_QUOTES}plans?{_QUOTES}\s*[:=]", re.IGNORECASE)
"""A key `plan` in text that is no JSON: at the beginning, of a line too, or behind a brace, a comma or a quote."""

STEP_IN_TEXT = re.compile(rf"{_BEGINS}{_QUOTES}kind{_QUOTES}\s*[:=]\s*{_QUOTES}({'|'.join(sorted(KINDS))})\b")
"""A step of a kind of ours in text that is no JSON."""

HINTS = {
    '\\"': "its quotes are escaped with backslashes; leave these out",
    "'": "JSON has double quotes",
}
"""What often makes text no JSON, by a sign of it."""

OBSERVE_IN_TEXT = re.compile(rf"observe{_QUOTES}\s*[:=]\s*{_QUOTES}(?!\s*false)", re.IGNORECASE)


def read_metadata(action: LifecycleAction) -> PlanDecision | str | None:
    """Return what the hook of `action` says: an inline plan, the name of one, or None for nothing.

    Needs nothing of AWS.
    """
    text = action.metadata
    if text is None:
        return None
    why = f"the NotificationMetadata of hook {action.hook} carries it"
    parsed, unreadable = _parsed(text)
    if unreadable is None and isinstance(parsed, str):
        # One more layer of JSON, as templates and shells add it.
        text = parsed
        parsed, unreadable = _parsed(text)
    if unreadable is not None:
        return _held(text, why, f"it is not JSON: {unreadable}") if _means_a_plan(text) else None
    plan = parsed.get(PLAN_KEY) if isinstance(parsed, dict) else None
    if plan is None:
        wrong = _near_miss(parsed)
        return _held(text, why, wrong) if wrong is not None else None
    return _written(plan, text, why, plan_transition(action.transition))


def _written(plan: object, text: str, why: str, transition: PlanTransition) -> PlanDecision | str:
    """Return what the value of the key `plan` says."""
    if not isinstance(plan, str):
        return decide_value(plan, transition, source=SOURCE, why=why)
    if plan.lstrip().startswith(("{", "[")):
        return decide_text(plan, transition, source=SOURCE, why=why)
    if _means_a_plan(plan):
        return _held(text, why, "the plan in it is text that is neither JSON nor a name")
    return plan


def _means_a_plan(text: str) -> bool:
    """Return whether text that is no JSON has something of a plan in it."""
    return PLAN_IN_TEXT.search(text) is not None or STEP_IN_TEXT.search(text) is not None


def _parsed(text: str) -> tuple[object, str | None]:
    """Return the JSON value in a text, or why there is none."""
    try:
        return json.loads(text), None
    except RecursionError:
        return None, "lists or objects nested too deeply"
    except ValueError as error:
        hint = next((f" ({hint})" for sign, hint in HINTS.items() if sign in text), "")
        return None, f"{error}{hint}"


def _held(text: str, why: str, wrong: str) -> PlanDecision:
    problem = f"the NotificationMetadata seems to be meant as a plan, but {wrong}; {RIGHT_FORM}"
    observe = OBSERVE_IN_TEXT.search(text) is not None
    return PlanDecision(source=SOURCE, why=why, problems=(problem,), observe=observe)


def _near_miss(parsed: object) -> str | None:
    """Return what is wrong with metadata that is JSON without the key `plan`, None where it is not meant as a plan."""
    if isinstance(parsed, dict):
        for key, value in parsed.items():
            if value and means_plan_key(key):
                return f'its key is written {json.dumps(key)} and not "{PLAN_KEY}"'
    if isinstance(parsed, list) and any(isinstance(each, dict) and each.get(PLAN_KEY) is not None for each in parsed):
        return "it is a list; a hook has one plan"
    if _has_our_step(parsed):
        return f'its steps are not below the key "{PLAN_KEY}"'
    return None


def means_plan_key(key: str) -> bool:
    """Return whether a key of metadata is meant to be that of the plan, however it is written."""
    return re.sub(r"[^a-z]", "", key.lower()) in {PLAN_KEY, f"{PLAN_KEY}s"}


def _has_our_step(value: object) -> bool:
    """Return whether there is a step of a kind of ours anywhere in a JSON value."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            if isinstance(kind := each.get("kind"), str) and kind in KINDS:
                return True
            left += each.values()
        elif isinstance(each, list):
            left += each
    return False
