"""The Automation calls of Systems Manager: runbooks that are started, watched and stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from mypy_boto3_ssm.type_defs import (
        AutomationExecutionTypeDef,
        StartAutomationExecutionRequestTypeDef,
    )

    from asg_lifecycle.aws.clients import Clients

INSTANCE_TAG = "asg-lifecycle:instance"
"""The tag of an automation that says which instance it is about: the event of its end does not."""

TOKEN_TAG = "asg-lifecycle:automation/"  # noqa: S105 - names an automation, opens nothing
"""Beginning of the key of a tag that one automation alone has: lists can be filtered by the key of a tag."""

NOT_SUCCEEDED = frozenset({"Failed", "TimedOut", "Cancelled", "Rejected", "CompletedWithFailure"})
"""Statuses of a step of a runbook that did not go well."""


ENDED_CODES = frozenset({"AutomationExecutionNotFoundException", "InvalidAutomationStatusUpdateException"})
"""What is answered when an automation is stopped that does not run."""


class Automation(Struct, frozen=True, kw_only=True):
    """The state of one automation.

    Attributes:
        status: as Systems Manager has it, see `steps/run_automation.py`.
        step: name of the step that runs, or in which it has failed; empty where it is not told.
        action: what that step does, `aws:approve`; empty where it is not told.
        message: why it failed, empty where it has not.
        outputs: the outputs of the runbook, a list of texts each.
    """

    status: str
    step: str = ""
    action: str = ""
    message: str = ""
    outputs: Mapping[str, Sequence[str]] = {}


class Automations:
    """Automation in this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def start(
        self,
        *,
        document: str,
        version: str | None,
        parameters: Mapping[str, Sequence[str]],
        token: str,
        instance: str,
    ) -> str:
        """Start an automation and return its id; with a token that was used already, the id of the first.

        What Systems Manager documents is an error for a token that comes again with other parameters. For how long it
        remembers a token it does not say.

        Args:
            document: name of the runbook.
            version: of the runbook, None for the default one.
            parameters: of the runbook.
            token: of the shape of a UUID, by which `find` finds it, too.
            instance: the instance that it is about.

        Raises:
            CallFailed: no answer (it may have been started all the same), throttled, denied, refused, no such runbook.
        """
        request: StartAutomationExecutionRequestTypeDef = {
            "DocumentName": document,
            "ClientToken": token,
            "Tags": [{"Key": INSTANCE_TAG, "Value": instance}, {"Key": TOKEN_TAG + token, "Value": "1"}],
        }
        if parameters:
            request["Parameters"] = {name: list(values) for name, values in parameters.items()}
        if version is not None:
            request["DocumentVersion"] = version
        with calling("ssm:StartAutomationExecution"):
            return self._clients.ssm.start_automation_execution(**request)["AutomationExecutionId"]

    def find(self, token: str) -> list[str]:
        """Return the ids of the automations that were started with a token. The list may lag behind `start`.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: list[str] = []
        with calling("ssm:DescribeAutomationExecutions"):
            for page in self._clients.ssm.get_paginator("describe_automation_executions").paginate(
                Filters=[{"Key": "TagKey", "Values": [TOKEN_TAG + token]}]
            ):
                found += [each["AutomationExecutionId"] for each in page["AutomationExecutionMetadataList"]]
        return found

    def get(self, execution: str) -> Automation | None:
        """Return the state of an automation, None where Systems Manager does not know it, or not yet.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ssm:GetAutomationExecution"):
                told = self._clients.ssm.get_automation_execution(AutomationExecutionId=execution)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise
        return _automation(told["AutomationExecution"])

    def stop(self, execution: str) -> bool:
        """Cancel an automation and return whether it ran: one that has ended cannot be stopped, and is no error.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ssm:StopAutomationExecution"):
                self._clients.ssm.stop_automation_execution(AutomationExecutionId=execution, Type="Cancel")
        except CallFailed as failed:
            if failed.failure.code in ENDED_CODES:
                return False
            raise
        return True

    def instance_of(self, execution: str) -> str | None:
        """Return the instance that an automation is about, None where it is none of ours.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ssm:ListTagsForResource"):
                tags = self._clients.ssm.list_tags_for_resource(ResourceType="Automation", ResourceId=execution)
        except CallFailed as failed:
            if failed.failure.code == "InvalidResourceId":
                return None
            raise
        return next((tag["Value"] for tag in tags.get("TagList", ()) if tag["Key"] == INSTANCE_TAG), None)


def _automation(told: AutomationExecutionTypeDef) -> Automation:
    failed = [each for each in told.get("StepExecutions", []) if each.get("StepStatus") in NOT_SUCCEEDED]
    step, action, message = told.get("CurrentStepName", ""), told.get("CurrentAction", ""), ""
    if failed:
        step, action = failed[0].get("StepName", ""), failed[0].get("Action", "")
        message = failed[0].get("FailureMessage", "")
    return Automation(
        status=told.get("AutomationExecutionStatus", ""),
        step=step,
        action=action,
        message=told.get("FailureMessage") or message,
        outputs=told.get("Outputs", {}),
    )
