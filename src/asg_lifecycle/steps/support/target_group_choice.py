"""Where an instance is registered, of the target groups that a plan names or that its group has attached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from asg_lifecycle.aws.lattice_target_groups import LatticeTargetGroups, is_lattice
from asg_lifecycle.aws.target_groups import RegisteredTarget
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.resource_names import AnyTargetGroupArn, NameText, TargetGroupName

if TYPE_CHECKING:
    from asg_lifecycle.aws.target_groups import TargetGroups
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

LATTICE_PARAMETER = "LatticeSteps"
"""The parameter of the template that grants the calls of VPC Lattice."""


class DeregisterTargetsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which target groups. With none of these given: those attached to the Auto Scaling group."""

    arns: Annotated[tuple[AnyTargetGroupArn, ...], Meta(description="Target groups by ARN.")] = ()
    names: Annotated[
        tuple[TargetGroupName, ...], Meta(description="Target groups of Elastic Load Balancing by name.")
    ] = ()
    tags: Annotated[
        dict[str, NameText],
        Meta(description="Every target group that carries all of these tags, with placeholders in their values."),
    ] = {}
    of_group: Annotated[bool, Meta(description="The target groups attached to the Auto Scaling group.")] = False


class Registrations(Struct, frozen=True, kw_only=True):
    """Where the instance is registered.

    Attributes:
        found: its registrations in each target group that exists, by its ARN; empty where it is in none.
        missing: what is named and does not exist.
        left: target groups of VPC Lattice that are attached and that we may not look into.
        refused: why target groups that are named or tagged cannot be looked into.
        forgotten: the instance is gone, and nobody knows its addresses any more.
    """

    found: dict[str, tuple[RegisteredTarget, ...]]
    missing: tuple[str, ...]
    left: tuple[str, ...]
    refused: tuple[str, ...]
    forgotten: bool = False

    @property
    def aside(self) -> str:
        """What is to be said beside everything else, empty for nothing."""
        aside = "; EC2 has forgotten its addresses: targets by address were not looked for" if self.forgotten else ""
        if not self.left:
            return aside
        reason = f"a permission of VPC Lattice is missing: deploy with {LATTICE_PARAMETER}=on to have them awaited here"
        return f"{aside}; left to Auto Scaling: {', '.join(self.left)} ({reason})"


class TargetGroupFinder:
    """Finds the registrations of an instance.

    Args:
        options: which target groups.
        services: the services.
    """

    def __init__(self, options: DeregisterTargetsOptions, services: Services) -> None:
        self._options = options
        self._services = services

    def calls(self, arn: str) -> TargetGroups | LatticeTargetGroups:
        """Return the calls for a target group."""
        return self._services.lattice_target_groups if is_lattice(arn) else self._services.target_groups

    def find(self, target: Target) -> Registrations:
        """Return where the instance is registered.

        A target group that was attached or carried the tags and is gone by now is nobody's mistake.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        named, tagged, attached, missing = self._resolve(target)
        ids = (target.action.instance, *target.facts.addresses)
        if target.facts.state is None:
            why = target.facts.problem or "it was not asked"
            unknown = f"EC2 did not tell the addresses of the instance, under which it may be registered: {why}"
            return Registrations(found={}, missing=(), left=(), refused=(unknown,))
        found: dict[str, tuple[RegisteredTarget, ...]] = {}
        left, refused = [], []
        for arn in dict.fromkeys((*named, *tagged, *attached)):
            try:
                registered = self.calls(arn).registrations(arn, ids)
            except CallFailed as failed:
                if not is_lattice(arn) or failed.failure.consequence is not Consequence.DENIED:
                    raise
                if arn in named or arn in tagged:
                    refused.append(
                        f"target group {arn} is one of VPC Lattice: deploy with {LATTICE_PARAMETER}=on ({failed})"
                    )
                else:
                    left.append(arn)
                continue
            if registered is not None:
                found[arn] = registered
            elif arn in named:
                missing.append(f"target group {arn}")
        return Registrations(
            found=found,
            missing=tuple(missing),
            left=tuple(left),
            refused=tuple(refused),
            forgotten=target.facts.gone and not target.facts.addresses,
        )

    def _resolve(self, target: Target) -> tuple[list[str], tuple[str, ...], tuple[str, ...], list[str]]:
        """Return the ARNs that are named, tagged and attached, and what is named and does not exist."""
        options, target_groups = self._options, self._services.target_groups
        by_name = {name: target_groups.named(name) for name in options.names}
        named = [*options.arns, *(arn for arn in by_name.values() if arn is not None)]
        missing = [f"target group named {name}" for name, arn in by_name.items() if arn is None]
        tags = {key: target.fill(value) for key, value in options.tags.items()}
        tagged = target_groups.tagged(tags) if tags else ()
        if tags and not tagged:
            missing.append(f"target group tagged {', '.join(f'{key}={value}' for key, value in tags.items())}")
        of_group = options.of_group or not (options.arns or options.names or options.tags)
        attached = self._services.traffic_sources.target_groups(target.action.group) if of_group else ()
        return named, tagged, attached, missing
