"""Lambda functions made of somebody's handler, invoked as Lambda invokes them.

Source: AWS Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation".
"""

from __future__ import annotations

import copy
import importlib
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from moto.events.models import EventPattern

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asg_lifecycle_simulator.region.events import Event
    from asg_lifecycle_simulator.region.region import Region

Handler: TypeAlias = "Callable[[Any, Any], Any]"
"""A Lambda handler: takes the event and the context, and returns what JSON can hold."""

LIFECYCLE_ACTIONS: Mapping[str, Any] = {
    "source": ["aws.autoscaling"],
    "detail-type": ["EC2 Instance-launch Lifecycle Action", "EC2 Instance-terminate Lifecycle Action"],
}
"""The event pattern of a rule that passes on every lifecycle action (R1)."""

RETRIES = (60.0, 120.0)
"""Seconds until Lambda invokes a function again that failed, and again."""


@dataclass(frozen=True, kw_only=True)
class LambdaContext:
    """The context object of one invocation, with what Lambda's has.

    Attributes:
        function_name: the function's name.
        function_version: always `$LATEST`.
        invoked_function_arn: the function's ARN.
        aws_request_id: the same for all attempts with one event.
        memory_limit_in_mb: always `128`.
        log_group_name: where the function would log.
        log_stream_name: likewise.
        timeout: of the function, seconds.
    """

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    log_group_name: str
    log_stream_name: str
    timeout: float
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "128"

    def get_remaining_time_in_millis(self) -> int:
        """Return the whole timeout in milliseconds: simulated time stands still while a handler runs."""
        return round(self.timeout * 1000)


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One run of a handler.

    Attributes:
        time: when, seconds since the epoch, simulated.
        function: the function's name.
        event: what the handler was given, as it was before the handler saw it.
        attempt: 1, or 2 and 3 where Lambda tries again what failed.
        result: what the handler returned, None when it raised.
        error: what the handler raised, None when it returned.
    """

    time: float
    function: str
    event: Any
    attempt: int
    result: Any = None
    error: Exception | None = None


class HandlerFunction:
    """A Lambda function.

    Args:
        region: where it is deployed.
        name: its name.
        handler: its code.
        timeout: seconds that its context tells.
        record: is told of every invocation when it has ended.
    """

    def __init__(
        self,
        region: Region,
        name: str,
        handler: Handler,
        *,
        timeout: float,
        record: Callable[[Invocation], None],
    ) -> None:
        self._region = region
        self._name = name
        self._handler = handler
        self._timeout = timeout
        self._record = record
        self._closed = False
        self.arn = f"arn:aws:lambda:{region.name}:{region.account}:function:{name}"

    def invoke(self, event: Any) -> Any:  # noqa: ANN401 - JSON
        """Invoke it and wait for its answer; what the handler raises is raised."""
        ended = self._run(event, self._region.new_id(), 1)
        if ended.error is not None:
            raise ended.error
        return ended.result

    def invoke_asynchronously(self, event: Any, *, delay: float = 0.0) -> None:  # noqa: ANN401 - JSON
        """Invoke it `delay` seconds from now; what fails is tried again after one minute, and after two more."""
        self._attempt(event, self._region.new_id(), 1, delay)

    def rule(self, pattern: Mapping[str, Any]) -> Callable[[Event], None]:
        """Return what invokes the function with each event that matches an event pattern, as moto understands it."""
        rule = EventPattern.load(json.dumps(pattern))

        def pass_on(event: Event) -> None:
            if rule.matches_event(event):  # type: ignore[arg-type]  # what moto's own rules are given
                self.invoke_asynchronously(copy.deepcopy(event))

        return pass_on

    def close(self) -> None:
        """Invoke nothing any more: the region is left."""
        self._closed = True

    def _attempt(self, event: Any, request: str, attempt: int, delay: float) -> None:  # noqa: ANN401 - JSON
        def run() -> None:
            if self._closed:
                return
            failed = self._run(event, request, attempt).error is not None
            if failed and attempt <= len(RETRIES):
                self._attempt(event, request, attempt + 1, RETRIES[attempt - 1])

        self._region.timeline.call_after(delay, run, name=f"invocation of {self._name}")

    def _run(self, event: Any, request: str, attempt: int) -> Invocation:  # noqa: ANN401 - JSON
        context = LambdaContext(
            function_name=self._name,
            invoked_function_arn=self.arn,
            aws_request_id=request,
            log_group_name=f"/aws/lambda/{self._name}",
            log_stream_name=request,
            timeout=self._timeout,
        )
        now = self._region.timeline.now()
        result, error = None, None
        try:
            # A copy, because Lambda reads the event anew for each attempt.
            result = self._handler(copy.deepcopy(event), context)
        except Exception as raised:  # noqa: BLE001 - whatever it raises fails the invocation, and is recorded
            error = raised
        ended = Invocation(time=now, function=self._name, event=event, attempt=attempt, result=result, error=error)
        self._record(ended)
        return ended


def load_handler(setting: str) -> tuple[Handler, Callable[[], None]]:
    """Import a handler as Lambda does at a cold start, and return it with what undoes that.

    The module is imported anew, so that the clients it makes while it is imported are those of the region.

    Args:
        setting: the function's `Handler`: `module.function`, with as many packages as there are.

    Raises:
        ValueError: it is no such text.
        AttributeError: the module has no such function.
        ModuleNotFoundError: there is no such module.
    """
    module_name, dot, function = setting.rpartition(".")
    if not (dot and module_name and function):
        raise ValueError(f"{setting!r} is no handler; expected module.function")
    before = sys.modules.pop(module_name, None)

    def forget() -> None:
        sys.modules.pop(module_name, None)
        if before is not None:
            sys.modules[module_name] = before

    try:
        handler: Handler = getattr(importlib.import_module(module_name), function)
    except BaseException:
        forget()
        raise
    return handler, forget
