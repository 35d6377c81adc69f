"""Reads dead letters, and starts their actions again when an operator asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from asg_lifecycle.aws.executions import Liveness
from asg_lifecycle.model.actions import LifecycleAction
from asg_lifecycle.model.envelopes import Message, messages_in_text
from asg_lifecycle.model.events import Handle, Ignore, Invalid, decide
from asg_lifecycle.model.records import Record, action_of, wait_key
from asg_lifecycle.model.start_requests import SOURCE, StartReason, StartRequest, event_name

if TYPE_CHECKING:
    from asg_lifecycle.aws.executions import Executions
    from asg_lifecycle.aws.queues import DeadLetter
    from asg_lifecycle.intake.execution_starter import ExecutionStarter
    from asg_lifecycle.store.records import Records

START_REFUSED = "it is a start request, which is accepted only in the dead-letter queue of the stack's own function"

Standing = Literal["none", "alive", "dead", "ended", "ignored", "broken"]


class Content(Struct, frozen=True, kw_only=True):
    """One action in a dead letter, and its state now.

    Attributes:
        standing: `none`: there is no record of its wait; `alive`: an execution works on it; `dead`: the execution
            that owns it is dead; `ended`: its record is closed; `ignored`, `broken`: there is nothing to start.
        reason: the same as a sentence.
        action: the action, None where there is nothing to start.
        event: the event to start the durable function with.
        record: the current record of the wait.
    """

    standing: Standing
    reason: str
    action: LifecycleAction | None = None
    event: object = None
    record: Record | None = None


class Redriven(Struct, frozen=True, kw_only=True):
    """Whether an execution was started for one action, and why or why not."""

    started: bool
    reason: str


class Redrive:
    """Reads dead letters and starts their actions again.

    Args:
        records: the records.
        executions: the durable executions.
        starter: starts them.
        hook_name_prefix: hooks whose names begin with it are ours.
        function_queue: URL of the durable function's own dead-letter queue, None where it is not known. Only there a
            start request is accepted: a start request chooses the group, the instance and the plan, and many who may
            write to the other queues may not invoke the function.
    """

    def __init__(
        self,
        records: Records,
        executions: Executions,
        starter: ExecutionStarter,
        *,
        hook_name_prefix: str,
        function_queue: str | None,
    ) -> None:
        self._records = records
        self._executions = executions
        self._starter = starter
        self._prefix = hook_name_prefix
        self._function_queue = function_queue

    def contents(self, dead_letter: DeadLetter) -> tuple[Content, ...]:
        """Return what a dead letter contains, at least one content.

        Raises:
            CallFailed: the record or its owner could not be read.
        """
        return tuple(
            self._content(message.content, with_starts=dead_letter.queue == self._function_queue)
            if isinstance(message, Message)
            else Content(standing="broken", reason=str(message))
            for message in messages_in_text(dead_letter.body)
        )

    def start(self, dead_letter: DeadLetter, content: Content) -> Redriven:
        """Start the action again unless an execution works on it. One dead letter never starts it twice.

        Raises:
            CallFailed: no execution could be started. Repeat the call.
        """
        if content.action is None or content.standing == "alive":
            return Redriven(started=False, reason=content.reason)
        if content.standing == "dead" and content.record is not None:
            start = StartRequest(
                reason=StartReason.TAKEOVER,
                action=action_of(content.record),
                takes_over=content.record.execution,
            )
            self._starter.start(start, generation=dead_letter.id)
            return Redriven(started=True, reason=f"takes over from {content.record.execution}")
        self._executions.start(content.event, name=event_name("redrive", content.action, dead_letter.id))
        return Redriven(started=True, reason="started again with its event")

    def _content(self, event: object, *, with_starts: bool) -> Content:
        if not with_starts and isinstance(event, dict) and event.get("source") == SOURCE:
            return Content(standing="broken", reason=START_REFUSED)
        match decide(event, hook_name_prefix=self._prefix, with_starts=with_starts):
            case Ignore(reason):
                return Content(standing="ignored", reason=reason)
            case Invalid(reason):
                return Content(standing="broken", reason=reason)
            case Handle(action):
                return self._content_of_action(action, event)

    def _content_of_action(self, action: LifecycleAction, event: object) -> Content:
        record = self._records.current(wait_key(action.group, action.hook, action.instance))
        standing: Standing = "ended"
        if record is None:
            standing, reason = "none", "there is no record of its wait"
        elif record.in_flight is None:
            reason = f"its record is closed: {record.status}, {record.reason or 'no reason given'}"
        elif (owner := self._executions.standing(record.execution).liveness) is not Liveness.DEAD:
            does = "works on it" if owner is Liveness.ALIVE else "has it and is paused"
            standing, reason = "alive", f"{record.execution} {does}: {record.detail or record.status}"
        else:
            standing, reason = "dead", f"{record.execution} is dead and was {record.status}"
        return Content(standing=standing, reason=reason, action=action, event=event, record=record)
