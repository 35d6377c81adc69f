from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import (
    LONGEST_EXTENSION,
    TEXT_KEPT,
    Extend,
    Finish,
    Hold,
    Known,
    Message,
    Nudge,
    Resume,
    Skip,
    Unknown,
    decode,
    describe,
    encode,
)

LONGEST_CALLBACK_RESULT = 256 * 1024

messages = st.one_of(
    st.builds(Finish, result=st.sampled_from(ActionResult), by=st.text()),
    st.builds(Skip, by=st.text()),
    st.builds(Nudge, by=st.text()),
    st.builds(Hold, by=st.text()),
    st.builds(Resume, by=st.text()),
    st.builds(Extend, seconds=st.integers(min_value=1, max_value=LONGEST_EXTENSION), by=st.text()),
)
any_text = st.text(st.characters(exclude_categories=()))
nearly = st.dictionaries(
    st.sampled_from(["message", "result", "by", "text", "other"]),
    st.sampled_from(
        ["finish", "skip", "hold", "resume", "extend", "nudge", "unknown", "CONTINUE", "ABANDON", "continue"]
    )
    | st.none()
    | any_text,
).map(json.dumps)


@given(messages)
def test_a_message_comes_back_as_it_was_sent(message: Message) -> None:
    assert decode(encode(message)) == message
    assert decode(encode(message).decode()) == message


@given(st.binary() | any_text | nearly | st.none())
@example("\ud800")
@example(b'{"message": "\xff"}')
@example(b'{"message": "skip", "by": "\xed\xa0\x80"}')
@example("[" * 100_000)
@example('{"message": "skip", "more": ' + "[" * 100_000)
def test_whatever_arrives_is_a_message(payload: bytes | str | None) -> None:
    message = decode(payload)
    assert isinstance(message, Known | Unknown)
    # It goes into a checkpoint, a log line and the record.
    encode(message)
    describe(message).encode()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ('{"message": "finish", "result": "CONTINUE"}', Finish(ActionResult.CONTINUE)),
        ('{"message": "finish", "result": "ABANDON", "by": "ann"}', Finish(ActionResult.ABANDON, by="ann")),
        ('{"message": "skip"}', Skip()),
        ('{"message": "hold", "by": "ann"}', Hold(by="ann")),
        ('{"message": "resume"}', Resume()),
        ('{"message": "extend", "seconds": 60}', Extend(seconds=60)),
        ('{"message": "nudge"}', Nudge()),
        ('{"message": "nudge", "of a later version": 1}', Nudge()),
        (b'{"by": "J\xc3\xb6rg", "message": "skip"}', Skip(by="Jörg")),
    ],
)
def test_a_message_as_an_operator_writes_it(payload: str | bytes, message: Message) -> None:
    assert decode(payload) == message


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "null",
        "[]",
        "nudge",
        '"nudge"',
        '{"message": "stop"}',
        '{"message": "finish"}',
        '{"message": "finish", "result": "continue"}',
        '{"message": "finish", "result": null}',
        '{"message": "skip", "by": 5}',
        '{"message": "extend"}',
        '{"message": "extend", "seconds": 0}',
        '{"message": "extend", "seconds": -60}',
        '{"message": "extend", "seconds": "60"}',
        '{"result": "CONTINUE"}',
        '{"message": "unknown", "text": "x"}',
        '{"message": "nudge"} and more',
    ],
)
def test_anything_else_is_unknown_and_keeps_its_text(payload: str) -> None:
    assert decode(payload) == Unknown(payload)
    assert describe(decode(payload)) == f"unknown message, ignored: {payload}"


def test_no_result_at_all_is_unknown() -> None:
    assert decode(None) == Unknown("")


@pytest.mark.parametrize(
    "message",
    [
        Finish(ActionResult.CONTINUE, by="x" * LONGEST_CALLBACK_RESULT),
        Skip(by="x" * LONGEST_CALLBACK_RESULT),
        Nudge(by="x" * LONGEST_CALLBACK_RESULT),
        decode("x" * LONGEST_CALLBACK_RESULT),
        Unknown("x" * LONGEST_CALLBACK_RESULT),
    ],
    ids=["finish", "skip", "nudge", "decoded", "unknown"],
)
def test_a_message_never_fills_the_record(message: Message) -> None:
    # The record keeps the last twenty; DynamoDB takes 400 KB an item.
    assert len(describe(message)) < TEXT_KEPT + 50


def test_describe_says_what_is_asked_and_by_whom() -> None:
    assert describe(Finish(ActionResult.ABANDON, by="ann: broken")) == "finish ABANDON, said ann: broken"
    assert describe(Skip(by="ann")) == "skip the current step, said ann"
    assert describe(Hold(by="ann")) == "hold, said ann"
    assert describe(Resume(by="ann")) == "resume, said ann"
    assert describe(Extend(seconds=5_400, by="ann")) == "1h30m more, said ann"
    assert describe(Nudge()) == "look again now, said an event"
