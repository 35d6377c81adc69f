"""The Auto Scaling operations about target groups and traffic sources that are attached to groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from asg_lifecycle_simulator.services.autoscaling.requests import Item, page_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle_simulator.services.autoscaling.engine import Engine
    from asg_lifecycle_simulator.services.autoscaling.model import Group

TARGET_GROUPS_A_PAGE = 100
TRAFFIC_SOURCES_A_PAGE = 50


class AttachmentResponse(AutoScalingResponse):
    """Answers one request about a group and what is attached to it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._fleet = engine.fleet

    def attach_load_balancer_target_groups(self) -> ActionResult:
        """Attach target groups and register what is in service."""
        group = self._group()
        self._fleet.group(group.name).append_target_groups(self._get_param("TargetGroupARNs", []))
        self._engine.register_in_service(group.name)
        return EmptyResult()

    def describe_load_balancer_target_groups(self) -> ActionResult:
        """Describe the attached target groups, page by page."""
        arns = self._fleet.group(self._group().name).target_group_arns
        page, token = self._page(arns, TARGET_GROUPS_A_PAGE)
        attached = [{"LoadBalancerTargetGroupARN": arn, "State": "Added"} for arn in page]
        return ActionResult({"LoadBalancerTargetGroups": attached, "NextToken": token})

    def attach_traffic_sources(self) -> ActionResult:
        """Attach traffic sources and register what is in service (R31)."""
        group = self._group()
        for source in self._get_param("TrafficSources", []):
            group.traffic_sources[source["Identifier"]] = source["Type"]
        self._engine.register_in_service(group.name)
        return EmptyResult()

    def describe_traffic_sources(self) -> ActionResult:
        """Describe what was attached by `AttachTrafficSources`, page by page."""
        attached = self._group().traffic_sources
        wanted = self._get_param("TrafficSourceType")
        chosen = [identifier for identifier, kind in attached.items() if wanted in {None, kind}]
        page, token = self._page(chosen, TRAFFIC_SOURCES_A_PAGE)
        shown = [{"Identifier": each, "Type": attached[each], "State": "Added"} for each in page]
        return ActionResult({"TrafficSources": shown, "NextToken": token})

    def _page(self, items: Sequence[Item], most: int) -> tuple[Sequence[Item], str | None]:
        return page_of(items, self._get_param("NextToken"), min(self._get_int_param("MaxRecords", most), most))

    def _group(self) -> Group:
        name = self._get_param("AutoScalingGroupName")
        if name not in self._engine.groups:
            raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        return self._engine.groups[name]
