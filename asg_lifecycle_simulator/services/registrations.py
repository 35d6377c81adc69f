"""Targets of target groups: what can be registered, and what is."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import InvalidTargetError, TargetGroupNotFoundError, TargetNotRunning

from asg_lifecycle_simulator.services.ec2_instances import instances_by_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.elbv2.models import ELBv2Backend, FakeTargetGroup

    from asg_lifecycle_simulator.region.timeline import Timer

NOT_REGISTERED = ("unused", "Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = ("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
STOPPED = ("unused", "Target.InvalidState", "Target is in the stopped state")
DRAINING = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
HEALTHY = ("healthy", None, None)
INITIAL = ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
"""State, reason and description of a target's health."""


@dataclass(eq=False)
class Registration:
    """One target on one port of one target group.

    Attributes:
        group: the target group.
        target: instance id, IP address or load balancer ARN.
        port: None where the group has none (Lambda functions).
        registered_at: when it was, seconds since the epoch.
        drained_at: when a deregistered target will be gone, seconds since the epoch; None while it is registered.
    """

    group: FakeTargetGroup
    target: str
    port: int | None
    registered_at: float = 0.0
    drained_at: float | None = None
    timer: Timer | None = field(default=None, repr=False)
    waiting: list[Callable[[], None]] = field(default_factory=list, repr=False)

    def __str__(self) -> str:
        """Return target group and port as the region's log shows them."""
        return f"{self.group.name}:{self.port}"


def group_of(backend: ELBv2Backend, arn: str) -> FakeTargetGroup:
    """Return a target group of moto's.

    Raises:
        TargetGroupNotFoundError: there is none with this ARN.
    """
    group: FakeTargetGroup | None = backend.target_groups.get(arn)
    if group is None:
        raise TargetGroupNotFoundError
    return group


def key_of(group: FakeTargetGroup, target: dict[str, Any]) -> tuple[str, int | None]:
    """Return target and port of a target in a request."""
    # Without a port every call means the target group's own port.
    port = target.get("Port") or group.port
    return target["Id"], None if port is None else int(port)


def fits(group: FakeTargetGroup, target: str) -> bool:
    """Return whether a target is of the kind that the group takes."""
    return target.startswith("i-") == (group.target_type == "instance")


def check_registrable(backend: ELBv2Backend, group: FakeTargetGroup, target: str) -> None:
    """Refuse a target that cannot be registered.

    Raises:
        InvalidTargetError: it is of another kind, or there is no such instance.
        TargetNotRunning: it is an instance that does not run.
    """
    if not fits(group, target):
        raise InvalidTargetError
    if group.target_type == "ip" and (ip_address(target).version == 6) != (group.ip_address_type == "ipv6"):  # noqa: PLR2004 - it says what it is
        raise InvalidTargetError
    if group.target_type != "instance":
        return
    instance = instances_by_id(backend.ec2_backend).get(target)
    if instance is None:
        raise InvalidTargetError
    if instance.state != "running":
        raise TargetNotRunning(instance_id=target)
