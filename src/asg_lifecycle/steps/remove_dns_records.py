"""The step kind `remove-dns-records`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.clock_times import clock_time
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.placeholders import in_dns_name
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.record_sets import Belongings, Edit, RecordType, first_batch, removal
from asg_lifecycle.model.resource_names import DnsName
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.dns_changes import (
    NAMED,
    POLL_INTERVAL,
    SOON,
    HostedZoneId,
    Pending,
    Removal,
    longest_ttl,
    names_of,
    on_its_way,
    retry_delay,
    still_pending,
    told,
    zones_named,
)
from asg_lifecycle.steps.support.missing_things import done_unless_missing, there_is_no

if TYPE_CHECKING:
    from asg_lifecycle.model.progress import StepAnswer, Waiting
    from asg_lifecycle.steps.base import Target

OWN = ("{instance}", "{private_ip}")
"""Placeholders that make a name one instance's alone."""

UNKNOWN = (
    "EC2 had forgotten its addresses before they were read: records that hold one and do not bear its id were not "
    "found, and may be left"
)


class RemoveDnsRecordsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to look, and whether to wait."""

    zones: Annotated[
        tuple[HostedZoneId, ...],
        Meta(min_length=1, description="Hosted zones by id (`Z…`). Only these are looked into."),
    ]
    names: Annotated[
        tuple[DnsName, ...],
        Meta(
            description="Only records of these names, `*` only where the record has it, with placeholders such as "
            "`{instance}`. Without, the whole zone is read."
        ),
    ] = ()
    types: Annotated[
        tuple[RecordType, ...],
        Meta(
            min_length=1,
            description="`A`, `AAAA`, `CNAME` and `PTR`; a CNAME is the instance's when it leads to a DNS name "
            "that EC2 gave it, a PTR record when its name is made of an address of the instance.",
        ),
    ] = ("A", "AAAA")
    wait_for_ttl: Annotated[
        bool, Meta(description="Wait for the TTL of the records, too: so long clients may keep the address.")
    ] = True


class RemoveDnsRecords(StatefulStep[RemoveDnsRecordsOptions, Removal]):
    """Take the instance out of DNS records of Route 53, and wait until no client can know its address any more.

    It takes the instance's addresses out of record sets, IPv4 and IPv6, private and public. A record set with other
    values keeps them; one that would be empty is deleted, and so is one whose set identifier is the instance's id, or
    whose name in the options holds `{instance}` or `{private_ip}`, which is written with hyphens. PTR records are
    deleted whole, in the reverse zones that are named. Aliases are left alone. A record set that somebody changes at
    the same moment is read again first, so that nobody's value is lost or comes back.

    A private address counts in any of the zones that are named: name those of its own network. Of an instance that is
    gone EC2 tells no address; then only what bears its id is found, and the step says so.
    """

    kind = "remove-dns-records"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"zones": ["Z1D633PJN98FT9"], "names": ["web.example.com"]}
    permissions = (
        "route53:ChangeResourceRecordSets",
        "route53:GetChange",
        "route53:ListResourceRecordSets",
    )
    template_parameter = "DnsSteps"
    may_be_missing = "hosted zones"
    skip_if_instance_survives = True

    def preview(self, target: Target) -> str:
        """Say which records would be changed."""
        belongings = self._belongings(target, self._services.instances.reached_by(target.action.instance, target.facts))
        found, missing = self._find(belongings)
        edits = [edit for edits in found.values() for edit in edits]
        if not edits:
            return f"has no record in {zones_named(self._options.zones)}{self._note(belongings.addresses, missing)}"
        return f"would {', '.join(map(told, edits))}{self._note(belongings.addresses, missing)}"

    def begin(self, target: Target) -> StepAnswer:
        """Find the records of the instance. Nothing is changed before they are written down."""
        belongings = self._belongings(target, self._services.instances.reached_by(target.action.instance, target.facts))
        found, missing = self._find(belongings)
        edits = [edit for edits in found.values() for edit in edits]
        if not edits:
            done = f"instance {target.action.instance} has no record in {zones_named(self._options.zones)}"
            return done_unless_missing(done + self._unknown(belongings.addresses), missing)
        so_far = Removal(
            addresses=belongings.addresses,
            left={zone: names_of(edits) for zone, edits in found.items() if edits},
            sets=tuple(str(edit.before) for edit in edits[:NAMED]),
            count=len(edits),
            ttl=longest_ttl(edits),
            missing=missing,
        )
        return self._wait(f"found in {so_far}{self._note(so_far.addresses, missing)}", so_far, again_after=SOON)

    def poll(self, target: Target, state: Removal) -> StepAnswer:
        """Make the next change, or ask how far those that were made have come."""
        so_far = state
        if so_far.left:
            return self._change(target, so_far)
        if so_far.in_sync_at is None:
            pending = still_pending(self._services.dns_records, so_far.pending, target.now)
            if pending:
                why = f"taken out of {so_far}; waiting until all servers of Route 53 know"
                return self._wait(why, msgspec.structs.replace(so_far, pending=pending), again_after=POLL_INTERVAL)
            so_far = msgspec.structs.replace(so_far, pending=(), in_sync_at=target.now)
        return self._out_of_caches(target, so_far, since=so_far.in_sync_at or target.now)

    def _change(self, target: Target, so_far: Removal) -> StepAnswer:
        """Make one change in one zone, so that its answer is written down before the next one."""
        zone, names = next(iter(so_far.left.items()))
        record_sets = self._services.dns_records.record_sets(zone, names) or ()
        edits = removal(record_sets, self._belongings(target, so_far.addresses))
        others = {each: names for each, names in so_far.left.items() if each != zone}
        if not edits:
            # Done by a try whose answer was lost, or by somebody else: when exactly is not known.
            done = Pending(change=None, at=target.now)
            return self._changed(target, so_far, others, done)
        batch = first_batch(edits)
        submission = self._services.dns_records.submit(
            zone, batch, f"instance {target.action.instance} leaves; asg-lifecycle"
        )
        so_far = msgspec.structs.replace(so_far, ttl=max(so_far.ttl, longest_ttl(batch)))
        if submission.change is None:
            tries = so_far.tries + 1
            return self._wait(
                f"reading the records of zone {zone} again, somebody else changed them: {submission.refused}",
                msgspec.structs.replace(so_far, tries=tries),
                again_after=retry_delay(tries),
            )
        left = others if len(batch) == len(edits) else so_far.left
        return self._changed(target, so_far, left, Pending(change=submission.change, at=target.now))

    def _changed(
        self, target: Target, so_far: Removal, left: dict[str, tuple[str, ...]], pending: Pending
    ) -> StepAnswer:
        changed = msgspec.structs.replace(so_far, left=left, tries=0, pending=(*so_far.pending, pending))
        if left:
            return self._wait(f"taking it out of {changed}; {zones_named(left)} to go", changed, again_after=SOON)
        if target.facts.gone:
            done = f"taken out of {changed}; the instance is gone, nothing is waited for"
            return done_unless_missing(done + self._unknown(changed.addresses), changed.missing)
        why = f"taken out of {changed}; waiting until all servers of Route 53 know"
        return self._wait(why, changed, again_after=POLL_INTERVAL)

    def _out_of_caches(self, target: Target, so_far: Removal, *, since: float) -> StepAnswer:
        done = f"taken out of {so_far}"
        left = since + so_far.ttl - target.now
        if not self._options.wait_for_ttl or left <= 0:
            return done_unless_missing(done + self._unknown(so_far.addresses), so_far.missing)
        until = clock_time(target.now + left)
        why = f"clients may keep the address for the TTL of {readable(so_far.ttl)}: waiting until {until}"
        return self._wait(f"{done}; {why}", so_far, again_after=left)

    def _wait(self, detail: str, so_far: Removal, *, again_after: float) -> Waiting:
        where = ", ".join(dict.fromkeys(self._options.zones))
        blockers = (on_its_way(record_set, where) for record_set in so_far.sets)
        return self._waiting(detail, so_far, again_after=again_after, blockers=blockers)

    def _find(self, belongings: Belongings) -> tuple[dict[str, tuple[Edit, ...]], tuple[str, ...]]:
        """Return what is to be changed in each zone, and the zones there are not."""
        found: dict[str, tuple[Edit, ...]] = {}
        missing = []
        for zone in dict.fromkeys(self._options.zones):
            record_sets = self._services.dns_records.record_sets(zone, belongings.looked_for)
            if record_sets is None:
                missing.append(f"hosted zone {zone}")
            else:
                found[zone] = removal(record_sets, belongings)
        return found, tuple(missing)

    def _belongings(self, target: Target, addresses: tuple[str, ...]) -> Belongings:
        names = {name: target.fill(name, in_dns_name) for name in self._options.names}
        return Belongings(
            instance=target.action.instance,
            addresses=addresses,
            names=tuple(names.values()),
            own_names=tuple(filled for name, filled in names.items() if any(own in name for own in OWN)),
            types=self._options.types,
        )

    def _note(self, addresses: tuple[str, ...], missing: tuple[str, ...]) -> str:
        return there_is_no(missing) + self._unknown(addresses)

    def _unknown(self, addresses: tuple[str, ...]) -> str:
        by_id_alone = self._options.names and all(any(own in name for own in OWN) for name in self._options.names)
        return "" if addresses or by_id_alone else f"; {UNKNOWN}"
