"""Invoke a Lambda function with the action, and wait for what it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.aws.functions import NO_ANSWER
from asg_lifecycle.model.durations import Duration, readable, seconds
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.replies import CallbackTimes
from asg_lifecycle.steps.callback_step import CallbackStep
from asg_lifecycle.steps.support.action_payload import action_payload

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.functions import Functions
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

LOOK_AGAIN = 3_600.0
"""A callback tells when it is over; looks only keep the step's timeout."""

SHOWN = 500


class InvokeFunctionOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which function, and what is waited for.

    Attributes:
        function: name or ARN, with an alias or version behind a colon where one is wanted.
        payload: more fields, under `more` in its event.
        wait_for: its `answer`, which has to come within a minute; a `callback`, for whatever takes longer; `nothing`.
        timeout: how long the callback is waited for.
        heartbeat_timeout: how often the function has to say that it still works on it; without it never.
    """

    function: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_:$/-]{1,256}$")]
    payload: dict[str, Any] = {}
    wait_for: Literal["answer", "callback", "nothing"] = "answer"
    timeout: Duration = "1h"
    heartbeat_timeout: Duration | None = None

    def __post_init__(self) -> None:
        """Refuse times that nothing would keep.

        Raises:
            ValueError: a heartbeat without a callback, or a timeout of no time.
        """
        if self.heartbeat_timeout is not None and self.wait_for != "callback":
            raise ValueError(f"heartbeat_timeout is for wait_for: callback, which is {self.wait_for!r}")
        if not seconds(self.timeout) or (self.heartbeat_timeout is not None and not seconds(self.heartbeat_timeout)):
            raise ValueError("a timeout of no time waits for nothing; expected a second at least")


class InvokeFunction(CallbackStep):
    """`invoke-function`: its event has `id`, `group`, `hook`, `instance`, `transition`, `token`, `more` and `callback`.

    It is invoked at least once: who must not act twice remembers the `id`, which is the same for the same step of the
    same action. With `wait_for: callback` it answers through `SendDurableExecutionCallbackSuccess` or `…Failure` with
    `callback` as the id, and `…Heartbeat` while it works; it needs those permissions on this application's function.
    """

    kind: ClassVar[str] = "invoke-function"
    options: ClassVar[type[Struct]] = InvokeFunctionOptions
    example: ClassVar[dict[str, Any]] = {"function": "archive-logs:live", "wait_for": "callback", "timeout": "2h"}
    permissions: ClassVar[tuple[str, ...]] = ("lambda:InvokeFunction",)
    template_parameter: ClassVar[str | None] = "FunctionSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = False
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: InvokeFunctionOptions, functions: Functions) -> None:
        self._chosen = chosen
        self._functions = functions
        self.times = self.callback_times(chosen)

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(msgspec.convert(options, InvokeFunctionOptions, from_attributes=True), services.functions)

    @classmethod
    def callback_times(cls, options: Struct) -> CallbackTimes | None:
        """Return how long the callback is waited for."""
        chosen = msgspec.convert(options, InvokeFunctionOptions, from_attributes=True)
        if chosen.wait_for != "callback":
            return None
        beats = seconds(chosen.heartbeat_timeout) if chosen.heartbeat_timeout is not None else None
        return CallbackTimes(timeout=seconds(chosen.timeout), heartbeat_timeout=beats)

    def preview(self, target: Target) -> str:
        """Say what the function would be told."""
        return f"would invoke {self._chosen.function} with {self._event(target)}"

    def begin(self, target: Target) -> Progress:
        """Invoke the function."""
        function, event = self._chosen.function, self._event(target).encode()
        try:
            if self._chosen.wait_for == "answer":
                return self._ask(function, event)
            self._functions.hand_over(function, event)
        except CallFailed as failed:
            if failed.failure.consequence is not Consequence.NOT_FOUND:
                raise
            return Failed(f"function {function} does not exist: {failed}", retryable=True)
        if self.times is None:
            return Done(f"function {function} was invoked")
        return self._waiting(target)

    def check(self, target: Target, last: Waiting) -> Progress:
        """See whether the callback was answered."""
        if self.times is None:
            return self.begin(target)
        if last.state.get("callback") != target.callback:
            # Another execution handed that one out, and nobody hears it any more.
            return self.begin(target)
        reply = target.reply
        if reply is None:
            return last
        told = f": {reply.text[:SHOWN]}" if reply.text else ""
        if reply.succeeded:
            return Done(f"function {self._chosen.function} answered{told}")
        return Failed(f"function {self._chosen.function} did not succeed{told}", retryable=True)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Say that nobody waits for it any more: a function cannot be stopped."""
        del target
        if last is None or self.times is None:
            return None
        return f"function {self._chosen.function} is not waited for any longer, it may still be at work"

    def _ask(self, function: str, event: bytes) -> Progress:
        try:
            answer = self._functions.ask(function, event)
        except CallFailed as failed:
            if failed.failure.code != NO_ANSWER:
                raise
            # Not tried again and again: it was invoked, and would be every time.
            return Failed(f"function {function} did not answer within a minute: use wait_for: callback", retryable=True)
        if not answer.succeeded:
            return Failed(f"function {function} failed: {answer.text[:SHOWN]}", retryable=True)
        return Done(f"function {function} answered: {answer.text[:SHOWN]}")

    def _waiting(self, target: Target) -> Waiting:
        left = readable(seconds(self._chosen.timeout))
        detail = f"waiting for the callback of function {self._chosen.function}, for {left}"
        return Waiting(detail, again_after=LOOK_AGAIN, state={"callback": target.callback})

    def _event(self, target: Target) -> str:
        return json.dumps(action_payload(target, self._chosen.payload) | {"callback": target.callback})
