"""Which commands somebody can call who has one of the stack's two managed policies and nothing else."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

from asg_lifecycle.aws.permissions import (
    CHANGE_PERMISSIONS,
    OPERATOR_OUTPUT,
    PREVIEW_PERMISSIONS,
    READ_ONLY_OUTPUT,
    READ_ONLY_PERMISSIONS,
)
from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.every_command import commands_of
from asg_lifecycle.composition import action_tools, doctor, hook_tools
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.verbs import Verb
from asg_lifecycle_simulator.deployment.stack import make_stack
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.acting_people import Person
from tests.cli.action_commands import COMMAND, HOOK, MISSPELT, SIGNAL, waiting
from tests.template.expanded import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from typer.core import TyperGroup

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

EVENT = ROOT / "events" / "terminate.json"
PLAN = ROOT / "plans" / "web-service.yaml"
CHANGES_NOTHING = {
    "check-delete",
    "doctor",
    "explain",
    "history",
    "plan check",
    "plan diff",
    "plan examples",
    "plan explain",
    "plan list",
    "plan schema",
    "plan show",
    "plan steps",
    "plan versions",
    "ps",
    "redrive list",
    "redrive show",
    "show",
    "version",
    "why",
}
"""The commands for people who look. Every other command is for people who act."""


class Scene:
    """A region with the stack, an instance that waits, one that has been drained, a stored plan and a dead letter."""

    def __init__(self, testbed: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
        timeline, region = testbed.timeline, testbed.region
        in_time = partial(action_tools.compose_action_tools, clock=timeline.now, pause=timeline.run_for)
        monkeypatch.setattr(action_tools, "compose_action_tools", in_time)
        hooks_in_time = partial(hook_tools.compose_hook_tools, clock=timeline.now, pause=timeline.run_for)
        monkeypatch.setattr(hook_tools, "compose_hook_tools", hooks_in_time)
        monkeypatch.setattr(doctor, "compose_doctor", partial(doctor.compose_doctor, clock=timeline.now))
        self.testbed = testbed
        with region.unobserved():
            topic = region.client("sns").create_topic(Name="alarms")["TopicArn"]
        self.outputs = make_stack(region, testbed.deployment, parameters={"AlarmTopicArn": topic})
        (self.drained,) = waiting(testbed, "old", {"kind": "wait", "options": {"duration": "1s"}})
        testbed.run(60)
        (self.instance,) = waiting(testbed, "web", {**SIGNAL, "timeout": "5h"})
        (self.held,) = waiting(testbed, "held", MISSPELT)
        (self.dead,) = waiting(testbed, "dead", SIGNAL)
        dead = testbed.deployment.record("dead", HOOK, self.dead)
        assert dead is not None
        testbed.deployment.service.stop(dead.execution)
        testbed.deployment.put_plan("web", {"steps": [SIGNAL]})
        with region.unobserved():
            self.letter = region.client("sqs").send_message(
                QueueUrl=self.outputs["RuleDeadLetterQueueUrl"], MessageBody=EVENT.read_text()
            )["MessageId"]

    def target(self, verb: Verb) -> str:
        """Return an instance to which a verb does something."""
        return self.held if verb is Verb.RESUME else self.instance

    def person(self, output: str) -> Person:
        """Return somebody who has the policy of this output of the stack."""
        return Person(self.testbed, self.outputs[output])


@pytest.fixture
def scene(testbed: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(testbed, monkeypatch)


def said_to(verb: Verb, instance: str) -> str:
    """Return the words that do something to an instance."""
    length = "30m " if verb is Verb.EXTEND else ""
    return f"{verb} {length}{instance} --reason 'told to'"


def every_command() -> set[str]:
    root: Any = get_command(application)
    group: TyperGroup = root
    return {" ".join(path) for path, _ in commands_of(group)}


def looking(scene: Scene) -> dict[str, tuple[str, ...]]:
    """Return how each command is called that changes nothing, and each other one so that it changes nothing."""
    verbs = {verb.value: (f"{said_to(verb, scene.target(verb))} --dry-run",) for verb in Verb if verb != Verb.NUDGE}
    return {
        **verbs,
        "nudge": (f"nudge {scene.instance} --dry-run",),
        "check-delete": ("check-delete",),
        "doctor": ("doctor", "doctor --group web"),
        "drain": ("drain --group idle --all --keep-capacity --dry-run",),
        "explain": (f"explain {EVENT}",),
        "history": ("history", "history --group old"),
        "install-hook": ("install-hook --group web --terminate --dry-run",),
        "plan check": (f"plan check {PLAN}",),
        "plan diff": (f"plan diff web {PLAN}",),
        "plan examples": ("plan examples",),
        "plan explain": ("plan explain --group pooled", f"plan explain --group web --instance {scene.instance}"),
        "plan list": ("plan list",),
        "plan schema": ("plan schema",),
        "plan show": ("plan show web",),
        "plan steps": ("plan steps",),
        "plan versions": ("plan versions web",),
        "ps": ("ps", "ps --retained", "ps --all-regions"),
        "redrive list": ("redrive list",),
        "redrive show": (f"redrive show {scene.letter}",),
        "remove-hook": (f"remove-hook --group idle --name {HOOK} --dry-run",),
        "show": (f"show {scene.instance}", f"show {scene.drained}", f"show {scene.dead} --follow"),
        "terminate-retained": (
            "terminate-retained --group pooled --reason 'told to' --dry-run",
            f"terminate-retained {scene.instance} --reason 'told to' --dry-run",
        ),
        "version": ("version",),
        "why": (f"why {scene.instance}",),
    }


def idle(scene: Scene) -> str:
    """Make a group of two instances with a hook at which nobody waits, and return one."""
    one, other = scene.testbed.autoscaling.create_group("idle", capacity=2)
    metadata = json.dumps({"plan": {"steps": [COMMAND]}})
    scene.testbed.run_command.behave(Behaviour(duration=30))
    scene.testbed.autoscaling.put_hook("idle", HOOK, "TERMINATING", HeartbeatTimeout=900, NotificationMetadata=metadata)
    for instance in (one, other):
        scene.testbed.run_command.manage(instance)
    return str(one)


def with_pool(scene: Scene) -> None:
    """Make a group with a warm pool, and a hook whose plan is in the store if anywhere."""
    scene.testbed.autoscaling.create_group("pooled")
    with scene.testbed.region.unobserved():
        scene.testbed.region.client("autoscaling").put_warm_pool(AutoScalingGroupName="pooled", MinSize=1)
    scene.testbed.run(300)
    scene.testbed.autoscaling.put_hook("pooled", HOOK, "TERMINATING")


def test_who_may_look_can_call_every_command_that_changes_nothing(scene: Scene) -> None:
    person = scene.person(READ_ONLY_OUTPUT)
    idle(scene)
    with_pool(scene)
    calls = looking(scene)
    for lines in calls.values():
        for line in lines:
            said = person(line)
            # Doctor has something to say, an instance waits, an execution was stopped, and nobody is retained.
            expected = ("is not ready to be deleted", "there is nothing to terminate")
            assert said.exit_code in {0, 13, 20, 21} or any(each in said.stderr for each in expected), (
                f"{line}: {said.output}"
            )
            assert "is missing" not in said.output, line
    assert person.denied == set()
    assert calls.keys() >= CHANGES_NOTHING
    assert person.used - {*PREVIEW_PERMISSIONS} == {*READ_ONLY_PERMISSIONS}


def named_by_plans(testbed: Testbed[Deployment], instance: str) -> list[dict[str, Any]]:
    """Make what steps work on, and return a step for each way to name it."""
    testbed.target_group("blue", instance)
    lattice = testbed.lattice.target_group("1", instance)
    testbed.classic_load_balancers.make("web", instance)
    testbed.ecs.run(testbed.ecs.register(instance, "prod"), "web:1", service="web")
    cluster = testbed.kubernetes.cluster()
    cluster.join(instance)
    shop = testbed.cloud_map.namespace("shop.internal")
    service = testbed.cloud_map.service("web", shop)
    service.instances = {instance: {}}
    empty = testbed.cloud_map.namespace("empty.internal")
    zone = testbed.dns.zone()
    testbed.volumes.make(tags={"data": "shop"}, instance=instance)
    return [
        {"kind": kind, "options": options}
        for kind, options in (
            ("deregister-targets", {"names": ["blue"], "arns": [lattice]}),
            ("deregister-targets", {"tags": {"team": "shop"}}),
            ("deregister-targets", {"of_group": True}),
            ("deregister-classic-elb", {"names": ["web"]}),
            ("deregister-classic-elb", {"of_group": True}),
            ("drain-ecs", {"cluster": "prod"}),
            ("drain-ecs", {"cluster": "stage"}),
            ("drain-ecs", {}),
            ("drain-kubernetes", {"cluster": "production"}),
            ("deregister-cloud-map", {"namespaces": [shop, empty]}),
            ("deregister-cloud-map", {"services": [service.id]}),
            ("remove-dns-records", {"zones": [zone.id]}),
            ("detach-volume", {"tag": {"key": "data", "value": "shop"}}),
            ("run-command", COMMAND["options"]),
            ("run-automation", {"document": "AWS-CreateImage"}),
            ("start-execution", {"state_machine": testbed.state_machines.make("decommission")}),
            ("invoke-function", {"function": "archive"}),
            ("publish-event", {}),
            (
                "wait-for-metric",
                {"metrics": {"busy": {"namespace": "W", "name": "Busy"}}, "comparison": "<=", "threshold": 0},
            ),
        )
    ]


def test_who_may_look_can_see_what_the_steps_of_plans_would_do(scene: Scene) -> None:
    person = scene.person(READ_ONLY_OUTPUT)
    testbed = scene.testbed
    instance, other = testbed.autoscaling.create_group("rich", capacity=2)
    # A cluster that does not have the instance.
    testbed.ecs.register(other, "stage")
    testbed.deployment.put_plan("rich", {"steps": named_by_plans(testbed, instance)})
    testbed.deployment.put_plan(
        "rich", {"steps": [{"kind": "wait-for-status-checks"}, {"kind": "wait-for-ecs"}]}, PlanTransition.LAUNCH
    )
    for transition, name in (("TERMINATING", HOOK), ("LAUNCHING", "asg-lifecycle-launch")):
        testbed.autoscaling.put_hook("rich", name, transition)
    told = person(f"plan explain --group rich --instance {instance}")
    assert told.exit_code == 0, told.output
    assert "could not be found out" not in told.stdout
    seen = person("doctor --group rich --json")
    assert "is missing" not in seen.stdout
    assert person.denied == set()
    assert person.used - {*READ_ONLY_PERMISSIONS} == {*PREVIEW_PERMISSIONS}


def stopped(scene: Scene) -> None:
    """Let the execution of an action be stopped, and its event be a dead letter."""
    testbed = scene.testbed
    (instance,) = waiting(testbed, "stopped", SIGNAL)
    record = testbed.deployment.record("stopped", HOOK, instance)
    assert record is not None
    event = json.loads(EVENT.read_text())
    event["detail"] |= {
        "AutoScalingGroupName": "stopped",
        "EC2InstanceId": instance,
        "LifecycleActionToken": record.token,
        "LifecycleHookName": HOOK,
    }
    with testbed.region.unobserved():
        testbed.region.client("lambda").stop_durable_execution(DurableExecutionArn=record.execution)
        testbed.region.client("sqs").send_message(
            QueueUrl=scene.outputs["RuleDeadLetterQueueUrl"], MessageBody=json.dumps(event)
        )


def changes(scene: Scene, folder: Path) -> dict[str, str]:
    """Return how each command is called that changes something, in the order in which they can be called."""
    file = folder / "plan.yaml"
    file.write_text(json.dumps({"transition": "terminate", "steps": [SIGNAL, SIGNAL]}), encoding="utf-8")
    one = idle(scene)
    stopped(scene)
    (gone,) = waiting(scene.testbed, "retained", SIGNAL)
    scene.testbed.autoscaling.retain("retained")
    with scene.testbed.region.unobserved():
        scene.testbed.region.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName="retained",
            LifecycleHookName=HOOK,
            InstanceId=gone,
            LifecycleActionResult="ABANDON",
        )
    scene.testbed.run(60)
    timed = {**SIGNAL, "timeout": "5h"}
    steps = {verb: (MISSPELT,) if verb is Verb.RESUME else (timed, COMMAND) for verb in Verb}
    ended = {verb: waiting(scene.testbed, f"for-{verb}", *of_verb)[0] for verb, of_verb in steps.items()}
    return {
        "plan put": f"plan put web {file} --yes",
        "plan restore": "plan restore web 1 --yes",
        "plan delete": "plan delete web --yes",
        "signal": f"signal {scene.instance} --name other",
        **{verb.value: f"{said_to(verb, instance)} --yes" for verb, instance in ended.items() if verb != Verb.NUDGE},
        "nudge": f"nudge {ended[Verb.NUDGE]}",
        "redrive start": "redrive start --all",
        "drain": f"drain --group idle --instance {one} --shrink --yes",
        "install-hook": "install-hook --group idle --terminate --name asg-lifecycle-other --retain --yes",
        "remove-hook": f"remove-hook --group idle --name {HOOK} --yes",
        "terminate-retained": f"terminate-retained {gone} --reason 'told to' --yes",
    }


def test_who_may_act_can_call_every_command(scene: Scene, tmp_path: Path) -> None:
    person = scene.person(OPERATOR_OUTPUT)
    lines = changes(scene, tmp_path)
    assert lines.keys() | CHANGES_NOTHING == every_command(), "call it here"
    for line in lines.values():
        said = person(line)
        assert said.exit_code == 0, f"{line}: {said.output}"
    assert person.denied == set()
    assert person.used >= {*CHANGE_PERMISSIONS}


def test_who_may_look_is_told_what_is_lacking_for_each_command_that_changes(scene: Scene, tmp_path: Path) -> None:
    lines = changes(scene, tmp_path)
    scene.testbed.deployment.put_plan("web", {"steps": [SIGNAL, COMMAND]})
    for command, line in lines.items():
        person = scene.person(READ_ONLY_OUTPUT)
        said = person(line)
        assert said.exit_code == 1, f"{line}: {said.output}"
        assert len(person.denied) == 1, f"{line}: {said.output}"
        (lacking,) = person.denied
        assert lacking in CHANGE_PERMISSIONS, command
        assert f"permission {lacking} is missing: " in said.stderr, line
        granted = (
            f"your own identity lacks it, and the managed policy of the stack's output {OPERATOR_OUTPUT} grants it"
        )
        assert granted in said.stderr, line
        assert "the function's role" not in said.output
