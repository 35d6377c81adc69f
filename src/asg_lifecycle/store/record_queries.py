"""Reading many records at once: those of live actions, and the current ones of given waits."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.records import CURRENT
from asg_lifecycle.store.records import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.model.records import Record

BATCH = 100
"""The most keys in one `BatchGetItem`."""

MOST_REPEATS = 10
"""How often keys that DynamoDB left unread are requested again."""

UNREAD = Failure(
    consequence=Consequence.TRANSIENT,
    action="dynamodb:BatchGetItem",
    code="UnprocessedKeys",
    message=f"records were still unread after {MOST_REPEATS} requests",
)


class RecordQueries:
    """Reads many records at once, for the sweep and the intake functions."""

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients = clients
        self._table = table

    def in_flight(self) -> tuple[Record, ...]:
        """Return the records of all live actions, oldest first.

        The index lags behind the table for a moment; each record it names is read from the table.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        waits: list[str] = []
        with calling("dynamodb:Query"):
            for page in self._clients.dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="in-flight",
                KeyConditionExpression="#in_flight = :yes",
                ExpressionAttributeNames={"#in_flight": "in_flight"},
                ExpressionAttributeValues={":yes": {"S": "yes"}},
            ):
                waits += [item["wait"]["S"] for item in page["Items"]]
        records = self.current(waits)
        return tuple(
            sorted(
                (record for record in records.values() if record.in_flight is not None),
                key=lambda record: record.claimed_at,
            )
        )

    def of_instance(self, instance: str) -> tuple[Record, ...]:
        """Return the records of the live actions of an instance, one for each hook it waits under.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        waits: list[str] = []
        with calling("dynamodb:Query"):
            for page in self._clients.dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="by-instance",
                KeyConditionExpression="#instance = :instance AND #in_flight = :yes",
                ExpressionAttributeNames={"#instance": "instance", "#in_flight": "in_flight"},
                ExpressionAttributeValues={":instance": {"S": instance}, ":yes": {"S": "yes"}},
            ):
                waits += [item["wait"]["S"] for item in page["Items"]]
        records = self.current(waits)
        return tuple(record for record in records.values() if record.in_flight is not None)

    def current(self, waits: Iterable[str]) -> dict[str, Record]:
        """Return the current records of `waits`, by wait; those without a record are left out.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        records = self.read((wait, CURRENT) for wait in dict.fromkeys(waits))
        return {record.wait: record for record in records}

    def read(self, keys: Iterable[tuple[str, str]]) -> list[Record]:
        """Return the records with these keys, `wait` and `entry` of each; those that there are not are left out.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: list[Record] = []
        unread = iter(keys)
        while some := list(islice(unread, BATCH)):
            wanted = [{"wait": {"S": wait}, "entry": {"S": entry}} for wait, entry in some]
            for _ in range(MOST_REPEATS):
                with calling("dynamodb:BatchGetItem"):
                    answer = self._clients.dynamodb.batch_get_item(
                        RequestItems={self._table: {"Keys": wanted, "ConsistentRead": True}}
                    )
                found += [decode(item) for item in answer["Responses"].get(self._table, [])]
                left = answer.get("UnprocessedKeys", {}).get(self._table)
                if not left:
                    break
                wanted = list(left["Keys"])  # type: ignore[arg-type]
            else:
                # A record that was not read must not be taken for one that does not exist.
                raise CallFailed(UNREAD)
        return found
