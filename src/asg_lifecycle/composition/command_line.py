"""What the command line asks of AWS in a single call."""

from __future__ import annotations

import json

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.publishing import Publishing
from asg_lifecycle.aws.queues import Queues
from asg_lifecycle.aws.regions import Regions
from asg_lifecycle.aws.stacks import Stacks
from asg_lifecycle.model.wake_events import SIGNAL_DETAIL_TYPE, SIGNAL_SOURCE, signal_detail


def send_signal(*, instance: str, name: str, succeeded: bool, message: str, hook: str | None) -> None:
    """Put a signal on the default event bus.

    Args:
        instance: EC2 instance id.
        name: which signal.
        succeeded: whether what it reports succeeded.
        message: a sentence for people, empty for none.
        hook: the lifecycle hook it is meant for, None for every one that the instance waits under.

    Raises:
        CallFailed: no answer, throttled, denied.
    """
    detail = signal_detail(instance=instance, name=name, succeeded=succeeded, message=message, hook=hook)
    Publishing(Clients()).put_event(
        bus="default", source=SIGNAL_SOURCE, detail_type=SIGNAL_DETAIL_TYPE, detail=json.dumps(detail)
    )


def every_stack(region: str | None = None) -> dict[str, dict[str, str]]:
    """Return the outputs of every stack of this account and a Region, by its name.

    Args:
        region: name of the Region, None for the present one.

    Raises:
        CallFailed: no answer, throttled, denied.
    """
    return Stacks(Clients(region=region)).all()


def enabled_regions() -> tuple[str, ...]:
    """Return the names of the Regions that are enabled for this account.

    Raises:
        CallFailed: no answer, throttled, denied.
    """
    return Regions(Clients()).enabled()


def stack_outputs(stack: str) -> dict[str, str]:
    """Return the outputs of a deployed stack.

    Raises:
        CallFailed: no answer, denied, no such stack.
    """
    return Stacks(Clients()).outputs(stack)


def stack_parameters(stack: str) -> dict[str, str]:
    """Return the values of the parameters of a deployed stack.

    Raises:
        CallFailed: no answer, denied, no such stack.
    """
    return Stacks(Clients()).deployed(stack).parameters


def dead_letter_count(queues: tuple[str, ...]) -> int:
    """Return how many messages some queues hold, as far as SQS knows.

    Args:
        queues: their URLs.

    Raises:
        CallFailed: no answer, throttled, denied.
    """
    reading = Queues(Clients())
    return sum(reading.count(queue) for queue in queues)
