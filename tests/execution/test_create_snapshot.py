from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from asg_lifecycle.model.messages import Resume, Skip
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.snapshots import SNAPSHOT_STAGES
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.rate_limits import RateLimit
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from asg_lifecycle_simulator.services.snapshots.model import Copying
from tests.execution.service_enums import values_of

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.snapshots.model import Made
    from tests.execution.conftest import Testbed

PLANS = Path(__file__).parents[2] / "plans"

STATES = values_of("ec2", "SnapshotState")


def snapshot_plan(*, on_failure: str = "hold", if_missing: str | None = None, **options: Any) -> dict[str, Any]:
    step: dict[str, Any] = {"kind": "create-snapshot", "options": options}
    if if_missing is not None:
        step["if_missing"] = if_missing
    return {"steps": [step], "on_failure": on_failure}


def drained(testbed: Testbed, *devices: str, heartbeat: int = 300, **plan: Any) -> str:
    """Terminate an instance with a volume at each of the devices beside its root, under a plan with the step."""
    (instance,) = testbed.group(plan=snapshot_plan(**plan), heartbeat=heartbeat)
    for device in devices:
        testbed.snapshots.attach(instance, device)
    testbed.terminate(instance)
    return instance


def made(testbed: Testbed, instance: str) -> list[Made]:
    return testbed.snapshots.of(instance)


def volumes(testbed: Testbed, instance: str) -> dict[str, str]:
    with testbed.region.unobserved():
        ec2 = testbed.region.client("ec2")
        (found,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
    return {each["DeviceName"]: each["Ebs"]["VolumeId"] for each in found["BlockDeviceMappings"]}


def completed_at(testbed: Testbed) -> float:
    (entry,) = testbed.log(LogKind.COMPLETED)
    return entry.time - testbed.started


def test_all_volumes_have_snapshots_of_one_moment_that_are_completed_before_the_instance_goes(testbed: Testbed) -> None:
    testbed.snapshots.copying.takes = 400
    instance = drained(testbed, "/dev/sdf", "/dev/sdg")
    attached = volumes(testbed, instance)
    testbed.finish()

    snapshots = made(testbed, instance)
    assert {each.volume for each in snapshots} == set(attached.values())
    assert len(snapshots) == 3
    assert len({each.at for each in snapshots}) == 1
    assert testbed.calls("ec2")["CreateSnapshots"] == 1
    assert "CreateSnapshot" not in testbed.calls("ec2")
    assert all(each.state(testbed.started + completed_at(testbed)) == "completed" for each in snapshots)
    (step,) = testbed.record().step_outcomes
    assert step.outcome == "done"
    assert step.detail.endswith(": completed")


def test_the_tags_tell_the_action_and_what_the_plan_says(testbed: Testbed) -> None:
    instance = drained(
        testbed,
        tags={"Name": "last of {instance}", "Team": "blue"},
        description="{group} under {hook}",
    )
    testbed.finish()

    (snapshot,) = made(testbed, instance)
    record = testbed.record()
    assert snapshot.tags == {
        "Name": f"last of {instance}",
        "Team": "blue",
        "asg-lifecycle:action": f"{record.token}/1",
        "asg-lifecycle:call": "2100-01-01T00:00:01.000000Z",
        "asg-lifecycle:group": "web",
        "asg-lifecycle:instance": instance,
    }
    assert snapshot.description == "web under asg-lifecycle-terminate"


@pytest.mark.parametrize(
    ("chosen", "devices"),
    [
        ("all", {"/dev/sda1", "/dev/sdf", "/dev/sdg"}),
        ("data", {"/dev/sdf", "/dev/sdg"}),
        ("root", {"/dev/sda1"}),
        (["/dev/sdg"], {"/dev/sdg"}),
        (["/dev/sda1", "/dev/sdf"], {"/dev/sda1", "/dev/sdf"}),
    ],
)
def test_the_plan_chooses_the_volumes(testbed: Testbed, chosen: Any, devices: set[str]) -> None:
    instance = drained(testbed, "/dev/sdf", "/dev/sdg", volumes=chosen)
    attached = volumes(testbed, instance)
    testbed.finish()

    assert {each.volume for each in made(testbed, instance)} == {attached[device] for device in devices}


def test_of_fifty_volumes_one_can_be_chosen(testbed: Testbed) -> None:
    others = [f"/dev/sd{first}{second}" for first in "bcdef" for second in "abcdefghij"]
    instance = drained(testbed, *others, volumes="root")
    testbed.finish()

    assert len(made(testbed, instance)) == 1


@pytest.mark.parametrize(("if_missing", "status"), [(None, "held"), ("done", "completed")])
def test_a_device_that_is_not_there_is_named_after_the_others_have_snapshots(
    testbed: Testbed, if_missing: str | None, status: str
) -> None:
    instance = drained(testbed, "/dev/sdf", volumes=["/dev/sdf", "/dev/sdz"], if_missing=if_missing)
    testbed.run(300)

    (snapshot,) = made(testbed, instance)
    assert snapshot.state(testbed.timeline.now()) == "completed"
    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.status == status
    told = record.problem or "" if status == "held" else record.step_outcomes[0].detail
    assert "there is no volume /dev/sdz" in told


@pytest.mark.parametrize("chosen", ["data", ["/dev/sdz"]])
def test_no_volume_is_not_nothing_to_do(testbed: Testbed, chosen: Any) -> None:
    instance = drained(testbed, volumes=chosen)
    testbed.run(300)

    assert testbed.record().status == "held"
    assert "has no EBS volume that volumes: " in (testbed.record().problem or "")
    assert "(/dev/sda1, root)" in (testbed.record().problem or "")
    assert testbed.completions() == []
    assert made(testbed, instance) == []


def test_accepted_is_enough_where_the_plan_says_so(testbed: Testbed) -> None:
    testbed.snapshots.copying.takes = 10_000
    instance = drained(testbed, "/dev/sdf", wait=False)
    testbed.finish()

    assert completed_at(testbed) < 30
    assert len(made(testbed, instance)) == 2
    assert "accepted, EC2 completes them by itself" in testbed.record().step_outcomes[0].detail
    testbed.run(10_000)
    assert all(each.state(testbed.timeline.now()) == "completed" for each in made(testbed, instance))


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_a_snapshot_is_known(state: str) -> None:
    assert state in SNAPSHOT_STAGES


@pytest.mark.parametrize("state", ["pending", "recovering", "error", "recoverable", "completed", "archived", ""])
@pytest.mark.parametrize("wait", [True, False])
def test_only_completed_snapshots_let_the_instance_go(testbed: Testbed, state: str, wait: bool) -> None:  # noqa: FBT001 - the option
    testbed.snapshots.copying = Copying(takes=20, ends=state, message="the volume could not be read")
    drained(testbed, wait=wait)
    testbed.run(300)

    ended = bool(testbed.completions())
    assert ended == (state == "completed" or not wait)
    record = testbed.record() if not ended else None
    if record is not None and state in {"error", "recoverable"}:
        assert record.status == "held"
        assert f"is {state}, the volume could not be read" in (record.problem or "")
    elif record is not None:
        assert record.status == "working"
        assert [blocker.kind for step in record.present_steps for blocker in blockers_of(step)] == ["snapshot"]
        unknown = f"is {state!r}, which is not known" in (record.detail or "")
        assert unknown == (state in {"archived", ""})


def blockers_of(step: Any) -> Any:
    return step.progress.blockers


def test_progress_is_told_in_tenths_and_a_long_wait_writes_little(testbed: Testbed) -> None:
    testbed.snapshots.copying.takes = 6_000
    drained(testbed, "/dev/sdf")
    testbed.run(3_150)
    detail = testbed.record().detail or ""
    assert "waiting for 2 of 2 snapshots: snap-" in detail
    assert detail.count("(50 %)") == 2
    writes = testbed.calls("dynamodb")["UpdateItem"]
    testbed.finish()

    assert testbed.calls("dynamodb")["UpdateItem"] - writes < 15
    assert testbed.calls("ec2")["DescribeSnapshots"] < 85


def test_an_answer_that_is_lost_is_found_by_its_tags(testbed: Testbed) -> None:
    testbed.region.faults.lose_response("ec2", "CreateSnapshots")
    instance = drained(testbed, "/dev/sdf")
    testbed.finish()

    assert len(made(testbed, instance)) == 2
    assert testbed.calls("ec2")["CreateSnapshots"] == 1


@pytest.mark.parametrize("shown_after", [3, 40])
def test_a_lost_answer_is_found_although_ec2_shows_it_late(testbed: Testbed, shown_after: float) -> None:
    testbed.snapshots.copying.shown_after = shown_after
    testbed.region.faults.lose_response("ec2", "CreateSnapshots")
    instance = drained(testbed, "/dev/sdf")
    testbed.run(2)
    testbed.finish()

    assert len(made(testbed, instance)) == 2


def test_what_shows_after_more_than_a_minute_is_made_twice_and_never_less_than_once(testbed: Testbed) -> None:
    testbed.snapshots.copying.shown_after = 200
    testbed.region.faults.lose_response("ec2", "CreateSnapshots")
    instance = drained(testbed, "/dev/sdf")
    testbed.finish()

    assert len(made(testbed, instance)) == 4
    assert len({each.tags["asg-lifecycle:call"] for each in made(testbed, instance)}) == 2


def test_a_request_that_is_lost_is_made_again(testbed: Testbed) -> None:
    testbed.region.faults.lose_request("ec2", "CreateSnapshots")
    instance = drained(testbed, "/dev/sdf")
    testbed.run(30)
    assert "looking for snapshots: they may have been made already" in (testbed.record().detail or "")
    testbed.finish()

    assert len(made(testbed, instance)) == 2


def test_half_a_set_that_shows_is_not_taken_for_the_whole(testbed: Testbed) -> None:
    testbed.region.faults.lose_response("ec2", "CreateSnapshots")
    instance = drained(testbed, "/dev/sdf")
    testbed.run(2)
    first, second = made(testbed, instance)
    second.shown_at = testbed.timeline.now() + 45
    testbed.run(30)
    assert "looking for snapshots" in (testbed.record().detail or "")
    testbed.finish()

    assert made(testbed, instance) == [first, second]


@pytest.mark.parametrize("code", ["SnapshotCreationPerVolumeRateExceeded", "ConcurrentSnapshotLimitExceeded"])
def test_limits_of_a_volume_are_waited_for(testbed: Testbed, code: str) -> None:
    (instance,) = testbed.group(plan=snapshot_plan())
    ec2 = testbed.region.client("ec2")
    (volume,) = volumes(testbed, instance).values()
    testbed.snapshots.copying.takes = 500
    if code == "ConcurrentSnapshotLimitExceeded":
        testbed.snapshots.most_pending = 1
    else:
        testbed.snapshots.spacing = 15
    with testbed.region.unobserved():
        ec2.create_snapshot(VolumeId=volume, Description="of somebody else")
    testbed.terminate(instance)
    testbed.run(10)
    assert code in (testbed.record().problem or "")
    testbed.finish()

    assert len([each for each in made(testbed, instance) if "asg-lifecycle:action" in each.tags]) == 1
    # No look for a minute: the call had no effect.
    if code != "ConcurrentSnapshotLimitExceeded":
        assert made(testbed, instance)[-1].at < testbed.started + 40


def test_a_call_that_is_throttled_costs_no_minute(testbed: Testbed) -> None:
    testbed.region.faults.fail("ec2", "CreateSnapshot", code="RequestLimitExceeded", status=503, times=2)
    instance = drained(testbed)
    testbed.finish()

    (snapshot,) = made(testbed, instance)
    assert snapshot.at < testbed.started + 30


def test_a_missing_permission_is_named(testbed: Testbed) -> None:
    testbed.region.faults.deny("ec2", "CreateSnapshot")
    drained(testbed)
    testbed.run(200)

    assert testbed.record().status == "held"
    assert "permission ec2:CreateSnapshot is missing" in (testbed.record().problem or "")


def test_a_snapshot_that_somebody_deletes_fails_the_step(testbed: Testbed) -> None:
    testbed.snapshots.copying.takes = 10_000
    drained(testbed)
    testbed.run(60)
    testbed.snapshots.snapshots.clear()
    testbed.run(120)
    assert "which EC2 does not show yet" in (testbed.record().detail or "")
    testbed.run(600)

    assert testbed.record().status == "held"
    assert "cannot be found any more" in (testbed.record().problem or "")


def test_a_new_attempt_makes_new_snapshots(testbed: Testbed) -> None:
    testbed.snapshots.copying = Copying(takes=20, ends="error")
    instance = drained(testbed)
    testbed.run(200)
    assert testbed.record().status == "held"
    testbed.snapshots.copying = Copying(ends="completed")
    testbed.deployment.send_message(testbed.record(), Resume())
    testbed.finish()

    first, second = made(testbed, instance)
    assert second.tags["asg-lifecycle:action"] == f"{first.tags['asg-lifecycle:action']}/2"
    assert second.state(testbed.timeline.now()) == "completed"


def test_snapshots_stay_when_the_step_is_skipped(testbed: Testbed) -> None:
    testbed.snapshots.copying.takes = 10_000
    instance = drained(testbed)
    testbed.run(60)
    testbed.deployment.send_message(testbed.record(), Skip())
    testbed.finish()

    (snapshot,) = made(testbed, instance)
    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert f"{snapshot.id} stay: EC2 completes snapshots by itself" in record.step_outcomes[0].detail
    testbed.run(10_000)
    assert snapshot.state(testbed.timeline.now()) == "completed"


def test_a_dry_run_makes_nothing_and_says_of_what(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={**snapshot_plan(volumes=["/dev/sda1", "/dev/sdz"]), "dry_run": True})
    testbed.terminate(instance)
    testbed.finish()

    assert made(testbed, instance) == []
    (step,) = testbed.record().step_outcomes
    assert "would make snapshots of vol-" in step.detail
    assert "there is no volume /dev/sdz" in step.detail


def test_a_tag_that_has_no_value_fails_before_anything_is_made(testbed: Testbed) -> None:
    instance = drained(testbed, tags={"Team": "{tag:Team}"})
    testbed.run(100)

    assert testbed.record().status == "held"
    assert "{tag:Team} has no value" in (testbed.record().problem or "")
    assert made(testbed, instance) == []


@pytest.mark.parametrize("told", ["in the event", "while it waits"])
def test_an_instance_that_is_gone_is_not_kept_for_snapshots_that_cannot_be(testbed: Testbed, told: str) -> None:
    testbed.snapshots.copying.takes = 500
    (instance,) = testbed.group(plan=snapshot_plan())
    if told == "in the event":
        with testbed.region.unobserved():
            testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    else:
        testbed.region.faults.stand("ec2", "CreateSnapshot", limit_of_the_volume())
    testbed.terminate(instance)
    testbed.run(30)
    if told != "in the event":
        with testbed.region.unobserved():
            testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.run(900)

    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.status == "completed"
    assert f"instance {instance} is terminated: no snapshot can be made of " in record.step_outcomes[0].detail
    assert made(testbed, instance) == []


def limit_of_the_volume() -> Any:
    return Fault(FaultKind.REFUSED, "ConcurrentSnapshotLimitExceeded", "too many")


def test_snapshots_that_were_made_are_waited_for_although_the_instance_is_gone(testbed: Testbed) -> None:
    testbed.snapshots.copying.takes = 500
    instance = drained(testbed, "/dev/sdf")
    testbed.run(60)
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.run(2_000)

    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.step_outcomes[0].detail.endswith(": completed")
    assert len(made(testbed, instance)) == 2


def test_a_volume_that_outlives_an_instance_that_is_gone_has_a_snapshot(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=snapshot_plan())
    data = testbed.snapshots.attach(instance, "/dev/sdf")
    root = testbed.snapshots.root(instance)
    testbed.snapshots.shut_down(instance)
    testbed.terminate(instance)
    testbed.run(600)

    (snapshot,) = made(testbed, instance)
    assert snapshot.volume == data
    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    detail = record.step_outcomes[0].detail
    assert detail == f"{snapshot.id} of {data}: completed; of {root} there is none: deleted with the instance"
    assert "CreateSnapshots" not in testbed.calls("ec2")


def test_a_volume_that_is_gone_before_its_snapshot_is_said(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=snapshot_plan(volumes="data"))
    volume = testbed.snapshots.attach(instance, "/dev/sdf")
    testbed.snapshots.shut_down(instance)
    testbed.region.faults.fail("ec2", "CreateSnapshot", code="InvalidVolume.NotFound", message=volume)
    testbed.terminate(instance)
    testbed.run(600)

    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.status == "completed"
    assert f"no snapshot can be made of {volume}, which went with it" in record.step_outcomes[0].detail


@pytest.mark.parametrize("at", [2, 10, 200])
def test_who_takes_over_goes_on_with_the_snapshots_there_are(testbed: Testbed, at: float) -> None:
    testbed.snapshots.copying = Copying(takes=400, ends="completed", shown_after=20)
    instance = drained(testbed, "/dev/sdf")
    testbed.run(at)
    record = testbed.record()
    testbed.deployment.service.stop(record.execution)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
    testbed.deployment.start(payload(start))
    testbed.finish()

    assert len(made(testbed, instance)) == 2
    assert testbed.log(LogKind.COMPLETED)[0].time >= made(testbed, instance)[0].ready_at


def test_an_event_that_is_delivered_three_times_makes_one_set(testbed: Testbed) -> None:
    testbed.region.events.deliveries = lambda _: (0.5, 0.6, 20.0)
    instance = drained(testbed, "/dev/sdf")
    testbed.finish()

    assert len(made(testbed, instance)) == 2


def test_a_storm_makes_one_set_for_each_instance_although_ec2_throttles(testbed: Testbed, *, thorough: bool) -> None:
    many = 40 if thorough else 12
    testbed.autoscaling.create_group("web", capacity=many, max_size=2 * many)
    metadata = json.dumps({"plan": snapshot_plan()})
    hook: dict[str, Any] = {"HeartbeatTimeout": 900, "NotificationMetadata": metadata}
    testbed.autoscaling.put_hook("web", "asg-lifecycle-terminate", "TERMINATING", **hook)
    instances = testbed.autoscaling.instances("web")
    for instance in instances:
        testbed.snapshots.attach(instance)
    refusal = Fault(FaultKind.REFUSED, "RequestLimitExceeded", "Request limit exceeded.", 503)
    testbed.region.limits.set(
        RateLimit(service="ec2", steady=0.5, burst=5, operations="Create*", refusal=refusal),
        RateLimit(service="ec2", steady=5, burst=20, operations="Describe*", refusal=refusal),
    )
    for instance in instances:
        testbed.terminate(instance)
    testbed.run(3_000 if thorough else 1_000)

    assert [len(made(testbed, instance)) for instance in instances] == [2] * many
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * many
    assert testbed.region.limits.throttled["ec2", "CreateSnapshots"] > 5


def test_the_plan_of_the_guide(testbed: Testbed) -> None:
    plan = yaml.safe_load((PLANS / "snapshot-before-termination.yaml").read_text(encoding="utf-8"))
    (instance,) = testbed.group(plan=plan, heartbeat=1800)
    data = testbed.snapshots.attach(instance)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=30))
    testbed.terminate(instance)
    testbed.finish()

    (snapshot,) = made(testbed, instance)
    (command,) = testbed.run_command.runs(instance)
    assert snapshot.volume == data
    assert (snapshot.tags["Name"], snapshot.tags["Keep"]) == (f"web {instance}", "30d")
    assert command.ended_at is not None
    assert command.ended_at <= snapshot.at <= snapshot.ready_at <= testbed.log(LogKind.COMPLETED)[0].time


def test_an_instance_that_ec2_shuts_down_under_the_call_has_what_can_still_be_had(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    (instance,) = testbed.group(plan=snapshot_plan())
    data = testbed.snapshots.attach(instance, "/dev/sdf")
    take = testbed.region.faults.take

    def shut_down_first(service: str, operation: str) -> Fault | None:
        if operation == "CreateSnapshots":
            testbed.snapshots.shut_down(instance)
        return take(service, operation)

    monkeypatch.setattr(testbed.region.faults, "take", shut_down_first)
    testbed.terminate(instance)
    testbed.run(900)

    assert [each.volume for each in made(testbed, instance)] == [data]
    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.status == "completed"
    assert "deleted with the instance" in record.step_outcomes[0].detail
