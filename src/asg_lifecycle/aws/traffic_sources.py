"""What an Auto Scaling group has attached: target groups and Classic Load Balancers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle.aws.clients import Clients

ATTACHED_KEPT = 60.0
"""Seconds that it is kept what a group has attached."""

TARGET_GROUP_TYPES = frozenset({"elbv2", "vpc-lattice"})
CLASSIC_TYPE = "elb"

DETACHED = "Removed"


class TrafficSources:
    """What the groups of this account and Region have attached.

    The older operations do not show what was attached by `AttachTrafficSources` (R31), and it is not said that
    `DescribeTrafficSources` shows everything that was attached by them: both are asked. What is being detached counts,
    too: until then it may still have the instance, or drain it.
    """

    def __init__(self, clients: Clients, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._sources: TtlCache[tuple[tuple[str, str], ...]] = TtlCache(clock, ATTACHED_KEPT)
        self._target_groups: TtlCache[tuple[str, ...]] = TtlCache(clock, ATTACHED_KEPT)
        self._classic: TtlCache[tuple[str, ...]] = TtlCache(clock, ATTACHED_KEPT)

    def target_groups(self, group: str) -> tuple[str, ...]:
        """Return the ARNs of the attached target groups, of Elastic Load Balancing and of VPC Lattice.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        older = self._target_groups.get(group, lambda: tuple(self._read_target_groups(group))) or ()
        newer = (identifier for kind, identifier in self._of(group) if kind in TARGET_GROUP_TYPES)
        return tuple(dict.fromkeys((*older, *newer)))

    def classic_load_balancers(self, group: str) -> tuple[str, ...]:
        """Return the names of the attached Classic Load Balancers.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        older = self._classic.get(group, lambda: tuple(self._read_classic_load_balancers(group))) or ()
        newer = (identifier for kind, identifier in self._of(group) if kind == CLASSIC_TYPE)
        return tuple(dict.fromkeys((*older, *newer)))

    def _of(self, group: str) -> tuple[tuple[str, str], ...]:
        """Return the type and the identifier of every traffic source."""
        return self._sources.get(group, lambda: tuple(self._read_sources(group))) or ()

    def _read_sources(self, group: str) -> Iterator[tuple[str, str]]:
        with calling("autoscaling:DescribeTrafficSources"):
            page = self._clients.autoscaling.describe_traffic_sources(AutoScalingGroupName=group)
            while True:
                for entry in page["TrafficSources"]:
                    if entry.get("State") != DETACHED:
                        yield entry.get("Type", ""), entry.get("Identifier") or entry.get("TrafficSource", "")
                if not (token := page.get("NextToken")):
                    return
                page = self._clients.autoscaling.describe_traffic_sources(AutoScalingGroupName=group, NextToken=token)

    def _read_target_groups(self, group: str) -> Iterator[str]:
        with calling("autoscaling:DescribeLoadBalancerTargetGroups"):
            page = self._clients.autoscaling.describe_load_balancer_target_groups(AutoScalingGroupName=group)
            while True:
                yield from (entry["LoadBalancerTargetGroupARN"] for entry in page["LoadBalancerTargetGroups"])
                if not (token := page.get("NextToken")):
                    return
                page = self._clients.autoscaling.describe_load_balancer_target_groups(
                    AutoScalingGroupName=group, NextToken=token
                )

    def _read_classic_load_balancers(self, group: str) -> Iterator[str]:
        with calling("autoscaling:DescribeLoadBalancers"):
            page = self._clients.autoscaling.describe_load_balancers(AutoScalingGroupName=group)
            while True:
                for entry in page["LoadBalancers"]:
                    if entry.get("State") != DETACHED and (name := entry.get("LoadBalancerName")):
                        yield name
                if not (token := page.get("NextToken")):
                    return
                page = self._clients.autoscaling.describe_load_balancers(AutoScalingGroupName=group, NextToken=token)
