"""The calls of Step Functions: state machines that are executed, watched and stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef, StartSyncExecutionOutputTypeDef

    from asg_lifecycle.aws.clients import Clients

NOT_SENT = frozenset(
    {
        "ConnectTimeoutError",
        "CredentialRetrievalError",
        "EndpointConnectionError",
        "NoCredentialsError",
        "ProxyConnectionError",
    }
)
"""The errors of requests that never left: nothing has come of them."""


class MachineExecution(Struct, frozen=True, kw_only=True):
    """The state of one execution.

    Attributes:
        status: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED` or `PENDING_REDRIVE`.
        output: JSON, empty where it has none.
        error: the code of its failure, empty where it has none.
        cause: the words for that.
    """

    status: str
    output: str = ""
    error: str = ""
    cause: str = ""


class StateMachines:
    """The state machines that plans name."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def kind(self, machine: str) -> str | None:
        """Return the type of a state machine, `STANDARD` or `EXPRESS`, None where there is none. It never changes.

        Args:
            machine: its ARN.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("states:DescribeStateMachine"):
                told = self._clients.stepfunctions.describe_state_machine(
                    stateMachineArn=machine, includedData="METADATA_ONLY"
                )
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise
        return str(told["type"])

    def start(self, machine: str, name: str, told: str) -> None:
        """Start an execution of a standard state machine. One of this name that runs, or has ended, is left as it is.

        Args:
            machine: its ARN.
            name: of the execution.
            told: its input, JSON.

        Raises:
            CallFailed: no answer (it may have been started all the same), throttled, denied, refused, no such machine.
        """
        try:
            with calling("states:StartExecution"):
                self._clients.stepfunctions.start_execution(stateMachineArn=machine, name=name, input=told)
        except CallFailed as failed:
            # It has ended, or it runs with another input: a tag in it has changed since.
            if failed.failure.code != "ExecutionAlreadyExists":
                raise

    def ask(self, machine: str, name: str, told: str) -> MachineExecution:
        """Run an execution of an express state machine, and wait for its end. Repeated, it runs again.

        Args:
            machine: its ARN.
            name: of the execution, for its logs.
            told: its input, JSON.

        Raises:
            CallFailed: no answer within a minute, throttled, denied, refused, no such machine.
        """
        with calling("states:StartSyncExecution"):
            answer = self._clients.asked_stepfunctions.start_sync_execution(
                stateMachineArn=machine, name=name, input=told
            )
        return _execution(answer)

    def get(self, execution: str) -> MachineExecution | None:
        """Return the state of an execution, None where Step Functions does not know it, or not yet.

        Args:
            execution: its ARN.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("states:DescribeExecution"):
                told = self._clients.stepfunctions.describe_execution(executionArn=execution)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise
        return _execution(told)

    def stop(self, execution: str) -> bool:
        """Stop an execution, and return whether Step Functions knew it; one that has ended stays as it is.

        No cause is given: where the machine has a key of its own, only who may use that can give one.

        Args:
            execution: its ARN.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("states:StopExecution"):
                self._clients.stepfunctions.stop_execution(executionArn=execution)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return False
            raise
        return True


def _execution(told: DescribeExecutionOutputTypeDef | StartSyncExecutionOutputTypeDef) -> MachineExecution:
    return MachineExecution(
        status=told["status"],
        output=told.get("output") or "",
        error=told.get("error") or "",
        cause=told.get("cause") or "",
    )
