"""The step kind `wait-for-capacity`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Done, Missing
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.capacity import Capacity, GroupCapacityReader, TargetGroupReader
from asg_lifecycle.steps.support.capacity_options import WaitForCapacityOptions
from asg_lifecycle.steps.support.sentences import counted, listed
from asg_lifecycle.steps.support.service_capacity import DeploymentReader, EcsServiceReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.model.progress import Failed, StepAnswer
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services


class WaitForCapacityState(Struct, frozen=True, kw_only=True):
    """What was desired when the step began; None where nothing said it."""

    desired: int | None


class WaitForCapacity(StatefulStep[WaitForCapacityOptions, WaitForCapacityState]):
    """Wait until there is enough capacity without the instance.

    Of the Auto Scaling group those instances are counted that are InService and healthy, of a target group the healthy
    targets, of an ECS service the tasks that run, of a deployment the pods that are available. What is on this
    instance, and on others of its group that are on their way out or stand by, is not counted; nor is the warm pool.

    Never more than desired is waited for, which is read at every poll: a replacement that will never come, because the
    desired capacity was lowered, keeps no instance. Scale-in has lowered it before the instance goes, so there is
    mostly nothing to wait for then; instance refresh, a failed health check and the maximum instance lifetime have not,
    and the group launches the replacement while the instance waits. For an instance that only gets a new root volume no
    other one comes, so one less is waited for. A target group has no desired number: with `at_least` as many healthy
    targets as that are waited for, whosoever they are; without it, as many instances of the group as are desired.

    Where the group cannot launch, because its process Launch is suspended or it has its maximum size, the step says so
    and goes on waiting. Two instances may wait for each other's replacement so: give the step a timeout.

    Targets by address are known by the addresses of instances; tasks and pods with addresses of their own are counted
    with `service` or `deployment`.
    """

    kind = "wait-for-capacity"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"target_group": "web", "at_least": 2}
    permissions = ("autoscaling:DescribeAutoScalingGroups",)
    template_parameter = "CapacitySteps"
    optional_permissions: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "TargetGroupSteps": ("elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"),
        "EcsSteps": (
            "ecs:DescribeClusters",
            "ecs:DescribeContainerInstances",
            "ecs:DescribeServices",
            "ecs:DescribeTasks",
            "ecs:ListContainerInstances",
            "ecs:ListTasks",
        ),
        "KubernetesSteps": ("eks:DescribeCluster", "ssm:GetParameter"),
    }
    parameters_by_option: ClassVar[Mapping[str, str]] = {
        "target_group": "TargetGroupSteps",
        "service": "EcsSteps",
        "deployment": "KubernetesSteps",
    }
    needs_instance_alive = True
    may_be_missing = "target groups, services, clusters and deployments"

    def __init__(self, options: WaitForCapacityOptions, services: Services) -> None:
        super().__init__(options, services)
        self._reader: GroupCapacityReader | TargetGroupReader | EcsServiceReader | DeploymentReader
        if options.target_group is not None:
            self._reader = TargetGroupReader(options.target_group, options.at_least, services)
        elif options.service is not None:
            self._reader = EcsServiceReader(options.service, options.at_least, services)
        elif options.deployment is not None:
            self._reader = DeploymentReader(options.deployment, options.at_least, services)
        else:
            self._reader = GroupCapacityReader(options.at_least)

    def preview(self, target: Target) -> str:
        """Say how much there is now."""
        capacity = self._read(target)
        if isinstance(capacity, Missing):
            return capacity.detail
        if not isinstance(capacity, Capacity):
            return f"would fail: {capacity.reason}"
        needed = counted(capacity.needed, capacity.noun)
        return f"would wait until {capacity.where} has {needed} without {_this(target)}; now: {capacity.found}"

    def begin(self, target: Target) -> StepAnswer:
        """Count for the first time."""
        return self._answer(target, None)

    def poll(self, target: Target, state: WaitForCapacityState) -> StepAnswer:
        """Count again."""
        return self._answer(target, state)

    def _answer(self, target: Target, state: WaitForCapacityState | None) -> StepAnswer:
        capacity = self._read(target)
        if not isinstance(capacity, Capacity):
            return capacity
        before = state.desired if state is not None else None
        why = self._why_no_more(capacity, before)
        if capacity.enough:
            found = counted(capacity.found, capacity.noun)
            return Done(f"{capacity.where} has {found} without {_this(target)}, {capacity.needed} needed{why}")
        short = capacity.needed - capacity.found
        missing = listed((f"{each.name}: {each.reason}" for each in capacity.missing), "; ")
        return self._waiting(
            f"waiting for {counted(short, f'more {capacity.noun}')} in {capacity.where}: {capacity.found} of "
            f"{capacity.needed} without {_this(target)}{why}; {missing}",
            WaitForCapacityState(desired=before if before is not None else capacity.desired),
            blockers=capacity.missing,
        )

    def _why_no_more(self, capacity: Capacity, before: int | None) -> str:
        """Return why no more than that is waited for, the end of a sentence about it; empty where the plan says so."""
        desired, asked = capacity.desired, self._options.at_least
        if desired is None:
            return ""
        if before is not None and desired < before:
            return f", because no more than {desired} are desired since {before} were when the step began"
        return f", because no more than {desired} are desired" if asked is not None and asked > desired else ""

    def _read(self, target: Target) -> Capacity | Missing | Failed:
        name = target.action.group
        group = self._services.group_states.of(name)
        return (
            self._reader.read(target, group) if group is not None else Missing(f"there is no Auto Scaling group {name}")
        )


def _this(target: Target) -> str:
    return f"instance {target.action.instance}"
