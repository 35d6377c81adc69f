"""The settings of a hook follow from the plan of its actions and from how often sweeps come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.actions import ActionResult, Transition
from asg_lifecycle.model.durations import readable, seconds
from asg_lifecycle.model.hook_proposal import (
    StackParameters,
    ends_anyway,
    needed_heartbeat,
    propose,
    unlike,
    work_length,
)
from asg_lifecycle.model.lifecycle_hooks import HookSettings
from asg_lifecycle.model.plans import OnTimeout, Plan, PlannedStep
from asg_lifecycle.model.timing import HookTimeouts, deadline, heartbeat_interval

SWEEPS = (60.0, 120.0, 300.0, 600.0, 900.0, 1800.0)
"""Seconds: what the template allows."""

PARAMETERS = StackParameters(hook_name_prefix="asg-lifecycle", sweep_interval=300.0)

lengths = st.integers(1, 400_000)
timeouts = st.none() | lengths.map(readable)
leaves = st.builds(PlannedStep, kind=st.just("wait"), timeout=timeouts)
steps = leaves | st.builds(PlannedStep, parallel=st.lists(leaves, min_size=2, max_size=3).map(tuple), timeout=timeouts)
plans = st.builds(
    Plan,
    steps=st.lists(steps, max_size=4).map(tuple),
    timeout=timeouts,
    on_timeout=st.sampled_from(OnTimeout),
    drains_per_group=st.none() | st.integers(1, 5),
    observe=st.booleans(),
)
parameters = st.builds(
    StackParameters,
    hook_name_prefix=st.just("asg-lifecycle"),
    sweep_interval=st.sampled_from(SWEEPS),
    drains_per_group=st.none() | st.integers(1, 5),
)
metadata = st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)
hooks = st.builds(
    HookSettings,
    name=st.just("asg-lifecycle-terminate"),
    transition=st.sampled_from(Transition),
    heartbeat=st.integers(30, 7200),
    default_result=st.sampled_from(ActionResult),
    metadata=metadata,
    target=st.none() | st.just("arn:aws:sqs:eu-west-1:123456789012:hooks"),
    role=st.none() | st.just("arn:aws:iam::123456789012:role/notify"),
)


def hook(**fields: Any) -> HookSettings:
    settings: dict[str, Any] = {"name": "asg-lifecycle-terminate", "transition": Transition.TERMINATING}
    settings |= {"heartbeat": 3600, "default_result": ActionResult.ABANDON}
    return HookSettings(**settings | fields)


def timers(heartbeat: int) -> HookTimeouts:
    return HookTimeouts(heartbeat=heartbeat, overall=hook(heartbeat=heartbeat).global_timeout)


@given(hooks, plans, parameters)
def test_a_proposal_is_stable_and_keeps_what_nothing_was_said_about(
    present: HookSettings, plan: Plan, stack: StackParameters
) -> None:
    first = propose(present, present, plan, stack)
    again = propose(first.wanted, first.wanted, plan, stack)
    assert again.differences == ()
    assert again.wanted == first.wanted
    for name in ("name", "transition", "metadata", "target", "role"):
        assert getattr(first.wanted, name) == getattr(present, name)
    assert first.wanted.heartbeat >= present.heartbeat
    changed = {each.field for each in first.differences}
    assert ("HeartbeatTimeout" in changed) is (first.wanted.heartbeat != present.heartbeat)
    assert ("DefaultResult" in changed) is (first.wanted.default_result is not present.default_result)
    assert changed <= {"HeartbeatTimeout", "DefaultResult"}


@given(st.none() | hooks, plans, parameters, st.none() | st.integers(30, 7200))
def test_a_timeout_is_one_that_auto_scaling_takes_and_the_result_is_the_plans(
    present: HookSettings | None, plan: Plan, stack: StackParameters, asked: int | None
) -> None:
    wanted = propose(present, hook(), plan, stack, heartbeat=asked).wanted
    assert 30 <= wanted.heartbeat <= 7200
    assert asked in {None, wanted.heartbeat}
    # Nothing is released by a timer unless the plan says so.
    assert (wanted.default_result is ActionResult.CONTINUE) is (plan.on_timeout is OnTimeout.CONTINUE)


@given(plans, parameters)
def test_a_hook_lives_as_long_as_its_plan_or_that_is_said(plan: Plan, stack: StackParameters) -> None:
    proposal = propose(None, hook(), plan, stack)
    work = work_length(plan, stack)
    lives = deadline(0.0, timers(proposal.wanted.heartbeat))
    said = any("and the hook gives it" in warning for warning in proposal.warnings)
    if work is None:
        assert proposal.wanted.global_timeout == 172_800
        assert not said
    else:
        assert said is (lives < work)
        # Only what no hook can bear is too long.
        assert not said or work > 172_800 - 120


@given(st.none() | lengths, st.sampled_from(SWEEPS[:-1]), st.floats(0, 1))
def test_two_sweeps_fit_between_a_heartbeat_that_fails_and_the_timeout(
    work: int | None, sweep: float, chance: float
) -> None:
    heartbeat = needed_heartbeat(work, sweep)
    left = heartbeat - heartbeat_interval(timers(heartbeat), chance, sweep_interval=sweep)
    assert left >= 2 * sweep + 120


@pytest.mark.parametrize(
    ("work", "sweep", "heartbeat"),
    [
        (0.0, 60.0, 480),
        (600.0, 300.0, 1440),
        (144_000.0, 300.0, 1442),
        (172_800.0, 300.0, 1728),
        (900_000.0, 300.0, 1728),
        (None, 60.0, 1728),
        (0.0, 1800.0, 7200),
    ],
)
def test_timeouts(work: float | None, sweep: float, heartbeat: int) -> None:
    assert needed_heartbeat(work, sweep) == heartbeat


STEP = PlannedStep(kind="wait", timeout="10m")
OPEN = PlannedStep(kind="wait")


@pytest.mark.parametrize(
    ("plan", "length"),
    [
        (Plan(), 0.0),
        (Plan(steps=(STEP, STEP)), 1200.0),
        (Plan(steps=(STEP, OPEN)), None),
        (Plan(steps=(STEP, OPEN), timeout="1h"), 3600.0),
        (Plan(steps=(STEP, PlannedStep(parallel=(STEP, PlannedStep(kind="wait", timeout="20m"))))), 1800.0),
        (Plan(steps=(STEP, PlannedStep(parallel=(STEP, OPEN)))), None),
        (Plan(steps=(STEP, PlannedStep(parallel=(STEP, OPEN), timeout="5m"))), 900.0),
        (Plan(steps=(STEP,), timeout="1h", drains_per_group=1), None),
    ],
)
def test_how_long_a_plan_can_take(plan: Plan, length: float | None) -> None:
    assert work_length(plan, PARAMETERS) == length


def test_a_limit_of_the_stack_makes_every_plan_wait() -> None:
    limited = StackParameters(hook_name_prefix="", sweep_interval=300.0, drains_per_group=2)
    assert work_length(Plan(steps=(STEP,)), limited) is None


def test_a_new_hook_shows_everything() -> None:
    wanted = hook(metadata='{"plan": "web"}')
    proposal = propose(None, wanted, Plan(steps=(STEP,)), PARAMETERS)
    assert [(each.field, each.current, each.wanted) for each in proposal.differences] == [
        ("LifecycleTransition", None, "autoscaling:EC2_INSTANCE_TERMINATING"),
        ("HeartbeatTimeout", None, "1440"),
        ("DefaultResult", None, "ABANDON"),
        ("NotificationMetadata", None, '{"plan": "web"}'),
    ]
    assert proposal.warnings == ()


@pytest.mark.parametrize(
    ("plan", "heartbeat", "said"),
    [
        (Plan(timeout="3d"), None, "the plan may take 3d, and the hook gives it 1d23h58m: then on_timeout: abandon"),
        (Plan(steps=(OPEN,)), 900, "nothing but the hook bounds the plan's time, and the hook gives it 1d58m"),
        (Plan(), 1439, "may be over before two sweeps, which come every 5m, find"),
        (Plan(observe=True), None, "each ends with ABANDON after 24m"),
        (Plan(dry_run=True), None, "instances are released without the work"),
    ],
)
def test_what_an_operator_should_know(plan: Plan, heartbeat: int | None, said: str) -> None:
    warnings = propose(None, hook(), plan, PARAMETERS, heartbeat=heartbeat).warnings
    assert [warning for warning in warnings if said in warning] != []
    assert propose(None, hook(), Plan(steps=(STEP,)), PARAMETERS, heartbeat=1440).warnings == ()


@given(hooks, hooks)
def test_a_hook_that_is_read_back_is_compared_whole(wanted: HookSettings, found: HookSettings) -> None:
    assert (unlike(wanted, found) is None) is (wanted == found)
    assert unlike(wanted, wanted) is None
    assert unlike(wanted, None) == "there is no hook asg-lifecycle-terminate"


@pytest.mark.parametrize(
    ("transition", "result", "retains", "ends"),
    [
        (Transition.TERMINATING, ActionResult.ABANDON, False, True),
        (Transition.TERMINATING, ActionResult.ABANDON, True, False),
        (Transition.TERMINATING, ActionResult.CONTINUE, False, False),
        (Transition.LAUNCHING, ActionResult.ABANDON, False, False),
    ],
)
def test_r9_r10_an_abandoned_instance_ends(
    transition: Transition, result: ActionResult, *, retains: bool, ends: bool
) -> None:
    assert ends_anyway(hook(transition=transition, default_result=result), retains=retains) is ends


@given(lengths)
def test_lengths_are_read_as_they_were_written(length: int) -> None:
    assert seconds(readable(length)) == length
