"""An action whose executions fail again and again is not taken over for ever: it is held, and kept alive."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from asg_lifecycle.execution import orchestrator
from asg_lifecycle.execution.race.race import Race
from asg_lifecycle.model.action_events import ActionEvent, EventKind
from asg_lifecycle.model.records import Status
from asg_lifecycle.observer import Metric, Observer
from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle_simulator.region.events import Event
    from tests.intake.conftest import IntakeTestbed

LONG_ENOUGH = 3600.0
"""Seconds, for the sweep to take over as often as it does, and to hold what it took over for a while."""


class FaultError(Exception):
    """What nobody thought of."""


def broken(*_: object, **__: object) -> Any:
    raise FaultError("nobody thought of it")


@pytest.fixture
def gauges(monkeypatch: pytest.MonkeyPatch) -> dict[Metric, float]:
    found: dict[Metric, float] = {}
    monkeypatch.setattr(Observer, "gauge", lambda _, metric, value: found.update({metric: value}))
    return found


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Make every execution fail where its race begins, until undone."""
    with monkeypatch.context() as patch:
        patch.setattr(Race, "run", broken)
        yield patch


def waiting(testbed: IntakeTestbed, **hook: Any) -> str:
    (instance,) = testbed.group(**hook)
    testbed.autoscaling.terminate(instance)
    return instance


@pytest.mark.usefixtures("fault")
def test_after_the_third_takeover_it_is_held_with_the_error_and_kept_alive(
    testbed_of: Callable[..., IntakeTestbed], gauges: dict[Metric, float]
) -> None:
    testbed = testbed_of(sweep_every=300)
    instance = waiting(testbed)
    testbed.run(LONG_ENOUGH)

    record = testbed.record(instance)
    assert len(testbed.deployment.executions) == 4
    assert record.status is Status.HELD
    assert "3 takeovers in a row met the same failure" in (record.problem or "")
    assert "FaultError: nobody thought of it" in (record.problem or "")
    assert "keeps it alive" in (record.problem or "")
    assert testbed.completions() == []
    assert testbed.autoscaling.instance_state(instance) == "Terminating:Wait"
    assert gauges[Metric.HELD_NOW] == 1
    beats = [entry.time for entry in testbed.region.log.of(LogKind.HEARTBEAT)]
    assert max(later - before for before, later in pairwise(beats)) <= 301


def told_of_holds(testbed: IntakeTestbed) -> list[Event]:
    """Return the events `Lifecycle Action Held` from now on."""
    found: list[Event] = []
    testbed.region.subscribe(
        lambda event: found.append(event) if event["detail-type"] == EventKind.HELD.value else None
    )
    return found


@pytest.mark.usefixtures("fault")
def test_others_are_told_that_the_sweep_holds_it(testbed_of: Callable[..., IntakeTestbed]) -> None:
    testbed = testbed_of(sweep_every=300)
    told = told_of_holds(testbed)
    instance = waiting(testbed)
    testbed.run(LONG_ENOUGH)

    record = testbed.record(instance)
    (event,) = (msgspec.convert(each["detail"], ActionEvent) for each in told)
    assert (event.instance, event.status, event.reason) == (instance, Status.HELD, record.problem)
    assert (event.execution, event.token) == (record.execution, record.token)


@pytest.mark.usefixtures("fault")
@pytest.mark.parametrize("refused", [True, False])
def test_that_nobody_can_be_told_holds_nothing_up(testbed_of: Callable[..., IntakeTestbed], *, refused: bool) -> None:
    testbed = testbed_of(sweep_every=300)
    told = told_of_holds(testbed)
    if refused:
        testbed.region.faults.deny("events", "PutEvents")
    else:
        testbed.region.faults.lose_request("events", "PutEvents", times=1_000)
    instance = waiting(testbed)
    testbed.run(LONG_ENOUGH)

    assert told == []
    assert testbed.record(instance).status is Status.HELD
    assert testbed.autoscaling.instance_state(instance) == "Terminating:Wait"
    # When the work began and when it was held, and not again with each sweep.
    assert testbed.region.calls["events", "PutEvents"] == 2


@pytest.mark.usefixtures("fault")
def test_where_nobody_is_told_of_actions_the_sweep_tells_nobody(
    testbed_of: Callable[..., IntakeTestbed],
) -> None:
    testbed = testbed_of(sweep_every=300, action_events=False)
    instance = waiting(testbed)
    testbed.run(LONG_ENOUGH)
    assert testbed.record(instance).status is Status.HELD
    assert testbed.region.calls["events", "PutEvents"] == 0


@pytest.mark.usefixtures("fault")
@pytest.mark.parametrize(("heartbeat", "kept"), [(601, True), (600, False)])
def test_it_says_whether_the_sweep_can_keep_it_alive(
    testbed_of: Callable[..., IntakeTestbed], heartbeat: int, *, kept: bool
) -> None:
    testbed = testbed_of(sweep_every=300)
    instance = waiting(testbed, HeartbeatTimeout=heartbeat)
    testbed.run(1500)

    assert ("the sweep keeps it alive" in (testbed.record(instance).problem or "")) is kept
    assert ("the sweep cannot keep it alive" in (testbed.record(instance).problem or "")) is not kept


@pytest.mark.usefixtures("fault")
def test_it_is_closed_when_auto_scaling_has_ended_it(
    testbed_of: Callable[..., IntakeTestbed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asg_lifecycle_simulator.services.autoscaling.model.HEARTBEATS_IN_LONGEST_WAIT", 6)
    testbed = testbed_of(sweep_every=300)
    instance = waiting(testbed, HeartbeatTimeout=900)
    testbed.run(6 * 900 + 1200)

    record = testbed.record(instance)
    assert (record.status, record.in_flight) == (Status.OVER, None)
    assert record.ended_at is not None
    assert len(testbed.deployment.executions) == 4
    (end,) = testbed.region.log.of(LogKind.COMPLETED)
    assert end.time - testbed.timeline.now() < -300


def test_it_is_tried_again_when_somebody_wants_it(
    testbed_of: Callable[..., IntakeTestbed], fault: pytest.MonkeyPatch
) -> None:
    testbed = testbed_of(sweep_every=300)
    instance = waiting(testbed)
    testbed.run(LONG_ENOUGH)
    fault.undo()
    testbed.run(1200)
    assert testbed.record(instance).status is Status.HELD
    with testbed.region.unobserved():
        testbed.region.client("dynamodb").update_item(
            TableName="asg-lifecycle",
            Key={"wait": {"S": testbed.record(instance).wait}, "entry": {"S": "current"}},
            UpdateExpression="REMOVE takeovers",
        )
    testbed.run(1200)

    record = testbed.record(instance)
    assert (record.status, record.unowned_since) == (Status.COMPLETED, None)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1


def test_a_fault_before_the_claim_is_counted_too(
    testbed_of: Callable[..., IntakeTestbed], monkeypatch: pytest.MonkeyPatch
) -> None:
    testbed = testbed_of(sweep_every=300)
    instance = waiting(testbed, duration=7200)
    testbed.run(60)
    with monkeypatch.context() as patch:
        patch.setattr(Race, "run", broken)
        patch.setattr(orchestrator, "claim", broken)
        testbed.region.events.deliveries = lambda _: ()
        testbed.run(LONG_ENOUGH)

    assert testbed.record(instance).status is Status.HELD
    assert len(testbed.deployment.executions) == 4
    assert testbed.autoscaling.instance_state(instance) == "Terminating:Wait"


@pytest.mark.parametrize("end", ["stopped", "timed out"])
def test_an_execution_that_was_stopped_or_timed_out_does_not_count(
    testbed_of: Callable[..., IntakeTestbed], end: str
) -> None:
    testbed = testbed_of(sweep_every=300, execution_timeout=700 if end == "timed out" else 180_000)
    instance = waiting(testbed, duration=3500)
    for _ in range(5):
        testbed.run(700)
        if end == "stopped":
            testbed.deployment.service.stop(testbed.record(instance).execution)
    testbed.run(3600)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1
    assert len(testbed.deployment.executions) > 4


def test_what_moved_on_in_between_is_taken_over_three_times_again(
    testbed_of: Callable[..., IntakeTestbed], monkeypatch: pytest.MonkeyPatch
) -> None:
    testbed = testbed_of(sweep_every=300)
    instance = waiting(testbed)
    with monkeypatch.context() as patch:
        patch.setattr(orchestrator, "set_up", broken)
        testbed.run(60 + 2 * 300)
        claimed = testbed.record(instance).takeovers
    with monkeypatch.context() as patch:
        patch.setattr(Race, "run", broken)
        testbed.run(2 * 300)
    working = testbed.record(instance).takeovers
    testbed.run(1200)

    assert claimed is not None
    assert claimed.count >= 2
    assert working is not None
    assert working.count < claimed.count + 2
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
