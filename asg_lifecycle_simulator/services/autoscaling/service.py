"""The Auto Scaling service of a simulated region: the rules engine behind moto's API."""

from __future__ import annotations

import uuid
from random import Random
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.moto_api._internal import mock_random

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.timers import RegionTimers
from asg_lifecycle_simulator.services.autoscaling.actions import LifecycleActions
from asg_lifecycle_simulator.services.autoscaling.engine import Engine
from asg_lifecycle_simulator.services.autoscaling.model import Timings
from asg_lifecycle_simulator.services.autoscaling.moto_fleet import MotoFleet
from asg_lifecycle_simulator.services.autoscaling.notifications import Notifications
from asg_lifecycle_simulator.services.autoscaling.responses import LifecycleResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.core.common_types import TYPE_RESPONSE
    from moto.core.request import Request

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.autoscaling.model import Action, Hook

REPLACEMENT_LOOK = 5.0
"""Seconds between two looks at whether a replacement is in service."""


def _nothing() -> None:
    """Tell nobody."""


class AutoScalingService:
    """Auto Scaling with real lifecycle actions.

    Attributes:
        timings: how long things take, in seconds; may be changed while the region runs.
        engine: groups and instances.
        actions: the lifecycle actions under way.
        fleet: their EC2 instances.
        notifications: how events and messages are written.
        on_notification: called when a hook's target has taken a message.
    """

    def __init__(self, region: Region) -> None:
        self._random = random = Random(region.seed)  # noqa: S311 - reproducible tokens, no secrets
        self._region = region
        self._timers = RegionTimers(region.timeline, region.lock)
        self.on_notification: Callable[[], None] = _nothing
        self.timings = Timings()
        self.fleet = MotoFleet(region)
        self.notifications = Notifications(region.account, region.name, random)
        self.actions = LifecycleActions(self._timers, region.log, random, self.timings, self._announce)
        self.engine = Engine(self._timers, region.log, self.actions, self.fleet, self.timings)

    def install(self, region: Region) -> None:
        """Put the engine behind moto's Auto Scaling API and EC2's terminations."""
        mock_random.seed(region.seed)
        region.replace(AutoScalingResponse, "_dispatch", self._dispatch())
        region.replace(FakeAutoScalingGroup, "set_desired_capacity", self._set_desired_capacity())
        region.replace(AutoScalingBackend, "notify_terminate_instances", self._notify_terminate_instances())

    def uninstall(self) -> None:
        """Stop every timer of the service."""
        self._timers.stop()

    def put_hook(self, hook: Hook) -> None:
        """Add or change a hook and send its target the test message (R20).

        Raises:
            ValidationError: the target does not take the message.
        """
        if hook.target is not None:
            arn = self.fleet.group(hook.group).arn
            body = self.notifications.test_message(hook, arn, self.now())
            try:
                self._send(hook.target, "Auto Scaling: test notification", body)
            except ClientError as error:
                message = f"Unable to publish test message to notification target {hook.target}: {error}"
                raise ValidationError(message) from error
        self.engine.put_hook(hook)

    def interrupted(self, instance_id: str) -> None:
        """Terminate an instance that Spot reclaims while its hook can still fire, in a group that rebalances."""
        instance = self.engine.instances.get(instance_id)
        if instance is not None and self._rebalances(instance.group) and instance.state == "InService":
            self.engine.terminate(instance)

    def rebalance(self, instance_id: str) -> None:
        """Launch a replacement for an instance, and terminate it when that is in service, in a group that rebalances.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html
        """
        instance = self.engine.instances.get(instance_id)
        if instance is None or not self._rebalances(instance.group):
            return
        group = self.engine.groups[instance.group]
        before = {member.id for member in self.engine.members(group.name)}
        group.desired += 1
        self.engine.reconcile(group.name)

        def finish() -> None:
            if group.name not in self.engine.groups:
                return
            arrived = [m for m in self.engine.members(group.name) if m.id not in before and m.state == "InService"]
            if not arrived:
                self._timers.call_after(REPLACEMENT_LOOK, finish, name=f"replacement of {instance_id}")
                return
            group.desired -= 1
            present = self.engine.instances.get(instance_id)
            if present is not None:
                self.engine.terminate(present)

        self._timers.call_after(REPLACEMENT_LOOK, finish, name=f"replacement of {instance_id}")

    def _rebalances(self, group: str) -> bool:
        return bool(self.fleet.group(group).capacity_rebalance)

    def replace_root_volume(self, instance_id: str) -> None:
        """Replace the root volume of an instance in service (R23).

        Raises:
            KeyError: no group has such an instance.
            ValueError: it is not in service.
        """
        with self._region.lock:
            instance = self.engine.instances[instance_id]
            if instance.state != "InService":
                raise ValueError(f"{instance_id} is {instance.state}, not InService")
            self.engine.replace_root_volume(instance)

    def retain(self, group: str, *, on_terminate_abandon: bool = True) -> None:
        """Set the group's `InstanceLifecyclePolicy` (R10).

        Raises:
            KeyError: there is no such group.
        """
        with self._region.lock:
            self.engine.groups[group].retains = on_terminate_abandon

    @property
    def region_name(self) -> str:
        """The name of the region it serves."""
        return self._region.name

    def now(self) -> float:
        """Return the region's time, seconds since the epoch."""
        return self._region.timeline.now()

    def new_id(self) -> str:
        """Return a new id, the same in every run with the same seed."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _announce(self, action: Action) -> None:
        arn = self.fleet.group(action.hook.group).arn
        self._region.events.emit(self.notifications.event(action, arn))
        # The event is emitted even when the hook has a target (R19).
        if action.hook.target is not None:
            verb = "LAUNCHING" if action.move.transition.endswith("LAUNCHING") else "TERMINATING"
            subject = f"Auto Scaling:  Lifecycle action '{verb}' for instance {action.instance} in progress."
            try:
                self._send(action.hook.target, subject, self.notifications.message(action))
                self.on_notification()
            except ClientError as error:
                self._region.log.write(
                    LogKind.NOTIFICATION_LOST,
                    group=action.hook.group,
                    hook=action.hook.name,
                    instance=action.instance,
                    token=action.token,
                    detail=str(error),
                )

    def _send(self, arn: str, subject: str, body: str) -> None:
        region = self._region
        with region.unobserved():
            if arn.split(":")[2] == "sns":
                region.client("sns").publish(TopicArn=arn, Subject=subject, Message=body)
            else:
                sqs = region.client("sqs")
                queue = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
                sqs.send_message(QueueUrl=queue, MessageBody=body)

    def _dispatch(self) -> object:
        def dispatch(
            _: AutoScalingResponse, request: Request, full_url: str | None = None, headers: object = None
        ) -> TYPE_RESPONSE:
            return LifecycleResponse(self).answer(request, full_url, headers)

        return dispatch

    def _set_desired_capacity(self) -> object:
        engine = self.engine

        def set_desired_capacity(group: FakeAutoScalingGroup, new_capacity: int | None) -> None:
            group.desired_capacity = group.min_size if new_capacity is None else new_capacity
            # moto calls this while it builds a group, before anybody knows the group.
            if group.name in engine.groups:
                known = engine.groups[group.name]
                known.desired = group.desired_capacity or 0
                known.max_size = group.max_size or 0
                engine.reconcile(group.name)

        return set_desired_capacity

    def _notify_terminate_instances(self) -> object:
        engine = self.engine

        def notify_terminate_instances(_: AutoScalingBackend, instance_ids: list[str]) -> None:
            for instance_id in instance_ids:
                engine.gone(instance_id)

        return notify_terminate_instances
