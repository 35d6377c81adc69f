"""A node is found however its cluster names it, and where that is impossible the instance is kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.blockers import BlockerKind
from asg_lifecycle.model.records import Status, blockers_of

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.kubernetes.cluster import Cluster
    from asg_lifecycle_simulator.services.kubernetes.objects import Node
    from tests.execution.conftest import Testbed

EVERYTHING = [{"operator": "Exists"}]


def group(testbed: Testbed, **options: Any) -> tuple[str, Cluster]:
    steps = [{"kind": "drain-kubernetes", "options": {"cluster": "production", **options}}]
    (instance,) = testbed.group(heartbeat=7200, plan={"steps": steps})
    return instance, testbed.kubernetes.cluster()


def described(testbed: Testbed, instance: str) -> dict[str, Any]:
    with testbed.region.unobserved():
        found = testbed.region.client("ec2").describe_instances(InstanceIds=[instance])
    return dict(found["Reservations"][0]["Instances"][0])


def address(testbed: Testbed, instance: str) -> str:
    return str(described(testbed, instance)["PrivateIpAddress"])


def tag(testbed: Testbed, instance: str, **tags: str) -> None:
    written = [{"Key": f"kubernetes.io/cluster/{name}", "Value": value} for name, value in tags.items()]
    with testbed.region.unobserved():
        testbed.region.client("ec2").create_tags(Resources=[instance], Tags=written)


def foreign(cluster: Cluster, instance: str, *, name: str, held: str | None = None, provider_id: str = "") -> Node:
    """Let an instance join a cluster that has no cloud provider."""
    node = cluster.join(instance)
    del cluster.nodes[node.name]
    node.name, node.provider_id = name, provider_id
    node.addresses = [("InternalIP", held)] if held is not None else []
    cluster.nodes[name] = node
    return node


@pytest.mark.parametrize("provider_id", ["k3s://web-1", "rke2://web-1", "", "aws:////{instance}"])
def test_a_node_whose_provider_id_is_not_that_of_aws_is_drained(testbed: Testbed, provider_id: str) -> None:
    instance, cluster = group(testbed)
    here = foreign(
        cluster,
        instance,
        name="web-1",
        held=address(testbed, instance),
        provider_id=provider_id.format(instance=instance),
    )
    (pod,) = cluster.run(here, "web", takes=25)
    testbed.terminate(instance)
    testbed.run(15)
    assert testbed.autoscaling.instance_state(instance) == "Terminating:Wait"
    assert pod.told_at is not None
    testbed.run(60)
    assert cluster.on(here) == []
    assert testbed.record().status is Status.COMPLETED


def test_a_node_of_another_instance_that_has_our_address_is_left_alone(testbed: Testbed) -> None:
    instance, cluster = group(testbed)
    there = cluster.join("i-0fedcba9876543210")
    there.addresses = [("InternalIP", address(testbed, instance))]
    (pod,) = cluster.run(there, "web")
    testbed.terminate(instance)
    testbed.run(60)
    assert testbed.record().step_outcomes[0].detail == f"instance {instance} is no node of cluster production"
    assert (pod.told_at, there.unschedulable) == (None, False)


def test_two_nodes_with_the_address_hold_the_instance(testbed: Testbed) -> None:
    instance, cluster = group(testbed)
    nodes = [foreign(cluster, instance, name=name, held=address(testbed, instance)) for name in ("old", "new")]
    testbed.terminate(instance)
    testbed.run(60)
    record = testbed.record()
    assert record.status is Status.HELD
    assert f"nodes new, old of cluster production all have an address or name of instance {instance}" in (
        record.problem or ""
    )
    assert not any(node.unschedulable for node in nodes)


def test_a_node_that_tells_no_address_yet_is_waited_for(testbed: Testbed) -> None:
    instance, cluster = group(testbed)
    here = foreign(cluster, instance, name="web-1", provider_id="k3s://web-1")
    (pod,) = cluster.run(here, "web", takes=25)
    testbed.terminate(instance)
    testbed.run(120)
    record = testbed.record()
    assert record.status is Status.WORKING
    assert "it cannot be told whether" in (record.detail or "")
    assert [(each.kind, each.name) for each in blockers_of(record)] == [(BlockerKind.NODE, "web-1")]
    here.addresses = [("InternalIP", address(testbed, instance))]
    testbed.run(120)
    assert pod.told_at is not None
    assert testbed.record().status is Status.COMPLETED


def test_an_instance_whose_addresses_are_gone_is_no_reason_to_touch_or_wait_for_a_node(testbed: Testbed) -> None:
    instance, cluster = group(testbed)
    here = foreign(cluster, instance, name="web-1", held=address(testbed, instance))
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.run(60)
    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.status is Status.COMPLETED
    assert "runs no pods" in record.step_outcomes[0].detail
    assert not here.unschedulable


def test_of_two_cluster_tags_the_owner_is_drained(testbed: Testbed) -> None:
    (instance,) = testbed.group(heartbeat=7200, plan={"steps": [{"kind": "drain-kubernetes"}]})
    tag(testbed, instance, alpha="shared", beta="owned")
    alpha, beta = testbed.kubernetes.cluster("alpha"), testbed.kubernetes.cluster("beta")
    alpha.join("i-0fedcba9876543210")
    (pod,) = beta.run(beta.join(instance), "web")
    testbed.terminate(instance)
    testbed.run(60)
    assert pod.told_at is not None
    assert testbed.record().step_outcomes[0].detail.endswith("of cluster beta is drained")
    assert "alpha" not in testbed.kubernetes.apis or not testbed.kubernetes.apis["alpha"].asked


@pytest.mark.parametrize("joined", ["alpha", "beta"])
def test_of_two_clusters_that_own_the_instance_each_is_looked_into(testbed: Testbed, joined: str) -> None:
    (instance,) = testbed.group(heartbeat=7200, plan={"steps": [{"kind": "drain-kubernetes"}]})
    tag(testbed, instance, alpha="owned", beta="owned")
    clusters = {name: testbed.kubernetes.cluster(name) for name in ("alpha", "beta")}
    here = clusters[joined].join(instance)
    clusters[joined].run(here, "web", takes=25)
    testbed.terminate(instance)
    testbed.run(10)
    assert testbed.record().status is Status.WORKING
    testbed.run(60)
    assert clusters[joined].on(here) == []
    (outcome,) = testbed.record().step_outcomes
    (other,) = {"alpha", "beta"} - {joined}
    assert f"node {here.name} of cluster {joined} is drained" in outcome.detail
    assert f"instance {instance} is no node of cluster {other}" in outcome.detail


def test_one_of_several_clusters_that_cannot_be_read_keeps_the_instance(testbed: Testbed) -> None:
    (instance,) = testbed.group(heartbeat=7200, plan={"steps": [{"kind": "drain-kubernetes"}]})
    tag(testbed, instance, alpha="owned", beta="owned")
    alpha, beta = testbed.kubernetes.cluster("alpha"), testbed.kubernetes.cluster("beta")
    alpha.down = True
    (pod,) = beta.run(beta.join(instance), "web")
    testbed.terminate(instance)
    testbed.run(600)
    assert pod.told_at is not None
    assert testbed.autoscaling.instance_state(instance) == "Terminating:Wait"
    alpha.down = False
    testbed.run(600)
    assert testbed.record().status is Status.COMPLETED


def test_a_cluster_of_a_tag_that_eks_does_not_know_holds_the_instance(testbed: Testbed) -> None:
    (instance,) = testbed.group(heartbeat=7200, plan={"steps": [{"kind": "drain-kubernetes"}]})
    tag(testbed, instance, **{"web.k8s.local": "owned"})
    testbed.terminate(instance)
    testbed.run(60)
    record = testbed.record()
    assert record.status is Status.HELD
    assert "there is no EKS cluster web.k8s.local" in (record.problem or "")
    assert "give the step endpoint, certificate_authority and token_parameter" in (record.problem or "")


def test_a_cluster_that_is_deleted_while_its_node_is_drained_is_done(testbed: Testbed) -> None:
    instance, cluster = group(testbed)
    cluster.run(cluster.join(instance), "web", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(60)
    testbed.region.faults.fail("eks", "DescribeCluster", code="ResourceNotFoundException", status=404)
    testbed.run(900)
    assert "was deleted since" in testbed.record().step_outcomes[0].detail


def test_a_pod_that_terminates_already_is_told_again_once_it_is_forced(testbed: Testbed) -> None:
    instance, cluster = group(testbed, force_after="10m", grace="10s")
    here = cluster.join(instance)
    (pod,) = cluster.run(here, "database", takes=7200)
    pod.told_at, pod.grace = testbed.timeline.now(), 7200
    testbed.terminate(instance)
    testbed.run(540)
    assert cluster.on(here) == [pod]
    testbed.run(240)
    assert cluster.on(here) == []
    assert testbed.record().status is Status.COMPLETED
    assert testbed.kubernetes.apis["production"].asked["delete pods"] == 1


@pytest.mark.parametrize("skip", [None, "5m"])
def test_pods_of_a_host_that_died_are_waited_for_unless_the_plan_says_otherwise(
    testbed: Testbed, skip: str | None
) -> None:
    options = {"skip_overdue_after": skip} if skip is not None else {}
    instance, cluster = group(testbed, **options)
    here = cluster.join(instance)
    (pod,) = cluster.run(here, "web")
    cluster.die(here)
    died = "2100-01-01T00:00:00Z"
    testbed.terminate(instance)
    testbed.run(200)
    record = testbed.record()
    assert f"the node is not ready: Ready is Unknown: Kubelet stopped posting node status., since {died}" in (
        record.detail or ""
    )
    assert {each.kind for each in blockers_of(record)} == {BlockerKind.NODE, BlockerKind.POD}
    testbed.run(700)
    record = testbed.record()
    if skip is None:
        assert record.status is Status.WORKING
    else:
        assert record.status is Status.COMPLETED
        assert (
            f"overdue by 5m on a node that is not ready: 1 pod: {pod.namespace}/{pod.name}"
            in record.step_outcomes[0].detail
        )


def test_on_a_node_that_is_ready_an_overdue_pod_is_waited_for(testbed: Testbed) -> None:
    instance, cluster = group(testbed, skip_overdue_after="5m")
    cluster.run(cluster.join(instance), "web", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(1_200)
    assert testbed.record().status is Status.WORKING


@pytest.mark.parametrize("returning", ["wait", "ignore"])
def test_pods_that_come_back_are_named_and_not_evicted_again_and_again(testbed: Testbed, returning: str) -> None:
    instance, cluster = group(testbed, returning_pods=returning)
    here = cluster.join(instance)
    cluster.run(here, "agent", tolerations=EVERYTHING, replaced_after=1)
    testbed.run(5)
    testbed.terminate(instance)
    testbed.run(1_200)
    assert testbed.kubernetes.apis["production"].asked["create pods/eviction"] == 1
    (back,) = cluster.on(here)
    record = testbed.record()
    said = f"{back.namespace}/{back.name} of ReplicaSet agent tolerates every taint"
    if returning == "wait":
        assert record.status is Status.WORKING
        assert said in (record.detail or "")
        assert [each.reason for each in blockers_of(record)] == [said]
        cluster.pods.clear()
        testbed.run(600)
    else:
        assert said in record.step_outcomes[0].detail
    assert testbed.record().status is Status.COMPLETED
