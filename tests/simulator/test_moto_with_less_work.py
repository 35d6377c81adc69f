"""What the region does in moto's place comes out as moto does it."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import example, given
from hypothesis import strategies as st
from moto.core import serialize
from moto.dynamodb import models, responses
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from asg_lifecycle_simulator.deployment.table import create_table
from asg_lifecycle_simulator.region.dynamodb_items import lighten_items
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.simple_updates import EXECUTOR, VALIDATOR
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.region.written_answers import write_answers_faster

TEXT = st.sampled_from(["", "a", "ü", "a<b & c>d", "1.0", "\n\"'"])
NAMES = st.sampled_from(["a", "member", "item", "#text", "@xmlns"])
ORDINARY = {"a": "<&>", "b": [], "c": "", "@xmlns": "q\"&'", "member": [1, True, None, {"a": 1.5}, "x"]}
UNUSUAL = {"a": [b"x", (1, 2)], "#comment": "said", "@number": 1, "member": {"no name": 1}}
CONTENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.binary(max_size=2),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=4) | st.tuples(below),
    max_leaves=12,
)

NUMBERS = st.sampled_from(["1", "-3", "1.0", "0.10", "1E+3"])
PLAIN = st.one_of(
    st.builds(lambda text: {"S": text}, TEXT),
    st.builds(lambda number: {"N": number}, NUMBERS),
    st.builds(lambda yes: {"BOOL": yes}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda text: {"SS": [text]}, TEXT),
    st.builds(lambda number: {"NS": [number]}, NUMBERS),
)
VALUES = st.recursive(
    PLAIN,
    lambda below: (
        st.builds(lambda values: {"L": values}, st.lists(below, max_size=3))
        | st.builds(lambda values: {"M": values}, st.dictionaries(TEXT, below, max_size=3))
    ),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["wait", "entry", "plan", "steps"]), VALUES, min_size=1)
EXPRESSIONS = st.lists(
    st.sampled_from([["wait"], ["entry"], ["plan"], ["steps"], ["missing"], ["plan", "a"], ["steps[0]"]]), max_size=4
)


def xml(body: dict[str, Any], **settings: bool) -> str:
    unparse: Any = vars(serialize)["xmltodict"].unparse
    try:
        return str(unparse(body, **settings))
    except ValueError as error:
        return repr(error)


@example(body={"Root": ORDINARY}, full=True, short=False)
@example(body={"Root": ORDINARY}, full=True, short=True)
@example(body={"Root": ORDINARY, "Other": [ORDINARY]}, full=False, short=True)
@example(body={"Root": [ORDINARY, ORDINARY]}, full=True, short=False)
@example(body={"Root": {"b": []}}, full=True, short=True)
@example(body={"Root": UNUSUAL}, full=False, short=False)
@example(body={"Root": {"#comment": "said", "a": b"x"}}, full=True, short=False)
@given(
    body=st.dictionaries(NAMES, CONTENTS, max_size=2),
    full=st.booleans(),
    short=st.booleans(),
)
def test_a_document_is_written_as_xmltodict_writes_it(body: dict[str, Any], *, full: bool, short: bool) -> None:
    settings = {"full_document": full, "short_empty_elements": short, "pretty": False}
    expected = xml(body, **settings)
    with pytest.MonkeyPatch.context() as patched:
        write_answers_faster(patched.setattr)
        assert xml(body, **settings) == expected


def plain(value: Any) -> Any:
    match value:
        case DynamoType():
            return value.type, plain(value.value)
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case _:
            return value


def seen(attributes: dict[str, Any], expressions: list[list[str]]) -> dict[str, Any]:
    """Return all that moto's tables ask of an item."""
    item = Item(DynamoType({"S": "key"}), None, copy.deepcopy(attributes))
    copied = copy.deepcopy(item)
    assert all(copied.attrs[name] is not each for name, each in item.attrs.items())
    try:
        projected = plain(item.project(expressions).attrs)
    except (TypeError, AttributeError, KeyError) as error:
        projected = type(error)
    return {
        "item": list(plain(item.attrs).items()),
        "copied": list(plain(copied.attrs).items()),
        "size": item.size(),
        "translated": {name: each.to_regular_json() for name, each in item.attrs.items()},
        "projected": projected,
        "wire": vars(responses)["dynamo_to_dict"]({"Items": [item.attrs], "Item": item, "Count": 1}),
    }


@given(attributes=ATTRIBUTES, expressions=EXPRESSIONS)
def test_an_item_is_what_it_is_in_moto(attributes: dict[str, Any], expressions: list[list[str]]) -> None:
    expected = seen(attributes, expressions)
    with pytest.MonkeyPatch.context() as patched:
        lighten_items(patched.setattr)
        assert seen(attributes, expressions) == expected


@pytest.mark.parametrize("lightened", [False, True])
def test_an_item_is_too_large_where_it_is_in_moto(monkeypatch: pytest.MonkeyPatch, *, lightened: bool) -> None:
    if lightened:
        lighten_items(monkeypatch.setattr)
    key = DynamoType({"S": "key"})
    assert Item(key, None, {"a": {"S": "x" * 404_999}}).size() == 405_000
    with pytest.raises(ItemSizeTooLarge):
        Item(key, None, {"a": {"S": "x" * 405_000}})


PLACEHOLDERS = {"#wait": "wait", "#plan": "plan", "#steps": "steps", "#same": "plan", "#list": "list"}
GIVEN = {":one": {"N": "1"}, ":text": {"S": "a"}, ":none": {"NULL": True}, ":many": {"L": [{"S": "b"}]}}
SET = st.sampled_from(
    [
        *("#plan = :one", "#steps=:text", "#same = :none", "#list = :many", "#wait = :text"),
        *("#plan = :unknown", "plan = :one", "#plan.#steps = :one", "#list[0] = :one", "#steps = #plan"),
        *("#list = list_append(#list, :many)", "#steps = if_not_exists(#steps, :one)", "#plan = #plan + :one"),
    ]
)
REMOVE = st.sampled_from(["#plan", "#steps", "#same", "#list", "#list[0]", "#wait", "list"])
CLAUSES = st.lists(
    st.builds(lambda parts: f"SET {', '.join(parts)}", st.lists(SET, min_size=1, max_size=3))
    | st.builds(lambda parts: f"REMOVE {','.join(parts)}", st.lists(REMOVE, min_size=1, max_size=3))
    | st.just("ADD #plan :one"),
    min_size=1,
    max_size=2,
)


def updated(expression: str, stored: dict[str, Any], *, by_moto: bool) -> list[object]:
    """Return what an update answers, or how it is refused, and what is stored then."""
    with Region(VirtualTimeline()) as region:
        if by_moto:
            region.replace(models, "UpdateExpressionValidator", VALIDATOR)
            region.replace(models, "UpdateExpressionExecutor", EXECUTOR)
        dynamodb = region.client("dynamodb")
        dynamodb.create_table(
            TableName="table",
            KeySchema=[{"AttributeName": "wait", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "wait", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        dynamodb.put_item(TableName="table", Item={**stored, "wait": {"S": "key"}})
        names = {each: name for each, name in PLACEHOLDERS.items() if re.search(rf"{each}\b", expression)}
        values = {each: value for each, value in GIVEN.items() if re.search(rf"{each}\b", expression)}
        try:
            told = dynamodb.update_item(
                TableName="table",
                Key={"wait": {"S": "key"}},
                UpdateExpression=expression,
                ReturnValues="ALL_NEW",
                **({"ExpressionAttributeNames": names} if names else {}),
                **({"ExpressionAttributeValues": values} if values else {}),
            )["Attributes"]
        except ClientError as error:
            told = error.response["Error"]
        return [told, dynamodb.scan(TableName="table")["Items"]]


@example(clauses=["SET #plan = :one, #list = :many", "REMOVE #steps"], stored={"steps": {"S": "x"}})
@example(clauses=["REMOVE #plan,#list"], stored={"plan": {"N": "1"}})
@given(clauses=CLAUSES, stored=st.dictionaries(st.sampled_from(["plan", "steps", "list"]), VALUES, max_size=3))
def test_an_update_does_what_it_does_in_moto(clauses: list[str], stored: dict[str, Any]) -> None:
    expression = " ".join(clauses)
    assert updated(expression, stored, by_moto=False) == updated(expression, stored, by_moto=True)


def test_an_update_that_makes_an_item_too_large_is_refused_and_changes_nothing() -> None:
    with Region(VirtualTimeline()) as region:
        create_table(region, "table")
        dynamodb = region.client("dynamodb")
        key = {"wait": {"S": "wait"}, "entry": {"S": "entry"}}
        dynamodb.put_item(TableName="table", Item={**key, "plan": {"S": "x" * 300_000}})
        with pytest.raises(ClientError, match="Item size to update has exceeded"):
            dynamodb.update_item(
                TableName="table",
                Key=key,
                UpdateExpression="SET #plan = :text, #steps = :text",
                ExpressionAttributeNames={"#plan": "plan", "#steps": "steps"},
                ExpressionAttributeValues={":text": {"S": "y" * 250_000}},
            )
        assert dynamodb.get_item(TableName="table", Key=key)["Item"] == {**key, "plan": {"S": "x" * 300_000}}
