"""The CloudFormation examples, deployed into a simulated Region: an instance launches, and goes."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.examples.conftest import EXAMPLES, machine, resources, template, without

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.examples.conftest import ExampleTestbed

EVERYTHING_ASKED_OF_A_CLUSTER = {
    "list nodes",
    "get nodes",
    "patch nodes",
    "delete nodes",
    "list pods",
    "delete pods",
    "create pods/eviction",
}
LAUNCHED = "asg-lifecycle-launch CONTINUE CompleteLifecycleAction"
TERMINATED = "asg-lifecycle-terminate CONTINUE CompleteLifecycleAction"


def test_a_web_server_serves_when_it_is_ready_and_goes_when_its_requests_are_done(
    testbed: ExampleTestbed, tmp_path: Path
) -> None:
    outputs = testbed.deploy(template("web-service"), DesiredCapacity="1")
    (instance,) = testbed.autoscaling.instances("web")
    testbed.run_command.manage(instance)
    testbed.run(600)
    assert (testbed.state(instance), testbed.ends(instance)) == ("Pending:Wait", [])

    with machine(testbed, instance, tmp_path) as booted:
        assert booted.boot() == 0
        assert booted.asked_of_systemd() == ["start web"]
    testbed.run(60)
    assert (testbed.state(instance), testbed.ends(instance)) == ("InService", [LAUNCHED])
    (registered,) = testbed.target_groups.registrations(instance)
    assert (registered.group.arn, registered.drained_at) == (outputs["TargetGroupArn"], None)

    testbed.target_groups.connections_end_after(instance, 90)
    testbed.autoscaling.terminate(instance)
    testbed.run(80)
    assert testbed.state(instance) == "Terminating"
    testbed.run(300)
    assert testbed.ends(instance) == [LAUNCHED, TERMINATED]
    assert testbed.target_groups.registrations(instance) == []
    assert [run.status for run in testbed.run_command.runs(instance)] == ["Success"]
    assert testbed.state(instance) is None


def test_a_web_server_that_does_not_start_is_abandoned(testbed: ExampleTestbed, tmp_path: Path) -> None:
    testbed.deploy(template("web-service"), DesiredCapacity="1")
    (instance,) = testbed.autoscaling.instances("web")
    testbed.run(10)
    with machine(testbed, instance, tmp_path) as booted:
        unready = booted.placed(testbed.user_data(instance)).replace(
            f":{booted.port}/health", f":{booted.port}/another"
        )
        script = tmp_path / "user-data"
        script.write_text(unready)
        assert booted.run(["/bin/sh", script]) == 0
    testbed.run(30)
    assert testbed.ends(instance) == ["asg-lifecycle-launch ABANDON CompleteLifecycleAction"]


@pytest.mark.parametrize("way", ["queue", "topic", "function"])
def test_a_hook_that_notifies_is_answered_when_its_event_is_lost(testbed: ExampleTestbed, way: str) -> None:
    outputs = testbed.take_notifications()
    (instance,) = testbed.autoscaling.create_group("web", capacity=1)
    testbed.deploy(
        template(f"notify-{way}"), GroupName="web", **{key: outputs[key] for key in outputs if "Notification" in key}
    )
    testbed.deployment.put_plan(
        "web", {"steps": [{"kind": "wait", "options": {"duration": "1m"}}], "transition": "terminate"}
    )
    testbed.run(60)
    testbed.region.events.deliveries = lambda _: ()
    testbed.autoscaling.terminate(instance)
    testbed.run(180)
    assert testbed.ends(instance) == [TERMINATED]


def test_an_instance_is_prepared_for_the_pool_and_well_when_it_leaves_it(
    testbed: ExampleTestbed, tmp_path: Path
) -> None:
    testbed.deploy(template("warm-pool"), DesiredCapacity="0", PreparedCapacity="1")
    testbed.run(5)
    (instance,) = testbed.autoscaling.instances("pooled")
    assert testbed.state(instance) == "Warmed:Pending:Wait"
    testbed.run_command.manage(instance)
    testbed.run(600)
    assert (testbed.state(instance), testbed.ends(instance)) == ("Warmed:Stopped", [LAUNCHED])

    testbed.autoscaling.scale("pooled", 1)
    testbed.run(5)
    assert testbed.state(instance) == "Pending:Wait"
    testbed.run(600)
    assert (testbed.state(instance), testbed.ends(instance)) == ("InService", [LAUNCHED, LAUNCHED])
    commands = [run.command.parameters["commands"] for run in testbed.run_command.runs(instance)]
    assert commands == [["/opt/app/bin/prepare --if-needed"]] * 2
    with machine(testbed, instance, tmp_path) as booted:
        assert booted.boot() == 0
        for (command,) in commands:
            assert booted.run(booted.placed(command).split()) == 0


class Runners:
    """A CI server's list of runners, by HTTP on loopback."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)
        runners = self

        class Handler(BaseHTTPRequestHandler):
            def do_DELETE(self) -> None:
                name = self.path.removeprefix("/runners/")
                self.send_response(204 if name in runners.names else 404)
                self.end_headers()
                runners.names.discard(name)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/runners/INSTANCE"


@pytest.fixture
def runners() -> Iterator[Runners]:
    made = Runners()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_a_runner_finishes_its_job_and_is_taken_off_the_list(
    testbed: ExampleTestbed, tmp_path: Path, runners: Runners, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = template("ci-runner")
    # moto would start a container for the function. Its code is run, too, in this process.
    testbed.deploy(without(text, "RemoveRunner"), ImageId="ami-12c6146b", RemoveRunnerUrl=runners.url)
    function = resources(text)["RemoveRunner"]["Properties"]
    code: dict[str, Any] = {}
    exec(function["Code"]["ZipFile"], code)  # noqa: S102 - the code that is tested
    monkeypatch.setenv("URL", runners.url)
    testbed.functions.deploy(function["FunctionName"], lambda event: code["handler"](event, None))

    testbed.run(30)
    (instance,) = testbed.autoscaling.instances("runners")
    runners.names |= {instance, "another"}
    assert testbed.state(instance) == "InService"
    with machine(testbed, instance, tmp_path) as booted:
        assert booted.boot() == 0
        assert booted.asked_of_systemd() == ["enable --now asg-lifecycle-drain"]
        unit = (booted.root / "etc/systemd/system/asg-lifecycle-drain.service").read_text()
        (before,) = [
            line.removeprefix("ExecStartPre=") for line in unit.splitlines() if line.startswith("ExecStartPre=")
        ]
        (command,) = [line.removeprefix("ExecStart=") for line in unit.splitlines() if line.startswith("ExecStart=")]
        assert booted.run(before.split()) == 0

        testbed.autoscaling.terminate(instance)
        # A long job.
        testbed.run(5 * 3600)
        assert (testbed.state(instance), runners.names) == ("Terminating:Wait", {instance, "another"})
        assert booted.run(command.split(), states=("InService", "Terminated")) == 0
        assert booted.asked_of_systemd()[1:] == ["stop worker"]
    testbed.run(60)
    assert testbed.ends(instance) == [TERMINATED]
    assert runners.names == {"another"}

    # Invoked once more for the same instance it finds done what is done.
    code["handler"]({"instance": instance}, None)


def test_a_container_instance_goes_when_its_last_task_has_stopped(testbed: ExampleTestbed, tmp_path: Path) -> None:
    # moto's CloudFormation knows neither capacity providers nor which cluster has them: cfn-lint alone looks at those.
    text = without(template("ecs-cluster"), "CapacityProvider", "ClusterCapacityProviders")
    testbed.deploy(text, DesiredCapacity="1")
    testbed.run(30)
    (instance,) = testbed.autoscaling.instances("ecs")
    with machine(testbed, instance, tmp_path) as booted:
        assert booted.boot() == 0
        (_, cluster) = (booted.root / "etc/ecs/ecs.config").read_text().strip().split("ECS_CLUSTER=")
    there = testbed.ecs.register(instance, cluster)
    testbed.ecs.run(there, "web:17", service="web", takes=40)
    testbed.ecs.run(there, "worker:3", service="worker", takes=600)
    testbed.autoscaling.terminate(instance)
    testbed.run(300)
    assert (there.status, testbed.ends(instance)) == ("DRAINING", [])
    testbed.run(400)
    assert testbed.ends(instance) == [TERMINATED]


def test_a_node_is_drained_with_no_more_rights_than_the_example_grants(testbed: ExampleTestbed) -> None:
    # moto's CloudFormation knows no access entries: cfn-lint alone looks at it. Rights in the cluster are tried here.
    (instance,) = testbed.autoscaling.create_group("nodes", capacity=1)
    testbed.deploy(
        without(template("eks-nodes"), "AccessEntry"),
        GroupName="nodes",
        FunctionRoleArn="arn:aws:iam::123456789012:role/function",
    )
    cluster = testbed.kubernetes.cluster("production")
    node = cluster.join(instance)
    (pod,) = cluster.run(node, "web")
    role, binding = yaml.safe_load_all((EXAMPLES / "eks-nodes" / "rbac.yaml").read_text())
    granted = {
        f"{verb} {resource}" for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }
    assert granted <= EVERYTHING_ASKED_OF_A_CLUSTER
    cluster.forbidden = EVERYTHING_ASKED_OF_A_CLUSTER - granted
    access = resources(template("eks-nodes"))["AccessEntry"]["Properties"]
    (subject,) = binding["subjects"]
    assert (binding["roleRef"]["name"], access["KubernetesGroups"]) == (role["metadata"]["name"], [subject["name"]])

    testbed.autoscaling.terminate(instance)
    testbed.run(600)
    assert testbed.ends(instance) == [TERMINATED]
    assert pod not in cluster.on(node)
