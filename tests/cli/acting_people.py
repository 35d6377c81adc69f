"""Somebody with one managed policy of the stack and nothing else, who calls the commands in a simulated region.

Every call that a command makes is tried on the policy as the simulated stack has it: the simulator's model of
permissions decides. The functions of the application are not concerned: they have roles of their own.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.cli.app import application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from typer.testing import Result

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
"""IAM's name of a service, where it is not the one that requests are signed with."""

NEEDS_NOTHING = "sts:GetCallerIdentity"
"""Whoever there is may ask who they are."""

KEYS = count()
"""Numbers of access keys."""

WITHOUT_RESOURCES = (
    "autoscaling:Describe",
    "cloudformation:DescribeStacks",
    "cloudwatch:GetMetricData",
    "ec2:Describe",
    "ecs:ListClusters",
    "elasticloadbalancing:Describe",
    "events:ListRules",
    "servicediscovery:",
    "ssm:DescribeInstanceInformation",
    "tag:GetResources",
)
"""What the actions begin with that IAM allows on everything or not at all."""


class Person:
    """Whoever has a managed policy alone.

    Args:
        testbed: the region, with the application's stack in it.
        policy: ARN of the policy.

    Attributes:
        used: the IAM actions of all calls so far.
        denied: those that were denied.
    """

    def __init__(self, testbed: Testbed[Deployment], policy: str) -> None:
        self._testbed = testbed
        self._policy = policy
        self.used: set[str] = set()
        self.denied: set[str] = set()

    def __call__(self, line: str, *, text: str | None = None) -> Result:
        """Call a command."""
        with self._acting():
            return CliRunner().invoke(application, shlex.split(line), input=text)

    @contextmanager
    def _acting(self) -> Iterator[None]:
        before, make = Clients.__init__, Clients._make
        theirs: set[int] = set()
        kept: list[Clients] = []

        def construct(clients: Clients, *arguments: Any, **named: Any) -> None:
            before(clients, *arguments, **named)
            # Kept, so that no other object has its id.
            kept.append(clients)
            theirs.add(id(clients))

        def make_client(clients: Clients, service: Any, config: Any) -> Any:
            made = make(clients, service, config)
            if id(clients) in theirs:
                made.meta.events.register("provide-client-params.*.*", self._try)
            return made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Clients, "__init__", construct)
            patch.setattr(Clients, "_make", make_client)
            # The region makes a client once for the environment: with a key of their own, nobody else has theirs.
            patch.setenv("AWS_ACCESS_KEY_ID", f"person-{next(KEYS)}")
            yield

    def _try(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        signing, operation = model.service_model.signing_name, model.name
        action = f"{PREFIXES.get(signing, signing)}:{operation}".replace("lambda:Invoke", "lambda:InvokeFunction")
        if action == NEEDS_NOTHING:
            return
        self.used.add(action)
        # A command puts one event.
        context = {"events:source": params["Entries"][0]["Source"]} if action == "events:PutEvents" else {}
        for resource in self._resources(action, params):
            if not self._testbed.role_policies.allows(self._policy, action, resource, context):
                self.denied.add(action)
                message = f"User is not authorized to perform: {action} on resource: {resource}"
                raise ClientError(
                    {
                        "Error": {"Code": "AccessDenied", "Message": message},
                        "ResponseMetadata": {"HTTPStatusCode": 403},  # type: ignore[typeddict-item]  # boto3 has more
                    },
                    operation,
                )

    def _resources(self, action: str, params: Mapping[str, Any]) -> list[str]:
        """Return the ARNs of what a call is about."""
        if action.startswith(WITHOUT_RESOURCES):
            return ["*"]
        found = [each for name, find in self._finders().items() if name in params for each in find(params[name])]
        if not found:
            raise LookupError(f"say what {action} is about: {sorted(params)}")
        return found

    def _finders(self) -> dict[str, Callable[[Any], list[str]]]:
        """Return what finds the resources in a parameter of a call, by its name. Every call has one of them."""
        region = self._testbed.region

        def arn(service: str, resource: str) -> str:
            return (
                resource
                if resource.startswith("arn:")
                else f"arn:aws:{service}:{region.name}:{region.account}:{resource}"
            )

        def group(name: str) -> str:
            return arn("autoscaling", f"autoScalingGroup:0123:autoScalingGroupName/{name}")

        def stack(name: str) -> str:
            (described,) = region.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
            return str(described["StackId"])

        return {
            "AlarmNames": lambda names: [arn("cloudwatch", f"alarm:{name}") for name in names],
            "AutoScalingGroupName": lambda name: [group(name)],
            "CallbackId": lambda _: [self._testbed.deployment.service.alias_arn],
            "cluster": lambda name: [arn("ecs", f"cluster/{name.rpartition('/')[2]}")],
            "clusters": lambda names: [arn("ecs", f"cluster/{name.rpartition('/')[2]}") for name in names],
            "DurableExecutionArn": lambda it: [it],
            "Entries": lambda entries: [arn("events", f"event-bus/{entry['EventBusName']}") for entry in entries],
            "FunctionName": lambda it: [it],
            "HostedZoneId": lambda it: [f"arn:aws:route53:::hostedzone/{it}"],
            "InstanceId": lambda it: [group(self._testbed.autoscaling.engine.instances[it].group)],
            "Name": lambda it: [arn("ssm", f"parameter{it}")],
            "name": lambda it: [arn("eks", f"cluster/{it}")],
            "Names": lambda names: [arn("ssm", f"parameter{name}") for name in names],
            "Path": lambda it: [arn("ssm", f"parameter{it}")],
            "PolicySourceArn": lambda it: [it],
            "QueueUrl": lambda it: [arn("sqs", it.rpartition("/")[2])],
            "RequestItems": lambda tables: [arn("dynamodb", f"table/{table}") for table in tables],
            "Rule": lambda it: [arn("events", f"rule/{it}")],
            "stateMachineArn": lambda it: [it],
            "StackName": lambda it: [stack(it)],
            "TableName": lambda it: [arn("dynamodb", f"table/{it}")],
            "IndexName": lambda it: [arn("dynamodb", f"table/{self._testbed.deployment.parameters.table}/index/{it}")],
            "targetGroupIdentifier": lambda it: [arn("vpc-lattice", f"targetgroup/{it}")],
            "TopicArn": lambda it: [it],
        }
