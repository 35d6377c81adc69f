"""What holds for every kind of step on a testbed where it has something to do."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from werkzeug.wrappers import Response

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.plans import PlannedStep
from asg_lifecycle.model.progress import Done, Failed, Progress, StepAnswer, Waiting
from asg_lifecycle.plans.validation import build
from asg_lifecycle.steps.base import Target
from asg_lifecycle.steps.catalog import KINDS
from asg_lifecycle.store.signals import Signals
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH
from asg_lifecycle_simulator.deployment.parameters import TABLE
from asg_lifecycle_simulator.services.automations import Runbook
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from asg_lifecycle_simulator.services.state_machines import Machine
from asg_lifecycle_simulator.services.status_checks import Checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from asg_lifecycle.model.instances import InstanceFacts
    from tests.execution.conftest import Testbed

READING = ("Describe", "Get", "List", "BatchGet", "Query")
"""What the operations that change nothing begin with."""


def targets(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.target_group("blue", instance, delay=60)
    return {"names": ["blue"]}


def new_targets(testbed: Testbed, _: str) -> dict[str, Any]:
    testbed.target_group("blue")
    testbed.target_groups.healthy_after = 30
    return {"names": ["blue"]}


def one_healthy_target(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.target_group("blue", instance)
    return {"target_group": "blue", "at_least": 1}


def classic(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.classic_load_balancers.make("web", instance, timeout=60)
    return {"names": ["web"]}


def tasks(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.ecs.run(testbed.ecs.register(instance, "prod"), "web:1", service="web", takes=60)
    return {"cluster": "prod"}


def draining_container_instance(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.ecs.register(instance, "prod", status="DRAINING")
    return {"cluster": "prod"}


def pods(testbed: Testbed, instance: str) -> dict[str, Any]:
    cluster = testbed.kubernetes.cluster()
    cluster.run(cluster.join(instance), "web", takes=20)
    return {"cluster": "production"}


def new_node(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.kubernetes.cluster().join(instance, ready=False)
    return {"cluster": "production"}


def volumes(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.snapshots.attach(instance)
    return {}


def function(testbed: Testbed, _: str) -> dict[str, Any]:
    testbed.functions.deploy("archive", lambda event: event["id"])
    return {"function": "archive"}


def command(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=60))
    return {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}


def api(testbed: Testbed, _: str) -> dict[str, Any]:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return Response('{"jobs": 2}')(environ, start_response)

    testbed.http_apis.serve("runners.example.com", answer)
    return {
        "method": "POST",
        "url": "https://runners.example.com/drain",
        "certificate_authority": testbed.http_apis.authority,
        "poll": {"until": "jobs == `0`"},
    }


def registry(testbed: Testbed, instance: str) -> dict[str, Any]:
    shop = testbed.cloud_map.namespace("shop.internal")
    testbed.cloud_map.service("web", shop, takes=10).instances = {instance: {}}
    return {"namespaces": [shop]}


def record(testbed: Testbed, instance: str) -> dict[str, Any]:
    zone = testbed.dns.zone()
    zone.put("web.example.com", testbed.addresses.private(instance), "192.0.2.1")
    return {"zones": [zone.id]}


def address(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.elastic_ips.give(testbed.elastic_ips.allocate("web"), instance)
    return {"what": "elastic-ip", "pool": "web"}


def new_record(testbed: Testbed, _: str) -> dict[str, Any]:
    return {"zone": testbed.dns.zone().id, "name": "web.example.com"}


def data_volume(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.volumes.make(tags={"data": "web"}, instance=instance)
    return {"tag": {"key": "data", "value": "{group}"}}


def free_volume(testbed: Testbed, instance: str) -> dict[str, Any]:
    testbed.volumes.make(tags={"data": "web"}, zone=testbed.volumes.zone_of(instance))
    return {"tag": {"key": "data", "value": "{group}"}}


def checks(testbed: Testbed, _: str) -> dict[str, Any]:
    testbed.status_checks.behave(Checks(passes_after=60))
    return {}


def metric(_: Testbed, __: str) -> dict[str, Any]:
    return {"metrics": {"busy": {"namespace": "W", "name": "Busy"}}, "comparison": "<=", "threshold": 0}


def runbook(testbed: Testbed, _: str) -> dict[str, Any]:
    testbed.automations.publish("AWS-CreateImage", Runbook(duration=60))
    return {"document": "AWS-CreateImage", "parameters": {"InstanceId": "{instance}", "NoReboot": "true"}}


def machine(testbed: Testbed, _: str) -> dict[str, Any]:
    arn = testbed.state_machines.make("decommission", Machine(duration=60))
    return {"state_machine": arn, "input": {"instance": "{instance}"}}


SCENES: dict[str, Callable[[Testbed, str], dict[str, Any]]] = {
    "add-dns-record": new_record,
    "attach-volume": free_volume,
    "create-image": lambda _, __: {},
    "create-snapshot": volumes,
    "deregister-classic-elb": classic,
    "deregister-cloud-map": registry,
    "deregister-targets": targets,
    "detach-volume": data_volume,
    "drain-ecs": tasks,
    "drain-kubernetes": pods,
    "http-request": api,
    "invoke-function": function,
    "move-address": address,
    "publish-event": lambda _, __: {},
    "register-targets": new_targets,
    "remove-dns-records": record,
    "run-automation": runbook,
    "run-command": command,
    "start-execution": machine,
    "wait": lambda _, __: {"duration": "60s"},
    "wait-for-capacity": one_healthy_target,
    "wait-for-ecs": draining_container_instance,
    "wait-for-kubernetes": new_node,
    "wait-for-managed": lambda _, __: {},
    "wait-for-metric": metric,
    "wait-for-signal": lambda _, __: {},
    "wait-for-status-checks": checks,
}
"""What sets the simulated counterpart of each kind up, and the options it is met with."""

FAILS_INSTEAD = {"http-request"}
"""What cannot be found by what it did before, and cannot be repeated: it says so."""

AT_LEAST_ONCE = {"publish-event", "invoke-function"}
"""What is said to be done again when its answer is lost; each says so in its reference."""

IDEMPOTENT = {"UpdateContainerInstancesState", "RegisterTargets", "DeregisterInstance", "StartExecution"}
"""Operations that change nothing when they are repeated, as their APIs say."""

AT_MOST_ONCE_FOR_SOME = {"start-execution"}
"""What is repeated without harm in its scene, and not with other options: express state machines have no names."""

every_kind = pytest.mark.parametrize("kind", sorted(KINDS))


class Scene:
    """One step on a testbed, with its target."""

    def __init__(self, testbed: Testbed, kind: str) -> None:
        # It is worked on here, and by no hook.
        (instance,) = testbed.autoscaling.create_group("web", capacity=1, max_size=5)
        options = SCENES[kind](testbed, instance)
        self._set_up = Counter(testbed.region.calls)
        clients, clock = Clients(), testbed.timeline.now
        services = compose_services(
            clients,
            LifecycleActions(clients, clock),
            clock,
            signals=Signals(clients, TABLE),
            plan_path=PLAN_PATH,
            network=testbed.http_apis.network,
        )
        self.testbed = testbed
        self.step = build(PlannedStep(kind=kind, options=options), services)
        self._action = LifecycleAction(
            token="87654321-4321-4321-4321-210987654321",  # noqa: S106 - names an action, opens nothing
            group="web",
            hook="asg-lifecycle-terminate",
            instance=instance,
            transition=Transition.TERMINATING,
            time=clock(),
        )
        self._facts = self._describe()
        self._began_at = clock()

    def _describe(self) -> InstanceFacts:
        instances = self.testbed.deployment._application.instances  # noqa: SLF001 - as the engine reads them
        return instances.facts(self._action.instance)

    def target(self, began_before: float | None = None) -> Target:
        return Target(
            action=self._action,
            facts=self._facts,
            position=0,
            began_at=self._began_at,
            now=self.testbed.timeline.now(),
            began_before=began_before,
        )

    def terminate_instance(self) -> None:
        """Have EC2 terminate the instance, before its hook is worked on."""
        self.testbed.region.client("ec2").terminate_instances(InstanceIds=[self._action.instance])
        self.testbed.run(60)
        self._facts = self._describe()

    def outcome(self) -> StepAnswer | CallFailed:
        """Begin and poll for a while; return what came of it."""
        try:
            progress = self.step.begin(self.target())
            for _ in range(20):
                if isinstance(progress, Waiting):
                    self.testbed.run(progress.again_after or 30)
                    progress = self.step.check(self.target(), progress)
        except CallFailed as failed:
            return failed
        return progress

    def counted_changes(self) -> dict[str, int]:
        """Return how often each operation was called since the scene was set that may change something."""
        counts: Counter[str] = Counter()
        for (_, operation), count in (Counter(self.testbed.region.calls) - self._set_up).items():
            if not operation.startswith(READING):
                counts[operation] += count
        counts.update({f"{method} {path}": n for (_, method, path), n in self.testbed.http_apis.changes().items()})
        return counts

    def changes(self) -> list[str]:
        """Return the operations so far that may have changed something."""
        api = self.testbed.kubernetes.apis.get("production")
        asked = [] if api is None else [verb for verb in api.asked if not verb.startswith(("get", "list"))]
        return sorted(self.counted_changes()) + asked


@every_kind
def test_a_preview_changes_nothing_and_says_what_would_be(testbed: Testbed, kind: str) -> None:
    scene = Scene(testbed, kind)
    said = scene.step.preview(scene.target())
    assert said
    assert "\n" not in said
    assert scene.changes() == []


WAITS_FOR_TIME = {"wait"}
"""The kinds that wait for nothing but time."""

NAMES_NONE_YET = {"drain-kubernetes", "wait-for-kubernetes"}
"""The kinds whose waits are sentences only."""


@every_kind
def test_a_wait_names_what_it_waits_for_and_what_it_remembers_comes_back_from_json(testbed: Testbed, kind: str) -> None:
    scene = Scene(testbed, kind)
    progress = scene.step.begin(scene.target())
    if not isinstance(progress, Waiting):
        return
    if kind not in WAITS_FOR_TIME | NAMES_NONE_YET:
        assert progress.blockers
        assert all(blocker.name and blocker.reason for blocker in progress.blockers)
    again = msgspec.json.decode(msgspec.json.encode(progress), type=Progress)
    assert isinstance(again, Waiting)
    assert json.dumps(again.state) == json.dumps(progress.state)
    # And it can be gone on with.
    testbed.run(progress.again_after or 5)
    following = scene.step.check(scene.target(), again)
    assert not isinstance(following, Failed)
    assert msgspec.json.decode(msgspec.json.encode(following), type=Progress)


@every_kind
def test_beginning_twice_is_beginning_once(testbed: Testbed, kind: str) -> None:
    scene = Scene(testbed, kind)
    first = scene.step.begin(scene.target())
    before = scene.counted_changes()
    testbed.run(1)
    second = scene.step.begin(scene.target(began_before=scene.target().now if KINDS[kind].at_most_once else None))
    assert isinstance(second, Failed if kind in FAILS_INSTEAD else type(first) | Done)
    if kind not in AT_LEAST_ONCE:
        repeated = {name for name, count in scene.counted_changes().items() if count > before.get(name, 0)}
        assert repeated <= IDEMPOTENT
    assert testbed.region.calls["ssm", "SendCommand"] == (1 if kind == "run-command" else 0)


STOPPED = {
    "create-image": "image ami-",
    "create-snapshot": "snap-",
    "http-request": "POST https://runners.example.com/drain is not undone",
    "invoke-function": "function archive",
    "run-automation": "automation ",
    "run-command": "command ",
    "start-execution": "execution asg-lifecycle-i-",
}
"""The kinds with something to stop, and what their sentence begins with."""


@every_kind
def test_giving_up_says_what_was_stopped(testbed: Testbed, kind: str) -> None:
    scene = Scene(testbed, kind)
    progress = scene.step.begin(scene.target())
    before = scene.changes()
    stopped = scene.step.cancel(scene.target(), progress if isinstance(progress, Waiting) else None)
    if isinstance(progress, Waiting) and kind in STOPPED:
        assert stopped is not None
        assert stopped.startswith(STOPPED[kind])
    else:
        assert stopped is None
        assert scene.changes() == before


DONE_WITHOUT_ALIVE = {"drain-ecs"}
"""Needs the instance alive to drain it; ECS itself forgets a container instance whose instance is gone."""

WAITS_ALL_THE_SAME = {"http-request", "wait-for-metric"}
"""Can be done when the instance is gone: the metric or the API may be about anything."""


@every_kind
def test_a_kind_needs_the_instance_alive_where_it_cannot_end_without(testbed: Testbed, kind: str) -> None:
    scene = Scene(testbed, kind)
    scene.terminate_instance()
    done = isinstance(scene.outcome(), Done)
    assert KINDS[kind].needs_instance_alive == (
        (not done or kind in DONE_WITHOUT_ALIVE) and kind not in WAITS_ALL_THE_SAME
    )


@every_kind
def test_a_kind_begins_at_most_once_where_repeating_would_do_it_twice(testbed: Testbed, kind: str) -> None:
    scene = Scene(testbed, kind)
    scene.step.begin(scene.target())
    changes = scene.counted_changes()
    testbed.run(1)
    scene.step.begin(scene.target())
    twice = {name for name, count in scene.counted_changes().items() if count > changes.get(name, 0)} - IDEMPOTENT
    repeats_do_harm = (bool(twice) and kind not in AT_LEAST_ONCE) or kind in AT_MOST_ONCE_FOR_SOME
    assert KINDS[kind].at_most_once == repeats_do_harm


def test_steps_that_remove_an_instance_for_good_say_so() -> None:
    # Who comes back from a warm pool is found by its names and nodes again only if they were left.
    assert {step.kind for step in KINDS.values() if step.skip_if_instance_survives} == {
        "deregister-cloud-map",
        "detach-volume",
        "move-address",
        "remove-dns-records",
    }
