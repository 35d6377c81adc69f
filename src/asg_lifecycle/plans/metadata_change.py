"""A hook's `NotificationMetadata` that names another plan and keeps what belongs to somebody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.lifecycle_hooks import MOST_METADATA
from asg_lifecycle.plans.metadata import PLAN_KEY, means_plan_key, read_metadata

if TYPE_CHECKING:
    from asg_lifecycle.model.actions import LifecycleAction

OTHER_WAYS = "name the plan with the group's tag asg-lifecycle:plan, or give the plan the name of the group"


class MetadataChange(Struct, frozen=True, kw_only=True):
    """What metadata becomes: the new text, or why it cannot name the plan."""

    text: str = ""
    problem: str | None = None


def name_plan(action: LifecycleAction, plan: str) -> MetadataChange:
    """Return the metadata of a hook with a plan named in it.

    An object keeps its other keys; what was meant as a plan gives way. Text of somebody else cannot hold a plan beside
    it, and is left alone.

    Args:
        action: of the hook, with its present metadata.
        plan: the name of the plan.
    """
    kept = _object(action.metadata) if action.metadata is not None else {}
    if kept is None and read_metadata(action) is None:
        what = f"the NotificationMetadata of hook {action.hook} is no JSON object and belongs to somebody else"
        return MetadataChange(problem=f"{what}: {action.metadata!r}; {OTHER_WAYS}")
    if action.metadata is not None and kept is not None and kept.get(PLAN_KEY) == plan:
        return MetadataChange(text=action.metadata)
    others = {key: value for key, value in (kept or {}).items() if not means_plan_key(key)}
    text = json.dumps({PLAN_KEY: plan} | others)
    if len(text) > MOST_METADATA:
        too_long = f"the NotificationMetadata of hook {action.hook} would have {len(text)} characters"
        return MetadataChange(problem=f"{too_long}, and it can have {MOST_METADATA}; {OTHER_WAYS}")
    return MetadataChange(text=text)


def _object(text: str) -> dict[str, object] | None:
    """Return the JSON object in a text, also one in a text in it, None where there is none."""
    try:
        parsed = json.loads(text)
        if isinstance(parsed, str):
            parsed = json.loads(parsed)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
