"""The instances behind the groups and what balances load among them: moto's, as the rules engine asks for them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

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
    from collections.abc import Callable, Mapping, Sequence

    from moto.ec2.models import EC2Backend

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timers import RegionTimers
    from asg_lifecycle_simulator.services.autoscaling.model import Instance, Timings

GONE = {"shutting-down", "terminated"}


DrainTargets: TypeAlias = "Callable[[str, Sequence[str], Callable[[], None]], None]"
"""Deregisters an instance id from target groups by ARN and calls the last argument once, when it is drained (R26)."""


class LoadBalancing(Protocol):
    """A kind of load balancing, beside target groups, that can be attached to a group."""

    def register(self, instance_id: str, group: str) -> bool:
        """Register an instance with what is attached to `group`; return whether there is anything."""
        ...

    def drain(self, instance_id: str, group: str, then: Callable[[], None]) -> None:
        """Deregister an instance from what is attached to `group`; call `then` once, when it is drained (R26)."""
        ...


def drained_at_once(
    instance_id: str,  # noqa: ARG001 - the parameters of DrainTargets
    target_group_arns: Sequence[str],  # noqa: ARG001 - the parameters of DrainTargets
    then: Callable[[], None],
) -> None:
    """Stand in for target groups in a region that simulates none."""
    then()


class Fleet:
    """Moto's EC2 instances. Keeps what moto shows of groups true to the engine, at once or a moment later.

    Args:
        region: the region.
        timers: its time.
        timings: how long things take.

    Attributes:
        drain_targets: how target groups drain that are attached to a group.
        load_balancing: other kinds of load balancing that can be attached.
    """

    def __init__(self, region: Region, timers: RegionTimers, timings: Timings) -> None:
        self._region = region
        self._shown: dict[str, InstanceState] = {}
        self._timers = timers
        self._timings = timings
        self.drain_targets: DrainTargets = drained_at_once
        self.load_balancing: list[LoadBalancing] = []

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

    def show_policy(self, group: str, policy: Mapping[str, object]) -> None:
        """Show an `InstanceLifecyclePolicy` of a group (R10)."""
        # DescribeAutoScalingGroups picks the attributes of moto's group by their names.
        self.group(group).instance_lifecycle_policy = dict(policy)  # type: ignore[attr-defined]

    def shown(self, instance_id: str) -> InstanceState:
        """Return what moto shows of an instance of a group."""
        return self._shown[instance_id]

    def launch(self, group: str) -> str:
        """Launch an instance for `group` and return its id."""
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
        """Terminate the instance; nothing happens when EC2 did so already."""
        if self.state(instance_id) not in GONE:
            self.ec2.terminate_instances([instance_id])

    def state(self, instance_id: str) -> str:
        """Return the EC2 state of an instance, `running` for one."""
        return str(self.ec2.get_instance(instance_id).state)

    def power(self, instance_id: str, state: str) -> None:
        """Bring the instance to `Running`, `Stopped` or `Hibernated`."""
        if self.state(instance_id) in GONE:
            return
        if state == "Running":
            self.ec2.start_instances([instance_id])
        else:
            self.ec2.stop_instances([instance_id])

    def register(self, instance_id: str, group: str) -> bool:
        """Register the instance with what is attached to `group`; return whether there is anything."""
        elsewhere = [each.register(instance_id, group) for each in self.load_balancing]
        arns = self.group(group).target_group_arns
        elbv2 = elbv2_backends[self._region.account][self._region.name]
        for target_group in elbv2.describe_target_groups(None, arns, None) if arns else ():
            elbv2.register_targets(target_group.arn, [{"Id": instance_id, "Port": target_group.port}])
        return bool(arns) or any(elsewhere)

    def drain(self, instance_id: str, group: str, then: Callable[[], None]) -> None:
        """Deregister the instance from what is attached to `group`; call `then` once, when it is drained (R26)."""
        arns = tuple(self.group(group).target_group_arns)
        drains = [partial(each.drain, instance_id, group) for each in self.load_balancing]
        drains.append(partial(self.drain_targets, instance_id, arns))
        left = len(drains)

        def one_drained() -> None:
            nonlocal left
            left -= 1
            if not left:
                then()

        for drain in drains:
            drain(one_drained)

    def suspended(self, group: str) -> set[str]:
        """Return the suspended processes of a group."""
        return {process["ProcessName"] for process in self.group(group).suspended_processes}

    def changed(self, instance: Instance) -> None:
        """Show the state of the instance, as soon as it is listed so."""
        shown, state = self._shown[instance.id], instance.state
        # What is not listed yet is listed at once.
        if self._timings.listing and any(each is shown for each in self.group(instance.group).instance_states):
            self._later(instance, lambda: self._show(instance, shown, state))
        else:
            self._show(instance, shown, state)

    def left(self, instance: Instance) -> None:
        """Show the instance no longer: it has left its group."""
        shown = self._shown[instance.id]
        if self._timings.listing:
            self._later(instance, lambda: self._hide(instance, shown))
        else:
            self._hide(instance, shown)

    def _later(self, instance: Instance, then: Callable[[], None]) -> None:
        self._timers.call_after(self._timings.listing, then, name=f"{instance.id} is listed otherwise")

    def _show(self, instance: Instance, shown: InstanceState, state: str) -> None:
        shown.lifecycle_state = state
        group = self.backend.autoscaling_groups.get(instance.group)
        if group is None:
            return
        group.instance_states = [other for other in group.instance_states if other is not shown]
        # A group does not list its warm pool.
        if not state.startswith("Warmed"):
            group.instance_states.append(shown)

    def _hide(self, instance: Instance, shown: InstanceState) -> None:
        self._shown.pop(instance.id, None)
        group = self.backend.autoscaling_groups.get(instance.group)
        if group is None:
            return
        group.instance_states = [other for other in group.instance_states if other is not shown]
