"""The kinds that are about load balancers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import ABSENT, LAUNCH, TERMINATE, CampaignKind, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

FRESH = ("fresh-0", "fresh-1")
"""The target groups for instances on their way in."""

CLASSIC = ("classic-0", "classic-1")


class DeregisterTargets(CampaignKind):
    """`deregister-targets`: the run itself makes its target groups, and has more of them than the plan names."""

    kind = "deregister-targets"
    transitions = TERMINATE
    absent: ClassVar[Mapping[str, Any]] = {"names": [ABSENT]}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "elbv2": (
            "DeregisterTargets",
            "DescribeTargetHealth",
            "DescribeTargetGroups",
            "DescribeTargetGroupAttributes",
        ),
    }
    has_disturbance = True

    def disturb(self, instance: str) -> None:
        """Register an instance again that is on its way out."""
        draining = [each for each in self._left(instance) if each.drained_at is not None]
        for each in draining[:1]:
            self.testbed.register(each.group.arn, instance)

    def undone(self, instance: str, since: float) -> str | None:
        """Return where it is still registered, or drains."""
        del since
        left = [each.group.name for each in self._left(instance)]
        return f"target group {left[0]} had drained it" if left else None

    def _left(self, instance: str) -> list[Any]:
        named = self.step.options["names"]
        return [each for each in self.testbed.target_groups.registrations(instance) if each.group.name in named]


class RegisterTargets(CampaignKind):
    """`register-targets`."""

    kind = "register-targets"
    transitions = LAUNCH
    shapes: ClassVar[Mapping[str, Shape]] = {
        "until healthy": Shape(weight=4),
        "without waiting": Shape(options={"until_healthy": False}),
    }
    absent: ClassVar[Mapping[str, Any]] = {"names": [ABSENT]}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "elbv2": ("RegisterTargets", "DescribeTargetHealth", "DescribeTargetGroups"),
    }
    has_disturbance = True

    @classmethod
    def drawn_options(cls, random: Random) -> dict[str, Any]:
        """Draw the target groups."""
        return {"names": list(FRESH[: random.randint(1, len(FRESH))])}

    def arrange(self) -> None:
        """Make the target groups."""
        for name in FRESH:
            self.testbed.target_group(name)
        self.testbed.target_groups.healthy_after = self.step.takes

    def disturb(self, instance: str) -> None:
        """Deregister an instance that is not healthy yet."""
        registered = self.testbed.target_groups.registrations(instance)
        fresh = [each for each in registered if each.group.name in FRESH and each.drained_at is None]
        with self.testbed.region.unobserved():
            for each in fresh[:1]:
                self.testbed.region.client("elbv2").deregister_targets(
                    TargetGroupArn=each.group.arn, Targets=[{"Id": instance}]
                )

    def undone(self, instance: str, since: float) -> str | None:
        """Return where it is not registered, or not healthy."""
        del since
        registered = {
            each.group.name: each.registered_at
            for each in self.testbed.target_groups.registrations(instance)
            if each.drained_at is None
        }
        for name in self.step.options["names"]:
            if name == ABSENT:
                continue
            if name not in registered:
                return f"it was in target group {name}"
            waits = self.step.shape == "until healthy"
            if waits and self.now < registered[name] + self.step.takes:
                return f"it was healthy in target group {name}"
        return None


class DeregisterClassicElb(CampaignKind):
    """`deregister-classic-elb`."""

    kind = "deregister-classic-elb"
    transitions = TERMINATE
    shapes: ClassVar[Mapping[str, Shape]] = {
        "registered": Shape(weight=5),
        "registered once": Shape(),
        "never registered": Shape(),
    }
    absent: ClassVar[Mapping[str, Any]] = {"names": [ABSENT]}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "elb": ("DeregisterInstancesFromLoadBalancer", "DescribeInstanceHealth", "DescribeLoadBalancerAttributes"),
    }
    has_disturbance = True

    @classmethod
    def drawn_options(cls, random: Random) -> dict[str, Any]:
        """Draw the load balancers."""
        return {"names": list(CLASSIC[: random.randint(1, len(CLASSIC))])}

    def arrange(self) -> None:
        """Make the load balancers."""
        for name in CLASSIC:
            self.testbed.classic_load_balancers.make(name, timeout=max(1, int(self.step.takes)))

    def settle(self, instance: str) -> None:
        """Register the instance."""
        balancers = self.testbed.classic_load_balancers
        for name in CLASSIC if self.step.shape != "never registered" else ():
            balancers.register(name, instance)
            if self.step.shape == "registered once":
                balancers.take_out(name, instance)

    def disturb(self, instance: str) -> None:
        """Register an instance again that is on its way out."""
        self.testbed.classic_load_balancers.register(self.step.options["names"][0], instance)

    def undone(self, instance: str, since: float) -> str | None:
        """Return what has not drained it."""
        del since
        balancers = self.testbed.classic_load_balancers
        left = [name for name in self.step.options["names"] if name != ABSENT and not balancers.is_out(name, instance)]
        return f"load balancer {left[0]} had drained it" if left else None
