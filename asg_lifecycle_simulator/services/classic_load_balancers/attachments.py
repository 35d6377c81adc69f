"""Classic Load Balancers attached to Auto Scaling groups: states, registration and the drain before a terminate hook.

moto shows every attachment as `Added`, at once, and registers nothing that it did not launch by itself. Sources:
EC2 Auto Scaling API reference (AttachLoadBalancers, DescribeLoadBalancers, DetachLoadBalancers) and "Understand the
attachment status of your load balancer" in the user guide.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.responses import AutoScalingResponse

from asg_lifecycle_simulator.services.autoscaling.requests import page_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.region.timers import RegionTimers
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
    from asg_lifecycle_simulator.services.base import Request, Response

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
        drains: Auto Scaling deregisters an instance from what is attached, before its hook (R26).
    """

    def __init__(self, balancers: Balancers, autoscaling: AutoScaling, timers: RegionTimers) -> None:
        self.drains = True
        self._balancers = balancers
        self._autoscaling = autoscaling
        self._timers = timers
        self._attached: defaultdict[str, dict[str, Attachment]] = defaultdict(dict)

    def install(self) -> None:
        """Take the attachments over from moto, and follow what goes into and out of service."""
        self._autoscaling.answer_query(
            AutoScalingResponse,
            {
                "attach_load_balancers": self._attach,
                "describe_load_balancers": self._describe,
                "detach_load_balancers": self._detach,
            },
        )
        self._autoscaling.fleet.load_balancing.append(self)

    def attach(self, group: str, name: str, *, state: str = "Added") -> None:
        """Attach a load balancer to a group, whose instances in service are registered with it."""
        self._attached[group][name] = Attachment(state=state)
        self._autoscaling.engine.register_in_service(group)

    def _attach(self, request: Request) -> Response:
        group, names = self._group(request), request["LoadBalancerNames"]
        if missing := [name for name in names if not self._balancers.exists(name)]:
            raise ValidationError(f"Provided Load Balancers may not be valid. Please ensure they exist: {missing}")
        for name in names:
            self.attach(group, name)
        return {}

    def _describe(self, request: Request) -> Response:
        now = self._timers.now()
        attached = {name: each for name, each in self._attached[self._group(request)].items() if now < each.over_at}
        size = int(request.get("MaxRecords", MOST_A_PAGE))
        page, token = page_of(list(attached), request.get("NextToken"), size)
        shown = [{"LoadBalancerName": name, "State": attached[name].state} for name in page]
        return {"LoadBalancers": shown, "NextToken": token}

    def _detach(self, request: Request) -> Response:
        group = self._group(request)
        members = self._autoscaling.engine.members(group)
        for name in request["LoadBalancerNames"]:
            attachment = self._attached[group][name]
            ends = [self._balancers.take_out(name, member.id) for member in members]
            attachment.state, attachment.over_at = REMOVING, max(ends, default=self._timers.now())
        return {}

    def register(self, instance: str, group: str) -> bool:
        """Register an instance with what is attached to `group`; return whether there is anything."""
        names = [name for name, each in self._attached[group].items() if each.state != REMOVING]
        for name in filter(self._balancers.exists, names):
            self._balancers.register(name, instance)
        return bool(names)

    def drain(self, instance: str, group: str, then: Callable[[], None]) -> None:
        """Deregister an instance from what is attached to `group`; call `then` once, when it is drained (R26)."""
        names = [name for name in self._attached[group] if self.drains and self._balancers.exists(name)]
        until = max((self._balancers.take_out(name, instance) for name in names), default=0.0)
        left = until - self._timers.now()
        if left > 0:
            self._timers.call_after(left, then, name=f"Classic Load Balancers drain {instance}")
        else:
            then()

    def _group(self, request: Request) -> str:
        name = str(request["AutoScalingGroupName"])
        if name not in self._autoscaling.engine.groups:
            raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        return name
