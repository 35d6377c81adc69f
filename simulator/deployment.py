"""The application deployed in a simulated region: its table, its rule and its durable function, in virtual time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import msgspec

from asg_lifecycle.aws.records import decode
from asg_lifecycle.composition.lifecycle import compose
from asg_lifecycle.model.messages import Message, encode
from asg_lifecycle.model.records import CURRENT, Record, wait_key
from asg_lifecycle.settings import Settings
from handlers.lifecycle_action import handler_of
from simulator.durable_executions.service import DurableService
from simulator.table import create_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asg_lifecycle.observer import Observer
    from simulator.durable_executions.execution import SimulatedExecution
    from simulator.region import SimulatedRegion
    from simulator.timeline import Timeline

TABLE = "asg-lifecycle"
DETAIL_TYPES = frozenset({"EC2 Instance-launch Lifecycle Action", "EC2 Instance-terminate Lifecycle Action"})
PREFIX = "asg-lifecycle"


def without_jitter() -> float:
    """Return the chance that leaves every interval at its longest."""
    return 0.0


class Deployment:
    """What `sam deploy` would make, in a region that has been entered.

    Attributes:
        service: the durable executions.
    """

    def __init__(
        self,
        region: SimulatedRegion,
        timeline: Timeline,
        *,
        prefix: str = PREFIX,
        chance: Callable[[], float] = without_jitter,
    ) -> None:
        self._region = region
        settings = Settings(table=TABLE, hook_name_prefix=prefix, record_retention=86_400.0)
        self._application = application = compose(settings, clock=timeline.now, chance=chance)

        self.service = DurableService(timeline, handler_of(lambda: application))

    @property
    def observer(self) -> Observer:
        """The application's logs and metrics."""
        return self._application.observer

    def __enter__(self) -> Self:
        """Make the table and let the region's events start executions."""
        create_table(self._region, TABLE)
        self._region.subscribe(self._deliver)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave; the region takes everything with it."""

    @property
    def executions(self) -> list[SimulatedExecution]:
        """The executions so far, in the order they were started."""
        return list(self.service.executions)

    def start(self, event: Mapping[str, Any]) -> SimulatedExecution:
        """Start an execution with `event`, as a direct asynchronous invocation would."""
        return self.service.start(event)

    def record(self, group: str, hook: str, instance: str) -> Record | None:
        """Return the current record of the instance's wait under the hook, None when there is none."""
        key = {"wait": {"S": wait_key(group, hook, instance)}, "entry": {"S": CURRENT}}
        with self._region.unobserved():
            item = self._region.client("dynamodb").get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item")
        return decode(item) if item else None

    def records(self) -> list[Record]:
        """Return all records."""
        with self._region.unobserved():
            items = self._region.client("dynamodb").scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return [decode(item) for item in items]

    def say(self, record: Record, message: Message | bytes) -> None:
        """Send `message` to the inbox that `record` names, as an operator would."""
        payload = message if isinstance(message, bytes) else encode(message)
        if record.callback is None:
            raise ValueError(f"the action of {record.instance} has no inbox: it is {record.status}")
        self.service.send_callback_success(record.callback, payload)

    def _deliver(self, event: Mapping[str, Any]) -> None:
        # The rule of template.yaml; the hook's name is matched again by the code.
        if event["source"] == "aws.autoscaling" and event["detail-type"] in DETAIL_TYPES:
            self.start(json.loads(msgspec.json.encode(event)))
