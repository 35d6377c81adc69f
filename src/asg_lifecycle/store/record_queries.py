"""Reading many records at once: those of live actions, and the current ones of given waits."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.read_records import ReadRecords, UnreadableRecord, unreadable_failure
from asg_lifecycle.model.records import CURRENT
from asg_lifecycle.store.records import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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

    def in_flight(self) -> ReadRecords:
        """Return the records of all live actions, oldest first, and those that this version cannot read.

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
        found = self.current_as_far_as_readable(waits)
        live = (record for record in found.records if record.in_flight is not None)
        return ReadRecords(
            records=tuple(sorted(live, key=lambda record: record.claimed_at)),
            unreadable=tuple(each for each in found.unreadable if each.live),
        )

    def of_instance(self, instance: str) -> tuple[Record, ...]:
        """Return the records of the live actions of an instance, one for each hook it waits under.

        Raises:
            CallFailed: no answer, throttled, denied, or one of the records cannot be read by this version.
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
        return tuple(record for record in self.current(waits).values() if record.in_flight is not None)

    def current(self, waits: Iterable[str]) -> dict[str, Record]:
        """Return the current records of `waits`, by wait; those without a record are left out.

        Raises:
            CallFailed: no answer, throttled, denied, or one of the records cannot be read by this version.
        """
        return {record.wait: record for record in _all_of(self.current_as_far_as_readable(waits))}

    def current_as_far_as_readable(self, waits: Iterable[str]) -> ReadRecords:
        """Return the current records of `waits`, and those that this version cannot read.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._read((wait, CURRENT) for wait in dict.fromkeys(waits))

    def read(self, keys: Iterable[tuple[str, str]]) -> tuple[Record, ...]:
        """Return the records with these keys, `wait` and `entry` of each; those that there are not are left out.

        Raises:
            CallFailed: no answer, throttled, denied, or one of the records cannot be read by this version.
        """
        return _all_of(self._read(keys))

    def _read(self, keys: Iterable[tuple[str, str]]) -> ReadRecords:
        items: list[Mapping[str, Any]] = []
        unread = iter(keys)
        while some := list(islice(unread, BATCH)):
            wanted = [{"wait": {"S": wait}, "entry": {"S": entry}} for wait, entry in some]
            for _ in range(MOST_REPEATS):
                with calling("dynamodb:BatchGetItem"):
                    answer = self._clients.dynamodb.batch_get_item(
                        RequestItems={self._table: {"Keys": wanted, "ConsistentRead": True}}
                    )
                items += answer["Responses"].get(self._table, [])
                left = answer.get("UnprocessedKeys", {}).get(self._table)
                if not left:
                    break
                wanted = list(left["Keys"])  # type: ignore[arg-type]
            else:
                # A record that was not read must not be taken for one that does not exist.
                raise CallFailed(UNREAD)
        return _decoded(items)


def read_all(items: Iterable[Mapping[str, Any]]) -> tuple[Record, ...]:
    """Return the records that DynamoDB items hold.

    Raises:
        CallFailed: one of them cannot be read by this version.
    """
    return _all_of(_decoded(items))


def _decoded(items: Iterable[Mapping[str, Any]]) -> ReadRecords:
    records: list[Record] = []
    unreadable: list[UnreadableRecord] = []
    for item in items:
        try:
            records.append(decode(item))
        except msgspec.ValidationError as error:
            unreadable.append(_unreadable(item, str(error)))
    return ReadRecords(records=tuple(records), unreadable=tuple(unreadable))


def _unreadable(item: Mapping[str, Any], reason: str) -> UnreadableRecord:
    said = {name: item.get(name, {}).get("S", "") for name in ("group", "hook", "instance", "token")}
    return UnreadableRecord(wait=item["wait"]["S"], live="in_flight" in item, reason=reason, **said)


def _all_of(found: ReadRecords) -> tuple[Record, ...]:
    if found.unreadable:
        raise CallFailed(unreadable_failure(found.unreadable))
    return found.records
