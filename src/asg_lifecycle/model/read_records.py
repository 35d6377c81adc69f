"""What a read of many records found: the records, and those that this version cannot read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.failures import Consequence, Failure
from asg_lifecycle.model.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence


class UnreadableRecord(Struct, frozen=True, kw_only=True):
    """A record of an action that this version cannot read: a newer one wrote it, or somebody changed it by hand.

    Nothing may be concluded from it: neither that there is no record, nor that the action has ended.

    Attributes:
        wait: partition key, see `wait_key`.
        group: Auto Scaling group; empty where the item does not say it, like the next three.
        hook: lifecycle hook.
        instance: EC2 instance id.
        token: lifecycle action token.
        live: the item is in the index of live actions.
        reason: what was expected, and what was found.
    """

    wait: str
    group: str
    hook: str
    instance: str
    token: str
    live: bool
    reason: str

    def __str__(self) -> str:
        """Return one sentence with what to do about it."""
        return (
            f"group {self.group or 'unknown'}, hook {self.hook or 'unknown'}, instance {self.instance or 'unknown'}: "
            f"this version cannot read the record of the action ({self.reason}); use the version that wrote it"
        )


class ReadRecords(Struct, frozen=True, kw_only=True):
    """What a read found. A record that there is not is in neither of the two."""

    records: tuple[Record, ...] = ()
    unreadable: tuple[UnreadableRecord, ...] = ()


def unreadable_failure(unreadable: Sequence[UnreadableRecord]) -> Failure:
    """Return the failure of a read that needs all of its records, at least one of which cannot be read."""
    return Failure(
        consequence=Consequence.REFUSED,
        action="dynamodb:BatchGetItem",
        code="UnreadableRecord",
        message="; ".join(str(each) for each in unreadable),
    )
