"""Route 53: change batches are applied as a whole or not at all, and take time to reach all servers.

In place of moto's, which neither compares values before it deletes nor keeps sets of one name apart, and where every
change is INSYNC at once. Sources: Route 53 API reference, `ChangeResourceRecordSets`, `GetChange`,
`ListResourceRecordSets`; the texts of `InvalidChangeBatch` as users report them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from moto.route53.exceptions import InvalidInput, NoSuchHostedZone, Route53ClientError
from moto.route53.responses import Route53

from asg_lifecycle_simulator.services.base import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Response

PAGE = 300
MOST_VALUES = 1000
MOST_CHARACTERS = 32_000
ROUTINGS = (
    "Weight",
    "Region",
    "Failover",
    "GeoLocation",
    "MultiValueAnswer",
    "GeoProximityLocation",
    "CidrRoutingConfig",
)

Key = tuple[str, str, str]


@dataclass(kw_only=True)
class Zone:
    """One hosted zone.

    Attributes:
        id: its id.
        name: its name, with the dot at its end.
        takes: seconds until a change has reached all servers.
        record_sets: what is in it.
        before_next: what somebody else does just before the next changes, in order.
        changed: when each value that was put in or taken out is known everywhere, by the name of its record set.
    """

    id: str
    name: str
    takes: float = 30.0
    record_sets: dict[Key, dict[str, Any]] = field(default_factory=dict)
    before_next: list[Callable[[], None]] = field(default_factory=list)
    changed: dict[tuple[str, str], float] = field(default_factory=dict)

    def put(self, name: str, *values: str, kind: str = "A", ttl: int = 60, **more: Any) -> None:  # noqa: ANN401 - fields of any kind
        """Put a record set, in place of one of the same name, type and identifier."""
        content = {"Name": _canonical(name), "Type": kind, **more}
        if values:
            content |= {"TTL": ttl, "ResourceRecords": [{"Value": value} for value in values]}
        self.record_sets[_key(content)] = content

    def values(self, name: str, kind: str = "A", identifier: str = "") -> list[str] | None:
        """Return the values of a record set, None when there is none."""
        found = self.record_sets.get((_canonical(name), kind, identifier))
        return None if found is None else [record["Value"] for record in found.get("ResourceRecords", ())]

    def known_at(self, name: str, value: str) -> float:
        """Return when all servers know that a value was put into a name or taken out of it last.

        Returns:
            Seconds since the epoch, 0 where the API never changed it.
        """
        return self.changed.get((_canonical(name), value), 0.0)

    def replace(self, record_sets: dict[Key, dict[str, Any]], now: float) -> None:
        """Let the zone hold other record sets."""
        for name, value in _values(self.record_sets) ^ _values(record_sets):
            self.changed[name, value] = now + self.takes
        self.record_sets = record_sets


class Dns(Service):
    """The Route 53 of an account."""

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self.zones: dict[str, Zone] = {}
        self._in_sync_at: dict[str, float] = {}

    def install(self) -> None:
        """Take record sets and changes over from moto."""
        self.answer(
            Route53,
            {
                "change_resource_record_sets": self._change,
                "list_resource_record_sets": self._list,
                "get_change": self._get_change,
            },
        )

    def zone(self, name: str = "example.com", *, takes: float = 30.0) -> Zone:
        """Make a hosted zone."""
        made = Zone(id=f"Z{len(self.zones):013d}", name=_canonical(name), takes=takes)
        made.put(name, "ns-1.awsdns-1.org.", kind="NS", ttl=172_800)
        made.put(name, "ns-1.awsdns-1.org. hostmaster.example.com. 1 7200 900 1209600 86400", kind="SOA", ttl=900)
        self.zones[made.id] = made
        return made

    def forget_changes(self) -> None:
        """Forget all changes: `GetChange` answers `NoSuchChange`."""
        self._in_sync_at.clear()

    def _change(self, response: Route53) -> Response:
        zone = self._zone(response)
        if zone.before_next:
            zone.before_next.pop(0)()
        changes = _parameter(response, "ChangeBatch.Changes")
        _refuse_too_much(changes)
        left, problems = copy.deepcopy(zone.record_sets), []
        for change in changes:
            problem = _apply(left, zone, change["Action"], _plain(change["ResourceRecordSet"]))
            if problem:
                problems.append(problem)
        if problems:
            raise Route53ClientError("InvalidChangeBatch", f"[{', '.join(problems)}]")
        zone.replace(left, self.now)
        identity = f"C{len(self._in_sync_at):013d}"
        self._in_sync_at[identity] = self.now + zone.takes
        return {"ChangeInfo": self._told(identity)}

    def _get_change(self, response: Route53) -> Response:
        identity = str(_parameter(response, "Id")).rpartition("/")[2]
        if identity not in self._in_sync_at:
            raise Route53ClientError("NoSuchChange", f"Could not find resource with ID: {identity}")
        return {"ChangeInfo": self._told(identity)}

    def _told(self, identity: str) -> dict[str, Any]:
        status = "INSYNC" if self.now >= self._in_sync_at[identity] else "PENDING"
        return {
            "Id": f"/change/{identity}",
            "Status": status,
            "SubmittedAt": datetime.fromtimestamp(self.now, UTC),
        }

    def _list(self, response: Route53) -> Response:
        zone = self._zone(response)
        name, kind = _parameter(response, "StartRecordName"), _parameter(response, "StartRecordType")
        identifier = _parameter(response, "StartRecordIdentifier")
        if kind and not name:
            raise InvalidInput("StartRecordType needs StartRecordName")
        start = (_labels(_canonical(name)), kind or "", identifier or "") if name else ((), "", "")
        size = min(int(_parameter(response, "MaxItems") or PAGE), PAGE)
        keys = sorted(zone.record_sets, key=_order)
        keys = [key for key in keys if _order(key) >= start]
        told: Response = {
            "ResourceRecordSets": [zone.record_sets[key] for key in keys[:size]],
            "IsTruncated": len(keys) > size,
            "MaxItems": size,
        }
        if len(keys) > size:
            told |= {"NextRecordName": keys[size][0], "NextRecordType": keys[size][1]}
            told |= {"NextRecordIdentifier": keys[size][2]} if keys[size][2] else {}
        return told

    def _zone(self, response: Route53) -> Zone:
        identity = str(_parameter(response, "HostedZoneId")).rpartition("/")[2]
        if identity not in self.zones:
            raise NoSuchHostedZone(identity)
        return self.zones[identity]


def _values(record_sets: dict[Key, dict[str, Any]]) -> set[tuple[str, str]]:
    return {
        (name, record["Value"])
        for (name, _, _), content in record_sets.items()
        for record in content.get("ResourceRecords", ())
    }


def _apply(left: dict[Key, dict[str, Any]], zone: Zone, action: str, wanted: dict[str, Any]) -> str | None:
    """Make one change in `left`; return why it cannot be made."""
    key = _key(wanted)
    called = f"[name='{key[0]}', type='{key[1]}'" + (f", set-identifier='{key[2]}'" if key[2] else "") + "]"
    present = left.get(key)
    if action == "DELETE":
        if present is None:
            return f"Tried to delete resource record set {called} but it was not found"
        if _comparable(present) != _comparable(wanted):
            return (
                f"Tried to delete resource record set {called} but the values provided do not match the current values"
            )
        del left[key]
        return None
    if action == "CREATE" and present is not None:
        return f"Tried to create resource record set {called} but it already exists"
    problem = next(_problems(left, zone, wanted), None)
    if problem is None:
        left[key] = wanted
    return problem


def _problems(left: dict[Key, dict[str, Any]], zone: Zone, wanted: dict[str, Any]) -> Iterator[str]:
    name, kind, identifier = _key(wanted)
    about = f"RRSet with DNS name {name}, type {kind}"
    if not f".{name}".endswith(f".{zone.name}"):
        yield f"RRSet with DNS name {name} is not permitted in zone {zone.name}"
    values = [record["Value"] for record in wanted.get("ResourceRecords", ())]
    if bool(values) == ("AliasTarget" in wanted) or (values and "TTL" not in wanted):
        yield f"Expected exactly one of AliasTarget, or TTL and ResourceRecords in {about}"
    if len(set(values)) < len(values):
        yield f"Duplicate Resource Record: '{values[0]}'"
    yield from (f"Invalid Resource Record: '{value}'" for value in values if not _is_valid(kind, value))
    routing = _routing(wanted)
    if bool(identifier) != bool(routing) or len(routing) > 1:
        yield f"SetIdentifier and exactly one routing policy go together in {about}"
    for (other_name, other_kind, other_identifier), other in left.items():
        if other_name != name or (other_kind, other_identifier) == (kind, identifier):
            continue
        if "CNAME" in {kind, other_kind} and kind != other_kind:
            yield (
                f"RRSet of type {kind} with DNS name {name} is not permitted because a conflicting RRSet of type "
                f"{other_kind} with the same DNS name already exists in zone {zone.name}"
            )
        elif other_kind == kind and _routing(other) != routing:
            yield f"{about} cannot be created as other RRSets exist with the same name and type"
        elif other_kind == kind and routing == ("Weight",) and other.get("TTL") != wanted.get("TTL"):
            yield f"{about}, SetIdentifier {identifier} cannot be created as weighted sets must contain the same TTL"


def _refuse_too_much(changes: list[dict[str, Any]]) -> None:
    values = [
        record["Value"]
        for change in changes
        for record in change["ResourceRecordSet"].get("ResourceRecords") or ()
        for _ in range(2 if change["Action"] == "UPSERT" else 1)
    ]
    if len(values) > MOST_VALUES or sum(map(len, values)) > MOST_CHARACTERS:
        raise Route53ClientError("InvalidChangeBatch", "Number of records limit of 1000 exceeded.")


def _is_valid(kind: str, value: str) -> bool:
    try:
        if kind == "A":
            IPv4Address(value)
        elif kind == "AAAA":
            IPv6Address(value)
    except ValueError:
        return False
    return True


def _routing(content: dict[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in ROUTINGS if content.get(name, False) is not False)


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in content.items() if value is not None}
    told["Name"] = _canonical(told["Name"])
    for number in ("TTL", "Weight"):
        if number in told:
            told[number] = int(told[number])
    return told


def _comparable(content: dict[str, Any]) -> dict[str, Any]:
    values = sorted(record["Value"] for record in content.get("ResourceRecords", ()))
    return {**content, "ResourceRecords": values}


def _key(content: dict[str, Any]) -> Key:
    return _canonical(content["Name"]), content["Type"], content.get("SetIdentifier", "")


def _canonical(name: str) -> str:
    return name.rstrip(".").lower().replace("*", "\\052") + "."


def _labels(name: str) -> tuple[str, ...]:
    return tuple(reversed(name.rstrip(".").split(".")))


def _order(key: Key) -> tuple[tuple[str, ...], str, str]:
    return _labels(key[0]), key[1], key[2]


def _parameter(response: Route53, name: str) -> Any:  # noqa: ANN401 - of any kind
    return response._get_param(name)  # noqa: SLF001 - how moto's responses read their parameters
