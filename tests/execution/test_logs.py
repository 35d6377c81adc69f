from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.observer import KEYS
from asg_lifecycle_simulator.deployment.metric_lines import data_of
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

REFUSED = Fault(FaultKind.REFUSED, "InternalServerError", "InternalServerError", 500)
DEREGISTER = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the sums of what is counted and no time, under the dimensions of the stack."""
    totals: dict[str, float] = {}
    for datum in data_of(capsys.readouterr().out.splitlines()):
        assert datum.namespace == "AsgLifecycle"
        if datum.unit == "Count":
            assert dict(datum.dimensions) == {"service": "asg-lifecycle", "stack": "local"}
            totals[datum.name] = totals.get(datum.name, 0) + sum(datum.values)
    return totals


def drained(testbed: Testbed) -> str:
    (instance,) = testbed.group(plan=DEREGISTER, heartbeat=300)
    testbed.target_group("blue", instance, delay=300)
    testbed.terminate(instance)
    testbed.finish()
    return instance


def test_every_occurrence_is_counted_once_whatever_is_replayed(
    testbed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    drained(testbed)
    beats = len(testbed.beats())

    assert len(testbed.execution.invocations) > 5
    found = metrics(capsys)
    assert found.pop("DurableOperations") >= testbed.execution.metered_operations
    assert found == {"ActionsClaimed": 1, "Heartbeats": beats, "ActionsCompleted": 1}


def test_a_sentence_is_logged_once_with_the_keys_of_its_action(
    testbed: Testbed, caplog: pytest.LogCaptureFixture
) -> None:
    drained(testbed)
    said = [record for record in caplog.records if record.name == "asg-lifecycle"]
    messages = [record.getMessage() for record in said]

    assert len(messages) == len(set(messages))
    steps: list[Any] = [record.__dict__["step"] for record in said]
    assert steps == ["", "", "deregister-targets", "deregister-targets", "", ""]


def test_an_event_that_is_ignored_is_not_logged_under_the_action_before(testbed: Testbed) -> None:
    drained(testbed)
    logger = testbed.deployment.observer.logger
    assert set(KEYS) <= set(logger.get_current_keys())
    testbed.deployment.start({"source": "aws.ec2"})
    testbed.run(1)

    assert set(KEYS) & set(logger.get_current_keys()) == set()


def test_a_record_that_could_not_be_written_is_logged_and_written_at_the_next_poll(
    testbed: Testbed, caplog: pytest.LogCaptureFixture
) -> None:
    (instance,) = testbed.group(plan=DEREGISTER, heartbeat=300)
    testbed.target_group("blue", instance, delay=300)
    testbed.terminate(instance)
    testbed.run(10)
    before = testbed.record().detail_at
    testbed.region.faults.stand("dynamodb", "UpdateItem", REFUSED)
    testbed.run(330)
    # The work has ended, so this is the record of its end; that of the finish names no step.
    said = [record for record in caplog.records if record.getMessage().startswith("the record could not be written: ")]
    assert "deregister-targets" in {record.__dict__["step"] for record in said}
    assert testbed.record().detail_at == before
    testbed.region.faults.allow("dynamodb", "UpdateItem")
    testbed.finish()

    assert testbed.record().status == "completed"


def test_an_instance_that_cannot_be_described_is_logged(testbed: Testbed, caplog: pytest.LogCaptureFixture) -> None:
    testbed.region.faults.deny("ec2", "DescribeInstances")
    drained(testbed)
    words = "the instance could not be described: permission ec2:DescribeInstances is missing"
    assert any(message.startswith(words) for message in caplog.messages)


def test_metrics_are_written_where_only_errors_are_logged(
    testbed: Testbed, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", logger="asg-lifecycle")
    drained(testbed)

    assert metrics(capsys)["ActionsCompleted"] == 1
    assert [record for record in caplog.records if record.name == "asg-lifecycle"] == []


@pytest.mark.parametrize(("events", "missed"), [(True, 0), (False, 1)])
def test_an_end_that_no_event_told_of_is_counted(
    testbed: Testbed, capsys: pytest.CaptureFixture[str], *, events: bool, missed: int
) -> None:
    if not events:
        testbed.region.events.deliveries = lambda event: (1.0,) if event["source"] == "aws.autoscaling" else ()
    command = {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}
    (instance,) = testbed.group(plan={"steps": [{"kind": "run-command", "options": command}]})
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=600))
    testbed.terminate(instance)
    testbed.finish()

    assert metrics(capsys).get("SignalsMissed", 0) == missed
