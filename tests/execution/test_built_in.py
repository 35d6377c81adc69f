"""Hooks that name no plan: what the instance is decides, and finding it out costs the same for one and for many."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.model.records import Status
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import Parameters
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.services.status_checks import Checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asg_lifecycle.model.records import Record

HOOK = "asg-lifecycle-terminate"
NO_TAGS: Mapping[str, str] = {}


class Village(Testbed[Deployment]):
    """The application with every feature that built-in plans use."""

    def __init__(self) -> None:
        features = DEFAULT_FEATURES | {"EcsSteps", "KubernetesSteps"}
        super().__init__(partial(Deployment, parameters=Parameters(features=features)))

    def group(self, capacity: int = 1, tags: Mapping[str, str] = NO_TAGS) -> list[str]:
        instances = self.autoscaling.create_group("web", capacity=capacity, max_size=30)
        self.autoscaling.put_hook("web", HOOK, "TERMINATING", HeartbeatTimeout=900)
        if tags:
            named = [{"Key": name, "Value": value} for name, value in tags.items()]
            with self.region.unobserved():
                self.region.client("ec2").create_tags(Resources=instances, Tags=named)
        return instances

    def drain(self, *instances: str) -> None:
        for instance in instances:
            self.autoscaling.terminate(instance)
        self.run(900)

    def record(self, instance: str) -> Record:
        record = self.deployment.record("web", HOOK, instance)
        assert record is not None
        return record

    def steps(self, instance: str) -> list[str]:
        return [step.kind for step in self.record(instance).step_outcomes]

    def calls(self, *operations: str) -> dict[str, int]:
        return {name: sum(count for (_, it), count in self.region.calls.items() if it == name) for name in operations}


@pytest.fixture
def village() -> Iterator[Village]:
    with Village() as made:
        yield made


def test_a_target_group_that_is_tagged_for_the_group_is_left(village: Village) -> None:
    (instance,) = village.group()
    ours = village.target_group("blue", instance, delay=30)
    village.target_group("not-ours", instance, delay=30)
    with village.region.unobserved():
        tag = {"Key": "asg-lifecycle:group", "Value": "web"}
        village.region.client("elbv2").add_tags(ResourceArns=[ours], Tags=[tag])
    village.drain(instance)

    assert village.record(instance).step_outcomes[0].detail == "drained from blue"
    assert village.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_container_instance_is_drained(village: Village) -> None:
    (instance,) = village.group(tags={"AmazonECSManaged": ""})
    there = village.ecs.register(instance, "prod")
    village.ecs.run(there, "web:1", service="web", takes=60)
    village.drain(instance)
    assert village.steps(instance) == ["deregister-targets", "drain-ecs"]
    assert there.status == "DRAINING"


def test_a_node_is_drained(village: Village) -> None:
    (instance,) = village.group(tags={"kubernetes.io/cluster/shop": "owned"})
    cluster = village.kubernetes.cluster("shop")
    here = cluster.join(instance)
    cluster.run(here, "web")
    village.drain(instance)
    assert village.steps(instance) == ["deregister-targets", "drain-kubernetes"]
    assert cluster.on(here) == []


def test_finding_out_never_scans_the_account_for_each_instance(village: Village) -> None:
    instances = village.group(10)
    for number in range(30):
        village.ecs.register(f"i-{number:08x}", f"cluster-{number}")
    village.drain(*instances)

    assert len(village.completions()) == 10
    found = village.calls("GetResources", "DescribeTags", "GetParameters", "DescribeLoadBalancerTargetGroups")
    # Terminated within a minute, in one environment: once for all of them.
    assert set(found.values()) == {1}
    assert village.calls("ListClusters", "ListContainerInstances", "DescribeCluster") == {
        "ListClusters": 0,
        "ListContainerInstances": 0,
        "DescribeCluster": 0,
    }
    # What it is, and what it is tagged.
    assert village.calls("DescribeInstances")["DescribeInstances"] == 2 * 10


def test_the_clusters_are_listed_once_for_a_group_of_container_instances(village: Village) -> None:
    instances = village.group(5, tags={"AmazonECSManaged": ""})
    for number in range(12):
        village.ecs.register(f"i-{number:08x}", f"cluster-{number}")
    for instance in instances:
        village.ecs.register(instance, "cluster-11")
    village.drain(*instances)
    assert len(village.completions()) == 5
    assert village.calls("ListClusters") == {"ListClusters": 1}
    # An instance may be registered in several: each is asked about it, once, and then the one that knows it.
    assert village.calls("ListContainerInstances")["ListContainerInstances"] <= 12 * 5 + 2 * 5


def test_an_instance_that_cannot_be_asked_is_not_taken_for_nothing_to_drain(village: Village) -> None:
    (instance,) = village.group(tags={"AmazonECSManaged": ""})
    village.ecs.run(village.ecs.register(instance, "prod"), "web:1", service="web", takes=60)
    village.region.faults.throttle("ec2", "DescribeInstances", times=6)
    village.drain(instance)
    assert village.steps(instance) == ["deregister-targets", "drain-ecs"]


def test_denied_it_holds_and_says_why(village: Village) -> None:
    (instance,) = village.group()
    village.region.faults.deny("ec2", "DescribeInstances")
    village.drain(instance)
    assert village.completions() == []
    problem = village.record(instance).problem or ""
    assert f"what to do with instance {instance} of group web could not be found out" in problem
    assert "ec2:DescribeInstances" in problem


def test_on_the_way_in_the_status_checks_are_waited_for(village: Village) -> None:
    village.status_checks.behave(Checks(passes_after=100))
    village.autoscaling.create_group("web", capacity=0, max_size=5)
    village.autoscaling.put_hook("web", "asg-lifecycle-launch", "LAUNCHING", HeartbeatTimeout=900)
    village.autoscaling.scale("web", 1)
    village.run(90)
    assert village.completions() == []
    village.run(60)
    assert village.completions() == ["CONTINUE CompleteLifecycleAction"]


@pytest.mark.parametrize("cluster", ["shop.example.com", "a b", "x" * 101, "ä"])
def test_a_cluster_out_of_a_tag_that_eks_cannot_have_holds_the_action_and_says_why(
    village: Village, cluster: str
) -> None:
    (instance,) = village.group(tags={f"kubernetes.io/cluster/{cluster}": "owned"})
    village.drain(instance)
    village.run(1_800)

    record = village.record(instance)
    assert (record.status, len(village.deployment.executions), village.completions()) == (Status.HELD, 1, [])
    assert "drain-kubernetes" in (record.problem or "")
