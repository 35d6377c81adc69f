"""A command of Run Command and how it goes on each instance: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.timeline import Timer

ENDED = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})

NO_EXIT_CODE = -1


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a command goes once it runs on an instance.

    Attributes:
        duration: seconds it runs.
        exit_code: 0 is success, anything else failure.
        standard_output: what it writes to standard output.
        standard_error: what it writes to standard error.
        never_ends: it runs until it is cancelled or until its execution timeout, which AWS-owned script documents
            have (parameter `executionTimeout`, 3600 s) and other documents here have not.
    """

    duration: float = 5.0
    exit_code: int = 0
    standard_output: str = ""
    standard_error: str = ""
    never_ends: bool = False


@dataclass(eq=False, kw_only=True)
class Command:
    """What one SendCommand asked for. Times are seconds since the epoch, durations seconds.

    Attributes:
        delivery_timeout: how long the command may wait for its instance.
        execution_timeout: how long it may run, None for as long as it likes.
    """

    id: str
    document: str
    version: str
    comment: str
    parameters: dict[str, list[str]]
    targets: list[dict[str, Any]]
    requested_at: float
    delivery_timeout: float
    execution_timeout: float | None
    invocations: dict[str, Invocation] = field(default_factory=dict)

    @property
    def status(self) -> tuple[str, str]:
        """Status and status details over all instances: of what is still to end first, then of what went wrong."""
        statuses = [(invocation.status, invocation.status_details) for invocation in self.invocations.values()]
        for status in ("Cancelling", "InProgress", "Pending", "Failed", "TimedOut", "Cancelled"):
            for found in statuses:
                if found[0] == status:
                    return found
        return ("Success", "Success") if statuses else ("Success", "NoInstancesInTag")


@dataclass(eq=False)
class Invocation:
    """One command on one instance.

    Attributes:
        command: what was sent.
        instance: the instance id.
        status: as GetCommandInvocation shows it.
        status_details: more exact than `status`.
        exit_code: -1 while there is none.
        started_at: when it began to run on the instance, None when it never did.
        ended_at: when it came to its last status.
    """

    command: Command
    instance: str
    status: str = "Pending"
    status_details: str = "Pending"
    exit_code: int = NO_EXIT_CODE
    standard_output: str = ""
    standard_error: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    timers: list[Timer] = field(default_factory=list, repr=False)

    @property
    def ended(self) -> bool:
        """Whether the status is the last one."""
        return self.status in ENDED
