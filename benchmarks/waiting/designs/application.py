"""This application, as it is deployed, with events on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import msgspec

from asg_lifecycle_simulator.deployment.parameters import Parameters
from benchmarks.waiting.drain import DOCUMENT, GROUP, LONGEST, DrainRegion
from benchmarks.waiting.usage import Failed, Usage

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record
    from benchmarks.waiting.billed_time import Function
    from benchmarks.waiting.drain import Drain

INDEX_WRITES_OF_A_CLAIM = 4
INDEX_WRITES_OF_AN_END = 2
"""Of the indexes, in units: an item that begins or ends to be in flight is written there, too."""

WRITES = ("PutItem", "UpdateItem", "DeleteItem")
READS = ("GetItem", "Query", "BatchGetItem")
NOTHING_TO_DRAIN = {"kind": "deregister-targets", "options": {"names": ["blue"]}}
SIGNAL_CALLS = 2
"""AWS calls of the signal function for an event that ends a wait: a query, and a message to the execution."""


class Application:
    """asg-lifecycle.

    Args:
        function: the durable function.
        signal_function: the one that wakes executions.
        signals: whether events are on.
        events_come: whether EventBridge delivers them.
    """

    name = "asg-lifecycle"
    lacks: ClassVar[tuple[str, ...]] = ()
    gaps: ClassVar[tuple[int | None, ...]] = (None,)

    def __init__(
        self, function: Function, signal_function: Function, *, signals: bool = True, events_come: bool = True
    ) -> None:
        self._function = function
        self._signal_function = signal_function
        self._signals = signals
        self._events_come = events_come

    def play(self, drain: Drain, gap: int | None) -> Usage | Failed:
        """Carry the drain out."""
        del gap
        with DrainRegion(drain, Parameters(signals=self._signals)) as world:
            if not self._events_come:
                world.region.events.deliveries = lambda event: (1.0,) if event["source"] == "aws.autoscaling" else ()
            steps = (
                [command_step()] if drain.has_work else [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]
            )
            world.target_group("blue")
            world.prepare({"plan": {"steps": steps}})
            world.region.calls.clear()
            world.autoscaling.terminate(world.instance)
            world.timeline.run_until_idle(within=LONGEST)
            late = world.late()
            if isinstance(late, str):
                return Failed(late)
            (execution,) = world.deployment.executions
            record = world.deployment.record(GROUP, world.hook, world.instance)
            calls = world.region.calls
            written = sum(calls["dynamodb", operation] for operation in WRITES)
            heard = len(world.deployment.heard)
            runs = [(run.started_at, run.calls) for run in execution.runs]
            return Usage(
                durable_operations=execution.metered_operations,
                durable_bytes=execution.written_bytes,
                invocations=len(runs) + heard,
                gigabyte_seconds=self._function.gigabyte_seconds(runs)
                + heard * self._signal_function.gigabyte_seconds([(0.0, SIGNAL_CALLS)]),
                write_units=written * _units(record) + INDEX_WRITES_OF_A_CLAIM + INDEX_WRITES_OF_AN_END,
                read_units=sum(calls["dynamodb", operation] for operation in READS),
                late=late,
            )


def command_step() -> dict[str, object]:
    """Return the step of a plan that runs the command."""
    parameters = {"commands": ["stop"], "executionTimeout": ["172800"]}
    return {"kind": "run-command", "options": {"document": DOCUMENT, "parameters": parameters}, "timeout": "48h"}


def _units(record: Record | None) -> int:
    """Return the write units that an item takes: one for each kilobyte that is begun."""
    return math.ceil(len(msgspec.json.encode(record)) / 1024)
