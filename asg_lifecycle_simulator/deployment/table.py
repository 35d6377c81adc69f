"""The table of records as `template.yaml` makes it; a test holds the two together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.region import Region

KEY_SCHEMA = ({"AttributeName": "wait", "KeyType": "HASH"}, {"AttributeName": "entry", "KeyType": "RANGE"})

ATTRIBUTES = {
    "wait": "S",
    "entry": "S",
    "token": "S",
    "in_flight": "S",
    "group": "S",
    "claimed_at": "N",
    "instance": "S",
}

INDEXES = {
    "by-token": ("token", None),
    "in-flight": ("in_flight", "claimed_at"),
    "by-group": ("group", "claimed_at"),
    "by-instance": ("instance", "in_flight"),
}
"""Name of each index: its hash key and its range key."""


def create_table(region: Region, name: str) -> None:
    """Create the table `name` in `region`."""
    with region.unobserved():
        region.client("dynamodb").create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=list(KEY_SCHEMA),
            AttributeDefinitions=[
                {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in ATTRIBUTES.items()
            ],
            GlobalSecondaryIndexes=[_index(index, *keys) for index, keys in INDEXES.items()],
        )


def _index(name: str, hash_key: str, range_key: str | None) -> dict[str, Any]:
    schema = [{"AttributeName": hash_key, "KeyType": "HASH"}]
    if range_key is not None:
        schema.append({"AttributeName": range_key, "KeyType": "RANGE"})
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "KEYS_ONLY"}}
