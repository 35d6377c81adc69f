"""The table of lifecycle actions in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from asg_lifecycle.aws.dynamodb import decode_value, encode_value, item_in_the_way
from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.records import CURRENT, Record
from asg_lifecycle.model.redaction import redacted_values
from asg_lifecycle.model.timing import SETTLED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.model.record_changes import RecordChanges

ITS_OWN = "attribute_not_exists(#wait) OR #execution = :execution"

ANNOUNCED = (
    f"{ITS_OWN} OR ((attribute_not_exists(#token) OR #token <> :token) AND #event_time < :event_time"
    " AND (attribute_not_exists(#early_reason) OR attribute_not_exists(#in_flight)))"
)
"""The condition for writing the current record of a wait. It holds for the first claim; for the owner again, whose
first answer was lost; and for a newer action of the same instance under the same hook, because Auto Scaling starts a
new wait only when the old one is over (a warm-pool instance meets its launch hook twice, R22). Work that began before
the instance waited is joined instead."""

FOUND = f"{ITS_OWN} OR (attribute_not_exists(#in_flight) AND #ended_at < :settled)"
"""The same for a wait that no event announced: without a token a newer action cannot be told from the one in the
record, so the record has to be closed, and for long enough."""

FOR_PEOPLE = frozenset({"detail", "problem", "hold", "messages", "reason", "plan_why"})
"""The fields that are sentences: what somebody else wrote may be in each of them."""


class Records:
    """The records of all actions. The table's layout is in `asg_lifecycle.model.records`."""

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients = clients
        self._table = table

    def claim(self, record: Record) -> Record | None:
        """Write `record` if its execution may own the action; return the present record otherwise.

        An ended action of the same wait is kept under its own sort key; when the answer to a claim is lost, that older
        record can be lost with it.

        Raises:
            CallFailed: no answer, throttled, denied. Repeat the claim: it is idempotent.
        """
        item = encode(record)
        values: dict[str, AttributeValueTypeDef] = {":execution": item["execution"]}
        if record.token is None:
            condition = FOUND
            names = ["wait", "execution", "in_flight", "ended_at"]
            values[":settled"] = encode_value(record.claimed_at - SETTLED)
        else:
            condition = ANNOUNCED
            names = ["wait", "execution", "token", "event_time", "early_reason", "in_flight"]
            values |= {f":{name}": item[name] for name in ("token", "event_time")}
        try:
            with calling("dynamodb:PutItem"):
                replaced = self._clients.dynamodb.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={f"#{name}": name for name in names},
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_OLD",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                ).get("Attributes")
        except CallFailed as failed:
            if (standing := item_in_the_way(failed)) is None:
                raise
            return decode(standing)
        if replaced and replaced["execution"] != item["execution"]:
            earlier = decode(replaced)
            with calling("dynamodb:PutItem"):
                self._clients.dynamodb.put_item(
                    TableName=self._table,
                    Item=encode(msgspec.structs.replace(earlier, entry=f"{earlier.claimed_at:.3f}", in_flight=None)),
                )
        return None

    def take_over(self, wait: str, dead: str, execution: str) -> Record | None:
        """Make `execution` the owner of a record whose owner is dead, and leave everything else as it is.

        Args:
            wait: the record's key.
            dead: the execution that owned it.
            execution: the one that owns it from now on.

        Returns:
            The record, None when neither of the two owns it, or it is closed.

        Raises:
            CallFailed: no answer, throttled, denied. Repeat it: it is idempotent.
        """
        try:
            with calling("dynamodb:UpdateItem"):
                answer = self._clients.dynamodb.update_item(
                    TableName=self._table,
                    Key={"wait": {"S": wait}, "entry": {"S": CURRENT}},
                    UpdateExpression="SET #execution = :execution REMOVE #inbox",
                    ConditionExpression="#execution IN (:dead, :execution) AND attribute_exists(#in_flight)",
                    ExpressionAttributeNames={f"#{name}": name for name in ("execution", "inbox", "in_flight")},
                    ExpressionAttributeValues={":dead": {"S": dead}, ":execution": {"S": execution}},
                    ReturnValues="ALL_NEW",
                )
        except CallFailed as failed:
            if item_in_the_way(failed) is None:
                raise
            return None
        return decode(answer["Attributes"])

    def current(self, wait: str) -> Record | None:
        """Return the current record of `wait`, None when there is none.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return read_current(self._clients, self._table, wait)

    def update(
        self,
        wait: str,
        execution: str,
        changes: RecordChanges,
        *,
        before: bool = False,
        even_closed: bool = False,
    ) -> Record | None:
        """Change fields of the current record of `wait`, and return it as it is then.

        Args:
            wait: the record's key.
            execution: the execution that claims to own it.
            changes: what to change, see `RecordChanges`.
            before: return the record as it was before the change instead.
            even_closed: change a record that is closed, too. Only for the end of an action, which may be repeated: an
                invocation that runs on after Lambda has given it up must change nothing else.

        Returns:
            The whole record, None when another execution owns it by now, or when it is closed.

        Raises:
            CallFailed: no answer, throttled, denied. Repeat the change: it is idempotent.
        """
        values = _encoded(changes)
        try:
            with calling("dynamodb:UpdateItem"):
                answer = self._clients.dynamodb.update_item(
                    TableName=self._table,
                    Key={"wait": {"S": wait}, "entry": {"S": CURRENT}},
                    UpdateExpression=_expression(changes),
                    ConditionExpression="#execution = :owner" + ("" if even_closed else " AND attribute_exists(#live)"),
                    ExpressionAttributeNames={
                        **{f"#{name}": name for name in ("execution", *changes)},
                        **({} if even_closed else {"#live": "in_flight"}),
                    },
                    ExpressionAttributeValues={":owner": {"S": execution}, **values},
                    ReturnValues="ALL_OLD" if before else "ALL_NEW",
                )
        except CallFailed as failed:
            if item_in_the_way(failed) is None:
                raise
            return None
        return decode(answer["Attributes"])


def _encoded(changes: RecordChanges) -> dict[str, AttributeValueTypeDef]:
    return {
        f":{name}": encode_value(_shown(name, msgspec.to_builtins(value)))
        for name, value in changes.items()
        if value is not None
    }


def _shown(name: str, value: object) -> object:
    return redacted_values(value) if name in FOR_PEOPLE else value


def _expression(changes: RecordChanges) -> str:
    parts = {
        "SET": [f"#{name} = :{name}" for name, value in changes.items() if value is not None],
        "REMOVE": [f"#{name}" for name, value in changes.items() if value is None],
    }
    return " ".join(f"{verb} {', '.join(fields)}" for verb, fields in parts.items() if fields)


def read_current(clients: Clients, table: str, wait: str) -> Record | None:
    """Return the current record of `wait`, None when there is none.

    Raises:
        CallFailed: no answer, throttled, denied.
    """
    with calling("dynamodb:GetItem"):
        item = clients.dynamodb.get_item(
            TableName=table, Key={"wait": {"S": wait}, "entry": {"S": CURRENT}}, ConsistentRead=True
        ).get("Item")
    return decode(item) if item else None


def encode(record: Record) -> dict[str, AttributeValueTypeDef]:
    """Return the record as a DynamoDB item; fields that are None are left out."""
    return {name: encode_value(value) for name, value in msgspec.to_builtins(record).items() if value is not None}


def decode(item: Mapping[str, Any]) -> Record:
    """Return the record that a DynamoDB item holds; attributes of a later version are ignored."""
    return msgspec.convert({name: decode_value(attribute) for name, attribute in item.items()}, Record, strict=False)
