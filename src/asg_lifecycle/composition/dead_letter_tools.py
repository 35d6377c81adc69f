"""Puts together what the commands about dead letters work with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.executions import Executions
from asg_lifecycle.aws.queues import Queues
from asg_lifecycle.intake.execution_starter import ExecutionStarter
from asg_lifecycle.intake.redrive import Redrive
from asg_lifecycle.store.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class DeadLetterTools:
    """The dead letters, and what starts their actions again.

    Attributes:
        queues: the dead-letter queues.
        redrive: reads dead letters and starts their actions again.
        clock: seconds since the epoch.
    """

    queues: Queues
    redrive: Redrive
    clock: Callable[[], float]


def compose_dead_letter_tools(
    *, function: str, table: str, hook_name_prefix: str, function_queue: str | None
) -> DeadLetterTools:
    """Return the parts. Nothing is called yet.

    Args:
        function: qualified ARN of the durable function.
        table: name of the table of records.
        hook_name_prefix: hooks whose name begins so are ours.
        function_queue: URL of that function's dead-letter queue, None where it is not known.
    """
    clients = Clients()
    executions = Executions(clients, function)
    return DeadLetterTools(
        queues=Queues(clients),
        redrive=Redrive(
            Records(clients, table),
            executions,
            ExecutionStarter(executions),
            hook_name_prefix=hook_name_prefix,
            function_queue=function_queue,
        ),
        clock=time.time,
    )
