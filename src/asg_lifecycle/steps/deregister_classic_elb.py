"""The step kind `deregister-classic-elb`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, TypeAlias

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.aws.classic_load_balancers import Membership
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.bounds import matching
from asg_lifecycle.model.clock_times import clock_time
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.connection_draining import poll_interval
from asg_lifecycle.steps.support.missing_things import done_unless_missing, there_is_no
from asg_lifecycle.steps.support.sentences import counted, listed

if TYPE_CHECKING:
    from asg_lifecycle.model.progress import StepAnswer, Waiting
    from asg_lifecycle.steps.base import Target

LoadBalancerName: TypeAlias = Annotated[
    str,
    matching(
        "^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$",
        "the name of a Classic Load Balancer: up to 32 letters, digits and hyphens, no hyphen at either end; neither "
        "an ARN nor a DNS name",
    ),
]
"""The name of a Classic Load Balancer."""


class DeregisterClassicElbOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which Classic Load Balancers. With none of these given: those attached to the Auto Scaling group."""

    names: Annotated[tuple[LoadBalancerName, ...], Meta(description="Load balancers by name.")] = ()
    of_group: Annotated[bool, Meta(description="The load balancers attached to the Auto Scaling group.")] = False


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


class DeregisterClassicElbState(Struct, frozen=True, kw_only=True):
    """What was deregistered.

    Attributes:
        draining: the load balancers that still drain the instance.
        names: all from which it was deregistered.
        missing: the load balancers that the plan names and that there are not.
    """

    draining: tuple[Draining, ...]
    names: tuple[str, ...]
    missing: tuple[str, ...]


class DeregisterClassicElb(StatefulStep[DeregisterClassicElbOptions, DeregisterClassicElbState]):
    """Take the instance out of its Classic Load Balancers and wait until none of them is draining it.

    The load balancers attached to the Auto Scaling group are drained by Auto Scaling itself before the terminate
    hook begins (R26); for them this step only verifies. It matters for load balancers that are not attached.

    An instance that survives is taken out, too: on its way into a warm pool it must not get requests. Auto Scaling
    registers it again with what is attached. With what the plan names it does not. When the action goes on without the
    step, the instance stays deregistered.
    """

    kind = "deregister-classic-elb"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"names": ["web-classic"]}
    permissions = (
        "autoscaling:DescribeLoadBalancers",
        "autoscaling:DescribeTrafficSources",
        "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
        "elasticloadbalancing:DescribeInstanceHealth",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
    )
    template_parameter = "ClassicLoadBalancerSteps"
    may_be_missing = "load balancers"

    def preview(self, target: Target) -> str:
        """Say what would be left, and what is left already."""
        found = self._memberships(target)
        active = [name for name, it in found.items() if it in {Membership.REGISTERED, Membership.UNTOLD}]
        draining = [name for name, it in found.items() if it is Membership.DRAINING]
        said = [f"would deregister from {listed(active)}"] if active else []
        said += [f"would wait for {listed(draining)}, which drains it already"] if draining else []
        return (" and ".join(said) or f"is {self._registered_nowhere(target, found)}") + there_is_no(
            self._missing(found)
        )

    def begin(self, target: Target) -> StepAnswer:
        """Deregister the instance from every load balancer where it is registered."""
        found = self._memberships(target)
        missing = self._missing(found)
        draining = []
        for name, membership in found.items():
            if membership in {Membership.OUT, Membership.NO_BALANCER}:
                continue
            if membership is not Membership.DRAINING:
                self._services.classic_load_balancers.deregister(name, target.action.instance)
            # What drains already began before now: it ends before this.
            timeout = self._services.classic_load_balancers.draining_timeout(name)
            draining.append(Draining(name=name, timeout=timeout, until=target.now + timeout))
        names = [each.name for each in draining]
        if not draining:
            return done_unless_missing(self._registered_nowhere(target, found), missing)
        if target.facts.gone:
            done = f"deregistered from {listed(names)}; the instance is gone, nothing is left to drain"
            return done_unless_missing(done, missing)
        state = DeregisterClassicElbState(draining=tuple(draining), names=tuple(names), missing=missing)
        return self._draining(state, target.now)

    def poll(self, target: Target, state: DeregisterClassicElbState) -> StepAnswer:
        """Ask the load balancers that still drained the instance, about this instance only."""
        draining = []
        for each in state.draining:
            membership = self._services.classic_load_balancers.membership(each.name, target.action.instance)
            if membership is Membership.REGISTERED:
                # Registered again by somebody else, or the deregistration was lost: it has to be said again.
                self._services.classic_load_balancers.deregister(each.name, target.action.instance)
                draining.append(msgspec.structs.replace(each, until=target.now + each.timeout))
            elif membership in {Membership.DRAINING, Membership.UNTOLD}:
                draining.append(each)
        if not draining:
            return done_unless_missing(f"drained from {listed(state.names)}", state.missing)
        return self._draining(msgspec.structs.replace(state, draining=tuple(draining)), target.now)

    def _draining(self, state: DeregisterClassicElbState, now: float) -> Waiting:
        until = max(each.until for each in state.draining)
        due = f"until {clock_time(until)} at the latest" if now <= until else f"overdue since {clock_time(until)}"
        count = f"{len(state.draining)} of {counted(len(state.names), 'Classic Load Balancer')}"
        return self._waiting(
            f"waiting for {count} to drain: {listed(each.name for each in state.draining)}, {due}"
            + there_is_no(state.missing),
            state,
            again_after=min(poll_interval(each.timeout, each.until, now) for each in state.draining),
            blockers=(
                Blocker(kind=BlockerKind.LOAD_BALANCER, name=each.name, reason="it drains the instance")
                for each in state.draining
            ),
        )

    def _memberships(self, target: Target) -> dict[str, Membership]:
        names = list(self._options.names)
        if self._options.of_group or not names:
            names += self._services.traffic_sources.classic_load_balancers(target.action.group)
        return {
            name: self._services.classic_load_balancers.membership(name, target.action.instance)
            for name in dict.fromkeys(names)
        }

    def _missing(self, found: dict[str, Membership]) -> tuple[str, ...]:
        # One that was attached and is gone is nobody's mistake; a name in the plan may be a wrong one.
        missing = (name for name in dict.fromkeys(self._options.names) if found[name] is Membership.NO_BALANCER)
        return tuple(f"Classic Load Balancer named {name}" for name in missing)

    def _registered_nowhere(self, target: Target, found: dict[str, Membership]) -> str:
        if not found:
            return f"not registered: group {target.action.group} has no Classic Load Balancer attached"
        return f"not registered with any of {len(found)} Classic Load Balancers"
