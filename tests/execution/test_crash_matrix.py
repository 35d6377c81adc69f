"""The Lambda dies before and after every durable operation and every AWS call, and answers get lost.

Each play runs once unharmed, which tells how many calls and checkpoints each invocation makes. Then it runs again with
many instances side by side: each meets one failure at one place of its own, and each has to end as if it had met none.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish, Hold, Nudge, Resume, Skip
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.failpoints import (
    AT_CALLS,
    AT_CHECKPOINTS,
    Failpoint,
    InjectedFailure,
    UnluckyDeployment,
)
from asg_lifecycle_simulator.deployment.parameters import Parameters
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.timeline import VIRTUAL_START
from asg_lifecycle_simulator.replay.testbed import COMMAND, DEREGISTER, GROUP, HOOK, TWO_STEPS, RecordingTestbed
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.execution.some_of import some_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from asg_lifecycle.model.messages import Message
    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution

AT_ONCE = 40
"""Instances of one play: more share the cost of its region."""

DELAY = 8
"""Deregistration delay, seconds."""

MET = 0.5
"""The part of the places that has to be met: an invocation's threads put now more, now less into one checkpoint."""

BRIEF = Behaviour(duration=2)
FAILING = Behaviour(duration=2, exit_code=1)

PAUSE = 60.0
"""Seconds for which an operator holds an action: longer than a crash delays it."""

MIDWAY = 7.0
"""Seconds from the start: the targets are draining."""

FEW_OPERATIONS = 60
"""An execution hands over at the last of the nudges, and the next one needs fewer."""
NUDGES, NUDGED_EVERY = 4, 4.0


Testbed = RecordingTestbed[UnluckyDeployment]


@dataclass(frozen=True, kw_only=True)
class Play:
    """What is played with any number of instances.

    Attributes:
        plan: of the hook.
        act: plays it, given the testbed and the instances.
        of_each: executions of each instance.
        subject: which of them meets the failure, from 1.
        window: seconds from the start: only invocations within meet mishaps.
        command: how the command goes.
        outcomes: of the steps, as the record has them at the end.
    """

    plan: Any
    act: Callable[[Testbed, list[str]], None]
    of_each: int = 1
    subject: int = 1
    window: tuple[float, float] = (0.0, 1e9)
    command: Behaviour = BRIEF
    outcomes: tuple[str, ...] = ("done", "done")

    @contextmanager
    def run(self, places: Sequence[Failpoint | None]) -> Iterator[tuple[Testbed, list[tuple[str, SimulatedExecution]]]]:
        """Yield the testbed after the play, and the instance and the execution that met each of `places`."""
        count = len(places)
        first = 1 + (self.subject - 1) * count
        unlucky = {number: place for number, place in enumerate(places, start=first) if place is not None}
        testbed: Testbed = RecordingTestbed(partial(UnluckyDeployment, failpoints=unlucky), delay=DELAY)
        with testbed:
            instances = testbed.group(self.plan, capacity=count)
            testbed.run_command.behave(self.command)
            testbed.snapshots.copying.shown_after = testbed.snapshots.imaging.shown_after = SHOWN_AFTER
            self.act(testbed, instances)
            testbed.finish()
            testbed.run(700)
            assert len(testbed.deployment.executions) == self.of_each * count
            yield testbed, list(zip(instances, testbed.deployment.executions[first - 1 :], strict=False))


def terminate(testbed: Testbed, instances: list[str]) -> None:
    for instance in instances:
        testbed.autoscaling.terminate(instance)


def record_of(testbed: Testbed, instance: str) -> Record:
    record = testbed.deployment.record(GROUP, HOOK, instance)
    assert record is not None
    return record


def send_message(testbed: Testbed, instances: list[str], message: Message) -> None:
    for instance in instances:
        testbed.deployment.send_message(record_of(testbed, instance), message)


def drain(testbed: Testbed, instances: list[str]) -> None:
    terminate(testbed, instances)


def nudge(testbed: Testbed, instances: list[str]) -> None:
    terminate(testbed, instances)
    testbed.run(MIDWAY)
    send_message(testbed, instances, Nudge())


def skip(testbed: Testbed, instances: list[str]) -> None:
    terminate(testbed, instances)
    testbed.run(MIDWAY)
    send_message(testbed, instances, Skip())


def hold(testbed: Testbed, instances: list[str]) -> None:
    terminate(testbed, instances)
    testbed.run(60)
    assert {record_of(testbed, instance).status for instance in instances} == {"held"}
    send_message(testbed, instances, Finish(ActionResult.CONTINUE, by="anna"))


def pause(testbed: Testbed, instances: list[str]) -> None:
    terminate(testbed, instances)
    testbed.run(MIDWAY)
    send_message(testbed, instances, Hold())
    testbed.run(PAUSE)
    assert {record_of(testbed, instance).status for instance in instances} == {"held"}
    assert not testbed.completions()
    send_message(testbed, instances, Resume())


def find(testbed: Testbed, instances: list[str]) -> None:
    testbed.region.events.deliveries = lambda _: ()
    terminate(testbed, instances)
    testbed.run(30)
    for instance in instances:
        testbed.found(instance, StartReason.SWEEP)


def take_over(testbed: Testbed, instances: list[str]) -> None:
    terminate(testbed, instances)
    testbed.run(MIDWAY)
    for instance in instances:
        record = record_of(testbed, instance)
        testbed.deployment.service.stop(record.execution)
        start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
        testbed.deployment.start(payload(start))


def hand_over(testbed: Testbed, instances: list[str]) -> None:
    testbed.deployment.hand_over_at(FEW_OPERATIONS)
    terminate(testbed, instances)
    for _ in range(NUDGES):
        testbed.run(NUDGED_EVERY)
        send_message(testbed, instances, Nudge())


def join(testbed: Testbed, instances: list[str]) -> None:
    for instance in instances:
        testbed.found(instance, StartReason.REBALANCE)
    testbed.run(MIDWAY)
    terminate(testbed, instances)


SHORT = {"steps": [COMMAND]}
SNAPSHOT, IMAGE = {"kind": "create-snapshot"}, {"kind": "create-image"}
COPIES = {"steps": [SNAPSHOT, IMAGE]}
SHOWN_AFTER = 4.0
"""Seconds for which EC2 does not show what it has made: longer than a crash delays its execution."""

DRAIN = {"steps": [DEREGISTER]}
CONDITIONAL = {
    "steps": [
        {**DEREGISTER, "unless": "unreachable"},
        {**COMMAND, "when": "health-check"},
        {"parallel": [{**COMMAND, "when": ["scale-in", "spot"]}, {**DEREGISTER, "when": "earlier-step-failed"}]},
    ]
}
JOIN = Play(plan=DRAIN, act=join, of_each=2, outcomes=("done",))
PLAYS = {
    "drain": Play(plan=TWO_STEPS, act=drain),
    "copy": Play(plan=COPIES, act=drain),
    "conditions": Play(plan=CONDITIONAL, act=drain, outcomes=("done", "skipped", "done", "skipped")),
    "nudge": Play(plan=DRAIN, act=nudge, window=(MIDWAY, 12), outcomes=("done",)),
    "skip": Play(plan=TWO_STEPS, act=skip, window=(MIDWAY, 8), outcomes=("skipped", "done")),
    "pause": Play(plan=TWO_STEPS, act=pause, window=(MIDWAY, PAUSE + 12)),
    "fail": Play(plan=SHORT, act=hold, command=FAILING, outcomes=(), window=(5, 45)),
    "hold": Play(plan=SHORT, act=hold, command=FAILING, outcomes=(), window=(60, 70)),
    "sweep": Play(plan=SHORT, act=find, window=(30, 42), outcomes=("done",)),
    "takeover": Play(plan=DRAIN, act=take_over, of_each=2, subject=2, window=(MIDWAY, 12), outcomes=("done",)),
    "begin early": replace(JOIN, window=(0, 1)),
    "wait for the event": replace(JOIN, window=(MIDWAY, 13)),
    "join": replace(JOIN, subject=2),
    "hand over": Play(
        plan=SHORT,
        act=hand_over,
        of_each=2,
        command=Behaviour(duration=40),
        outcomes=("done",),
        window=(NUDGES * NUDGED_EVERY, 90),
    ),
}


@cache
def unharmed(name: str) -> tuple[tuple[int, int, int], ...]:
    """Return number, calls and checkpoints of each invocation that may meet a failure."""
    play = PLAYS[name]
    with play.run([None]) as (testbed, ((instance, execution),)):
        check(play, testbed, instance)
    early, late = play.window
    return tuple(
        (run.number, run.calls, run.checkpoints)
        for run in execution.runs
        if early <= run.started_at - VIRTUAL_START <= late
    )


def places(name: str, *mishaps: InjectedFailure) -> list[Failpoint]:
    found = []
    for invocation, calls, checkpoints in unharmed(name):
        for failure in mishaps:
            if failure in AT_CHECKPOINTS:
                found += [Failpoint(failure, invocation, number) for number in range(1, checkpoints + 1)]
            elif failure in (*AT_CALLS, InjectedFailure.RESPONSE_LOST):
                found += [Failpoint(failure, invocation, number) for number in range(1, calls + 1)]
            else:
                found.append(Failpoint(failure, invocation))
    return found


def check(play: Play, testbed: Testbed, instance: str) -> None:
    """Hold one instance's end against what should have become of it."""
    entries = [(entry.kind, entry) for entry in testbed.region.log.of(instance=instance)]
    (ended,) = [entry for kind, entry in entries if kind is LogKind.COMPLETED]
    assert ended.detail == "CONTINUE CompleteLifecycleAction"

    runs = testbed.run_command.runs(instance)
    assert len(runs) == (1 if play.plan is CONDITIONAL else play.plan["steps"].count(COMMAND))
    assert all(run.ended_at is not None and run.ended_at <= ended.time for run in runs)
    drained = [entry.time for _, entry in entries if entry.detail.startswith("elbv2 drained")]
    if (DEREGISTER in play.plan["steps"] and "skipped" not in play.outcomes) or play.plan is CONDITIONAL:
        assert drained
        assert drained[0] <= ended.time

    for step, made in ((SNAPSHOT, testbed.snapshots.of(instance)), (IMAGE, testbed.snapshots.images_of(instance))):
        assert len(made) == play.plan["steps"].count(step)
        assert all(each.ready_at <= ended.time for each in made)

    record = record_of(testbed, instance)
    assert (record.status, record.result, record.in_flight, record.inbox) == ("completed", "CONTINUE", None, None)
    assert record.ended_at is not None
    assert ended.time <= record.ended_at <= ended.time + 30
    assert tuple(step.outcome for step in record.step_outcomes) == play.outcomes
    # What the sweep found has no token.
    assert record.token == (None if play.act is find else ended.token)
    beats = [entry.time for kind, entry in entries if kind is LogKind.HEARTBEAT]
    assert all(beat <= ended.time for beat in beats)


AFTERWARDS = (
    InjectedFailure.DIES_AFTER_CALL,
    InjectedFailure.DIES_AFTER_CHECKPOINT,
    InjectedFailure.DIES_WITH_ITS_ANSWER,
)
"""To die before something is to die after what came before it: these are all the places, each met once."""


@pytest.mark.parametrize("failure", AFTERWARDS)
def test_the_lambda_may_die_anywhere_in_a_drain(failure: InjectedFailure, *, thorough: bool) -> None:
    todo = some_of(places("drain", failure), 3, thorough=thorough)

    assert deaths(suffered(PLAYS["drain"], todo)) >= len(todo) * MET


@pytest.mark.parametrize("name", [name for name in PLAYS if name != "drain"])
def test_the_lambda_may_die_anywhere(name: str, *, thorough: bool) -> None:
    todo = some_of(places(name, *AFTERWARDS), 12, thorough=thorough)

    assert deaths(suffered(PLAYS[name], todo)) >= len(todo) * MET


def deaths(executions: list[SimulatedExecution]) -> int:
    return sum(any(run.crashed for run in execution.runs) for execution in executions)


@pytest.mark.parametrize("name", ["drain", "copy", "sweep", "wait for the event", "join"])
def test_any_response_may_be_lost(name: str, *, thorough: bool) -> None:
    suffered(PLAYS[name], some_of(places(name, InjectedFailure.RESPONSE_LOST), 9, thorough=thorough))


@pytest.mark.parametrize("name", ["drain", "copy", "nudge", "takeover"])
def test_an_invocation_that_lambda_has_given_up_does_no_harm(name: str, *, thorough: bool) -> None:
    suffered(PLAYS[name], some_of(places(name, InjectedFailure.RUNS_TWICE), 2, thorough=thorough))


def suffered(play: Play, todo: list[Failpoint]) -> list[SimulatedExecution]:
    """Play with a failure at each of the places, judge each end, and return the executions that met them."""
    assert todo
    executions = []
    for start in range(0, len(todo), AT_ONCE):
        part = todo[start : start + AT_ONCE]
        with play.run(part) as (testbed, ends):
            for place, (instance, execution) in zip(part, ends, strict=False):
                try:
                    check(play, testbed, instance)
                except (AssertionError, ValueError) as error:
                    error.add_note(f"{place}; {record_of(testbed, instance)}")
                    raise
                executions.append(execution)
    return executions


def test_an_execution_that_times_out_is_taken_over_by_the_sweep() -> None:
    parameters = Parameters(execution_timeout=60, sweep_every=120)
    testbed = RecordingTestbed(partial(Deployment, parameters=parameters))
    with testbed:
        (instance,) = testbed.group(TWO_STEPS)
        testbed.run_command.behave(Behaviour(duration=400))
        testbed.autoscaling.terminate(instance)
        testbed.run(900)

        statuses = [execution.status for execution in testbed.deployment.executions]
        assert statuses[:-1] == ["TIMED_OUT"] * (len(statuses) - 1)
        assert len(statuses) > 2
        assert testbed.deployment.executions[-1].result["outcome"] == "completed"
        assert len(testbed.run_command.runs(instance)) == 1
        assert [entry.detail for entry in testbed.region.log.of(LogKind.COMPLETED)] == [
            "CONTINUE CompleteLifecycleAction"
        ]


def test_a_running_execution_stays_on_its_version_and_who_takes_over_runs_on_the_new_one() -> None:
    testbed = RecordingTestbed(partial(Deployment, parameters=Parameters(sweep_every=120)))
    with testbed:
        instances = testbed.group(TWO_STEPS, capacity=2)
        testbed.run_command.behave(Behaviour(duration=200))
        for instance in instances:
            testbed.autoscaling.terminate(instance)
        testbed.run(12)
        testbed.deployment.redeploy()
        record = testbed.deployment.record(GROUP, HOOK, instances[0])
        assert record is not None
        testbed.deployment.service.stop(record.execution)
        testbed.run(900)

        stopped, stayed, taken = testbed.deployment.executions
        assert (stopped.version, stayed.version, taken.version) == (1, 1, 2)
        assert [stayed.result["outcome"], taken.result["outcome"]] == ["completed", "completed"]
        assert [len(testbed.run_command.runs(instance)) for instance in instances] == [1, 1]
        assert [entry.detail for entry in testbed.region.log.of(LogKind.COMPLETED)] == [
            "CONTINUE CompleteLifecycleAction"
        ] * 2
