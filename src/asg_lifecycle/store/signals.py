"""The signals of an action, which its record keeps until a step reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.aws.dynamodb import encode_value, is_condition_failure
from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.signals import says_the_same
from asg_lifecycle.store.records import decode, read_current

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.model.records import Record
    from asg_lifecycle.model.signals import Signal

MOST_KEPT = 50
"""The most signals that one action keeps: a sender that does not stop must not fill the record."""

MOST_KEPT_WITH_PROVED = 2 * MOST_KEPT
"""The same for signals that have their word: others must not keep them out."""


class Signals:
    """The signals in the table of records."""

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients = clients
        self._table = table

    def of(self, wait: str) -> tuple[Signal, ...]:
        """Return the signals of the action whose record is under `wait`, oldest first.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        record = read_current(self._clients, self._table, wait)
        return record.signals if record is not None else ()

    def keep(self, record: Record, signal: Signal) -> Record | None:
        """Put a signal into the record of an action, and return the record as it is then.

        Repeating it adds nothing: EventBridge delivers at least once, and a sender may repeat a signal.

        Args:
            record: the action's record, as it was a moment ago.
            signal: the signal.

        Returns:
            The record, None when the action has ended or keeps no more signals.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        if any(says_the_same(signal, each) for each in record.signals[-1:]):
            return record
        try:
            with calling("dynamodb:UpdateItem"):
                answer = self._clients.dynamodb.update_item(
                    TableName=self._table,
                    Key={"wait": {"S": record.wait}, "entry": {"S": record.entry}},
                    UpdateExpression="SET #signals = list_append(if_not_exists(#signals, :none), :one)",
                    ConditionExpression="#claimed_at = :claimed_at AND attribute_exists(#in_flight)"
                    " AND (attribute_not_exists(#signals) OR size(#signals) < :most)",
                    ExpressionAttributeNames={f"#{name}": name for name in ("signals", "claimed_at", "in_flight")},
                    ExpressionAttributeValues={
                        ":none": {"L": []},
                        ":one": encode_value([msgspec.to_builtins(signal)]),
                        ":claimed_at": encode_value(record.claimed_at),
                        ":most": {"N": str(MOST_KEPT_WITH_PROVED if signal.proved else MOST_KEPT)},
                    },
                    ReturnValues="ALL_NEW",
                )
        except CallFailed as failed:
            if not is_condition_failure(failed):
                raise
            return None
        return decode(answer["Attributes"])
