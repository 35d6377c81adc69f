"""The durable executions: start one, ask whether one is alive, put a message into its inbox."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients

ALREADY_STARTED = "DurableExecutionAlreadyStartedException"
LONGEST_ERROR = 1000
"""Characters of an execution's error that are kept."""

CLOSED_CODES = frozenset({"CallbackTimeoutException", "InvalidParameterValueException"})


class Liveness(StrEnum):
    """Whether an execution can still work on its action."""

    ALIVE = "alive"
    """It runs."""
    PAUSED = "paused"
    """Somebody has paused it: it is not invoked, and sends no heartbeats, until somebody resumes it."""
    DEAD = "dead"
    """It failed, timed out, was stopped, ended, or is not known any more."""


class Standing(Struct, frozen=True):
    """What an execution can still do.

    Attributes:
        liveness: whether it can still work on its action.
        error: why it failed; None when it has ended in another way, or has not ended. One that was stopped, or timed
            out, has not failed.
    """

    liveness: Liveness
    error: str | None = None


LIVENESS = {"RUNNING": Liveness.ALIVE, "PAUSING": Liveness.PAUSED, "PAUSED": Liveness.PAUSED}
"""What can still happen to an execution, by its status. Every other status is an end."""

LISTED = ("RUNNING", "PAUSING", "PAUSED")
"""One status a call, as the API wants it."""

FAILED: tuple[Literal["FAILED", "TIMED_OUT", "STOPPED"], ...] = ("FAILED", "TIMED_OUT", "STOPPED")
"""The statuses of executions that did not end by themselves as they should."""

PAGE = 1_000
"""Executions a page: the most that `ListDurableExecutionsByFunction` returns at once."""


class Executions:
    """The executions of one durable function.

    Args:
        clients: the AWS clients.
        function: the function's qualified ARN: durable executions need a version or an alias. Empty where no execution
            is started.
    """

    def __init__(self, clients: Clients, function: str) -> None:
        self._clients = clients
        self._function = function

    def start(self, event: object, *, name: str) -> bool:
        """Start an execution, asynchronously; return False when one with this name was started with another event.

        Args:
            event: JSON values.
            name: what it is and a digest, joined by a hyphen, up to 64 characters of `A-Z a-z 0-9 - _`. A repeated name
                with the same event starts nothing.

        Raises:
            CallFailed: no answer (it may have been started all the same: repeat it), throttled, denied.
        """
        try:
            with calling("lambda:InvokeFunction"):
                self._clients.functions.invoke(
                    FunctionName=self._function,
                    InvocationType="Event",
                    DurableExecutionName=self._in_this_stack(name),
                    # Escaped, because half a surrogate pair, which a message may hold, cannot be encoded.
                    Payload=json.dumps(event).encode(),
                )
        except CallFailed as failed:
            if failed.failure.code == ALREADY_STARTED:
                return False
            raise
        return True

    def _in_this_stack(self, name: str) -> str:
        """Return a name that no other stack uses: names are unique in the whole account and Region."""
        what, _, digest = name.rpartition("-")
        own = hashlib.sha256(f"{self._function}\n{digest}".encode()).hexdigest()
        return f"{what}-{own[: len(digest)]}"

    def standing(self, execution: str) -> Standing:
        """Return what an execution can still do, and why it failed, in one call.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("lambda:GetDurableExecution"):
                answer = self._clients.functions.get_durable_execution(
                    DurableExecutionArn=execution, IncludeExecutionData=True
                )
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return Standing(Liveness.DEAD)
            raise
        if answer["Status"] != "FAILED":
            return Standing(LIVENESS.get(answer["Status"], Liveness.DEAD))
        error = answer.get("Error", {})
        said = [part for part in (error.get("ErrorType"), error.get("ErrorMessage")) if part]
        return Standing(Liveness.DEAD, ": ".join(said)[:LONGEST_ERROR] or "no error was told")

    def under_way(self) -> dict[str, Liveness]:
        """Return the executions of all versions of the function that have not ended, by ARN; a thousand a call.

        One that has just started may not be listed yet.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: dict[str, Liveness] = {}
        with calling("lambda:ListDurableExecutionsByFunction"):
            for status in LISTED:
                for page in self._clients.functions.get_paginator("list_durable_executions_by_function").paginate(
                    FunctionName=self._function.rpartition(":")[0],
                    Statuses=[status],  # type: ignore[list-item]  # the stubs know no PAUSED yet
                    PaginationConfig={"PageSize": PAGE},
                ):
                    found |= {each["DurableExecutionArn"]: LIVENESS[status] for each in page["DurableExecutions"]}
        return found

    def failed(self, since: float) -> dict[str, str]:
        """Return the executions of all versions that began since then and have failed, by ARN, each with its status.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: dict[str, str] = {}
        with calling("lambda:ListDurableExecutionsByFunction"):
            for status in FAILED:
                for page in self._clients.functions.get_paginator("list_durable_executions_by_function").paginate(
                    FunctionName=self._function.rpartition(":")[0],
                    Statuses=[status],
                    StartedAfter=datetime.fromtimestamp(since, UTC),
                    PaginationConfig={"PageSize": PAGE},
                ):
                    found |= {each["DurableExecutionArn"]: status for each in page["DurableExecutions"]}
        return found

    def send_message(self, callback: str, message: bytes) -> bool:
        """Put `message` into the inbox `callback`; return False when that is closed or unknown.

        Raises:
            CallFailed: no answer (the message may have arrived), throttled, denied.
        """
        try:
            with calling("lambda:SendDurableExecutionCallbackSuccess"):
                self._clients.functions.send_durable_execution_callback_success(CallbackId=callback, Result=message)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND or failed.failure.code in CLOSED_CODES:
                return False
            raise
        return True
