"""The Lambda dies before and after every call and checkpoint of the steps about volumes, and answers get lost.

A play runs once unharmed, which tells how many calls and checkpoints each invocation makes. Then it runs with many
instances side by side, each of which meets one failure at one place of its own.
"""

from __future__ import annotations

import json
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish, Skip
from asg_lifecycle.model.records import Status, action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.deployment.failpoints import (
    AT_CALLS,
    AT_CHECKPOINTS,
    Failpoint,
    InjectedFailure,
    UnluckyDeployment,
)
from asg_lifecycle_simulator.deployment.testbed import Testbed as SimulatedTestbed
from tests.execution.some_of import some_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
    from tests.execution.conftest import Testbed

AT_ONCE = 40
"""Instances of one play: more share the cost of its region."""

TAG = {"key": "data", "value": "web"}
TAGS = {"data": "web"}
ATTACH = {"kind": "attach-volume", "options": {"tag": TAG}}
DETACH = {"kind": "detach-volume", "options": {"tag": TAG, "snapshot": {"wait": False}}}

Unlucky = SimulatedTestbed[UnluckyDeployment]


def unlucky(failpoints: Sequence[Failpoint | None]) -> Unlucky:
    met = {number: each for number, each in enumerate(failpoints, start=1) if each is not None}
    return SimulatedTestbed(partial(UnluckyDeployment, failpoints=met))


def hook(testbed: Unlucky, transition: str, step: dict[str, Any]) -> None:
    name = "asg-lifecycle-launch" if transition == "LAUNCHING" else "asg-lifecycle-terminate"
    metadata = json.dumps({"plan": {"steps": [step]}})
    testbed.autoscaling.put_hook("web", name, transition, HeartbeatTimeout=900, NotificationMetadata=metadata)


def finish(testbed: Unlucky) -> list[SimulatedExecution]:
    testbed.run(600)
    executions = list(testbed.deployment.executions)
    assert all(each.is_complete for each in executions)
    return executions


def attach(failpoints: Sequence[Failpoint | None]) -> list[SimulatedExecution]:
    """Launch an instance for each failpoint, with as many volumes."""
    with unlucky(failpoints) as testbed:
        volumes = [testbed.volumes.make(tags=TAGS) for _ in failpoints]
        testbed.autoscaling.create_group("web", capacity=0, max_size=AT_ONCE)
        hook(testbed, "LAUNCHING", ATTACH)
        testbed.autoscaling.scale("web", len(failpoints))
        executions = finish(testbed)
        instances = testbed.autoscaling.instances("web")
        assert {testbed.autoscaling.instance_state(each) for each in instances} == {"InService"}
        # As many volumes as instances, one each: a second one for an instance would leave another without.
        assert [len(testbed.volumes.of_instance(each)) for each in instances] == [1] * len(failpoints)
        assert len({*volumes}) == len(instances) == len(failpoints)
        return executions


def detach(failpoints: Sequence[Failpoint | None]) -> list[SimulatedExecution]:
    """Terminate an instance with a volume for each failpoint."""
    with unlucky(failpoints) as testbed:
        instances = testbed.autoscaling.create_group("web", capacity=len(failpoints), max_size=AT_ONCE)
        hook(testbed, "TERMINATING", DETACH)
        volumes = {testbed.volumes.make(tags=TAGS, instance=each): each for each in instances}
        for each in instances:
            testbed.autoscaling.terminate(each)
        executions = finish(testbed)
        assert [testbed.volumes.holders(each) for each in volumes] == [{}] * len(volumes)
        assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * len(failpoints)
        assert sorted(each.volume for each in testbed.snapshots.snapshots) == sorted(volumes)
        outcomes = [each.outcome for record in testbed.deployment.records() for each in record.step_outcomes]
        assert set(outcomes) == {"done"}
        return executions


PLAYS = {"attach": attach, "detach": detach}


@cache
def places(play: str, *failures: InjectedFailure) -> tuple[Failpoint, ...]:
    (unharmed,) = PLAYS[play]([None])

    def of(run: Any) -> Iterator[Failpoint]:
        for failure in failures:
            count = 1 if failure not in {*AT_CALLS, *AT_CHECKPOINTS, InjectedFailure.RESPONSE_LOST} else 0
            count = count or (run.checkpoints if failure in AT_CHECKPOINTS else run.calls)
            yield from (Failpoint(failure, run.number, number) for number in range(1, count + 1))

    return tuple(each for run in unharmed.runs for each in of(run))


@pytest.mark.one_of(3)
@pytest.mark.parametrize("failure", InjectedFailure)
@pytest.mark.parametrize("play", PLAYS)
def test_it_ends_as_if_nothing_had_happened(play: str, failure: InjectedFailure, *, thorough: bool) -> None:
    found = some_of(places(play, failure), 3, thorough=thorough)
    assert len(found) >= 2
    for first in range(0, len(found), AT_ONCE):
        PLAYS[play](found[first : first + AT_ONCE])


def draining(testbed: Testbed) -> tuple[str, str]:
    """Terminate an instance whose volume is mounted; return both."""
    (instance,) = testbed.group(plan={"steps": [DETACH]})
    volume = testbed.volumes.make(tags=TAGS, instance=instance, mounted=True)
    testbed.terminate(instance)
    return instance, volume


@pytest.mark.parametrize("after", [1.2, 2.5, 60.0])
def test_a_takeover_goes_on_where_the_other_stood(testbed: Testbed, after: float) -> None:
    _, volume = draining(testbed)
    testbed.run(after)
    record = testbed.record()
    testbed.deployment.service.stop(record.execution)
    # It becomes available while nobody looks: what was meant is still known.
    testbed.volumes.unmount(volume)
    testbed.run(60)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
    testbed.deployment.start(payload(start))
    testbed.finish()
    assert testbed.volumes.holders(volume) == {}
    assert [each.volume for each in testbed.snapshots.snapshots] == [volume]


def test_duplicate_events_detach_once(testbed: Testbed) -> None:
    testbed.region.events.deliveries = lambda _: (0.5, 0.6, 20.0)
    _, volume = draining(testbed)
    testbed.run(100)
    testbed.volumes.unmount(volume)
    testbed.finish()
    assert testbed.calls("ec2")["DetachVolume"] == 1
    assert len(testbed.snapshots.snapshots) == 1


def test_duplicate_events_attach_once(testbed: Testbed) -> None:
    testbed.region.events.deliveries = lambda _: (0.5, 0.6, 20.0)
    for _ in range(3):
        testbed.volumes.make(tags=TAGS)
    instance = testbed.launch({"steps": [ATTACH]})
    testbed.finish()
    assert len(testbed.volumes.of_instance(instance)) == 1
    assert testbed.calls("ec2")["AttachVolume"] == 1


def test_a_step_that_is_skipped_leaves_the_detachment_to_ec2(testbed: Testbed) -> None:
    _, volume = draining(testbed)
    testbed.run(60)
    testbed.deployment.send_message(testbed.record(), Skip())
    testbed.finish()
    assert testbed.record().status is Status.COMPLETED
    assert [each.outcome for each in testbed.record().step_outcomes] == ["skipped"]
    # EC2 takes it from the instance that is terminated.
    testbed.run(60)
    assert testbed.volumes.holders(volume) == {}


def test_an_action_that_is_finished_meanwhile_attaches_nothing_more(testbed: Testbed) -> None:
    (other,) = testbed.autoscaling.create_group("old", capacity=1)
    volume = testbed.volumes.make(tags=TAGS, instance=other)
    testbed.launch({"steps": [ATTACH]})
    testbed.run(60)
    testbed.deployment.send_message(testbed.record(), Finish(ActionResult.CONTINUE, by="anna"))
    testbed.finish()
    testbed.volumes.begin_to_detach(volume, other)
    testbed.run(600)
    assert testbed.volumes.holders(volume) == {}
