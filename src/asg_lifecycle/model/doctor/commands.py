"""The commands that mend what `asg-lifecycle doctor` finds, with every name quoted for a shell."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from asg_lifecycle.model.plans import plan_transition

if TYPE_CHECKING:
    from asg_lifecycle.model.doctor.facts import HookFacts, StackFacts
    from asg_lifecycle.model.plans import PlanTransition


def shell(*words: str) -> str:
    """Return words as a shell takes them."""
    return shlex.join(words)


def make_hook(stack: StackFacts, group: str, transition: PlanTransition) -> str:
    """Return the command that gives a group a hook of ours, with settings that agree with its plan."""
    return ours(stack, "install-hook", "--group", group, f"--{transition}")


def change_hook(stack: StackFacts, group: str, hook: HookFacts, *, heartbeat: float | None = None) -> str:
    """Return the command that gives a hook of ours the settings that agree with its plan.

    Args:
        stack: the stack.
        group: the Auto Scaling group.
        hook: the hook.
        heartbeat: seconds of its heartbeat timeout, None for as long as the plan needs.
    """
    timeout = ("--timeout", f"{heartbeat:g}s") if heartbeat is not None else ()
    which = (f"--{plan_transition(hook.transition)}", "--name", hook.name)
    return ours(stack, "install-hook", "--group", group, *which, *timeout)


def remove_hook(stack: StackFacts, group: str, hook: str) -> str:
    """Return the command that removes a hook of ours. It refuses where that would release an instance (R24)."""
    return ours(stack, "remove-hook", "--group", group, "--name", hook)


def forget_target(group: str, hook: str) -> str:
    """Return the command that lets a hook notify nobody; what is not named stays as it is."""
    return shell(
        *("aws", "autoscaling", "put-lifecycle-hook"),
        *("--auto-scaling-group-name", group, "--lifecycle-hook-name", hook),
        *("--notification-target-arn", ""),
    )


def tag_group(group: str, key: str, value: str) -> str:
    """Return the command that gives a group a tag, and its instances none."""
    tag = {"ResourceId": group, "ResourceType": "auto-scaling-group", "Key": key, "Value": value}
    return shell(
        *("aws", "autoscaling", "create-or-update-tags"),
        *("--tags", json.dumps([tag | {"PropagateAtLaunch": False}])),
    )


def deploy(stack: StackFacts, *overrides: str) -> str:
    """Return the command that deploys the stack, with other parameters where some are given."""
    given = ("--parameter-overrides", *overrides) if overrides else ()
    return shell("sam", "deploy", "--stack-name", stack.name, *given)


def ours(stack: StackFacts, *words: str) -> str:
    """Return a command of our own for this stack."""
    return shell("asg-lifecycle", *words, "--stack", stack.name)
