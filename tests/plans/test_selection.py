from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.plans import IfMissing, OnFailure, OnTimeout, Plan, PlanDecision, PlannedStep
from asg_lifecycle.model.resource_names import PLACEHOLDERS
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES, built_in_plan
from asg_lifecycle.plans.selection import plan_offline
from asg_lifecycle.plans.validation import PLAN_FIELDS, STEP_FIELDS, build, find_problems
from asg_lifecycle.steps.catalog import KINDS

if TYPE_CHECKING:
    from asg_lifecycle.steps.services import Services

PLAN_NAMES = ", ".join(sorted(PLAN_FIELDS))
STEP_NAMES = ", ".join(sorted(STEP_FIELDS))
KIND_NAMES = ", ".join(sorted(KINDS))
DOCUMENT = (
    "the name of a command document, up to 128 letters, digits, dots, hyphens and underscores, or its ARN "
    "'arn:aws:ssm:REGION:ACCOUNT:document/NAME'"
)
NAME_TEXT = f"text without braces but those of placeholders: {PLACEHOLDERS}"


def services() -> Services:
    """Return what steps are made with. No client is made before a step works."""
    clients = Clients()
    return compose_services(clients, LifecycleActions(clients, time.time), time.time)


def decide(metadata: str | None, transition: Transition = Transition.TERMINATING) -> PlanDecision:
    return plan_offline(
        LifecycleAction(
            token="87654321-4321-4321-4321-210987654321",  # noqa: S106 - names an action, opens nothing
            group="web",
            hook="asg-lifecycle-drain",
            instance="i-1234567890abcdef0",
            transition=transition,
            time=0.0,
            metadata=metadata,
        )
    )


def problems_of(plan: object) -> tuple[str, ...]:
    decision = decide(json.dumps({"plan": plan}))
    assert decision.plan is None
    assert decision.source == "hook metadata"
    return decision.problems


# What is ours, and what is not


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "",
        "additional-info",
        "plan",
        '"plan"',
        "5",
        "null",
        "true",
        "[]",
        '["plan"]',
        "{}",
        '{"steps": []}',
        '{"steps": [{"kind": "approval"}]}',
        '{"Plan": null}',
        '{"team": "web", "plans": []}',
        "the plan: none",
        "role=web;plan=gold",
        '{"role":"web","drain":true}',
        '{"owner": "team", "inner": {"plan": {"steps": []}}}',
        '{"plan": null}',
        "[" * 4000,
        "[" * 100_000,
    ],
)
@pytest.mark.parametrize("transition", Transition)
def test_metadata_that_is_not_ours_is_left_alone(metadata: str | None, transition: Transition) -> None:
    decision = decide(metadata, transition)
    assert decision.source == "built-in"
    assert decision.plan == built_in_plan(action(transition), DEFAULT_FEATURES, {})
    assert decision.problems == ()
    assert "asg-lifecycle-drain" in decision.why


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ('{"plan": 5}', "the plan is a number; expected an object"),
        ('{"plan": true}', "the plan is a boolean; expected an object"),
        ('{"plan": []}', "the plan is a list; expected an object"),
        ('{"plan": {"steps": []', "is not JSON"),
        ('{"plan":' * 400 + "1" + "}" * 400 + ",", "is not JSON"),
    ],
)
def test_a_plan_that_was_meant_and_cannot_be_read_is_a_problem(metadata: str, words: str) -> None:
    decision = decide(metadata)
    assert (decision.source, decision.plan) == ("hook metadata", None)
    assert words in decision.problems[0]


def action(transition: Transition) -> LifecycleAction:
    return LifecycleAction(
        token="t",  # noqa: S106 - a lifecycle action token
        group="web",
        hook="h",
        instance="i-12345678",
        transition=transition,
        time=0.0,
    )


TARGETS = PlannedStep(
    kind="deregister-targets",
    options={"of_group": True, "tags": {"asg-lifecycle:group": "{group}"}},
    if_missing=IfMissing.DONE,
)
EVERYTHING = DEFAULT_FEATURES | {"EcsSteps", "KubernetesSteps"}


@pytest.mark.parametrize(
    ("features", "tags", "expected"),
    [
        (DEFAULT_FEATURES, {}, (TARGETS,)),
        (frozenset(), {}, ()),
        (EVERYTHING, {"Name": "web"}, (TARGETS,)),
        (EVERYTHING, {"AmazonECSManaged": ""}, (TARGETS, PlannedStep(kind="drain-ecs"))),
        (
            EVERYTHING,
            {"AmazonECSManaged": "", "asg-lifecycle:ecs-cluster": "prod"},
            (TARGETS, PlannedStep(kind="drain-ecs", options={"cluster": "prod"})),
        ),
        (
            EVERYTHING,
            {"kubernetes.io/cluster/shop": "owned"},
            (TARGETS, PlannedStep(kind="drain-kubernetes")),
        ),
        (DEFAULT_FEATURES, {"AmazonECSManaged": "", "eks:cluster-name": "shop"}, (TARGETS,)),
    ],
)
def test_the_built_in_plan_on_the_way_out(
    features: frozenset[str], tags: dict[str, str], expected: tuple[PlannedStep, ...]
) -> None:
    plan = built_in_plan(action(Transition.TERMINATING), features, tags)
    assert plan.steps == expected
    assert plan.on_failure is OnFailure.HOLD
    assert find_problems(json.loads(msgspec.json.encode(plan))) == ()


def test_the_built_in_plan_on_the_way_in() -> None:
    plan = built_in_plan(action(Transition.LAUNCHING), DEFAULT_FEATURES, {})
    assert plan.steps == (PlannedStep(kind="wait-for-status-checks"),)
    assert built_in_plan(action(Transition.LAUNCHING), frozenset(), {}).steps == ()


def test_a_plan_beside_what_is_somebody_elses() -> None:
    decision = decide('{"team": "blue", "plan": {"steps": []}, "ticket": 5}')
    assert decision.plan == Plan()
    assert decision.source == "hook metadata"


# Plans that can be used


def test_a_whole_plan() -> None:
    decision = decide(
        json.dumps(
            {
                "plan": {
                    "steps": [
                        {
                            "kind": "run-command",
                            "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop", "now"]}},
                        },
                        {"kind": "deregister-targets", "options": {"names": ["web"], "tags": {"a": "b"}}},
                        {"kind": "deregister-targets"},
                    ],
                    "on_failure": "continue",
                    "on_timeout": "continue",
                }
            }
        )
    )
    assert decision.problems == ()
    assert decision.plan == Plan(
        steps=(
            PlannedStep(
                kind="run-command",
                options={"document": "AWS-RunShellScript", "parameters": {"commands": ["stop", "now"]}},
            ),
            PlannedStep(kind="deregister-targets", options={"names": ["web"], "tags": {"a": "b"}}),
            PlannedStep(kind="deregister-targets"),
        ),
        on_failure=OnFailure.CONTINUE,
        on_timeout=OnTimeout.CONTINUE,
    )
    built = [build(step, services()) for step in decision.plan.steps]
    assert [step.kind for step in built] == ["run-command", "deregister-targets", "deregister-targets"]


def test_the_same_kind_can_be_planned_twice() -> None:
    step = {"kind": "deregister-targets"}
    decision = decide(json.dumps({"plan": {"steps": [step, step]}}))
    assert decision.plan is not None
    assert len(decision.plan.steps) == 2


def test_an_empty_plan_does_nothing_and_holds_nothing() -> None:
    assert decide('{"plan": {}}').plan == Plan()


def test_of_a_name_given_twice_the_last_counts() -> None:
    decision = decide('{"plan": {"on_failure": "abandon", "on_failure": "continue"}}')
    assert decision.plan == Plan(on_failure=OnFailure.CONTINUE)
    assert decide('{"plan": {"on_failure": "hold", "on_failure": "nothing"}}').plan is None


# Plans that cannot


def test_every_problem_is_reported_at_once() -> None:
    problems = problems_of(
        {
            "steps": [
                {"kind": "drain"},
                {"kind": "deregister-targets", "options": {"arn": [], "names": "web", "of_group": "yes"}, "name": 1},
                {"kind": "run-command", "options": {"parameters": {"commands": "stop"}}},
                "run-command",
            ],
            "on_failure": "retry",
            "on_timeout": 5,
            "timeout": 60,
            "tiemout": "5m",
        }
    )
    assert problems == (
        f"unknown field 'tiemout' in the plan, perhaps 'timeout' is meant; valid: {PLAN_NAMES}",
        "timeout is 60; expected a duration such as '90s', '15m', '1h30m' or '2d', a second at least",
        "on_failure is 'retry'; valid: abandon, continue, hold",
        "on_timeout is 5; valid: abandon, continue, hold",
        f"step 1: unknown kind 'drain'; valid: {KIND_NAMES}",
        f"step 2: unknown field 'name'; valid: {STEP_NAMES}",
        "step 2: deregister-targets: unknown option 'arn', perhaps 'arns' is meant; valid: arns, names, of_group, tags",
        "step 2: deregister-targets: option 'names': is 'web'; expected a list",
        "step 2: deregister-targets: option 'of_group': is 'yes'; expected true or false",
        "step 3: run-command: option 'document' is missing",
        "step 3: run-command: option 'parameters.commands': is 'stop'; expected a list",
        f"step 4: is a string; expected an object with {STEP_NAMES}",
    )


@pytest.mark.parametrize("name", ["web", "", "deregister-targets", "\ud800", "a" * 3_000])
def test_offline_a_named_plan_is_only_named(name: str) -> None:
    decision = decide(json.dumps({"plan": name}))
    assert (decision.source, decision.plan, decision.name, decision.problems) == ("hook metadata", None, name, ())
    assert "the plan store was not asked" in decision.why


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        ({"step": []}, f"unknown field 'step' in the plan, perhaps 'steps' is meant; valid: {PLAN_NAMES}"),
        (
            {"kind": "run-command"},
            "unknown field 'kind' in the plan; it is a field of a step, and steps stand below steps",
        ),
        ({"steps": None}, "steps is null; expected a list"),
        ({"steps": {}}, "steps is an object; expected a list"),
        ({"steps": "deregister-targets"}, "steps is a string; expected a list"),
        ({"steps": 1.5}, "steps is a number; expected a list"),
        ({"steps": False}, "steps is a boolean; expected a list"),
        ({"steps": [None]}, f"step 1: is null; expected an object with {STEP_NAMES}"),
        ({"steps": [[]]}, f"step 1: is a list; expected an object with {STEP_NAMES}"),
        ({"steps": [{}]}, f"step 1: kind is missing; valid: {KIND_NAMES}"),
        ({"steps": [{"kind": ""}]}, f"step 1: unknown kind ''; valid: {KIND_NAMES}"),
        ({"steps": [{"kind": ["run-command"]}]}, f"step 1: unknown kind ['run-command']; valid: {KIND_NAMES}"),
        (
            {"steps": [{"kind": "Run-Command"}]},
            f"step 1: unknown kind 'Run-Command', perhaps 'run-command' is meant; valid: {KIND_NAMES}",
        ),
        (
            {"steps": [{"kind": "deregister-target"}]},
            f"step 1: unknown kind 'deregister-target', perhaps 'deregister-targets' is meant; valid: {KIND_NAMES}",
        ),
        (
            {"steps": [{"kind": "deregister-targets", "names": ["web"]}]},
            "step 1: unknown field 'names'; it is an option of deregister-targets, and stands below options",
        ),
        (
            {"steps": [{"kind": "wait", "options": {"duration": "5m"}, "run-command": {}}]},
            "step 1: unknown field 'run-command'; a kind is written as kind: run-command",
        ),
        (
            {"steps": [{"kind": "deregister-targets", "options": None}]},
            "step 1: deregister-targets: options is null; expected an object",
        ),
        (
            {"steps": [{"kind": "deregister-targets", "options": []}]},
            "step 1: deregister-targets: options is a list; expected an object",
        ),
        ({"on_failure": None}, "on_failure is None; valid: abandon, continue, hold"),
        ({"on_failure": "HOLD"}, "on_failure is 'HOLD'; valid: abandon, continue, hold"),
        ({"on_failure": ["hold"]}, "on_failure is ['hold']; valid: abandon, continue, hold"),
        ({"on_timeout": "wait"}, "on_timeout is 'wait'; valid: abandon, continue, hold"),
        ({"on_timeout": {}}, "on_timeout is {}; valid: abandon, continue, hold"),
        ({"result": "hold"}, "result is 'hold'; valid: abandon, continue"),
        ({"dry_run": 1}, "dry_run is 1; expected true or false"),
        ({"description": 1}, "description is 1; expected a string"),
        (
            {"timeout": "0s"},
            "timeout is '0s'; expected a duration such as '90s', '15m', '1h30m' or '2d', a second at least",
        ),
        (
            {"timeout": "1 h"},
            "timeout is '1 h'; expected a duration such as '90s', '15m', '1h30m' or '2d', a second at least",
        ),
        (
            {"steps": [{"kind": "deregister-targets", "timeout": 5}]},
            "step 1: timeout is 5; expected a duration such as '90s', '15m', '1h30m' or '2d', a second at least",
        ),
        (
            {"steps": [{"kind": "deregister-targets", "on_failure": "stop"}]},
            "step 1: on_failure is 'stop'; valid: abandon, continue, hold",
        ),
        (
            {"steps": [{"kind": "deregister-targets", "when_instance_survives": True}]},
            "step 1: when_instance_survives is True; valid: run, skip",
        ),
        (
            {"steps": [{"parallel": [{"kind": "drain-ecs"}], "when_instance_survives": 5}]},
            (
                "step 1: unknown field 'when_instance_survives'; "
                "valid for steps side by side: on_failure, parallel, timeout"
            ),
        ),
        ({"steps": [{"parallel": []}]}, "step 1: parallel is empty; expected a list of steps"),
        ({"steps": [{"parallel": {}}]}, "step 1: parallel is an object; expected a list of steps"),
        (
            {"steps": [{"parallel": [{"kind": "deregister-targets"}], "kind": "run-command"}]},
            "step 1: unknown field 'kind'; valid for steps side by side: on_failure, parallel, timeout",
        ),
        (
            {"steps": [{"parallel": [{"parallel": [{"kind": "deregister-targets"}]}]}]},
            "step 1: parallel step 1: steps side by side cannot be nested",
        ),
        (
            {"steps": [{"parallel": [{"kind": "deregister-targets"}, {"kind": "drain"}]}]},
            f"step 1: parallel step 2: unknown kind 'drain'; valid: {KIND_NAMES}",
        ),
    ],
)
def test_a_wrong_plan(plan: object, problem: str) -> None:
    assert problems_of(plan) == (problem,)


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        (
            "wait-for-metric",
            {"metrics": {}, "comparison": "<", "threshold": 1},
            "option 'metrics': is an empty object; expected an object of at least 1 entries",
        ),
        ("run-command", {"document": None}, f"option 'document': is null; expected {DOCUMENT}"),
        ("run-command", {"document": 1e400}, f"option 'document': is a very large number; expected {DOCUMENT}"),
        ("run-command", {"document": "\ud800"}, f"option 'document': is broken Unicode '\\ud800'; expected {DOCUMENT}"),
        (
            "run-command",
            {"document": "D", "version": "\ud800"},
            "option 'version': broken Unicode, half a surrogate pair",
        ),
        ("run-command", {"document": "D", "version": 1}, "option 'version': is the number 1; expected a string"),
        (
            "run-command",
            {"document": "D", "parameters": {"\udfff": ["a"]}},
            "option 'parameters.\\udfff': its name: broken Unicode, half a surrogate pair",
        ),
        (
            "run-command",
            {"document": "D", "parameters": {"a": ["b", None]}},
            "option 'parameters.a[1]': is null; expected a string",
        ),
        ("deregister-targets", {"tags": {"a": [5]}}, f"option 'tags.a': is a list of 1; expected {NAME_TEXT}"),
        ("deregister-targets", {"arns": {"a": "b"}}, "option 'arns': is an object with 'a'; expected a list"),
        ("deregister-targets", {"arns": None}, "option 'arns': is null; expected a list"),
        ("deregister-targets", {"tags": {"a": 5}}, f"option 'tags.a': is the number 5; expected {NAME_TEXT}"),
        ("deregister-targets", {"tags": ["a"]}, "option 'tags': is a list of 1; expected an object"),
        ("deregister-targets", {"of_group": 1}, "option 'of_group': is the number 1; expected true or false"),
        ("deregister-targets", {"of_group": "true"}, "option 'of_group': is 'true'; expected true or false"),
        ("deregister-targets", {"of_group": None}, "option 'of_group': is null; expected true or false"),
    ],
)
def test_a_wrong_option(kind: str, options: dict[str, Any], problem: str) -> None:
    plan = {"steps": [{"kind": kind, "options": options}]}
    assert problems_of(plan) == (f"step 1: {kind}: {problem}",)


def test_the_largest_number_metadata_can_hold() -> None:
    # 4000 characters of metadata (R29) hold less than the 4300 digits Python refuses to read.
    (problem,) = problems_of({"on_timeout": 10**3_900})
    assert problem.endswith("valid: abandon, continue, hold")


# Anything at all

any_text = st.text(st.characters(exclude_categories=()), max_size=8)
words = st.sampled_from(["web", "AWS-RunShellScript", "", "hold", "continue", "abandon", *KINDS]) | any_text
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
option_values = (
    st.booleans() | words | st.lists(words, max_size=2) | st.dictionaries(words, words | st.lists(words)) | anything
)
option_names = st.sampled_from([name for step in KINDS.values() for name in step.options.__struct_fields__])
near_steps = st.fixed_dictionaries(
    {"kind": st.sampled_from(sorted(KINDS))},
    optional={"options": st.dictionaries(option_names, option_values, max_size=4)},
)
near_plans = st.fixed_dictionaries(
    {},
    optional={
        "steps": st.lists(near_steps | anything, max_size=3) | anything,
        "on_failure": st.sampled_from(OnFailure) | anything,
        "on_timeout": st.sampled_from(OnTimeout) | anything,
    },
)
good_steps = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("run-command")},
    ).flatmap(
        lambda step: st.fixed_dictionaries(
            {"document": st.from_regex("[A-Za-z0-9_.-]{1,128}", fullmatch=True)},
            optional={
                "version": st.none() | st.text(),
                "parameters": st.dictionaries(st.text(), st.lists(st.text(), max_size=2), max_size=2),
            },
        ).map(lambda options: {**step, "options": options})
    ),
    st.fixed_dictionaries(
        {"kind": st.just("deregister-targets")},
        optional={
            "options": st.fixed_dictionaries(
                {},
                optional={
                    "arns": st.just([f"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/{1:016x}"]),
                    "names": st.lists(st.from_regex("[A-Za-z0-9-]{1,32}", fullmatch=True), max_size=2),
                    "tags": st.dictionaries(st.text(), st.text(st.characters(exclude_characters="{}")), max_size=2),
                    "of_group": st.booleans(),
                },
            )
        },
    ),
)


@given(anything | near_plans)
@example({"steps": [{"kind": "deregister-targets", "options": {"names": ["\ud800"]}}]})
def test_whatever_stands_as_plan_gives_a_decision_that_holds_or_can_be_carried_out(plan: object) -> None:
    decision = decide(json.dumps({"plan": plan}))
    assert (decision.plan is None) is (bool(decision.problems) or decision.name is not None)
    for problem in decision.problems:
        assert "\n" not in problem
    for step in decision.plan.steps if decision.plan is not None else ():
        build(step, services())
    # The decision goes through a checkpoint and comes back the same.
    assert msgspec.json.decode(msgspec.json.encode(decision), type=PlanDecision) == decision


@given(st.lists(good_steps, max_size=4))
def test_every_plan_with_right_options_can_be_carried_out(steps: list[dict[str, Any]]) -> None:
    decision = decide(json.dumps({"plan": {"steps": steps}}))
    assert decision.problems == ()
    assert decision.plan is not None
    assert [build(step, services()).kind for step in decision.plan.steps] == [step["kind"] for step in steps]
    assert msgspec.json.decode(msgspec.json.encode(decision), type=PlanDecision) == decision


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_no_metadata_raises(metadata: str) -> None:
    assert isinstance(decide(metadata), PlanDecision)


@pytest.mark.parametrize("limit", [0, -1, 1001, 1.5, "3", True, []])
def test_a_limit_on_drains_that_is_none_is_said(limit: object) -> None:
    (problem,) = map(str, find_problems({"steps": [], "drains_per_group": limit}))
    assert problem == f"drains_per_group is {limit!r}; expected a whole number from 1 to 1000, or nothing"


@pytest.mark.parametrize("limit", [1, 1000, None])
def test_a_limit_on_drains(limit: int | None) -> None:
    assert find_problems({"steps": [], "drains_per_group": limit}) == ()
