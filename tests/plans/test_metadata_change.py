"""Metadata that names another plan keeps what belongs to somebody else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.plans.metadata import means_plan_key, read_metadata
from asg_lifecycle.plans.metadata_change import name_plan

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
keys = st.text(max_size=8) | st.sampled_from(("plan", "Plan", "plans", "pl-an", "team"))


def action(metadata: str | None) -> LifecycleAction:
    return LifecycleAction(
        token=None,
        group="web",
        hook="asg-lifecycle-terminate",
        instance="",
        transition=Transition.TERMINATING,
        time=0.0,
        metadata=metadata,
    )


@given(st.dictionaries(keys, values, max_size=5))
def test_an_object_keeps_its_other_keys_and_names_the_plan(before: dict[str, object]) -> None:
    change = name_plan(action(json.dumps(before)), "web")
    assert change.problem is None
    assert read_metadata(action(change.text)) == "web"
    kept = {key: value for key, value in before.items() if not means_plan_key(key)}
    assert json.loads(change.text) == kept | {"plan": "web"}
    # R29: printable ASCII.
    assert change.text.isascii()
    assert change.text.isprintable()


@given(st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60))
def test_text_is_replaced_only_where_it_is_meant_for_us(before: str | None) -> None:
    change = name_plan(action(before), "web")
    if change.problem is None:
        assert read_metadata(action(change.text)) == "web"
        again = name_plan(action(change.text), "web")
        assert again.text == change.text
    else:
        assert before is not None
        assert read_metadata(action(before)) is None
        assert before in change.problem or repr(before) in change.problem


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, '{"plan": "web"}'),
        ("{}", '{"plan": "web"}'),
        ('{"plan":"web",  "team": 1}', '{"plan":"web",  "team": 1}'),
        ('{"plan": "other"}', '{"plan": "web"}'),
        ('{"plan": {"steps": []}, "a": 1}', '{"plan": "web", "a": 1}'),
        ('{"PLAN": "web"}', '{"plan": "web"}'),
        ('"{\\"team\\": 1}"', '{"plan": "web", "team": 1}'),
        ("plan: other", '{"plan": "web"}'),
        ("{'plan': 'web'}", '{"plan": "web"}'),
        ('[{"plan": "web"}]', '{"plan": "web"}'),
    ],
)
def test_changes(before: str | None, after: str) -> None:
    change = name_plan(action(before), "web")
    assert (change.text, change.problem) == (after, None)


@pytest.mark.parametrize("before", ["queue=blue", "arn:aws:sqs:eu-west-1:123456789012:q", "[1, 2]", "7", '"text"'])
def test_what_belongs_to_somebody_else_is_left_alone(before: str) -> None:
    change = name_plan(action(before), "web")
    assert change.text == ""
    assert change.problem is not None
    assert "belongs to somebody else" in change.problem


def test_r29_what_would_be_too_long_is_refused() -> None:
    full = json.dumps({"team": "x" * 3980})
    assert len(full) <= 4000
    change = name_plan(action(full), "web")
    assert change.problem is not None
    assert "would have 4007 characters, and it can have 4000" in change.problem
