"""The drain slots of a group: a limited number of drains at once, first come, first served."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from asg_lifecycle.aws.dynamodb import is_condition_failure
from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.drain_slots import SlotAnswer
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from asg_lifecycle.aws.clients import Clients

COUNTER = "0"
SLOT = "1 "
QUEUE = "2 "
"""How the sort keys in a group's partition begin: one read finds the slots, then the head of the queue."""

TICKET_DIGITS = 12
LEFT_OVER = 86_400.0
"""Seconds until DynamoDB may delete the entry of a holder whose wait has ended."""

Item = dict[str, "AttributeValueTypeDef"]


class DrainSlots:
    """The drain slots of all groups, in the table of records.

    A group has a partition of its own: a counter of tickets, a slot for each drain under way, and a queue. A slot is
    taken by a conditional write, so there are never more holders than slots, whatever the clocks say; the queue decides
    which action may try. A holder is an action, not an execution: a takeover keeps the slot.
    """

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients = clients
        self._table = table

    def request(self, group: str, holder: str, *, limit: int, until: float, now: float) -> SlotAnswer:
        """Take a slot if this holder is next; join the queue otherwise. May be repeated at any time.

        Args:
            group: the Auto Scaling group.
            holder: the name of the action.
            limit: how many slots there are.
            until: when the holder's wait is over at the latest, seconds since the epoch: its slot is free then.
            now: seconds since the epoch.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        slots, queue = self._read(group, now)
        if holder in slots.values():
            return SlotAnswer(granted=True)
        if holder not in queue.values():
            self._enqueue(group, holder, until)
            slots, queue = self._read(group, now)
        # A holder whose Lambda died between taking a slot and leaving the queue is in both.
        waiting = [other for other in queue.values() if other not in slots.values()]
        ahead = waiting.index(holder) if holder in waiting else len(waiting)
        free = [name for name in (f"{SLOT}{number:04}" for number in range(1, limit + 1)) if name not in slots]
        if len(slots) < limit and ahead < len(free) and self._take(group, free[ahead], holder, until, now):
            self._delete(group, (entry for entry, other in queue.items() if other == holder), holder)
            return SlotAnswer(granted=True)
        return SlotAnswer(granted=False, taken=len(slots), ahead=ahead)

    def release(self, group: str, holder: str, *, now: float) -> None:
        """Give back the holder's slot, or leave the queue. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        slots, queue = self._read(group, now, everybody=True)
        entries = {**slots, **queue}
        self._delete(group, (entry for entry, other in entries.items() if other == holder), holder)

    def _read(self, group: str, now: float, *, everybody: bool = False) -> tuple[dict[str, str], dict[str, str]]:
        """Return the holders of the slots, and those that wait, in order; without those whose wait has run out."""
        entries: dict[str, str] = {}
        with calling("dynamodb:Query"):
            for page in self._clients.dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="#wait = :wait AND #entry >= :slot",
                ExpressionAttributeNames={"#wait": "wait", "#entry": "entry"},
                ExpressionAttributeValues={":wait": {"S": _partition(group)}, ":slot": {"S": SLOT}},
                ConsistentRead=True,
            ):
                entries |= {
                    item["entry"]["S"]: item["holder"]["S"]
                    for item in page["Items"]
                    if everybody or float(item["until"]["N"]) > now
                }
        slots = {entry: holder for entry, holder in entries.items() if entry.startswith(SLOT)}
        return slots, {entry: holder for entry, holder in entries.items() if entry.startswith(QUEUE)}

    def _enqueue(self, group: str, holder: str, until: float) -> None:
        with calling("dynamodb:UpdateItem"):
            answer = self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=_key(group, COUNTER),
                UpdateExpression="ADD #last :one",
                ExpressionAttributeNames={"#last": "last"},
                ExpressionAttributeValues={":one": {"N": "1"}},
                ReturnValues="UPDATED_NEW",
            )
        ticket = int(answer["Attributes"]["last"]["N"])
        with calling("dynamodb:PutItem"):
            self._clients.dynamodb.put_item(
                TableName=self._table, Item=_entry(group, f"{QUEUE}{ticket:0{TICKET_DIGITS}}", holder, until)
            )

    def _take(self, group: str, slot: str, holder: str, until: float, now: float) -> bool:
        try:
            with calling("dynamodb:PutItem"):
                self._clients.dynamodb.put_item(
                    TableName=self._table,
                    Item=_entry(group, slot, holder, until),
                    ConditionExpression="attribute_not_exists(#holder) OR #holder = :holder OR #until <= :now",
                    ExpressionAttributeNames={"#holder": "holder", "#until": "until"},
                    ExpressionAttributeValues={":holder": {"S": holder}, ":now": {"N": repr(now)}},
                )
        except CallFailed as failed:
            if not is_condition_failure(failed):
                raise
            return False
        return True

    def _delete(self, group: str, entries: Iterable[str], holder: str) -> None:
        for entry in entries:
            try:
                with calling("dynamodb:DeleteItem"):
                    self._clients.dynamodb.delete_item(
                        TableName=self._table,
                        Key=_key(group, entry),
                        ConditionExpression="#holder = :holder",
                        ExpressionAttributeNames={"#holder": "holder"},
                        ExpressionAttributeValues={":holder": {"S": holder}},
                    )
            except CallFailed as failed:
                # The slot has lapsed and has another holder by now.
                if not is_condition_failure(failed):
                    raise


def _partition(group: str) -> str:
    # A JSON array of two elements, so it is never the key of a record, which has three (R29).
    return json.dumps(["drain-slots", group], ensure_ascii=False)


def _key(group: str, entry: str) -> Item:
    return {"wait": {"S": _partition(group)}, "entry": {"S": entry}}


def _entry(group: str, entry: str, holder: str, until: float) -> Mapping[str, AttributeValueTypeDef]:
    return {
        **_key(group, entry),
        "holder": {"S": holder},
        "until": {"N": repr(until)},
        "expires_at": {"N": str(int(until + LEFT_OVER))},
    }
