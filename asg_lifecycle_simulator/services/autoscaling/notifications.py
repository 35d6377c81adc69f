"""What Auto Scaling sends for a lifecycle action: the EventBridge event, and the message to the hook's target."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.services.autoscaling.model import Transition

if TYPE_CHECKING:
    from random import Random

    from asg_lifecycle_simulator.region.events import Event
    from asg_lifecycle_simulator.services.autoscaling.model import Action, Hook

DETAIL_TYPES = {
    Transition.LAUNCHING: "EC2 Instance-launch Lifecycle Action",
    Transition.TERMINATING: "EC2 Instance-terminate Lifecycle Action",
}
SERVICE = "AWS Auto Scaling"
TEST_NOTIFICATION = "autoscaling:TEST_NOTIFICATION"


@dataclass
class Notifications:
    """Writes events and messages.

    Attributes:
        account: account id.
        region: region name.
        random: where ids come from.
        milliseconds: whether times carry milliseconds; both forms occur (R30).
    """

    account: str
    region: str
    random: Random
    milliseconds: bool = True

    def event(self, action: Action, group_arn: str) -> Event:
        """Return the EventBridge event of `action` (R1, R21 to R23)."""
        return {
            "version": "0",
            "id": self._id(),
            "detail-type": DETAIL_TYPES[action.move.transition],
            "source": "aws.autoscaling",
            "account": self.account,
            "time": self._time(action.started),
            "region": self.region,
            "resources": [group_arn],
            "detail": self._detail(action),
        }

    def message(self, action: Action) -> str:
        """Return the message of `action` to the hook's target, a JSON object (R19)."""
        flat = {
            **self._detail(action),
            "Service": SERVICE,
            "Time": self._time(action.started),
            "RequestId": self._id(),
            "AccountId": self.account,
        }
        return json.dumps(flat)

    def test_message(self, hook: Hook, group_arn: str, now: float) -> str:
        """Return the message sent when a hook with a target is put (R20)."""
        flat = {
            "AccountId": self.account,
            "RequestId": self._id(),
            "AutoScalingGroupARN": group_arn,
            "AutoScalingGroupName": hook.group,
            "Service": SERVICE,
            "Event": TEST_NOTIFICATION,
            "Time": self._time(now),
        }
        return json.dumps(flat)

    def _detail(self, action: Action) -> dict[str, object]:
        fields: dict[str, object | None] = {
            "LifecycleActionToken": action.token,
            "AutoScalingGroupName": action.hook.group,
            "LifecycleHookName": action.hook.name,
            "EC2InstanceId": action.instance,
            "LifecycleTransition": str(action.move.transition),
            "NotificationMetadata": action.hook.metadata,
            "Origin": str(action.move.origin),
            "Destination": str(action.move.destination),
            "Action": action.move.operation,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _time(self, seconds: float) -> str:
        precision = "milliseconds" if self.milliseconds else "seconds"
        moment = datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision)
        return moment.replace("+00:00", "Z")
