"""What a request to send a command may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends
from moto.ssm.exceptions import SSMException, ValidationException

from asg_lifecycle_simulator.services.ec2_instances import instances_by_id

if TYPE_CHECKING:
    from moto.ssm.responses import SimpleSystemManagerResponse

    from asg_lifecycle_simulator.services.base import Request
    from asg_lifecycle_simulator.services.run_command.commands import Commands

SCRIPT_PLUGINS = {"AWS-RunShellScript": "aws:runShellScript", "AWS-RunPowerShellScript": "aws:runPowerShellScript"}
"""The AWS-owned documents that exist, and the plugin each runs. Their parameters are checked."""

SCRIPT_PARAMETERS = frozenset({"commands", "workingDirectory", "executionTimeout"})
SCRIPT_EXECUTION_TIMEOUT = 3600.0
MOST_INSTANCES = 50


def document_of(name: str, response: SimpleSystemManagerResponse) -> str:
    """Return the name of the document that a command runs.

    Raises:
        InvalidDocument: there is none.
    """
    short = name.rpartition("/")[2] if name.startswith("arn:") else name
    if short not in SCRIPT_PLUGINS:
        # Raises InvalidDocument for one that was not created.
        response.ssm_backend.describe_document(name=short, document_version="", version_name="")
    return short


def execution_timeout_of(document: str, parameters: dict[str, list[str]]) -> float | None:
    """Return how long a command may run, seconds; None for as long as it likes.

    Raises:
        SSMException: the parameters of a script are wrong.
    """
    if document not in SCRIPT_PLUGINS:
        return None
    if not parameters.get("commands") or parameters.keys() - SCRIPT_PARAMETERS:
        raise SSMException("InvalidParameters", f"{document} needs commands and takes {sorted(SCRIPT_PARAMETERS)}")
    return float(parameters["executionTimeout"][0]) if "executionTimeout" in parameters else SCRIPT_EXECUTION_TIMEOUT


def instances_of(commands: Commands, request: Request, response: SimpleSystemManagerResponse) -> list[str]:
    """Return the managed instances that a command is for.

    Raises:
        SSMException: an instance that it names is not managed.
    """
    instances: list[str] = request.get("InstanceIds", [])
    if len(set(instances)) != len(instances):
        raise SSMException("DuplicateInstanceId", "")
    if len(instances) > MOST_INSTANCES:
        raise constraint_error(
            instances, "instanceIds", f"Member must have length less than or equal to {MOST_INSTANCES}"
        )
    if not instances and not request.get("Targets"):
        raise ValidationException("Either InstanceIds or Targets must be given")
    ec2 = ec2_backends[response.current_account][response.region]
    usable, known_instances = set(), instances_by_id(ec2)
    for instance in commands.ping_statuses:
        known = known_instances.get(instance)
        if known is None or known.state not in {"shutting-down", "terminated"}:
            usable.add(instance)
    if unusable := [instance for instance in instances if instance not in usable]:
        listed = ", ".join(unusable)
        raise SSMException(
            "InvalidInstanceId",
            f"Instances [[{listed}]] not in a valid state for account {response.current_account}",
        )
    chosen = dict.fromkeys(instances)
    for target in request.get("Targets", []):
        if target["Key"] == "InstanceIds":
            chosen |= dict.fromkeys(target["Values"])
            continue
        for reservation in ec2.all_reservations(filters={target["Key"]: target["Values"]}):
            chosen |= dict.fromkeys(instance.id for instance in reservation.instances)
    return [instance for instance in chosen if instance in usable]


def constraint_error(value: object, member: str, constraint: str) -> ValidationException:
    """Return the error for a value that the service model forbids."""
    return ValidationException(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )
