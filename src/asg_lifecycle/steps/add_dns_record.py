"""Give the instance a DNS record in Route 53, and wait until all of its servers know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.durations import Duration, seconds
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.record_sets import INSTANCE, Obstacle, Wanted, addition
from asg_lifecycle.steps.support.dns_changes import LOOK_AGAIN, SOON, Pending, refuse_no_zone, retry_gap, still_pending

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.dns_records import DnsRecords
    from asg_lifecycle.aws.instances import InstanceAddresses, Instances
    from asg_lifecycle.model.record_sets import Edit
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

LONGEST_TTL = 2_147_483_647


class AddDnsRecordOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record.

    Attributes:
        zone: the hosted zone by id (`Z…`).
        name: its name; `{instance}` stands for the instance's id.
        type: `A`, or `AAAA` for the IPv6 address.
        address: of an `A` record: the `private` or the `public` address.
        ttl: how long clients may keep it; record sets of that name and type that are there keep theirs, and set it.
        routing: `simple`: among the values of one record set; `weighted` and `multivalue`: a record set of its own,
            whose identifier is the instance's id.
        weight: its weight, for `weighted`.
    """

    zone: str
    name: Annotated[str, Meta(min_length=1, max_length=1024)]
    type: Literal["A", "AAAA"] = "A"
    address: Literal["private", "public"] = "private"
    ttl: Duration = "60s"
    routing: Literal["simple", "weighted", "multivalue"] = "simple"
    weight: Annotated[int, Meta(ge=0, le=255)] | None = None

    def __post_init__(self) -> None:
        """Refuse what Route 53 would.

        Raises:
            ValueError: a zone that is no id, a weight where it cannot be or none where it has to be, or a TTL that is
                too long.
        """
        refuse_no_zone((self.zone,))
        if (self.weight is None) == (self.routing == "weighted"):
            raise ValueError("weight goes with routing weighted, and routing weighted with a weight from 0 to 255")
        if seconds(self.ttl) > LONGEST_TTL:
            raise ValueError(f"ttl is {self.ttl!r}; expected no more than {LONGEST_TTL} seconds")


class Adding(Struct, frozen=True, kw_only=True):
    """What is remembered between two looks.

    Attributes:
        address: what the record holds.
        pending: the change on its way, None before there is one.
        tries: how often in a row somebody else was faster.
    """

    address: str
    pending: Pending | None = None
    tries: int = 0


class AddDnsRecord:
    """`add-dns-record`: for launch hooks; `remove-dns-records` takes it out again on the way out.

    Done when all servers of Route 53 know it, or when it was there before. With `simple` the address joins the values
    of others, which are kept, whoever changes them at the same moment. An instance that is abandoned keeps its record
    until it is terminated through a hook with `remove-dns-records`.
    """

    kind: ClassVar[str] = "add-dns-record"
    options: ClassVar[type[Struct]] = AddDnsRecordOptions
    example: ClassVar[dict[str, Any]] = {
        "zone": "Z1D633PJN98FT9",
        "name": "web.example.com",
        "address": "public",
        "routing": "multivalue",
    }
    permissions: ClassVar[tuple[str, ...]] = (
        "route53:ChangeResourceRecordSets",
        "route53:GetChange",
        "route53:ListResourceRecordSets",
    )
    template_parameter: ClassVar[str | None] = "DnsSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = True
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: AddDnsRecordOptions, dns_records: DnsRecords, instances: Instances) -> None:
        self._chosen = chosen
        self._dns_records = dns_records
        self._instances = instances

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(
            msgspec.convert(options, AddDnsRecordOptions, from_attributes=True),
            services.dns_records,
            services.instances,
        )

    def preview(self, target: Target) -> str:
        """Say what would be added, or what is in the way."""
        address = self._address(self._instances.addresses(target.action.instance))
        if address is None:
            return f"could not add {self._record(target)}: the instance has no {self._kind_of_address()}"
        edit = self._edit(target, address)
        if isinstance(edit, str):
            return f"could not add {self._record(target)}: {edit}"
        if edit is None:
            return f"{self._record(target)} holds {address} already"
        return f"would add {address} to {self._record(target)} in hosted zone {self._chosen.zone}"

    def begin(self, target: Target) -> Progress:
        """Look whether the record is there. Nothing is changed before its address is written down."""
        told = self._instances.addresses(target.action.instance)
        address = self._address(told)
        if address is None and told.state == "pending":
            return Waiting(f"waiting for EC2 to give the instance a {self._kind_of_address()}")
        if address is None:
            return Failed(
                f"instance {target.action.instance} has no {self._kind_of_address()} for {self._record(target)}: "
                f"give it one, or choose another address in the plan"
            )
        edit = self._edit(target, address)
        if isinstance(edit, str):
            return Failed(edit, retryable=True)
        if edit is None:
            return Done(f"{self._record(target)} holds {address} already")
        return _waiting(f"adding {address} to {self._record(target)}", Adding(address=address), SOON)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Make the change, or see how far it has come."""
        if not last.state:
            return self.begin(target)
        adding = msgspec.convert(last.state, Adding)
        if adding.pending is None:
            return self._add(target, adding)
        if still_pending(self._dns_records, (adding.pending,), target.now):
            return _waiting(self._on_its_way(target, adding), adding, LOOK_AGAIN)
        return Done(f"{self._record(target)} holds {adding.address}, and all servers of Route 53 know")

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave the record: whether the instance goes into service without this step is not known here."""
        del target, last
        return None

    def _add(self, target: Target, adding: Adding) -> Progress:
        edit = self._edit(target, adding.address)
        if isinstance(edit, str):
            return Failed(edit, retryable=True)
        if edit is None:
            # Added by a try whose answer was lost: when exactly is not known.
            adding = msgspec.structs.replace(adding, pending=Pending(change=None, at=target.now))
            return _waiting(self._on_its_way(target, adding), adding, LOOK_AGAIN)
        reason = f"instance {target.action.instance} comes; asg-lifecycle"
        submission = self._dns_records.submit(self._chosen.zone, (edit,), reason)
        if submission.change is None:
            adding = msgspec.structs.replace(adding, tries=adding.tries + 1)
            why = f"reading {self._record(target)} again, somebody else changed it: {submission.refused}"
            return _waiting(why, adding, retry_gap(adding.tries))
        adding = msgspec.structs.replace(adding, pending=Pending(change=submission.change, at=target.now))
        return _waiting(self._on_its_way(target, adding), adding, LOOK_AGAIN)

    def _edit(self, target: Target, address: str) -> Edit | str | None:
        """Return what adds the record, None when it is there, or what is in the way."""
        chosen, name = self._chosen, self._name(target)
        record_sets = self._dns_records.record_sets(chosen.zone, (name,))
        if record_sets is None:
            return f"there is no hosted zone {chosen.zone}: create it, or mend the plan"
        wanted = Wanted(
            name=name,
            type=chosen.type,
            address=address,
            ttl=int(seconds(chosen.ttl)),
            routing=chosen.routing,
            weight=chosen.weight,
            instance=target.action.instance,
        )
        edit = addition(record_sets, wanted)
        if isinstance(edit, Obstacle):
            return f"{edit.reason}: choose that routing or another name, or remove what is there"
        return edit

    def _address(self, told: InstanceAddresses) -> str | None:
        if self._chosen.type == "AAAA":
            return next(iter(told.ipv6), None)
        return next(iter(told.private if self._chosen.address == "private" else told.public), None)

    def _kind_of_address(self) -> str:
        return "IPv6 address" if self._chosen.type == "AAAA" else f"{self._chosen.address} IPv4 address"

    def _on_its_way(self, target: Target, adding: Adding) -> str:
        return f"added {adding.address} to {self._record(target)}; waiting until all servers of Route 53 know"

    def _name(self, target: Target) -> str:
        return self._chosen.name.replace(INSTANCE, target.action.instance)

    def _record(self, target: Target) -> str:
        return f"{self._name(target)} {self._chosen.type}"


def _waiting(detail: str, adding: Adding, again_after: float | None = None) -> Waiting:
    return Waiting(detail, again_after=again_after, state=msgspec.to_builtins(adding))
