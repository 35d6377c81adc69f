"""Puts together what an operator's command line works with."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.executions import Executions
from asg_lifecycle.aws.publishing import Publishing
from asg_lifecycle.aws.queues import Queues
from asg_lifecycle.aws.stacks import Stacks
from asg_lifecycle.intake.redrive import Redrive
from asg_lifecycle.intake.starter import Starter
from asg_lifecycle.model.wake_events import SIGNAL_DETAIL_TYPE, SIGNAL_SOURCE, signal_detail
from asg_lifecycle.store.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class DeadLetterTools:
    """The dead-letter queues, what looks into them, and the time in seconds since the epoch."""

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
            Starter(executions),
            hook_name_prefix=hook_name_prefix,
            function_queue=function_queue,
        ),
        clock=time.time,
    )


def send_signal(*, instance: str, name: str, succeeded: bool, message: str, hook: str | None) -> None:
    """Put a signal on the default event bus.

    Args:
        instance: EC2 instance id.
        name: what it is about.
        succeeded: whether it went well.
        message: a sentence for people, empty for none.
        hook: the lifecycle hook it is meant for, None for every one that the instance waits under.

    Raises:
        CallFailed: no answer, throttled, denied.
    """
    detail = signal_detail(instance=instance, name=name, succeeded=succeeded, message=message, hook=hook)
    Publishing(Clients()).put_event(
        bus="default", source=SIGNAL_SOURCE, detail_type=SIGNAL_DETAIL_TYPE, detail=json.dumps(detail)
    )


def stack_outputs(stack: str) -> dict[str, str]:
    """Return the outputs of a deployed stack.

    Raises:
        CallFailed: no answer, denied, no such stack.
    """
    return Stacks(Clients()).outputs(stack)
