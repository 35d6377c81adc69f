"""A simulated Region with the application in it, into which the examples are deployed."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # the package ships no types

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.stack import make_stack
from asg_lifecycle_simulator.deployment.testbed import Testbed as SimulatedTestbed
from asg_lifecycle_simulator.region.log import LogKind
from tests.instance import run_script, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXAMPLES = Path(__file__).parents[2] / "examples"
STACK = "example"
OURS = ("/usr/local/", "/srv/", "/opt/", "/etc/systemd/", "/etc/ecs/")
"""Where user data writes; a test has these folders elsewhere."""

SYSTEMCTL = """#!{python}
import os, re, socket, subprocess, sys, time
with open(os.environ["UNITS"], "a") as units:
    print(*sys.argv[1:], file=units)
unit = "{root}/etc/systemd/system/" + sys.argv[-1] + ".service"
if sys.argv[1] == "start" and os.path.exists(unit):
    command = re.search("^ExecStart=(.*)$", open(unit).read(), re.M).group(1).split()
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    print("pid", started.pid, file=open(os.environ["UNITS"], "a"))
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", {port})) == 0:
                break
        time.sleep(0.05)
"""
"""systemd, as far as the examples need it: it writes down what it is asked, and starts what a unit says."""


class ExampleTestbed(SimulatedTestbed[Deployment]):
    """The application in a Region, with a network for examples."""

    def __init__(self) -> None:
        super().__init__(Deployment)

    def parameters(self, **more: str) -> dict[str, str]:
        """Return parameters of an example: the default network of the Region, and more."""
        with self.region.unobserved():
            ec2 = self.region.client("ec2")
            (vpc,) = ec2.describe_vpcs()["Vpcs"]
            subnets = ec2.describe_subnets()["Subnets"]
            (security_group,) = ec2.describe_security_groups()["SecurityGroups"]
        return {
            "VpcId": vpc["VpcId"],
            "SubnetIds": ",".join(subnet["SubnetId"] for subnet in subnets[:2]),
            "LoadBalancerSecurityGroupId": security_group["GroupId"],
            **more,
        }

    def deploy(self, text: str, **more: str) -> dict[str, str]:
        """Deploy a template as it is written, and return its outputs; parameters that it has not are left out."""
        known = yaml_parse(text)["Parameters"]
        given = {key: value for key, value in self.parameters(**more).items() if key in known}
        with self.region.unobserved():
            client = self.region.client("cloudformation")
            client.create_stack(
                StackName=STACK,
                TemplateBody=text,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
                Capabilities=["CAPABILITY_IAM"],
            )
            (stack,) = client.describe_stacks(StackName=STACK)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def take_notifications(self) -> dict[str, str]:
        """Make our own stack with `Notifications=on`, and return its outputs."""
        outputs = make_stack(self.region, self.deployment, parameters={"Notifications": "on"})
        with self.region.unobserved():
            name = outputs["NotificationQueueArn"].rpartition(":")[2]
            self.deployment.queues["notification"] = self.region.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        self.deployment.topic = outputs["NotificationTopicArn"]
        self.deployment.take_notifications(self.autoscaling)
        return outputs

    def state(self, instance: str) -> str | None:
        """Return the lifecycle state of an instance."""
        return self.autoscaling.instance_state(instance)

    def ends(self, instance: str) -> list[str]:
        """Return how the actions of an instance ended, by Auto Scaling's own log."""
        return [
            f"{entry.hook} {entry.detail}"
            for entry in self.region.log.of(LogKind.COMPLETED)
            if entry.instance == instance
        ]

    def user_data(self, instance: str) -> str:
        """Return the user data that EC2 has for an instance, from its launch template."""
        with self.region.unobserved():
            ec2 = self.region.client("ec2")
            tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]
            named = {tag["Key"]: tag["Value"] for tag in tags}
            (version,) = ec2.describe_launch_template_versions(
                LaunchTemplateId=named["aws:ec2launchtemplate:id"], Versions=[named["aws:ec2launchtemplate:version"]]
            )["LaunchTemplateVersions"]
        return base64.b64decode(version["LaunchTemplateData"]["UserData"]).decode()

    def put(self, calls: list[list[Any]]) -> None:
        """Do what an instance has asked its AWS CLI for."""
        for region, *words in calls:
            assert region == self.region.name
            with self.region.unobserved():
                if words[:3] == ["ec2", "create-tags", "--resources"]:
                    key, value = words[5].removeprefix("Key=").split(",Value=")
                    self.region.client("ec2").create_tags(Resources=[words[3]], Tags=[{"Key": key, "Value": value}])
                    continue
                assert words[:3] == ["events", "put-events", "--entries"]
                self.region.client("events").put_events(Entries=json.loads(words[3]))


class Machine:
    """An instance's operating system: what user data writes is below a folder, and units that it starts are run."""

    def __init__(self, testbed: ExampleTestbed, instance: str, folder: Path) -> None:
        self.testbed = testbed
        self.instance = instance
        self.root = folder / instance
        self.programs = self.root / "programs"
        for path in ("programs", "usr/local/bin", "srv", "opt", "etc/systemd/system", "etc/ecs"):
            (self.root / path).mkdir(parents=True)
        self.units = self.root / "units"
        self.units.touch()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def placed(self, text: str) -> str:
        """Return a script with this machine's folders and port in it."""
        for path in OURS:
            text = text.replace(path, f"{self.root}{path}")
        return text.replace("8080", str(self.port)).replace("/usr/bin/python3", sys.executable)

    def run(self, command: Sequence[str | Path], states: tuple[str, ...] = ("InService",)) -> int:
        """Run a script; its signals reach the Region. Return its exit code."""
        systemctl = self.programs / "systemctl"
        systemctl.write_text(SYSTEMCTL.format(python=sys.executable, root=self.root, port=self.port))
        systemctl.chmod(0o755)
        (self.programs / "calls").unlink(missing_ok=True)
        with serving(self.instance, self.testbed.region.name) as metadata:
            metadata.states = list(states)
            code, calls = run_script(
                command,
                metadata=metadata,
                folder=self.programs,
                path=[self.root / "usr" / "local" / "bin"],
                UNITS=str(self.units),
            )
        self.testbed.put(calls)
        return code

    def boot(self) -> int:
        """Run the instance's user data."""
        script = self.root / "user-data"
        script.write_text(self.placed(self.testbed.user_data(self.instance)))
        script.chmod(0o755)
        return self.run([script])

    def asked_of_systemd(self) -> list[str]:
        """Return what systemd was asked."""
        return [line for line in self.units.read_text().splitlines() if not line.startswith("pid ")]

    def power_off(self) -> None:
        """End what was started."""
        for line in self.units.read_text().splitlines():
            if line.startswith("pid "):
                os.kill(int(line.removeprefix("pid ")), signal.SIGKILL)


@contextmanager
def machine(testbed: ExampleTestbed, instance: str, folder: Path) -> Iterator[Machine]:
    made = Machine(testbed, instance, folder)
    try:
        yield made
    finally:
        made.power_off()


@pytest.fixture
def testbed() -> Iterator[ExampleTestbed]:
    with ExampleTestbed() as made:
        yield made


def template(name: str) -> str:
    """Return the template of an example as it is written."""
    return (EXAMPLES / name / "template.yaml").read_text()


def resources(text: str) -> dict[str, Any]:
    """Return the resources of a template, by their logical ids."""
    found: dict[str, Any] = yaml_parse(text)["Resources"]
    return found


def without(text: str, *names: str) -> str:
    """Return a template without some of its resources, and without what waits for them."""
    whole = yaml_parse(text)
    for name in names:
        del whole["Resources"][name]
    for resource in whole["Resources"].values():
        waits_for = resource.get("DependsOn", [])
        names_left = [waits_for] if isinstance(waits_for, str) else waits_for
        resource["DependsOn"] = [name for name in names_left if name not in names]
    return json.dumps(whole)


def lint(*files: Path) -> list[str]:
    """Return what cfn-lint finds in templates, errors and warnings, one line each."""
    answer = subprocess.run(  # noqa: S603 - the pinned cfn-lint
        [
            Path(sys.executable).with_name("cfn-lint"),
            "--format",
            "json",
            "--regions",
            "us-west-2",
            "--template",
            *files,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.stderr:
        raise RuntimeError(answer.stdout + answer.stderr)
    return [
        f"{Path(each['Filename']).parent.name}: {each['Rule']['Id']} {each['Message']}"
        for each in json.loads(answer.stdout)
    ]
