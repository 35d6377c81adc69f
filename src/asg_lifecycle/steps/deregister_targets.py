"""Take the instance out of its target groups and wait until none of them is draining it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Struct

from asg_lifecycle.aws.target_groups import RegisteredTarget, name_of
from asg_lifecycle.model.progress import Done, Progress, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
    from asg_lifecycle.aws.target_groups import TargetGroups
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

LOOK_FLOOR = 5.0
LOOKS_PER_DELAY = 10


class DeregisterTargetsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which target groups. With none of these given: those attached to the Auto Scaling group.

    Attributes:
        arns: target groups by ARN.
        names: target groups by name.
        tags: every target group that carries all of these tags.
        of_group: the target groups attached to the Auto Scaling group.
    """

    arns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    of_group: bool = False


class Draining(Struct, frozen=True, kw_only=True):
    """One target group that drains the instance.

    Attributes:
        arn: of the target group.
        targets: the registrations that were deregistered.
        delay: the deregistration delay, seconds.
        until: when the delay ends at the latest, seconds since the epoch.
    """

    arn: str
    targets: tuple[RegisteredTarget, ...]
    delay: float
    until: float


class DeregisterTargets:
    """`deregister-targets`: ALB, NLB and GWLB target groups.

    The target groups attached to the Auto Scaling group are drained by Auto Scaling itself before the terminate
    hook begins (R26); for them this step only verifies. It matters for target groups that are not attached.
    """

    kind: ClassVar[str] = "deregister-targets"
    options: ClassVar[type[Struct]] = DeregisterTargetsOptions
    example: ClassVar[dict[str, Any]] = {"names": ["web"]}
    permissions: ClassVar[tuple[str, ...]] = (
        "autoscaling:DescribeLoadBalancerTargetGroups",
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "tag:GetResources",
    )
    template_parameter: ClassVar[str | None] = "TargetGroupSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = False
    at_most_once: ClassVar[bool] = False

    def __init__(
        self, chosen: DeregisterTargetsOptions, target_groups: TargetGroups, lifecycle_actions: LifecycleActions
    ) -> None:
        self._chosen = chosen
        self._target_groups = target_groups
        self._lifecycle_actions = lifecycle_actions

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(
            msgspec.convert(options, DeregisterTargetsOptions, from_attributes=True),
            services.target_groups,
            services.lifecycle_actions,
        )

    def preview(self, target: Target) -> str:
        """Say which registrations would be taken out."""
        arns, missing = self._resolve(target.action.group)
        ids = (target.action.instance, *target.facts.addresses)
        found = [(arn, self._target_groups.registrations(arn, ids)) for arn in arns]
        listed = [f"{name_of(arn)} ({len(registered)})" for arn, registered in found if registered]
        note = f"; there is no target group named {', '.join(missing)}" if missing else ""
        if not listed:
            return f"is not registered in any of {len(arns)} target groups{note}"
        return f"would deregister from {', '.join(listed)}{note}"

    def begin(self, target: Target) -> Progress:
        """Deregister the instance from every port of every target group where it is registered."""
        arns, missing = self._resolve(target.action.group)
        ids = (target.action.instance, *target.facts.addresses)
        draining = []
        for arn in arns:
            registered = self._target_groups.registrations(arn, ids)
            if not registered:
                continue
            if active := [entry for entry in registered if not entry.draining]:
                self._target_groups.deregister(arn, active)
            delay = self._target_groups.deregistration_delay(arn)
            draining.append(Draining(arn=arn, targets=_remembered(registered), delay=delay, until=target.now + delay))
        note = f"; there is no target group named {', '.join(missing)}" if missing else ""
        if not draining:
            return Done(f"not registered in any of {len(arns)} target groups{note}")
        if target.facts.gone:
            return Done(f"deregistered from {_names(draining)}; the instance is gone, nothing is left to drain{note}")
        return _waiting(draining, target.now, note)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Ask the target groups that still drained the instance, about its targets only."""
        note = last.state["note"]
        draining = []
        for group in msgspec.convert(last.state["draining"], tuple[Draining, ...]):
            health = self._target_groups.health(group.arn, group.targets)
            left = _remembered(entry for entry in health if entry.draining)
            # Registered again by somebody else, or the deregistration was lost: it has to be said again.
            back = tuple(entry for entry in health if not entry.draining and entry.health != "unused")
            if back:
                self._target_groups.deregister(group.arn, back)
                until = target.now + group.delay
                draining.append(msgspec.structs.replace(group, targets=left + _remembered(back), until=until))
            elif left:
                draining.append(msgspec.structs.replace(group, targets=left))
        if not draining:
            return Done(f"drained from {last.state['groups']}{note}")
        return _waiting(draining, target.now, note, last.state["groups"])

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave the targets deregistered: what was taken out of service on purpose stays out."""
        del target, last
        return None

    def _resolve(self, group: str) -> tuple[tuple[str, ...], list[str]]:
        chosen = self._chosen
        by_name = {name: self._target_groups.named(name) for name in chosen.names}
        arns = [*chosen.arns, *(arn for arn in by_name.values() if arn is not None)]
        if chosen.tags:
            arns += self._target_groups.tagged(chosen.tags)
        if chosen.of_group or not (chosen.arns or chosen.names or chosen.tags):
            arns += self._lifecycle_actions.attached_target_groups(group)
        return tuple(dict.fromkeys(arns)), [name for name, arn in by_name.items() if arn is None]


def _remembered(targets: Iterable[RegisteredTarget]) -> tuple[RegisteredTarget, ...]:
    # The health is asked for at every look; kept in the state, each of its changes would be written to the record.
    return tuple(RegisteredTarget(target.id, target.port, "draining") for target in targets)


def _waiting(draining: list[Draining], now: float, note: str, groups: str | None = None) -> Waiting:
    until = max(group.until for group in draining)
    latest = datetime.fromtimestamp(until, UTC).strftime("%H:%M:%S UTC")
    count = sum(len(group.targets) for group in draining)
    return Waiting(
        f"waiting for {count} {'target' if count == 1 else 'targets'} to drain from {_names(draining)}, "
        f"until {latest} at the latest{note}",
        again_after=min(_gap(group, now) for group in draining),
        state={
            "draining": msgspec.to_builtins(draining),
            "groups": groups or _names(draining),
            "note": note,
        },
    )


def _gap(group: Draining, now: float) -> float:
    # A target without open connections drains early, so the delay is divided; its end is met exactly.
    gap = max(LOOK_FLOOR, group.delay / LOOKS_PER_DELAY)
    left = group.until - now
    return min(gap, left + 1) if left > 0 else gap


def _names(draining: list[Draining]) -> str:
    return ", ".join(name_of(group.arn) for group in draining)
