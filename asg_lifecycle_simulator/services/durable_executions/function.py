"""A durable function: what it is called, and its new executions."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from aws_durable_execution_sdk_python_testing.execution import Execution
from aws_durable_execution_sdk_python_testing.model import StartDurableExecutionInput

from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
from asg_lifecycle_simulator.services.durable_executions.history import moment

LONGEST_EXECUTION = 31_622_400.0
"""Seconds: the largest `ExecutionTimeout` a `DurableConfig` takes."""

RETENTION_DAYS = 14
"""For which an execution is known after its end: `RetentionPeriodInDays` of the template."""

ALIAS = "live"
NAMES = uuid.UUID("6d0bbd0e-0d3c-4f64-9a1e-3a35a1c0b6a1")


@dataclass(frozen=True)
class DurableFunction:
    """A function that is deployed.

    Attributes:
        name: its name.
        region: the region's name.
        account: the account id.
        execution_timeout: `ExecutionTimeout` of the `DurableConfig`, seconds.
    """

    name: str
    region: str
    account: str
    execution_timeout: float

    @property
    def arn(self) -> str:
        """Its ARN without a qualifier."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def alias_arn(self) -> str:
        """Its ARN, qualified by the alias that leads to the newest version."""
        return f"{self.arn}:{ALIAS}"

    def version_arn(self, version: int) -> str:
        """Return its ARN, qualified by a version."""
        return f"{self.arn}:{version}"

    def is_named(self, function: str, qualifier: str | None, *, version: int) -> bool:
        """Return whether a name or an ARN, with a qualifier, is that of the alias or of `version`."""
        name, given = function, qualifier
        if given is None:
            name, _, given = function.rpartition(":")
        return name in {self.name, self.arn} and given in {ALIAS, str(version)}

    def new_execution(
        self, number: int, name: str | None, payload: str, *, version: int, now: float
    ) -> SimulatedExecution:
        """Return a new execution, started now.

        Args:
            number: its number among all, from 1.
            name: `DurableExecutionName`; None for one that is made of the number.
            payload: its input, JSON.
            version: what it runs on.
            now: seconds since the epoch.
        """
        # Random names would make two runs of one test differ.
        identity = str(uuid.uuid5(NAMES, f"{self.name} {number}"))
        name = name or identity
        record = Execution.new(self.start_input(name, identity, payload, version=version))
        record.durable_execution_arn = f"{self.version_arn(version)}/durable-execution/{name}/{identity}"
        record.region = self.region
        record.start(now=moment(now))
        return SimulatedExecution(name=name, record=record, expires_at=now + self.execution_timeout, version=version)

    def start_input(
        self, name: str, invocation: str, payload: str | None, *, version: int
    ) -> StartDurableExecutionInput:
        """Return the testing SDK's description of an execution that begins."""
        return StartDurableExecutionInput(
            account_id=self.account,
            function_name=self.name,
            function_qualifier=str(version),
            execution_name=name,
            execution_timeout_seconds=int(self.execution_timeout),
            execution_retention_period_days=RETENTION_DAYS,
            invocation_id=invocation,
            input=payload,
        )
