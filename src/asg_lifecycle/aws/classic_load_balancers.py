"""The Classic Load Balancers, and whether they still send an instance connections."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from asg_lifecycle.aws.caching import Kept
from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.clients import Clients

TIMEOUT_KEPT = 60.0
"""Seconds that the draining timeout of a load balancer is kept."""

DRAINING = "deregistration currently in progress"
"""What the description of an instance says whose connections drain."""

NOT_REGISTERED = "not currently registered"
"""What it says of one that is not registered (any more)."""

NOT_KNOWN = "InvalidInstance"
"""The error for an instance that the load balancer has never had, or has forgotten."""


class Registration(StrEnum):
    """How an instance stands with a load balancer."""

    REGISTERED = "registered"
    DRAINING = "draining"
    NONE = "none"


class ClassicLoadBalancers:
    """The Classic Load Balancers of this account and Region."""

    def __init__(self, clients: Clients, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._timeouts: Kept[float] = Kept(clock, TIMEOUT_KEPT)

    def registration(self, name: str, instance: str) -> Registration | None:
        """Return how an instance stands with a load balancer, None when there is no such load balancer.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("elasticloadbalancing:DescribeInstanceHealth"):
                states = self._clients.elb.describe_instance_health(
                    LoadBalancerName=name, Instances=[{"InstanceId": instance}]
                )["InstanceStates"]
        except CallFailed as failed:
            if failed.failure.code == NOT_KNOWN:
                return Registration.NONE
            if failed.failure.consequence is Consequence.MISSING:
                return None
            raise
        described = [state.get("Description", "") for state in states if state.get("InstanceId") == instance]
        if not described or NOT_REGISTERED in described[0]:
            return Registration.NONE
        return Registration.DRAINING if DRAINING in described[0] else Registration.REGISTERED

    def deregister(self, name: str, instance: str) -> None:
        """Take an instance out of a load balancer. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("elasticloadbalancing:DeregisterInstancesFromLoadBalancer"):
                self._clients.elb.deregister_instances_from_load_balancer(
                    LoadBalancerName=name, Instances=[{"InstanceId": instance}]
                )
        except CallFailed as failed:
            if failed.failure.code != NOT_KNOWN and failed.failure.consequence is not Consequence.MISSING:
                raise

    def draining_timeout(self, name: str) -> float:
        """Return the seconds that connections have to end; 0 where connection draining is off.

        Raises:
            CallFailed: no answer, throttled, denied, no such load balancer.
        """
        return self._timeouts.get(name, lambda: self._draining_timeout(name)) or 0.0

    def _draining_timeout(self, name: str) -> float:
        with calling("elasticloadbalancing:DescribeLoadBalancerAttributes"):
            attributes = self._clients.elb.describe_load_balancer_attributes(LoadBalancerName=name)
        draining = attributes["LoadBalancerAttributes"].get("ConnectionDraining", {"Enabled": False})
        return float(draining.get("Timeout", 0)) if draining["Enabled"] else 0.0
