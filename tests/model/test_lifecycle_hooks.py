"""Which hook of a group is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model import hooks
from asg_lifecycle.model.actions import ActionResult, Transition
from asg_lifecycle.model.lifecycle_hooks import (
    HookSettings,
    choose_hook,
    choose_removed,
    default_name,
    name_problem,
)
from asg_lifecycle.model.plans import PlanTransition, plan_transition

PREFIX = "asg-lifecycle"
names = st.sampled_from(
    ("asg-lifecycle-terminate", "asg-lifecycle-launch", "asg-lifecycle-b", "drain", "Launch-LC-Hook", "asg-lifecycle")
)


def made(name: str, transition: Transition) -> HookSettings:
    return HookSettings(name=name, transition=transition, heartbeat=60, default_result=ActionResult.ABANDON)


groups = st.dictionaries(names, st.sampled_from(Transition)).map(
    lambda named: [made(name, transition) for name, transition in named.items()]
)
said = st.just("") | names
ways = st.sampled_from(PlanTransition)


@given(groups, ways, said)
def test_what_is_chosen_is_ours_for_the_transition_and_as_it_was_named(
    present: list[HookSettings], way: PlanTransition, name: str
) -> None:
    choice = choose_hook(present, way, name=name, prefix=PREFIX)
    if choice.refusal is not None:
        return
    assert hooks.refuse(choice.name, PREFIX) is None
    assert name in {"", choice.name}
    found = [hook for hook in present if hook.name == choice.name]
    assert found == ([] if choice.present is None else [choice.present])
    assert all(plan_transition(hook.transition) is way for hook in found)
    ours = {hook.name for hook in present if hooks.refuse(hook.name, PREFIX) is None}
    assert set(choice.beside) <= ours - {choice.name}
    # Without a name, nothing is put beside a hook of ours that does the same.
    assert name or not choice.beside


@given(groups, st.none() | ways, said)
def test_what_is_removed_is_the_only_one_that_can_be_meant(
    present: list[HookSettings], way: PlanTransition | None, name: str
) -> None:
    choice = choose_removed(present, way, name=name, prefix=PREFIX, group="web")
    possible = [
        hook
        for hook in present
        if hooks.refuse(hook.name, PREFIX) is None
        and name in {"", hook.name}
        and way in {None, plan_transition(hook.transition)}
    ]
    assert (choice.refusal is None) is (len(possible) == 1)
    assert choice.present is (possible[0] if len(possible) == 1 else None)


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("asg-lifecycle", "asg-lifecycle-terminate"),
        ("drain/", "drain/terminate"),
        ("drain_", "drain_terminate"),
        ("drain-", "drain-terminate"),
        ("", "asg-lifecycle-terminate"),
    ],
)
def test_what_a_new_hook_is_called(prefix: str, name: str) -> None:
    assert default_name(prefix, PlanTransition.TERMINATE) == name
    assert name_problem(name, prefix) is None


@pytest.mark.parametrize("name", ["", "a b", "asg-lifecycle-é", "asg-lifecycle-" + "n" * 255, "drain"])
def test_r29_what_cannot_be_the_name_of_a_hook_of_ours(name: str) -> None:
    assert name_problem(name, PREFIX) is not None


def test_r4_how_long_a_hook_lives() -> None:
    assert made("a", Transition.LAUNCHING).global_timeout == 6_000
    long = HookSettings(name="a", transition=Transition.LAUNCHING, heartbeat=7200, default_result=ActionResult.ABANDON)
    assert long.global_timeout == 172_800
