"""The Auto Scaling service of a simulated region: the rules engine behind moto's API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.autoscaling.actions import LifecycleActions
from asg_lifecycle_simulator.services.autoscaling.engine import Engine
from asg_lifecycle_simulator.services.autoscaling.fleet import Fleet
from asg_lifecycle_simulator.services.autoscaling.model import Timings
from asg_lifecycle_simulator.services.autoscaling.notifications import Notifications
from asg_lifecycle_simulator.services.autoscaling.responses import LifecycleResponse
from asg_lifecycle_simulator.services.base import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moto.core.common_types import TYPE_RESPONSE
    from moto.core.request import Request

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.autoscaling.model import Action, Hook

LAUNCH_CONFIGURATION = "simulated"
IMAGE = "ami-12c6146b"


def _nothing() -> None:
    """Do nothing."""


class AutoScaling(Service):
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
        super().__init__(region)
        self.on_notification: Callable[[], None] = _nothing
        self.timings = Timings()
        self.fleet = Fleet(region, self.timers, self.timings)
        self.notifications = Notifications(region.account, region.name, region.random)
        self.actions = LifecycleActions(self.timers, region.log, region.random, self.timings, self._announce)
        self.engine = Engine(self.timers, region.log, self.actions, self.fleet, self.timings)
        self._has_launch_configuration = False

    def install(self) -> None:
        """Put the engine behind moto's Auto Scaling API."""
        self.region.replace(AutoScalingResponse, "_dispatch", self._dispatch())
        self.region.replace(FakeAutoScalingGroup, "set_desired_capacity", self._set_desired_capacity())
        self.region.replace(AutoScalingBackend, "notify_terminate_instances", _leave_it_to_the_engine)

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Tell the engine, so that terminate hooks fire (R28)."""
        for instance_id in instance_ids:
            self.engine.gone(instance_id)

    def create_group(
        self, name: str, *, capacity: int = 1, max_size: int | None = None, target_group_arns: Sequence[str] = ()
    ) -> list[str]:
        """Create an Auto Scaling group of `capacity` instances and return their ids.

        Args:
            name: the group's name.
            capacity: desired capacity.
            max_size: maximum size, twice the capacity and one when not given.
            target_group_arns: target groups to attach.
        """
        with self.region.unobserved():
            client = self.region.client("autoscaling")
            if not self._has_launch_configuration:
                client.create_launch_configuration(
                    LaunchConfigurationName=LAUNCH_CONFIGURATION, ImageId=IMAGE, InstanceType="t4g.small"
                )
                self._has_launch_configuration = True
            client.create_auto_scaling_group(
                AutoScalingGroupName=name,
                LaunchConfigurationName=LAUNCH_CONFIGURATION,
                MinSize=0,
                MaxSize=2 * capacity + 1 if max_size is None else max_size,
                DesiredCapacity=capacity,
                AvailabilityZones=[f"{self.region.name}a"],
                TargetGroupARNs=list(target_group_arns),
            )
        return self.instances(name)

    def put_hook(self, group: str, hook: str, transition: str, **fields: str | int) -> None:
        """Put a lifecycle hook.

        Args:
            group: the group's name.
            hook: the hook's name.
            transition: `LAUNCHING` or `TERMINATING`.
            fields: further fields as PutLifecycleHook names them, `HeartbeatTimeout` in seconds.
        """
        with self.region.unobserved():
            self.region.client("autoscaling").put_lifecycle_hook(
                AutoScalingGroupName=group,
                LifecycleHookName=hook,
                LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition}",
                **fields,
            )

    def scale(self, group: str, capacity: int) -> None:
        """Set the desired capacity of `group`."""
        with self.region.unobserved():
            self.region.client("autoscaling").set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=capacity)

    def terminate(self, instance_id: str, *, decrement: bool = True) -> None:
        """Terminate an instance of a group; without `decrement` it is replaced."""
        with self.region.unobserved():
            self.region.client("autoscaling").terminate_instance_in_auto_scaling_group(
                InstanceId=instance_id, ShouldDecrementDesiredCapacity=decrement
            )

    def instances(self, group: str) -> list[str]:
        """Return the ids of the instances of `group` and of its warm pool, oldest first."""
        with self.region.lock:
            return [instance.id for instance in self.engine.members(group)]

    def instance_state(self, instance_id: str) -> str | None:
        """Return the `LifecycleState` of an instance (R17), None when no group has it any more."""
        with self.region.lock:
            instance = self.engine.instances.get(instance_id)
            return None if instance is None else instance.state

    def take_hook(self, hook: Hook, target_is_named: bool) -> None:  # noqa: FBT001 - what a request is, beside its hook
        """Add or change a hook and send a target that the request names the test message (R20).

        Raises:
            ValidationError: the target does not take the message.
        """
        if hook.target is not None and target_is_named:
            arn = self.fleet.group(hook.group).arn
            body = self.notifications.test_message(hook, arn, self.now)
            try:
                self._send(hook.target, "Auto Scaling: test notification", body)
            except ClientError as error:
                message = f"Unable to publish test message to notification target {hook.target}: {error}"
                raise ValidationError(message) from error
        self.engine.put_hook(hook)

    def replace_root_volume(self, instance_id: str) -> None:
        """Replace the root volume of an instance in service (R23).

        Raises:
            KeyError: no group has such an instance.
            ValueError: it is not in service.
        """
        with self.region.lock:
            instance = self.engine.instances[instance_id]
            if instance.state != "InService":
                raise ValueError(f"{instance_id} is {instance.state}, not InService")
            self.engine.replace_root_volume(instance)

    def retain(self, group: str, *, on_terminate_abandon: bool = True) -> None:
        """Set the group's `InstanceLifecyclePolicy` (R10).

        Raises:
            KeyError: there is no such group.
        """
        action = "retain" if on_terminate_abandon else "terminate"
        with self.region.lock:
            self.engine.groups[group].retains = on_terminate_abandon
            self.fleet.show_policy(group, {"RetentionTriggers": {"TerminateHookAbandon": action}})

    def launches(self, group: str, *, possible: bool) -> None:
        """Set whether EC2 has capacity to launch instances for a group.

        Raises:
            KeyError: there is no such group.
        """
        with self.region.lock:
            self.engine.groups[group].launches = possible
            self.engine.reconcile(group)

    def rebalances(self, group: str) -> bool:
        """Return whether a group has Capacity Rebalancing."""
        return bool(self.fleet.group(group).capacity_rebalance)

    def _announce(self, action: Action) -> None:
        arn = self.fleet.group(action.hook.group).arn
        self.region.events.emit(self.notifications.event(action, arn))
        # The event is emitted even when the hook has a target (R19).
        if action.hook.target is not None:
            verb = "LAUNCHING" if action.move.transition.endswith("LAUNCHING") else "TERMINATING"
            subject = f"Auto Scaling:  Lifecycle action '{verb}' for instance {action.instance} in progress."
            try:
                self._send(action.hook.target, subject, self.notifications.message(action))
                self.on_notification()
            except ClientError as error:
                self.region.log.write(
                    LogKind.NOTIFICATION_LOST,
                    group=action.hook.group,
                    hook=action.hook.name,
                    instance=action.instance,
                    token=action.token,
                    detail=str(error),
                )

    def _send(self, arn: str, subject: str, body: str) -> None:
        region = self.region
        with region.unobserved():
            if arn.split(":")[2] == "lambda":
                region.client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=body.encode())
            elif arn.split(":")[2] == "sns":
                region.client("sns").publish(TopicArn=arn, Subject=subject, Message=body)
            else:
                sqs = region.client("sqs")
                queue = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
                sqs.send_message(QueueUrl=queue, MessageBody=body)

    def _dispatch(self) -> object:
        def dispatch(
            _: AutoScalingResponse, request: Request, full_url: str | None = None, headers: object = None
        ) -> TYPE_RESPONSE:
            return LifecycleResponse(self.region, self.engine, self.take_hook).answer(request, full_url, headers)

        return dispatch

    def _set_desired_capacity(self) -> object:
        engine = self.engine

        def set_desired_capacity(group: FakeAutoScalingGroup, new_capacity: int | None) -> None:
            group.desired_capacity = group.min_size if new_capacity is None else new_capacity
            # moto calls this while it builds a group, before anybody knows the group.
            if group.name in engine.groups:
                known = engine.groups[group.name]
                before, known.desired = known.desired, group.desired_capacity or 0
                known.said = (
                    f"a user request update of AutoScalingGroup constraints to min: {group.min_size}, max: "
                    f"{group.max_size}, desired: {known.desired} changing the desired capacity from {before} to "
                    f"{known.desired}"
                )
                known.max_size = group.max_size or 0
                engine.reconcile(group.name)

        return set_desired_capacity


def _leave_it_to_the_engine(backend: AutoScalingBackend, instance_ids: list[str]) -> None:
    """Do nothing: the region tells the engine what EC2 has terminated."""
