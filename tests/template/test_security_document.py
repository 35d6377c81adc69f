"""`docs/security.md` says what the template needs: the key's policy, the ways out of a network, each parameter."""

from __future__ import annotations

import json
import re

import pytest

from asg_lifecycle.aws.permissions import INTERRUPTION_PERMISSIONS, SIGNAL_PERMISSIONS, SWEEP_PERMISSIONS
from tests.template.checks import declared_permissions
from tests.template.expanded import ROOT, expand, source

DOCUMENT = (ROOT / "docs" / "security.md").read_text()
PARAMETERS = [
    "AutoScalingGroupTag",
    "AutoScalingGroups",
    "AutomationDocuments",
    "AutomationRoles",
    "EcsClusters",
    "EksClusters",
    "HostedZones",
    "InvokedFunctions",
    "KmsKeyArn",
    "PermissionsBoundaryArn",
    "ReservedConcurrency",
    "RolePath",
    "SecurityGroupIds",
    "StateMachines",
    "SubnetIds",
    "Tracing",
    "VolumeTag",
]


def endpoints(document: str) -> dict[str, str]:
    """Return what each API is needed for, by IAM's name of it."""
    table = document.split("| API |")[1].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {api: needed for apis, _, needed in rows for api in re.findall(r"`([\w-]+)`", apis)}


def missing(document: str) -> list[str]:
    """Return the APIs that the functions call and the document does not name."""
    actions = {*declared_permissions(), *INTERRUPTION_PERMISSIONS, *SIGNAL_PERMISSIONS, *SWEEP_PERMISSIONS}
    return sorted({action.partition(":")[0] for action in actions - {"iam:PassRole"}} - endpoints(document).keys())


def test_every_api_that_a_function_calls_is_one_that_a_network_has_to_reach() -> None:
    assert missing(DOCUMENT) == []
    assert missing(DOCUMENT.replace("| `ecs` |", "| |")) == ["ecs"]


def test_what_an_api_is_needed_for_are_parameters_of_the_template() -> None:
    named = {name for needed in endpoints(DOCUMENT).values() for name in re.findall(r"`(\w+)`", needed)}
    assert named
    assert named <= source()["Parameters"].keys()


def test_the_policy_of_the_key_admits_every_service_that_has_to_encrypt() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    statements = json.loads(block)["Statement"]
    services = {
        service
        for statement in statements
        for it in [statement["Principal"].get("Service", [])]
        for service in ([it] if isinstance(it, str) else it)
    }
    senders = {
        statement["Principal"]["Service"]
        for policy in expand(source()).of("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }
    assert services == senders | {"logs.us-east-1.amazonaws.com"}
    assert all("Condition" in it for it in statements if "Service" in it["Principal"])


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_each_parameter_is_described(parameter: str) -> None:
    assert f"`{parameter}`" in DOCUMENT
    assert source()["Parameters"][parameter]["Description"]
