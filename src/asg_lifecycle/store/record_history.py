"""Reading the records of actions that may have ended long ago, for people: by instance, by token, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.fields import is_instance_id
from asg_lifecycle.store.record_queries import read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.model.records import Record
    from asg_lifecycle.store.record_queries import RecordQueries


class RecordHistory:
    """Reads records of all actions, those that have ended included.

    An action that has ended is in no index by its instance: it is looked for in the whole table. The function never
    does that.

    Args:
        clients: the AWS clients.
        table: name of the table of records.
        queries: reads the records that an index names.
    """

    def __init__(self, clients: Clients, table: str, queries: RecordQueries) -> None:
        self._clients = clients
        self._table = table
        self._queries = queries

    def of_target(self, target: str) -> tuple[Record, ...]:
        """Return the records of an instance's live actions, or else of its last one; or that of an action's token.

        Args:
            target: an instance id, or a token.

        Raises:
            CallFailed: no answer, throttled, denied, or one of the records cannot be read by this version.
        """
        if not is_instance_id(target):
            return self._indexed("by-token", "token", target)
        if live := self._queries.of_instance(target):
            return live
        found = self._scanned("#instance = :value", "instance", {"S": target})
        return tuple(sorted(found, key=lambda record: record.claimed_at)[-1:])

    def ended(self, since: float, group: str | None) -> tuple[Record, ...]:
        """Return the records of actions that ended after a moment, the last one first.

        Args:
            since: seconds since the epoch.
            group: only those of this Auto Scaling group, which is quicker; None for all.

        Raises:
            CallFailed: no answer, throttled, denied, or one of the records cannot be read by this version.
        """
        if group is not None:
            found = self._indexed("by-group", "group", group)
        else:
            found = tuple(self._scanned("#ended_at >= :value", "ended_at", {"N": str(since)}))
        ended = [record for record in found if record.ended_at is not None and record.ended_at >= since]
        return tuple(sorted(ended, key=lambda record: record.ended_at or 0.0, reverse=True))

    def _scanned(self, condition: str, attribute: str, value: AttributeValueTypeDef) -> Iterator[Record]:
        with calling("dynamodb:Scan"):
            for page in self._clients.dynamodb.get_paginator("scan").paginate(
                TableName=self._table,
                FilterExpression=condition,
                ExpressionAttributeNames={f"#{attribute}": attribute},
                ExpressionAttributeValues={":value": value},
            ):
                # Drain slots and outages share the table.
                yield from read_all(item for item in page["Items"] if "status" in item)

    def _indexed(self, index: str, attribute: str, value: str) -> tuple[Record, ...]:
        keys: list[tuple[str, str]] = []
        with calling("dynamodb:Query"):
            for page in self._clients.dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=index,
                KeyConditionExpression="#key = :value",
                ExpressionAttributeNames={"#key": attribute},
                ExpressionAttributeValues={":value": {"S": value}},
            ):
                keys += [(item["wait"]["S"], item["entry"]["S"]) for item in page["Items"]]
        return self._queries.read(keys)
