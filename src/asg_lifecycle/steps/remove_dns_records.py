"""Take the instance out of DNS records of Route 53, and wait until no client can know its address any more."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.progress import Done, Progress, Waiting
from asg_lifecycle.model.record_sets import INSTANCE, Belongings, Edit, RecordType, first_batch, removal
from asg_lifecycle.steps.propagation import SOON, Pending, retry_gap, still_pending

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from asg_lifecycle.aws.dns_records import DnsRecords
    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.steps.protocol import Target
    from asg_lifecycle.steps.services import Services

ZONE = re.compile(r"Z[A-Z0-9]{1,31}")

NAMED = 5
"""Record sets that are named in progress."""

MOST_NAMES = 10
"""Names that are read again one by one; the whole zone where there are more."""

UNKNOWN = (
    "EC2 had forgotten its addresses before they were read: records that hold one and do not bear its id were not "
    "found, and may be left"
)


class RemoveDnsRecordsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to look, and whether to wait.

    Attributes:
        zones: hosted zones by id (`Z…`). Only these are looked into.
        names: only records of these names; `{instance}` stands for the instance's id. Without, the whole zone is read.
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
        if wrong := [zone for zone in self.zones if not ZONE.fullmatch(zone)]:
            raise ValueError(f"hosted zone {wrong[0]!r} is no id; expected one such as 'Z1D633PJN98FT9'")
        if "" in self.names:
            raise ValueError("a record has no name; give it, or no names to look at the whole zone")


class Removal(Struct, frozen=True, kw_only=True):
    """What is remembered between two looks. Times are seconds since the epoch.

    Attributes:
        addresses: of the instance, while EC2 told them.
        left: zones that are still to be changed, and the names of the record sets; none for the whole zone.
        sets: the first record sets that are changed, for people.
        count: how many there are.
        ttl: the longest of their TTLs, seconds.
        note: what else there is to say.
        pending: changes on their way.
        tries: how often in a row somebody else was faster.
        in_sync_at: since when all servers know, None while they do not.
    """

    addresses: tuple[str, ...]
    left: dict[str, tuple[str, ...]]
    sets: tuple[str, ...]
    count: int
    ttl: int
    note: str
    pending: tuple[Pending, ...] = ()
    tries: int = 0
    in_sync_at: float | None = None


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
    feature: ClassVar[str | None] = "DnsSteps"
    forgets_instance: ClassVar[bool] = True
    needs_instance_alive: ClassVar[bool] = False
    begins_once: ClassVar[bool] = False

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
        belongings = self._belongings(target, self._addresses(target))
        found, missing = self._find(belongings)
        edits = [edit for edits in found.values() for edit in edits]
        if not edits:
            return f"has no record in {_zones(self._chosen.zones)}{self._note(belongings, missing)}"
        return f"would {', '.join(map(_told, edits))}{self._note(belongings, missing)}"

    def begin(self, target: Target) -> Progress:
        """Look which records are the instance's. Nothing is changed before that is written down."""
        belongings = self._belongings(target, self._addresses(target))
        found, missing = self._find(belongings)
        note = self._note(belongings, missing)
        edits = [edit for edits in found.values() for edit in edits]
        if not edits:
            return Done(f"instance {target.action.instance} has no record in {_zones(self._chosen.zones)}{note}")
        removal = Removal(
            addresses=belongings.addresses,
            left={zone: _names(edits) for zone, edits in found.items() if edits},
            sets=tuple(str(edit.before) for edit in edits[:NAMED]),
            count=len(edits),
            ttl=_longest(edits),
            note=note,
        )
        return _waiting(f"found in {_listed(removal)}{note}", removal, SOON)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Make the next change, or see how far those that were made have come."""
        removal = msgspec.convert(last.state, Removal)
        if removal.left:
            return self._change(target, removal)
        if removal.in_sync_at is None:
            pending = still_pending(self._dns_records, removal.pending, target.now)
            if pending:
                why = "waiting until all servers of Route 53 know that it is no longer in"
                return _waiting(f"{why} {_listed(removal)}", msgspec.structs.replace(removal, pending=pending))
            removal = msgspec.structs.replace(removal, pending=(), in_sync_at=target.now)
        return self._out_of_caches(target, removal, since=removal.in_sync_at or target.now)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave the records as they are by then: a change cannot be stopped."""
        del target, last
        return None

    def _change(self, target: Target, removal_so_far: Removal) -> Progress:
        """Change one zone: one change a look, so that its answer is written down before the next one."""
        zone, names = next(iter(removal_so_far.left.items()))
        record_sets = self._dns_records.record_sets(zone, names) or ()
        edits = removal(record_sets, self._belongings(target, removal_so_far.addresses))
        others = {each: names for each, names in removal_so_far.left.items() if each != zone}
        if not edits:
            # Done by a try whose answer was lost, or by somebody else: when exactly is not known.
            done = Pending(change=None, at=target.now)
            return self._changed(removal_so_far, others, done)
        batch = first_batch(edits)
        submission = self._dns_records.submit(zone, batch, f"instance {target.action.instance} leaves; asg-lifecycle")
        removal_so_far = msgspec.structs.replace(removal_so_far, ttl=max(removal_so_far.ttl, _longest(batch)))
        if submission.change is None:
            tries = removal_so_far.tries + 1
            return _waiting(
                f"reading the records of zone {zone} again, somebody else changed them: {submission.refused}",
                msgspec.structs.replace(removal_so_far, tries=tries),
                retry_gap(tries),
            )
        left = others if len(batch) == len(edits) else removal_so_far.left
        return self._changed(removal_so_far, left, Pending(change=submission.change, at=target.now))

    @staticmethod
    def _changed(removal_so_far: Removal, left: dict[str, tuple[str, ...]], pending: Pending) -> Waiting:
        changed = msgspec.structs.replace(
            removal_so_far, left=left, tries=0, pending=(*removal_so_far.pending, pending)
        )
        if left:
            return _waiting(f"taking it out of {_listed(changed)}; {_zones(left)} to go", changed, SOON)
        return _waiting(f"taken out of {_listed(changed)}; waiting until all servers of Route 53 know", changed)

    def _out_of_caches(self, target: Target, removal_so_far: Removal, *, since: float) -> Progress:
        done = f"taken out of {_listed(removal_so_far)}"
        left = since + removal_so_far.ttl - target.now
        if not self._chosen.wait_for_ttl or left <= 0:
            return Done(f"{done}{removal_so_far.note}")
        if target.facts.gone:
            return Done(f"{done}; the instance is gone, so the TTL is not waited for{removal_so_far.note}")
        until = datetime.fromtimestamp(target.now + left, UTC).strftime("%H:%M:%S UTC")
        why = f"clients may keep the address for the TTL of {readable(removal_so_far.ttl)}: waiting until {until}"
        return _waiting(f"{done}; {why}", removal_so_far, left)

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

    def _addresses(self, target: Target) -> tuple[str, ...]:
        told = self._instances.addresses(target.action.instance).all
        return tuple(dict.fromkeys((*target.facts.addresses, *told)))

    def _note(self, belongings: Belongings, missing: list[str]) -> str:
        by_id_alone = self._chosen.names and all(INSTANCE in name for name in self._chosen.names)
        unknown = "" if belongings.addresses or by_id_alone else f"; {UNKNOWN}"
        return (f"; there is no hosted zone {', '.join(missing)}" if missing else "") + unknown


def _waiting(detail: str, removal: Removal, again_after: float | None = None) -> Waiting:
    return Waiting(detail, again_after=again_after, state=msgspec.to_builtins(removal))


def _names(edits: tuple[Edit, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(edit.before.name for edit in edits if edit.before is not None))
    return names if len(names) <= MOST_NAMES else ()


def _longest(edits: Iterable[Edit]) -> int:
    return max((edit.before.ttl for edit in edits if edit.before is not None), default=0)


def _told(edit: Edit) -> str:
    if edit.before is None or edit.after is None:
        return f"delete {edit.before}"
    out = [value for value in edit.before.values if value not in edit.after.values]
    return f"take {', '.join(out)} out of {edit.before}"


def _listed(removal: Removal) -> str:
    return ", ".join(islice(removal.sets, NAMED)) + (f" and {removal.count - NAMED} more" * (removal.count > NAMED))


def _zones(zones: Iterable[str]) -> str:
    listed = tuple(zones)
    return f"hosted {'zone' if len(listed) == 1 else 'zones'} {', '.join(listed)}"
