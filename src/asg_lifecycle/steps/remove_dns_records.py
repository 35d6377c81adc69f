"""Take the instance out of DNS records of Route 53, and wait until no client can know its address any more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.progress import Done, Progress, Waiting
from asg_lifecycle.model.record_sets import INSTANCE, Belongings, Edit, RecordType, first_batch, removal
from asg_lifecycle.steps.support.dns_changes import (
    LOOK_AGAIN,
    NAMED,
    SOON,
    Pending,
    Removal,
    longest_ttl,
    names_of,
    refuse_no_zone,
    retry_gap,
    still_pending,
    told,
    zones_named,
)

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.dns_records import DnsRecords
    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

UNKNOWN = (
    "EC2 had forgotten its addresses before they were read: records that hold one and do not bear its id were not "
    "found, and may be left"
)


class RemoveDnsRecordsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to look, and whether to wait.

    Attributes:
        zones: hosted zones by id (`Z…`). Only these are looked into.
        names: only records of these names, `*` only where the record has it; `{instance}` stands for the instance's id.
            Without, the whole zone is read.
        types: `A`, `AAAA` and `CNAME`; a CNAME is the instance's when it leads to a DNS name that EC2 gave it.
        wait_for_ttl: wait for the TTL of the records, too: so long clients may keep the address.
    """

    zones: Annotated[tuple[str, ...], Meta(min_length=1)]
    names: tuple[str, ...] = ()
    types: Annotated[tuple[RecordType, ...], Meta(min_length=1)] = ("A", "AAAA")
    wait_for_ttl: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no zone, and no name.

        Raises:
            ValueError: a zone that is no id, or an empty name.
        """
        refuse_no_zone(self.zones)
        if "" in self.names:
            raise ValueError("a record has no name; give it, or no names to look at the whole zone")


class RemoveDnsRecords:
    """`remove-dns-records`: the instance's addresses are taken out of record sets, IPv4 and IPv6, private and public.

    A record set with other values keeps them; one that would be empty is deleted, and so is one whose set identifier
    is the instance's id, or whose name in the options holds `{instance}`. Aliases are left alone. A record set that
    somebody changes at the same moment is read again first, so that nobody's value is lost or comes back.

    A private address counts in any of the zones that are named: name those of its own network. Of an instance that is
    gone EC2 tells no address; then only what bears its id is found, and the step says so.
    """

    kind: ClassVar[str] = "remove-dns-records"
    options: ClassVar[type[Struct]] = RemoveDnsRecordsOptions
    example: ClassVar[dict[str, Any]] = {"zones": ["Z1D633PJN98FT9"], "names": ["web.example.com"]}
    permissions: ClassVar[tuple[str, ...]] = (
        "route53:ChangeResourceRecordSets",
        "route53:GetChange",
        "route53:ListResourceRecordSets",
    )
    template_parameter: ClassVar[str | None] = "DnsSteps"
    skip_if_instance_survives: ClassVar[bool] = True
    needs_instance_alive: ClassVar[bool] = False
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: RemoveDnsRecordsOptions, dns_records: DnsRecords, instances: Instances) -> None:
        self._chosen = chosen
        self._dns_records = dns_records
        self._instances = instances

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(
            msgspec.convert(options, RemoveDnsRecordsOptions, from_attributes=True),
            services.dns_records,
            services.instances,
        )

    def preview(self, target: Target) -> str:
        """Say which records would be changed."""
        belongings = self._belongings(target, self._instances.reached_by(target.action.instance, target.facts))
        found, missing = self._find(belongings)
        edits = [edit for edits in found.values() for edit in edits]
        if not edits:
            return f"has no record in {zones_named(self._chosen.zones)}{self._note(belongings, missing)}"
        return f"would {', '.join(map(told, edits))}{self._note(belongings, missing)}"

    def begin(self, target: Target) -> Progress:
        """Look which records are the instance's. Nothing is changed before that is written down."""
        belongings = self._belongings(target, self._instances.reached_by(target.action.instance, target.facts))
        found, missing = self._find(belongings)
        note = self._note(belongings, missing)
        edits = [edit for edits in found.values() for edit in edits]
        if not edits:
            return Done(f"instance {target.action.instance} has no record in {zones_named(self._chosen.zones)}{note}")
        so_far = Removal(
            addresses=belongings.addresses,
            left={zone: names_of(edits) for zone, edits in found.items() if edits},
            sets=tuple(str(edit.before) for edit in edits[:NAMED]),
            count=len(edits),
            ttl=longest_ttl(edits),
            note=note,
        )
        return _waiting(f"found in {so_far}{note}", so_far, SOON)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Make the next change, or see how far those that were made have come."""
        so_far = msgspec.convert(last.state, Removal)
        if so_far.left:
            return self._change(target, so_far)
        if so_far.in_sync_at is None:
            pending = still_pending(self._dns_records, so_far.pending, target.now)
            if pending:
                why = f"taken out of {so_far}; waiting until all servers of Route 53 know"
                return _waiting(why, msgspec.structs.replace(so_far, pending=pending), LOOK_AGAIN)
            so_far = msgspec.structs.replace(so_far, pending=(), in_sync_at=target.now)
        return self._out_of_caches(target, so_far, since=so_far.in_sync_at or target.now)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave the records as they are by then: a change cannot be stopped."""
        del target, last
        return None

    def _change(self, target: Target, so_far: Removal) -> Progress:
        """Change one zone: one change a look, so that its answer is written down before the next one."""
        zone, names = next(iter(so_far.left.items()))
        record_sets = self._dns_records.record_sets(zone, names) or ()
        edits = removal(record_sets, self._belongings(target, so_far.addresses))
        others = {each: names for each, names in so_far.left.items() if each != zone}
        if not edits:
            # Done by a try whose answer was lost, or by somebody else: when exactly is not known.
            done = Pending(change=None, at=target.now)
            return self._changed(target, so_far, others, done)
        batch = first_batch(edits)
        submission = self._dns_records.submit(zone, batch, f"instance {target.action.instance} leaves; asg-lifecycle")
        so_far = msgspec.structs.replace(so_far, ttl=max(so_far.ttl, longest_ttl(batch)))
        if submission.change is None:
            tries = so_far.tries + 1
            return _waiting(
                f"reading the records of zone {zone} again, somebody else changed them: {submission.refused}",
                msgspec.structs.replace(so_far, tries=tries),
                retry_gap(tries),
            )
        left = others if len(batch) == len(edits) else so_far.left
        return self._changed(target, so_far, left, Pending(change=submission.change, at=target.now))

    @staticmethod
    def _changed(target: Target, so_far: Removal, left: dict[str, tuple[str, ...]], pending: Pending) -> Progress:
        changed = msgspec.structs.replace(so_far, left=left, tries=0, pending=(*so_far.pending, pending))
        if left:
            return _waiting(f"taking it out of {changed}; {zones_named(left)} to go", changed, SOON)
        if target.facts.gone:
            return Done(f"taken out of {changed}; the instance is gone, nothing is waited for{changed.note}")
        why = f"taken out of {changed}; waiting until all servers of Route 53 know"
        return _waiting(why, changed, LOOK_AGAIN)

    def _out_of_caches(self, target: Target, so_far: Removal, *, since: float) -> Progress:
        done = f"taken out of {so_far}"
        left = since + so_far.ttl - target.now
        if not self._chosen.wait_for_ttl or left <= 0:
            return Done(f"{done}{so_far.note}")
        until = datetime.fromtimestamp(target.now + left, UTC).strftime("%H:%M:%S UTC")
        why = f"clients may keep the address for the TTL of {readable(so_far.ttl)}: waiting until {until}"
        return _waiting(f"{done}; {why}", so_far, left)

    def _find(self, belongings: Belongings) -> tuple[dict[str, tuple[Edit, ...]], list[str]]:
        """Return what is to be changed in each zone, and the zones there are not."""
        found: dict[str, tuple[Edit, ...]] = {}
        missing = []
        for zone in dict.fromkeys(self._chosen.zones):
            record_sets = self._dns_records.record_sets(zone, belongings.looked_for)
            if record_sets is None:
                missing.append(zone)
            else:
                found[zone] = removal(record_sets, belongings)
        return found, missing

    def _belongings(self, target: Target, addresses: tuple[str, ...]) -> Belongings:
        return Belongings(
            instance=target.action.instance,
            addresses=addresses,
            names=self._chosen.names,
            types=self._chosen.types,
        )

    def _note(self, belongings: Belongings, missing: list[str]) -> str:
        by_id_alone = self._chosen.names and all(INSTANCE in name for name in self._chosen.names)
        unknown = "" if belongings.addresses or by_id_alone else f"; {UNKNOWN}"
        return (f"; there is no hosted zone {', '.join(missing)}" if missing else "") + unknown


def _waiting(detail: str, so_far: Removal, again_after: float | None = None) -> Waiting:
    return Waiting(detail, again_after=again_after, state=msgspec.to_builtins(so_far))
