"""Data volumes are attached to instances on their way in: by id, or from a pool, no two instances the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status, blockers_of
from asg_lifecycle_simulator.region.log import LogKind
from tests.execution.service_enums import values_of

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

ATTACH = "AttachVolume"
TAGS = {"data": "web"}
POOL = {"tag": {"key": "data", "value": "{group}"}}


def launch(testbed: Testbed, options: dict[str, Any] | None = None, *, capacity: int = 1, **step: Any) -> list[str]:
    """Make the group, with the step in the plan of its launch hook, and launch instances."""
    planned = {"kind": "attach-volume", "options": options or POOL, **step}
    metadata = json.dumps({"plan": {"steps": [planned]}})
    testbed.autoscaling.create_group("web", capacity=0, max_size=40)
    testbed.autoscaling.put_hook(
        "web", "asg-lifecycle-launch", "LAUNCHING", HeartbeatTimeout=900, NotificationMetadata=metadata
    )
    testbed.autoscaling.scale("web", capacity)
    return testbed.autoscaling.instances("web")


def said(testbed: Testbed) -> str:
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    (step,) = testbed.record().step_outcomes
    assert step.outcome == "done"
    return step.detail


def when_released(testbed: Testbed) -> dict[str, dict[str, str]]:
    """Note what each instance has when its action is completed."""
    seen: dict[str, dict[str, str]] = {}

    def note(entry: Any) -> None:
        if entry.kind is LogKind.COMPLETED:
            seen[entry.instance] = testbed.volumes.of_instance(entry.instance)

    testbed.region.log.on_entry.append(note)
    return seen


def test_a_volume_of_the_pool_is_attached_before_the_instance_is_in_service(testbed: Testbed) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    other = testbed.volumes.make(tags={"data": "other"})
    testbed.volumes.attaching_takes = 20.0
    seen = when_released(testbed)
    (instance,) = launch(testbed)
    testbed.run(15)
    assert testbed.record().detail == (
        f"attach-volume: waiting for 1 of 1 volume to be attached: {volume} (/dev/sdf) is attaching"
    )
    assert [each.name for each in blockers_of(testbed.record())] == [volume]
    testbed.finish()
    assert said(testbed) == f"attached {volume} as /dev/sdf"
    assert seen == {instance: {volume: "/dev/sdf"}}
    assert testbed.volumes.holders(other) == {}
    assert testbed.calls("ec2")[ATTACH] == 1
    assert testbed.elapsed < 60


def test_volumes_by_id_get_the_first_devices_that_are_free(testbed: Testbed) -> None:
    volumes = [testbed.volumes.make() for _ in range(3)]
    (instance,) = launch(testbed, {"volumes": volumes, "devices": ["/dev/sda", "/dev/xvdg", "/dev/sd[g-i]"]})
    testbed.finish()
    # /dev/sda1 is the root device, and /dev/sdg is the same device as /dev/xvdg.
    named = dict(zip(volumes, ("/dev/xvdg", "/dev/sdh", "/dev/sdi"), strict=True))
    assert testbed.volumes.of_instance(instance) == named


def test_a_volume_by_id_is_waited_for_until_its_old_instance_lets_it_go(testbed: Testbed) -> None:
    (other,) = testbed.autoscaling.create_group("old", capacity=1)
    volume = testbed.volumes.make(instance=other)
    (instance,) = launch(testbed, {"volumes": [volume]})
    testbed.run(200)
    assert (testbed.record().detail or "").endswith(f"{volume} (/dev/sdf) is attached to {other}")
    assert ATTACH not in testbed.calls("ec2")
    with testbed.region.unobserved():
        testbed.region.client("ec2").detach_volume(VolumeId=volume, InstanceId=other)
    testbed.finish()
    assert testbed.volumes.of_instance(instance) == {volume: "/dev/sdf"}


def test_a_storm_of_launches_gives_each_instance_a_volume_of_its_own(testbed: Testbed, *, thorough: bool) -> None:
    many = 20 if thorough else 8
    volumes = {testbed.volumes.make(tags=TAGS) for _ in range(many)}
    testbed.volumes.shown_after = 3.0
    seen = when_released(testbed)
    instances = launch(testbed, capacity=many)
    testbed.finish(within=3600)
    assert set(seen) == set(instances)
    assert [len(each) for each in seen.values()] == [1] * many
    assert {volume for each in seen.values() for volume in each} == volumes


def test_where_there_are_too_few_volumes_the_others_wait_until_some_become_free(testbed: Testbed) -> None:
    for _ in range(3):
        testbed.volumes.make(tags=TAGS)
    seen = when_released(testbed)
    launch(testbed, capacity=5)
    testbed.run(60)
    assert len(seen) == 3
    waiting = [each for each in testbed.deployment.records() if each.status is Status.WORKING]
    assert len({each.instance for each in waiting}) == 2
    assert all(
        "waiting for a free volume with the tag data=web in eu-west-1a" in (each.detail or "") for each in waiting
    )
    first = next(iter(seen))
    (taken,) = seen[first]
    with testbed.region.unobserved():
        testbed.region.client("ec2").detach_volume(VolumeId=taken, InstanceId=first)
    testbed.run(100)
    assert len(seen) == 4
    assert len({volume for each in seen.values() for volume in each}) == 3


def test_count_volumes_of_the_pool(testbed: Testbed) -> None:
    volumes = {testbed.volumes.make(tags=TAGS) for _ in range(6)}
    seen = when_released(testbed)
    launch(testbed, {**POOL, "count": 3}, capacity=2)
    testbed.finish()
    assert [len(each) for each in seen.values()] == [3, 3]
    assert {volume for each in seen.values() for volume in each} == volumes


def test_what_the_instance_has_already_counts(testbed: Testbed) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    testbed.volumes.make(tags=TAGS)
    (instance,) = launch(testbed)
    testbed.volumes.attach(volume, instance, "/dev/sdk")
    testbed.finish()
    assert said(testbed) == f"attached {volume} as /dev/sdk"
    assert ATTACH not in testbed.calls("ec2")


def test_a_pool_in_other_zones_says_which(testbed: Testbed) -> None:
    volume = testbed.volumes.make(tags=TAGS, zone="eu-west-1b")
    launch(testbed)
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    expected = f"no volume with the tag data=web is in eu-west-1a, where the instance is: {volume} in eu-west-1b"
    assert expected in (testbed.record().problem or "")


def test_a_volume_by_id_of_another_zone_says_which(testbed: Testbed) -> None:
    volume = testbed.volumes.make(zone="eu-west-1c")
    launch(testbed, {"volumes": [volume]})
    testbed.run(60)
    expected = f"the instance is in eu-west-1a, where a volume has to be: {volume} in eu-west-1c"
    assert expected in (testbed.record().problem or "")


def test_of_a_pool_only_the_volumes_of_the_zone_are_taken(testbed: Testbed) -> None:
    here = testbed.volumes.make(tags=TAGS)
    for _ in range(10):
        testbed.volumes.make(tags=TAGS, zone="eu-west-1b")
    (instance,) = launch(testbed)
    testbed.finish()
    assert testbed.volumes.of_instance(instance) == {here: "/dev/sdf"}


@pytest.mark.parametrize("pool", [True, False])
def test_multi_attach_volumes_are_refused(testbed: Testbed, *, pool: bool) -> None:
    volume = testbed.volumes.make(tags=TAGS, shared=True)
    launch(testbed, POOL if pool else {"volumes": [volume]})
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert f"{volume} is a Multi-Attach volume" in (testbed.record().problem or "")
    assert ATTACH not in testbed.calls("ec2")


def test_a_pool_that_is_too_small_for_one_instance_says_so(testbed: Testbed) -> None:
    testbed.volumes.make(tags=TAGS)
    launch(testbed, {**POOL, "count": 2})
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "2 volumes of the pool are wanted, there are 1 with the tag data=web in eu-west-1a" in (
        testbed.record().problem or ""
    )


def test_what_there_is_not_is_missing_when_the_rest_is_attached(testbed: Testbed) -> None:
    volume = testbed.volumes.make()
    (instance,) = launch(testbed, {"volumes": [volume, "vol-0123456789abcdef0"]})
    testbed.run(60)
    assert "there is no volume vol-0123456789abcdef0; attached" in (testbed.record().problem or "")
    assert testbed.volumes.of_instance(instance) == {volume: "/dev/sdf"}


def test_none_of_the_volumes_by_id_exists(testbed: Testbed) -> None:
    launch(testbed, {"volumes": ["vol-0123456789abcdef0"]})
    testbed.run(60)
    assert "there is no volume vol-0123456789abcdef0: create it" in (testbed.record().problem or "")


def test_a_device_that_ec2_says_is_taken_is_passed_over(testbed: Testbed) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    testbed.region.faults.fail(
        "ec2",
        ATTACH,
        code="InvalidParameterValue",
        message="Invalid value '/dev/sdf' for unixDevice. Attachment point /dev/sdf is already in use",
    )
    (instance,) = launch(testbed)
    testbed.finish()
    assert testbed.volumes.of_instance(instance) == {volume: "/dev/sdg"}


def test_when_no_device_is_free_the_step_fails_and_says_what_is_used(testbed: Testbed) -> None:
    testbed.volumes.make(tags=TAGS)
    (instance,) = launch(testbed, {**POOL, "devices": ["/dev/sdf"]})
    testbed.volumes.make(instance=instance, device="/dev/xvdf")
    testbed.run(60)
    problem = testbed.record().problem or ""
    assert "no device name is free for vol-" in problem
    assert "used: /dev/sda1, /dev/xvdf" in problem


def test_an_instance_that_does_not_run_yet_is_waited_for(testbed: Testbed) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    (instance,) = launch(testbed)
    testbed.addresses.hold_back(instance)
    testbed.run(100)
    assert "to run, it is pending" in (testbed.record().detail or "")
    assert ATTACH not in testbed.calls("ec2")
    testbed.addresses.bring_up(instance, "192.0.2.10")
    testbed.finish()
    assert testbed.volumes.of_instance(instance) == {volume: "/dev/sdf"}


def test_an_instance_that_ec2_does_not_know_yet_is_waited_for(testbed: Testbed) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    testbed.late_instances.known_after = 45.0
    (instance,) = launch(testbed)
    testbed.finish()
    assert testbed.volumes.of_instance(instance) == {volume: "/dev/sdf"}


def test_an_instance_that_is_gone_gets_nothing(testbed: Testbed) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    (instance,) = launch(testbed)
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.run(300)
    # Its replacement gets the volume.
    assert instance not in testbed.volumes.holders(volume)
    ended = [each for each in testbed.deployment.records() if each.instance == instance]
    assert {each.status for each in ended} <= {Status.COMPLETED, Status.OVER}


@pytest.mark.parametrize("pool", [True, False])
@pytest.mark.parametrize("state", [*values_of("ec2", "VolumeState"), "evaporated"])
def test_a_volume_is_attached_in_no_state_but_available(testbed: Testbed, state: str, *, pool: bool) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    testbed.volumes.show(volume, state=state)
    launch(testbed, POOL if pool else {"volumes": [volume]})
    testbed.run(60)
    waits = {"creating", "in-use"}
    expected = Status.COMPLETED if state == "available" else Status.WORKING if state in waits else Status.HELD
    assert testbed.record().status is expected
    assert (ATTACH in testbed.calls("ec2")) is (state == "available")
    assert state == "available" or state in ((testbed.record().problem or "") + (testbed.record().detail or ""))


@pytest.mark.parametrize("state", [*values_of("ec2", "VolumeAttachmentState"), "levitating"])
def test_only_what_is_attached_lets_an_instance_in(testbed: Testbed, state: str) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    testbed.volumes.attaching_takes = 1e6
    launch(testbed)
    testbed.run(10)
    testbed.volumes.show(volume, attachment=state)
    testbed.run(150)
    expected = {"attached": Status.COMPLETED, "levitating": Status.HELD}
    assert testbed.record().status is expected.get(state, Status.WORKING)


def test_a_broken_volume_of_the_pool_is_passed_over(testbed: Testbed) -> None:
    broken, whole = testbed.volumes.make(tags=TAGS), testbed.volumes.make(tags=TAGS)
    testbed.volumes.show(broken, state="error")
    (instance,) = launch(testbed)
    testbed.finish()
    assert testbed.volumes.of_instance(instance) == {whole: "/dev/sdf"}


@pytest.mark.parametrize("behind", [2.0, 10.0, 30.0])
def test_what_ec2_shows_late_gives_no_second_volume(testbed: Testbed, behind: float) -> None:
    for _ in range(3):
        testbed.volumes.make(tags=TAGS)
    testbed.volumes.shown_after = behind
    seen = when_released(testbed)
    launch(testbed, capacity=3)
    testbed.finish()
    assert [len(each) for each in seen.values()] == [1] * 3


def test_what_ec2_shows_late_is_asked_for_once(testbed: Testbed) -> None:
    testbed.volumes.make(tags=TAGS)
    testbed.volumes.shown_after = 40.0
    launch(testbed)
    testbed.finish()
    assert testbed.calls("ec2")[ATTACH] == 1


@pytest.mark.parametrize("pool", [True, False])
@pytest.mark.parametrize("fault", ["lose_response", "lose_request", "throttle"])
def test_faults_are_waited_out_and_one_volume_is_attached(testbed: Testbed, fault: str, *, pool: bool) -> None:
    volumes = [testbed.volumes.make(tags=TAGS) for _ in range(3)]
    getattr(testbed.region.faults, fault)("ec2", ATTACH, times=2)
    (instance,) = launch(testbed, POOL if pool else {"volumes": volumes[:1]})
    testbed.finish()
    assert len(testbed.volumes.of_instance(instance)) == 1
    assert sum(bool(testbed.volumes.holders(each)) for each in volumes) == 1


@pytest.mark.parametrize("code", ["IncorrectState", "InvalidInstanceID.NotFound", "VolumeInUse"])
def test_what_cannot_be_done_yet_is_tried_again_and_said(testbed: Testbed, code: str) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    testbed.region.faults.fail("ec2", ATTACH, code=code, message="not like this")
    (instance,) = launch(testbed)
    testbed.run(4)
    assert "EC2 says: not like this" in (testbed.record().detail or "")
    testbed.finish()
    assert testbed.volumes.of_instance(instance) == {volume: "/dev/sdf"}


def test_what_is_refused_fails_the_step(testbed: Testbed) -> None:
    testbed.volumes.make(tags=TAGS)
    testbed.region.faults.fail("ec2", ATTACH, code="AttachmentLimitExceeded", message="too many volumes")
    launch(testbed)
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "too many volumes" in (testbed.record().problem or "")


def test_one_that_is_detached_before_it_is_done_is_attached_again(testbed: Testbed) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    testbed.volumes.attaching_takes = 30.0
    (instance,) = launch(testbed)
    testbed.run(10)
    with testbed.region.unobserved():
        testbed.region.client("ec2").detach_volume(VolumeId=volume, InstanceId=instance)
    testbed.finish()
    assert testbed.volumes.of_instance(instance) == {volume: "/dev/sdf"}
    assert testbed.calls("ec2")[ATTACH] == 2


def test_a_dry_run_says_what_would_be_attached_and_attaches_nothing(testbed: Testbed) -> None:
    volume = testbed.volumes.make(tags=TAGS)
    testbed.launch({"steps": [{"kind": "attach-volume", "options": POOL}], "dry_run": True})
    testbed.finish()
    assert said(testbed) == f"dry run: would attach {volume} as /dev/sdf"
    assert ATTACH not in testbed.calls("ec2")
