"""The step kind `add-dns-record`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.addresses import reverse_name
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.durations import Duration, seconds
from asg_lifecycle.model.placeholders import in_dns_name
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Done, Failed, Missing, StepAnswer, Waiting, sentence_of
from asg_lifecycle.model.record_sets import Obstacle, Wanted, addition, canonical
from asg_lifecycle.model.resource_names import DnsName
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.dns_changes import (
    POLL_INTERVAL,
    SOON,
    HostedZoneId,
    Pending,
    on_its_way,
    retry_delay,
    still_pending,
)

if TYPE_CHECKING:
    from asg_lifecycle.model.instances import InstanceAddresses
    from asg_lifecycle.model.record_sets import Edit
    from asg_lifecycle.steps.base import Target

LONGEST_TTL = 2_147_483_647


class AddDnsRecordOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record."""

    zone: Annotated[HostedZoneId, Meta(description="The hosted zone by id (`Z…`).")]
    name: Annotated[DnsName, Meta(description="Its name, with placeholders; of a `PTR` record where it leads.")]
    type: Annotated[
        Literal["A", "AAAA", "PTR"],
        Meta(description="`A`, `AAAA` for the IPv6 address, or `PTR`, whose own name is made of the address."),
    ] = "A"
    address: Annotated[
        Literal["private", "public", "ipv6"],
        Meta(description="Of an `A` record: the `private` or the `public` address; `ipv6` is for a `PTR` record."),
    ] = "private"
    ttl: Annotated[
        Duration,
        Meta(
            description="How long clients may keep it; record sets of that name and type that are there "
            "keep theirs, and set it."
        ),
    ] = "60s"
    routing: Annotated[
        Literal["simple", "weighted", "multivalue"],
        Meta(
            description="`simple`: among the values of one record set; `weighted` and `multivalue`: a "
            "record set of its own, whose identifier is the instance's id."
        ),
    ] = "simple"
    weight: Annotated[Annotated[int, Meta(ge=0, le=255)] | None, Meta(description="Its weight, for `weighted`.")] = None

    def __post_init__(self) -> None:
        """Refuse what Route 53 would.

        Raises:
            ValueError: a weight without weighted routing, weighted routing without a weight, an A record of an IPv6
                address, or a TTL that is too long.
        """
        if (self.weight is None) == (self.routing == "weighted"):
            raise ValueError("weight goes with routing weighted, and routing weighted with a weight from 0 to 255")
        if self.type == "A" and self.address == "ipv6":
            raise ValueError("address ipv6 goes with type PTR; the record of an IPv6 address is of type AAAA")
        if seconds(self.ttl) > LONGEST_TTL:
            raise ValueError(f"ttl is {self.ttl!r}; expected no more than {LONGEST_TTL} seconds")


class AddDnsRecordState(Struct, frozen=True, kw_only=True):
    """What is known of the record that is added.

    Attributes:
        address: what the record holds.
        pending: the change on its way, None before there is one.
        tries: how often in a row somebody else was faster.
    """

    address: str
    pending: Pending | None = None
    tries: int = 0


class AddDnsRecord(StatefulStep[AddDnsRecordOptions, AddDnsRecordState]):
    """Give the instance a DNS record in Route 53, and wait until all of its servers know it.

    It is for launch hooks; `remove-dns-records` removes the record on termination. Done when all servers of Route 53
    know it, or when it was there before. With `simple` the address joins the values of others, which are kept, whoever
    changes them at the same moment. An instance that is abandoned keeps its record until it is terminated through a
    hook with `remove-dns-records`.
    """

    kind = "add-dns-record"
    transition = PlanTransition.LAUNCH
    example: ClassVar[dict[str, object]] = {
        "zone": "Z1D633PJN98FT9",
        "name": "web.example.com",
        "address": "public",
        "routing": "multivalue",
    }
    permissions = (
        "route53:ChangeResourceRecordSets",
        "route53:GetChange",
        "route53:ListResourceRecordSets",
    )
    template_parameter = "DnsSteps"
    may_be_missing = "hosted zones"
    needs_instance_alive = True

    def preview(self, target: Target) -> str:
        """Say what would be added, or what is in the way."""
        address = self._address(self._services.instances.addresses(target.action.instance, launching=True))
        if address is None:
            return f"could not add {self._record(target)}: the instance has no {self._kind_of_address()}"
        edit = self._edit(target, address)
        if isinstance(edit, Missing | Failed):
            return f"could not add {self._record(target)}: {sentence_of(edit)}"
        if edit is None:
            return f"{self._record(target)} holds {address} already"
        return f"would add {address} to {self._record(target)} in hosted zone {self._options.zone}"

    def begin(self, target: Target) -> StepAnswer:
        """Find out whether the record is there. Nothing is changed before its address is written down."""
        told = self._services.instances.addresses(target.action.instance, launching=True)
        address = self._address(told)
        if address is None and told.state == "pending":
            reason = f"it has no {self._kind_of_address()} yet"
            return Waiting(
                f"waiting for EC2 to give the instance a {self._kind_of_address()}",
                blockers=(Blocker(kind=BlockerKind.INSTANCE, name=target.action.instance, reason=reason),),
            )
        if address is None:
            return Failed(
                f"instance {target.action.instance} has no {self._kind_of_address()} for {self._record(target)}: "
                f"give it one, or choose another address in the plan"
            )
        edit = self._edit(target, address)
        if isinstance(edit, Missing | Failed):
            return edit
        if edit is None:
            return Done(f"{self._record(target)} holds {address} already")
        adding = AddDnsRecordState(address=address)
        return self._wait(target, f"adding {address} to {self._record(target)}", adding, again_after=SOON)

    def poll(self, target: Target, state: AddDnsRecordState) -> StepAnswer:
        """Make the change, or ask how far it has come."""
        adding = state
        if adding.pending is None:
            return self._add(target, adding)
        if still_pending(self._services.dns_records, (adding.pending,), target.now):
            return self._on_its_way(target, adding)
        return Done(f"{self._record(target)} holds {adding.address}, and all servers of Route 53 know")

    def _add(self, target: Target, adding: AddDnsRecordState) -> StepAnswer:
        edit = self._edit(target, adding.address)
        if isinstance(edit, Missing | Failed):
            return edit
        if edit is None:
            # Added by a try whose answer was lost: when exactly is not known.
            adding = msgspec.structs.replace(adding, pending=Pending(change=None, at=target.now))
            return self._on_its_way(target, adding)
        reason = f"instance {target.action.instance} comes; asg-lifecycle"
        submission = self._services.dns_records.submit(self._options.zone, (edit,), reason)
        if submission.change is None:
            adding = msgspec.structs.replace(adding, tries=adding.tries + 1)
            why = f"reading {self._record(target)} again, somebody else changed it: {submission.refused}"
            return self._wait(target, why, adding, again_after=retry_delay(adding.tries))
        adding = msgspec.structs.replace(adding, pending=Pending(change=submission.change, at=target.now))
        return self._on_its_way(target, adding)

    def _edit(self, target: Target, address: str) -> Edit | Missing | Failed | None:
        """Return what adds the record, None when it is there, or what is in the way."""
        options = self._options
        name, value = self._name(target), address
        if options.type == "PTR":
            name, value = reverse_name(address), canonical(name)
        record_sets = self._services.dns_records.record_sets(options.zone, (name,))
        if record_sets is None:
            return Missing(f"there is no hosted zone {options.zone}")
        wanted = Wanted(
            name=name,
            type=options.type,
            address=value,
            ttl=int(seconds(options.ttl)),
            routing=options.routing,
            weight=options.weight,
            instance=target.action.instance,
        )
        edit = addition(record_sets, wanted)
        if isinstance(edit, Obstacle):
            return Failed(f"{edit.reason}: choose that routing or another name, or remove what is there")
        return edit

    def _address(self, told: InstanceAddresses) -> str | None:
        if self._of_ipv6:
            return next(iter(told.ipv6), None)
        return next(iter(told.private if self._options.address == "private" else told.public), None)

    @property
    def _of_ipv6(self) -> bool:
        return self._options.type == "AAAA" or self._options.address == "ipv6"

    def _kind_of_address(self) -> str:
        return "IPv6 address" if self._of_ipv6 else f"{self._options.address} IPv4 address"

    def _on_its_way(self, target: Target, adding: AddDnsRecordState) -> Waiting:
        why = f"added {adding.address} to {self._record(target)}; waiting until all servers of Route 53 know"
        return self._wait(target, why, adding, again_after=POLL_INTERVAL)

    def _wait(self, target: Target, detail: str, adding: AddDnsRecordState, *, again_after: float) -> Waiting:
        blocker = on_its_way(self._record(target), self._options.zone)
        return self._waiting(detail, adding, again_after=again_after, blockers=(blocker,))

    def _name(self, target: Target) -> str:
        return target.fill(self._options.name, in_dns_name)

    def _record(self, target: Target) -> str:
        return f"{self._name(target)} {self._options.type}"
