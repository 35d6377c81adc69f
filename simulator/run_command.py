"""Run Command that takes time: managed instances, and commands that are delivered, run and end on the timeline.

moto answers every command with success at once. Here a command goes Pending, InProgress, and then Success, Failed,
TimedOut or Cancelled, as the test decided for its document or its instance. Sources: Systems Manager API reference
(SendCommand, GetCommandInvocation, CancelCommand) and "Understanding command statuses" in its user guide. The
requests themselves are in `simulator.run_command_requests`.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from moto.ec2.models.instances import InstanceBackend
from moto.ssm.responses import SimpleSystemManagerResponse

from simulator.log import LogKind
from simulator.run_command_requests import OPERATIONS, answering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from simulator.region import SimulatedRegion
    from simulator.timeline import Timer

ENDED = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})

NO_EXIT_CODE = -1
KILLED = 137


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


class RunCommand:
    """Run Command in a region, as a `SimulatedService`.

    Every change of a status is logged as `LogKind.SERVICE` with the instance and the detail
    `ssm STATUS-DETAILS DOCUMENT COMMAND-ID`.

    Attributes:
        hidden_for: seconds after SendCommand in which no call but CancelCommand knows of the command.
        delivery: seconds from SendCommand until the command runs on an instance that is online.
        cancellation: seconds from CancelCommand until the command has stopped.
    """

    def __init__(self, *, hidden_for: float = 2.0, delivery: float = 0.5, cancellation: float = 1.0) -> None:
        self.hidden_for = hidden_for
        self.delivery = delivery
        self.cancellation = cancellation
        self.commands: dict[str, Command] = {}
        self.ping_statuses: dict[str, str] = {}
        self._behaviours: dict[tuple[str | None, str | None], Behaviour] = {}
        self._region: SimulatedRegion | None = None
        self._random = random.Random()  # noqa: S311 - seeded by the region so that command ids repeat
        self._added: list[str] = []

    def install(self, region: SimulatedRegion) -> None:
        """Take Run Command over from moto."""
        self._region = region
        self._random.seed(region.seed)
        for name, operation in OPERATIONS.items():
            if not hasattr(SimpleSystemManagerResponse, name):
                setattr(SimpleSystemManagerResponse, name, None)
                self._added.append(name)
            region.replace(SimpleSystemManagerResponse, name, answering(self, operation))
        terminate = InstanceBackend.terminate_instances

        def terminate_instances(backend: InstanceBackend, instance_ids: list[str]) -> object:
            terminated = terminate(backend, instance_ids)
            self.instances_terminated(instance_ids)
            return terminated

        region.replace(InstanceBackend, "terminate_instances", terminate_instances)

    def uninstall(self) -> None:
        """Stop every command and forget everything but the behaviours."""
        for invocation in self.invocations():
            _stop_timers(invocation)
        self.commands.clear()
        self.ping_statuses.clear()
        # moto finds operations by listing the class: one it does not have must not stay behind.
        for name in self._added:
            delattr(SimpleSystemManagerResponse, name)
        self._added.clear()
        self._region = None

    @property
    def now(self) -> float:
        """The region's time, seconds since the epoch."""
        return self._entered().timeline.now()

    def manage(self, instance: str, ping_status: str = "Online") -> None:
        """Let Systems Manager know the instance, whose agent is `Online`, `ConnectionLost` or `Inactive`.

        Commands still pending for an instance that comes online are delivered.
        """
        with self._entered().lock:
            self.ping_statuses[instance] = ping_status
            if ping_status == "Online":
                for invocation in self.invocations(instance):
                    if invocation.status == "Pending":
                        self._after(invocation, self.delivery, self._start)

    def forget(self, instance: str) -> None:
        """Let Systems Manager not know the instance (any more)."""
        self.ping_statuses.pop(instance, None)

    def behave(self, behaviour: Behaviour, *, document: str | None = None, instance: str | None = None) -> None:
        """Decide how commands go that start from now on.

        Args:
            behaviour: how they go.
            document: only commands of this document.
            instance: only commands on this instance. What was said of an instance comes before what was said of a
                document, and what was said of both comes first.
        """
        self._behaviours[document, instance] = behaviour

    def invocations(self, instance: str | None = None) -> list[Invocation]:
        """Return every command on every instance, or on one, in the order they were sent."""
        return [
            invocation
            for command in self.commands.values()
            for invocation in command.invocations.values()
            if instance in (None, invocation.instance)
        ]

    def runs(self, instance: str, *, document: str | None = None) -> list[Invocation]:
        """Return the commands that began to run on the instance, in the order they were sent."""
        return [
            invocation
            for invocation in self.invocations(instance)
            if invocation.started_at is not None and document in (None, invocation.command.document)
        ]

    def new_id(self) -> str:
        """Return an id for the next command."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def send(self, command: Command, instances: Iterable[str]) -> None:
        """Begin to deliver `command` to `instances`, which are managed."""
        self.commands[command.id] = command
        for instance in instances:
            invocation = command.invocations[instance] = Invocation(command, instance)
            self._log(invocation)
            expired = partial(self._end, status="TimedOut", status_details="DeliveryTimedOut")
            self._after(invocation, command.delivery_timeout, expired)
            if self.ping_statuses.get(instance) == "Online":
                self._after(invocation, self.delivery, self._start)

    def cancel(self, invocation: Invocation) -> None:
        """Ask the command to stop on one instance; harmless when it has ended or stops already."""
        if invocation.ended or invocation.status == "Cancelling":
            return
        if invocation.started_at is None:
            _stop_timers(invocation)
        invocation.status = invocation.status_details = "Cancelling"
        self._log(invocation)
        self._after(invocation, self.cancellation, partial(self._end, status="Cancelled"))

    def instances_terminated(self, instances: Iterable[str]) -> None:
        """End what runs on the instances: undeliverable when it had not begun, timed out when it had."""
        with self._entered().lock:
            for instance in instances:
                if instance in self.ping_statuses:
                    self.ping_statuses[instance] = "ConnectionLost"
                for invocation in self.invocations(instance):
                    if invocation.started_at is None:
                        self._end(invocation, status="Failed", status_details="Undeliverable")
                    else:
                        self._end(invocation, status="TimedOut", status_details="ExecutionTimedOut")

    def _start(self, invocation: Invocation) -> None:
        _stop_timers(invocation)
        command, instance = invocation.command, invocation.instance
        behaviour = (
            next(
                self._behaviours[key]
                for key in ((command.document, instance), (None, instance), (command.document, None), (None, None))
                if key in self._behaviours
            )
            if self._behaviours
            else Behaviour()
        )
        invocation.started_at = self.now
        invocation.status = invocation.status_details = "InProgress"
        self._log(invocation)
        limit = command.execution_timeout
        if not behaviour.never_ends and (limit is None or behaviour.duration <= limit):
            self._after(invocation, behaviour.duration, partial(self._finish, behaviour=behaviour))
        elif limit is not None:
            killed = partial(self._end, status="TimedOut", status_details="ExecutionTimedOut", exit_code=KILLED)
            self._after(invocation, limit, killed)

    def _finish(self, invocation: Invocation, behaviour: Behaviour) -> None:
        invocation.standard_output = behaviour.standard_output
        invocation.standard_error = behaviour.standard_error
        self._end(invocation, status="Failed" if behaviour.exit_code else "Success", exit_code=behaviour.exit_code)

    def _end(
        self, invocation: Invocation, *, status: str, status_details: str = "", exit_code: int = NO_EXIT_CODE
    ) -> None:
        if invocation.ended:
            return
        _stop_timers(invocation)
        invocation.status = status
        invocation.status_details = status_details or status
        invocation.exit_code = exit_code
        invocation.ended_at = self.now
        self._log(invocation)

    def _after(self, invocation: Invocation, seconds: float, then: Callable[[Invocation], None]) -> None:
        region = self._entered()

        def due() -> None:
            with region.lock:
                # On scaled time the timer may have been cancelled while it waited for the lock.
                if not timer.cancelled:
                    then(invocation)

        timer = region.timeline.call_after(seconds, due, name=f"command on {invocation.instance}")
        invocation.timers.append(timer)

    def _log(self, invocation: Invocation) -> None:
        command = invocation.command
        self._entered().log.write(
            LogKind.SERVICE,
            instance=invocation.instance,
            detail=f"ssm {invocation.status_details} {command.document} {command.id}",
        )

    def _entered(self) -> SimulatedRegion:
        if self._region is None:
            raise RuntimeError("Run Command is not installed in a region")
        return self._region


def _stop_timers(invocation: Invocation) -> None:
    for timer in invocation.timers:
        timer.cancel()
    invocation.timers.clear()
