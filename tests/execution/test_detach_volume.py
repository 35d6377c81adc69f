"""Data volumes are detached from instances on their way out, and waited for until they are available."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.blockers import BlockerKind
from asg_lifecycle.model.records import Status, blockers_of
from asg_lifecycle.model.volumes import ATTACHMENT_STATES, VOLUME_STATES
from asg_lifecycle_simulator.region.log import LogKind
from tests.execution.service_enums import values_of

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

DETACH, DESCRIBE = "DetachVolume", "DescribeVolumes"
TAGS = {"data": "web"}
BY_TAG = {"tag": {"key": "data", "value": "{group}"}}


def group(testbed: Testbed, options: dict[str, Any] | None = None, *, capacity: int = 1, **step: Any) -> list[str]:
    planned = {"kind": "detach-volume", "options": options or BY_TAG, **step}
    return testbed.group(capacity, plan={"steps": [planned]})


def said(testbed: Testbed) -> str:
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    (step,) = testbed.record().step_outcomes
    assert step.outcome == "done"
    return step.detail


def root_of(testbed: Testbed, instance: str) -> str:
    with testbed.region.unobserved():
        described = testbed.region.client("ec2").describe_instances(InstanceIds=[instance])
    it = described["Reservations"][0]["Instances"][0]
    return next(
        str(each["Ebs"]["VolumeId"]) for each in it["BlockDeviceMappings"] if each["DeviceName"] == it["RootDeviceName"]
    )


def replan(testbed: Testbed, options: dict[str, Any]) -> None:
    """Put another plan on the terminate hook: one whose volumes have their ids by now."""
    plan = {"steps": [{"kind": "detach-volume", "options": options}]}
    testbed.autoscaling.put_hook(
        "web",
        "asg-lifecycle-terminate",
        "TERMINATING",
        HeartbeatTimeout=300,
        NotificationMetadata=json.dumps({"plan": plan}),
    )


def when_released(testbed: Testbed, volume: str) -> list[dict[str, str]]:
    """Note the attachments of a volume whenever an action is completed."""
    seen: list[dict[str, str]] = []

    def note(entry: Any) -> None:
        if entry.kind is LogKind.COMPLETED:
            seen.append(testbed.volumes.holders(volume))

    testbed.region.log.on_entry.append(note)
    return seen


def test_a_volume_by_its_tag_is_detached_and_available_before_the_instance_goes(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS, instance=instance, device="/dev/sdg")
    other = testbed.volumes.make(tags={"data": "other"}, instance=instance, device="/dev/sdh")
    testbed.volumes.detaching_takes = 30.0
    seen = when_released(testbed, volume)
    testbed.terminate(instance)
    testbed.run(15)
    record = testbed.record()
    assert record.detail == f"detach-volume: waiting for 1 of 1 volume to be detached: {volume} (/dev/sdg) is detaching"
    assert [(each.kind, each.name) for each in blockers_of(record)] == [(BlockerKind.VOLUME, volume)]
    assert testbed.volumes.holders(other) == {instance: "attached"}
    testbed.finish()

    assert seen == [{}]
    assert said(testbed) == f"detached {volume} (/dev/sdg)"
    assert testbed.calls("ec2")[DETACH] == 1
    assert testbed.elapsed < 60


def test_volumes_by_their_ids(testbed: Testbed) -> None:
    (instance,) = testbed.group()
    volumes = [testbed.volumes.make(instance=instance, device=f"/dev/sd{letter}") for letter in "fg"]
    replan(testbed, {"volumes": volumes})
    testbed.terminate(instance)
    testbed.finish()
    assert said(testbed) == f"detached {volumes[0]} (/dev/sdf), {volumes[1]} (/dev/sdg)"


def test_a_volume_that_is_still_mounted_holds_the_instance_and_says_what_to_do(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS, instance=instance, mounted=True)
    testbed.terminate(instance)
    testbed.run(400)
    record = testbed.record()
    assert not testbed.completions()
    assert record.detail is not None
    assert record.detail.endswith(
        f"{volume} (/dev/sdf) is busy; it is still in use on the instance: "
        "unmount it with a run-command before this step"
    )
    assert [(each.name, "unmount it" in each.reason) for each in blockers_of(record)] == [(volume, True)]
    assert testbed.calls("ec2")[DETACH] == 1

    testbed.volumes.unmount(volume)
    testbed.finish()
    assert said(testbed) == f"detached {volume} (/dev/sdf)"


def test_a_timeout_ends_the_wait_for_one_that_stays_mounted(testbed: Testbed) -> None:
    (instance,) = group(testbed, timeout="5m")
    testbed.volumes.make(tags=TAGS, instance=instance, mounted=True)
    testbed.terminate(instance)
    testbed.run(400)
    record = testbed.record()
    assert record.status is Status.HELD
    assert "not done within 5m" in (record.problem or "")
    assert "is busy" in (record.problem or "")


def test_only_where_the_plan_says_so_a_mounted_one_is_forced(testbed: Testbed) -> None:
    (instance,) = group(testbed, {**BY_TAG, "force": True})
    volume = testbed.volumes.make(tags=TAGS, instance=instance, mounted=True)
    testbed.terminate(instance)
    testbed.finish()
    assert said(testbed) == f"detached {volume} (/dev/sdf)"
    # The clean way first.
    assert testbed.calls("ec2")[DETACH] == 2
    assert testbed.elapsed < 60


@pytest.mark.parametrize("force", [True, False])
def test_one_that_does_not_get_done_is_forced_after_a_minute_or_waited_for(testbed: Testbed, *, force: bool) -> None:
    (instance,) = group(testbed, {**BY_TAG, "force": force})
    testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.volumes.detaching_takes = 600.0
    testbed.terminate(instance)
    testbed.run(90)
    assert testbed.calls("ec2")[DETACH] == (2 if force else 1)


def test_the_root_volume_is_left_alone_where_it_carries_the_tag(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    root = root_of(testbed, instance)
    with testbed.region.unobserved():
        testbed.region.client("ec2").create_tags(Resources=[root], Tags=[{"Key": "data", "Value": "web"}])
    testbed.terminate(instance)
    testbed.run(20)
    assert said(testbed) == f"detached {volume} (/dev/sdf); left alone as the root volume: {root}"


def test_the_root_volume_by_its_id_fails_the_step(testbed: Testbed) -> None:
    (instance,) = testbed.group()
    root = root_of(testbed, instance)
    replan(testbed, {"volumes": [root]})
    testbed.terminate(instance)
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert f"{root} is the root volume of the instance" in (testbed.record().problem or "")
    assert DETACH not in testbed.calls("ec2")


def test_one_that_another_instance_has_is_nothing_to_do(testbed: Testbed) -> None:
    instance, other = group(testbed, capacity=2)
    volume = testbed.volumes.make(tags=TAGS, instance=other)
    testbed.terminate(instance)
    testbed.finish()
    assert said(testbed) == f"nothing to detach: attached elsewhere, not to this instance: {volume} ({other})"
    assert testbed.volumes.holders(volume) == {other: "attached"}


def test_one_that_nothing_has_is_nothing_to_do(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS)
    testbed.terminate(instance)
    testbed.finish()
    assert said(testbed) == f"nothing to detach: attached to nothing: {volume}"


def test_what_there_is_not_is_missing_when_the_rest_is_detached(testbed: Testbed) -> None:
    (instance,) = testbed.group()
    volume = testbed.volumes.make(instance=instance)
    replan(testbed, {"volumes": [volume, "vol-0123456789abcdef0"]})
    testbed.terminate(instance)
    testbed.run(60)
    record = testbed.record()
    assert record.status is Status.HELD
    assert f"there is no volume vol-0123456789abcdef0; detached {volume}" in (record.problem or "")
    assert testbed.volumes.holders(volume) == {}


def test_one_that_is_deleted_meanwhile_is_done(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS, instance=instance, mounted=True)
    testbed.terminate(instance)
    testbed.run(60)
    testbed.volumes.delete(volume)
    testbed.finish()
    assert said(testbed) == f"deleted since: {volume} (/dev/sdf)"


def test_one_that_others_share_is_taken_from_this_instance_alone(testbed: Testbed) -> None:
    instance, other = group(testbed, capacity=2)
    volume = testbed.volumes.make(tags=TAGS, instance=instance, shared=True)
    testbed.volumes.attach(volume, other)
    testbed.terminate(instance)
    testbed.finish()
    assert said(testbed) == f"detached {volume} (/dev/sdf)"
    assert testbed.volumes.holders(volume) == {other: "attached"}


def test_an_instance_that_is_gone_has_its_volumes_taken_by_ec2_and_they_are_waited_for(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.volumes.detaching_takes = 120.0
    seen = when_released(testbed, volume)
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.terminate(instance)
    testbed.finish()
    assert seen == [{}]
    assert said(testbed) == f"detached {volume} (/dev/sdf)"
    assert DETACH not in testbed.calls("ec2")
    assert testbed.elapsed >= 110


def test_an_instance_that_is_terminated_midway(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS, instance=instance, mounted=True)
    testbed.terminate(instance)
    testbed.run(60)
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.finish()
    assert said(testbed) == f"detached {volume} (/dev/sdf)"


@pytest.mark.parametrize("survives", ["skip", "run"])
def test_an_instance_that_survives_keeps_its_volumes_unless_the_plan_says_otherwise(
    testbed: Testbed, survives: str
) -> None:
    (instance,) = group(testbed, when_instance_survives=survives)
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.region.client("autoscaling").put_warm_pool(
        AutoScalingGroupName="web", InstanceReusePolicy={"ReuseOnScaleIn": True}
    )
    testbed.autoscaling.scale("web", 0)
    testbed.run(600)
    assert testbed.volumes.holders(volume) == ({instance: "attached"} if survives == "skip" else {})


def test_all_states_of_ec2_are_known() -> None:
    assert set(values_of("ec2", "VolumeState")) == VOLUME_STATES
    assert set(values_of("ec2", "VolumeAttachmentState")) == ATTACHMENT_STATES


@pytest.mark.one_of(3)
@pytest.mark.parametrize("state", [*values_of("ec2", "VolumeAttachmentState"), "levitating"])
@pytest.mark.parametrize("mid", [False, True])
def test_no_state_of_an_attachment_but_none_lets_an_instance_go(testbed: Testbed, state: str, *, mid: bool) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS, instance=instance, mounted=True)
    if not mid:
        testbed.volumes.show(volume, attachment=state)
    testbed.terminate(instance)
    if mid:
        testbed.run(5)
        testbed.volumes.show(volume, attachment=state)
    testbed.run(150)
    assert testbed.record().status is (Status.HELD if state == "levitating" else Status.WORKING)
    assert not testbed.completions()
    if state == "levitating":
        assert "levitating" in (testbed.record().problem or "")


@pytest.mark.parametrize("state", [*values_of("ec2", "VolumeState"), "evaporated"])
def test_a_volume_that_is_not_attached_lets_an_instance_go_where_its_state_proves_it(
    testbed: Testbed, state: str
) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS)
    testbed.volumes.show(volume, state=state)
    testbed.terminate(instance)
    testbed.run(150)
    proven = state in {"creating", "available", "deleting", "deleted"}
    assert bool(testbed.completions()) is proven
    expected = {"in-use": Status.WORKING, "error": Status.HELD, "evaporated": Status.HELD}
    assert testbed.record().status is expected.get(state, Status.COMPLETED)


def test_one_that_breaks_while_it_is_detached_fails_the_step(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.terminate(instance)
    testbed.run(3)
    testbed.volumes.show(volume, state="error")
    testbed.run(60)
    assert f"{volume} (/dev/sdf) is in state error (error)" in (testbed.record().problem or "")
    assert testbed.record().status is Status.HELD


@pytest.mark.parametrize("behind", [3.0, 20.0, 50.0])
def test_what_ec2_shows_late_detaches_once_and_only_what_is_attached(testbed: Testbed, behind: float) -> None:
    (instance,) = group(testbed)
    testbed.run(100)
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.volumes.shown_after = testbed.volumes.kept_listed = behind
    seen = when_released(testbed, volume)
    # EC2 shows it attached at the instance, and not yet at the volume.
    testbed.terminate(instance)
    testbed.finish()
    assert seen == [{}]
    assert said(testbed) == f"detached {volume} (/dev/sdf)"
    assert testbed.calls("ec2")[DETACH] == 1


def test_one_that_somebody_attaches_again_is_detached_again(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    first, second = (
        testbed.volumes.make(tags=TAGS, instance=instance, device=f"/dev/sd{each}", mounted=each == "g")
        for each in "fg"
    )
    testbed.terminate(instance)
    testbed.run(20)
    assert testbed.volumes.holders(first) == {}
    testbed.volumes.attach(first, instance, "/dev/sdp")
    testbed.run(60)
    testbed.volumes.unmount(second)
    testbed.finish()
    assert testbed.volumes.holders(first) == testbed.volumes.holders(second) == {}


@pytest.mark.one_of(2)
@pytest.mark.parametrize("fault", ["lose_response", "lose_request", "throttle"])
@pytest.mark.parametrize("operation", [DETACH, DESCRIBE, "DescribeInstances"])
def test_faults_are_waited_out(testbed: Testbed, fault: str, operation: str) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    getattr(testbed.region.faults, fault)("ec2", operation, times=2)
    testbed.terminate(instance)
    testbed.finish()
    assert said(testbed) == f"detached {volume} (/dev/sdf)"


def test_what_is_refused_fails_the_step_with_ec2s_words(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.region.faults.fail(
        "ec2", DETACH, code="UnsupportedOperationException", message="Unable to detach volume attached to ECS tasks"
    )
    testbed.terminate(instance)
    testbed.run(30)
    assert testbed.record().status is Status.HELD
    assert "Unable to detach volume attached to ECS tasks" in (testbed.record().problem or "")


def test_a_permission_that_is_missing_is_named(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.region.faults.deny("ec2", DETACH)
    testbed.terminate(instance)
    testbed.run(120)
    assert "permission ec2:DetachVolume is missing" in (testbed.record().problem or "")


def test_a_refusal_for_the_present_state_is_said_while_it_is_waited(testbed: Testbed) -> None:
    (instance,) = group(testbed)
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.region.faults.fail("ec2", DETACH, code="IncorrectState", message="not in this state")
    testbed.terminate(instance)
    testbed.run(10)
    assert "EC2 says: not in this state" in (testbed.record().detail or "")
    testbed.finish()
    assert said(testbed) == f"detached {volume} (/dev/sdf)"


def test_a_value_that_looks_like_a_pattern_is_none(testbed: Testbed) -> None:
    (instance,) = group(testbed, {"tag": {"key": "data", "value": "w*"}})
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.terminate(instance)
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "there is no volume with the tag data=w*" in (testbed.record().problem or "")
    assert testbed.volumes.holders(volume) == {instance: "attached"}


def test_a_dry_run_says_what_would_be_detached_and_detaches_nothing(testbed: Testbed) -> None:
    planned = {"kind": "detach-volume", "options": BY_TAG}
    (instance,) = testbed.group(plan={"steps": [planned], "dry_run": True})
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.terminate(instance)
    testbed.finish()
    assert said(testbed) == f"dry run: would detach {volume} (/dev/sdf)"
    assert DETACH not in testbed.calls("ec2")


WAITS = {**BY_TAG, "snapshot": {}}
ACCEPTED = {**BY_TAG, "snapshot": {"wait": False}}


def test_a_snapshot_is_made_when_the_volume_is_detached_and_waited_for(testbed: Testbed) -> None:
    (instance,) = group(testbed, WAITS)
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.snapshots.copying.takes = 300.0
    testbed.terminate(instance)
    testbed.run(60)
    (made,) = testbed.snapshots.snapshots
    assert made.volume == volume
    assert testbed.volumes.holders(volume) == {}
    assert (testbed.record().detail or "").endswith(f"waiting for snapshots: {made.id}: it is pending")
    testbed.finish()
    assert testbed.elapsed >= 300
    assert said(testbed) == f"detached {volume} (/dev/sdf), snapshot {made.id}"


def test_a_snapshot_that_is_only_to_be_accepted_is_not_waited_for(testbed: Testbed) -> None:
    (instance,) = group(testbed, ACCEPTED)
    volume = testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.snapshots.copying.takes = 3000.0
    testbed.terminate(instance)
    testbed.finish()
    (made,) = testbed.snapshots.snapshots
    assert testbed.elapsed < 60
    assert said(testbed) == f"detached {volume} (/dev/sdf), snapshot {made.id}"


def test_a_mounted_volume_has_no_snapshot_before_it_is_detached(testbed: Testbed) -> None:
    (instance,) = group(testbed, WAITS)
    testbed.volumes.make(tags=TAGS, instance=instance, mounted=True)
    testbed.terminate(instance)
    testbed.run(100)
    assert not testbed.snapshots.snapshots


def test_a_snapshot_that_fails_fails_the_step(testbed: Testbed) -> None:
    (instance,) = group(testbed, WAITS)
    testbed.volumes.make(tags=TAGS, instance=instance)
    testbed.snapshots.copying.ends = "error"
    testbed.terminate(instance)
    testbed.run(600)
    assert testbed.record().status is Status.HELD
    assert "snapshots failed: snap-" in (testbed.record().problem or "")


@pytest.mark.parametrize("fault", ["lose_response", "lose_request", "throttle"])
def test_what_a_lost_answer_made_is_found_and_not_made_again(testbed: Testbed, fault: str) -> None:
    (instance,) = group(testbed, ACCEPTED)
    volumes = [testbed.volumes.make(tags=TAGS, instance=instance, device=f"/dev/sd{each}") for each in "fg"]
    testbed.snapshots.copying.shown_after = 20.0
    getattr(testbed.region.faults, fault)("ec2", "CreateSnapshot")
    testbed.terminate(instance)
    testbed.finish()
    assert sorted(each.volume for each in testbed.snapshots.snapshots) == sorted(volumes)
    assert "snapshot snap-" in said(testbed)
