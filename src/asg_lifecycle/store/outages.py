"""Outages: the drains that an error stops, counted over the whole stack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.dynamodb import is_condition_failure
from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.outages import WINDOW, is_outage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from asg_lifecycle.aws.clients import Clients

KEPT = 200
"""The most drains an item names: a storm must not make it larger than DynamoDB accepts. More drains are not counted."""

NOTICE = "notice"


class Outage(Struct, frozen=True, kw_only=True):
    """The drains that are stopped by one error.

    Attributes:
        dependency: the call and the error code.
        count: how many drains met it in the present window of time and the one before.
        since: when the first of them met it, seconds since the epoch.
        notice: whether this reporter has to announce the outage.
    """

    dependency: str
    count: int
    since: float
    notice: bool = False


class Outages:
    """Counts reports in the table of records.

    An error has a partition of its own, with one item for each window of time and one for the time of the announcement.
    """

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients = clients
        self._table = table

    def report(self, dependency: str, reference: str, now: float) -> Outage:
        """Report that the drain `reference` is stopped by `dependency`, and return how many drains are.

        Args:
            dependency: the call and the error code, `ssm:SendCommand AccessDenied`.
            reference: the permanent name of the drain; reported again, it counts once.
            now: seconds since the epoch.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        window = int(now // WINDOW)
        counts, first = self._add(dependency, reference, window, now)
        earlier, earlier_first = self._read(dependency, window - 1)
        count = len(counts | earlier)
        since = min(first, earlier_first if earlier_first is not None else first)
        told = is_outage(count) and self._is_first_to_tell(dependency, now)
        return Outage(dependency=dependency, count=count, since=since, notice=told)

    def _add(self, dependency: str, reference: str, window: int, now: float) -> tuple[frozenset[str], float]:
        try:
            with calling("dynamodb:UpdateItem"):
                answer = self._clients.dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(dependency, str(window)),
                    UpdateExpression=(
                        "ADD #drains :drain SET #since = if_not_exists(#since, :now), #expires_at = :expires_at"
                    ),
                    ConditionExpression="attribute_not_exists(#drains) OR size(#drains) < :kept",
                    ExpressionAttributeNames={f"#{name}": name for name in ("drains", "since", "expires_at")},
                    ExpressionAttributeValues={
                        ":drain": {"SS": [reference]},
                        ":now": {"N": repr(now)},
                        ":expires_at": {"N": str(int(now + 10 * WINDOW))},
                        ":kept": {"N": str(KEPT)},
                    },
                    ReturnValues="ALL_NEW",
                )
        except CallFailed as failed:
            if not is_condition_failure(failed):
                raise
            drains, since = self._read(dependency, window)
            return drains, since if since is not None else now
        return _drains(answer["Attributes"]), float(answer["Attributes"]["since"]["N"])

    def _read(self, dependency: str, window: int) -> tuple[frozenset[str], float | None]:
        with calling("dynamodb:GetItem"):
            item = self._clients.dynamodb.get_item(
                TableName=self._table, Key=_key(dependency, str(window)), ConsistentRead=True
            ).get("Item")
        return (_drains(item), float(item["since"]["N"])) if item else (frozenset(), None)

    def _is_first_to_tell(self, dependency: str, now: float) -> bool:
        """Return whether this outage was not announced yet; it is a new one when nothing was reported for a window."""
        try:
            with calling("dynamodb:UpdateItem"):
                before = self._clients.dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(dependency, NOTICE),
                    UpdateExpression="SET #seen = :now, #expires_at = :expires_at",
                    # Written at most once a minute, not by each of a thousand drains.
                    ConditionExpression="attribute_not_exists(#seen) OR #seen < :lately",
                    ExpressionAttributeNames={"#seen": "seen", "#expires_at": "expires_at"},
                    ExpressionAttributeValues={
                        ":now": {"N": repr(now)},
                        ":lately": {"N": repr(now - WINDOW / 10)},
                        ":expires_at": {"N": str(int(now + 10 * WINDOW))},
                    },
                    ReturnValues="UPDATED_OLD",
                ).get("Attributes", {})
        except CallFailed as failed:
            if not is_condition_failure(failed):
                raise
            return False
        return "seen" not in before or float(before["seen"]["N"]) < now - WINDOW


def _key(dependency: str, entry: str) -> dict[str, AttributeValueTypeDef]:
    # A JSON array of two elements, so it is never the key of a record, which has three (R29).
    return {"wait": {"S": json.dumps(["outage", dependency], ensure_ascii=False)}, "entry": {"S": entry}}


def _drains(item: dict[str, AttributeValueTypeDef]) -> frozenset[str]:
    return frozenset(item.get("drains", {}).get("SS", ()))
