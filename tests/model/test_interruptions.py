from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.events import Ignore, Invalid
from asg_lifecycle.model.interruptions import Interruption, interruption
from asg_lifecycle.model.start_requests import StartReason

EVENTS = Path(__file__).parents[2] / "events"


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


def test_a_warning_leaves_two_minutes() -> None:
    at = 1_795_428_000.0
    assert interruption(sample("spot-interruption")) == Interruption(
        reason=StartReason.SPOT_INTERRUPTION, instance="i-1234567890abcdef0", time=at, until=at + 120
    )


def test_a_recommendation_has_no_end() -> None:
    found = interruption(sample("rebalance-recommendation"))
    assert isinstance(found, Interruption)
    assert (found.reason, found.until) == (StartReason.REBALANCE, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("detail.instance-id", "i-123"),
        ("detail.instance-id", None),
        ("detail.instance-action", 7),
        ("detail.instance-action", None),
        ("time", "2026-11-23T10:00:00"),
        ("time", 5),
        ("detail", []),
        ("source", None),
        ("detail-type", ""),
    ],
)
def test_the_field_that_is_wrong_is_named(field: str, value: object) -> None:
    event = sample("spot-interruption")
    *parents, last = field.split(".")
    place = event
    for parent in parents:
        place = place[parent]
    place[last] = value
    found = interruption(event)
    assert isinstance(found, Invalid)
    assert found.field == field
    assert field in found.reason


def test_all_that_is_wrong_is_told() -> None:
    found = interruption(sample("spot-interruption") | {"time": "soon", "detail": {}})
    assert isinstance(found, Invalid)
    assert all(name in found.reason for name in ("time", "detail.instance-id", "detail.instance-action"))


@pytest.mark.parametrize(
    "changes", [{"source": "aws.autoscaling"}, {"detail-type": "EC2 Instance State-change Notification"}]
)
def test_other_events_are_left_alone(changes: dict[str, str]) -> None:
    assert isinstance(interruption(sample("spot-interruption") | changes), Ignore)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
fields = st.sampled_from(["source", "detail-type", "detail", "time", "resources"])


@given(st.dictionaries(fields, json_values))
def test_any_json_gives_a_decision(changes: dict[str, Any]) -> None:
    assert isinstance(interruption(sample("spot-interruption") | changes), Interruption | Ignore | Invalid)


@given(json_values)
def test_anything_gives_a_decision(event: object) -> None:
    assert isinstance(interruption(event), Ignore | Invalid)
