"""Automation of Systems Manager: runbooks that take time, fail, wait for people, and are stopped.

moto knows its executions in part, all of them successful. Here an automation goes Pending, InProgress, perhaps Waiting,
and then Success or what else the test decided for its runbook. Source: "Understanding automation statuses" in the user
guide of Systems Manager, and the API reference of StartAutomationExecution, GetAutomationExecution,
DescribeAutomationExecutions and StopAutomationExecution.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse

from asg_lifecycle_simulator.services.base import Service, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timeline import Timer
    from asg_lifecycle_simulator.services.base import Request, Response

PAGE = 50
MOST_TAGS = 5
UUID = re.compile(r"[a-fA-F0-9]{8}(-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}")
ENDED = frozenset({"Cancelled", "Failed", "Rejected", "Success", "TimedOut"})
DETAIL_TYPE = "EC2 Automation Execution Status-change Notification"


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """A runbook, and how its automations go.

    Attributes:
        duration: seconds that an automation runs; None for one that never ends by itself.
        status: how it ends.
        outputs: what it puts out where it succeeds.
        message: why it fails.
        step: the name of its one step.
        approval: it waits for somebody to approve it, before it runs.
        versions: its versions.
    """

    duration: float | None = 30.0
    status: str = "Success"
    outputs: Mapping[str, list[str]] = field(default_factory=dict)
    message: str = ""
    step: str = "work"
    approval: bool = False
    versions: frozenset[str] = frozenset({"1", "$DEFAULT", "$LATEST"})


@dataclass(eq=False, kw_only=True)
class Automation:
    """One automation. Times are seconds since the epoch."""

    id: str
    document: str
    version: str
    runbook: Runbook
    parameters: dict[str, list[str]]
    tags: dict[str, str]
    started_at: float
    status: str = "Pending"
    ended_at: float | None = None
    timers: list[Timer] = field(default_factory=list, repr=False)

    @property
    def ended(self) -> bool:
        """Whether the status is the last one."""
        return self.status in ENDED


class Automations(Service):
    """The runbooks and automations of a region.

    Every change of a status is logged as `LogKind.SERVICE`, with the value of the tag that names an instance, as
    `ssm automation STATUS DOCUMENT ID`, the first one with its client token behind it.

    Attributes:
        hidden_for: seconds after a start in which no call but StopAutomationExecution knows of the automation.
        token_life: seconds for which a client token is remembered: AWS does not say how long.
        stopping: seconds from StopAutomationExecution until the automation has stopped.
        automations: in the order in which they were started, by id.
    """

    def __init__(
        self, region: Region, *, hidden_for: float = 2.0, token_life: float = 600.0, stopping: float = 1.0
    ) -> None:
        super().__init__(region)
        self.hidden_for, self.token_life, self.stopping = hidden_for, token_life, stopping
        self.automations: dict[str, Automation] = {}
        self._runbooks: dict[str, Runbook] = {}
        self._tokens: dict[str, tuple[float, str, Request]] = {}

    def install(self) -> None:
        """Take Automation over from moto, which goes on to answer for the tags of everything else."""
        tags_of_others = SimpleSystemManagerResponse.list_tags_for_resource
        self.answer_json(
            SimpleSystemManagerResponse,
            {
                "start_automation_execution": self._start,
                "get_automation_execution": self._get,
                "describe_automation_executions": self._describe,
                "stop_automation_execution": self._stop,
            },
        )

        def list_tags(response: SimpleSystemManagerResponse) -> Any:  # noqa: ANN401 - what moto's dispatcher takes
            request = json.loads(response.body)
            if request["ResourceType"] != "Automation":
                return tags_of_others(response)
            return 200, {}, json.dumps(self._tags(request["ResourceId"]))

        self.region.replace(SimpleSystemManagerResponse, "list_tags_for_resource", list_tags)

    def publish(self, name: str, runbook: Runbook | None = None) -> None:
        """Let there be a runbook; automations that have begun go on as they began."""
        self._runbooks[name] = runbook or Runbook()

    def of(self, instance: str) -> list[Automation]:
        """Return the automations about an instance, by their tags, in the order in which they were started."""
        return [each for each in self.automations.values() if instance in each.tags.values()]

    def approve(self, automation: Automation, *, approved: bool = True) -> None:
        """Let somebody approve what an automation waits for, or reject it."""
        with self.region.lock:
            if automation.status == "Waiting":
                self._begin(automation) if approved else self._end(automation, "Failed")

    def _start(self, request: Request) -> Response:
        token = request.get("ClientToken", "").lower()
        if token and not UUID.fullmatch(token):
            raise SSMException("ValidationException", f"{token} is no UUID")
        known = self._tokens.get(token)
        if known is not None and self.now < known[0] + self.token_life:
            if known[2] != request:
                raise SSMException("IdempotentParameterMismatch", "The token was used with other parameters")
            return {"AutomationExecutionId": known[1]}
        runbook, version = self._runbooks.get(request["DocumentName"]), request.get("DocumentVersion", "$DEFAULT")
        if runbook is None:
            raise SSMException("AutomationDefinitionNotFoundException", "")
        if version not in runbook.versions:
            raise SSMException("AutomationDefinitionVersionNotFoundException", "")
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        if len(tags) > MOST_TAGS:
            raise SSMException("ValidationException", f"There are {len(tags)} tags, and {MOST_TAGS} may be")
        automation = Automation(
            id=self.region.new_id(),
            document=request["DocumentName"],
            version=version,
            runbook=runbook,
            parameters=request.get("Parameters", {}),
            tags=tags,
            started_at=self.now,
        )
        self.automations[automation.id] = automation
        if token:
            self._tokens[token] = (self.now, automation.id, request)
        self._become(automation, "Pending", token)
        begin = partial(self._become, automation, "Waiting") if runbook.approval else partial(self._begin, automation)
        self._after(automation, 0.5, begin)
        return {"AutomationExecutionId": automation.id}

    def _begin(self, automation: Automation) -> None:
        self._become(automation, "InProgress")
        runbook = automation.runbook
        if runbook.duration is not None:
            self._after(automation, runbook.duration, partial(self._end, automation, runbook.status))

    def _end(self, automation: Automation, status: str) -> None:
        for timer in automation.timers:
            timer.cancel()
        automation.ended_at = self.now
        self._become(automation, status)

    def _become(self, automation: Automation, status: str, token: str = "") -> None:
        automation.status = status
        instance = next((value for key, value in automation.tags.items() if key.endswith(":instance")), "")
        self.log(instance, f"ssm automation {status} {automation.document} {automation.id} {token}".rstrip())
        told = {
            "ExecutionId": automation.id,
            "Definition": automation.document,
            "DefinitionVersion": 1.0,
            "Status": status,
            "ExecutedBy": self.arn("sts", "assumed-role/function/session"),
        }
        self.region.emit("aws.ssm", DETAIL_TYPE, told)

    def _after(self, automation: Automation, seconds: float, then: Callable[[], None]) -> None:
        automation.timers.append(self.timers.call_after(seconds, then, name=f"automation {automation.id}"))

    def _get(self, request: Request) -> Response:
        return {"AutomationExecution": self._about(self._visible(request["AutomationExecutionId"]))}

    def _describe(self, request: Request) -> Response:
        filters = {each["Key"]: set(each["Values"]) for each in request.get("Filters", [])}
        if unknown := filters.keys() - {"TagKey", "ExecutionId", "DocumentNamePrefix"}:
            raise SSMException("InvalidFilterKey", f"The filter keys {sorted(unknown)} are not simulated")
        return page(list(self._chosen(filters)), "AutomationExecutionMetadataList", request, most=PAGE)

    def _chosen(self, filters: Mapping[str, set[str]]) -> Iterator[dict[str, Any]]:
        for each in reversed(self.automations.values()):
            if (
                self.now >= each.started_at + self.hidden_for
                and ("TagKey" not in filters or filters["TagKey"] & each.tags.keys())
                and each.id in filters.get("ExecutionId", {each.id})
                and each.document.startswith(tuple(filters.get("DocumentNamePrefix", {""})))
            ):
                about = self._about(each)
                about.pop("StepExecutions")
                yield about

    def _stop(self, request: Request) -> Response:
        automation = self.automations.get(request["AutomationExecutionId"])
        if automation is None:
            raise SSMException("AutomationExecutionNotFoundException", "")
        if automation.ended or automation.status == "Cancelling":
            raise SSMException("InvalidAutomationStatusUpdateException", f"The automation is {automation.status}")
        for timer in automation.timers:
            timer.cancel()
        if request.get("Type", "Cancel") == "Complete":
            self._end(automation, "Success")
            return {}
        self._become(automation, "Cancelling")
        self._after(automation, self.stopping, partial(self._end, automation, "Cancelled"))
        return {}

    def _tags(self, execution: str) -> Response:
        if execution not in self.automations:
            raise SSMException("InvalidResourceId", "")
        return {"TagList": [{"Key": key, "Value": it} for key, it in self.automations[execution].tags.items()]}

    def _visible(self, execution: str) -> Automation:
        automation = self.automations.get(execution)
        if automation is None or self.now < automation.started_at + self.hidden_for:
            raise SSMException("AutomationExecutionNotFoundException", "")
        return automation

    def _about(self, automation: Automation) -> dict[str, Any]:
        runbook, failed = automation.runbook, automation.ended and automation.status != "Success"
        action = "aws:approve" if automation.status == "Waiting" else "aws:executeAwsApi"
        step = {"StepName": runbook.step, "Action": action, "StepStatus": automation.status}
        return {
            "AutomationExecutionId": automation.id,
            "DocumentName": automation.document,
            "DocumentVersion": automation.version,
            "ExecutionStartTime": datetime.fromtimestamp(automation.started_at, UTC),
            "AutomationExecutionStatus": automation.status,
            "StepExecutions": [step],
            "Outputs": dict(runbook.outputs) if automation.status == "Success" else {},
            **({"FailureMessage": runbook.message} if failed and runbook.message else {}),
            **({} if automation.ended else {"CurrentStepName": runbook.step, "CurrentAction": action}),
        }
