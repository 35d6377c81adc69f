"""The campaign knows every kind of step, draws each in every shape, and sees when its work was not done."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.plans import plan_transition
from asg_lifecycle.model.progress import Done
from asg_lifecycle.plans.validation import find_problems
from asg_lifecycle.steps.catalog import KINDS
from asg_lifecycle_simulator.campaign.checker import violations
from asg_lifecycle_simulator.campaign.generator import generate_scenario
from asg_lifecycle_simulator.campaign.kinds.catalog import CAMPAIGN_KINDS
from asg_lifecycle_simulator.campaign.runner import run_scenario
from asg_lifecycle_simulator.campaign.scenario import TRANSITIONS

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Target

SEED = 7
A_FEW = 12
"""Runs. The work may not be needed in one of them: the instance is in no target group, the plan may go on."""

every_kind = pytest.mark.parametrize("kind", sorted(KINDS))


def done_at_once(_: object, __: Target) -> Done:
    return Done("it is said")


def test_every_kind_of_the_catalog_has_an_entry() -> None:
    assert set(CAMPAIGN_KINDS) == set(KINDS)


@pytest.mark.one_of(3)
@every_kind
def test_a_step_that_says_done_at_once_is_seen(kind: str) -> None:
    with patch.object(KINDS[kind], "begin", done_at_once):
        for run in range(A_FEW):
            found = violations(run_scenario(generate_scenario(SEED, run, kinds=(kind,))))
            if any(each.startswith("(a)") for each in found):
                return
    pytest.fail(f"{A_FEW} runs with a {kind} that does nothing, and nothing was said")


@every_kind
def test_its_plans_can_be_used(kind: str) -> None:
    drawn = [CAMPAIGN_KINDS[kind].draw(Random(number)) for number in range(100)]  # noqa: S311 - reproducible
    plans = {}
    for step in drawn:
        named = {"names": ["pool-0"]} if kind == "deregister-targets" and "names" not in step.options else {}
        planned = step.planned()
        plan = {"steps": [planned | {"options": {**named, **planned["options"]}}]}
        plans[json.dumps(plan)] = plan
    assert [plan for plan in plans.values() if find_problems(plan)] == []


@every_kind
def test_every_shape_of_it_is_drawn(kind: str) -> None:
    entry = CAMPAIGN_KINDS[kind]
    drawn = [entry.draw(Random(number)) for number in range(300)]  # noqa: S311 - reproducible
    assert {step.shape for step in drawn} == {name for name, shape in entry.shapes.items() if shape.weight}
    assert any(step.disturbed_at for step in drawn) == entry.has_disturbance
    if entry.absent:
        assert {step.if_missing for step in drawn if step.names_absent} == {None, "fail", "done"}
    assert not any(
        step.fails or step.endless
        for number in range(100)
        for step in [entry.draw(Random(number), ends=True)]  # noqa: S311 - reproducible
    )


@every_kind
def test_it_names_what_is_absent_where_that_is_possible(kind: str) -> None:
    # A document of Systems Manager is drawn by no name but one.
    assert bool(CAMPAIGN_KINDS[kind].absent) == (KINDS[kind].may_be_missing is not None) or kind == "run-command"


@every_kind
def test_it_is_drawn_on_the_hooks_that_the_catalog_says(kind: str) -> None:
    only = KINDS[kind].transition
    suited = {transition for transition in Transition if only in {None, plan_transition(transition)}}
    assert CAMPAIGN_KINDS[kind].transitions == suited


def test_the_draw_has_every_kind_on_every_transition_that_it_suits() -> None:
    drawn = [generate_scenario(SEED, run) for run in range(3000)]
    met = {(step.kind, TRANSITIONS[scenario.move]) for scenario in drawn for step in scenario.steps}
    assert met == {(kind, each) for kind, entry in CAMPAIGN_KINDS.items() for each in entry.transitions}
    assert any(len({step["kind"] for step in entry.get("parallel", ())}) > 1 for s in drawn for entry in _entries(s))


def _entries(scenario: object) -> list[dict[str, list[dict[str, str]]]]:
    plan = getattr(scenario, "plan", None) or {}
    return list(plan.get("steps", []))


def test_a_kind_whose_instance_survives_is_left_out_as_the_application_does() -> None:
    forgets = {kind for kind, entry in CAMPAIGN_KINDS.items() if entry.forgets_for_good}
    assert forgets == {kind for kind, step in KINDS.items() if step.skip_if_instance_survives}


@pytest.mark.parametrize("transition", list(Transition))
def test_all_kinds_can_be_in_one_plan(transition: Transition) -> None:
    kinds = tuple(name for name, kind in sorted(CAMPAIGN_KINDS.items()) if transition in kind.transitions)
    # Run 1: two kinds that made volumes of one name for an instance were a violation there.
    assert list(violations(run_scenario(generate_scenario(SEED, 1, kinds=kinds)))) == []
