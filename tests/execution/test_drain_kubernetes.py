"""Nodes are drained until their pods are gone, as disruption budgets allow."""

from __future__ import annotations

import base64
import math
import ssl
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.eks import Eks
from asg_lifecycle.aws.secret_parameters import SecretParameters
from asg_lifecycle.kubernetes.client import trusting
from asg_lifecycle.kubernetes.clusters import Clusters
from asg_lifecycle.model.records import Status
from asg_lifecycle.plans.validation import find_problems
from asg_lifecycle_simulator.services.kubernetes.certificates import certificates

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.kubernetes.cluster import Cluster
    from asg_lifecycle_simulator.services.kubernetes.objects import Node
    from tests.execution.conftest import Stage

HOUR = 3600.0
ENVIRONMENT = {"cluster": "production"}


def step(**options: Any) -> dict[str, Any]:
    return {"kind": "drain-kubernetes", "options": {**ENVIRONMENT, **options}}


def node(stage: Stage, *, heartbeat: int = 900, **options: Any) -> tuple[str, Cluster, Node]:
    """Make a group whose instance is a node of the cluster `production`."""
    (instance,) = stage.group(heartbeat=heartbeat, plan={"steps": [step(**options)]})
    cluster = stage.kubernetes.cluster()
    return instance, cluster, cluster.join(instance)


def clusters_of(stage: Stage) -> Clusters:
    clients, clock = Clients(), stage.timeline.now
    return Clusters(Eks(clients, clock), SecretParameters(clients), clock)


def drained(stage: Stage) -> tuple[float, str]:
    stage.finish()
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    (outcome,) = stage.record().steps
    return stage.elapsed, outcome.detail


def asked(stage: Stage) -> dict[str, int]:
    return stage.kubernetes.apis["production"].asked


def test_it_is_done_when_the_pods_are_gone_and_not_when_they_are_told_to_go(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    web = cluster.run(here, "web", count=3, takes=25)
    (slow,) = cluster.run(here, "worker", takes=29)
    stage.terminate(instance)
    stage.run(15)
    assert here.unschedulable
    assert here.labels == {"node.kubernetes.io/exclude-from-external-load-balancers": "true"}
    detail = stage.record().detail or ""
    assert f"waiting for 4 of 4 pods on node {here.name} of cluster production: " in detail
    assert f"default/{slow.name} terminating" in detail
    assert all(pod.told_at is not None for pod in web)

    elapsed, said = drained(stage)
    assert 29 <= elapsed <= 45
    assert said == f"node {here.name} of cluster production is drained"
    assert cluster.on(here) == []
    assert asked(stage)["create pods/eviction"] == 4
    # The nodes are listed once; from then on the node is known by its name.
    assert asked(stage)["list nodes"] == 1


def test_what_does_not_leave_is_not_waited_for(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    stay = cluster.run(here, "log-agent", owner="DaemonSet")
    stay += cluster.run(here, "kube-proxy", owner=None, mirror=True)
    stay += cluster.run(here, "job", owner="Job", phase="Succeeded")
    cluster.run(here, "alone", owner=None)
    stage.terminate(instance)
    assert drained(stage)[0] < 60
    assert cluster.on(here) == stay


def test_a_budget_that_blocks_is_named_and_waited_for(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    (pod,) = cluster.run(here, "database")
    budget = cluster.budget("database-quorum", "database", min_available=1)
    stage.terminate(instance)
    stage.run(HOUR)
    detail = stage.record().detail or ""
    assert f"default/{pod.name} is kept: The disruption budget database-quorum needs 1 healthy pods and has 1" in detail
    assert pod.told_at is None
    budget.min_available = 0
    assert HOUR <= drained(stage)[0] <= HOUR + 400


def test_a_budget_lets_pods_go_one_after_the_other(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    cluster.run(here, "web", count=4, takes=20, replaced_after=30)
    cluster.budget("web", "web", min_available=3)
    stage.terminate(instance)
    lowest = 4
    while not stage.execution_or_none_complete():
        stage.timeline.advance()
        lowest = min(lowest, sum(pod.healthy for pod in cluster.pods.values()))
    assert lowest == 3
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_pod_that_two_budgets_are_for_is_explained(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    (pod,) = cluster.run(here, "web")
    cluster.budget("one", "web", min_available=0)
    cluster.budget("two", "web", min_available=0)
    stage.terminate(instance)
    stage.run(60)
    assert f"default/{pod.name} is kept: This pod has more than one PodDisruptionBudget" in (
        stage.record().detail or ""
    )


def test_after_its_time_a_pod_is_deleted_whatever_its_budget_says(stage: Stage) -> None:
    instance, cluster, here = node(stage, force_after="2h", grace="10s")
    (pod,) = cluster.run(here, "database", takes=25)
    cluster.budget("never", "database", min_available=1)
    stage.terminate(instance)
    stage.run(1.9 * HOUR)
    assert pod.told_at is None
    elapsed, _ = drained(stage)
    assert 2 * HOUR <= elapsed <= 2 * HOUR + 700
    assert asked(stage)["delete pods"] == 1


def test_a_pod_that_never_ends_keeps_the_instance(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    (pod,) = cluster.run(here, "stuck", takes=math.inf)
    stage.terminate(instance)
    stage.run(20 * HOUR)
    assert stage.completions() == []
    assert f"default/{pod.name} terminating" in (stage.record().detail or "")
    # Who has been told to go is not told again.
    assert asked(stage)["create pods/eviction"] == 1


def test_a_pod_of_the_same_name_elsewhere_is_left_alone(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    (first,) = cluster.run(here, "database", owner="StatefulSet", takes=20, replaced_after=1)
    cluster.run(here, "web", takes=29)
    stage.terminate(instance)
    drained(stage)
    again = cluster.pods["default", first.name]
    assert again.uid != first.uid
    assert again.told_at is None


def test_a_pod_that_came_back_since_it_was_listed_is_not_evicted(stage: Stage) -> None:
    _, simulated, here = node(stage)
    (listed,) = simulated.run(here, "database", owner="StatefulSet")
    cluster = clusters_of(stage).open("production")
    (pod,) = [each for found in [cluster.node(here.name)] if found is not None for each in cluster.pods(found)]
    again = replace(listed, uid="00000000-0000-0000-0000-00000000ffff")
    simulated.pods["default", listed.name] = again

    assert cluster.evict(pod, grace=None) is None
    assert cluster.delete(pod, grace=None) is None
    assert again.told_at is None


def test_a_node_of_the_same_name_that_another_instance_is_by_now_is_left_alone(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    cluster.run(here, "web", takes=math.inf)
    stage.terminate(instance)
    stage.run(30)
    cluster.pods.clear()
    here.instance, here.unschedulable = "i-0123456789abcdef0", False
    (pod,) = cluster.run(here, "web")
    assert drained(stage)[1] == f"node {here.name} has left cluster production"
    assert (pod.told_at, here.unschedulable) == (None, False)


def test_a_node_that_somebody_uncordons_is_cordoned_again(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    cluster.run(here, "web", takes=math.inf)
    stage.terminate(instance)
    stage.run(60)
    here.unschedulable = False
    cluster.pods.clear()
    late = cluster.run(here, "late")
    stage.finish()
    assert here.unschedulable
    assert late[0].told_at is not None


def test_one_that_somebody_else_cordoned_is_not_taken_for_ours(stage: Stage) -> None:
    instance, _, here = node(stage)
    here.unschedulable = True
    stage.terminate(instance)
    drained(stage)
    assert "asg-lifecycle/cordoned" not in here.annotations


@pytest.mark.parametrize("joined", [True, False])
def test_an_instance_that_is_no_node_is_done(stage: Stage, *, joined: bool) -> None:
    instance, cluster, here = node(stage)
    if not joined:
        here.instance = "i-0123456789abcdef0"
    cluster.run(here, "web", takes=math.inf)
    stage.terminate(instance)
    if joined:
        stage.run(60)
        del cluster.nodes[here.name]
    elapsed, said = drained(stage)
    left, never = f"node {here.name} has left cluster", f"instance {instance} is no node of cluster"
    assert said == f"{left if joined else never} production"
    assert elapsed < 120


def test_the_tags_name_the_cluster(stage: Stage) -> None:
    (instance,) = stage.group(plan={"steps": [{"kind": "drain-kubernetes"}]})
    cluster = stage.kubernetes.cluster("shop")
    cluster.run(cluster.join(instance), "web")
    with stage.region.unobserved():
        tag = {"Key": "kubernetes.io/cluster/shop", "Value": "owned"}
        stage.region.client("ec2").create_tags(Resources=[instance], Tags=[tag])
    stage.terminate(instance)
    assert drained(stage)[1].endswith("of cluster shop is drained")


def test_a_cluster_that_nothing_names_holds_the_instance(stage: Stage) -> None:
    (instance,) = stage.group(plan={"steps": [{"kind": "drain-kubernetes"}]})
    stage.terminate(instance)
    stage.run(30)
    record = stage.record()
    assert record.status is Status.HELD
    assert "names a Kubernetes cluster: give the step a cluster, or tag the instance" in (record.problem or "")


def test_a_cluster_of_somebody_else_by_its_address(stage: Stage) -> None:
    cluster = stage.kubernetes.cluster("elsewhere")
    endpoint, authority = stage.kubernetes.address("elsewhere")
    cluster.tokens.add("secret")
    name = "/asg-lifecycle/kubernetes/elsewhere"
    options = {"endpoint": endpoint, "certificate_authority": authority, "token_parameter": name}
    (instance,) = stage.group(plan={"steps": [{"kind": "drain-kubernetes", "options": options}]})
    with stage.region.unobserved():
        stage.region.client("ssm").put_parameter(Name=name, Value="secret", Type="SecureString")
    cluster.run(cluster.join(instance), "web")
    stage.terminate(instance)
    assert "is drained" in drained(stage)[1]
    assert stage.calls("eks") == {}


def test_more_pods_than_a_page_and_than_one_look_asks(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    for number in range(600):
        cluster.nodes[f"other-{number}"] = type(here)(name=f"other-{number}", instance=f"i-{number:08x}")
    # Listed last.
    cluster.nodes[here.name] = cluster.nodes.pop(here.name)
    cluster.run(here, "web", count=620, replaced_after=None)
    stage.terminate(instance)
    stage.run(5)
    assert "waiting for 620 of 620 pods" in (stage.record().detail or "")
    assert asked(stage)["create pods/eviction"] <= 100
    drained(stage)
    assert cluster.on(here) == []


def test_an_api_server_that_is_down_for_an_hour_releases_nothing(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    cluster.run(here, "web", takes=20)
    cluster.down = True
    stage.terminate(instance)
    stage.run(HOUR)
    assert stage.completions() == []
    assert "kubernetes: get nodes failed: etcdserver: request timed out" in (stage.record().detail or "")
    cluster.down = False
    assert HOUR <= drained(stage)[0] <= HOUR + 400


def test_python_would_refuse_what_eks_signs_with_its_strictest_rules() -> None:
    # The simulated clusters are known by certificates as EKS makes them, so every test here shows that they are taken.
    authority = certificates().authority.decode()
    strict = ssl.create_default_context(cadata=authority)
    assert trusting(base64.b64encode(authority.encode()).decode()).verify_mode is strict.verify_mode
    assert not trusting(base64.b64encode(authority.encode()).decode()).verify_flags & ssl.VERIFY_X509_STRICT
    with pytest.raises(ValueError, match="no certificate authority"):
        trusting("")


@pytest.mark.parametrize("right", ["list nodes", "patch nodes", "list pods", "create pods/eviction"])
def test_a_right_that_is_missing_holds_the_instance_and_is_named(stage: Stage, right: str) -> None:
    instance, cluster, here = node(stage)
    cluster.run(here, "web")
    cluster.forbidden.add(right)
    stage.terminate(instance)
    stage.run(200)
    record = stage.record()
    assert record.status is Status.HELD
    assert f"permission kubernetes: {right} is missing" in (record.problem or "")
    assert "access entry" in (record.problem or "")


@pytest.mark.parametrize(
    ("error", "said", "status"),
    [
        (
            (429, "TooManyRequests", "too many requests, try again later"),
            "kept: kubernetes: create pods/eviction failed",
            "working",
        ),
        (
            (403, "Forbidden", 'admission webhook "guard" denied the request'),
            'is kept: admission webhook "guard"',
            "working",
        ),
        ((500, "InternalError", "etcd leader changed"), "kept: kubernetes: create pods/eviction failed", "working"),
        ((400, "BadRequest", "no such field"), "no such field", "held"),
    ],
)
def test_what_an_eviction_is_answered_with_is_told_apart(
    stage: Stage, error: tuple[int, str, str], said: str, status: str
) -> None:
    instance, cluster, here = node(stage)
    cluster.run(here, "web")
    cluster.errors["create pods/eviction"] = error
    stage.terminate(instance)
    stage.run(300)
    record = stage.record()
    assert record.status == status
    assert said in (record.problem or record.detail or "")
    if status == "working":
        cluster.errors.clear()
        drained(stage)


def test_a_token_that_is_refused_midway_is_replaced(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    token = Eks.token

    def another(eks: Eks, cluster: str) -> str:
        made.append(f"{token(eks, cluster)}{'=' * len(made)}")
        return made[-1]

    monkeypatch.setattr(Eks, "token", another)
    instance, cluster, here = node(stage)
    (pod,) = cluster.run(here, "web", takes=math.inf)
    stage.terminate(instance)
    stage.run(30)
    cluster.refused_tokens.add(stage.kubernetes.apis["production"].last_token)
    stage.run(60)
    assert stage.record().status is Status.WORKING
    assert len(made) == 2
    del cluster.pods["default", pod.name]
    drained(stage)


def test_a_token_that_is_never_taken_names_the_access_entry(stage: Stage) -> None:
    instance, cluster, here = node(stage)
    cluster.run(here, "web")
    cluster.errors["get nodes"] = (401, "Unauthorized", "Unauthorized")
    stage.terminate(instance)
    stage.run(200)
    assert "access entry" in (stage.record().problem or "")


def test_throttled_eks_is_waited_for(stage: Stage) -> None:
    stage.region.faults.throttle("eks", "DescribeCluster", times=3)
    instance, cluster, here = node(stage)
    cluster.run(here, "web")
    stage.terminate(instance)
    drained(stage)


def test_a_cluster_there_is_not_is_nothing_to_drain_only_when_the_plan_does_not_name_it(stage: Stage) -> None:
    (instance,) = stage.group(plan={"steps": [step(cluster="porduction")]})
    stage.terminate(instance)
    stage.run(200)
    record = stage.record()
    assert record.status is Status.HELD
    assert "cluster porduction does not exist" in (record.problem or "")


@pytest.mark.parametrize("survives", [True, False])
def test_the_node_is_deleted_where_the_plan_says_so_and_the_instance_goes(stage: Stage, *, survives: bool) -> None:
    instance, cluster, here = node(stage, delete_node=True)
    cluster.run(here, "web")
    if survives:
        stage.region.autoscaling.replace_root_volume(instance)
    else:
        stage.terminate(instance)
    stage.run(120)
    assert (here.name in cluster.nodes) is survives
    assert here.unschedulable


def test_the_node_of_an_instance_that_is_gone_is_not_waited_for(stage: Stage) -> None:
    instance, cluster, here = node(stage, out_of_service_taint=True, delete_node=False)
    cluster.run(here, "database", takes=math.inf)
    here.taints = [{"key": "team", "effect": "NoSchedule"}]
    with stage.region.unobserved():
        stage.region.client("ec2").terminate_instances(InstanceIds=[instance])
    stage.run(60)
    record = stage.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.status is Status.COMPLETED
    assert record.steps[0].detail == f"instance {instance} is terminated, node {here.name} runs no pods"
    assert [taint["key"] for taint in here.taints] == ["team", "node.kubernetes.io/out-of-service"]


def test_the_taint_is_not_put_on_an_instance_that_runs(stage: Stage) -> None:
    instance, cluster, here = node(stage, out_of_service_taint=True)
    cluster.run(here, "web")
    stage.terminate(instance)
    drained(stage)
    assert here.taints == []


def test_a_dry_run_names_the_pods_and_touches_nothing(stage: Stage) -> None:
    (instance,) = stage.group(plan={"steps": [step()], "dry_run": True})
    cluster = stage.kubernetes.cluster()
    here = cluster.join(instance)
    (pod,) = cluster.run(here, "web")
    stage.terminate(instance)
    _, said = drained(stage)
    assert f"would drain node {here.name} of cluster production, which has 1 pod: default/{pod.name} Running" in said
    assert set(asked(stage)) == {"get nodes", "list nodes", "list pods"}


def test_two_nodes_of_one_cluster_at_once(stage: Stage) -> None:
    first, second = stage.group(2, plan={"steps": [step()]})
    cluster = stage.kubernetes.cluster()
    for instance in (first, second):
        cluster.run(cluster.join(instance), "web", count=5)
    stage.terminate(first)
    stage.terminate(second)
    stage.finish()
    assert len(stage.completions()) == 2
    assert stage.calls("eks") == {"DescribeCluster": 1}


def test_a_token_is_never_older_than_eks_takes_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []
    token = Eks.token

    def noting(eks: Eks, cluster: str) -> str:
        made.append(stage.timeline.now())
        return token(eks, cluster)

    monkeypatch.setattr(Eks, "token", noting)
    instance, cluster, here = node(stage)
    (pod,) = cluster.run(here, "web", takes=math.inf)
    stage.terminate(instance)
    stage.run(20 * HOUR)
    looks = asked(stage)["get nodes"]
    del cluster.pods["default", pod.name]
    drained(stage)
    # Looks are five minutes apart in the end, and each finds a token younger than that, or makes one.
    assert max(later - earlier for earlier, later in pairwise(made)) <= 900
    assert len(made) <= looks + 2


def test_a_cluster_is_kept_for_minutes_only(stage: Stage) -> None:
    stage.kubernetes.cluster()
    clusters = clusters_of(stage)
    first = clusters.open("production")
    stage.run(240)
    assert clusters.open("production") is first
    stage.run(120)
    assert clusters.open("production") is not first


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"endpoint": "https://k8s"}, "endpoint, certificate_authority and token_parameter belong together"),
        ({"endpoint": "http://k8s"}, "option 'endpoint'"),
        ({"grace": "soon"}, "option 'grace'"),
        (
            {"cluster": "a", "endpoint": "https://b", "certificate_authority": "c", "token_parameter": "/d"},
            "cluster is the name of an EKS cluster",
        ),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    (problem,) = find_problems({"steps": [{"kind": "drain-kubernetes", "options": options}]})
    assert said in str(problem)


LOADED = """
import sys
from handlers import lifecycle_action, signal_received
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.steps.catalog import CATALOG
clients = Clients()
services = compose_services(clients, LifecycleActions(clients, float), float)
print(sorted(name for name in sys.modules if name.partition(".")[0] in {"lightkube", "httpx2", "h11", "anyio", "yaml"}))
"""


def test_without_a_kubernetes_plan_no_kubernetes_code_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)  # noqa: S603 - the line above
    assert done.stdout.strip() == "[]"
