"""Runs a scenario and keeps what Lambda hands to the handler at each of its invocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import TABLE
from asg_lifecycle_simulator.replay.history import History, RecordedExecution, State, Tree, moments
from asg_lifecycle_simulator.replay.scenarios import SCENARIOS
from asg_lifecycle_simulator.replay.testbed import RecordingTestbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aws_durable_execution_sdk_python.lambda_service import Operation

    from asg_lifecycle.execution.dependencies import Dependencies
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timeline import VirtualTimeline
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution

ENDED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED", "CANCELLED"})
"""How a durable operation ends."""


def record(name: str) -> History:
    """Run the scenario `name` in a region of its own and return its history, which is the same every time.

    Raises:
        KeyError: there is no such scenario.
    """
    run = SCENARIOS[name]
    testbed = RecordingTestbed(RecordingDeployment)
    with testbed:
        run(testbed)
        recording = testbed.deployment
        executions = tuple(recording.recorded(execution) for execution in recording.executions)
    return History(scenario=name, about=run.__doc__ or "", executions=executions)


class RecordingDeployment(Deployment):
    """A deployment that watches its durable function being invoked."""

    def __init__(self, region: Region, timeline: VirtualTimeline) -> None:
        self._snapshots: dict[str, list[State]] = {}
        super().__init__(region, timeline)

    def recorded(self, execution: SimulatedExecution) -> RecordedExecution:
        """Return what was recorded of an execution that has ended."""
        snapshots = thinned(self._snapshots[execution.arn])
        at_the_end = State(
            time=execution.runs[-1].started_at,
            operations=operations_as_json(execution.record.get_navigable_operations()),
            table=snapshots[-1].table,
        )
        return RecordedExecution(
            arn=execution.arn,
            name=execution.name,
            status=execution.status,
            outcome=execution.result,
            moments=moments([*snapshots, at_the_end]),
        )

    def _handler(self, application: Dependencies) -> Callable[..., Any]:
        handler = super()._handler(application)

        def handle(event: Any, context: Any) -> Any:  # noqa: ANN401 - the durable engine's own envelope
            snapshot = State(
                time=self._timeline.now(),
                operations=operations_as_json(event.initial_execution_state.operations),
                table=self._items(),
            )
            self._snapshots.setdefault(event.durable_execution_arn, []).append(snapshot)
            return handler(event, context)

        return handle

    def _items(self) -> Tree:
        with self._region.unobserved():
            items = self._region.client("dynamodb").scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return {f"{item['wait']['S']} {item['entry']['S']}": item for item in items}


def thinned(snapshots: list[State]) -> list[State]:
    """Leave out the moments that differ from both their neighbours by one more poll alone."""
    shapes = [{identity: each["Status"] in ENDED for identity, each in state.operations.items()} for state in snapshots]
    inner = range(1, len(snapshots) - 1)
    alike = {number for number in inner if shapes[number - 1] == shapes[number] == shapes[number + 1]}
    return [state for number, state in enumerate(snapshots) if number not in alike]


def operations_as_json(operations: Iterable[Operation]) -> Tree:
    """Return operations by id as JSON, in an order that is the same for the same operations.

    Branches of a race begin their operations in whatever order their threads run.
    """
    by_beginning = sorted(operations, key=lambda each: (each.operation_type.value != "EXECUTION", each.operation_id))
    return {operation.operation_id: _without_nulls(operation.to_json_dict()) for operation in by_beginning}


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value
