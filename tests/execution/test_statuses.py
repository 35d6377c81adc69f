"""What each status of each service means for an instance: a table per service, of all that AWS documents.

The simulated service works as ever; the answer alone is changed on its way, for statuses that it never comes to.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from botocore.client import BaseClient

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.dns_records import DnsRecords
from asg_lifecycle.aws.instances import Instances
from asg_lifecycle.model.record_sets import Edit, RecordSet
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.execution.conftest import Testbed

Change: TypeAlias = "Callable[[dict[str, Any]], object]"
Say: TypeAlias = "Callable[[str, Change], None]"

WAITS, DONE, FAILED = "waits", "done", "failed"


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Return what changes the answers of an operation from now on."""
    changes: dict[str, Change] = {}
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 - the one place all answers come by

    def changed(client: BaseClient, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = call(client, operation, parameters)
        changes.get(operation, _nothing)(answer)
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", changed)

    def change(operation: str, how: Change) -> None:
        changes[operation] = how

    return change


def _nothing(answer: dict[str, Any]) -> None:
    del answer


def made(testbed: Testbed, kind: str, **options: Any) -> str:
    (instance,) = testbed.group(plan={"steps": [{"kind": kind, "options": options}], "on_failure": "hold"})
    return instance


def verdict(testbed: Testbed) -> str:
    """Return how the only step stands."""
    record = testbed.record()
    if record.status == "held":
        return FAILED
    if record.step_outcomes:
        assert [outcome.outcome for outcome in record.step_outcomes] == ["done"]
        assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
        return DONE
    assert testbed.completions() == []
    return WAITS


# Run Command: GetCommandInvocation, DescribeInstanceInformation

COMMANDS = [
    ("Pending", WAITS),
    ("InProgress", WAITS),
    ("Delayed", WAITS),
    ("Cancelling", WAITS),
    ("Success", DONE),
    ("Cancelled", FAILED),
    ("TimedOut", FAILED),
    ("Failed", FAILED),
]


def commanded(testbed: Testbed, ping: str = "Online") -> str:
    instance = made(testbed, "run-command", document="AWS-RunShellScript", parameters={"commands": ["stop"]})
    testbed.run_command.manage(instance, ping)
    testbed.run_command.behave(Behaviour(never_ends=True))
    testbed.terminate(instance)
    return instance


@pytest.mark.parametrize(("status", "expected"), COMMANDS)
def test_a_command(testbed: Testbed, say: Say, status: str, expected: str) -> None:
    say("GetCommandInvocation", lambda answer: answer.update(Status=status, StatusDetails=status))
    commanded(testbed)
    testbed.run(120)
    assert verdict(testbed) == expected


@pytest.mark.one_of(3)
@pytest.mark.parametrize(("status", "expected"), COMMANDS)
def test_a_command_is_cancelled_while_it_may_run(testbed: Testbed, say: Say, status: str, expected: str) -> None:
    instance = commanded(testbed)
    testbed.run(60)
    say("GetCommandInvocation", lambda answer: answer.update(Status=status, StatusDetails=status))
    testbed.region.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName="web",
        LifecycleHookName="asg-lifecycle-terminate",
        InstanceId=instance,
        LifecycleActionResult="CONTINUE",
    )
    testbed.run(600)
    assert testbed.calls("ssm").get("CancelCommand", 0) == (1 if expected == WAITS else 0)


@pytest.mark.parametrize(("ping", "sent"), [("Online", 1), ("ConnectionLost", 0), ("Inactive", 0)])
def test_an_agent(testbed: Testbed, ping: str, sent: int) -> None:
    commanded(testbed, ping)
    testbed.run(300)
    assert testbed.calls("ssm").get("SendCommand", 0) == sent
    assert (verdict(testbed) == WAITS) is (sent == 1)


# Elastic Load Balancing: DescribeTargetHealth


def healths(state: str) -> Change:
    def change(answer: dict[str, Any]) -> None:
        for entry in answer["TargetHealthDescriptions"]:
            entry["TargetHealth"]["State"] = state

    return change


@pytest.mark.parametrize(
    ("state", "expected", "deregistered"),
    [
        ("draining", WAITS, False),
        ("unhealthy.draining", WAITS, False),
        ("initial", WAITS, True),
        ("healthy", WAITS, True),
        ("unhealthy", WAITS, True),
        ("unavailable", WAITS, True),
        ("unused", DONE, False),
    ],
)
def test_a_target_that_leaves(testbed: Testbed, say: Say, state: str, expected: str, *, deregistered: bool) -> None:
    instance = made(testbed, "deregister-targets", names=["blue"])
    testbed.target_group("blue", instance, delay=3600)
    testbed.terminate(instance)
    testbed.run(30)
    before = testbed.calls("elbv2")["DeregisterTargets"]
    say("DescribeTargetHealth", healths(state))
    testbed.run(900)
    assert verdict(testbed) == expected
    # Whatever still gets requests has been registered again, and is taken out again.
    assert (testbed.calls("elbv2")["DeregisterTargets"] > before) is deregistered


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("healthy", DONE),
        ("unused", DONE),
        ("initial", WAITS),
        ("unhealthy", WAITS),
        ("draining", WAITS),
        ("unhealthy.draining", WAITS),
        ("unavailable", WAITS),
    ],
)
def test_a_target_that_comes(testbed: Testbed, say: Say, state: str, expected: str) -> None:
    say("DescribeTargetHealth", healths(state))
    testbed.target_group("blue")
    testbed.launch({"steps": [{"kind": "register-targets", "options": {"names": ["blue"]}}]})
    testbed.run(120)
    assert verdict(testbed) == expected


# ECS: DescribeContainerInstances, DescribeTasks


@pytest.mark.parametrize(
    ("status", "expected", "drained"),
    [
        ("ACTIVE", WAITS, True),
        ("DRAINING", WAITS, False),
        ("REGISTERING", WAITS, False),
        # Whatever the status says, a task that is still listed is at work.
        ("REGISTRATION_FAILED", WAITS, False),
        ("DEREGISTERING", WAITS, False),
        ("INACTIVE", DONE, False),
    ],
)
def test_a_container_instance_that_leaves(testbed: Testbed, status: str, expected: str, *, drained: bool) -> None:
    instance = made(testbed, "drain-ecs", cluster="prod")
    there = testbed.ecs.register(instance, "prod", status=status)
    testbed.ecs.run(there, "web:17", service=None, takes=math.inf)
    testbed.terminate(instance)
    testbed.run(60)
    assert verdict(testbed) == expected
    assert ("UpdateContainerInstancesState" in testbed.calls("ecs")) is drained


@pytest.mark.parametrize(
    ("status", "connected", "expected"),
    [
        ("ACTIVE", True, DONE),
        ("ACTIVE", False, WAITS),
        ("REGISTERING", True, WAITS),
        ("REGISTRATION_FAILED", True, FAILED),
        ("DEREGISTERING", True, WAITS),
        ("INACTIVE", True, WAITS),
    ],
)
def test_a_container_instance_that_comes(testbed: Testbed, status: str, expected: str, *, connected: bool) -> None:
    instance = testbed.launch({"steps": [{"kind": "wait-for-ecs", "options": {"cluster": "prod"}}]})
    testbed.ecs.register(instance, "prod", status=status, connected=connected)
    # A failure that may pass is tried for a while before it holds.
    testbed.run(900)
    assert verdict(testbed) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("PROVISIONING", WAITS),
        ("PENDING", WAITS),
        ("ACTIVATING", WAITS),
        ("RUNNING", WAITS),
        ("DEACTIVATING", WAITS),
        ("STOPPING", WAITS),
        ("DEPROVISIONING", WAITS),
        ("STOPPED", DONE),
    ],
)
def test_a_task(testbed: Testbed, say: Say, status: str, expected: str) -> None:
    instance = made(testbed, "drain-ecs", cluster="prod")
    testbed.ecs.run(testbed.ecs.register(instance, "prod"), "web:17", service="web", takes=math.inf)
    say("DescribeTasks", lambda answer: [task.update(lastStatus=status) for task in answer["tasks"]])
    testbed.terminate(instance)
    testbed.run(60)
    assert verdict(testbed) == expected


# EC2: DescribeInstances, DescribeInstanceStatus


@pytest.mark.parametrize(
    ("state", "gone"),
    [
        ("pending", False),
        ("running", False),
        ("stopping", False),
        ("stopped", False),
        ("shutting-down", True),
        ("terminated", True),
    ],
)
def test_an_instance(testbed: Testbed, say: Say, state: str, *, gone: bool) -> None:
    (instance,) = testbed.group()

    def change(answer: dict[str, Any]) -> None:
        answer["Reservations"][0]["Instances"][0]["State"]["Name"] = state

    say("DescribeInstances", change)
    facts = Instances(Clients()).facts(instance)
    assert (facts.state, facts.gone) == (state, gone)


@pytest.mark.parametrize(
    ("system", "instance_check", "expected"),
    [
        ("ok", "ok", DONE),
        *((each, "ok", WAITS) for each in ("impaired", "initializing", "insufficient-data")),
        *(("ok", each, WAITS) for each in ("impaired", "initializing", "insufficient-data")),
        ("not-applicable", "ok", FAILED),
        ("ok", "not-applicable", FAILED),
    ],
)
def test_a_status_check(testbed: Testbed, say: Say, system: str, instance_check: str, expected: str) -> None:
    def change(answer: dict[str, Any]) -> None:
        for entry in answer["InstanceStatuses"]:
            entry["SystemStatus"]["Status"], entry["InstanceStatus"]["Status"] = system, instance_check

    say("DescribeInstanceStatus", change)
    testbed.launch({"steps": [{"kind": "wait-for-status-checks"}]})
    testbed.run(60)
    assert verdict(testbed) == expected


# CloudWatch, GetMetricData


@pytest.mark.parametrize(
    ("status", "expected"),
    [("Complete", DONE), ("PartialData", WAITS), ("InternalError", WAITS), ("Forbidden", FAILED), (None, WAITS)],
)
def test_a_metric_that_is_not_told_whole(testbed: Testbed, say: Say, status: str | None, expected: str) -> None:
    def change(answer: dict[str, Any]) -> None:
        results = answer["MetricDataResults"]
        for result in results:
            result["StatusCode"] = status
        if status is None:
            results.clear()

    say("GetMetricData", change)
    metric = {"namespace": "Workers", "name": "Busy"}
    # Without a value there is nothing to do, so an answer that leaves values out would end the step.
    options = {"metrics": {"m": metric}, "comparison": "<=", "threshold": 0, "without_values": "met"}
    testbed.terminate(made(testbed, "wait-for-metric", **options))
    testbed.run(300)
    assert verdict(testbed) == expected


# Cloud Map: GetOperation


@pytest.mark.parametrize(
    ("status", "expected"), [("SUBMITTED", WAITS), ("PENDING", WAITS), ("SUCCESS", DONE), ("FAIL", FAILED)]
)
def test_an_operation_of_cloud_map(testbed: Testbed, say: Say, status: str, expected: str) -> None:
    instance = made(testbed, "deregister-cloud-map", namespaces=["shop.internal"])
    web = testbed.cloud_map.service("web", testbed.cloud_map.namespace("shop.internal"), takes=math.inf)
    web.instances = {instance: {"AWS_INSTANCE_IPV4": "10.9.9.9"}}

    def change(answer: dict[str, Any]) -> None:
        answer["Operation"]["Status"] = status
        if status == "SUCCESS":
            web.instances.clear()

    say("GetOperation", change)
    testbed.terminate(instance)
    testbed.run(900)
    assert verdict(testbed) == expected


# Route 53: GetChange


@pytest.mark.parametrize(("status", "known"), [("PENDING", False), ("INSYNC", True)])
def test_a_change_of_route_53(testbed: Testbed, say: Say, status: str, *, known: bool) -> None:
    added = RecordSet({"Name": "web.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]})
    records = DnsRecords(Clients())
    change = records.submit(testbed.dns.zone().id, [Edit(None, added)], "a test").change
    say("GetChange", lambda answer: answer["ChangeInfo"].update(Status=status))
    assert records.in_sync(change or "") is known


# Kubernetes: phases of pods, the condition Ready of a node


@pytest.mark.parametrize(
    ("phase", "expected"),
    [("Pending", WAITS), ("Running", WAITS), ("Unknown", WAITS), ("Succeeded", DONE), ("Failed", DONE)],
)
def test_a_pod(testbed: Testbed, phase: str, expected: str) -> None:
    instance = made(testbed, "drain-kubernetes", cluster="production")
    cluster = testbed.kubernetes.cluster()
    cluster.run(cluster.join(instance), "web", takes=math.inf, phase=phase)
    testbed.terminate(instance)
    testbed.run(60)
    assert verdict(testbed) == expected
