"""The VPC Lattice calls: the targets of its target groups, and whether these are drained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.target_groups import RegisteredTarget
from asg_lifecycle.model.addresses import normalized
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.aws.clients import Clients

SERVICE = "vpc-lattice"


def is_lattice(arn: str) -> bool:
    """Return whether an ARN is one of VPC Lattice."""
    return arn.split(":")[2:3] == [SERVICE]


class LatticeTargetGroups:
    """The target groups of VPC Lattice in this account and Region, by ARN.

    A target that was deregistered is `draining` until its requests in flight have ended, for which no time is set, and
    is then not listed any more. Source: "Register targets with a VPC Lattice target group" in its user guide.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def registrations(self, arn: str, ids: Sequence[str]) -> tuple[RegisteredTarget, ...] | None:
        """Return every registration of one of `ids` (instance id, addresses) in the target group, on any port.

        None when there is no such target group.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: list[RegisteredTarget] = []
        wanted = {normalized(each) for each in ids}
        try:
            with calling("vpc-lattice:ListTargets"):
                for page in self._clients.vpc_lattice.get_paginator("list_targets").paginate(targetGroupIdentifier=arn):
                    found += [
                        RegisteredTarget(entry["id"], entry.get("port"), entry["status"].lower())
                        for entry in page["items"]
                        if normalized(entry["id"]) in wanted
                    ]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise
        return tuple(found)

    def health(self, arn: str, targets: Sequence[RegisteredTarget]) -> tuple[RegisteredTarget, ...] | None:
        """Return those of `targets` that the target group still lists, with their present health.

        None when the target group has been deleted.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        listed = self.registrations(arn, [target.id for target in targets])
        ports = {(normalized(target.id), target.port) for target in targets}
        return None if listed is None else tuple(each for each in listed if (normalized(each.id), each.port) in ports)

    def deregister(self, arn: str, targets: Sequence[RegisteredTarget]) -> None:
        """Deregister `targets`. What the answer calls unsuccessful, the next look finds registered.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        try:
            with calling("vpc-lattice:DeregisterTargets"):
                self._clients.vpc_lattice.deregister_targets(
                    targetGroupIdentifier=arn,
                    targets=[
                        {"id": target.id} if target.port is None else {"id": target.id, "port": target.port}
                        for target in targets
                    ],
                )
        except CallFailed as failed:
            # Deleted a moment ago: there is nothing to deregister from.
            if failed.failure.consequence is not Consequence.NOT_FOUND:
                raise
