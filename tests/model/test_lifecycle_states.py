"""The five states in which a lifecycle hook holds an instance (R17), and what the sweep makes of them."""

from __future__ import annotations

import pytest

from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.lifecycle_states import waits
from asg_lifecycle.model.sweep_decision import causes

LAUNCHING, TERMINATING = Transition.LAUNCHING, Transition.TERMINATING


@pytest.mark.parametrize(
    ("state", "transitions"),
    [
        ("Pending:Wait", {LAUNCHING}),
        ("Terminating:Wait", {TERMINATING}),
        ("Warmed:Pending:Wait", {LAUNCHING, TERMINATING}),
        ("Warmed:Terminating:Wait", {TERMINATING}),
        ("ReplacingRootVolume:Wait", {TERMINATING}),
        ("SomethingNew:Wait", {LAUNCHING, TERMINATING}),
    ],
)
def test_r17_an_instance_waits_for_hooks_of_these_transitions(state: str, transitions: set[Transition]) -> None:
    assert waits(state)
    assert causes(state) == transitions


@pytest.mark.parametrize(
    "state",
    [
        *("Pending", "Pending:Proceed", "InService", "Standby", "Terminating", "Terminating:Proceed", "Terminated"),
        *("Terminating:Retained", "Warmed:Pending:Retained", "Warmed:Terminating:Retained", "Warmed:Stopped"),
        *("ReplacingRootVolume", "ReplacingRootVolume:Proceed", "RootVolumeReplaced"),
    ],
)
def test_r17_no_hook_holds_an_instance_in_another_state(state: str) -> None:
    assert not waits(state)
    assert causes(state) == set()


def test_an_instance_of_no_group_does_not_wait() -> None:
    assert not waits(None)
