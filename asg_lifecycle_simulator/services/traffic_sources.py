"""The load balancing of traffic sources: what `AttachTrafficSources` has attached to groups (R31).

Source: `AttachTrafficSources`, `DescribeTrafficSources` in the EC2 Auto Scaling API reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.services.base import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
    from asg_lifecycle_simulator.services.classic_load_balancers.service import ClassicLoadBalancers
    from asg_lifecycle_simulator.services.lattice import Lattice
    from asg_lifecycle_simulator.services.target_groups import TargetGroups


class TrafficSources(Service):
    """What the groups of a region have attached as traffic sources; Auto Scaling drains it before its hook (R26).

    Args:
        region: the region.
        autoscaling: its Auto Scaling.
        target_groups: its target groups.
        classic_load_balancers: its Classic Load Balancers.
        lattice: its VPC Lattice.

    Attributes:
        drains: Auto Scaling deregisters an instance from what is attached, before its hook (R26).
    """

    def __init__(
        self,
        region: Region,
        autoscaling: AutoScaling,
        *,
        target_groups: TargetGroups,
        classic_load_balancers: ClassicLoadBalancers,
        lattice: Lattice,
    ) -> None:
        super().__init__(region)
        self.drains = True
        self._autoscaling = autoscaling
        self._target_groups = target_groups
        self._classic = classic_load_balancers
        self._lattice = lattice

    def install(self) -> None:
        """Follow what goes into and out of service."""
        self._autoscaling.fleet.load_balancing.append(self)

    def register(self, instance: str, group: str) -> bool:
        """Register an instance with what is attached to `group`; return whether there is anything."""
        for identifier, kind in self._attached(group).items():
            match kind:
                case "elbv2":
                    self._target_groups.register_attached(instance, identifier)
                case "elb":
                    self._classic.register(identifier, instance)
                case _:
                    self._lattice.register(identifier, instance)
        return bool(self._attached(group))

    def drain(self, instance: str, group: str, then: Callable[[], None]) -> None:
        """Deregister an instance from what is attached to `group`; call `then` once, when it is drained (R26)."""
        attached = self._attached(group) if self.drains else {}
        of_lattice = [self._lattice.drain(each, instance) for each, kind in attached.items() if kind == "vpc-lattice"]
        classic = [self._classic.take_out(each, instance) for each, kind in attached.items() if kind == "elb"]
        left = max([*of_lattice, *classic], default=0.0) - self.now
        arns = [identifier for identifier, kind in attached.items() if kind == "elbv2"]

        def rest() -> None:
            self._target_groups.drain_attached(instance, arns, then)

        if left > 0:
            self.timers.call_after(left, rest, name=f"traffic sources drain {instance}")
        else:
            rest()

    def _attached(self, group: str) -> dict[str, str]:
        return self._autoscaling.engine.groups[group].traffic_sources
