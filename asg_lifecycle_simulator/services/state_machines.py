"""State machines of Step Functions: executions that take time, fail and are stopped.

moto ends its executions at once, or runs their definitions. Here an execution goes as the test decided for its state
machine. Source: the API reference of Step Functions, StartExecution, DescribeExecution, StopExecution and
StartSyncExecution: a name belongs to an execution until 90 days after its end; a start with the name and the input of
one that runs is answered like the first; what DescribeExecution tells is late.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import AWSError
from moto.stepfunctions.responses import StepFunctionResponse

from asg_lifecycle_simulator.services.base import Service

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timeline import Timer
    from asg_lifecycle_simulator.services.base import Request, Response

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
STANDARD, EXPRESS = "STANDARD", "EXPRESS"
RUNNING = "RUNNING"
DETAIL_TYPE = "Step Functions Execution Status Change"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A state machine, and how its executions go.

    Attributes:
        kind: `STANDARD` or `EXPRESS`.
        duration: seconds that an execution of a standard one runs; None for one that never ends by itself.
        status: how it ends.
        output: what it puts out where it succeeds, any JSON.
        error: the code of its failure.
        cause: the words for that.
    """

    kind: str = STANDARD
    duration: float | None = 30.0
    status: str = "SUCCEEDED"
    output: Any = None
    error: str = ""
    cause: str = ""


@dataclass(eq=False, kw_only=True)
class Execution:
    """One execution. Times are seconds since the epoch."""

    arn: str
    machine: str
    name: str
    input: str
    started_at: float
    plan: Machine
    status: str = RUNNING
    ended_at: float | None = None
    timer: Timer | None = None


class StateMachines(Service):
    """The state machines and executions of a region.

    Every change of a status is logged as `LogKind.SERVICE`, for what the input calls `instance`, as
    `stepfunctions STATUS ARN`.

    Attributes:
        late_by: seconds for which DescribeExecution does not know what has happened.
        executions: those of standard and of express ones, in the order in which they were started.
    """

    def __init__(self, region: Region, *, late_by: float = 2.0) -> None:
        super().__init__(region)
        self.late_by = late_by
        self.executions: list[Execution] = []
        self._machines: dict[str, Machine] = {}

    def install(self) -> None:
        """Take the executions over from moto, and the description of the machines that are here."""
        operations = {
            "start_execution": self._start,
            "describe_execution": self._describe,
            "stop_execution": self._stop,
            "start_sync_execution": self._start_sync,
            "describe_state_machine": self._describe_machine,
        }
        self.answer_json(StepFunctionResponse, operations)

    def make(self, name: str, machine: Machine | None = None) -> str:
        """Make a state machine, or another of an old one, and return its ARN."""
        arn = self.arn("states", f"stateMachine:{name}")
        self._machines[arn] = machine or Machine()
        return arn

    def of(self, instance: str) -> list[Execution]:
        """Return the executions whose input has an instance, in the order in which they were started."""
        return [each for each in self.executions if _instance(each) == instance]

    def _machine(self, arn: str) -> Machine:
        if arn not in self._machines:
            raise _error("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return self._machines[arn]

    def _describe_machine(self, request: Request) -> Response:
        arn = request["stateMachineArn"]
        return {
            "stateMachineArn": arn,
            "name": arn.rpartition(":")[2],
            "status": "ACTIVE",
            "type": self._machine(arn).kind,
            "definition": "{}",
            "roleArn": "arn:aws:iam::123456789012:role/machine",
            "creationDate": datetime.fromtimestamp(self.now, UTC),
        }

    def _start(self, request: Request) -> Response:
        arn, told = request["stateMachineArn"], request.get("input", "{}")
        machine, name = self._machine(arn), request.get("name") or self.region.new_id()
        self._check(name, told)
        known = self._named(arn, name) if machine.kind == STANDARD else None
        if known is None:
            known = self._begun(arn, name, told)
        elif known.status != RUNNING or known.input != told:
            raise _error("ExecutionAlreadyExists", f"Execution Already Exists: '{known.arn}'")
        return {"executionArn": known.arn, "startDate": datetime.fromtimestamp(known.started_at, UTC)}

    def _start_sync(self, request: Request) -> Response:
        arn, told = request["stateMachineArn"], request.get("input", "{}")
        if self._machine(arn).kind != EXPRESS:
            raise _error("StateMachineTypeNotSupported", "This type of state machine has no such execution")
        name = request.get("name") or self.region.new_id()
        self._check(name, told)
        execution = self._begun(arn, name, told)
        self._end(execution, execution.plan.status)
        return {**_about(execution), "startDate": datetime.fromtimestamp(execution.started_at, UTC)}

    def _begun(self, machine: str, name: str, told: str) -> Execution:
        plan = self._machines[machine]
        where = "execution" if plan.kind == STANDARD else "express"
        arn = f"{machine.replace(':stateMachine:', f':{where}:', 1)}:{name}"
        execution = Execution(arn=arn, machine=machine, name=name, input=told, started_at=self.now, plan=plan)
        self.executions.append(execution)
        self._tell(execution)
        if plan.kind == STANDARD and plan.duration is not None:
            end = partial(self._end, execution, plan.status)
            execution.timer = self.timers.call_after(plan.duration, end, name=f"execution {name}")
        return execution

    def _end(self, execution: Execution, status: str) -> None:
        if execution.timer is not None:
            execution.timer.cancel()
        execution.status, execution.ended_at = status, self.now
        self._tell(execution)

    def _tell(self, execution: Execution) -> None:
        self.log(_instance(execution), f"stepfunctions {execution.status} {execution.arn}")
        if execution.plan.kind == STANDARD:
            told = {
                "executionArn": execution.arn,
                "stateMachineArn": execution.machine,
                "name": execution.name,
                "status": execution.status,
                "input": execution.input,
            }
            self.region.emit("aws.states", DETAIL_TYPE, told, resources=[execution.arn])

    def _describe(self, request: Request) -> Response:
        execution = self._found(request["executionArn"])
        if execution is None or self.now < execution.started_at + self.late_by:
            raise _error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{request['executionArn']}'")
        about = _about(execution)
        if execution.ended_at is not None and self.now < execution.ended_at + self.late_by:
            about = {**about, "status": RUNNING, "output": None, "error": None, "cause": None}
        started = datetime.fromtimestamp(execution.started_at, UTC)
        return {name: value for name, value in {**about, "startDate": started}.items() if value is not None}

    def _stop(self, request: Request) -> Response:
        execution = self._found(request["executionArn"])
        if execution is None:
            raise _error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{request['executionArn']}'")
        if execution.status == RUNNING:
            self._end(execution, "ABORTED")
        return {"stopDate": datetime.fromtimestamp(self.now, UTC)}

    def _named(self, machine: str, name: str) -> Execution | None:
        return next((each for each in self.executions if (each.machine, each.name) == (machine, name)), None)

    def _found(self, arn: str) -> Execution | None:
        return next((each for each in self.executions if each.arn == arn and each.plan.kind == STANDARD), None)

    @staticmethod
    def _check(name: str, told: str) -> None:
        if not NAME.fullmatch(name):
            raise _error("InvalidName", f"Invalid Name: '{name}'")
        try:
            json.loads(told)
        except ValueError as error:
            raise _error("InvalidExecutionInput", str(error)) from error


def _about(execution: Execution) -> Response:
    plan = execution.plan
    succeeded, ended = execution.status == "SUCCEEDED", execution.status != RUNNING
    failed = ended and not succeeded
    return {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine,
        "name": execution.name,
        "status": execution.status,
        "input": execution.input,
        "output": json.dumps(plan.output) if succeeded else None,
        "error": plan.error or None if failed else None,
        "cause": plan.cause or None if failed else None,
    }


def _instance(execution: Execution) -> str:
    told = json.loads(execution.input)
    return str(told.get("instance", "")) if isinstance(told, dict) else ""


def _error(code: str, message: str) -> AWSError:
    return AWSError(message, exception_type=code)
