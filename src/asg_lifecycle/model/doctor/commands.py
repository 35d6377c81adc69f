"""The commands that mend what `asg-lifecycle doctor` finds, with every name quoted for a shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from asg_lifecycle.model.actions import Transition

if TYPE_CHECKING:
    from asg_lifecycle.model.doctor.facts import StackFacts

VERBS = {Transition.LAUNCHING: "launch", Transition.TERMINATING: "terminate"}
"""How the names of our hooks say what they hold."""


def shell(*words: str) -> str:
    """Return words as a shell takes them."""
    return shlex.join(words)


def change_hook(group: str, hook: str, *options: str) -> str:
    """Return the command that changes a hook; what is not named stays as it is."""
    return shell(
        *("aws", "autoscaling", "put-lifecycle-hook"),
        *("--auto-scaling-group-name", group, "--lifecycle-hook-name", hook),
        *options,
    )


def make_hook(stack: StackFacts, group: str, transition: Transition) -> str:
    """Return the command that gives a group a hook of ours."""
    verb = VERBS[transition]
    name = f"{stack.prefix}-{verb}" if stack.prefix else verb
    return change_hook(group, name, "--lifecycle-transition", transition.value)


def delete_hook(group: str, hook: str) -> str:
    """Return the command that deletes a hook. It releases the instances that wait there (R24)."""
    return shell(
        *("aws", "autoscaling", "delete-lifecycle-hook"),
        *("--auto-scaling-group-name", group, "--lifecycle-hook-name", hook),
    )


def deploy(stack: StackFacts, *overrides: str) -> str:
    """Return the command that deploys the stack, with other parameters where some are given."""
    given = ("--parameter-overrides", *overrides) if overrides else ()
    return shell("sam", "deploy", "--stack-name", stack.name, *given)


def ours(stack: StackFacts, *words: str) -> str:
    """Return a command of our own for this stack."""
    return shell("asg-lifecycle", *words, "--stack", stack.name)
