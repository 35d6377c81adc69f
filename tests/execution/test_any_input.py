"""Whatever people and machines write in tags, metadata and plans that the check accepts kills no execution."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asg_lifecycle.aws.plan_store import TAG as PLAN_TAG
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.records import Status, blockers_of
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES
from asg_lifecycle.plans.validation import find_problems
from asg_lifecycle.steps.support.cluster_choice import CLUSTER_NAME_TAGS, CLUSTER_TAG
from asg_lifecycle.steps.support.ecs_registrations import ECS_CLUSTER_TAG
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import Parameters
from asg_lifecycle_simulator.deployment.testbed import Testbed as SimulatedTestbed
from tests.model.test_plans_properties import as_json, good_plans, near_plans, values

if TYPE_CHECKING:
    from collections.abc import Mapping

QUARTER = 900.0
"""Seconds: what goes wrong, goes wrong at the beginning."""
LAUNCH = 10.0
"""Seconds in which a launch, and several when each is abandoned, begin."""
GROUP = "web"
HOOK = "asg-lifecycle-hook"
LONGEST_METADATA = 1023
"""Characters that a hook takes (R9)."""

tag_text = st.text(st.characters(categories=("L", "N", "Zs"), include_characters="+-=._:/@"), max_size=40)
"""What EC2 and Auto Scaling take in a tag."""
tag_keys = (
    st.sampled_from(sorted({PLAN_TAG, ECS_CLUSTER_TAG, "AmazonECSManaged", *CLUSTER_NAME_TAGS}))
    | tag_text.map(lambda name: f"{CLUSTER_TAG}{name}")
    | tag_text.filter(lambda key: key and not key.startswith("aws:"))
)
tags = st.dictionaries(tag_keys, tag_text, max_size=4)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("\t\n\r"))
metadata = (
    printable
    | near_plans.map(lambda plan: json.dumps({"plan": plan}))
    | values.map(lambda value: json.dumps({"plan": value}))
    | good_plans.map(lambda plan: json.dumps({"plan": as_json(plan)}))
    | st.just("")
).filter(lambda text: len(text) <= LONGEST_METADATA)


def as_tags(drawn: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in drawn.items()]


# The same examples in every run: what fails in CI is the change, not the draw.
@settings(max_examples=15, derandomize=True)
@given(st.sampled_from(["LAUNCHING", "TERMINATING"]), metadata, tags, tags, st.none() | good_plans.map(as_json))
@example("TERMINATING", "", {ECS_CLUSTER_TAG: "cluster.with.dots"}, {}, None)
@example("TERMINATING", "", {f"{CLUSTER_TAG}a.k8s.local": "owned"}, {}, None)
@example("LAUNCHING", "", {}, {}, {"transition": "launch", "result": "abandon", "dry_run": True})
def test_no_execution_fails_and_a_held_record_says_why(
    transition: str,
    metadata: str,
    instance_tags: dict[str, str],
    group_tags: dict[str, str],
    plan: Any,
) -> None:
    features = DEFAULT_FEATURES | {"EcsSteps", "KubernetesSteps"}
    with SimulatedTestbed(partial(Deployment, parameters=Parameters(features=features))) as testbed:
        if plan is not None:
            assert not find_problems(plan)
            testbed.deployment.put_plan(GROUP, plan, PlanTransition(plan["transition"]))
        (instance,) = testbed.autoscaling.create_group(GROUP, capacity=1, max_size=2)
        hook = {"NotificationMetadata": metadata} if metadata else {}
        testbed.autoscaling.put_hook(GROUP, HOOK, transition, HeartbeatTimeout=7200, **hook)
        with testbed.region.unobserved():
            testbed.region.client("autoscaling").create_or_update_tags(
                Tags=[
                    {**tag, "ResourceId": GROUP, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": True}
                    for tag in as_tags(group_tags)
                ]
            )
            testbed.region.client("ec2").create_tags(Resources=[instance], Tags=as_tags(instance_tags))
        testbed.run_command.manage(instance)
        if transition == "LAUNCHING":
            testbed.autoscaling.scale(GROUP, 2)
        else:
            testbed.autoscaling.terminate(instance)

        testbed.run(LAUNCH)
        # What is abandoned on its way in is replaced, and replaced again, while there is demand. One instance would
        # still be demand: the one in service would go, since one on its way in cannot.
        testbed.autoscaling.scale(GROUP, 0)
        testbed.run(QUARTER)

        assert {execution.status for execution in testbed.deployment.executions} <= {"RUNNING", "SUCCEEDED"}
        # A launch that a plan abandons is launched again, with an action of its own.
        assert testbed.deployment.records()
        assert len({record.instance for record in testbed.deployment.records()}) == len(testbed.deployment.records())
        for record in testbed.deployment.records():
            assert msgspec.json.encode(record)
            if record.status is Status.HELD:
                assert record.problem
            if record.status in {Status.HELD, Status.WORKING} and record.present_steps:
                assert record.detail
            assert all(blocker.name and blocker.reason for blocker in blockers_of(record))
