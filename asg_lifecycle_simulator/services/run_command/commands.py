"""Managed instances, and commands that are delivered, run and end on the timeline.

A command goes Pending, InProgress, and then Success, Failed, TimedOut or Cancelled, as the test decided for its
document or its instance. Source: "Understanding command statuses" in the user guide of Systems Manager.
"""

from __future__ import annotations

import random
import uuid
from functools import partial
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.services.base import Service
from asg_lifecycle_simulator.services.run_command.model import NO_EXIT_CODE, Behaviour, Command, Invocation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from asg_lifecycle_simulator.region.region import Region

KILLED = 137


class Commands(Service):
    """The commands and managed instances of a region.

    Every change of a status is logged as `LogKind.SERVICE` with the instance and the detail
    `ssm STATUS-DETAILS DOCUMENT COMMAND-ID`.

    Attributes:
        hidden_for: seconds after SendCommand in which no call but CancelCommand knows of the command.
        delivery: seconds from SendCommand until the command runs on an instance that is online.
        cancellation: seconds from CancelCommand until the command has stopped.
    """

    def __init__(
        self, region: Region, *, hidden_for: float = 2.0, delivery: float = 0.5, cancellation: float = 1.0
    ) -> None:
        super().__init__(region)
        self.hidden_for = hidden_for
        self.delivery = delivery
        self.cancellation = cancellation
        self.commands: dict[str, Command] = {}
        self.ping_statuses: dict[str, str] = {}
        self._behaviours: dict[tuple[str | None, str | None], Behaviour | Callable[[Invocation], Behaviour]] = {}
        self._random = random.Random(region.seed)  # noqa: S311 - so that command ids repeat

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """End what runs on the instances: undeliverable when it had not begun, timed out when it had."""
        for instance in instance_ids:
            if instance in self.ping_statuses:
                self.ping_statuses[instance] = "ConnectionLost"
            for invocation in self.invocations(instance):
                if invocation.started_at is None:
                    self._end(invocation, status="Failed", status_details="Undeliverable")
                else:
                    self._end(invocation, status="TimedOut", status_details="ExecutionTimedOut")

    def manage(self, instance: str, ping_status: str = "Online") -> None:
        """Let Systems Manager know the instance, whose agent is `Online`, `ConnectionLost` or `Inactive`.

        Commands still pending for an instance that comes online are delivered.
        """
        with self.region.lock:
            self.ping_statuses[instance] = ping_status
            if ping_status == "Online":
                for invocation in self.invocations(instance):
                    if invocation.status == "Pending":
                        self._after(invocation, self.delivery, self._start)

    def forget(self, instance: str) -> None:
        """Let Systems Manager not know the instance (any more)."""
        self.ping_statuses.pop(instance, None)

    def behave(
        self,
        behaviour: Behaviour | Callable[[Invocation], Behaviour],
        *,
        document: str | None = None,
        instance: str | None = None,
    ) -> None:
        """Decide how commands go that start from now on.

        Args:
            behaviour: how they go; or what does what a command says when it starts, and returns how it goes.
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
            self._tell(invocation)
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
        self._tell(invocation)
        self._after(invocation, self.cancellation, partial(self._end, status="Cancelled"))

    def _start(self, invocation: Invocation) -> None:
        if self.ping_statuses.get(invocation.instance) != "Online":
            return
        _stop_timers(invocation)
        command, instance = invocation.command, invocation.instance
        keys = ((command.document, instance), (None, instance), (command.document, None), (None, None))
        decided = next((self._behaviours[key] for key in keys if key in self._behaviours), Behaviour())
        behaviour = decided if isinstance(decided, Behaviour) else decided(invocation)
        invocation.started_at = self.now
        invocation.status = invocation.status_details = "InProgress"
        self._tell(invocation)
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
        self._tell(invocation)

    def _after(self, invocation: Invocation, seconds: float, then: Callable[[Invocation], None]) -> None:
        name = f"command on {invocation.instance}"
        invocation.timers.append(self.timers.call_after(seconds, partial(then, invocation), name=name))

    def _tell(self, invocation: Invocation) -> None:
        command = invocation.command
        detail = f"ssm {invocation.status_details} {command.document} {command.id}"
        self.log(invocation.instance, detail)
        told = {
            "command-id": command.id,
            "document-name": command.document,
            "instance-id": invocation.instance,
            "status": invocation.status,
        }
        self.region.emit("aws.ssm", "EC2 Command Invocation Status-change Notification", told)


def _stop_timers(invocation: Invocation) -> None:
    for timer in invocation.timers:
        timer.cancel()
    invocation.timers.clear()
