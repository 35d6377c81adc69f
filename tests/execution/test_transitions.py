"""A plan is for one transition, and a plan that nobody wrote releases nothing."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import Parameters
from asg_lifecycle_simulator.deployment.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.model.records import Record

LAUNCH, TERMINATE = PlanTransition.LAUNCH, PlanTransition.TERMINATE
HOOKS = {LAUNCH: "asg-lifecycle-launch", TERMINATE: "asg-lifecycle-terminate"}
TRANSITIONS = {LAUNCH: "LAUNCHING", TERMINATE: "TERMINATING"}
NOTHING: dict[str, Any] = {"steps": []}


class Both(Testbed[Deployment]):
    """A group with a hook for each transition, and one instance that waits at one of them."""

    def __init__(self, features: frozenset[str] = DEFAULT_FEATURES) -> None:
        super().__init__(partial(Deployment, parameters=Parameters(features=features)))

    def waits(self, transition: PlanTransition, metadata: object = None, tag: str | None = None) -> Record:
        """Return the record of an instance that has waited for five minutes at the hook of `transition`."""
        carried = {} if metadata is None else {"NotificationMetadata": json.dumps(metadata)}
        (first,) = self.autoscaling.create_group("web", max_size=5)
        if tag is not None:
            tagged = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "asg-lifecycle:plan"}
            with self.region.unobserved():
                self.region.client("autoscaling").create_or_update_tags(
                    Tags=[{**tagged, "Value": tag, "PropagateAtLaunch": False}]
                )
        self.run(60)
        for each, hook in HOOKS.items():
            self.autoscaling.put_hook("web", hook, TRANSITIONS[each], HeartbeatTimeout=900, **carried)
        if transition is TERMINATE:
            self.autoscaling.terminate(first)
        else:
            self.autoscaling.scale("web", 2)
        self.run(300)
        (record,) = self.deployment.records()
        return record


@pytest.fixture
def both() -> Iterator[Both]:
    with Both() as made:
        yield made


# A plan that nobody wrote


@pytest.mark.parametrize(
    ("features", "transition", "words"),
    [
        (frozenset[str](), LAUNCH, ["switched off: StatusCheckSteps."]),
        (frozenset[str](), TERMINATE, ["switched off: EcsSteps, KubernetesSteps, TargetGroupSteps."]),
        (
            frozenset({"EcsSteps", "KubernetesSteps"}),
            TERMINATE,
            [
                "switched off: TargetGroupSteps; instance i-",
                "has none of the tags AmazonECSManaged, asg-lifecycle:ecs-cluster, aws:eks:cluster-name, eks:cluster-",
                "name, eks:cluster-name, kubernetes.io/cluster/NAME.",
            ],
        ),
    ],
)
def test_a_built_in_plan_without_steps_holds_and_says_why(
    features: frozenset[str], transition: PlanTransition, words: list[str]
) -> None:
    with Both(features) as testbed:
        record = testbed.waits(transition)
        assert (record.status, record.plan_source) == ("held", "built-in")
        assert "no plan was found, and the built-in one has no step for this instance" in (record.problem or "")
        assert [word for word in words if word not in (record.problem or "")] == []
        assert testbed.completions() == []


def test_a_plan_without_steps_that_somebody_wrote_completes() -> None:
    with Both(frozenset()) as testbed:
        record = testbed.waits(TERMINATE, {"plan": NOTHING})
        assert (record.status, testbed.completions()) == ("completed", ["CONTINUE CompleteLifecycleAction"])


# A plan for one transition


@pytest.mark.parametrize("transition", PlanTransition)
@pytest.mark.parametrize("name", ["web", "default"])
def test_the_plan_of_the_other_transition_is_not_followed(both: Both, transition: PlanTransition, name: str) -> None:
    both.deployment.put_plan(name, {"steps": [{"kind": "wait", "options": {"duration": "30d"}}]}, transition.other)
    record = both.waits(transition)
    assert record.plan_source == "built-in"
    assert f"there is no plan named web or default for {transition} hooks" in (record.plan_why or "")


@pytest.mark.parametrize("transition", PlanTransition)
def test_a_name_has_a_plan_for_each_transition(both: Both, transition: PlanTransition) -> None:
    for each in PlanTransition:
        both.deployment.put_plan("web", {"steps": [], "description": f"for {each}"}, each)
    record = both.waits(transition)
    assert record.plan_source == "group name"
    assert record.plan_why == f"it has the name of group web and is for {transition} hooks"
    assert f'"for {transition}"' in (record.plan_decision or "")


def test_a_group_without_a_plan_for_the_transition_goes_on_to_default(both: Both) -> None:
    both.deployment.put_plan("web", NOTHING, LAUNCH)
    both.deployment.put_plan("default", NOTHING, TERMINATE)
    assert both.waits(TERMINATE).plan_source == "default"


@pytest.mark.parametrize("transition", PlanTransition)
@pytest.mark.parametrize("how", ["hook", "tag"])
def test_what_names_a_plan_of_the_other_transition_holds(both: Both, transition: PlanTransition, how: str) -> None:
    both.deployment.put_plan("mine", NOTHING, transition.other)
    both.deployment.put_plan("web", NOTHING, transition)
    record = both.waits(transition, {"plan": "mine"}) if how == "hook" else both.waits(transition, tag="mine")
    assert record.status == "held"
    expected = f"plan 'mine' is for {transition.other} hooks, and there is none of this name for {transition} hooks"
    assert record.problem == expected


@pytest.mark.parametrize(
    ("transition", "plan", "words"),
    [
        (LAUNCH, {"steps": [{"kind": "drain-ecs"}]}, "step 1: drain-ecs is for terminate hooks, and the plan is for"),
        (
            LAUNCH,
            {"steps": [], "transition": "terminate"},
            "the plan is for terminate hooks, and this is a launch hook",
        ),
        (
            TERMINATE,
            {"steps": [{"parallel": [{"kind": "deregister-targets"}, {"kind": "register-targets"}]}]},
            "step 1: parallel step 2: register-targets is for launch hooks, and the plan is for terminate hooks",
        ),
    ],
)
def test_a_plan_of_a_hook_that_is_for_the_other_transition_holds(
    both: Both, transition: PlanTransition, plan: dict[str, Any], words: str
) -> None:
    record = both.waits(transition, {"plan": plan})
    assert record.status == "held"
    assert words in (record.problem or "")
    assert both.completions() == []


def test_a_stored_plan_that_says_another_transition_than_its_place_holds(both: Both) -> None:
    both.deployment.put_plan("web", {"steps": [], "transition": "launch"}, TERMINATE)
    record = both.waits(TERMINATE)
    assert (record.status, record.plan_source) == ("held", "group name")
    assert "the plan is for launch hooks, and this is a terminate hook" in (record.problem or "")


def test_a_launch_that_names_no_plan_asks_for_no_tags() -> None:
    with Both(DEFAULT_FEATURES | {"EcsSteps", "KubernetesSteps"}) as testbed:
        testbed.waits(LAUNCH)
        # Once, for what EC2 knows of the instance.
        assert testbed.region.calls["ec2", "DescribeInstances"] == 1
