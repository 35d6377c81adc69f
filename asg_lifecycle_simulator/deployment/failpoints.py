"""Failpoints: one failure at one point of one execution, such as a crash of its Lambda or a lost response."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.region.faults import CallFate
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash, CrashPoint
from asg_lifecycle_simulator.services.durable_executions.function import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asg_lifecycle.execution.dependencies import Dependencies
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timeline import VirtualTimeline
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution


class InjectedFailure(StrEnum):
    """What goes wrong, of an invocation."""

    DIES_BEFORE_CALL = "dies before call"
    DIES_AFTER_CALL = "dies after call"
    DIES_BEFORE_CHECKPOINT = "dies before checkpoint"
    DIES_AFTER_CHECKPOINT = "dies after checkpoint"
    DIES_WITH_ITS_ANSWER = "dies with its answer"
    RESPONSE_LOST = "loses the response of call"
    RUNS_TWICE = "runs again with a checkpoint token that is used up"


AT_CALLS = (InjectedFailure.DIES_BEFORE_CALL, InjectedFailure.DIES_AFTER_CALL)
AT_CHECKPOINTS = (InjectedFailure.DIES_BEFORE_CHECKPOINT, InjectedFailure.DIES_AFTER_CHECKPOINT)


@dataclass(frozen=True)
class Failpoint:
    """Where an injected failure happens.

    Attributes:
        failure: what.
        invocation: in which invocation of the execution, from 1.
        number: at which of its AWS calls or checkpoints, from 1; 0 where the failure is the invocation's own.
    """

    failure: InjectedFailure
    invocation: int
    number: int = 0

    def __str__(self) -> str:
        """Return it as a sentence."""
        return f"invocation {self.invocation} {self.failure} {self.number or ''}".strip()


class UnluckyDeployment(Deployment):
    """A deployment in which some executions meet one injected failure each.

    Args:
        region: as for `Deployment`.
        timeline: likewise.
        failpoints: where, by the number of the execution in the order of starts, from 1. Executions started under a
            name of their own meet none.
    """

    def __init__(self, region: Region, timeline: VirtualTimeline, *, failpoints: Mapping[int, Failpoint]) -> None:
        self._running: SimulatedExecution | None = None
        super().__init__(region, timeline)
        self._losses: set[tuple[str, int, int]] = set()
        self._twice: set[tuple[str, int]] = set()
        for number, failpoint in failpoints.items():
            self._prepare(str(uuid.uuid5(NAMES, f"lifecycle-action {number}")), failpoint)

    def __enter__(self) -> Self:
        """Deploy."""
        super().__enter__()
        self._region.fate = self._fate
        return self

    def _prepare(self, name: str, failpoint: Failpoint) -> None:
        failure, invocation, number = failpoint.failure, failpoint.invocation, failpoint.number
        if failure in AT_CALLS:
            after = failure is InjectedFailure.DIES_AFTER_CALL
            self.service.call_crashes.append(CallCrash(invocation=invocation, call=number, after=after, execution=name))
        elif failure is InjectedFailure.RESPONSE_LOST:
            self._losses.add((name, invocation, number))
        elif failure is InjectedFailure.RUNS_TWICE:
            self._twice.add((name, invocation))
        else:
            after = failure is InjectedFailure.DIES_AFTER_CHECKPOINT
            checkpoint = None if failure is InjectedFailure.DIES_WITH_ITS_ANSWER else number
            self.service.crash_points.append(
                CrashPoint(invocation=invocation, checkpoint=checkpoint, after=after, execution=name)
            )

    def _fate(self) -> CallFate:
        fate = self.service.call_fate()
        if fate is not CallFate.SERVED or self._running is None:
            return fate
        invocation = self._running.runs[-1]
        lost = (self._running.name, invocation.number, invocation.calls) in self._losses
        return CallFate.SERVED_AND_LOST if lost else fate

    def _handler(self, application: Dependencies) -> Callable[..., Any]:
        handler = super()._handler(application)

        def handle(event: Any, context: Any) -> Any:  # noqa: ANN401 - the durable engine's own envelope
            self._running = self.service.get(event.durable_execution_arn)
            try:
                answer = handler(event, context)
                if (self._running.name, self._running.runs[-1].number) in self._twice:
                    # What this one answers goes nowhere: Lambda has gone on without it.
                    refused_at_its_checkpoint(handler, event, context)
                return answer
            finally:
                self._running = None

        return handle


def refused_at_its_checkpoint(handler: Callable[..., Any], event: object, context: object) -> None:
    """Invoke `handler` with a checkpoint token that is used up; one that has nothing to record does not notice."""
    try:
        handler(event, context)
    except Exception as error:
        if "Invalid checkpoint token" not in str(error):
            raise
