"""The Classic Load Balancers: which are attached to a group, and whether an instance is registered or drained."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.clients import Clients

SETTINGS_KEPT = 60.0
"""Seconds that the timeouts of load balancers are kept."""

DEFAULT_TIMEOUT = 300.0
"""Seconds: the timeout of connection draining when none was set."""

NEVER_REGISTERED = "InvalidInstance"
"""The error code, "Could not find EC2 instance", for an instance that was never registered."""

DRAINING_MESSAGE = "deregistration currently in progress"
OUT_MESSAGES = ("not currently registered", "in terminated state")


class Membership(StrEnum):
    """The state of an instance at a load balancer."""

    REGISTERED = "registered"
    """In service or not: as long as the instance is registered it can get requests."""
    DRAINING = "draining"
    OUT = "out"
    UNTOLD = "untold"
    """The load balancer cannot tell at present. It never means that the instance is out."""
    NO_BALANCER = "no balancer"


class ClassicLoadBalancers:
    """The Classic Load Balancers of this account and Region. One that does not exist has no instances."""

    def __init__(self, clients: Clients, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._timeouts: TtlCache[float] = TtlCache(clock, SETTINGS_KEPT)

    def membership(self, name: str, instance: str) -> Membership:
        """Return the present state of the instance at the load balancer `name`.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("elasticloadbalancing:DescribeInstanceHealth"):
                states = self._clients.elb.describe_instance_health(
                    LoadBalancerName=name, Instances=[{"InstanceId": instance}]
                )["InstanceStates"]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return Membership.NO_BALANCER
            if failed.failure.code == NEVER_REGISTERED:
                return Membership.OUT
            raise
        # A terminated instance is left out of the answer.
        mine = [entry for entry in states if entry.get("InstanceId") == instance]
        return _membership(mine[0].get("State", ""), mine[0].get("Description", "")) if mine else Membership.OUT

    def deregister(self, name: str, instance: str) -> None:
        """Deregister the instance from the load balancer `name`. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        try:
            with calling("elasticloadbalancing:DeregisterInstancesFromLoadBalancer"):
                self._clients.elb.deregister_instances_from_load_balancer(
                    LoadBalancerName=name, Instances=[{"InstanceId": instance}]
                )
        except CallFailed as failed:
            # An instance that another system deregistered a moment ago is drained as well as by us.
            if failed.failure.consequence is not Consequence.NOT_FOUND and failed.failure.code != NEVER_REGISTERED:
                raise

    def draining_timeout(self, name: str) -> float:
        """Return how long connections may last after a deregistration, seconds; 0 where draining is not enabled.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._timeouts.get(name, lambda: self._read_timeout(name)) or 0.0

    def _read_timeout(self, name: str) -> float:
        try:
            with calling("elasticloadbalancing:DescribeLoadBalancerAttributes"):
                attributes = self._clients.elb.describe_load_balancer_attributes(LoadBalancerName=name)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return 0.0
            raise
        draining = attributes["LoadBalancerAttributes"].get("ConnectionDraining")
        # A timeout is shown where draining is disabled, too.
        if draining is None or not draining["Enabled"]:
            return 0.0
        return float(draining.get("Timeout") or DEFAULT_TIMEOUT)


def _membership(state: str, description: str) -> Membership:
    # A description may hold several messages. While it drains, the state itself is InService.
    messages = description.lower()
    if DRAINING_MESSAGE in messages:
        return Membership.DRAINING
    if any(message in messages for message in OUT_MESSAGES):
        return Membership.OUT
    return Membership.UNTOLD if state == "Unknown" else Membership.REGISTERED
