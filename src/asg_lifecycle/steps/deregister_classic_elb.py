"""Take the instance out of Classic Load Balancers and wait until its connections have drained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Struct

from asg_lifecycle.aws.classic_load_balancers import Registration
from asg_lifecycle.model.progress import Done, Progress, Waiting

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.classic_load_balancers import ClassicLoadBalancers
    from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
    from asg_lifecycle.steps.protocol import Target
    from asg_lifecycle.steps.services import Services

LOOK_FLOOR = 5.0
LOOKS_PER_TIMEOUT = 10
"""Connections may end before the timeout, so it is divided; its end is met exactly."""


class DeregisterClassicElbOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which load balancers. With none of these given: those attached to the Auto Scaling group.

    Attributes:
        names: load balancers by name.
        of_group: the load balancers attached to the Auto Scaling group.
    """

    names: tuple[str, ...] = ()
    of_group: bool = False


class DeregisterClassicElb:
    """`deregister-classic-elb`: Classic Load Balancers, with connection draining.

    The load balancers attached to the Auto Scaling group are left by Auto Scaling itself before the terminate hook
    begins (R26); for them this step only verifies. It matters for load balancers that are not attached.
    """

    kind: ClassVar[str] = "deregister-classic-elb"
    options: ClassVar[type[Struct]] = DeregisterClassicElbOptions
    example: ClassVar[dict[str, Any]] = {"names": ["web"]}
    permissions: ClassVar[tuple[str, ...]] = (
        "autoscaling:DescribeLoadBalancers",
        "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
        "elasticloadbalancing:DescribeInstanceHealth",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
    )
    feature: ClassVar[str | None] = "ClassicLoadBalancerSteps"
    forgets_instance: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = False
    begins_once: ClassVar[bool] = False

    def __init__(
        self,
        chosen: DeregisterClassicElbOptions,
        load_balancers: ClassicLoadBalancers,
        lifecycle_actions: LifecycleActions,
    ) -> None:
        self._chosen = chosen
        self._load_balancers = load_balancers
        self._lifecycle_actions = lifecycle_actions

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(
            msgspec.convert(options, DeregisterClassicElbOptions, from_attributes=True),
            services.classic_load_balancers,
            services.lifecycle_actions,
        )

    def preview(self, target: Target) -> str:
        """Say where it is registered."""
        standing, missing = self._standing(target, self._names(target.action.group))
        found = [name for name, registration in standing.items() if registration is not Registration.NONE]
        if not found:
            return f"is not registered with any of {len(standing)} load balancers{_note(missing)}"
        return f"would deregister from {', '.join(found)}{_note(missing)}"

    def begin(self, target: Target) -> Progress:
        """Deregister the instance from every load balancer it is registered with."""
        names = self._names(target.action.group)
        standing, missing = self._standing(target, names)
        left = self._leave(target, standing)
        if not left:
            return Done(f"not registered with any of {len(names)} load balancers{_note(missing)}")
        if target.facts.gone:
            return Done(f"deregistered from {', '.join(left)}; the instance is gone, nothing is left to drain")
        timeout = max(map(self._load_balancers.draining_timeout, left))
        return self._waiting(target, left, left, timeout, target.now + timeout)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Look where its connections still drain. Where somebody has registered it again it is taken out again."""
        names, timeout, until = last.state["names"], float(last.state["timeout"]), float(last.state["until"])
        standing, _ = self._standing(target, last.state["left"])
        if Registration.REGISTERED in standing.values():
            until = target.now + timeout
        left = self._leave(target, standing)
        if not left:
            return Done(f"drained from {', '.join(names)}")
        return self._waiting(target, left, names, timeout, until)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave it deregistered: what was taken out of service on purpose stays out."""
        del target, last
        return None

    def _names(self, group: str) -> list[str]:
        names = list(self._chosen.names)
        if self._chosen.of_group or not names:
            names += self._lifecycle_actions.attached_classic_load_balancers(group)
        return list(dict.fromkeys(names))

    def _standing(self, target: Target, names: list[str]) -> tuple[dict[str, Registration], list[str]]:
        found = {name: self._load_balancers.registration(name, target.action.instance) for name in names}
        known = {name: registration for name, registration in found.items() if registration is not None}
        return known, [name for name in names if name not in known]

    def _leave(self, target: Target, standing: dict[str, Registration]) -> list[str]:
        for name, registration in standing.items():
            if registration is Registration.REGISTERED:
                self._load_balancers.deregister(name, target.action.instance)
        return [name for name, registration in standing.items() if registration is not Registration.NONE]

    @staticmethod
    def _waiting(target: Target, left: list[str], names: list[str], timeout: float, until: float) -> Waiting:
        gap, remaining = max(LOOK_FLOOR, timeout / LOOKS_PER_TIMEOUT), until - target.now
        count = f"{len(left)} load {'balancer' if len(left) == 1 else 'balancers'}"
        return Waiting(
            f"waiting for connections to drain from {count}: {', '.join(left)}",
            again_after=min(gap, remaining + 1) if remaining > 0 else gap,
            state={"left": left, "names": names, "timeout": timeout, "until": until},
        )


def _note(missing: list[str]) -> str:
    return f"; there is no load balancer named {', '.join(missing)}" if missing else ""
