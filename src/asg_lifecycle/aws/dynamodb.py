"""DynamoDB's items: attribute values from and to JSON values, and the item that refused a write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from asg_lifecycle.model.failures import CallFailed


def encode_value(value: object) -> AttributeValueTypeDef:
    """Return a JSON value as DynamoDB holds it.

    Raises:
        TypeError: `value` is no JSON value.
    """
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case dict():
            return {"M": {str(name): encode_value(inner) for name, inner in value.items()}}
        case list() | tuple():
            return {"L": [encode_value(inner) for inner in value]}
        case None:
            return {"NULL": True}
        case _:
            raise TypeError(f"no DynamoDB type for {type(value).__name__}")


def decode_value(attribute: Mapping[str, Any]) -> object:
    """Return the JSON value that a DynamoDB attribute holds."""
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return float(value) if set(value) & set(".eE") else int(value)
        case "M":
            return {name: decode_value(inner) for name, inner in value.items()}
        case "L":
            return [decode_value(inner) for inner in value]
        case "NULL":
            return None
        case _:
            return value


def is_condition_failure(failed: CallFailed) -> bool:
    """Return whether a write was refused by its condition."""
    return failed.failure.code == "ConditionalCheckFailedException"


def item_in_the_way(failed: CallFailed) -> Mapping[str, Any] | None:
    """Return the item whose state refused a conditional write; None when something else refused it.

    It is empty where there was no item, or where the write did not ask for it.
    """
    if not is_condition_failure(failed):
        return None
    cause = failed.__cause__
    answer: Mapping[str, Any] = dict(cause.response) if isinstance(cause, ClientError) else {}
    item: Mapping[str, Any] = answer.get("Item", {})
    return item
