"""The checks of `doctor` where the simulated region is not needed, and what holds for all of them."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from asg_lifecycle.aws.permissions import CORE_PERMISSIONS
from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.doctor.facts import AccountFacts, GroupFacts, HookFacts, RuleFacts, StackFacts
from asg_lifecycle.model.doctor.findings import Severity
from asg_lifecycle.model.doctor.hooks import time_given
from asg_lifecycle.model.doctor.operation import storms, version_numbers
from asg_lifecycle.model.doctor.registry import CHECKS, diagnose
from asg_lifecycle.model.doctor.rules import other_rules, rule_missing, target_and_rule
from asg_lifecycle.model.doctor.simulated_resources import NOT_TRIED, RESOURCES, by_resources
from asg_lifecycle.model.plans import Plan, PlannedStep
from asg_lifecycle.model.timing import HookTimeouts
from asg_lifecycle.steps.catalog import CATALOG
from tests.template import checks as template_checks
from tests.template.expanded import source

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "operations" / "doctor.md").read_text()
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:lifecycle-action:live"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/own"
OURS = HookFacts(
    name="asg-lifecycle-terminate",
    transition=Transition.TERMINATING,
    timeouts=HookTimeouts(heartbeat=900, overall=90_000),
    default_result="ABANDON",
)


def facts(*hooks: HookFacts, desired: int = 1, outputs: dict[str, str] | None = None, **more: Any) -> AccountFacts:
    group = GroupFacts(name="web", arn="arn", desired=desired, states={}, hooks=hooks)
    stack = StackFacts(
        name="asg-lifecycle", outputs={"FunctionAlias": FUNCTION, "RuleArn": RULE} | (outputs or {}), parameters={}
    )
    return AccountFacts(**({"stack": stack, "version": None, "group": None, "groups": (group,)} | more))


# What holds for every check


def test_names_are_words_joined_by_hyphens_and_each_is_there_once() -> None:
    names = [check.name for check in CHECKS]
    assert len(names) == len({*names})
    assert [name for name in names if not re.fullmatch(r"[a-z]+(-[a-z]+)+", name)] == []


def test_each_check_has_its_section_that_begins_with_its_severity() -> None:
    sections = dict(re.findall(r"^## (\S+)\n\n(\w+)\.", DOCUMENT, re.MULTILINE))
    assert sections == {check.name: check.severity.value.capitalize() for check in CHECKS}
    assert [*sections] == [check.name for check in CHECKS]


def test_an_account_of_which_nothing_could_be_read_gives_no_finding_but_for_what_was_not_read() -> None:
    nothing = facts(groups=None)
    assert diagnose(nothing) == ()


def test_errors_come_before_warnings_before_notes() -> None:
    assert [*Severity] == [Severity.ERROR, Severity.WARNING, Severity.NOTE]


# Permissions


def test_each_permission_is_tried_on_what_the_template_allows_it_on() -> None:
    """The template's own resources are the oracle: one that is tried elsewhere would be refused for no reason."""
    of_steps = {each for step in CATALOG for granted in step.permissions_by_parameter().values() for each in granted}
    needed = {*CORE_PERMISSIONS, *of_steps}
    tried = by_resources(
        needed,
        function=FUNCTION,
        stack="mine",
        table="records",
        plans="/asg-lifecycle/mine/plans",
        parameters=template_checks.NAMED_IN_LISTS,
    )
    values = {
        "${AWS::Partition}": "aws",
        "${AWS::Region}": "eu-west-1",
        "${AWS::AccountId}": "123456789012",
        "${AWS::StackName}": "mine",
        "${LifecycleActionFunction.Arn}": FUNCTION.rpartition(":")[0],
        "RecordsTable.Arn": "arn:aws:dynamodb:eu-west-1:123456789012:table/records",
    }
    wrong = []
    for resources, actions in tried.items():
        for action in actions:
            allowed = template_checks.RESOURCES[action]
            for name, value in values.items():
                allowed = {pattern.replace(name, value) for pattern in allowed}
            wrong += [
                (action, each) for each in resources if not any(fnmatchcase(each, pattern) for pattern in allowed)
            ]
            if action not in RESOURCES and allowed != {"*"}:
                wrong.append((action, "*"))
    assert wrong == []
    assert {action for actions in tried.values() for action in actions} == needed - NOT_TRIED
    assert RESOURCES.keys() <= needed


def test_permissions_are_tried_for_a_qualified_function_alone() -> None:
    with pytest.raises(ValueError, match="no qualified ARN"):
        by_resources(
            ["ec2:DescribeInstances"], function="lifecycle-action", stack="", table="", plans="", parameters={}
        )


# Plans and their time


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (Plan(), None),
        (Plan(steps=(PlannedStep(kind="wait"),)), None),
        (Plan(timeout="1h", steps=(PlannedStep(kind="wait", timeout="2h"),)), 3_600.0),
        (Plan(steps=(PlannedStep(kind="wait", timeout="1h"), PlannedStep(kind="wait"))), 3_600.0),
        (Plan(steps=(PlannedStep(kind="wait", timeout="1h"), PlannedStep(kind="wait", timeout="30m"))), 5_400.0),
        (
            Plan(
                steps=(
                    PlannedStep(
                        parallel=(PlannedStep(kind="wait", timeout="1h"), PlannedStep(kind="wait", timeout="3h"))
                    ),
                )
            ),
            10_800.0,
        ),
    ],
)
def test_how_long_a_plan_may_take(plan: Plan, expected: float | None) -> None:
    given = time_given(plan)
    assert (given[0] if given is not None else None) == expected


# Rules


def rule(name: str, *targets: str, enabled: bool = True) -> RuleFacts:
    arn = f"arn:aws:events:eu-west-1:123456789012:rule/{name}"
    pattern = {"source": ["aws.autoscaling"]}
    return RuleFacts(name=name, arn=arn, enabled=enabled, pattern=pattern, targets=targets)


@pytest.mark.parametrize(
    ("target", "answers"),
    [
        ("arn:aws:lambda:eu-west-1:123456789012:function:drain", True),
        ("arn:aws:sqs:eu-west-1:123456789012:drain", True),
        ("arn:aws:events:eu-west-1:123456789012:event-bus/other", True),
        ("arn:aws:logs:eu-west-1:123456789012:log-group:/events", False),
        ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/events", False),
        # An archive.
        ("arn:aws:events:eu-west-1:::", False),
    ],
)
def test_rules_that_only_keep_events_are_no_handlers(target: str, *, answers: bool) -> None:
    assert bool([*other_rules(facts(OURS, rules=(rule("other", target),)))]) is answers


def test_a_rule_that_is_disabled_or_ours_is_no_other_handler() -> None:
    target = "arn:aws:lambda:eu-west-1:123456789012:function:drain"
    others = (rule("own", target), rule("other", target, enabled=False))
    assert [*other_rules(facts(OURS, rules=others))] == []


def test_a_stack_that_tells_no_rule_is_told() -> None:
    old = facts(OURS, rules=())
    (seen,) = rule_missing(facts(OURS, rules=(), stack=StackFacts(name="old", outputs={}, parameters={})))
    assert "no output RuleArn" in seen.evidence
    assert len([*rule_missing(old)]) == 1


def test_a_disabled_rule_brings_nothing_twice() -> None:
    hook = HookFacts(
        name=OURS.name,
        transition=OURS.transition,
        timeouts=OURS.timeouts,
        default_result="ABANDON",
        target="arn:queue",
    )
    outputs = {"NotificationQueueArn": "arn:queue"}
    assert [*target_and_rule(facts(hook, outputs=outputs, rules=(rule("own", enabled=False),)))] == []
    assert len([*target_and_rule(facts(hook, outputs=outputs, rules=(rule("own"),)))]) == 1


# Storms and versions


@pytest.mark.parametrize(
    ("instances", "heartbeat", "found"),
    [(5_000, 300, True), (5_000, 900, False), (300, 30, False), (301, 30, True), (50, 30, False)],
)
def test_a_storm_is_as_large_as_the_document_on_performance_says(
    instances: int, heartbeat: int, *, found: bool
) -> None:
    hook = HookFacts(
        name=OURS.name,
        transition=Transition.TERMINATING,
        timeouts=HookTimeouts(heartbeat=heartbeat, overall=100 * heartbeat),
        default_result="ABANDON",
    )
    assert bool([*storms(facts(hook, desired=instances))]) is found


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.1.0", (0, 1, 0)),
        ("0.1", (0, 1, 0)),
        ("0.10.0", (0, 10, 0)),
        ("1.2.3.dev4", (1, 2, 3)),
        ("None", None),
        (None, None),
    ],
)
def test_versions_are_compared_by_their_numbers(text: str | None, numbers: tuple[int, ...] | None) -> None:
    assert version_numbers(text) == numbers


def test_the_stack_tells_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert source()["Outputs"]["Version"]["Value"] == project["version"]
