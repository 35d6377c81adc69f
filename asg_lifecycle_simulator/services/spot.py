"""Spot instances: warnings, recommendations and the end of an instance that EC2 takes back (R27)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.services.autoscaling.activities import REBALANCE_RECOMMENDATION
from asg_lifecycle_simulator.services.base import Service

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling

NOTICE = 120.0
"""Seconds between the warning and the end of a Spot instance (R27)."""

REPLACEMENT_POLL = 5.0
"""Seconds between two checks whether a replacement is in service."""


class SpotInstances(Service):
    """The Spot instances of a region. Any instance may be taken for one."""

    def __init__(self, region: Region, autoscaling: AutoScaling) -> None:
        super().__init__(region)
        self._autoscaling = autoscaling

    def interrupt(self, instance_id: str) -> None:
        """Warn of the interruption of an instance, which EC2 terminates two minutes later, hook or no hook (R27).

        Auto Scaling begins to terminate an instance at its warning where the group has Capacity Rebalancing.
        """
        self._emit("EC2 Spot Instance Interruption Warning", instance_id, {"instance-action": "terminate"})
        self.timers.call_after(
            NOTICE, lambda: self._reclaim(instance_id), name=f"spot instance {instance_id} is reclaimed"
        )
        with self.region.lock:
            instance = self._autoscaling.engine.instances.get(instance_id)
            if instance is not None and instance.state == "InService" and self._autoscaling.rebalances(instance.group):
                self._autoscaling.engine.terminate(instance, REBALANCE_RECOMMENDATION)

    def recommend_rebalance(self, instance_id: str) -> None:
        """Recommend to replace an instance.

        Where the group has Capacity Rebalancing, Auto Scaling launches a replacement, and terminates the instance when
        that is in service.
        https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html
        """
        self._emit("EC2 Instance Rebalance Recommendation", instance_id, {})
        with self.region.lock:
            self._rebalance(instance_id)

    def _rebalance(self, instance_id: str) -> None:
        engine = self._autoscaling.engine
        instance = engine.instances.get(instance_id)
        if instance is None or not self._autoscaling.rebalances(instance.group):
            return
        group = engine.groups[instance.group]
        before = {member.id for member in engine.members(group.name)}
        group.desired += 1
        engine.reconcile(group.name)

        def finish() -> None:
            if group.name not in engine.groups:
                return
            arrived = [m for m in engine.members(group.name) if m.id not in before and m.state == "InService"]
            if not arrived:
                self.timers.call_after(REPLACEMENT_POLL, finish, name=f"replacement of {instance_id}")
                return
            group.desired -= 1
            present = engine.instances.get(instance_id)
            if present is not None:
                engine.terminate(present, REBALANCE_RECOMMENDATION)

        self.timers.call_after(REPLACEMENT_POLL, finish, name=f"replacement of {instance_id}")

    def _emit(self, detail_type: str, instance_id: str, detail: dict[str, object]) -> None:
        arn = f"arn:aws:ec2:{self.region.name}a:{self.region.account}:instance/{instance_id}"
        self.region.emit("aws.ec2", detail_type, {"instance-id": instance_id, **detail}, resources=[arn])

    def _reclaim(self, instance_id: str) -> None:
        with self.region.unobserved():
            self.region.client("ec2").terminate_instances(InstanceIds=[instance_id])
