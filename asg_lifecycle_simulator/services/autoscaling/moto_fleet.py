"""The instances, groups and target groups of moto, as the rules engine asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.autoscaling.models import (
    ASG_NAME_TAG,
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
    autoscaling_backends,
)
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.ec2.models import EC2Backend

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.autoscaling.model import Instance

GONE = {"shutting-down", "terminated"}


class MotoFleet:
    """The `Fleet` made of moto's EC2 instances; keeps what moto shows of groups true to the engine."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._shown: dict[str, InstanceState] = {}

    @property
    def backend(self) -> AutoScalingBackend:
        """Moto's Auto Scaling data of the region."""
        return autoscaling_backends[self._region.account][self._region.name]

    @property
    def ec2(self) -> EC2Backend:
        """Moto's EC2 data of the region."""
        return ec2_backends[self._region.account][self._region.name]

    def group(self, name: str) -> FakeAutoScalingGroup:
        """Return moto's group `name`."""
        return self.backend.autoscaling_groups[name]

    def shown(self, instance_id: str) -> InstanceState:
        """Return what moto shows of an instance of a group."""
        return self._shown[instance_id]

    def launch(self, group: str) -> str:
        """Launch an instance; see `Fleet.launch`."""
        known = self.group(group)
        known.replace_autoscaling_group_instances(1, known.get_propagated_tags())
        shown = known.instance_states.pop()
        self._shown[shown.instance_id] = shown
        return str(shown.instance_id)

    def adopt(self, instance_id: str, group: str) -> None:
        """Make an instance launched otherwise one of `group`."""
        instance = self.ec2.get_instance(instance_id)
        instance.autoscaling_group = self.group(group)  # type: ignore[attr-defined]  # moto hangs it there itself
        self.ec2.create_tags([instance_id], {ASG_NAME_TAG: group})
        self._shown[instance_id] = InstanceState(instance)

    def terminate(self, instance_id: str) -> None:
        """Terminate an instance; see `Fleet.terminate`."""
        if self.state(instance_id) not in GONE:
            self.ec2.terminate_instances([instance_id])

    def state(self, instance_id: str) -> str:
        """Return the EC2 state of an instance, `running` for one."""
        return str(self.ec2.get_instance(instance_id).state)

    def power(self, instance_id: str, state: str) -> None:
        """Start or stop an instance; see `Fleet.power`."""
        if self.state(instance_id) in GONE:
            return
        if state == "Running":
            self.ec2.start_instances([instance_id])
        else:
            self.ec2.stop_instances([instance_id])

    def register(self, instance_id: str, group: str) -> bool:
        """Register an instance with the attached target groups; see `Fleet.register`."""
        arns = self.group(group).target_group_arns
        elbv2 = elbv2_backends[self._region.account][self._region.name]
        for target_group in elbv2.describe_target_groups(None, arns, None) if arns else ():
            elbv2.register_targets(target_group.arn, [{"Id": instance_id, "Port": target_group.port}])
        return bool(arns)

    def drain(self, instance_id: str, group: str, then: Callable[[], None]) -> None:
        """Drain an instance from the attached target groups; see `Fleet.drain`."""
        self._region.drain_attached(instance_id, tuple(self.group(group).target_group_arns), then)

    def changed(self, instance: Instance) -> None:
        """Show the state of an instance; see `Fleet.changed`."""
        shown = self._shown[instance.id]
        shown.lifecycle_state = instance.state
        group = self.group(instance.group)
        group.instance_states = [other for other in group.instance_states if other is not shown]
        # A group does not list its warm pool.
        if not instance.state.startswith("Warmed"):
            group.instance_states.append(shown)

    def left(self, instance: Instance) -> None:
        """Show an instance no longer; see `Fleet.left`."""
        shown = self._shown.pop(instance.id)
        group = self.group(instance.group)
        group.instance_states = [other for other in group.instance_states if other is not shown]
