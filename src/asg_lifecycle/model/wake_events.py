"""The events that may end a step's wait: signals of ours, and what ECS, Systems Manager and Step Functions report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from asg_lifecycle.model.events import Ignore, Invalid
from asg_lifecycle.model.fields import FieldReader, shown
from asg_lifecycle.model.redaction import Redaction, redacted
from asg_lifecycle.model.signal_words import word_digest
from asg_lifecycle.model.step_names import instance_in

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNAL_SOURCE = "asg-lifecycle.signal"
SIGNAL_DETAIL_TYPE = "Lifecycle Signal"

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
NAME_EXPECTED = "a letter or digit, then up to 63 letters, digits, '.', '_', '/' or '-'"
"""What a signal may be called."""

WORD = "word"
"""The field of a signal that is shown nowhere."""

RESULTS = ("success", "failure")
LONGEST_MESSAGE = 500
"""Characters of a signal's message that are kept."""

ENDED = frozenset({"Success", "Cancelled", "TimedOut", "Failed"})
"""Statuses of a command that no longer runs on an instance."""

AUTOMATION_ENDED = ENDED | {"CompletedWithSuccess", "CompletedWithFailure", "Rejected"}
"""Statuses of an automation that no longer runs."""

EXECUTION_ENDED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})
"""Statuses of an execution of a state machine that no longer runs."""


class SignalSent(Struct, frozen=True, kw_only=True):
    """Somebody says that something is done.

    Attributes:
        instance: EC2 instance id.
        hook: the lifecycle hook it is meant for, None for every hook that the instance waits under.
        name: what it is about.
        succeeded: whether it went well.
        message: a sentence for people, empty for none.
        word_digest: of the word that it has, see `model/signal_words.py`; None where it has none. The word itself is
            read and forgotten.
    """

    instance: str
    hook: str | None
    name: str
    succeeded: bool
    message: str
    word_digest: str | None = None


class TaskStopped(Struct, frozen=True, kw_only=True):
    """A task on a container instance has stopped.

    Attributes:
        cluster: ARN of the cluster.
        container_instance: ARN of the container instance.
    """

    cluster: str
    container_instance: str


class ContainerInstanceChanged(Struct, frozen=True, kw_only=True):
    """A container instance has changed.

    Attributes:
        instance: EC2 instance id.
        cluster: ARN of the cluster.
        container_instance: its ARN.
        status: `ACTIVE`, `DRAINING`, …
        connected: whether its agent is connected.
        is_idle: whether no task of it is running or pending.
    """

    instance: str
    cluster: str
    container_instance: str
    status: str
    connected: bool
    is_idle: bool


class CommandEnded(Struct, frozen=True, kw_only=True):
    """A command of Run Command has ended on an instance.

    Attributes:
        instance: EC2 instance id.
        command: its id.
        status: how it ended.
    """

    instance: str
    command: str
    status: str


class AutomationEnded(Struct, frozen=True, kw_only=True):
    """An automation of Systems Manager has ended. Its tags say which instance it was about.

    Attributes:
        execution: its id.
        status: how it ended.
    """

    execution: str
    status: str


class ExecutionEnded(Struct, frozen=True, kw_only=True):
    """An execution of a state machine has ended that a step of ours had started.

    Attributes:
        instance: EC2 instance id, from its name.
        name: its name.
        status: how it ended.
    """

    instance: str
    name: str
    status: str


Happening: TypeAlias = (
    SignalSent | TaskStopped | ContainerInstanceChanged | CommandEnded | AutomationEnded | ExecutionEnded
)


def happening(event: object) -> Happening | Ignore | Invalid:
    """Return what an event reports. Any JSON is accepted, none raises."""
    if not isinstance(event, dict):
        return Invalid(f"expected an event, found {shown(event)}", None)
    fields = FieldReader(event, "")
    source = fields.text("source", "the name of an event's source")
    detail_type = fields.text("detail-type", "the name of an event")
    detail = fields.inner("detail")
    if detail is None or fields.problems:
        return _broken(fields)
    read = READERS.get((source, detail_type))
    if read is None:
        return Ignore(f"{shown(detail_type)} of {shown(source)} ends no wait")
    found = read(detail)
    return found if not fields.problems else _broken(fields)


def _signal(detail: FieldReader) -> SignalSent:
    word = detail.values.get(WORD)
    # Whatever is wrong with the signal is said of this one.
    detail = FieldReader(_without_word(detail.values, word), detail.path, detail.problems)
    result = detail.text("result", " or ".join(map(repr, RESULTS)), RESULTS.__contains__)
    return SignalSent(
        instance=detail.instance_id("instance"),
        hook=detail.optional_text("hook"),
        name=detail.text("signal", NAME_EXPECTED, NAME.fullmatch),
        succeeded=result == RESULTS[0],
        message=redacted((detail.optional_text("message") or "")[: 10 * LONGEST_MESSAGE])[:LONGEST_MESSAGE],
        word_digest=word_digest(word) if word is not None else None,
    )


def _without_word(values: dict[str, object], word: object) -> dict[str, object]:
    """Return the detail of a signal without its word, also where another field repeats it."""
    if not isinstance(word, str):
        return values
    hide = Redaction((word,))
    return {name: hide(value) if isinstance(value, str) else value for name, value in values.items() if name != WORD}


def _task(detail: FieldReader) -> TaskStopped | Ignore:
    """Read https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html."""
    if detail.values.get("lastStatus") != "STOPPED":
        return Ignore("the task has not stopped")
    if not detail.values.get("containerInstanceArn"):
        return Ignore("the task ran on no container instance")
    return TaskStopped(
        cluster=detail.text("clusterArn", "the ARN of a cluster"),
        container_instance=detail.text("containerInstanceArn", "the ARN of a container instance"),
    )


def _container_instance(detail: FieldReader) -> ContainerInstanceChanged | Ignore:
    """Read https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_container_instance_events.html."""
    if not detail.values.get("ec2InstanceId"):
        return Ignore("the container instance is no EC2 instance")
    return ContainerInstanceChanged(
        instance=detail.instance_id("ec2InstanceId"),
        cluster=detail.text("clusterArn", "the ARN of a cluster"),
        container_instance=detail.text("containerInstanceArn", "the ARN of a container instance"),
        status=detail.text("status", "the status of a container instance"),
        connected=detail.values.get("agentConnected") is True,
        is_idle=detail.values.get("runningTasksCount") == detail.values.get("pendingTasksCount") == 0,
    )


def _command(detail: FieldReader) -> CommandEnded | Ignore:
    """Read https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-sns-eventbridge.html."""
    status = detail.text("status", "the status of a command")
    if status and status not in ENDED:
        return Ignore(f"the command is {shown(status)}")
    return CommandEnded(
        instance=detail.text("instance-id", "the id of a managed instance"),
        command=detail.text("command-id", "the id of a command"),
        status=status,
    )


def _automation(detail: FieldReader) -> AutomationEnded | Ignore:
    """Read https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html."""
    status = detail.text("Status", "the status of an automation")
    if status and status not in AUTOMATION_ENDED:
        return Ignore(f"the automation is {shown(status)}")
    return AutomationEnded(execution=detail.text("ExecutionId", "the id of an automation"), status=status)


def _execution(detail: FieldReader) -> ExecutionEnded | Ignore:
    """Read https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html."""
    status = detail.text("status", "the status of an execution")
    if status and status not in EXECUTION_ENDED:
        return Ignore(f"the execution is {shown(status)}")
    name = detail.text("name", "the name of an execution")
    instance = instance_in(name)
    if instance is None:
        return Ignore("no step of a plan has started the execution")
    return ExecutionEnded(instance=instance, name=name, status=status)


READERS: dict[tuple[str, str], Callable[[FieldReader], Happening | Ignore]] = {
    (SIGNAL_SOURCE, SIGNAL_DETAIL_TYPE): _signal,
    ("aws.ecs", "ECS Task State Change"): _task,
    ("aws.ecs", "ECS Container Instance State Change"): _container_instance,
    ("aws.ssm", "EC2 Command Invocation Status-change Notification"): _command,
    ("aws.ssm", "EC2 Automation Execution Status-change Notification"): _automation,
    ("aws.states", "Step Functions Execution Status Change"): _execution,
}
"""How the events of each source and detail-type are read."""


def signal_detail(  # noqa: PLR0913 - each field by its name
    *, instance: str, name: str, succeeded: bool, message: str, hook: str | None, word: str | None = None
) -> dict[str, Any]:
    """Return the detail of the event with which a signal is sent."""
    detail = {"instance": instance, "signal": name, "result": RESULTS[0 if succeeded else 1]}
    detail |= {WORD: word} if word is not None else {}
    return detail | ({"message": message} if message else {}) | ({"hook": hook} if hook is not None else {})


def _broken(fields: FieldReader) -> Invalid:
    return Invalid("; ".join(map(str, fields.problems)), fields.problems[0].field or None)
