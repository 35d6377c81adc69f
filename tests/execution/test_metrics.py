"""The times and causes that metrics tell, judged by what the simulated services did and when."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from asg_lifecycle.model.action_measures import drained_at
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.blockers import Blocker, BlockerKind, blocked_seconds
from asg_lifecycle.model.messages import Finish, Nudge, Skip
from asg_lifecycle.model.metrics import DEFINITIONS, Metric, dimension_sets
from asg_lifecycle.model.plans import Plan, PlannedStep
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.step_memory import StepOutcome
from asg_lifecycle_simulator.deployment.metric_lines import Datum, data_of
from asg_lifecycle_simulator.deployment.parameters import Parameters
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash, CrashPoint
from tests.execution.conftest import Testbed

POOL = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}
BRIEF = {"steps": [{"kind": "wait", "options": {"duration": "30s"}}]}
STACK = {"service": "asg-lifecycle", "stack": "local"}
REFUSED = Fault(FaultKind.REFUSED, "InternalServerError", "InternalServerError", 500)


class Metrics:
    """What CloudWatch would hold after the test."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._data: list[Datum] = []

    def data(self) -> list[Datum]:
        self._data += data_of(self._capsys.readouterr().out.splitlines())
        return self._data

    def values(self, metric: Metric, **dimensions: str) -> list[float]:
        wanted = frozenset((STACK | dimensions).items())
        return [
            value
            for datum in self.data()
            if datum.name == metric and datum.dimensions == wanted
            for value in datum.values
        ]


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> Metrics:
    return Metrics(capsys)


def waiting(testbed: Testbed, *, delay: int = 300, **plan: Any) -> str:
    (instance,) = testbed.group(plan={**POOL, **plan}, heartbeat=300)
    testbed.target_group("blue", instance, delay=delay)
    testbed.terminate(instance)
    return instance


def times(testbed: Testbed, kind: LogKind) -> list[float]:
    return [entry.time for entry in testbed.region.log if entry.kind is kind]


def test_an_action_tells_its_times_when_it_ends(testbed: Testbed, metrics: Metrics) -> None:
    waiting(testbed)
    testbed.finish()
    (began,), (ended,) = times(testbed, LogKind.WAIT_STARTED), times(testbed, LogKind.COMPLETED)
    record = testbed.record()
    (step,) = record.step_outcomes

    assert metrics.values(Metric.DURATION) == [pytest.approx(ended - record.event_time, abs=1)]
    assert ended - began == pytest.approx(ended - record.event_time, abs=1)
    assert metrics.values(Metric.FIRST_STEP) == [pytest.approx((step.began_at or 0) - record.event_time)]
    assert metrics.values(Metric.DRAINED_TO_COMPLETED) == [pytest.approx(ended - (step.ended_at or 0), abs=1)]
    assert metrics.values(Metric.ABANDONED) == []
    assert 0 <= metrics.values(Metric.OPERATIONS)[0] - testbed.execution.metered_operations <= 10


def test_the_closest_heartbeat_is_told_by_the_least_margin(testbed: Testbed, metrics: Metrics) -> None:
    waiting(testbed, delay=3000)
    testbed.finish()
    beats = times(testbed, LogKind.HEARTBEAT)
    margins = [300 - (later - earlier) for earlier, later in pairwise(beats)]

    assert len(margins) > 5
    assert metrics.values(Metric.HEARTBEAT_MARGIN) == pytest.approx(margins, abs=1)


def test_heartbeats_that_fail_bring_the_margin_down(testbed: Testbed, metrics: Metrics) -> None:
    waiting(testbed, delay=1200)
    testbed.run(30)
    testbed.region.faults.stand("autoscaling", "RecordLifecycleActionHeartbeat", REFUSED)
    testbed.run(240)
    testbed.region.faults.allow("autoscaling", "RecordLifecycleActionHeartbeat")
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert 0 < min(metrics.values(Metric.HEARTBEAT_MARGIN)) < 75


def test_a_message_makes_no_margin_look_closer_than_it_was(testbed: Testbed, metrics: Metrics) -> None:
    (instance,) = testbed.group(plan=POOL, heartbeat=900)
    testbed.target_group("blue", instance, delay=3000)
    testbed.terminate(instance)
    for _ in range(4):
        testbed.run(620)
        testbed.deployment.send_message(testbed.record(), Nudge())
    testbed.finish()
    beats = times(testbed, LogKind.HEARTBEAT)

    closest = 900 - max(later - earlier for earlier, later in pairwise(beats))
    assert min(metrics.values(Metric.HEARTBEAT_MARGIN)) >= closest - 1


def test_blocked_time_is_the_time_of_the_cause(testbed: Testbed, metrics: Metrics) -> None:
    waiting(testbed, delay=600)
    testbed.finish()
    (step,) = testbed.record().step_outcomes
    blocked = sum(metrics.values(Metric.BLOCKED_SECONDS, cause="target-group"))

    assert blocked == pytest.approx((step.ended_at or 0) - (step.began_at or 0), abs=20)
    assert {dict(datum.dimensions).get("cause") for datum in metrics.data() if datum.name == "BlockedSeconds"} == {
        "target-group"
    }


def test_a_disruption_budget_is_a_cause_of_its_own(testbed: Testbed, metrics: Metrics) -> None:
    step = {"kind": "drain-kubernetes", "options": {"cluster": "production"}}
    (instance,) = testbed.group(plan={"steps": [step]}, heartbeat=300)
    cluster = testbed.kubernetes.cluster()
    here = cluster.join(instance)
    cluster.run(here, "database", takes=10)
    budget = cluster.budget("quorum", "database", min_available=1)
    testbed.terminate(instance)
    testbed.run(900)
    budget.min_available = 0
    testbed.finish()

    assert sum(metrics.values(Metric.BLOCKED_SECONDS, cause="pod-disruption-budget")) == pytest.approx(900, abs=210)
    # From the eviction to the next poll.
    assert sum(metrics.values(Metric.BLOCKED_SECONDS, cause="pod")) <= 200


def test_a_permission_is_a_cause_of_its_own(testbed: Testbed, metrics: Metrics) -> None:
    testbed.region.faults.deny("elbv2", "DeregisterTargets")
    waiting(testbed, on_failure="continue")
    testbed.finish()

    assert sum(metrics.values(Metric.BLOCKED_SECONDS, cause="permission")) > 0
    assert metrics.values(Metric.PERMISSION_MISSING)


@pytest.mark.parametrize("how", ["finish", "skip", "timeout"])
def test_what_still_blocks_when_the_work_is_cut_short_is_told_then(
    testbed: Testbed, metrics: Metrics, how: str
) -> None:
    waiting(testbed, delay=3000, **({"timeout": "10m"} if how == "timeout" else {}))
    testbed.run(600)
    assert metrics.values(Metric.BLOCKED_SECONDS, cause="target-group") == []
    if how != "timeout":
        message = Skip(by="anna") if how == "skip" else Finish(ActionResult.CONTINUE, by="anna")
        testbed.deployment.send_message(testbed.record(), message)
    testbed.finish()

    assert sum(metrics.values(Metric.BLOCKED_SECONDS, cause="target-group")) == pytest.approx(600, abs=60)
    assert (metrics.values(Metric.DRAINED_TO_COMPLETED) != []) == (how == "skip")


def test_a_launch_that_fails_is_abandoned(testbed: Testbed, metrics: Metrics) -> None:
    testbed.region.faults.deny("elbv2", "DeregisterTargets")
    waiting(testbed, on_failure="abandon")
    testbed.finish()

    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]
    assert (metrics.values(Metric.COMPLETED), metrics.values(Metric.ABANDONED)) == ([1], [1])


@pytest.mark.parametrize("checkpoint", range(1, 6))
def test_an_end_that_is_run_again_is_measured_once(testbed: Testbed, metrics: Metrics, checkpoint: int) -> None:
    crash = CrashPoint(invocation=2, checkpoint=checkpoint)
    testbed.deployment.service.crash_points.append(crash)
    (instance,) = testbed.group(plan=BRIEF)
    testbed.terminate(instance)
    testbed.finish()

    assert testbed.record().status is Status.COMPLETED
    assert len(metrics.values(Metric.DURATION)) == 1


@pytest.mark.parametrize("call", range(1, 7))
def test_an_end_is_never_measured_twice(testbed: Testbed, metrics: Metrics, call: int) -> None:
    testbed.deployment.service.call_crashes.append(CallCrash(invocation=2, call=call, after=True))
    (instance,) = testbed.group(plan=BRIEF)
    testbed.terminate(instance)
    testbed.finish()

    # A Lambda that dies between the record and the metric leaves none.
    assert len(metrics.values(Metric.DURATION)) <= 1


STEPS = Plan(steps=(PlannedStep(kind="wait"), PlannedStep(kind="wait")))


def outcome(ended_at: float | None, how: str = "done") -> StepOutcome:
    return StepOutcome(kind="wait", outcome=how, detail="", ended_at=ended_at)


@pytest.mark.parametrize(
    ("outcomes", "drained"),
    [
        ([], None),
        ([outcome(5)], None),
        ([outcome(5), outcome(9)], 9),
        ([outcome(5), outcome(None, "skipped")], 5),
        ([outcome(None, "skipped"), outcome(None, "skipped")], None),
    ],
)
def test_drained_is_when_the_last_step_has_ended(outcomes: list[StepOutcome], drained: float | None) -> None:
    assert drained_at(STEPS, tuple(outcomes)) == drained


def test_a_sweep_tells_what_is_in_flight_and_which_causes_keep_it(testbed: Testbed, metrics: Metrics) -> None:
    waiting(testbed, delay=3000)
    testbed.run(120)
    testbed.deployment.sweep()

    assert metrics.values(Metric.IN_FLIGHT) == [1]
    assert metrics.values(Metric.HELD_NOW) == [0]
    assert metrics.values(Metric.WAITING_NOW, cause="target-group") == [1]
    assert {name for name, definition in DEFINITIONS.items() if definition.by_group} >= {Metric.IN_FLIGHT}


def test_no_metric_has_a_group_unless_the_parameter_says_so(testbed: Testbed, metrics: Metrics) -> None:
    waiting(testbed)
    testbed.run(60)
    testbed.deployment.sweep()
    testbed.finish()
    assert [datum for datum in metrics.data() if "group" in dict(datum.dimensions)] == []


@pytest.mark.parametrize("by_group", [False, True])
def test_every_metric_is_written_under_the_dimensions_it_is_defined_with(metrics: Metrics, *, by_group: bool) -> None:
    with Testbed(Parameters(metrics_by_group=by_group)) as testbed:
        waiting(testbed)
        testbed.run(60)
        testbed.deployment.sweep()
        testbed.finish()

    found: dict[str, set[frozenset[str]]] = {}
    for datum in metrics.data():
        found.setdefault(datum.name, set()).add(frozenset(dict(datum.dimensions)))
    assert len(found) > 8
    defined = {name: {frozenset(names) for names in dimension_sets(Metric(name), by_group=by_group)} for name in found}
    assert found == defined
    if by_group:
        assert metrics.values(Metric.COMPLETED, group="web") == [1]
        assert metrics.values(Metric.IN_FLIGHT, group="web") == [1]


def blocker(name: str, since: float | None, kind: BlockerKind = BlockerKind.POD) -> Blocker:
    return Blocker(kind=kind, name=name, reason="it runs", since=since)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [], {}),
        ([blocker("a", 10)], [blocker("a", 10)], {}),
        ([blocker("a", 10)], [], {BlockerKind.POD: 90}),
        # Another stays: only the time until it came is over, the rest is told when that one goes.
        ([blocker("a", 10), blocker("b", 30)], [blocker("b", 30)], {BlockerKind.POD: 20}),
        ([blocker("b", 30), blocker("a", 10)], [blocker("a", 10)], {}),
        ([blocker("a", 10), blocker("c", 40, BlockerKind.TASK)], [], {BlockerKind.POD: 90, BlockerKind.TASK: 60}),
        ([blocker("a", None)], [], {}),
        # It blocked long before this step began.
        ([blocker("a", -500)], [], {BlockerKind.POD: 95}),
    ],
)
def test_blocked_time_adds_up(before: list[Blocker], after: list[Blocker], expected: dict[BlockerKind, float]) -> None:
    assert blocked_seconds(before, after, 100, began_at=5) == expected


def test_every_metric_is_defined_with_a_sentence_about_when_to_worry() -> None:
    assert set(DEFINITIONS) == set(Metric)
    assert [name for name, each in DEFINITIONS.items() if not each.meaning.endswith(".") or "." not in each.worry] == []
