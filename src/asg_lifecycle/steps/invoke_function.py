"""The step kind `invoke-function`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from asg_lifecycle.aws.functions import NO_ANSWER
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.durations import PositiveDuration, readable, seconds
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Done, Failed, Missing, Progress, StepAnswer, Waiting
from asg_lifecycle.model.redaction import redacted
from asg_lifecycle.model.replies import CallbackTimes
from asg_lifecycle.model.resource_names import FunctionName
from asg_lifecycle.steps.base import CallbackStep
from asg_lifecycle.steps.support.action_payload import action_payload

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Target

POLL_INTERVAL = 3_600.0
"""Seconds. The reply to the callback ends the wait; polls only keep the step's timeout."""

SHOWN, READ = 500, 5_000
"""Characters of an answer that are shown; and that are read, to find secrets that a cut would make unrecognisable."""


class InvokeFunctionOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which function, and what is waited for."""

    function: Annotated[
        FunctionName,
        Meta(
            description="Name or ARN, with an alias or version behind a colon where one is wanted.",
        ),
    ]
    payload: Annotated[
        dict[str, Any], Meta(description="More fields, under `more` in its event, with placeholders in their texts.")
    ] = {}
    wait_for: Annotated[
        Literal["answer", "callback", "nothing"],
        Meta(
            description="Its `answer`, which has to come within a minute; a `callback`, for whatever "
            "takes longer; `nothing`."
        ),
    ] = "answer"
    timeout: Annotated[PositiveDuration, Meta(description="How long the callback is waited for.")] = "1h"
    heartbeat_timeout: Annotated[
        PositiveDuration | None,
        Meta(description="How often the function has to say that it still works on it; without it never."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse a heartbeat that nobody would receive.

        Raises:
            ValueError: a heartbeat without a callback.
        """
        if self.heartbeat_timeout is not None and self.wait_for != "callback":
            raise ValueError(f"heartbeat_timeout is for wait_for: callback, which is {self.wait_for!r}")


class InvokeFunctionState(Struct, frozen=True, kw_only=True):
    """The id of the callback that the function was given."""

    callback: str | None


class InvokeFunction(CallbackStep[InvokeFunctionOptions, InvokeFunctionState]):
    """Invoke a Lambda function with the action, and wait for what it says.

    Its event has `id`, `group`, `hook`, `instance`, `transition`, `token`, `more` and `callback`.

    It is invoked at least once: who must not act twice remembers the `id`, which is the same for the same step of the
    same action. With `wait_for: callback` it answers through `SendDurableExecutionCallbackSuccess` or `…Failure` with
    `callback` as the id, and `…Heartbeat` while it works; it needs those permissions on this application's function.
    """

    kind = "invoke-function"
    example: ClassVar[dict[str, object]] = {"function": "archive-logs:live", "wait_for": "callback", "timeout": "2h"}
    permissions = ("lambda:InvokeFunction",)
    template_parameter = "FunctionSteps"
    may_be_missing = "functions"

    @classmethod
    def callback_times(cls, options: InvokeFunctionOptions) -> CallbackTimes | None:
        """Return how long the callback is waited for."""
        if options.wait_for != "callback":
            return None
        beats = seconds(options.heartbeat_timeout) if options.heartbeat_timeout is not None else None
        return CallbackTimes(timeout=seconds(options.timeout), heartbeat_timeout=beats)

    def preview(self, target: Target) -> str:
        """Say what the function would be told."""
        return f"would invoke {self._options.function} with {self._event(target)}"

    def begin(self, target: Target) -> StepAnswer:
        """Invoke the function."""
        function, event = self._options.function, self._event(target).encode()
        try:
            if self._options.wait_for == "answer":
                return self._ask(function, event)
            self._services.functions.hand_over(function, event)
        except CallFailed as failed:
            if failed.failure.consequence is not Consequence.NOT_FOUND:
                raise
            return Missing(f"there is no function {function} ({failed})")
        if self.times is None:
            return Done(f"function {function} was invoked")
        return self._waiting_for_reply(target)

    def poll(self, target: Target, state: InvokeFunctionState) -> StepAnswer:
        """Read the reply to the callback."""
        if state.callback != target.callback:
            # Another execution handed that callback out, and nobody waits for its reply any more.
            return self.begin(target)
        reply = target.reply
        if reply is None:
            return self._waiting_for_reply(target)
        told = f": {redacted(reply.text)[:SHOWN]}" if reply.text else ""
        if reply.succeeded:
            return Done(f"function {self._options.function} answered{told}")
        return Failed(f"function {self._options.function} did not succeed{told}")

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Say that nobody waits for it any more: a function cannot be stopped."""
        del target
        if last is None or self.times is None:
            return None
        return f"function {self._options.function} is not waited for any longer, it may still be at work"

    def _ask(self, function: str, event: bytes) -> Progress:
        try:
            answer = self._services.functions.ask(function, event)
        except CallFailed as failed:
            if failed.failure.code != NO_ANSWER:
                raise
            # Not tried again and again: it was invoked, and would be every time.
            return Failed(f"function {function} did not answer within a minute: use wait_for: callback")
        if not answer.succeeded:
            return Failed(f"function {function} failed: {redacted(answer.text[:READ])[:SHOWN]}")
        return Done(f"function {function} answered: {redacted(answer.text[:READ])[:SHOWN]}")

    def _waiting_for_reply(self, target: Target) -> Waiting:
        left = readable(seconds(self._options.timeout))
        detail = f"waiting for the callback of function {self._options.function}, for {left}"
        blocker = Blocker(kind=BlockerKind.FUNCTION, name=self._options.function, reason="it has not answered yet")
        state = InvokeFunctionState(callback=target.callback)
        return self._waiting(detail, state, again_after=POLL_INTERVAL, blockers=(blocker,))

    def _event(self, target: Target) -> str:
        return json.dumps(action_payload(target, self._options.payload) | {"callback": target.callback})
