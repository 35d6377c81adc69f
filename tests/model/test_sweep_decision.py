"""What the sweep makes of a wait whose last action has ended."""

from __future__ import annotations

import msgspec
import pytest

from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.records import Status, claim_record
from asg_lifecycle.model.sweep_decision import decide_probe

ENDED_AT = 1_000_000.0
ACTION = LifecycleAction(
    token=None,
    group="web",
    hook="asg-lifecycle-terminate",
    instance="i-1234567890abcdef0",
    transition=Transition.TERMINATING,
    time=ENDED_AT - 60.0,
)


@pytest.mark.parametrize(("later", "probe"), [(0.0, False), (119.0, False), (120.0, True), (500.0, True)])
def test_for_two_minutes_after_its_end_an_action_may_still_be_seen_waiting(later: float, *, probe: bool) -> None:
    claimed = claim_record(ACTION, execution="arn:execution", now=ACTION.time, retention=86_400.0)
    record = msgspec.structs.replace(claimed, status=Status.OVER, in_flight=None, ended_at=ENDED_AT)
    decision = decide_probe(record, owner_is_alive=False, state="Terminating:Wait", now=ENDED_AT + later)
    assert decision.probe is probe
