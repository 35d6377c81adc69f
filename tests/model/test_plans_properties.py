"""What holds for every plan that a hook's metadata may carry, and not only for the ones somebody thought of."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.composition.lifecycle_action import compose
from asg_lifecycle.model.actions import ActionResult, LifecycleAction, Transition
from asg_lifecycle.model.conditions import Condition
from asg_lifecycle.model.plans import (
    MOST_DRAINS,
    OnFailure,
    OnTimeout,
    Plan,
    PlanDecision,
    PlannedStep,
    PlanTransition,
    Result,
    WhenSurviving,
    plan_transition,
    timeout_result,
)
from asg_lifecycle.plans.selection import plan_offline
from asg_lifecycle.plans.transitions import transition_of
from asg_lifecycle.plans.validation import PLAN_FIELDS, STEP_FIELDS, PlanProblem, build, find_problems
from asg_lifecycle.settings import Settings
from asg_lifecycle.steps.catalog import KINDS

if TYPE_CHECKING:
    from asg_lifecycle.steps.services import Services

# The machine that runs this may be busy: time says nothing about the code.
any_text = st.text(st.characters(exclude_categories=()), max_size=20)
texts = st.text(max_size=20)
placeholders = st.sampled_from(["{instance}", "{private_ip}", "{tag:Name}", "{{group}}"])
name_texts = st.lists(
    placeholders | st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), min_size=1, max_size=9),
    min_size=1,
    max_size=2,
).map("".join)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | any_text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3), max_leaves=8
)

durations = st.tuples(st.integers(1, 999_999), st.sampled_from("dhms")).map(lambda parts: f"{parts[0]}{parts[1]}")
timeouts = st.none() | durations

OPTION_NAMES = sorted({field.name for step in KINDS.values() for field in msgspec.structs.fields(step.options)})

near_options = st.dictionaries(st.sampled_from(OPTION_NAMES) | any_text, values, max_size=4)
near_steps = st.fixed_dictionaries(
    {}, optional={"kind": st.sampled_from(sorted(KINDS)) | values, "options": near_options | values, "more": values}
)
near_plans = st.fixed_dictionaries(
    {},
    optional={
        "steps": st.lists(near_steps | values, max_size=4) | values,
        "on_failure": st.sampled_from(OnFailure) | values,
        "on_timeout": st.sampled_from(OnTimeout) | values,
        "drains_per_group": st.integers(-1, MOST_DRAINS + 1) | values,
        "timeout": durations | values,
        "result": st.sampled_from(Result) | values,
        "dry_run": values,
        "more": values,
    },
)

clusters = st.none() | st.from_regex("[0-9A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True)
ecs_clusters = st.from_regex("(arn:aws:ecs:eu-west-1:123456789012:cluster/)?[A-Za-z0-9_-]{1,20}", fullmatch=True)
target_group_names = st.from_regex("[A-Za-z0-9-]{1,32}", fullmatch=True)
target_group_arns = target_group_names.map(
    lambda name: f"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/73e2d6bc24d8a067"
)
dns_names = st.from_regex(
    r"(\*\.|\{instance\}\.|\{private_ip\}\.)?[A-Za-z0-9_-]{1,10}(\.[a-z]{1,5}){0,2}", fullmatch=True
)
volume_tags = st.fixed_dictionaries(
    {"key": st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=9), "value": name_texts}
)
zones = st.from_regex("Z[A-Z0-9]{1,20}", fullmatch=True)

written_options = {
    "add-dns-record": st.fixed_dictionaries(
        {"zone": zones, "name": dns_names},
        optional={
            "type": st.sampled_from(["A", "AAAA"]),
            "address": st.sampled_from(["private", "public"]),
            "ttl": st.integers(0, 999_999).map(lambda count: f"{count}s"),
            "routing": st.sampled_from(["simple", "multivalue"]),
        },
    ),
    "deregister-cloud-map": st.fixed_dictionaries(
        {"namespaces": st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=3)},
        optional={"services": st.lists(st.from_regex("srv-[a-z0-9]{1,20}", fullmatch=True), max_size=3)},
    ),
    "deregister-targets": st.fixed_dictionaries(
        {},
        optional={
            "arns": st.lists(target_group_arns, max_size=3),
            "names": st.lists(target_group_names, max_size=3),
            "tags": st.dictionaries(texts, name_texts, max_size=3),
            "of_group": st.booleans(),
        },
    ),
    "drain-ecs": st.fixed_dictionaries(
        {},
        optional={
            "cluster": st.none() | ecs_clusters,
            "standalone": st.sampled_from(["wait", "stop"]),
            "orphaned_tasks": st.sampled_from(["wait", "ignore"]),
        },
    ),
    "move-address": st.fixed_dictionaries(
        {"what": st.sampled_from(["elastic-ip", "network-interface"]), "pool": name_texts}
    )
    | st.fixed_dictionaries(
        {
            "what": st.just("private-ip"),
            "addresses": st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=3),
        }
    ),
    "publish-event": st.fixed_dictionaries(
        {},
        optional={
            "detail_type": name_texts,
            "detail": st.dictionaries(texts, texts, max_size=3),
            "bus": st.from_regex("[A-Za-z0-9._/-]{1,20}", fullmatch=True),
            "topic": st.none() | st.just("arn:aws:sns:eu-west-1:123456789012:drained"),
        },
    ),
    "wait-for-ecs": st.fixed_dictionaries(
        {}, optional={"cluster": st.none() | ecs_clusters, "activate": st.booleans()}
    ),
    "invoke-function": st.fixed_dictionaries(
        {"function": st.from_regex("[A-Za-z0-9_-]{1,64}(:[a-z0-9]{1,9})?", fullmatch=True)},
        optional={
            "payload": st.dictionaries(texts, texts, max_size=3),
            "wait_for": st.sampled_from(["answer", "nothing"]),
            "timeout": durations,
        },
    )
    | st.fixed_dictionaries(
        {"function": st.just("archive"), "wait_for": st.just("callback")},
        optional={"timeout": durations, "heartbeat_timeout": timeouts},
    ),
    "drain-kubernetes": st.fixed_dictionaries(
        {},
        optional={
            "cluster": clusters,
            "grace": timeouts,
            "force_after": timeouts,
            "exclude_from_load_balancers": st.booleans(),
            "out_of_service_taint": st.booleans(),
            "delete_node": st.booleans(),
        },
    ),
    "wait-for-kubernetes": st.fixed_dictionaries(
        {},
        optional={"cluster": clusters, "startup_taints": st.lists(texts, max_size=3), "uncordon": st.booleans()},
    ),
    "deregister-classic-elb": st.fixed_dictionaries(
        {},
        optional={
            "names": st.lists(st.from_regex("[A-Za-z0-9][A-Za-z0-9-]{0,20}[a-z]", fullmatch=True), max_size=3),
            "of_group": st.booleans(),
        },
    ),
    "wait-for-signal": st.fixed_dictionaries(
        {},
        optional={"name": st.from_regex("[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", fullmatch=True), "word": st.booleans()},
    ),
    "wait-for-metric": st.fixed_dictionaries(
        {
            "metrics": st.dictionaries(
                st.from_regex("[a-z][A-Za-z0-9]{0,8}", fullmatch=True),
                st.fixed_dictionaries(
                    {"namespace": name_texts, "name": name_texts},
                    optional={
                        "dimensions": st.dictionaries(texts, name_texts, max_size=2),
                        "statistic": st.sampled_from(
                            ["Sum", "SampleCount", "p99", "p99.9", "tm90", "PR(:300)", "TM(10%:90%)"]
                        ),
                    },
                ),
                min_size=1,
                max_size=3,
            ),
            "expression": texts,
            "comparison": st.sampled_from(["<", "<=", "==", ">=", ">"]),
            "threshold": st.floats(allow_nan=False, allow_infinity=False),
        },
        optional={
            "periods": st.integers(1, 60),
            "period": st.integers(1, 600).map(lambda count: f"{count}m"),
            "without_values": st.sampled_from(["waiting", "met"]),
        },
    ),
    "http-request": st.fixed_dictionaries(
        {
            "url": st.sampled_from(["https://api.example.com/{instance}", "http://{private_ip}:8080/a?b={tag:Name}"]),
            "method": st.sampled_from(["PUT", "DELETE", "POST", "PATCH"]),
        },
        optional={
            "headers": st.dictionaries(st.from_regex("X-[a-z]{1,9}", fullmatch=True), st.just("{group}"), max_size=3),
            "body": st.none() | st.dictionaries(texts, texts, max_size=3) | st.lists(texts, max_size=2) | texts,
            "expect": st.fixed_dictionaries({}, optional={"status": st.lists(st.integers(200, 599), max_size=3)}),
            "idempotency_key": st.none() | st.just("{token}"),
            "timeout": st.integers(1, 60).map(lambda count: f"{count}s"),
            "poll": st.none()
            | st.fixed_dictionaries(
                {"until": st.sampled_from(["a == 'b'", "length(jobs) == `0`"]) | st.just({"state": "{instance}"})},
                optional={"progress": st.just("{jobs} left"), "every": durations, "fail_when": st.just("a")},
            ),
        },
    ),
    "register-targets": st.fixed_dictionaries(
        {"names": st.lists(target_group_names, min_size=1, max_size=3)},
        optional={
            "arns": st.lists(target_group_arns, max_size=3),
            "port": st.none() | st.integers(1, 65_535),
            "until_healthy": st.booleans(),
        },
    ),
    "attach-volume": st.fixed_dictionaries(
        {"tag": volume_tags},
        optional={"count": st.integers(1, 5), "devices": st.sampled_from([["/dev/sd[f-p]"], ["/dev/xvd[b-z]"]])},
    ),
    "detach-volume": st.fixed_dictionaries(
        {},
        optional={"force": st.booleans(), "snapshot": st.none() | st.fixed_dictionaries({"wait": st.booleans()})},
    ).flatmap(
        lambda others: (st.builds(lambda tag: {"tag": tag}, volume_tags) | st.just({"volumes": ["vol-01234567"]})).map(
            lambda which: {**others, **which}
        )
    ),
    "wait": st.fixed_dictionaries({"duration": durations}),
    "remove-dns-records": st.fixed_dictionaries(
        {"zones": st.lists(zones, min_size=1, max_size=3)},
        optional={
            "names": st.lists(dns_names, max_size=3),
            "types": st.lists(st.sampled_from(["A", "AAAA", "CNAME"]), min_size=1, max_size=3),
            "wait_for_ttl": st.booleans(),
        },
    ),
    "run-command": st.fixed_dictionaries(
        {"document": st.from_regex("[A-Za-z0-9_.-]{1,20}", fullmatch=True)},
        optional={
            "version": st.none() | texts,
            "parameters": st.dictionaries(texts, st.lists(texts, max_size=3), max_size=3),
        },
    ),
}
good_options = {kind: written_options.get(kind, st.just(step.example)) for kind, step in KINDS.items()}
"""What a plan may give each kind: drawn where somebody wrote how, else its example."""


def steps_for(transition: PlanTransition) -> st.SearchStrategy[PlannedStep]:
    kinds = sorted(kind for kind in good_options if KINDS[kind].transition in {None, transition})
    single_steps = st.sampled_from(kinds).flatmap(
        lambda kind: st.builds(
            PlannedStep,
            kind=st.just(kind),
            options=good_options[kind],
            timeout=timeouts,
            on_failure=st.none() | st.sampled_from(OnFailure),
            when_instance_survives=st.none() | st.sampled_from(WhenSurviving),
            when=st.sampled_from([None, Condition.SPOT, (Condition.SPOT, Condition.GONE)]),
            unless=st.sampled_from([None, Condition.UNREACHABLE, (Condition.UNREACHABLE,)]),
        )
    )
    members = single_steps.filter(lambda step: step.options.get("wait_for") != "callback")
    groups = st.builds(
        PlannedStep,
        parallel=st.lists(members, min_size=1, max_size=3).map(tuple),
        timeout=timeouts,
        on_failure=st.none() | st.sampled_from(OnFailure),
    )
    return single_steps | groups


good_plans = st.sampled_from(PlanTransition).flatmap(
    lambda transition: st.builds(
        Plan,
        steps=st.lists(steps_for(transition), max_size=4).map(tuple),
        transition=st.just(transition),
        on_failure=st.sampled_from(OnFailure),
        on_timeout=st.sampled_from(OnTimeout),
        timeout=timeouts,
        result=st.sampled_from(Result),
        dry_run=st.booleans(),
        description=texts,
        drains_per_group=st.none() | st.integers(1, MOST_DRAINS),
    )
)


@cache
def services() -> Services:
    """Return what steps are made with. No client is made before a step works."""
    return compose(Settings(table="table", hook_name_prefix="", record_retention=1.0)).services


def decide(metadata: str, transition: Transition = Transition.TERMINATING) -> PlanDecision:
    return plan_offline(
        LifecycleAction(
            token=None,
            group="web",
            hook="asg-lifecycle-drain",
            instance="i-1234567890abcdef0",
            transition=transition,
            time=0.0,
            metadata=metadata,
        )
    )


def as_json(plan: Plan) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(msgspec.json.encode(plan))
    return plain


def test_every_kind_of_step_is_drawn() -> None:
    assert set(good_options) == set(KINDS)


@given(values | near_plans)
def test_any_plan_has_problems_or_can_be_built(plan: object) -> None:
    decision = decide(json.dumps({"plan": plan}))

    if plan is None:
        assert decision.source == "built-in"
    elif isinstance(plan, str):
        assert decision.name == plan
    elif decision.plan is None:
        assert decision.problems
        assert all(decision.problems)
    else:
        assert not decision.problems
        for step in decision.plan.leaves():
            assert build(step, services()).kind == step.kind


@given(values | near_plans)
def test_any_decision_can_be_checkpointed_and_recorded(plan: object) -> None:
    decision = decide(json.dumps({"plan": plan}))

    assert msgspec.json.decode(msgspec.json.encode(decision), type=PlanDecision) == decision


@given(good_plans)
def test_a_plan_without_problems_comes_back_as_it_was(plan: Plan) -> None:
    plain = as_json(plan)

    assert find_problems(plain) == ()
    assert transition_of(plain) is plan.transition
    suits = {transition: plan_transition(transition) is plan.transition for transition in Transition}
    for transition, suitable in suits.items():
        assert decide(json.dumps({"plan": plain}), transition).plan == (plan if suitable else None)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
    assert [build(step, services()).kind for step in plan.leaves()] == [step.kind for step in plan.leaves()]


wrong_names = texts.filter(lambda name: name not in {*PLAN_FIELDS, *STEP_FIELDS, *OPTION_NAMES, *KINDS})


@given(good_plans, wrong_names, values)
def test_an_unknown_field_of_the_plan_is_told_with_the_valid_ones(plan: Plan, name: str, value: Any) -> None:
    (problem,) = find_problems({**as_json(plan), name: value})

    assert problem.path == (name,)
    assert repr(name) in str(problem)
    assert all(valid in str(problem) for valid in PLAN_FIELDS)


@given(good_plans, st.sampled_from(["on_failure", "on_timeout"]), values)
def test_a_wrong_choice_is_told_with_the_valid_ones(plan: Plan, name: str, value: Any) -> None:
    valid = [choice.value for choice in {"on_failure": OnFailure, "on_timeout": OnTimeout}[name]]
    problems = [str(problem) for problem in find_problems({**as_json(plan), name: value})]

    assert bool(problems) == (value not in valid)
    assert all(name in problem and all(choice in problem for choice in valid) for problem in problems)


def at(plain: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        plain = plain[part]
    return plain


def step_paths(plan: Plan) -> list[tuple[str | int, ...]]:
    return [
        path
        for index, step in enumerate(plan.steps)
        for path in (
            [("steps", index, "parallel", member) for member in range(len(step.parallel))]
            if step.parallel
            else [("steps", index)]
        )
    ]


@given(good_plans.filter(lambda plan: plan.steps), st.data())
def test_a_wrong_step_is_told_with_its_place_and_the_valid_names(plan: Plan, data: st.DataObject) -> None:
    plain = as_json(plan)
    path = data.draw(st.sampled_from(step_paths(plan)))
    name = data.draw(wrong_names)
    where = data.draw(st.sampled_from(["kind", "field", "option"]))
    step = at(plain, path)
    if where == "kind":
        valid, expected = set(KINDS), (*path, "kind")
        step["kind"] = name
    elif where == "field":
        valid, expected = set(STEP_FIELDS), (*path, name)
        step[name] = 1
    else:
        valid, expected = (
            {field.name for field in msgspec.structs.fields(KINDS[step["kind"]].options)},
            (*path, "options", name),
        )
        step["options"] = {**step.get("options", {}), name: 1}

    (problem,) = find_problems(plain)

    assert problem.path == expected
    assert str(problem).startswith(f"step {int(path[1]) + 1}: ")
    assert repr(name) in str(problem)
    assert all(each in str(problem) for each in valid)


@given(near_plans)
def test_every_problem_stands_where_it_says(plan: dict[str, Any]) -> None:
    for problem in find_problems(plan):
        assert isinstance(problem, PlanProblem)
        # What is missing has no place of its own: its parent has.
        assert at(plan, problem.path[:-1]) is not None or len(problem.path) == 1


@given(any_text | values.map(json.dumps) | near_plans.map(lambda plan: json.dumps({"plan": plan})[:-1]))
def test_any_metadata_is_answered(metadata: str) -> None:
    decision = decide(metadata)

    assert (decision.plan is None) == (bool(decision.problems) or decision.name is not None)


@given(st.none() | good_plans)
def test_the_deadline_continues_only_where_a_plan_says_so(plan: Plan | None) -> None:
    continues = plan is not None and plan.on_timeout is OnTimeout.CONTINUE

    assert timeout_result(plan) is (ActionResult.CONTINUE if continues else ActionResult.ABANDON)
