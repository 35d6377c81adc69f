"""The Auto Scaling operations that moto's own answers would get wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.autoscaling.exceptions import AutoscalingClientError, ResourceContentionError, ValidationError
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from asg_lifecycle_simulator.services.autoscaling.actions import NoActiveActionError
from asg_lifecycle_simulator.services.autoscaling.activities import USER_REQUEST
from asg_lifecycle_simulator.services.autoscaling.capacity import CapacityResponse
from asg_lifecycle_simulator.services.autoscaling.model import Group, WarmPool
from asg_lifecycle_simulator.services.autoscaling.requests import hook_fields, hook_of, result_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.core.common_types import TYPE_RESPONSE
    from moto.core.request import Request

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.autoscaling.engine import Engine
    from asg_lifecycle_simulator.services.autoscaling.model import Hook, Instance

INSTANCES_A_PAGE = 50


class LifecycleResponse(CapacityResponse):
    """Answers one request; moto finds the method by the operation's name."""

    def __init__(self, region: Region, engine: Engine, put_hook: Callable[[Hook, bool], None]) -> None:
        super().__init__(engine, region.new_id)
        self._simulated = region
        self._put_hook = put_hook

    def setup_class(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - moto's signature, handed on
        """Read the request.

        Raises:
            ValueError: it was sent to another region than the simulated one.
        """
        super().setup_class(*arguments, **named)
        if self.region != self._simulated.name:
            raise ValueError(f"the simulated region is {self._simulated.name}, the request was for {self.region}")

    def answer(self, request: Request, full_url: str | None = None, headers: object = None) -> TYPE_RESPONSE:
        """Answer `request`, which moto's AutoScalingResponse has handed over."""
        return BaseResponse._dispatch(self, request, full_url, headers)  # noqa: SLF001 - moto's way in

    def create_auto_scaling_group(self) -> ActionResult:
        """Create a group, its hooks, and then its instances."""
        name = self._get_param("AutoScalingGroupName")
        if name in self._engine.groups:
            raise AutoscalingClientError("AlreadyExists", "AutoScalingGroup by this name already exists")
        super().create_auto_scaling_group()
        group = self._engine.groups[name] = Group(name)
        for fields in self._get_param("LifecycleHookSpecificationList", []):
            self._put_hook(hook_of(group, fields), bool(fields.get("NotificationTargetARN")))
        self._set_policy(group)
        shown = self._fleet.group(name)
        shown.set_desired_capacity(shown.desired_capacity)
        return EmptyResult()

    def update_auto_scaling_group(self) -> ActionResult:
        """Change a group."""
        group = self._group()
        self._set_policy(group)
        if self._get_param("CapacityRebalance") is not None:
            rebalances = self._get_bool_param("CapacityRebalance", False)  # noqa: FBT003 - moto's default
            self._fleet.group(group.name).capacity_rebalance = rebalances
        return super().update_auto_scaling_group()

    def describe_auto_scaling_groups(self) -> ActionResult:
        """Describe groups, with the sizes of their warm pools, which moto leaves out."""
        for group in self._engine.groups.values():
            pooled = sum(member.state.startswith("Warmed") for member in self._engine.members(group.name))
            shown = self._fleet.group(group.name)
            shown.warm_pool_size = pooled if group.warm_pool is not None else None  # type: ignore[attr-defined]
        return super().describe_auto_scaling_groups()

    def delete_auto_scaling_group(self) -> ActionResult:
        """Delete a group; by force with its instances, and their hooks do not fire (R25)."""
        name = self._group().name
        if self._engine.members(name) and not self._get_bool_param("ForceDelete", False):  # noqa: FBT003 - moto's default
            message = "You cannot delete an AutoScalingGroup while there are instances still in the group."
            raise AutoscalingClientError("ResourceInUse", message)
        self._engine.delete_group(name)
        del self._fleet.backend.autoscaling_groups[name]
        return EmptyResult()

    def set_desired_capacity(self) -> ActionResult:
        """Scale a group within its limits."""
        group = self._fleet.group(self._group().name)
        desired = self._get_int_param("DesiredCapacity")
        subject = f"New SetDesiredCapacity value {desired} is"
        if desired > (group.max_size or 0):
            raise ValidationError(f"{subject} above max value {group.max_size} for the AutoScalingGroup.")
        if desired < (group.min_size or 0):
            raise ValidationError(f"{subject} below min value {group.min_size} for the AutoScalingGroup.")
        return super().set_desired_capacity()

    def describe_auto_scaling_instances(self) -> ActionResult:
        """Describe the instances of all groups and warm pools, page by page."""
        wanted = set(self._get_param("InstanceIds", []))
        known = [instance.id for instance in self._engine.instances.values() if not wanted or instance.id in wanted]
        page, token = self._page(known, INSTANCES_A_PAGE)
        return ActionResult({"AutoScalingInstances": [self._fleet.shown(one) for one in page], "NextToken": token})

    def terminate_instance_in_auto_scaling_group(self) -> ActionResult:
        """Terminate one instance of a group."""
        instance = self._instance(self._get_param("InstanceId"))
        group, why = instance.group, USER_REQUEST
        if self._get_bool_param("ShouldDecrementDesiredCapacity", False):  # noqa: FBT003 - moto's default
            # Before the instance goes, or it would be replaced.
            self._decrement(instance)
            left = self._engine.groups[group].desired
            why = f"{USER_REQUEST}, shrinking the capacity from {left + 1} to {left}"
        self._engine.terminate(instance, why)
        return ActionResult({"Activity": self._activity(group, f"Terminating EC2 instance: {instance.id}")})

    def attach_instances(self) -> ActionResult:
        """Attach running instances (R25)."""
        group = self._group()
        instance_ids = self._get_param("InstanceIds", [])
        if group.desired + len(instance_ids) > group.max_size:
            raise ResourceContentionError
        with self._engine.reconciled_after(group.name):
            for instance_id in instance_ids:
                self._fleet.adopt(instance_id, group.name)
                self._engine.adopt(instance_id, group.name)
            self._grow(group.name, len(instance_ids))
        return EmptyResult()

    def detach_instances(self) -> ActionResult:
        """Detach instances (R25)."""
        return self._take_out("Detaching EC2 instance", self._engine.release)

    def enter_standby(self) -> ActionResult:
        """Put instances into standby (R25)."""
        return self._take_out(
            "Moving EC2 instance to Standby", lambda instance: self._engine.standby(instance, enter=True)
        )

    def exit_standby(self) -> ActionResult:
        """Put instances back into service (R25)."""
        group = self._group()
        instances = [self._instance(one) for one in self._get_param("InstanceIds", [])]
        with self._engine.reconciled_after(group.name):
            for instance in instances:
                self._engine.standby(instance, enter=False)
            self._grow(group.name, len(instances))
        what = "Moving EC2 instance out of Standby"
        return ActionResult({"Activities": [self._activity(group.name, f"{what}: {one.id}") for one in instances]})

    def set_instance_protection(self) -> ActionResult:
        """Spare instances at scale-in, or no longer."""
        for instance_id in self._get_param("InstanceIds", []):
            self._instance(instance_id).protected = bool(self._get_bool_param("ProtectedFromScaleIn"))
        return super().set_instance_protection()

    def put_lifecycle_hook(self) -> ActionResult:
        """Add or change a hook (R3, R19, R20, R29)."""
        fields = self._get_params()
        self._put_hook(hook_of(self._group(), fields), bool(fields.get("NotificationTargetARN")))
        return EmptyResult()

    def describe_lifecycle_hooks(self) -> ActionResult:
        """Describe the hooks of a group."""
        names = self._get_param("LifecycleHookNames", [])
        hooks = [hook for hook in self._group().hooks.values() if not names or hook.name in names]
        return ActionResult({"LifecycleHooks": [hook_fields(hook) for hook in hooks]})

    def delete_lifecycle_hook(self) -> ActionResult:
        """Delete a hook and complete its actions (R24)."""
        group, name = self._group(), self._get_param("LifecycleHookName")
        if name not in group.hooks:
            raise ValidationError(f"No Lifecycle Hook found with name: {name}")
        self._engine.delete_hook(group.name, name)
        return EmptyResult()

    def complete_lifecycle_action(self) -> ActionResult:
        """End a lifecycle action (R7 to R13)."""
        result = result_of(self._get_param("LifecycleActionResult"))
        try:
            self._engine.actions.complete(*self._which_action(), result)
        except NoActiveActionError as error:
            raise ValidationError(str(error)) from error
        return EmptyResult()

    def record_lifecycle_action_heartbeat(self) -> ActionResult:
        """Keep a lifecycle action alive (R4, R5, R11 to R13)."""
        try:
            self._engine.actions.heartbeat(*self._which_action())
        except NoActiveActionError as error:
            raise ValidationError(str(error)) from error
        return EmptyResult()

    def put_warm_pool(self) -> ActionResult:
        """Set or change a warm pool and fill it (R22)."""
        super().put_warm_pool()
        prepared = self._get_int_param("MaxGroupPreparedCapacity")
        pool = WarmPool(
            min_size=self._get_int_param("MinSize", 0),
            max_prepared=None if prepared in (None, -1) else prepared,
            state=self._get_param("PoolState", "Stopped"),
            reuse_on_scale_in=bool(self._get_param("InstanceReusePolicy", {}).get("ReuseOnScaleIn", False)),
        )
        self._engine.put_warm_pool(self._group().name, pool)
        return EmptyResult()

    def describe_warm_pool(self) -> ActionResult:
        """Describe a warm pool and its instances, page by page."""
        group = self._group()
        warmed = [one for one in self._engine.members(group.name) if one.state.startswith("Warmed")]
        page, token = self._page(warmed, INSTANCES_A_PAGE)
        return ActionResult(
            {
                "WarmPoolConfiguration": self._fleet.group(group.name).warm_pool,
                "Instances": [self._fleet.shown(instance.id) for instance in page],
                "NextToken": token,
            }
        )

    def delete_warm_pool(self) -> ActionResult:
        """Empty and remove a warm pool."""
        super().delete_warm_pool()
        self._engine.put_warm_pool(self._group().name, None)
        return EmptyResult()

    def _instance(self, instance_id: str) -> Instance:
        if instance_id not in self._engine.instances:
            raise ValidationError(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")
        return self._engine.instances[instance_id]

    def _which_action(self) -> tuple[str, str, str | None, str | None]:
        token, instance_id = self._get_param("LifecycleActionToken"), self._get_param("InstanceId")
        if token is None and instance_id is None:
            raise ValidationError("Either a lifecycle action token or an instance ID is required")
        return self._get_param("AutoScalingGroupName"), self._get_param("LifecycleHookName"), token, instance_id

    def _set_policy(self, group: Group) -> None:
        policy = self._get_param("InstanceLifecyclePolicy")
        if policy is not None:
            action = policy.get("RetentionTriggers", {}).get("TerminateHookAbandon", "terminate")
            group.retains = action == "retain"
            self._fleet.show_policy(group.name, policy)

    def _take_out(self, what: str, take: Callable[[Instance], None]) -> ActionResult:
        group = self._group()
        instances = [self._instance(instance_id) for instance_id in self._get_param("InstanceIds", [])]
        decrement = self._get_bool_param("ShouldDecrementDesiredCapacity", False)  # noqa: FBT003 - moto's default
        with self._engine.reconciled_after(group.name):
            for instance in instances:
                take(instance)
            self._grow(group.name, -len(instances) if decrement else 0)
        return ActionResult({"Activities": [self._activity(group.name, f"{what}: {one.id}") for one in instances]})

    def _grow(self, name: str, by: int) -> None:
        group = self._fleet.group(name)
        group.set_desired_capacity((group.desired_capacity or 0) + by)

    def _activity(self, group: str, description: str) -> dict[str, object]:
        now = datetime.fromtimestamp(self._simulated.timeline.now(), UTC)
        return {
            "ActivityId": self._simulated.new_id(),
            "AutoScalingGroupName": group,
            "Description": description,
            "Cause": f"At {now.isoformat()}, in response to a user request.",
            "StartTime": now,
            "StatusCode": "InProgress",
            "Progress": 0,
        }
