"""Which of the executions that own actions in flight can still work on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.executions import Liveness, Standing
from asg_lifecycle.intake.takeovers import is_unowned
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asg_lifecycle.aws.executions import Executions

MOST_ASKED = 300
"""Executions that one sweep asks after one by one: `GetDurableExecution` may be called 30 times a second in an account
and Region, and operators call it, too."""

PACE = 1 / 15
"""Seconds that each such call is given."""

TOO_MANY = "TooManyRequestsException"

ALIVE, DEAD = Standing(Liveness.ALIVE), Standing(Liveness.DEAD)


class InFlight(Struct, frozen=True):
    """The record of an action in flight, and what its execution can still do."""

    record: Record
    owner: Standing

    @property
    def owned(self) -> bool:
        """Whether an execution has it that runs, or that can be resumed."""
        return self.owner.liveness is not Liveness.DEAD


class Owners:
    """Looks after the executions of actions in flight.

    All executions that have not ended are listed, a thousand a call. Only an owner that is not among them is asked
    after: it has ended, or has just begun.

    Args:
        executions: the durable executions.
        problem: is told a sentence for each thing that could not be read.
        pause: waits so many seconds.
    """

    def __init__(self, executions: Executions, problem: Callable[[str], None], pause: Callable[[float], None]) -> None:
        self._executions = executions
        self._problem = problem
        self._pause = pause

    def of(self, records: Sequence[Record]) -> dict[str, InFlight]:
        """Return the actions by the key of their wait. An owner that nothing is known of counts as alive.

        Args:
            records: of the actions in flight, those first that are to be asked after first.
        """
        listed = self._listed() if records else {}
        in_flight: dict[str, InFlight] = {}
        asked = unasked = 0
        for record in records:
            if is_unowned(record):
                owner = DEAD
            elif record.execution in listed:
                owner = Standing(listed[record.execution])
            elif asked >= MOST_ASKED:
                owner, unasked = ALIVE, unasked + 1
            else:
                owner, asked = self._asked(record), asked + 1
            in_flight[record.wait] = InFlight(record, owner)
        if unasked:
            self._problem(f"{unasked} of {len(records)} executions were not asked after, the next sweeps do it")
        return in_flight

    def _listed(self) -> dict[str, Liveness]:
        try:
            return self._executions.under_way()
        except CallFailed as failed:
            if failed.failure.code != TOO_MANY:
                self._problem(f"the executions could not be listed: {failed}")
            return {}

    def _asked(self, record: Record) -> Standing:
        self._pause(PACE)
        try:
            return self._executions.standing(record.execution)
        except CallFailed as failed:
            # Too many requests are no problem of ours: the next sweep asks again.
            if failed.failure.code != TOO_MANY:
                self._problem(f"whether {record.execution} is alive could not be read: {failed}")
            return ALIVE
