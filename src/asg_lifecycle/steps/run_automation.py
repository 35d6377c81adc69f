"""The step kind `run-automation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.command_text import as_it_is
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Done, Failed, Missing, Progress, StepAnswer, Waiting
from asg_lifecycle.model.resource_names import AutomationDocument, DocumentVersion, RoleArn
from asg_lifecycle.model.signals import automation_ended
from asg_lifecycle.model.step_names import client_token
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.kept_output import kept_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.aws.automations import Automation
    from asg_lifecycle.steps.base import Target

VISIBLE_AFTER = 60.0
"""Seconds after which an automation that was started is taken to show in the list, or not to have been started."""

POLL_INTERVAL = 5.0
"""Seconds."""

ROLE = "AutomationAssumeRole"
"""The parameter by which runbooks are given their role."""

RUNNING = frozenset(
    {
        "Approved",
        "Cancelling",
        "ChangeCalendarOverrideApproved",
        "InProgress",
        "Pending",
        "RunbookInProgress",
        "Scheduled",
    }
)
WAITING_FOR_PEOPLE = frozenset({"PendingApproval", "PendingChangeCalendarOverride", "Waiting"})
SUCCEEDED = frozenset({"CompletedWithSuccess", "Success"})
NOT_SUCCEEDED = frozenset(
    {
        "Cancelled",
        "ChangeCalendarOverrideRejected",
        "CompletedWithFailure",
        "Exited",
        "Failed",
        "Rejected",
        "TimedOut",
    }
)
"""What the statuses of an automation mean. One that stands nowhere here is waited out, and said."""


class RunAutomationOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run."""

    document: Annotated[
        AutomationDocument,
        Meta(description="Name of the runbook, of this account or of AWS: `AWS-CreateImage`."),
    ]
    version: Annotated[DocumentVersion | None, Meta(description="Of the runbook; the default version when absent.")] = (
        None
    )
    parameters: Annotated[
        dict[str, str | tuple[str, ...]],
        Meta(description="The runbook's parameters, each a text or a list of texts, with placeholders in them."),
    ] = {}
    role: Annotated[
        RoleArn | None,
        Meta(
            description="ARN of the role that the runbook works with, its parameter `AutomationAssumeRole`; one of "
            "`AutomationRoles`. Without it, it works with the permissions of the function."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse two roles.

        Raises:
            ValueError: the parameters name a role, too.
        """
        if self.role is not None and ROLE in self.parameters:
            raise ValueError(f"role is the parameter {ROLE}: give one of them")


class RunAutomationState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the automation.

    Attributes:
        execution: its id, None while it is not known whether it was started.
        started_since: since when it may have been started, seconds since the epoch; None when its id is known.
    """

    execution: str | None
    started_since: float | None = None


class RunAutomation(StatefulStep[RunAutomationOptions, RunAutomationState]):
    """Run a runbook of Systems Manager Automation and wait for it to end.

    The values of placeholders are letters, digits and `_.:/-` alone: nobody knows what a runbook does with a parameter,
    and who may tag an instance must not run anything by it. Any other value fails the step.

    The runbook is never started twice for one action, unless it has failed and an operator says `resume`. Its client
    token is made of the action and the step. Nobody knows how long Systems Manager remembers that, so the automation
    carries it as the key of a tag, too, and is looked up by that whenever it may have been started before.

    A runbook that waits for an approval is waited for, and the blocker names the step of the runbook. Systems Manager
    lets one without a role run for 12 hours at most.
    """

    kind = "run-automation"
    example: ClassVar[dict[str, object]] = {
        "document": "AWS-CreateImage",
        "parameters": {"InstanceId": "{instance}", "NoReboot": "true"},
        "role": "arn:aws:iam::123456789012:role/create-image",
    }
    permissions = (
        "ssm:AddTagsToResource",
        "ssm:DescribeAutomationExecutions",
        "ssm:GetAutomationExecution",
        "ssm:StartAutomationExecution",
        "ssm:StopAutomationExecution",
    )
    template_parameter = "AutomationDocuments"
    optional_permissions: ClassVar[Mapping[str, tuple[str, ...]]] = {"AutomationRoles": ("iam:PassRole",)}
    parameters_by_option: ClassVar[Mapping[str, str]] = {"role": "AutomationRoles"}
    may_be_missing = "runbooks"
    at_most_once = True

    def preview(self, target: Target) -> str:
        """Say which runbook would be started."""
        told = ", ".join(f"{name}={' '.join(values)}" for name, values in self._parameters(target).items())
        return f"would start runbook {self._options.document}" + (f" with {told}" if told else "")

    def begin(self, target: Target) -> StepAnswer:
        """Start the automation, or find the one that was started."""
        return self._start_once(target, target.began_before)

    def poll(self, target: Target, state: RunAutomationState) -> StepAnswer:
        """Ask for the status of the automation."""
        if state.execution is None:
            return self._start_once(target, state.started_since)
        automation = self._services.automations.get(state.execution)
        if automation is None:
            return self._running(state.execution, "Systems Manager tells nothing of it")
        return self._judged(state.execution, automation)

    def stop(self, target: Target, state: RunAutomationState | None) -> str | None:
        """Cancel what runs of it."""
        execution = state.execution if state is not None else None
        found = [execution] if execution is not None else self._services.automations.find(_token(target))
        stopped = [each for each in found if self._services.automations.stop(each)]
        if not stopped:
            return None
        return f"automation {', '.join(stopped)} ({self._options.document}) was asked to stop"

    def _start_once(self, target: Target, started_since: float | None) -> StepAnswer:
        document = self._options.document
        if started_since is not None:
            found = self._services.automations.find(_token(target))
            if len(found) > 1:
                return Failed(f"{document} was started {len(found)} times for this step: {', '.join(found)}")
            if found:
                return self._running(found[0])
            if target.now < started_since + VISIBLE_AFTER:
                return self._looking(f"looking for {document}, which may have been started already", started_since)
        try:
            execution = self._services.automations.start(
                document=document,
                version=self._options.version,
                parameters=self._parameters(target),
                token=_token(target),
                instance=target.action.instance,
            )
        except CallFailed as failed:
            return self._not_started(target, failed, started_since)
        return self._running(execution)

    def _not_started(self, target: Target, failed: CallFailed, started_since: float | None) -> StepAnswer:
        failure, document = failed.failure, self._options.document
        if failure.consequence is Consequence.NOT_FOUND:
            version = f" with version {self._options.version}" if self._options.version is not None else ""
            return Missing(f"there is no runbook {document}{version} ({failure.code})")
        if failure.code == "IdempotentParameterMismatch":
            # It was started with other parameters: a tag of the instance has changed since.
            if started_since is None:
                return self._looking(f"looking for {document}, which was started already", target.now)
            return Failed(f"{document} was started already with other parameters, and cannot be found: {failure}")
        if failure.consequence is not Consequence.TRANSIENT:
            raise failed
        # No answer does not mean no effect: from now on the automation may exist.
        blocker = Blocker(kind=BlockerKind.DEPENDENCY, name=failure.action, reason=str(failure))
        return self._waiting(
            f"starting {document}: {failure}",
            RunAutomationState(execution=None, started_since=target.now),
            again_after=POLL_INTERVAL,
            blocked=True,
            blockers=(blocker,),
        )

    def _looking(self, detail: str, started_since: float) -> Waiting:
        blocker = Blocker(
            kind=BlockerKind.AUTOMATION, name=self._options.document, reason="it may have been started already"
        )
        state = RunAutomationState(execution=None, started_since=started_since)
        return self._waiting(detail, state, again_after=POLL_INTERVAL, blockers=(blocker,))

    def _parameters(self, target: Target) -> dict[str, tuple[str, ...]]:
        """Return the parameters with their placeholders replaced.

        Raises:
            CannotFillError: a placeholder has no value, or one that may mean something to the runbook.
        """
        filled = {}
        for name, written in self._options.parameters.items():
            texts = (written,) if isinstance(written, str) else written
            filled[name] = tuple(target.fill(text, as_it_is) for text in texts)
        return filled | ({ROLE: (self._options.role,)} if self._options.role is not None else {})

    def _judged(self, execution: str, automation: Automation) -> Progress:
        status = automation.status
        if status in SUCCEEDED:
            outputs = "; ".join(f"{name}: {', '.join(texts)}" for name, texts in sorted(automation.outputs.items()))
            return Done(f"automation {execution} ({self._options.document}) succeeded{kept_end('outputs', outputs)}")
        if status in NOT_SUCCEEDED:
            at = f" at step {automation.step}" if automation.step else ""
            told = kept_end("it said", automation.message)
            return Failed(f"automation {execution} ({self._options.document}) ended {status}{at}{told}")
        at = f" at step {automation.step} ({automation.action})" if automation.step else ""
        if status in WAITING_FOR_PEOPLE:
            return self._running(execution, f"it waits for somebody's approval{at}")
        if status in RUNNING:
            return self._running(execution, f"it is {status}{at}")
        return self._running(execution, f"it is {status or 'without a status'}{at}, which nobody knows here")

    def _running(self, execution: str, reason: str = "it has not ended") -> Waiting:
        document = self._options.document
        return self._waiting(
            f"waiting for automation {execution} ({document}): {reason}",
            RunAutomationState(execution=execution),
            wake_on=automation_ended(execution),
            blockers=(Blocker(kind=BlockerKind.AUTOMATION, name=execution, reason=f"{document}: {reason}"),),
        )


def _token(target: Target) -> str:
    return client_token(target.action.reference, target.position, target.attempt)
