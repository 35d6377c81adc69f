"""Take the instance out of its Classic Load Balancers and wait until none of them is draining it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Struct

from asg_lifecycle.aws.classic_load_balancers import Membership
from asg_lifecycle.model.progress import Done, Progress, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from asg_lifecycle.aws.classic_load_balancers import ClassicLoadBalancers
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

LOOK_FLOOR = 5.0
LOOKS_PER_TIMEOUT = 10

NAMED = 5
"""Load balancers that are named in a sentence."""

NAME = re.compile("[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
"""What a name can be: neither a DNS name nor an ARN is one."""


class DeregisterClassicElbOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which Classic Load Balancers. With none of these given: those attached to the Auto Scaling group.

    Attributes:
        names: load balancers by name.
        of_group: the load balancers attached to the Auto Scaling group.
    """

    names: tuple[str, ...] = ()
    of_group: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be the name of a Classic Load Balancer.

        Raises:
            ValueError: a name is none.
        """
        if wrong := [name for name in self.names if not NAME.fullmatch(name)]:
            raise ValueError(
                f"{wrong[0]!r} cannot be the name of a Classic Load Balancer: up to 32 letters, digits and hyphens, "
                "no hyphen at either end; neither an ARN nor a DNS name"
            )


class Draining(Struct, frozen=True, kw_only=True):
    """One load balancer that drains the instance.

    Attributes:
        name: of the load balancer.
        timeout: of its connection draining, seconds.
        until: when that ends at the latest, seconds since the epoch.
    """

    name: str
    timeout: float
    until: float


class DeregisterClassicElb:
    """`deregister-classic-elb`: Classic Load Balancers, and their connection draining.

    The load balancers attached to the Auto Scaling group are drained by Auto Scaling itself before the terminate
    hook begins (R26); for them this step only verifies. It matters for load balancers that are not attached.

    An instance that survives is taken out, too: on its way into a warm pool it must not get requests. Auto Scaling
    registers it again with what is attached. With what the plan names it does not.
    """

    kind: ClassVar[str] = "deregister-classic-elb"
    options: ClassVar[type[Struct]] = DeregisterClassicElbOptions
    example: ClassVar[dict[str, Any]] = {"names": ["web-classic"]}
    permissions: ClassVar[tuple[str, ...]] = (
        "autoscaling:DescribeLoadBalancers",
        "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
        "elasticloadbalancing:DescribeInstanceHealth",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
    )
    template_parameter: ClassVar[str | None] = "ClassicLoadBalancerSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = False
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: DeregisterClassicElbOptions, balancers: ClassicLoadBalancers) -> None:
        self._chosen = chosen
        self._balancers = balancers

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(
            msgspec.convert(options, DeregisterClassicElbOptions, from_attributes=True),
            services.classic_load_balancers,
        )

    def preview(self, target: Target) -> str:
        """Say what would be left, and what is left already."""
        found = self._memberships(target)
        active = [name for name, it in found.items() if it in {Membership.REGISTERED, Membership.UNTOLD}]
        draining = [name for name, it in found.items() if it is Membership.DRAINING]
        said = [f"would deregister from {_listed(active)}"] if active else []
        said += [f"would wait for {_listed(draining)}, which drains it already"] if draining else []
        return (" and ".join(said) or f"is {self._registered_nowhere(target, found)}") + self._note(found)

    def begin(self, target: Target) -> Progress:
        """Deregister the instance from every load balancer where it is registered."""
        found = self._memberships(target)
        note = self._note(found)
        draining = []
        for name, membership in found.items():
            if membership in {Membership.OUT, Membership.NO_BALANCER}:
                continue
            if membership is not Membership.DRAINING:
                self._balancers.deregister(name, target.action.instance)
            # What drains already began before now: it ends before this.
            timeout = self._balancers.draining_timeout(name)
            draining.append(Draining(name=name, timeout=timeout, until=target.now + timeout))
        names = [each.name for each in draining]
        if not draining:
            return Done(self._registered_nowhere(target, found) + note)
        if target.facts.gone:
            return Done(f"deregistered from {_listed(names)}; the instance is gone, nothing is left to drain{note}")
        return _waiting(draining, names, target.now, note)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Ask the load balancers that still drained the instance, about this instance only."""
        note, names = last.state["note"], last.state["names"]
        draining = []
        for each in msgspec.convert(last.state["draining"], tuple[Draining, ...]):
            membership = self._balancers.membership(each.name, target.action.instance)
            if membership is Membership.REGISTERED:
                # Registered again by somebody else, or the deregistration was lost: it has to be said again.
                self._balancers.deregister(each.name, target.action.instance)
                draining.append(msgspec.structs.replace(each, until=target.now + each.timeout))
            elif membership in {Membership.DRAINING, Membership.UNTOLD}:
                draining.append(each)
        if not draining:
            return Done(f"drained from {_listed(names)}{note}")
        return _waiting(draining, names, target.now, note)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave the instance deregistered: what was taken out of service on purpose stays out."""
        del target, last
        return None

    def _memberships(self, target: Target) -> dict[str, Membership]:
        names = list(self._chosen.names)
        if self._chosen.of_group or not names:
            names += self._balancers.attached(target.action.group)
        return {name: self._balancers.membership(name, target.action.instance) for name in dict.fromkeys(names)}

    def _note(self, found: dict[str, Membership]) -> str:
        # One that was attached and is gone is nobody's mistake; a name in the plan may be a wrong one.
        missing = [name for name in dict.fromkeys(self._chosen.names) if found[name] is Membership.NO_BALANCER]
        return f"; there is no Classic Load Balancer named {', '.join(missing)}" if missing else ""

    def _registered_nowhere(self, target: Target, found: dict[str, Membership]) -> str:
        if not found:
            return f"not registered: group {target.action.group} has no Classic Load Balancer attached"
        return f"not registered with any of {len(found)} Classic Load Balancers"


def _waiting(draining: list[Draining], names: list[str], now: float, note: str) -> Waiting:
    until = max(each.until for each in draining)
    latest = datetime.fromtimestamp(until, UTC).strftime("%H:%M:%S UTC")
    due = f"until {latest} at the latest" if now <= until else f"overdue since {latest}"
    count = f"{len(draining)} of {len(names)} Classic Load Balancer{'' if len(names) == 1 else 's'}"
    return Waiting(
        f"waiting for {count} to drain: {_listed(each.name for each in draining)}, {due}{note}",
        again_after=min(_gap(each, now) for each in draining),
        state={"draining": msgspec.to_builtins(draining), "names": names, "note": note},
    )


def _gap(each: Draining, now: float) -> float:
    # An instance without open connections is let go early, so the timeout is divided; its end is met exactly.
    gap = max(LOOK_FLOOR, each.timeout / LOOKS_PER_TIMEOUT)
    left = each.until - now
    return min(gap, left + 1) if left > 0 else gap


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(islice(every, NAMED)) + (", …" if len(every) > NAMED else "")
