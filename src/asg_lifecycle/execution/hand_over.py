"""Hands an action over to a fresh execution, because this one may not have many more operations.

The work has stopped and the record says where. This execution keeps the action alive until the successor owns it, and
hands on what still comes to the callbacks that it has given out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from asg_lifecycle.execution import durable
from asg_lifecycle.execution.durable import Polled
from asg_lifecycle.execution.heartbeat import HeartbeatState
from asg_lifecycle.execution.race.running_round import next_message
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.messages import Message, Replied, Unknown, describe, encode
from asg_lifecycle.model.replies import HandedCallback, Reply
from asg_lifecycle.model.start_requests import StartReason, StartRequest, execution_name, payload
from asg_lifecycle.model.timing import poll_delay, retry_delay
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import Callback

    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.work.step_callbacks import StepCallback
    from asg_lifecycle.model.record_changes import RecordChanges
    from asg_lifecycle.model.records import Record

LATE_MESSAGES = 60
"""Seconds for which messages are handed on that were sent to the inbox before the successor's was in the record."""

LONGEST_RETRY_DELAY = 120.0
GIVEN_UP = "to be handed over to a fresh execution: this one may have no more operations"
TRIES_A_NAME = 20
"""Tries after which the successor is started under another name: the first may have failed at its beginning."""


class Succession(Polled, frozen=True, kw_only=True):
    """How far the handover is.

    Attributes:
        how: `handed_over`: the successor owns the action; `late`: the deadline came first; `over`: the action has
            ended; None while it is open.
        noted: the record tells of the handover.
        tries: how often the successor was started.
        heartbeat: the heartbeats.
    """

    how: Literal["handed_over", "late", "over"] | None = None
    noted: bool = False
    tries: int = 0
    heartbeat: HeartbeatState


class Forwarding(Polled, frozen=True, kw_only=True):
    """Whether a message was handed on.

    Attributes:
        since: when it was first tried, seconds since the epoch.
    """

    since: float | None = None


class StepWatch(Polled, frozen=True, kw_only=True):
    """Whether the step is still waiting whose callback this execution holds."""

    since: float | None = None


class Late(Struct, frozen=True, kw_only=True):
    """What came to a callback of this execution after the handover; nothing where neither is given."""

    message: Message | None = None
    reply: Reply | None = None


class HandOver:
    """The handover of one action.

    Args:
        action_context: the action and the execution that gives it up.
        messages: the messages to the action so far.
        hold: who has put it on hold, when and why; None where nobody has.
        step_callback: the callback of the present step, None where there is none.
        reply: what has come back through it.
        send_if_due: sends a heartbeat if one is due at a time, and returns how they stand then.
        deadline: past this moment the plan's `on_timeout` decides, seconds since the epoch.
    """

    def __init__(  # noqa: PLR0913 - what the successor has to know, and what keeps the action alive meanwhile
        self,
        action_context: ActionContext,
        *,
        messages: tuple[str, ...],
        hold: str | None,
        step_callback: StepCallback | None,
        reply: Reply | None,
        send_if_due: Callable[[HeartbeatState, float], HeartbeatState],
        deadline: float,
    ) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._messages = messages
        self._hold = hold
        self._step_callback = step_callback
        self._reply = reply
        self._send_if_due = send_if_due
        self._deadline = deadline

    def run(self, context: DurableContext, inbox: Callback[str] | None, heartbeat: HeartbeatState) -> Succession:
        """Hand the action over; then hand on what comes late, for as long as something may come."""
        succession = durable.perform(context, "hand-over", Succession(heartbeat=heartbeat), self.attempt)
        if succession.how == "handed_over":
            if inbox is not None:
                self._hand_on_messages(context, inbox)
            self._hand_on_reply(context)
        return succession

    def attempt(self, state: Succession) -> Succession:
        """Make one try. Never raises for what AWS answers."""
        now = self._dependencies.clock()
        heartbeat = self._send_if_due(state.heartbeat, now)
        tries = state.tries + 1
        delay = retry_delay(tries, self._dependencies.chance(), LONGEST_RETRY_DELAY)
        # A heartbeat that is due must not wait for the next try.
        delay = max(1.0, min(delay, heartbeat.next_at - now)) if heartbeat.next_at > now else delay
        state = msgspec.structs.replace(state, heartbeat=heartbeat, tries=tries, delay=delay)
        if heartbeat.over is not None:
            return msgspec.structs.replace(state, how="over", delay=None)
        try:
            return self._tried(state, now)
        except CallFailed as failed:
            self._dependencies.observer.warning(f"the record could not be read or written, trying again: {failed}")
            return state

    def _tried(self, state: Succession, now: float) -> Succession:
        records, wait = self._dependencies.records, self._action_context.wait
        record = records.current(wait)
        if record is not None and record.execution != self._action_context.execution:
            self._dependencies.observer.count(Metric.HANDED_OVER)
            self._dependencies.observer.info(f"handed over to {record.execution}")
            return msgspec.structs.replace(state, how="handed_over", delay=None)
        if now >= self._deadline:
            return msgspec.structs.replace(state, how="late", delay=None)
        if record is None:
            # Nobody could take it over: this execution keeps the action alive until its deadline.
            self._dependencies.observer.error("the action cannot be handed over: its record is gone")
            return state
        if not state.noted:
            # The hold, too: the table may not have answered since somebody said so.
            noted: RecordChanges = {"messages": (*self._messages, GIVEN_UP), "hold": self._hold}
            records.update(wait, self._action_context.execution, noted)
            self._dependencies.observer.info(GIVEN_UP)
            state = msgspec.structs.replace(state, noted=True)
        start = self._start_request()
        name = execution_name(start, f"{state.tries // TRIES_A_NAME}")
        try:
            self._dependencies.executions.start(payload(start), name=name)
        except CallFailed as failed:
            self._dependencies.observer.error(f"no successor could be started, trying again: {failed}")
        return state

    def _start_request(self) -> StartRequest:
        callback = self._step_callback
        return StartRequest(
            reason=StartReason.HAND_OVER,
            action=self._action_context.action,
            takes_over=self._action_context.execution,
            callback=HandedCallback(index=callback.index, id=callback.id, reply=self._reply)
            if callback is not None
            else None,
        )

    def _hand_on_messages(self, context: DurableContext, inbox: Callback[str]) -> None:
        def later(inner: DurableContext) -> Late:
            durable.wait(inner, "late-messages-end", LATE_MESSAGES)
            return Late()

        late = durable.race(
            context, "late-messages", {"inbox": lambda _: Late(message=next_message(inbox)), "later": later}, Late
        )
        for each in late:
            if each.message is not None:
                self._hand_on(context, "hand-on-message", each.message)

    def _hand_on_reply(self, context: DurableContext) -> None:
        """Wait until the callback of the step ends, or the step does; hand the reply on."""
        held = self._step_callback
        if held is None or held.callback is None or self._reply is not None:
            return

        def watch(inner: DurableContext) -> Late:
            durable.poll(inner, "watch-step", StepWatch(), lambda state: self._watched(state, held.index))
            return Late()

        branches = {"reply": lambda _: Late(reply=held.reply()), "watch": watch}
        for each in durable.race(context, "late-reply", branches, Late):
            if each.reply is not None:
                replied = Replied(callback=held.id, succeeded=each.reply.succeeded, text=each.reply.text)
                self._hand_on(context, "hand-on-reply", replied)

    def _watched(self, state: StepWatch, index: int) -> StepWatch:
        now = self._dependencies.clock()
        since = state.since if state.since is not None else now
        try:
            record = self._dependencies.records.current(self._action_context.wait)
        except CallFailed as failed:
            self._dependencies.observer.warning(f"the record could not be read, trying again: {failed}")
        else:
            if not self._is_ours(record) or (record is not None and record.step_index != index):
                return msgspec.structs.replace(state, delay=None)
        return StepWatch(since=since, delay=poll_delay(now - since))

    def _hand_on(self, context: DurableContext, name: str, message: Message) -> None:
        if isinstance(message, Unknown):
            context.logger.warning("not handed on: %s", describe(message))
            return
        durable.perform(context, name, Forwarding(), lambda state: self._forwarded(state, message))

    def _forwarded(self, state: Forwarding, message: Message) -> Forwarding:
        now = self._dependencies.clock()
        since = state.since if state.since is not None else now
        try:
            record = self._dependencies.records.current(self._action_context.wait)
            if not self._is_ours(record) or record is None:
                self._dependencies.observer.warning(f"nobody is left to hand this on to: {describe(message)}")
                return Forwarding(delay=None)
            if record.inbox is not None and self._dependencies.executions.send_message(record.inbox, encode(message)):
                self._dependencies.observer.info(f"handed on: {describe(message)}")
                return Forwarding(delay=None)
        except CallFailed as failed:
            self._dependencies.observer.warning(f"a message could not be handed on, trying again: {failed}")
        return Forwarding(since=since, delay=poll_delay(now - since))

    def _is_ours(self, record: Record | None) -> bool:
        """Return whether the record is still that of the action, under way."""
        if record is None or record.in_flight is None:
            return False
        token = self._action_context.action.token
        return token is None or record.token == token
