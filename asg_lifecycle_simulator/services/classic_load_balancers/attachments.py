"""Classic Load Balancers attached to Auto Scaling groups: states, registration and the drain before a terminate hook.

moto shows every attachment as `Added`, at once, and registers nothing that it did not launch by itself. Sources:
EC2 Auto Scaling API reference (AttachLoadBalancers, DescribeLoadBalancers, DetachLoadBalancers) and "Understand the
attachment status of your load balancer" in the user guide.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from asg_lifecycle_simulator.services.autoscaling.moto_fleet import MotoFleet
from asg_lifecycle_simulator.services.autoscaling.requests import page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timers import RegionTimers

MOST_A_PAGE = 100
REMOVING = "Removing"


class Balancers(Protocol):
    """The load balancers that are attached."""

    def exists(self, name: str) -> bool:
        """Return whether there is a load balancer of that name."""
        ...

    def register(self, name: str, *instances: str) -> None:
        """Register instances."""
        ...

    def take_out(self, name: str, instance: str) -> float:
        """Deregister an instance if it is registered; return when it is out, seconds since the epoch."""
        ...


@dataclass(kw_only=True)
class Attachment:
    """One load balancer that is attached to a group: its state, and when it is detached; infinite while it is not."""

    state: str = "Added"
    over_at: float = math.inf


class Attachments:
    """What is attached to the groups of a region.

    Attributes:
        drain: Auto Scaling deregisters an instance from what is attached, before its hook (R26).
    """

    def __init__(self, balancers: Balancers, region: Region, timers: RegionTimers) -> None:
        self.drain = True
        self._balancers = balancers
        self._region = region
        self._timers = timers
        self._attached: defaultdict[str, dict[str, Attachment]] = defaultdict(dict)

    def install(self) -> None:
        """Take the attachments over from moto, and follow what goes into and out of service."""
        operations: dict[str, Callable[[AutoScalingResponse], ActionResult]] = {
            "attach_load_balancers": self._attach,
            "describe_load_balancers": self._describe,
            "detach_load_balancers": self._detach,
        }
        for name, operation in operations.items():
            self._region.replace(AutoScalingResponse, name, _method(operation))
        register, drain = MotoFleet.register, self._region.drain_attached

        def register_too(fleet: MotoFleet, instance_id: str, group: str) -> bool:
            with_classic = self._register(instance_id, group)
            return register(fleet, instance_id, group) or with_classic

        def drain_too(instance_id: str, target_group_arns: Sequence[str], then: Callable[[], None]) -> None:
            drain(instance_id, target_group_arns, self._draining(instance_id, then))

        self._region.replace(MotoFleet, "register", register_too)
        self._region.drain_attached = drain_too

    def attach(self, group: str, name: str, *, state: str = "Added") -> None:
        """Attach a load balancer to a group, whose instances in service are registered with it."""
        self._attached[group][name] = Attachment(state=state)
        self._region.autoscaling.engine.register_in_service(group)

    def _attach(self, response: AutoScalingResponse) -> ActionResult:
        request = response._get_params()  # noqa: SLF001 - moto's way to the request
        group, names = self._group(request), request["LoadBalancerNames"]
        if missing := [name for name in names if not self._balancers.exists(name)]:
            raise ValidationError(f"Provided Load Balancers may not be valid. Please ensure they exist: {missing}")
        for name in names:
            self.attach(group, name)
        return EmptyResult()

    def _describe(self, response: AutoScalingResponse) -> ActionResult:
        request = response._get_params()  # noqa: SLF001 - moto's way to the request
        now = self._timers.now()
        attached = {name: each for name, each in self._attached[self._group(request)].items() if now < each.over_at}
        size = int(request.get("MaxRecords", MOST_A_PAGE))
        page, token = page_of(list(attached), request.get("NextToken"), size)
        shown = [{"LoadBalancerName": name, "State": attached[name].state} for name in page]
        return ActionResult({"LoadBalancers": shown, "NextToken": token})

    def _detach(self, response: AutoScalingResponse) -> ActionResult:
        request = response._get_params()  # noqa: SLF001 - moto's way to the request
        group = self._group(request)
        members = self._region.autoscaling.engine.members(group)
        for name in request["LoadBalancerNames"]:
            attachment = self._attached[group][name]
            ends = [self._balancers.take_out(name, member.id) for member in members]
            attachment.state, attachment.over_at = REMOVING, max(ends, default=self._timers.now())
        return EmptyResult()

    def _register(self, instance: str, group: str) -> bool:
        names = [name for name, each in self._attached[group].items() if each.state != REMOVING]
        for name in filter(self._balancers.exists, names):
            self._balancers.register(name, instance)
        return bool(names)

    def _draining(self, instance: str, then: Callable[[], None]) -> Callable[[], None]:
        """Deregister an instance from what is attached to its group, and return `then` for when it is out (R26)."""
        member = self._region.autoscaling.engine.instances.get(instance)
        names = list(self._attached[member.group]) if member is not None and self.drain else []
        until = max(
            (self._balancers.take_out(name, instance) for name in names if self._balancers.exists(name)), default=0
        )

        def when_out() -> None:
            left = until - self._timers.now()
            if left > 0:
                self._timers.call_after(left, then, name=f"Classic Load Balancers drain {instance}")
            else:
                then()

        return when_out

    def _group(self, request: dict[str, Any]) -> str:
        name = str(request["AutoScalingGroupName"])
        if name not in self._region.autoscaling.engine.groups:
            raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        return name


def _method(
    operation: Callable[[AutoScalingResponse], ActionResult],
) -> Callable[[AutoScalingResponse], ActionResult]:
    # A bound method stored on a class is not given the instance; a plain function is.
    def respond(response: AutoScalingResponse) -> ActionResult:
        return operation(response)

    return respond
