"""Puts together what the commands about actions work with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.execution_histories import ExecutionHistories
from asg_lifecycle.aws.executions import Executions
from asg_lifecycle.aws.identity import caller
from asg_lifecycle.intake.operator_messages import OperatorMessages
from asg_lifecycle.store.record_history import RecordHistory
from asg_lifecycle.store.record_queries import RecordQueries

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.model.execution_history import ActionHistory
    from asg_lifecycle.model.records import Record


@dataclass(frozen=True, kw_only=True)
class ActionTools:
    """The actions of a stack.

    Attributes:
        records: reads the records of actions in flight.
        history: reads the records of all actions.
        messages: delivers the messages of operators.
        executions: the durable executions.
        history_of: reads what Lambda knows of the executions that have worked on the action of a record.
        caller: returns who calls, an ARN.
        clock: seconds since the epoch.
        pause: waits so many seconds.
    """

    records: RecordQueries
    history: RecordHistory
    messages: OperatorMessages
    executions: Executions
    history_of: Callable[[Record], ActionHistory]
    caller: Callable[[], str]
    clock: Callable[[], float]
    pause: Callable[[float], None]


def compose_action_tools(
    table: str,
    clock: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
    *,
    region: str | None = None,
) -> ActionTools:
    """Return the parts. Nothing is called yet.

    Args:
        table: name of the table of records.
        clock: seconds since the epoch.
        pause: waits so many seconds.
        region: name of the Region, None for the present one.
    """
    clients = Clients(region=region)
    records = RecordQueries(clients, table)
    executions = Executions(clients, "")
    histories = ExecutionHistories(clients, pause)
    return ActionTools(
        records=records,
        history=RecordHistory(clients, table, records),
        messages=OperatorMessages(records, executions, clock, pause),
        executions=executions,
        history_of=lambda record: histories.of_action(record.execution),
        caller=partial(caller, clients),
        clock=clock,
        pause=pause,
    )
