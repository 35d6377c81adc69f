"""Metadata that is meant as a plan is understood or holds the action; it never falls through in silence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from asg_lifecycle.cli.app import application
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.plans.metadata import RIGHT_FORM
from asg_lifecycle.plans.selection import plan_offline

if TYPE_CHECKING:
    from asg_lifecycle.model.plans import PlanDecision

PLAN = {"steps": [{"kind": "wait", "options": {"duration": "5m"}}]}
WHOLE = json.dumps({"plan": PLAN})


def decide(metadata: str) -> PlanDecision:
    return plan_offline(
        LifecycleAction(
            token=None,
            group="web",
            hook="asg-lifecycle-terminate",
            instance="i-1234567890abcdef0",
            transition=Transition.TERMINATING,
            time=0.0,
            metadata=metadata,
        )
    )


@pytest.mark.parametrize(
    "metadata",
    [
        WHOLE,
        json.dumps(WHOLE),
        json.dumps({"plan": json.dumps(PLAN)}),
        json.dumps({"plan": f"\n {json.dumps(PLAN)}"}),
        json.dumps(json.dumps({"plan": json.dumps(PLAN)})),
    ],
    ids=["as it should be", "JSON in JSON", "the plan as JSON text", "with space before", "both"],
)
def test_it_is_understood_where_nothing_else_can_be_meant(metadata: str) -> None:
    decision = decide(metadata)
    assert decision.problems == ()
    assert decision.plan is not None
    assert [step.kind for step in decision.plan.steps] == ["wait"]


def test_a_name_in_one_more_layer_of_json_is_a_name() -> None:
    assert decide(json.dumps(json.dumps({"plan": "web"}))).name == "web"


NEAR_MISSES = {
    "YAML": ("plan: web", "it is not JSON"),
    "YAML of a whole plan": ("# ours\nplan:\n  steps:\n  - kind: wait\n", "it is not JSON"),
    "YAML of a bare plan": ("steps:\n- kind: drain-ecs\n", "it is not JSON"),
    "YAML in JSON": (json.dumps("plan: web"), "it is not JSON"),
    "YAML as the plan": (json.dumps({"plan": "steps:\n- kind: wait"}), "neither JSON nor a name"),
    "key and value": ("plan=web", "it is not JSON"),
    "no quotes": ("{plan: web}", "it is not JSON"),
    "single quotes": ("{'plan': 'web'}", "JSON has double quotes"),
    "escaped quotes": (r"{\"plan\": \"web\"}", "its quotes are escaped with backslashes"),
    "cut off": (WHOLE[:-3], "it is not JSON"),
    "a comma too many": ('{"plan": "web",}', "it is not JSON"),
    "another key": ('{"Plan": "web"}', 'its key is written "Plan" and not "plan"'),
    "the plural": ('{"plans": ["web"]}', 'its key is written "plans"'),
    "capitals and space": ('{" PLAN ": {"steps": []}}', 'its key is written " PLAN "'),
    "a bare plan": (json.dumps(PLAN), 'its steps are not below the key "plan"'),
    "a bare plan side by side": (json.dumps({"steps": [{"parallel": PLAN["steps"]}]}), "its steps are not below"),
    "a plan in something else": (json.dumps({"asg": {"lifecycle": PLAN}}), "its steps are not below"),
    "a list": (f"[{WHOLE}]", "it is a list"),
    "a list of steps": (json.dumps(PLAN["steps"]), "its steps are not below"),
}


@pytest.mark.parametrize(("metadata", "words"), NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_near_miss_is_held_with_the_right_form(metadata: str, words: str) -> None:
    decision = decide(metadata)
    assert (decision.source, decision.plan) == ("hook metadata", None)
    (problem,) = decision.problems
    assert words in problem
    assert problem.endswith(RIGHT_FORM)
    assert not decision.observe


@pytest.mark.parametrize("metadata", [r"{\"plan\": \"web\"}", "plan: web", WHOLE[:-3]])
def test_single_quotes_are_not_spoken_of_where_there_are_none(metadata: str) -> None:
    (problem,) = decide(metadata).problems
    assert "JSON has double quotes" not in problem


@pytest.mark.parametrize(
    ("metadata", "observe"),
    [
        ('{"steps": [{"kind": "wait"}], "observe": true}', True),
        ("plan: {observe: yes, steps: []}", True),
        ("{'plan': {'observe': 'true'}}", True),
        ("plan: {observe: false, steps: []}", False),
        ("plan: web", False),
    ],
)
def test_a_near_miss_that_is_to_observe_touches_nothing(metadata: str, *, observe: bool) -> None:
    decision = decide(metadata)
    assert decision.problems
    assert decision.observe is observe


def test_explain_says_the_same_as_the_handler() -> None:
    for metadata, words in NEAR_MISSES.values():
        event: dict[str, Any] = {
            "id": "1",
            "detail-type": "EC2 Instance-terminate Lifecycle Action",
            "source": "aws.autoscaling",
            "account": "123456789012",
            "time": "2026-01-13T00:12:37Z",
            "region": "eu-central-1",
            "resources": [],
            "detail": {
                "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
                "AutoScalingGroupName": "web",
                "LifecycleHookName": "asg-lifecycle-terminate",
                "EC2InstanceId": "i-1234567890abcdef0",
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
                "NotificationMetadata": metadata,
            },
        }
        result = CliRunner().invoke(application, ["explain", "-", "--json"], input=json.dumps(event))
        assert result.exit_code == 0, result.output
        (explained,) = json.loads(result.stdout)
        (problem,) = explained["plan"]["problems"]
        assert words in problem
