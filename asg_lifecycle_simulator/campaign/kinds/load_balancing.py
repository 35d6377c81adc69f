"""The kinds that are about load balancers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import ABSENT, LAUNCH, TERMINATE, CampaignKind, Shape
from asg_lifecycle_simulator.region.region import ACCOUNT
from asg_lifecycle_simulator.services.target_groups import make_target_group

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

FRESH = ("fresh-0", "fresh-1")
"""The target groups for instances on their way in."""

BY_ADDRESS = "by-address"
"""A target group that takes IPv6 addresses."""

LATTICE = "1"
LATTICE_ARN = f"arn:aws:vpc-lattice:eu-west-1:{ACCOUNT}:targetgroup/tg-{LATTICE:0>17}"

CLASSIC = ("classic-0", "classic-1")


class DeregisterTargets(CampaignKind):
    """`deregister-targets`: the run itself makes its target groups, and has more of them than the plan names."""

    kind = "deregister-targets"
    transitions = TERMINATE
    shapes: ClassVar[Mapping[str, Shape]] = {
        "by their ids": Shape(weight=5),
        "an IPv6 address": Shape(options={"names": [BY_ADDRESS]}),
        "a target group of VPC Lattice": Shape(options={"arns": [LATTICE_ARN]}),
        "traffic sources": Shape(options={"of_group": True}),
    }
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

    def arrange(self) -> None:
        """Make what the run itself does not."""
        match self.step.shape:
            case "an IPv6 address":
                make_target_group(self.testbed.region, BY_ADDRESS, delay=int(self.step.takes), ipv6=True)
            case "a target group of VPC Lattice":
                self.testbed.lattice.target_group(LATTICE, requests_end_after=self.step.takes)
            case "traffic sources":
                # What is attached Auto Scaling drains itself; here it has forgotten to.
                self.testbed.traffic_sources.drains = False
                arn = self.testbed.lattice.target_group(LATTICE, requests_end_after=self.step.takes)
                for group in self.testbed.autoscaling.engine.groups.values():
                    group.traffic_sources[arn] = "vpc-lattice"
            case _:
                pass

    def settle(self, instance: str) -> None:
        """Register the instance with it."""
        match self.step.shape:
            case "an IPv6 address":
                self.testbed.addresses.give(instance, _ipv6(instance))
                with self.testbed.region.unobserved():
                    elbv2 = self.testbed.region.client("elbv2")
                    arn = elbv2.describe_target_groups(Names=[BY_ADDRESS])["TargetGroups"][0]["TargetGroupArn"]
                    elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": _ipv6(instance)}])
            case "a target group of VPC Lattice" | "traffic sources":
                self.testbed.lattice.register(LATTICE_ARN, instance)
            case _:
                pass

    def disturb(self, instance: str) -> None:
        """Register an instance again that is on its way out."""
        if LATTICE_ARN in self.testbed.lattice.serving(instance):
            self.testbed.lattice.register(LATTICE_ARN, instance)
        draining = [each for each in self._left(instance) if each.drained_at is not None]
        for each in draining[:1]:
            self.testbed.register(each.group.arn, instance)

    def undone(self, instance: str, since: float) -> str | None:
        """Return where it is still registered, or drains."""
        del since
        left = [each.group.name for target in (instance, _ipv6(instance)) for each in self._left(target)]
        left += self.testbed.lattice.serving(instance)
        return f"target group {left[0]} had drained it" if left else None

    def _left(self, target: str) -> list[Any]:
        named = self.step.options.get("names", ())
        return [each for each in self.testbed.target_groups.registrations(target) if each.group.name in named]


def _ipv6(instance: str) -> str:
    """Return an address that no other instance has."""
    return f"2001:db8::{instance[-12:-8]}:{instance[-8:-4]}:{instance[-4:]}"


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
