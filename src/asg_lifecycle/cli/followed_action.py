"""Waits for the end of an action, for `asg-lifecycle show --follow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.executions import Liveness
from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, warn, with_what_to_do
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.composition.action_tools import ActionTools
    from asg_lifecycle.model.records import Record

FOLLOWED_EVERY = 5.0
"""Seconds between two looks at the record of an action that is followed."""

EXECUTION_EVERY = 30.0
"""Seconds between two looks at its execution: the account may have 30 of these calls a second in all."""

SWEEPS_AWAITED = 2
"""Sweeps for which another execution is awaited after the one that owned the action died: one may just have begun."""

START_SECONDS = 60.0
"""For which the execution that the sweep starts is awaited, seconds."""


class Followed:
    """One action that is followed.

    Args:
        tools: the actions of the stack.
        record: the action's.
        sweep_interval: returns the seconds between two sweeps of the stack.
    """

    def __init__(self, tools: ActionTools, record: Record, sweep_interval: Callable[[], float]) -> None:
        self._tools = tools
        self._sweep_interval = sweep_interval
        self.record = record
        self._asked_at: float | None = None
        self._dead_since: float | None = None
        self._told = ""
        self._patience = 0.0
        self._asks = True

    def wait(self) -> ExitCode:
        """Wait until the action has ended, or no execution works on it; return the exit code that says how.

        Raises:
            typer.Exit: its record is gone, or cannot be read.
        """
        while self.record.in_flight is not None:
            if self._execution_failed():
                return ExitCode.EXECUTION_FAILED
            self._tools.pause(FOLLOWED_EVERY)
            self._read()
        return ending_of(self.record)

    def _read(self) -> None:
        with reporting_failed_calls():
            current = self._tools.records.current([self.record.wait]).get(self.record.wait)
        if current is None or current.claimed_at != self.record.claimed_at:
            fail("its record is gone: another action of the same wait took its place")
        if current.execution != self.record.execution:
            # It was taken over, or handed over.
            self._dead_since = self._asked_at = None
        self.record = current

    def _execution_failed(self) -> bool:
        """Return whether no execution works on the action, and none will before somebody does something."""
        if self.record.unowned_since is not None and self.record.takeovers is not None:
            self._tell(f"no execution works on it any more: {self.record.problem}")
            return True
        now = self._tools.clock()
        if self._asks and (self._asked_at is None or now - self._asked_at >= EXECUTION_EVERY):
            self._asked_at = now
            self._ask(now)
        return self._dead_since is not None and now - self._dead_since >= self._patience

    def _ask(self, now: float) -> None:
        try:
            standing = self._tools.executions.standing(self.record.execution)
        except CallFailed as failed:
            # The record alone says how nearly every action ends.
            self._tell(f"whether its execution runs could not be read: {with_what_to_do(failed)}")
            self._asks = failed.failure.consequence is not Consequence.DENIED
            return
        if standing.liveness is not Liveness.DEAD:
            self._dead_since = None
        elif self._dead_since is None:
            # An execution that has done its work, or handed it over, ends before its record was read again.
            self._dead_since = now
            self._patience = SWEEPS_AWAITED * self._sweep_interval() + START_SECONDS
        else:
            why = f": {standing.error}" if standing.error is not None else ""
            self._tell(f"its execution {self.record.execution} has ended{why}; the sweep has it taken over by another")

    def _tell(self, sentence: str) -> None:
        if sentence != self._told:
            self._told = sentence
            warn(f"asg-lifecycle: {' '.join(sentence.split())}")


def ending_of(record: Record) -> ExitCode:
    """Return the exit code that says how an action has ended."""
    if record.status is Status.COMPLETED:
        return ExitCode.SUCCESS if record.result is ActionResult.CONTINUE else ExitCode.ABANDONED
    return ExitCode.LOST if record.status is Status.LOST else ExitCode.ENDED_BY_OTHERS
