"""A lifecycle action as others are told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.placeholders import fill_values

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Target


def action_payload(target: Target, more: dict[str, Any]) -> dict[str, Any]:
    """Return the action as JSON values.

    `id` is the same for the same step of the same action: who must not act twice remembers it. It is another one when
    an operator has the step begin again after it had failed.

    Args:
        target: the instance and its action.
        more: what the plan adds, with placeholders in its texts.

    Raises:
        CannotFillError: a placeholder has no value.
    """
    action = target.action
    return {
        "id": f"{action.reference}-{target.position + 1}{f'-{target.attempt + 1}' if target.attempt else ''}",
        "group": action.group,
        "hook": action.hook,
        "instance": action.instance,
        "transition": action.transition.value,
        "token": action.token,
        "more": fill_values(more, target.values),
    }
