"""When many drains are stopped by the same error, nothing is released because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}


def draining(stage: Stage, count: int, *, on_failure: str, apart: float = 2) -> list[str]:
    plan: Any = {"steps": [COMMAND], "on_failure": on_failure}
    instances = stage.group(count, plan=plan)
    for instance in instances:
        stage.run_command.manage(instance)
    stage.run_command.behave(Behaviour(duration=20))
    for instance in instances:
        stage.terminate(instance)
        stage.run(apart)
    return instances


def notices(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("outage: ")]


@pytest.mark.parametrize("on_failure", ["continue", "abandon"])
def test_a_permission_that_is_gone_releases_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture, on_failure: str
) -> None:
    stage.region.faults.deny("ssm", "SendCommand")
    draining(stage, 8, on_failure=on_failure)
    stage.run(3600)

    assert stage.completions() == []
    details = [record.detail or "" for record in stage.deployment.records()]
    assert all("drains of this stack are stopped by ssm:SendCommand AccessDenied since" in detail for detail in details)
    assert len(notices(caplog)) == 1
    stage.region.faults.allow("ssm", "SendCommand")
    stage.finish()
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"] * 8
    assert all(len(stage.run_command.runs(entry.instance)) == 1 for entry in stage.log(LogKind.COMPLETED))


@pytest.mark.parametrize(("on_failure", "result"), [("continue", "CONTINUE"), ("abandon", "ABANDON")])
def test_the_trouble_of_a_few_is_their_own(stage: Stage, on_failure: str, result: str) -> None:
    stage.region.faults.deny("ssm", "SendCommand")
    draining(stage, 3, on_failure=on_failure)
    stage.finish()

    assert stage.completions() == [f"{result} CompleteLifecycleAction"] * 3
    assert stage.elapsed < 90


def test_drains_apart_in_time_are_no_outage(stage: Stage) -> None:
    stage.region.faults.deny("ssm", "SendCommand")
    draining(stage, 6, on_failure="continue", apart=700)
    stage.finish()

    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"] * 6


def test_a_dependency_that_is_down_is_said_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.region.faults.fail("ssm", "DescribeInstanceInformation", code="InternalServerError", status=500, times=400)
    draining(stage, 6, on_failure="abandon")
    stage.run(1800)

    assert stage.completions() == []
    assert len(notices(caplog)) == 1
    assert "ssm:DescribeInstanceInformation InternalServerError" in notices(caplog)[0]


def test_a_second_outage_after_a_quiet_time_is_said_again(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    plan: Any = {"steps": [COMMAND], "on_failure": "continue"}
    instances = stage.group(12, plan=plan)
    for instance in instances:
        stage.run_command.manage(instance)
    for first, said in ((0, 1), (6, 2)):
        stage.region.faults.deny("ssm", "SendCommand")
        for instance in instances[first : first + 6]:
            stage.terminate(instance)
        stage.run(300)
        assert len(notices(caplog)) == said
        stage.region.faults.allow("ssm", "SendCommand")
        stage.finish()
        stage.run(1300)
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"] * 12


def test_when_outages_cannot_be_counted_the_instances_are_kept(stage: Stage) -> None:
    stage.region.faults.deny("ssm", "SendCommand")
    draining(stage, 1, on_failure="continue")
    stage.region.faults.deny("dynamodb", "UpdateItem")
    stage.run(600)

    assert stage.completions() == []
