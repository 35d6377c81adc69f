"""Nodes are Ready before their instances are in service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.kubernetes.cluster import Cluster
    from tests.execution.conftest import Testbed


def launch(testbed: Testbed, *, dry_run: bool = False, **options: Any) -> tuple[str, Cluster]:
    testbed.autoscaling.create_group("web", capacity=0, max_size=5)
    step = {"kind": "wait-for-kubernetes", "options": {"cluster": "production", **options}, "timeout": "30m"}
    metadata = json.dumps({"plan": {"steps": [step], "dry_run": dry_run}})
    testbed.autoscaling.put_hook(
        "web", "asg-lifecycle-launch", "LAUNCHING", HeartbeatTimeout=300, NotificationMetadata=metadata
    )
    cluster = testbed.kubernetes.cluster()
    testbed.autoscaling.scale("web", 1)
    (instance,) = testbed.autoscaling.instances("web")
    return instance, cluster


def test_a_node_is_waited_for_until_it_is_ready(testbed: Testbed) -> None:
    instance, cluster = launch(testbed)
    testbed.run(60)
    assert testbed.record().detail == (
        f"wait-for-kubernetes: waiting for instance {instance} to join cluster production"
    )
    node = cluster.join(instance, ready=False, taints=("node.kubernetes.io/not-ready", "team"))
    testbed.run(60)
    detail = testbed.record().detail or ""
    assert "Ready is False: container runtime network not ready, since 2100-01-01T00:01:00Z; " in detail
    assert detail.endswith("taints node.kubernetes.io/not-ready are left")
    node.ready = True
    testbed.run(60)
    assert testbed.record().status is Status.WORKING
    node.taints = [taint for taint in node.taints if taint["key"] == "team"]
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.record().step_outcomes[0].detail == f"node {node.name} of cluster production is Ready"


def test_taints_of_the_plan_have_to_be_gone_too(testbed: Testbed) -> None:
    instance, cluster = launch(testbed, startup_taints=["node.cilium.io/agent-not-ready"])
    node = cluster.join(instance, taints=("node.cilium.io/agent-not-ready",))
    testbed.run(60)
    assert "taints node.cilium.io/agent-not-ready are left" in (testbed.record().detail or "")
    node.taints = []
    testbed.finish()


def test_a_node_that_we_cordoned_is_uncordoned(testbed: Testbed) -> None:
    instance, cluster = launch(testbed)
    node = cluster.join(instance)
    node.unschedulable = True
    node.annotations["asg-lifecycle/cordoned"] = "true"
    node.annotations["asg-lifecycle/excluded-from-load-balancers"] = "true"
    node.labels["node.kubernetes.io/exclude-from-external-load-balancers"] = "true"
    node.labels["team"] = "blue"
    testbed.finish()
    assert (node.unschedulable, node.annotations, node.labels) == (False, {}, {"team": "blue"})


def test_a_node_that_somebody_else_cordoned_stays_so(testbed: Testbed) -> None:
    instance, cluster = launch(testbed)
    node = cluster.join(instance)
    node.unschedulable = True
    testbed.finish()
    assert node.unschedulable


def test_one_that_never_joins_fails_when_its_time_is_over(testbed: Testbed) -> None:
    launch(testbed)
    testbed.run(2000)
    record = testbed.record()
    assert record.status is Status.HELD
    assert "not done within 30m" in (record.problem or "")


def test_a_dry_run_says_how_the_node_is(testbed: Testbed) -> None:
    launch(testbed, dry_run=True)
    testbed.finish()
    assert "now: it has not joined" in testbed.record().step_outcomes[0].detail
