"""The one place that wraps the durable execution SDK: polls, steps, races and callbacks, kept as our own structs.

The name of an operation is an interface: a running execution is resumed by it.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from aws_durable_execution_sdk_python import CallbackError, complete_batch, continue_batch
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    CompletionConfig,
    Duration,
    NestingType,
    ParallelBranch,
    ParallelConfig,
    StepConfig,
)
from aws_durable_execution_sdk_python.retries import RetryDecision
from aws_durable_execution_sdk_python.serdes import SerDes, SerDesContext
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision
from msgspec import Struct

from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_durable_execution_sdk_python import BatchResult, CompletionDecision, CompletionStatus, DurableContext
    from aws_durable_execution_sdk_python.types import Callback

LONGEST_RETRY_DELAY = 60
CLAIM_TRIES = 12
"""With delays of 1, 2, 4, … 60 s about seven minutes; then the execution fails and the dead-letter queue keeps
the event."""


class NotSettledError(Exception):
    """The owner of the action is changing at this moment: try again."""


class Polled(Struct, frozen=True, kw_only=True):
    """The state of a poll. It says itself when the next attempt is made.

    Attributes:
        delay: seconds until the next attempt, None when there is nothing more to wait for.
    """

    delay: float | None = 0.0


class CallbackResult(Struct, frozen=True, kw_only=True):
    """What came back through a callback.

    Attributes:
        succeeded: whether it was a success.
        text: the payload, or why there is none.
    """

    succeeded: bool
    text: str


StructT = TypeVar("StructT", bound=Struct)
PolledT = TypeVar("PolledT", bound=Polled)
StateT = TypeVar("StateT")


class StructSerDes(SerDes[StructT], Generic[StructT]):
    """Writes one kind of struct to the checkpoint log as JSON and reads it back."""

    def __init__(self, kind: type[StructT]) -> None:
        self._kind = kind

    def serialize(self, value: StructT, serdes_context: SerDesContext) -> str:
        """Return `value` as JSON."""
        del serdes_context
        return msgspec.json.encode(value).decode()

    def deserialize(self, data: str, serdes_context: SerDesContext) -> StructT:
        """Return the struct that JSON `data` holds."""
        del serdes_context
        return msgspec.json.decode(data, type=self._kind)


class BranchGate:
    """Keeps a branch that lost the race from acting after the race.

    The SDK ends a race as soon as one branch is done and leaves the others running in their threads until they next
    checkpoint. A heartbeat sent, or a command started, in that time would come after the end of the action.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = True

    def guarded(self, attempt: Callable[[StateT], StateT]) -> Callable[[StateT], StateT]:
        """Return an attempt that does nothing, and returns its state as it was, once the gate is closed."""

        def attempt_while_open(state: StateT) -> StateT:
            with self._lock:
                return attempt(state) if self._open else state

        return attempt_while_open

    def close(self) -> None:
        """Wait for the attempt that is under way, then let none begin."""
        with self._lock:
            self._open = False


def poll(context: DurableContext, name: str, initial: PolledT, attempt: Callable[[PolledT], PolledT]) -> PolledT:
    """Make attempts until none is needed any more; return the last state. One durable operation, however long it takes.

    Args:
        context: the durable context.
        name: the operation's name.
        initial: the state before the first attempt.
        attempt: returns the state after one attempt. It may run twice, and must not raise: the SDK does not retry it.
    """
    return context.wait_for_condition(
        lambda state, _: attempt(state),
        WaitForConditionConfig(wait_strategy=_next_attempt, initial_state=initial, serdes=StructSerDes(type(initial))),
        name=name,
    )


def perform(context: DurableContext, name: str, initial: PolledT, attempt: Callable[[PolledT], PolledT]) -> PolledT:
    """Do what one attempt nearly always does: then it is one metered operation, where a poll would be two.

    Otherwise as `poll`. Where one attempt is not enough, a wait and a poll follow, called `name-pause` and
    `name-again`.
    """
    state = run_step(context, name, type(initial), lambda: attempt(initial), never_retry)
    if state.delay is None:
        return state
    wait(context, f"{name}-pause", max(1, math.ceil(state.delay)))
    return poll(context, f"{name}-again", state, attempt)


def run_step(
    context: DurableContext,
    name: str,
    kind: type[StructT],
    action: Callable[[], StructT],
    retry: Callable[[Exception, int], RetryDecision],
) -> StructT:
    """Run `action` until it returns, and keep what it returns. One durable operation.

    Args:
        context: the durable context.
        name: the operation's name.
        kind: what the action returns.
        action: what is done. It may run twice.
        retry: decides, by the error and the attempts so far, whether it is tried again.

    Raises:
        StepError: the action failed, and `retry` gave up.
    """
    config = StepConfig(retry_strategy=retry, serdes=StructSerDes(kind))
    return context.step(lambda _: action(), name=name, config=config)


def retry_claim(error: Exception, attempts: int) -> RetryDecision:
    """Try again for some minutes while the table or the owner of the action does not answer."""
    passes = isinstance(error, CallFailed | NotSettledError)
    return _retry_after(attempts) if passes and attempts < CLAIM_TRIES else RetryDecision.no_retry()


def never_retry(error: Exception, attempts: int) -> RetryDecision:
    """Do not try again: what is done does not raise for what AWS answers."""
    del error, attempts
    return RetryDecision.no_retry()


def race(
    context: DurableContext,
    name: str,
    branches: Mapping[str, Callable[[DurableContext], StructT]],
    kind: type[StructT],
) -> list[StructT]:
    """Run branches until the first of them returns; return the results of those that have returned by then.

    Args:
        context: the durable context.
        name: the operation's name.
        branches: by name. Those that have not returned are abandoned, see `BranchGate`.
        kind: what each returns.
    """

    def plain(branch: Callable[[DurableContext], StructT]) -> Callable[[DurableContext], dict[str, Any]]:
        return lambda inner: dict(msgspec.to_builtins(branch(inner)))

    batch: BatchResult[dict[str, Any]] = context.parallel(
        [ParallelBranch(plain(branch), branch_name) for branch_name, branch in branches.items()],
        name=name,
        config=ParallelConfig(
            completion_config=CompletionConfig(should_complete=_first_finisher), nesting_type=NestingType.FLAT
        ),
    )
    batch.throw_if_error()
    return [msgspec.convert(item.result, kind) for item in batch.succeeded() if item.result is not None]


def wait(context: DurableContext, name: str, seconds: int) -> None:
    """Wait. One durable operation."""
    context.wait(Duration(seconds), name=name)


def create_callback(
    context: DurableContext, name: str, *, timeout: float = 0.0, heartbeat_timeout: float = 0.0
) -> Callback[str]:
    """Create a durable callback.

    Args:
        context: the durable context.
        name: the operation's name.
        timeout: seconds until it fails by itself; 0 for never.
        heartbeat_timeout: seconds within which the holder of the callback must send a heartbeat; 0 for never.
    """
    config = CallbackConfig(
        timeout=Duration(math.ceil(timeout)), heartbeat_timeout=Duration(math.ceil(heartbeat_timeout))
    )
    return context.create_callback(name, config)


def result_of(callback: Callback[str]) -> CallbackResult:
    """Return what came back; suspends the execution until something has."""
    try:
        return CallbackResult(succeeded=True, text=callback.result() or "")
    except CallbackError as error:
        return CallbackResult(succeeded=False, text=str(error))


def _next_attempt(state: Polled, attempts: int) -> WaitForConditionDecision:
    del attempts
    if state.delay is None:
        return WaitForConditionDecision.stop_polling()
    # The SDK waits whole seconds, one at least.
    return WaitForConditionDecision.continue_waiting(Duration(max(1, math.ceil(state.delay))))


def _retry_after(attempts: int) -> RetryDecision:
    return RetryDecision.retry(Duration(min(LONGEST_RETRY_DELAY, 2 ** min(attempts - 1, 10))))


def _first_finisher(status: CompletionStatus) -> CompletionDecision:
    return complete_batch() if status.completed_count > 0 else continue_batch()
