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
from asg_lifecycle.model.blockers import BlockerKind
from asg_lifecycle.model.records import Status, blockers_of
from asg_lifecycle.model.redaction import KnownSecrets
from asg_lifecycle.plans.validation import find_problems
from asg_lifecycle.steps.support import evictions
from asg_lifecycle_simulator.services.certificates import certificates

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.kubernetes.cluster import Cluster
    from asg_lifecycle_simulator.services.kubernetes.objects import Node
    from tests.execution.conftest import Testbed

HOUR = 3600.0
ENVIRONMENT = {"cluster": "production"}


def step(**options: Any) -> dict[str, Any]:
    return {"kind": "drain-kubernetes", "options": {**ENVIRONMENT, **options}}


def node(testbed: Testbed, *, heartbeat: int = 900, **options: Any) -> tuple[str, Cluster, Node]:
    """Make a group whose instance is a node of the cluster `production`."""
    (instance,) = testbed.group(heartbeat=heartbeat, plan={"steps": [step(**options)]})
    cluster = testbed.kubernetes.cluster()
    return instance, cluster, cluster.join(instance)


def clusters_of(testbed: Testbed) -> Clusters:
    clients, clock = Clients(), testbed.timeline.now
    return Clusters(Eks(clients, clock), SecretParameters(clients, KnownSecrets()), clock)


def drained(testbed: Testbed) -> tuple[float, str]:
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    (outcome,) = testbed.record().step_outcomes
    return testbed.elapsed, outcome.detail


def asked(testbed: Testbed) -> dict[str, int]:
    return testbed.kubernetes.apis["production"].asked


def test_it_is_done_when_the_pods_are_gone_and_not_when_they_are_told_to_go(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    web = cluster.run(here, "web", count=3, takes=25)
    (slow,) = cluster.run(here, "worker", takes=29)
    testbed.terminate(instance)
    testbed.run(15)
    assert here.unschedulable
    assert here.labels == {"node.kubernetes.io/exclude-from-external-load-balancers": "true"}
    detail = testbed.record().detail or ""
    assert f"waiting for 4 of 4 pods on node {here.name} of cluster production: " in detail
    assert f"default/{slow.name} terminating" in detail
    assert all(pod.told_at is not None for pod in web)

    elapsed, said = drained(testbed)
    assert 29 <= elapsed <= 45
    assert said == f"node {here.name} of cluster production is drained"
    assert cluster.on(here) == []
    assert asked(testbed)["create pods/eviction"] == 4
    # The nodes are listed once; from then on the node is known by its name.
    assert asked(testbed)["list nodes"] == 1


def test_what_does_not_leave_is_not_waited_for(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    stay = cluster.run(here, "log-agent", owner="DaemonSet")
    stay += cluster.run(here, "kube-proxy", owner=None, mirror=True)
    stay += cluster.run(here, "job", owner="Job", phase="Succeeded")
    cluster.run(here, "alone", owner=None)
    testbed.terminate(instance)
    assert drained(testbed)[0] < 60
    assert cluster.on(here) == stay


def test_a_budget_that_blocks_is_named_and_waited_for(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    (pod,) = cluster.run(here, "database")
    budget = cluster.budget("database-quorum", "database", min_available=1)
    testbed.terminate(instance)
    testbed.run(1_200)
    detail = testbed.record().detail or ""
    assert f"default/{pod.name} is kept: The disruption budget database-quorum needs 1 healthy pods and has 1" in detail
    assert pod.told_at is None
    (blocker,) = blockers_of(testbed.record())
    assert (blocker.kind, blocker.name) == (BlockerKind.POD_DISRUPTION_BUDGET, "default/database-quorum")
    needs = "The disruption budget database-quorum needs 1 healthy pods and has 1 currently"
    assert blocker.reason == f"keeps default/{pod.name}: {needs}"
    budget.min_available = 0
    assert 1_200 <= drained(testbed)[0] <= 1_200 + 400


def test_a_budget_is_one_blocker_for_all_pods_that_it_keeps(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    web = sorted(cluster.run(here, "web", count=2), key=lambda pod: pod.name)
    (slow,) = cluster.run(here, "worker", takes=25)
    cluster.budget("quorum", "web", min_available=2)
    testbed.terminate(instance)
    testbed.run(15)
    budget, other = blockers_of(testbed.record())
    assert budget.kind is BlockerKind.POD_DISRUPTION_BUDGET
    assert budget.reason.startswith(f"keeps default/{web[0].name}, default/{web[1].name}: The disruption budget quorum")
    assert (other.kind, other.name) == (BlockerKind.POD, f"default/{slow.name}")


def test_a_budget_lets_pods_go_one_after_the_other(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    cluster.run(here, "web", count=4, takes=20, replaced_after=30)
    cluster.budget("web", "web", min_available=3)
    testbed.terminate(instance)
    lowest = 4
    while not testbed.execution_or_none_complete():
        testbed.timeline.advance()
        lowest = min(lowest, sum(pod.healthy for pod in cluster.pods.values()))
    assert lowest == 3
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_pod_that_two_budgets_are_for_is_explained(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    (pod,) = cluster.run(here, "web")
    cluster.budget("one", "web", min_available=0)
    cluster.budget("two", "web", min_available=0)
    testbed.terminate(instance)
    testbed.run(60)
    assert f"default/{pod.name} is kept: This pod has more than one PodDisruptionBudget" in (
        testbed.record().detail or ""
    )
    # Which ones they are, the answer does not say.
    (blocker,) = blockers_of(testbed.record())
    assert (blocker.kind, blocker.name) == (BlockerKind.POD_DISRUPTION_BUDGET, f"default/{pod.name}")


def test_after_its_time_a_pod_is_deleted_whatever_its_budget_says(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed, force_after="30m", grace="10s")
    (pod,) = cluster.run(here, "database", takes=25)
    cluster.budget("never", "database", min_available=1)
    testbed.terminate(instance)
    testbed.run(1_790)
    assert pod.told_at is None
    elapsed, _ = drained(testbed)
    assert 1_800 <= elapsed <= 1_800 + 300
    assert asked(testbed)["delete pods"] == 1


def test_a_pod_that_never_ends_keeps_the_instance(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    (pod,) = cluster.run(here, "stuck", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(HOUR)
    assert testbed.completions() == []
    assert f"default/{pod.name} terminating" in (testbed.record().detail or "")
    # Who has been told to go is not told again.
    assert asked(testbed)["create pods/eviction"] == 1


def test_a_pod_of_the_same_name_elsewhere_is_left_alone(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    (first,) = cluster.run(here, "database", owner="StatefulSet", takes=20, replaced_after=1)
    cluster.run(here, "web", takes=29)
    testbed.terminate(instance)
    drained(testbed)
    again = cluster.pods["default", first.name]
    assert again.uid != first.uid
    assert again.told_at is None


def test_a_pod_that_came_back_since_it_was_listed_is_not_evicted(testbed: Testbed) -> None:
    _, simulated, here = node(testbed)
    (listed,) = simulated.run(here, "database", owner="StatefulSet")
    cluster = clusters_of(testbed).open("production")
    (pod,) = [each for found in [cluster.node(here.name)] if found is not None for each in cluster.pods(found)]
    again = replace(listed, uid="00000000-0000-0000-0000-00000000ffff")
    simulated.pods["default", listed.name] = again

    assert cluster.evict(pod, grace=None) is None
    assert cluster.delete(pod, grace=None) is None
    assert again.told_at is None


def test_a_node_of_the_same_name_that_another_instance_is_by_now_is_left_alone(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    cluster.run(here, "web", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(30)
    cluster.pods.clear()
    here.instance, here.unschedulable = "i-0123456789abcdef0", False
    (pod,) = cluster.run(here, "web")
    assert drained(testbed)[1] == f"node {here.name} has left cluster production"
    assert (pod.told_at, here.unschedulable) == (None, False)


def test_a_node_that_somebody_uncordons_is_cordoned_again(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    cluster.run(here, "web", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(60)
    here.unschedulable = False
    cluster.pods.clear()
    late = cluster.run(here, "late")
    testbed.finish()
    assert here.unschedulable
    assert late[0].told_at is not None


def test_one_that_somebody_else_cordoned_is_not_taken_for_ours(testbed: Testbed) -> None:
    instance, _, here = node(testbed)
    here.unschedulable = True
    testbed.terminate(instance)
    drained(testbed)
    assert "asg-lifecycle/cordoned" not in here.annotations


@pytest.mark.parametrize("joined", [True, False])
def test_an_instance_that_is_no_node_is_done(testbed: Testbed, *, joined: bool) -> None:
    instance, cluster, here = node(testbed)
    if not joined:
        here.instance = "i-0123456789abcdef0"
    cluster.run(here, "web", takes=math.inf)
    testbed.terminate(instance)
    if joined:
        testbed.run(60)
        del cluster.nodes[here.name]
    elapsed, said = drained(testbed)
    left, never = f"node {here.name} has left cluster", f"instance {instance} is no node of cluster"
    assert said == f"{left if joined else never} production"
    assert elapsed < 120


def test_the_tags_name_the_cluster(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": [{"kind": "drain-kubernetes"}]})
    cluster = testbed.kubernetes.cluster("shop")
    cluster.run(cluster.join(instance), "web")
    with testbed.region.unobserved():
        tag = {"Key": "kubernetes.io/cluster/shop", "Value": "owned"}
        testbed.region.client("ec2").create_tags(Resources=[instance], Tags=[tag])
    testbed.terminate(instance)
    assert drained(testbed)[1].endswith("of cluster shop is drained")


def test_a_cluster_that_nothing_names_holds_the_instance(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": [{"kind": "drain-kubernetes"}]})
    testbed.terminate(instance)
    testbed.run(30)
    record = testbed.record()
    assert record.status is Status.HELD
    assert "names a Kubernetes cluster: give the step a cluster, or tag the instance" in (record.problem or "")


def test_a_cluster_of_somebody_else_by_its_address(testbed: Testbed) -> None:
    cluster = testbed.kubernetes.cluster("elsewhere")
    endpoint, authority = testbed.kubernetes.address("elsewhere")
    cluster.tokens.add("secret")
    name = "/asg-lifecycle/asg-lifecycle/kubernetes/elsewhere"
    options = {"endpoint": endpoint, "certificate_authority": authority, "token_parameter": name}
    (instance,) = testbed.group(plan={"steps": [{"kind": "drain-kubernetes", "options": options}]})
    with testbed.region.unobserved():
        testbed.region.client("ssm").put_parameter(Name=name, Value="secret", Type="SecureString")
    cluster.run(cluster.join(instance), "web")
    testbed.terminate(instance)
    assert "is drained" in drained(testbed)[1]
    assert testbed.calls("eks") == {}


def test_more_pods_than_a_page_and_than_one_look_asks(testbed: Testbed) -> None:
    testbed.region.page_size = 50
    instance, cluster, here = node(testbed)
    for number in range(60):
        cluster.nodes[f"other-{number}"] = type(here)(name=f"other-{number}", instance=f"i-{number:08x}")
    # Listed last.
    cluster.nodes[here.name] = cluster.nodes.pop(here.name)
    cluster.run(here, "web", count=110, replaced_after=None)
    testbed.terminate(instance)
    testbed.run(5)
    assert "waiting for 110 of 110 pods" in (testbed.record().detail or "")
    assert asked(testbed)["create pods/eviction"] <= 100
    drained(testbed)
    assert cluster.on(here) == []


def test_pods_that_budgets_keep_do_not_keep_the_others(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evictions, "AT_ONCE", 5)
    instance, cluster, here = node(testbed)
    kept = cluster.run(here, "database", count=7)
    cluster.budget("quorum", "database", min_available=7)
    others = cluster.run(here, "web", count=3)
    # More than are asked at one look are kept, and have their turn first.
    assert max(pod.name for pod in kept) < min(pod.name for pod in others)
    testbed.terminate(instance)
    testbed.run(40)
    assert all(pod.told_at is not None for pod in others)
    assert all(pod.told_at is None for pod in kept)
    assert testbed.completions() == []


def test_an_api_server_that_is_down_for_long_releases_nothing(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    cluster.run(here, "web", takes=20)
    cluster.down = True
    testbed.terminate(instance)
    testbed.run(1_800)
    assert testbed.completions() == []
    assert "kubernetes: get nodes failed: etcdserver: request timed out" in (testbed.record().detail or "")
    cluster.down = False
    assert 1_800 <= drained(testbed)[0] <= 1_800 + 400


def test_python_would_refuse_what_eks_signs_with_its_strictest_rules() -> None:
    # The simulated clusters are known by certificates as EKS makes them, so every test here shows that they are taken.
    authority = certificates().authority.decode()
    strict = ssl.create_default_context(cadata=authority)
    assert trusting(base64.b64encode(authority.encode()).decode()).verify_mode is strict.verify_mode
    assert not trusting(base64.b64encode(authority.encode()).decode()).verify_flags & ssl.VERIFY_X509_STRICT
    with pytest.raises(ValueError, match="no certificate authority"):
        trusting("")


@pytest.mark.parametrize("right", ["list nodes", "patch nodes", "list pods", "create pods/eviction"])
def test_a_right_that_is_missing_holds_the_instance_and_is_named(testbed: Testbed, right: str) -> None:
    instance, cluster, here = node(testbed)
    cluster.run(here, "web")
    cluster.forbidden.add(right)
    testbed.terminate(instance)
    testbed.run(200)
    record = testbed.record()
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
    testbed: Testbed, error: tuple[int, str, str], said: str, status: str
) -> None:
    instance, cluster, here = node(testbed)
    cluster.run(here, "web")
    cluster.errors["create pods/eviction"] = error
    testbed.terminate(instance)
    testbed.run(300)
    record = testbed.record()
    assert record.status == status
    assert said in (record.problem or record.detail or "")
    if status == "working":
        cluster.errors.clear()
        drained(testbed)


def test_a_token_that_is_refused_midway_is_replaced(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    token = Eks.token

    def another(eks: Eks, cluster: str) -> str:
        made.append(f"{token(eks, cluster)}{'=' * len(made)}")
        return made[-1]

    monkeypatch.setattr(Eks, "token", another)
    instance, cluster, here = node(testbed)
    (pod,) = cluster.run(here, "web", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(30)
    cluster.refused_tokens.add(testbed.kubernetes.apis["production"].last_token)
    testbed.run(60)
    assert testbed.record().status is Status.WORKING
    assert len(made) == 2
    del cluster.pods["default", pod.name]
    drained(testbed)


def test_a_token_that_is_never_taken_names_the_access_entry(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed)
    cluster.run(here, "web")
    cluster.errors["get nodes"] = (401, "Unauthorized", "Unauthorized")
    testbed.terminate(instance)
    testbed.run(200)
    assert "access entry" in (testbed.record().problem or "")


def test_throttled_eks_is_waited_for(testbed: Testbed) -> None:
    testbed.region.faults.throttle("eks", "DescribeCluster", times=3)
    instance, cluster, here = node(testbed)
    cluster.run(here, "web")
    testbed.terminate(instance)
    drained(testbed)


def test_a_cluster_that_eks_does_not_know_holds_the_instance_and_says_what_to_do(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": [step(cluster="porduction")]})
    testbed.terminate(instance)
    testbed.run(200)
    record = testbed.record()
    assert record.status is Status.HELD
    assert "there is no EKS cluster porduction in this account and Region" in (record.problem or "")
    assert "give the step endpoint, certificate_authority and token_parameter" in (record.problem or "")


@pytest.mark.parametrize("survives", [True, False])
def test_the_node_is_deleted_where_the_plan_says_so_and_the_instance_goes(testbed: Testbed, *, survives: bool) -> None:
    instance, cluster, here = node(testbed, delete_node=True)
    cluster.run(here, "web")
    if survives:
        testbed.autoscaling.replace_root_volume(instance)
    else:
        testbed.terminate(instance)
    testbed.run(120)
    assert (here.name in cluster.nodes) is survives
    assert here.unschedulable


def test_the_node_of_an_instance_that_is_gone_is_not_waited_for(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed, out_of_service_taint=True, delete_node=False)
    cluster.run(here, "database", takes=math.inf)
    here.taints = [{"key": "team", "effect": "NoSchedule"}]
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.run(60)
    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.status is Status.COMPLETED
    assert record.step_outcomes[0].detail == f"instance {instance} is terminated, node {here.name} runs no pods"
    assert [taint["key"] for taint in here.taints] == ["team", "node.kubernetes.io/out-of-service"]


def test_the_taint_is_not_put_on_an_instance_that_runs(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed, out_of_service_taint=True)
    cluster.run(here, "web")
    testbed.terminate(instance)
    drained(testbed)
    assert here.taints == []


def test_a_dry_run_names_the_pods_and_touches_nothing(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": [step()], "dry_run": True})
    cluster = testbed.kubernetes.cluster()
    here = cluster.join(instance)
    (pod,) = cluster.run(here, "web")
    testbed.terminate(instance)
    _, said = drained(testbed)
    assert f"would drain node {here.name} of cluster production, which has 1 pod: default/{pod.name} Running" in said
    assert set(asked(testbed)) == {"get nodes", "list nodes", "list pods"}


def test_two_nodes_of_one_cluster_at_once(testbed: Testbed) -> None:
    first, second = testbed.group(2, plan={"steps": [step()]})
    cluster = testbed.kubernetes.cluster()
    for instance in (first, second):
        cluster.run(cluster.join(instance), "web", count=5)
    testbed.terminate(first)
    testbed.terminate(second)
    testbed.finish()
    assert len(testbed.completions()) == 2
    assert testbed.calls("eks") == {"DescribeCluster": 1}


def test_a_token_is_never_older_than_eks_takes_it(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []
    token = Eks.token

    def noting(eks: Eks, cluster: str) -> str:
        made.append(testbed.timeline.now())
        return token(eks, cluster)

    monkeypatch.setattr(Eks, "token", noting)
    instance, cluster, here = node(testbed)
    (pod,) = cluster.run(here, "web", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(2 * HOUR)
    looks = asked(testbed)["get nodes"]
    del cluster.pods["default", pod.name]
    drained(testbed)
    # Looks are five minutes apart in the end, and each finds a token younger than that, or makes one.
    assert max(later - earlier for earlier, later in pairwise(made)) <= 900
    assert len(made) <= looks + 2


def test_a_cluster_is_kept_for_minutes_only(testbed: Testbed) -> None:
    testbed.kubernetes.cluster()
    clusters = clusters_of(testbed)
    first = clusters.open("production")
    testbed.run(240)
    assert clusters.open("production") is first
    testbed.run(120)
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


def test_a_pod_that_is_deleted_has_the_grace_period_of_the_plan(testbed: Testbed) -> None:
    instance, cluster, here = node(testbed, force_after="5m", grace="10s")
    (pod,) = cluster.run(here, "database", takes=25)
    cluster.budget("never", "database", min_available=1)
    testbed.terminate(instance)
    while pod.told_at is None:
        testbed.run(1)
    assert cluster.on(here) == [pod]
    testbed.run(12)
    assert cluster.on(here) == []
