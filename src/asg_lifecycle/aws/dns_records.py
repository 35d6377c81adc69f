"""The Route 53 calls: reading record sets, changing several at once or none, and whether all servers know a change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.record_sets import RecordSet, canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_route53.type_defs import ChangeTypeDef

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.model.record_sets import Edit

CHANGED_IN_BETWEEN = ("do not match the current values", "but it was not found", "but it already exists")
"""Route 53's messages about a record set that has changed since it was read."""


PAGE_OF_NAMED = "50"
"""Record sets on one page when those of one name are wanted: Route 53 returns the names that follow, too."""


class Submission(Struct, frozen=True):
    """The result of a change batch: its id; or None, and Route 53's message about what has changed in between."""

    change: str | None
    refused: str = ""


class DnsRecords:
    """The record sets of the hosted zones of this account."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def record_sets(self, zone: str, names: Sequence[str] = ()) -> tuple[RecordSet, ...] | None:
        """Return the record sets of a hosted zone, None when there is no such zone.

        Args:
            zone: its id.
            names: only record sets of these names, one request each; without names the whole zone, a request for each
                300.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            if not names:
                return tuple(self._listed(zone, {}))
            return tuple(record_set for name in names for record_set in self._named(zone, name))
        except CallFailed as failed:
            if failed.failure.code == "NoSuchHostedZone":
                return None
            raise

    def submit(self, zone: str, edits: Sequence[Edit], reason: str) -> Submission:
        """Make all of `edits` if every record set is still as it was read, none otherwise.

        Args:
            zone: id of the hosted zone.
            edits: what is changed.
            reason: why, for people.

        Raises:
            CallFailed: no answer, throttled, denied, refused for another reason.
        """
        changes = [change for edit in edits for change in _changes(edit)]
        try:
            with calling("route53:ChangeResourceRecordSets"):
                answer = self._clients.route53.change_resource_record_sets(
                    HostedZoneId=zone, ChangeBatch={"Comment": reason, "Changes": changes}
                )
        except CallFailed as failed:
            said = failed.failure.message
            if failed.failure.code == "NoSuchHostedZone":
                return Submission(None, said)
            if failed.failure.code == "InvalidChangeBatch" and any(text in said for text in CHANGED_IN_BETWEEN):
                return Submission(None, said)
            raise
        return Submission(answer["ChangeInfo"]["Id"])

    def in_sync(self, change: str) -> bool | None:
        """Return whether all of Route 53's servers know of a change, None when Route 53 has forgotten it.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("route53:GetChange"):
                return self._clients.route53.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC"
        except CallFailed as failed:
            if failed.failure.code == "NoSuchChange":
                return None
            raise

    def _named(self, zone: str, name: str) -> Iterator[RecordSet]:
        for record_set in self._listed(zone, {"StartRecordName": name, "MaxItems": PAGE_OF_NAMED}):
            if record_set.name != canonical(name):
                return
            yield record_set

    def _listed(self, zone: str, first: dict[str, str]) -> Iterator[RecordSet]:
        position: dict[str, Any] = {"HostedZoneId": zone, **first}
        while True:
            with calling("route53:ListResourceRecordSets"):
                page = self._clients.route53.list_resource_record_sets(**position)
            for found in page["ResourceRecordSets"]:
                content: dict[str, Any] = {**found}
                yield RecordSet(content)
            if not page["IsTruncated"]:
                return
            position |= {"StartRecordName": page["NextRecordName"], "StartRecordType": page["NextRecordType"]}
            position.pop("StartRecordIdentifier", None)
            if identifier := page.get("NextRecordIdentifier"):
                position["StartRecordIdentifier"] = identifier


def _changes(edit: Edit) -> Iterator[ChangeTypeDef]:
    # A DELETE must repeat the whole record set, so Route 53 refuses it when anything has changed since.
    if edit.before is not None:
        yield {"Action": "DELETE", "ResourceRecordSet": _typed(edit.before)}
    if edit.after is not None:
        yield {"Action": "CREATE", "ResourceRecordSet": _typed(edit.after)}


def _typed(record_set: RecordSet) -> Any:  # noqa: ANN401 - fields as Route 53 has them
    return record_set.content
