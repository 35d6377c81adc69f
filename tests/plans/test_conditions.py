"""Conditions in plans: values that are not known, and those with which a step would never run, are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.cli.explain import explain
from asg_lifecycle.model.conditions import Condition
from asg_lifecycle.plans.validation import find_problems, parse

if TYPE_CHECKING:
    from pathlib import Path

WAIT = {"kind": "wait", "options": {"duration": "5s"}}
COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript"}}
ON_LAUNCH = {"kind": "wait-for-status-checks"}
NAMES = {"kind": "deregister-cloud-map", "options": {"namespaces": ["shop.internal"]}}
CHOICES = ", ".join(sorted(Condition))

GOOD: list[list[dict[str, Any]]] = [
    [{**WAIT, "when": "spot"}],
    [{**WAIT, "when": ["scale-in", "rebalance"], "unless": "unreachable"}],
    [{**WAIT, "unless": "gone"}, {**COMMAND, "when": ["gone", "spot"]}],
    [WAIT, {**WAIT, "when": "earlier-step-failed"}],
    [{"parallel": [{**WAIT, "when": "spot"}, {**COMMAND, "unless": ["unreachable", "gone"]}]}],
    [{**NAMES, "when": "survives", "when_instance_survives": "run"}],
    [{**ON_LAUNCH, "unless": "spot"}],
]

BAD: list[tuple[list[dict[str, Any]], str]] = [
    ([{**WAIT, "when": "spto"}], f"step 1: when is 'spto'; valid: {CHOICES}"),
    ([{**WAIT, "unless": []}], f"step 1: unless is []; valid: {CHOICES}"),
    ([{**WAIT, "unless": ["spot", 3]}], f"step 1: unless is ['spot', 3]; valid: {CHOICES}"),
    (
        [{"parallel": [WAIT], "when": "spot"}],
        "step 1: unknown field 'when'; valid for steps side by side: on_failure, parallel, timeout",
    ),
    (
        [{**WAIT, "when": "spot", "unless": ["gone", "spot"]}],
        "step 1: wait: unless names all that when names (spot), so it would never run",
    ),
    (
        [{**COMMAND, "when": ["gone"]}],
        "step 1: run-command: its kind is skipped when the instance is gone, so with when: gone it would never run",
    ),
    (
        [{**NAMES, "when": "survives"}],
        "step 1: deregister-cloud-map: its kind is skipped when the instance survives; add when_instance_survives: run",
    ),
    (
        [{"parallel": [WAIT, {**WAIT, "when": "earlier-step-failed"}]}],
        "step 1: parallel step 2: wait: no step comes before it that could fail, so it would never run",
    ),
    (
        [ON_LAUNCH, {"parallel": [{**WAIT, "unless": "scale-in"}]}],
        "step 2: parallel step 1: scale-in is a condition for terminate hooks, and the plan is for launch hooks",
    ),
]


@pytest.mark.parametrize("steps", GOOD)
def test_conditions_are_read(steps: list[dict[str, Any]]) -> None:
    assert find_problems({"steps": steps}) == ()
    assert parse({"steps": steps}).conditions


@pytest.mark.parametrize(("steps", "said"), BAD)
def test_what_cannot_be_meant_is_refused(steps: list[dict[str, Any]], said: str) -> None:
    assert [str(problem) for problem in find_problems({"steps": steps})] == [said]


def test_explain_says_the_conditions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    message = {
        "Service": "AWS Auto Scaling",
        "Time": "2026-11-29T10:00:00Z",
        "AccountId": "123456789012",
        "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
        "AutoScalingGroupName": "web",
        "LifecycleHookName": "asg-lifecycle-drain",
        "EC2InstanceId": "i-1234567890abcdef0",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "NotificationMetadata": json.dumps(
            {"plan": {"steps": [{**WAIT, "when": ["spot", "gone"], "unless": "unreachable"}]}}
        ),
    }
    (tmp_path / "event.json").write_text(json.dumps(message))
    explain(str(tmp_path / "event.json"))
    assert "1. wait (when spot or gone, unless unreachable)" in capsys.readouterr().out
