"""The application's CloudFormation stack in a simulated region: the resources of `template.yaml` that can be looked at.

The template's own text is used, so that its rules, alarms and policies are what a command finds. Functions and the
table are those of the deployment. SAM's transform is done here for what functions bring along: their rules.
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
from asg_lifecycle_simulator.deployment.parameters import SWEEP_EVERY
from asg_lifecycle_simulator.services.durable_executions.function import ALIAS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.region.region import Region

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
STACK = "asg-lifecycle"
LOG_GROUP = "LogGroup"
DURABLE = "LifecycleActionFunction"
FUNCTION_KIND = "AWS::Serverless::Function"
KEPT = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::Events::Rule",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    }
)
"""The kinds of resources that the simulated stack has."""

QUEUES = {
    "rule": "RuleDeadLetterQueueUrl",
    "function": "FunctionDeadLetterQueueUrl",
    "notification-dead": "NotificationDeadLetterQueueUrl",
}
"""The stack's output behind each dead-letter queue of the deployment; the last is there only with notifications."""

ABSENT = {"Ref": "AWS::NoValue"}


class _Loader(yaml.CSafeLoader):
    """YAML with the short forms of CloudFormation's functions. Written in C, it is read ten times as fast."""


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
    region: Region, deployment: Deployment, name: str = STACK, parameters: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Deploy the application's stack, let its dead letters come into the stack's queues, and return its outputs.

    Args:
        region: the region.
        deployment: the application in it.
        name: of the stack; named plans are found where it has the name of the deployment's.
        parameters: of the template, where they are to have neither their defaults nor what the deployment says.
    """
    template = stack_template(region, deployment, _parameters(deployment) | dict(parameters or {}))
    with region.unobserved():
        client = region.client("cloudformation")
        client.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM"],
        )
        (described,) = client.describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    deployment.queues |= {queue: outputs[output] for queue, output in QUEUES.items() if output in outputs}
    return outputs


def _parameters(deployment: Deployment) -> dict[str, str]:
    """Return the parameters of the template that the deployment has values for, and that commands read."""
    parameters = deployment.parameters
    return {
        "HookNamePrefix": parameters.prefix,
        "SweepMinutes": str(round((parameters.sweep_every or SWEEP_EVERY) / 60)),
        "DrainsPerGroup": str(parameters.drains_per_group or 0),
    }


@cache
def _own_template() -> bytes:
    """Return the application's template, read once and pickled: each stack changes a copy of its own."""
    text = TEMPLATE.read_text(encoding="utf-8")
    return pickle.dumps(yaml.load(text, Loader=_Loader))  # noqa: S506 - a safe loader, see above


def stack_template(region: Region, deployment: Deployment, chosen: Mapping[str, str]) -> dict[str, Any]:
    """Return the template of the simulated stack.

    Args:
        region: the region.
        deployment: the application in it.
        chosen: values of parameters.
    """
    template = pickle.loads(_own_template())  # noqa: S301 - pickled below
    resources = {key: each for key, each in template["Resources"].items() if each["Type"] in KEPT}
    table = deployment.parameters.table
    named = {
        "RecordsTable": table,
        "RecordsTable.Arn": f"arn:aws:dynamodb:{region.name}:{region.account}:table/{table}",
        "LogGroup": LOG_GROUP,
        "LogGroup.Arn": f"arn:aws:logs:{region.name}:{region.account}:log-group:{LOG_GROUP}:*",
    }
    for key, each in template["Resources"].items():
        if each["Type"] == FUNCTION_KIND:
            named |= _names(region, deployment, key)
            resources |= _of_function(key, each)
    for resource in resources.values():
        # They only repeat what they belong to.
        for attribute in ("Metadata", "DeletionPolicy", "UpdateReplacePolicy", "DependsOn"):
            resource.pop(attribute, None)
    for key, parameter in template["Parameters"].items():
        # As defaults, because moto makes a number of a value that is passed for a number, which is no key of a mapping.
        # As text, because moto compares what YAML has read with the texts that CloudFormation passes.
        parameter["Default"] = chosen.get(key, str(parameter["Default"]))
    parts = {key: template[key] for key in ("Parameters", "Mappings", "Conditions", "Outputs")}
    present = _present(parts | {"Resources": resources}, template["Conditions"], template["Parameters"])
    return {"AWSTemplateFormatVersion": "2010-09-09", **_filled(present, named)}


def _present(value: Any, conditions: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return a part of the template without the entries of lists that a condition takes out: moto leaves them in."""

    def holds(condition: Any) -> bool:  # noqa: ANN401 - likewise
        match condition:
            case {"Condition": str(name)} | str(name):
                return holds(conditions[name])
            case {"Fn::Not": [inner]}:
                return not holds(inner)
            case {"Fn::And": list(every)} | {"Fn::Or": list(every)}:
                return (all if "Fn::And" in condition else any)(map(holds, every))
            case {"Fn::Equals": [{"Ref": str(name)}, str(text)]}:
                return bool(parameters[name]["Default"] == text)
        raise ValueError(f"the simulated stack does not know {condition}")

    match value:
        case dict():
            return {key: _present(each, conditions, parameters) for key, each in value.items()}
        case list():
            found = []
            for each in value:
                match each:
                    case {"Fn::If": [name, some, absent]} if absent == ABSENT:
                        found += [some] if holds(name) else []
                    case _:
                        found.append(each)
            return [_present(each, conditions, parameters) for each in found]
        case _:
            return value


def _names(region: Region, deployment: Deployment, function: str) -> dict[str, str]:
    name = FUNCTION if function == DURABLE else function
    arn = f"arn:aws:lambda:{region.name}:{region.account}:function:{name}"
    alias = deployment.service.alias_arn if function == DURABLE else f"{arn}:{ALIAS}"
    return {function: name, f"{function}.Arn": arn, f"{function}.Alias": alias, f"{function}Alias{ALIAS}": alias}


def _of_function(function: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules that SAM makes for a function."""
    properties = resource["Properties"]
    condition = {"Condition": resource["Condition"]} if "Condition" in resource else {}
    made: dict[str, Any] = {}
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
