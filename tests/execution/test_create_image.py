from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from asg_lifecycle.model.messages import Resume, Skip
from asg_lifecycle.model.snapshots import IMAGE_STAGES
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.snapshots.model import Copying
from tests.execution.service_enums import values_of

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.snapshots.model import Made
    from tests.execution.conftest import Testbed

PLANS = Path(__file__).parents[2] / "plans"

STATES = values_of("ec2", "ImageState")


def image_plan(**options: Any) -> dict[str, Any]:
    return {"steps": [{"kind": "create-image", "options": options}]}


def drained(testbed: Testbed, **options: Any) -> str:
    (instance,) = testbed.group(plan=image_plan(**options))
    testbed.terminate(instance)
    return instance


def images(testbed: Testbed, instance: str) -> list[Made]:
    return testbed.snapshots.images_of(instance)


def test_an_image_is_available_before_the_instance_goes(testbed: Testbed) -> None:
    testbed.snapshots.imaging.takes = 700
    instance = drained(testbed, tags={"Team": "blue"}, description="last of {group}")
    testbed.finish()

    (image,) = images(testbed, instance)
    record = testbed.record()
    assert image.name == f"web {instance} {record.token}/1"
    assert image.rebooted is False
    assert image.description == "last of web"
    assert image.tags == {
        "Team": "blue",
        "asg-lifecycle:action": f"{record.token}/1",
        "asg-lifecycle:group": "web",
        "asg-lifecycle:instance": instance,
    }
    assert image.state(testbed.timeline.now()) == "available"
    assert testbed.log(LogKind.COMPLETED)[0].time >= image.ready_at
    assert record.step_outcomes[0].detail == f"image {image.id} ({image.name}) is available"


def test_its_instance_is_rebooted_only_where_the_plan_says_so(testbed: Testbed) -> None:
    instance = drained(testbed, reboot=True)
    testbed.finish()

    assert [image.rebooted for image in images(testbed, instance)] == [True]


def test_accepted_is_enough_where_the_plan_says_so_and_it_fails_with_the_instance(testbed: Testbed) -> None:
    testbed.snapshots.imaging.takes = 10_000
    instance = drained(testbed, wait=False)
    testbed.finish()
    (image,) = images(testbed, instance)
    assert testbed.record().step_outcomes[0].detail == f"image {image.id} ({image.name}) was accepted"

    testbed.run(600)
    assert image.state(testbed.timeline.now()) == "failed"


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_an_image_is_known(state: str) -> None:
    assert state in IMAGE_STAGES


@pytest.mark.parametrize("state", [*IMAGE_STAGES, "archived", ""])
def test_only_an_available_image_lets_the_instance_go(testbed: Testbed, state: str) -> None:
    testbed.snapshots.imaging = Copying(takes=20, ends=state, message="Server.InternalError: try again")
    drained(testbed)
    testbed.run(300)

    assert bool(testbed.completions()) == (state in {"available", "disabled"})
    if state in {"invalid", "deregistered", "failed", "error"}:
        assert testbed.record().status == "held"
        assert f"is {state}, Server.InternalError: try again" in (testbed.record().problem or "")
    elif state not in {"available", "disabled"}:
        (step,) = testbed.record().present_steps
        progress: Any = step.progress
        assert testbed.record().status == "working"
        assert [blocker.kind for blocker in progress.blockers] == ["image"]
        unknown = f"whose state {state!r} is not known" in (testbed.record().detail or "")
        assert unknown == (state in {"archived", ""})


@pytest.mark.parametrize("shown_after", [0, 3, 40, 200])
def test_a_lost_answer_is_found_by_the_name(testbed: Testbed, shown_after: float) -> None:
    testbed.snapshots.imaging.shown_after = shown_after
    testbed.region.faults.lose_response("ec2", "CreateImage")
    instance = drained(testbed)
    testbed.finish()

    (image,) = images(testbed, instance)
    assert testbed.record().step_outcomes[0].detail == f"image {image.id} ({image.name}) is available"


def test_a_name_that_is_taken_by_what_never_shows_fails_the_step(testbed: Testbed) -> None:
    testbed.snapshots.imaging.shown_after = 100_000
    testbed.region.faults.lose_response("ec2", "CreateImage")
    instance = drained(testbed)
    testbed.run(900)

    assert testbed.record().status == "held"
    assert "already, and does not show it" in (testbed.record().problem or "")
    assert len(images(testbed, instance)) == 1


def test_a_name_that_another_action_gave_is_not_taken_for_ours(testbed: Testbed) -> None:
    testbed.region.faults.lose_response("ec2", "CreateImage")
    instance = drained(testbed)
    testbed.run(2)
    (image,) = images(testbed, instance)
    image.tags["asg-lifecycle:action"] = "of-another/1"
    testbed.run(60)

    assert testbed.record().status == "held"
    assert "asg-lifecycle:action=of-another/1: rename it" in (testbed.record().problem or "")


def test_an_image_that_somebody_deregisters_fails_the_step(testbed: Testbed) -> None:
    testbed.snapshots.imaging.takes = 10_000
    drained(testbed)
    testbed.run(60)
    testbed.snapshots.images.clear()
    testbed.run(900)

    assert testbed.record().status == "held"
    assert "cannot be found any more" in (testbed.record().problem or "")


def test_a_new_attempt_makes_a_new_image(testbed: Testbed) -> None:
    testbed.snapshots.imaging = Copying(takes=20, ends="failed")
    instance = drained(testbed)
    testbed.run(200)
    testbed.snapshots.imaging = Copying(ends="available")
    testbed.deployment.send_message(testbed.record(), Resume())
    testbed.finish()

    first, second = images(testbed, instance)
    assert second.name == f"{first.name}/2"


def test_an_image_stays_when_the_step_is_skipped(testbed: Testbed) -> None:
    testbed.snapshots.imaging.takes = 10_000
    instance = drained(testbed)
    testbed.run(60)
    testbed.deployment.send_message(testbed.record(), Skip())
    testbed.finish()

    (image,) = images(testbed, instance)
    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert f"image {image.id} stays: EC2 makes it available" in record.step_outcomes[0].detail


def test_an_instance_that_goes_while_its_image_is_made_is_not_kept(testbed: Testbed) -> None:
    testbed.snapshots.imaging.takes = 10_000
    instance = drained(testbed)
    testbed.run(60)
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.run(900)

    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.status == "completed"
    detail = record.step_outcomes[0].detail
    assert detail.startswith("given up, the instance is gone: image ami-")
    assert "Client.InstanceTerminated" in detail


def test_a_dry_run_makes_nothing_and_says_what(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={**image_plan(name="{group}"), "dry_run": True})
    testbed.terminate(instance)
    testbed.finish()

    assert images(testbed, instance) == []
    said = testbed.record().step_outcomes[0].detail
    assert f"/1' of instance {instance}, without a reboot, and wait until it is available" in said


def test_a_group_whose_name_no_image_may_have(testbed: Testbed) -> None:
    instance = drained(testbed, name="Größe: {instance} " + "x" * 200)
    testbed.finish()

    (image,) = images(testbed, instance)
    assert image.name.startswith(f"Gr--e- {instance} xxx")
    assert len(image.name) == 128


@pytest.mark.parametrize("ends", ["available", "failed"])
def test_the_plan_of_the_guide(testbed: Testbed, ends: str) -> None:
    testbed.snapshots.imaging = Copying(takes=300, ends=ends)
    plan = yaml.safe_load((PLANS / "image-before-termination.yaml").read_text(encoding="utf-8"))
    (instance,) = testbed.group(plan=plan, heartbeat=900)
    testbed.terminate(instance)
    testbed.finish()

    (image,) = images(testbed, instance)
    assert image.name.startswith(f"autopsy web {instance} ")
    assert image.tags["Purpose"] == "autopsy"
    assert image.ready_at <= testbed.log(LogKind.COMPLETED)[0].time
    assert testbed.record().step_outcomes[0].outcome == ("done" if ends == "available" else "failed")
