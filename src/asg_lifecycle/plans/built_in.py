"""The plans for hooks that name none: what can be found out about the instance decides their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.plans import IfMissing, Plan, PlannedStep, plan_transition
from asg_lifecycle.plans.value_problems import listed
from asg_lifecycle.steps.support.cluster_choice import CLUSTER_NAME_TAGS, CLUSTER_TAG, clusters_named_by
from asg_lifecycle.steps.support.ecs_registrations import ECS_CLUSTER_TAG, ECS_MANAGED_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asg_lifecycle.model.actions import LifecycleAction

GROUP_TAG = "asg-lifecycle:group"
"""The tag of a target group that an Auto Scaling group is in without being attached: the group's name."""

DEFAULT_FEATURES = frozenset({"TargetGroupSteps", "StatusCheckSteps"})
"""Of the features that built-in plans use, those that the template grants where nobody chose."""

TAGS_LOOKED_FOR = {
    "EcsSteps": (ECS_CLUSTER_TAG, ECS_MANAGED_TAG),
    "KubernetesSteps": (*CLUSTER_NAME_TAGS, f"{CLUSTER_TAG}NAME"),
}
"""Features whose built-in steps depend on tags of the instance, and which."""

NEEDING_TAGS = frozenset(TAGS_LOOKED_FOR)

FEATURES_USED = {
    Transition.LAUNCHING: ("StatusCheckSteps",),
    Transition.TERMINATING: ("TargetGroupSteps", "EcsSteps", "KubernetesSteps"),
}
"""Features that the built-in plan of a transition has steps for."""


def built_in_plan(action: LifecycleAction, features: frozenset[str], tags: Mapping[str, str]) -> Plan:
    """Return the plan for an action whose hook and group name none.

    On the way in EC2's status checks; on the way out the target groups that are attached to the group or tagged for it,
    the tasks of a container instance, and the pods of a Kubernetes node. Only steps that the deployment grants.

    Args:
        action: the action.
        features: the features that are switched on.
        tags: of the instance.
    """
    steps = _way_in(features) if action.transition is Transition.LAUNCHING else _way_out(features, tags)
    return Plan(steps=tuple(steps))


def why_empty(action: LifecycleAction, features: frozenset[str]) -> str:
    """Return why the built-in plan has no step for an action, and what to do about it."""
    used = FEATURES_USED[action.transition]
    off = [name for name in used if name not in features]
    tags = [tag for name in used if name in features for tag in TAGS_LOOKED_FOR.get(name, ())]
    reasons = [f"switched off: {listed(off)}"] if off else []
    if tags:
        reasons.append(f"instance {action.instance} has none of the tags {listed(tags)}")
    transition = plan_transition(action.transition)
    return (
        f"no plan was found, and the built-in one has no step for this instance; {'; '.join(reasons)}. "
        f"Put a plan for {transition} hooks, or one with `steps: []` where nothing has to be done"
    )


def _way_in(features: frozenset[str]) -> Iterator[PlannedStep]:
    if "StatusCheckSteps" in features:
        yield PlannedStep(kind="wait-for-status-checks")


def _way_out(features: frozenset[str], tags: Mapping[str, str]) -> Iterator[PlannedStep]:
    if "TargetGroupSteps" in features:
        yield PlannedStep(
            kind="deregister-targets",
            options={"of_group": True, "tags": {GROUP_TAG: "{group}"}},
            # Most groups have no target group that is tagged for them.
            if_missing=IfMissing.DONE,
        )
    if "EcsSteps" in features:
        if cluster := tags.get(ECS_CLUSTER_TAG):
            yield PlannedStep(kind="drain-ecs", options={"cluster": cluster})
        elif ECS_MANAGED_TAG in tags:
            yield PlannedStep(kind="drain-ecs")
    if "KubernetesSteps" in features and clusters_named_by(tags):
        # The step reads the tags itself: they may name several clusters.
        yield PlannedStep(kind="drain-kubernetes")
