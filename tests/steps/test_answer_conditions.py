"""Whatever a plan and an API write, a condition holds, does not hold, or says why that cannot be known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.steps.support.answer_conditions import (
    CannotApplyError,
    condition_problem,
    holds,
    parse_answer,
    sentence_from,
    sentence_problem,
)
from asg_lifecycle.steps.support.http_building import Values

VALUES = Values(values={"instance": "i-1", "group": "web"})

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
pieces = st.sampled_from(
    ["a", "b.c", "[?a=='{instance}']", "length(@)", "`0`", "==", "!=", "&&", "||", "!", "|", "[0]", "[]", "*", "@", "(",
     ")", "{x: a}", "'", '"', "abs(a)", "sort_by(@, &a)", "max(@)", "to_number(a)", "join(',', @)", "-", ":", "&"]
)  # fmt: skip
expressions = st.lists(pieces, min_size=1, max_size=8).map(" ".join) | st.text(max_size=40)


@given(expressions, plain)
def test_any_expression_is_refused_or_can_be_applied(expression: str, answer: object) -> None:
    if condition_problem(expression) is not None:
        return
    try:
        assert holds(expression, answer, VALUES) in {True, False}
    except CannotApplyError:
        return


@given(st.lists(expressions.map("{{{}}}".format) | st.text(max_size=5), max_size=4).map("".join), plain)
def test_any_sentence_is_refused_or_made(text: str, answer: object) -> None:
    if sentence_problem(text) is not None:
        return
    try:
        assert sentence_from(text, answer, VALUES).isprintable()
    except CannotApplyError:
        return


@pytest.mark.parametrize(
    "expression", ["&a", "[&a]", "{b: &a}", "a[?&b]", "a || &b", "length([&a])", "sort_by(a, &b)[*].[&c]"]
)
def test_a_reference_to_an_expression_is_no_condition_that_holds(expression: str) -> None:
    problem = condition_problem(expression)
    assert problem is not None
    assert "has no value" in problem
    assert condition_problem("sort_by(a, &b)[0].c") is None
    assert condition_problem("max_by(a, &length(b)).c == `1`") is None


@pytest.mark.parametrize("expression", ["&a", "[&a]", "{b: &a}", "a || &b", "not_null(&a)"])
def test_what_finds_no_value_cannot_be_applied(expression: str) -> None:
    with pytest.raises(CannotApplyError, match="finds no JSON value"):
        holds(expression, {"c": 1}, VALUES)


@given(plain, plain)
def test_json_holds_what_it_holds(answer: object, other: object) -> None:
    assert holds({"a": answer}, {"a": answer, "b": other}, VALUES)
    assert not holds({"a": answer}, {"b": answer}, VALUES)
    assert not holds({"a": answer}, [answer], VALUES)


@pytest.mark.parametrize(
    ("condition", "answer", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": False}, {"a": 0}, False),
        ({"a": None}, {"a": None}, True),
        ({"a": None}, {}, False),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"name": "{instance}"}, {"name": "i-1"}, True),
        ("jobs", {"jobs": 0}, True),
        ("jobs", {"jobs": []}, False),
        ("jobs == `0`", {"jobs": 0}, True),
        ("nodes[?name=='{instance}'].ready | [0]", {"nodes": [{"name": "i-1", "ready": True}]}, True),
        ("missing == `0`", {}, False),
    ],
)
def test_conditions_are_what_they_say(condition: object, answer: object, *, expected: bool) -> None:
    assert holds(condition, answer, VALUES) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000, b'{"a": '])
def test_what_is_no_json_is_said(body: bytes) -> None:
    with pytest.raises(CannotApplyError, match="not JSON"):
        parse_answer(body)
