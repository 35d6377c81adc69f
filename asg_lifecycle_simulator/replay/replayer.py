"""Goes on with a recorded execution on the present code, as Lambda does after a deployment."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Self

from aws_durable_execution_sdk_python.lambda_service import Operation, OperationStatus, OperationType
from aws_durable_execution_sdk_python_testing.execution import Execution

from asg_lifecycle.composition.lifecycle_action import compose
from asg_lifecycle.model.messages import Message, encode
from asg_lifecycle.settings import Settings
from asg_lifecycle_simulator.deployment.deployment import without_jitter
from asg_lifecycle_simulator.deployment.parameters import PREFIX, TABLE
from asg_lifecycle_simulator.deployment.table import create_table
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.replay.recorder import operations_as_json
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.durable_executions.execution import (
    CallbackDeadlines,
    SimulatedExecution,
    callback_of,
)
from asg_lifecycle_simulator.services.durable_executions.function import LONGEST_EXECUTION
from asg_lifecycle_simulator.services.durable_executions.history import moment
from asg_lifecycle_simulator.services.durable_executions.requests import DurableRequests
from asg_lifecycle_simulator.services.durable_executions.service import DurableService
from handlers import lifecycle_action

if TYPE_CHECKING:
    from types import TracebackType

    from aws_durable_execution_sdk_python_testing.model import StartDurableExecutionInput

    from asg_lifecycle_simulator.replay.history import RecordedExecution, State, Tree

RETENTION = 86_400.0


class Replay:
    """One recorded execution in a region that knows its records and nothing else of it.

    Its group, hook and instance are gone there: whatever it was doing, it finds the action over.

    Args:
        recorded: the execution.

    Attributes:
        region: where its AWS calls go.
        timeline: begins at the execution's first moment.
    """

    def __init__(self, recorded: RecordedExecution) -> None:
        self.timeline = VirtualTimeline(recorded.moments[0].time)
        self.region = Region(self.timeline)
        self.region.add(AutoScaling(self.region))
        settings = Settings(table=TABLE, hook_name_prefix=PREFIX, record_retention=RETENTION)
        application = compose(settings, clock=self.timeline.now, chance=without_jitter)
        self._service = ResumingService(self.timeline, partial(lifecycle_action.handle, dependencies=application))
        self.region.add(DurableRequests(self.region, self._service))
        self._recorded = recorded

    def __enter__(self) -> Self:
        """Enter the region."""
        self.region.__enter__()
        create_table(self.region, TABLE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the region."""
        self.region.__exit__(kind, error, traceback)

    @property
    def execution(self) -> SimulatedExecution:
        """The execution as it was resumed last."""
        return self._service.executions[-1]

    def resume(self, state: State) -> None:
        """Go on from `state`, which is no earlier than the one before; the handler runs when the timeline goes on."""
        if self._service.executions:
            self._service.stop(self._recorded.arn)
        self.timeline.run_until(state.time)
        with self.region.unobserved():
            dynamodb = self.region.client("dynamodb")
            for item in dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]:
                dynamodb.delete_item(TableName=TABLE, Key={name: item[name] for name in ("wait", "entry")})
            for item in state.table.values():
                dynamodb.put_item(TableName=TABLE, Item=item)
        self._service.resume(self._recorded.arn, self._recorded.name, state.operations)

    def invoke(self) -> Tree:
        """Let the handler be invoked once; return the operations as they stand then."""
        while not self.execution.runs:
            self.timeline.advance()
        return operations_as_json(self.execution.record.get_navigable_operations())

    def send_message(self, inbox: str, message: Message) -> None:
        """Put `message` into the inbox with this callback id."""
        self._service.callbacks.succeed(inbox, encode(message))

    def finish(self) -> SimulatedExecution:
        """Let time pass until the execution has ended."""
        while not self.execution.is_complete:
            self.timeline.advance()
        return self.execution


class ResumingService(DurableService):
    """A durable function that goes on with executions begun elsewhere."""

    def resume(self, arn: str, name: str, operations: Tree) -> SimulatedExecution:
        """Go on with an execution: its handler runs when the timeline goes on.

        Args:
            arn: its ARN.
            name: its name.
            operations: its durable operations by id, as JSON, the execution's own among them.
        """
        parsed = [Operation.from_json_dict(operation) for operation in operations.values()]
        parsed.sort(key=lambda each: each.operation_type is not OperationType.EXECUTION)
        record = Execution(arn, self._input(name, parsed[0]), parsed)
        record.region = self._function.region
        self._client.store.save(record)
        execution = SimulatedExecution(name=name, record=record, expires_at=self._timeline.now() + LONGEST_EXECUTION)
        now = moment(self._timeline.now())
        for operation in parsed:
            if operation.operation_type is OperationType.CALLBACK and operation.status is OperationStatus.STARTED:
                execution.callback_deadlines[callback_of(operation)] = CallbackDeadlines.of(None, now)
        self.executions.append(execution)
        self._by_arn[arn] = execution
        self._call_for_invocation(execution)
        return execution

    def _input(self, name: str, operation: Operation) -> StartDurableExecutionInput:
        details = operation.execution_details
        payload = details.input_payload if details is not None else None
        return self._function.start_input(name, operation.operation_id, payload, version=self.version)
