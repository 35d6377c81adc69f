"""Changes of DNS record sets: an address is taken out or put in, and nothing else.

A change gives Route 53 the record set as it was read. When somebody has changed it in between, Route 53 refuses the
whole batch, so no other value is written back or lost.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from asg_lifecycle.model.addresses import is_address, normalized, reverse_name

WILDCARD = "\\052"
"""How Route 53 writes `*`."""

RecordType: TypeAlias = Literal["A", "AAAA", "CNAME", "PTR"]

MOST_VALUES = 1000
MOST_CHARACTERS = 32_000
"""The most values, and characters in them, in one change batch."""

ROUTINGS = {
    "Weight": "weighted",
    "MultiValueAnswer": "multivalue",
    "Region": "latency",
    "Failover": "failover",
    "GeoLocation": "geolocation",
    "GeoProximityLocation": "geoproximity",
    "CidrRoutingConfig": "IP-based",
}
"""The routing policies: how record sets of one name and type share the answers, by the field that says so."""


def canonical(name: str) -> str:
    r"""Return a record's name as it is compared: `Web.example.com` is `web.example.com.`, and `*` is `\052`."""
    return name.rstrip(".").lower().replace("*", WILDCARD) + "."


class RecordSet(Struct, frozen=True):
    """One record set as Route 53 returned it: a deletion has to repeat exactly this."""

    content: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name, in the form in which it is compared."""
        return canonical(self.content["Name"])

    @property
    def type(self) -> str:
        """`A`, `AAAA`, `CNAME`, …."""
        return str(self.content["Type"])

    @property
    def identifier(self) -> str | None:
        """Its identifier among others of its name and type, None where there may be no other."""
        return self.content.get("SetIdentifier")

    @property
    def values(self) -> tuple[str, ...]:
        """Its values; an alias has none."""
        return tuple(record["Value"] for record in self.content.get("ResourceRecords", ()))

    @property
    def ttl(self) -> int:
        """How long resolvers keep it, seconds."""
        return int(self.content.get("TTL", 0))

    @property
    def routing(self) -> str:
        """How it shares the answers with others of its name and type: `simple`, `weighted`, …; or `alias`."""
        if not self.values:
            return "alias"
        if self.identifier is None:
            return "simple"
        told = (routing for key, routing in ROUTINGS.items() if self.content.get(key, False) is not False)
        return next(told, "of a routing policy that is not known here")

    def holding(self, values: tuple[str, ...], **more: Any) -> RecordSet:  # noqa: ANN401 - fields as Route 53 has them
        """Return it with other values, and with other fields where they are given."""
        return RecordSet({**self.content, **more, "ResourceRecords": [{"Value": value} for value in values]})

    def __str__(self) -> str:
        """Return its name for people."""
        of = f" of {self.identifier}" if self.identifier is not None else ""
        return f"{self.name.rstrip('.').replace(WILDCARD, '*')} {self.type}{of}"


class Edit(Struct, frozen=True):
    """One record set before and after; None where it is not there."""

    before: RecordSet | None
    after: RecordSet | None


class Obstacle(Struct, frozen=True):
    """Why a record cannot be added."""

    reason: str


class Belongings(Struct, frozen=True, kw_only=True):
    """How the records of an instance are recognized.

    Attributes:
        instance: its id.
        addresses: its addresses and DNS names; a record's value is one of them.
        names: only records of these names. Any name when empty.
        own_names: those of them that are made of what the instance alone has: its id, its address.
        types: only records of these types; a PTR record is the instance's by its name, which is made of its address.
    """

    instance: str
    addresses: tuple[str, ...]
    names: tuple[str, ...] = ()
    own_names: tuple[str, ...] = ()
    types: tuple[RecordType, ...] = ("A", "AAAA")

    @property
    def looked_for(self) -> tuple[str, ...]:
        """The names to read, in the form in which they are compared; none for the whole zone."""
        reverse = self.reverse_names if self.names else ()
        return tuple(dict.fromkeys((*map(canonical, self.names), *reverse)))

    @property
    def reverse_names(self) -> tuple[str, ...]:
        """The names of the PTR records of its addresses."""
        return tuple(reverse_name(each) for each in self.addresses if is_address(each)) if "PTR" in self.types else ()

    def is_own(self, record_set: RecordSet) -> bool:
        """Return whether a record set is the instance's alone: by its identifier, or by its name."""
        if record_set.type == "PTR":
            return record_set.name in self.reverse_names
        return record_set.identifier == self.instance or record_set.name in map(canonical, self.own_names)


def removal(record_sets: tuple[RecordSet, ...], belongings: Belongings) -> tuple[Edit, ...]:
    """Return the edits that take an instance out of record sets: its values, and sets left empty or named by its id.

    Aliases, and record sets of other names or types, are left alone.
    """
    names, addresses = belongings.looked_for, {normalized(address) for address in belongings.addresses}
    edits = []
    for record_set in record_sets:
        if not record_set.values or record_set.type not in belongings.types or (names and record_set.name not in names):
            continue
        if record_set.type == "PTR" and not belongings.is_own(record_set):
            continue
        kept = tuple(value for value in record_set.values if normalized(value) not in addresses)
        if not kept or belongings.is_own(record_set):
            edits.append(Edit(record_set, None))
        elif len(kept) < len(record_set.values):
            edits.append(Edit(record_set, record_set.holding(kept)))
    return tuple(edits)


class Wanted(Struct, frozen=True, kw_only=True):
    """A record to add.

    Attributes:
        name: its name.
        type: `A`, `AAAA` or `PTR`.
        address: its value; of a PTR record a name.
        ttl: how long resolvers keep it, seconds, where the name has none yet.
        routing: `simple`: the value is added to one record set; otherwise the record has a set of its own.
        weight: its weight, for `weighted`.
        instance: the identifier of a set of its own.
    """

    name: str
    type: str
    address: str
    ttl: int
    routing: Literal["simple", "weighted", "multivalue"]
    weight: int | None
    instance: str


def addition(record_sets: tuple[RecordSet, ...], wanted: Wanted) -> Edit | Obstacle | None:
    """Return the edit that adds a record, None when the record is there, or the conflict that prevents it."""
    same_name = [record_set for record_set in record_sets if record_set.name == canonical(wanted.name)]
    if any(record_set.type == "CNAME" for record_set in same_name):
        return Obstacle(f"{wanted.name} is a CNAME, and no {wanted.type} record may stand beside one")
    there = [record_set for record_set in same_name if record_set.type == wanted.type]
    other = next((record_set for record_set in there if record_set.routing != wanted.routing), None)
    if other is not None:
        return Obstacle(
            f"{other} is {other.routing}, and {wanted.routing} records of that name and type cannot stand beside it"
        )
    if wanted.routing == "simple":
        return _added_value(there[0] if there else None, wanted)
    return _own_set(there, wanted)


def first_batch(edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Return the first of `edits`, as many as one change batch takes."""
    batch: list[Edit] = []
    count = characters = 0
    for edit in edits:
        values = [value for each in (edit.before, edit.after) if each is not None for value in each.values]
        count, characters = count + len(values), characters + sum(map(len, values))
        if batch and (count > MOST_VALUES or characters > MOST_CHARACTERS):
            break
        batch.append(edit)
    return tuple(batch)


def _added_value(present: RecordSet | None, wanted: Wanted) -> Edit | None:
    if present is None:
        return Edit(None, _made(wanted, wanted.ttl))
    if normalized(wanted.address) in map(normalized, present.values):
        return None
    if wanted.type == "PTR":
        # What an earlier holder of the address was called.
        return Edit(present, present.holding((wanted.address,)))
    return Edit(present, present.holding((*present.values, wanted.address)))


def _own_set(there: list[RecordSet], wanted: Wanted) -> Edit | None:
    own = next((record_set for record_set in there if record_set.identifier == wanted.instance), None)
    # Route 53 wants one TTL for all sets of one name and type, so the existing one is kept.
    ttl = next((record_set.ttl for record_set in there if record_set is not own), wanted.ttl)
    if own is None:
        return Edit(None, _made(wanted, ttl))
    weight = {} if wanted.weight is None else {"Weight": wanted.weight}
    after = own.holding((wanted.address,), TTL=ttl, **weight)
    same = tuple(map(normalized, own.values)) == (normalized(wanted.address),)
    return None if same and own.holding((wanted.address,)) == after else Edit(own, after)


def _made(wanted: Wanted, ttl: int) -> RecordSet:
    content: dict[str, Any] = {"Name": canonical(wanted.name), "Type": wanted.type}
    if wanted.routing != "simple":
        content["SetIdentifier"] = wanted.instance
    if wanted.routing == "weighted":
        content["Weight"] = wanted.weight
    if wanted.routing == "multivalue":
        content["MultiValueAnswer"] = True
    return RecordSet({**content, "TTL": ttl, "ResourceRecords": [{"Value": wanted.address}]})
