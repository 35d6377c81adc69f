"""moto's items of DynamoDB, copied, measured and projected with as little work as it takes.

moto copies an item several times for each answer, measures it anew for each of its attributes, and translates all of
it to find a few attributes. What comes out is the same here.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from moto.dynamodb import responses
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_ITEM = 405_000
"""Bytes, as moto has it (`LimitedSizeDict`)."""

NUMBER, LIST, MAP = "N", "L", "M"
SETS = frozenset({"SS", "NS", "BS"})
BINARY = frozenset({"B", "BS"})
PLAIN = frozenset({"S", "BOOL"})
"""The types whose values come back as they were when they are translated into Python and back."""

SCALARS = frozenset({str, bool, int, float, type(None)})


def lighten_items(replace: Callable[[object, str, object], None]) -> None:
    """Take the methods below in place of moto's.

    Args:
        replace: sets an attribute of an object until the region is left.
    """
    replace(DynamoType, "__deepcopy__", _copied)
    replace(DynamoType, "size", _size)
    replace(DynamoType, "to_regular_json", _translated)
    replace(Item, "__init__", _make_item)
    replace(Item, "project", _projected)
    replace(responses, "dynamo_to_dict", _on_the_wire)


def _copied(value: Any, _: object = None) -> Any:  # noqa: ANN401 - moto has no types for them
    made = DynamoType.__new__(DynamoType)
    kind, held = value.type, value.value
    made.type = kind
    if kind == LIST:
        made.value = [_copied(each) if type(each) is DynamoType else copy.deepcopy(each) for each in held]
    elif kind == MAP:
        made.value = {
            key: _copied(each) if type(each) is DynamoType else copy.deepcopy(each) for key, each in held.items()
        }
    else:
        made.value = list(held) if kind in SETS else held
    return made


def _size(value: Any) -> int:  # noqa: ANN401 - as above
    kind, held = value.type, value.value
    if kind == NUMBER:
        return len(str(held))
    if kind == LIST:
        return sum(each.size() for each in held)
    if kind == MAP:
        return sum(_bytes(key) + _size(each) for key, each in held.items())
    if kind in SETS:
        return sum(SIZE(DynamoType({kind[0]: each})) for each in held)
    return 1 if isinstance(held, bool) else _bytes(held)


def _bytes(text: str | bytes) -> int:
    return len(text) if isinstance(text, bytes) or text.isascii() else len(text.encode())


def _translated(value: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    kind, held = value.type, value.value
    if type(held) is str and kind not in BINARY:
        return {kind: held}
    if kind == LIST:
        return {kind: [_translated(each) if type(each) is DynamoType else copy.deepcopy(each) for each in held]}
    if kind == MAP:
        return {
            kind: {
                key: _translated(each) if type(each) is DynamoType else copy.deepcopy(each)
                for key, each in held.items()
            }
        }
    translated: dict[str, Any] = TRANSLATED(value)
    return translated


def _make_item(item: Any, hash_key: Any, range_key: Any, attrs: dict[str, Any]) -> None:  # noqa: ANN401 - as above
    item.hash_key, item.range_key = hash_key, range_key
    made = {key: DynamoType(each) for key, each in attrs.items()}
    # moto adds up all that is there before each attribute; what is too large at the end is what was too large for it.
    if sum(_bytes(key) + each.size() for key, each in made.items()) > LARGEST_ITEM:
        raise ItemSizeTooLarge
    item.attrs = LimitedSizeDict.__new__(LimitedSizeDict)
    dict.update(item.attrs, made)


def _projected(item: Any, expressions: list[list[str]]) -> Any:  # noqa: ANN401 - as above
    if any(len(names) > 1 or names[0].endswith("]") for names in expressions):
        return PROJECTED(item, expressions)
    # An attribute that is named twice is merged with itself: a list would hold everything twice.
    found = {name: item.attrs[name] for (name,) in expressions if name in item.attrs}
    if len({name for (name,) in expressions}) < len(expressions):
        return PROJECTED(item, expressions)
    attrs = {
        name: each.to_regular_json()
        if each.type in PLAIN
        else SERIALIZER.serialize(DESERIALIZER.deserialize(each.to_regular_json()))
        for name, each in found.items()
    }
    return Item(hash_key=item.hash_key, range_key=item.range_key, attrs=attrs)


def _on_the_wire(value: Any) -> Any:  # noqa: ANN401 - as above
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind is DynamoType and value.type not in BINARY:
        return {value.type: _on_the_wire(value.value)}
    if kind in {dict, LimitedSizeDict}:
        return {key: _on_the_wire(each) for key, each in value.items()}
    if kind is list:
        return [_on_the_wire(each) for each in value]
    return ON_THE_WIRE(value)


SIZE = DynamoType.size
TRANSLATED = DynamoType.to_regular_json
PROJECTED = Item.project
ON_THE_WIRE: Any = vars(responses)["dynamo_to_dict"]
SERIALIZER, DESERIALIZER = TypeSerializer(), TypeDeserializer()
