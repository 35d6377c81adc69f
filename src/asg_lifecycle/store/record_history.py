"""Reading the records of actions that may have ended long ago, for people: by instance, by token, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.fields import is_instance_id
from asg_lifecycle.store.records import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.model.records import Record

BATCH = 100
"""The most keys in one `BatchGetItem`."""


class RecordHistory:
    """Reads records of all actions, those that have ended included.

    An action that has ended is in no index by its instance: it is looked for in the whole table. The function never
    does that.

    Args:
        clients: the AWS clients.
        table: name of the table of records.
    """

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients = clients
        self._table = table

    def of_target(self, target: str) -> tuple[Record, ...]:
        """Return the records of an instance's live actions, or of its last one; or that of a lifecycle action token.

        Args:
            target: an instance id, or a token.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        if not is_instance_id(target):
            return tuple(self._indexed("by-token", "#key = :value", {"#key": "token"}, {":value": {"S": target}}))
        found = list(self._scanned("#instance = :instance", {"#instance": "instance"}, {":instance": {"S": target}}))
        live = tuple(record for record in found if record.in_flight is not None)
        return live or tuple(sorted(found, key=lambda record: record.claimed_at)[-1:])

    def ended(self, since: float, group: str | None) -> tuple[Record, ...]:
        """Return the records of actions that ended after a moment, the last one first.

        Args:
            since: seconds since the epoch.
            group: only those of this Auto Scaling group, which is quicker; None for all.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        if group is not None:
            found = self._indexed("by-group", "#key = :value", {"#key": "group"}, {":value": {"S": group}})
        else:
            found = self._scanned("#ended >= :since", {"#ended": "ended_at"}, {":since": {"N": str(since)}})
        ended = [record for record in found if record.ended_at is not None and record.ended_at >= since]
        return tuple(sorted(ended, key=lambda record: record.ended_at or 0.0, reverse=True))

    def _scanned(
        self, condition: str, names: dict[str, str], values: dict[str, AttributeValueTypeDef]
    ) -> Iterator[Record]:
        with calling("dynamodb:Scan"):
            for page in self._clients.dynamodb.get_paginator("scan").paginate(
                TableName=self._table,
                FilterExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            ):
                yield from (decode(item) for item in page["Items"] if "status" in item)

    def _indexed(
        self, index: str, condition: str, names: dict[str, str], values: dict[str, AttributeValueTypeDef]
    ) -> Iterator[Record]:
        keys = []
        with calling("dynamodb:Query"):
            for page in self._clients.dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=index,
                KeyConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            ):
                keys += [{"wait": item["wait"], "entry": item["entry"]} for item in page["Items"]]
        for first in range(0, len(keys), BATCH):
            wanted = keys[first : first + BATCH]
            while wanted:
                with calling("dynamodb:BatchGetItem"):
                    answer = self._clients.dynamodb.batch_get_item(RequestItems={self._table: {"Keys": wanted}})
                yield from (decode(item) for item in answer["Responses"].get(self._table, []) if "status" in item)
                left = answer.get("UnprocessedKeys", {}).get(self._table)
                wanted = list(left["Keys"]) if left is not None else []
