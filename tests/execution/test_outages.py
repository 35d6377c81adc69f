"""When many drains are stopped by the same error, nothing is released because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}


def draining(testbed: Testbed, count: int, *, on_failure: str, apart: float = 2) -> list[str]:
    plan: Any = {"steps": [COMMAND], "on_failure": on_failure}
    # Outages are reported with the looks of the steps, and heartbeats would be most of what happens.
    instances = testbed.group(count, plan=plan, heartbeat=3600)
    for instance in instances:
        testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=20))
    for instance in instances:
        testbed.terminate(instance)
        testbed.run(apart)
    return instances


def notices(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("outage: ")]


def test_a_permission_that_is_gone_releases_nothing(testbed: Testbed, caplog: pytest.LogCaptureFixture) -> None:
    testbed.region.faults.deny("ssm", "SendCommand")
    draining(testbed, 5, on_failure="continue")
    # More than twice as long as drains that fail are counted together.
    testbed.run(1300)

    assert testbed.completions() == []
    details = [record.detail or "" for record in testbed.deployment.records()]
    assert all("drains of this stack are stopped by ssm:SendCommand AccessDenied since" in detail for detail in details)
    assert len(notices(caplog)) == 1
    testbed.region.faults.allow("ssm", "SendCommand")
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 5
    assert all(len(testbed.run_command.runs(entry.instance)) == 1 for entry in testbed.log(LogKind.COMPLETED))


@pytest.mark.parametrize(("on_failure", "result"), [("continue", "CONTINUE"), ("abandon", "ABANDON")])
def test_the_trouble_of_a_few_is_their_own(testbed: Testbed, on_failure: str, result: str) -> None:
    testbed.region.faults.deny("ssm", "SendCommand")
    draining(testbed, 3, on_failure=on_failure)
    testbed.finish()

    assert testbed.completions() == [f"{result} CompleteLifecycleAction"] * 3
    assert testbed.elapsed < 90


def test_drains_apart_in_time_are_no_outage(testbed: Testbed) -> None:
    testbed.region.faults.deny("ssm", "SendCommand")
    draining(testbed, 6, on_failure="continue", apart=700)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 6


def test_a_dependency_that_is_down_is_said_once(testbed: Testbed, caplog: pytest.LogCaptureFixture) -> None:
    testbed.region.faults.fail("ssm", "DescribeInstanceInformation", code="InternalServerError", status=500, times=400)
    draining(testbed, 5, on_failure="abandon")
    testbed.run(900)

    assert testbed.completions() == []
    assert len(notices(caplog)) == 1
    assert "ssm:DescribeInstanceInformation InternalServerError" in notices(caplog)[0]


def test_a_second_outage_after_a_quiet_time_is_said_again(testbed: Testbed, caplog: pytest.LogCaptureFixture) -> None:
    plan: Any = {"steps": [COMMAND], "on_failure": "continue"}
    instances = testbed.group(10, plan=plan, heartbeat=3600)
    for instance in instances:
        testbed.run_command.manage(instance)
    for first, said in ((0, 1), (5, 2)):
        testbed.region.faults.deny("ssm", "SendCommand")
        for instance in instances[first : first + 5]:
            testbed.terminate(instance)
        testbed.run(300)
        assert len(notices(caplog)) == said
        testbed.region.faults.allow("ssm", "SendCommand")
        testbed.finish()
        testbed.run(700)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 10


def test_when_outages_cannot_be_counted_the_instances_are_kept(testbed: Testbed) -> None:
    testbed.region.faults.deny("ssm", "SendCommand")
    draining(testbed, 1, on_failure="continue")
    testbed.region.faults.deny("dynamodb", "UpdateItem")
    testbed.run(600)

    assert testbed.completions() == []


DEREGISTER = {"kind": "deregister-targets", "options": {"names": ["blue"]}}
LOOK = ("elbv2", "DescribeTargetHealth")


def looks(testbed: Testbed) -> list[float]:
    return [call.time for call in testbed.region.requests if call.operation == "DescribeTargetHealth"]


def deregistering(testbed: Testbed, step: dict[str, Any], delay: int = 200) -> str:
    (instance,) = testbed.group(plan={"steps": [step], "on_failure": "abandon"})
    testbed.target_group("blue", instance, delay=delay)
    testbed.terminate(instance)
    testbed.run(15)
    return instance


def test_a_wait_that_is_throttled_for_a_moment_writes_no_record(testbed: Testbed) -> None:
    deregistering(testbed, DEREGISTER)
    before = testbed.record()
    written = testbed.calls("dynamodb")["UpdateItem"]
    testbed.region.faults.throttle(*LOOK, times=3)
    testbed.run(60)

    assert testbed.region.faults.met["Throttling"] == 3
    assert testbed.record() == before
    assert testbed.calls("dynamodb")["UpdateItem"] == written


def test_moments_without_an_answer_are_recorded_when_they_have_become_a_minute(testbed: Testbed) -> None:
    deregistering(testbed, DEREGISTER, delay=900)
    for _ in range(4):
        testbed.region.faults.throttle(*LOOK, times=2)
        testbed.run(150)

    (step,) = testbed.record().present_steps
    assert step.blocked_seconds >= 60
    assert testbed.record().problem is None


def test_a_wait_that_is_throttled_for_longer_says_so(testbed: Testbed) -> None:
    deregistering(testbed, DEREGISTER)
    testbed.region.faults.throttle(*LOOK, times=8)
    testbed.run(130)

    assert "elasticloadbalancing:DescribeTargetHealth failed" in (testbed.record().problem or "")
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_moments_without_an_answer_count_against_no_timeout(testbed: Testbed) -> None:
    deregistering(testbed, DEREGISTER | {"timeout": "150s"})
    for _ in range(4):
        testbed.region.faults.throttle(*LOOK, times=2)
        testbed.run(40)
    testbed.finish()

    # The targets drain for 200 s. Without the moments the step's time would be over before.
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_what_took_long_to_be_answered_is_not_asked_again_at_once(testbed: Testbed) -> None:
    deregistering(testbed, DEREGISTER)
    testbed.region.faults.throttle(*LOOK, times=3)
    first = len(looks(testbed))
    testbed.run(200)
    stopped, *_, answered, then = looks(testbed)[first : first + 5]

    assert answered - stopped > 10
    assert then - answered >= min(60, 2 * (answered - stopped))
