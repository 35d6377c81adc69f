"""Target groups of VPC Lattice: targets by id and port, which drain until their requests in flight have ended.

moto knows none. A drained target is not listed any more.
Sources: VPC Lattice API reference (`RegisterTargets`, `DeregisterTargets`, `ListTargets`) and "Register targets with a
VPC Lattice target group" in the user guide.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.core.exceptions import JsonRESTError
from moto.resourcegroupstaggingapi.responses import ResourceGroupsTaggingAPIResponse
from moto.vpclattice.responses import VPCLatticeResponse

from asg_lifecycle_simulator.services.base import Service, page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moto.core.responses import ActionResult

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Response

PAGE = 100


@dataclass(kw_only=True)
class LatticeTarget:
    """One target. Times are seconds since the epoch.

    Attributes:
        id: instance id or address.
        port: its port.
        status: while it is registered.
        drained_at: when it is gone, infinite as long as requests do not end; None while it is registered.
    """

    id: str
    port: int
    status: str = "HEALTHY"
    drained_at: float | None = None


@dataclass(kw_only=True)
class LatticeTargetGroup:
    """One target group.

    Attributes:
        arn: its ARN.
        requests_end_after: seconds from the deregistration of a target until its requests in flight have ended.
        targets: what is registered or still drains.
        tags: its tags.
        lost: how many deregistrations are accepted and have no effect.
    """

    arn: str
    requests_end_after: float = 30.0
    targets: list[LatticeTarget] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    lost: int = 0


class Lattice(Service):
    """The target groups of VPC Lattice in a region.

    Attributes:
        groups: by ARN.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self.groups: dict[str, LatticeTargetGroup] = {}

    def install(self) -> None:
        """Answer what moto does not."""
        operations: dict[str, Callable[[LatticeTargetGroup, dict[str, Any]], Response]] = {
            "list_targets": self._list,
            "deregister_targets": self._deregister,
            "register_targets": self._register,
        }
        self.answer(VPCLatticeResponse, {name: partial(self._of_group, it) for name, it in operations.items()})
        tagging = ResourceGroupsTaggingAPIResponse
        self.answer(tagging, {"get_resources": partial(self._tagged, tagging.get_resources)})

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Forget the instances."""
        for group in self.groups.values():
            group.targets = [target for target in group.targets if target.id not in instance_ids]

    def target_group(self, name: str, *targets: str, port: int = 80, requests_end_after: float = 30.0) -> str:
        """Make a target group, and return its ARN.

        Args:
            name: letters and digits, 17 at most, that its id ends with.
            targets: what is registered.
            port: on which.
            requests_end_after: see `LatticeTargetGroup`.
        """
        arn = self.arn("vpc-lattice", f"targetgroup/tg-{name:0>17}")
        group = self.groups[arn] = LatticeTargetGroup(arn=arn, requests_end_after=requests_end_after)
        group.targets = [LatticeTarget(id=target, port=port) for target in targets]
        return arn

    def registered(self, target: str) -> list[str]:
        """Return the ARNs of the target groups where a target is registered and does not drain."""
        return [
            group.arn
            for group in self.groups.values()
            if any(each.id == target and each.drained_at is None for each in group.targets)
        ]

    def serving(self, target: str) -> list[str]:
        """Return the ARNs of the target groups that send a target requests, or have some in flight to it."""
        return [arn for arn, group in self.groups.items() if any(each.id == target for each in self._present(group))]

    def register(self, arn: str, target: str, port: int = 80) -> None:
        """Register a target that is not registered."""
        if arn not in self.registered(target):
            self.groups[arn].targets.append(LatticeTarget(id=target, port=port))

    def drain(self, arn: str, target: str) -> float:
        """Deregister a target; return when it is drained, seconds since the epoch."""
        group, ends = self.groups[arn], self.now
        for each in group.targets:
            if each.id == target and each.drained_at is None:
                each.drained_at = ends = self.now + group.requests_end_after
                self.log(target, f"vpc-lattice deregistered {arn.rpartition('/')[2]}:{each.port}")
        return ends

    def _present(self, group: LatticeTargetGroup) -> list[LatticeTarget]:
        return [each for each in group.targets if self.now < (math.inf if each.drained_at is None else each.drained_at)]

    def _of_group(
        self, operation: Callable[[LatticeTargetGroup, dict[str, Any]], Response], response: VPCLatticeResponse
    ) -> Response:
        identifier = unquote(response.path.split("/targetgroups/")[1].rpartition("/")[0])
        group = next((it for arn, it in self.groups.items() if identifier in {arn, arn.rpartition("/")[2]}), None)
        if group is None:
            raise JsonRESTError("ResourceNotFoundException", f"TargetGroup {identifier} not found")
        query = {name: values[0] for name, values in response.querystring.items()}
        return operation(group, {**query, **json.loads(response.body or "{}")})

    def _tagged(
        self,
        others: Callable[[ResourceGroupsTaggingAPIResponse], ActionResult],
        response: ResourceGroupsTaggingAPIResponse,
    ) -> Response:
        """Add the target groups that carry all of the tags to the last page of what moto knows."""
        moto: Any = others(response).result
        found: dict[str, Any] = dict(moto)
        filters = response._get_param("TagFilters", [])  # noqa: SLF001 - moto's way to the parameters
        kinds = response._get_param("ResourceTypeFilters", [])  # noqa: SLF001 - likewise
        if not found.get("PaginationToken") and (not kinds or "vpc-lattice:targetgroup" in kinds):
            found["ResourceTagMappingList"] = [
                *found["ResourceTagMappingList"],
                *(
                    {"ResourceARN": group.arn, "Tags": [{"Key": key, "Value": it} for key, it in group.tags.items()]}
                    for group in self.groups.values()
                    if all(group.tags.get(each["Key"]) in each["Values"] for each in filters)
                ),
            ]
        return found

    def _list(self, group: LatticeTargetGroup, request: dict[str, Any]) -> Response:
        shown = [
            {"id": each.id, "port": each.port, "status": each.status if each.drained_at is None else "DRAINING"}
            for each in self._present(group)
        ]
        return page(shown, "items", request, most=PAGE, size="maxResults", position="nextToken")

    def _register(self, group: LatticeTargetGroup, request: dict[str, Any]) -> Response:
        for each in request["targets"]:
            self.register(group.arn, each["id"], each.get("port", 80))
        return {"successful": request["targets"], "unsuccessful": []}

    def _deregister(self, group: LatticeTargetGroup, request: dict[str, Any]) -> Response:
        if group.lost:
            group.lost -= 1
            return {"successful": request["targets"], "unsuccessful": []}
        for each in request["targets"]:
            self.drain(group.arn, each["id"])
        return {"successful": request["targets"], "unsuccessful": []}
