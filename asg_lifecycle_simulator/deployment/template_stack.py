"""The application's stack in a simulated region: the resources of `template.yaml` that can be looked at.

The template's own text is used, so that its rules, alarms and policies are what a command finds. Functions and the
table are those of the deployment. SAM's transform is done here for what functions bring along: their roles and rules.
"""

from __future__ import annotations

import copy
import json
import pickle
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from asg_lifecycle_simulator.deployment.deployment import FUNCTION
from asg_lifecycle_simulator.deployment.parameters import TABLE
from asg_lifecycle_simulator.services.durable_executions.function import ALIAS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.region.region import Region

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
DURABLE = "LifecycleActionFunction"
FUNCTION_KIND = "AWS::Serverless::Function"
KEPT = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::Events::Rule",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    }
)
"""The kinds of resources that the simulated stack has."""

QUEUES = {"rule": "RuleDeadLetterQueueUrl", "function": "FunctionDeadLetterQueueUrl"}
"""The stack's output behind each dead-letter queue of the deployment."""


FEATURES = ("TargetGroupSteps", "StatusCheckSteps", "EcsSteps", "KubernetesSteps")
"""The parameters whose state the output `BuiltInFeatures` tells."""


class _Loader(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation's functions."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # the third and last kind
    if suffix == "GetAtt":
        value = value.split(".")
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)


def make_stack(
    region: Region, deployment: Deployment, name: str = TABLE, parameters: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Deploy the application's stack, let its dead letters come into the stack's queues, and return its outputs.

    Args:
        region: the region.
        deployment: the application in it.
        name: of the stack; named plans are found where it has the name of the deployment's.
        parameters: of the template, where they are not to have their defaults.
    """
    template = stack_template(region, deployment)
    switches = {key: (parameters or {}).get(key, each["Default"]) for key, each in template["Parameters"].items()}
    # moto joins a value that is not there as text, too.
    template["Outputs"]["BuiltInFeatures"]["Value"] = ",".join(key for key in FEATURES if switches[key] == "on")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()]
    with region.unobserved():
        client = region.client("cloudformation")
        client.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Parameters=given,
            Capabilities=["CAPABILITY_IAM"],
        )
        (described,) = client.describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    deployment.queues |= {queue: outputs[output] for queue, output in QUEUES.items()}
    return outputs


def stack_template(region: Region, deployment: Deployment) -> dict[str, Any]:
    """Return the template of the simulated stack."""
    template = pickle.loads(_own_template())  # noqa: S301 - pickled below
    resources = {key: each for key, each in template["Resources"].items() if each["Type"] in KEPT}
    named = {
        "RecordsTable": TABLE,
        "RecordsTable.Arn": f"arn:aws:dynamodb:{region.name}:{region.account}:table/{TABLE}",
    }
    for key, each in template["Resources"].items():
        if each["Type"] == FUNCTION_KIND:
            named |= _names(region, deployment, key)
            resources |= _of_function(key, each)
    for resource in resources.values():
        # They only repeat what they belong to.
        for attribute in ("Metadata", "DeletionPolicy", "UpdateReplacePolicy", "DependsOn"):
            resource.pop(attribute, None)
    for parameter in template["Parameters"].values():
        # moto compares what YAML has read with the texts that CloudFormation passes.
        parameter["Default"] = str(parameter["Default"])
    parts = {key: template[key] for key in ("Parameters", "Mappings", "Conditions", "Outputs")}
    return {"AWSTemplateFormatVersion": "2010-09-09", **_filled(parts | {"Resources": resources}, named)}


@cache
def _own_template() -> bytes:
    """Return the application's template, read once and pickled: each stack changes a copy of its own."""
    text = TEMPLATE.read_text(encoding="utf-8")
    return pickle.dumps(yaml.load(text, Loader=_Loader))  # noqa: S506 - a safe loader, see above


def _names(region: Region, deployment: Deployment, function: str) -> dict[str, str]:
    name = FUNCTION if function == DURABLE else function
    arn = f"arn:aws:lambda:{region.name}:{region.account}:function:{name}"
    alias = deployment.service.alias_arn if function == DURABLE else f"{arn}:{ALIAS}"
    return {function: name, f"{function}.Arn": arn, f"{function}.Alias": alias, f"{function}Alias{ALIAS}": alias}


def _of_function(function: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return the role and the rules that SAM makes for a function."""
    properties = resource["Properties"]
    condition = {"Condition": resource["Condition"]} if "Condition" in resource else {}
    policies = [
        {"PolicyName": f"{function}RolePolicy{number}", "PolicyDocument": document}
        for number, document in enumerate(properties.get("Policies", ()))
    ]
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}, "Policies": policies}
    made: dict[str, Any] = {f"{function}Role": {"Type": "AWS::IAM::Role", **condition, "Properties": role}}
    target = {"Id": function, "Arn": {"Ref": f"{function}.Alias" if function == DURABLE else f"{function}.Arn"}}
    for key, event in properties.get("Events", {}).items():
        given = event["Properties"]
        when = (
            {"EventPattern": given["Pattern"]}
            if event["Type"] == "EventBridgeRule"
            else {"ScheduleExpression": given["Schedule"]}
        )
        rule = {**when, "State": "ENABLED", "Targets": [target]}
        made[f"{function}{key}"] = {"Type": "AWS::Events::Rule", **condition, "Properties": rule}
    return copy.deepcopy(made)


def _filled(value: Any, named: Mapping[str, str]) -> Any:  # noqa: ANN401 - a value of JSON
    """Return a part of the template with what is not in the simulated stack put in."""
    match value:
        case {"Ref": str(name)} if name in named:
            return named[name]
        case {"Fn::GetAtt": [str(name), str(attribute)]} if f"{name}.{attribute}" in named:
            return named[f"{name}.{attribute}"]
        case {"Fn::Sub": str(text)}:
            for name, literal in named.items():
                text = text.replace(f"${{{name}}}", literal)
            return {"Fn::Sub": text}
        case dict():
            return {key: _filled(each, named) for key, each in value.items()}
        case list():
            return [_filled(each, named) for each in value]
        case _:
            return value
