"""Nothing that is another's is ever lost from a zone, whatever is in it."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.addresses import is_address, reverse_name
from asg_lifecycle.model.record_sets import (
    Belongings,
    Edit,
    Obstacle,
    RecordSet,
    Wanted,
    addition,
    canonical,
    first_batch,
    removal,
)

INSTANCE = "i-1234567890abcdef0"
OURS = ("10.0.0.1", "203.0.113.7", "2001:db8::1", "ip-10-0-0-1.ec2.internal")
WRITTEN = {"A": ("10.0.0.1", "203.0.113.7"), "AAAA": ("2001:DB8:0::1",), "CNAME": ("IP-10-0-0-1.ec2.internal.",)}
OTHERS = {
    # What is another's begins as ours, ends as ours, or is the beginning of ours.
    "A": ("10.0.0.2", "10.0.0.12", "10.0.0.123", "110.0.0.1", "203.0.113.77", "203.0.113.17", "03.0.113.7"),
    "AAAA": ("2001:db8::2", "2001:db8::12", "2001:db8::1:1", "2001:db8::", "12001:db8::1"),
    "CNAME": ("elsewhere.example.com", "ip-10-0-0-12.ec2.internal", "ip-10-0-0-1.ec2.internal.example.com"),
}
"""Values that are not the instance's, many of them look-alikes."""

NAMES = ("web.example.com.", "\\052.example.com.", f"{INSTANCE}.example.com.")

REVERSE = tuple(reverse_name(address) for address in ("10.0.0.1", "10.0.0.11", "2001:db8::1", "2001:db8::11"))
"""Names of PTR records, the instance's and look-alikes."""

ROUTINGS: list[dict[str, Any]] = [
    {},
    {"Weight": 0},
    {"Weight": 7},
    {"MultiValueAnswer": True},
    {"Region": "eu-west-1"},
    {"Failover": "PRIMARY"},
    {"GeoLocation": {"CountryCode": "NO"}},
]

Key = tuple[str, str, str | None]


def key(record_set: RecordSet) -> Key:
    return record_set.name, record_set.type, record_set.identifier


@st.composite
def drawn_sets(draw: st.DrawFn) -> RecordSet:
    kind = draw(st.sampled_from(["A", "AAAA", "CNAME", "PTR", "TXT"]))
    content: dict[str, Any] = {"Name": draw(st.sampled_from(REVERSE if kind == "PTR" else NAMES)), "Type": kind}
    routing: dict[str, Any] = draw(st.sampled_from(ROUTINGS))
    if routing:
        content |= {"SetIdentifier": draw(st.sampled_from([INSTANCE, "i-other", "blue"])), **routing}
    if draw(st.booleans()):
        content["HealthCheckId"] = "h"
    if draw(st.integers(0, 9)) == 0:
        return RecordSet({**content, "AliasTarget": {"DNSName": "lb.example.com."}})
    values = st.sampled_from((*WRITTEN.get(kind, OURS), *OTHERS.get(kind, ("text",))))
    drawn = draw(st.lists(values, min_size=1, max_size=1 if kind == "CNAME" else 4, unique=True))
    return RecordSet({**content, "TTL": draw(st.integers(0, 900)), "ResourceRecords": [{"Value": it} for it in drawn]})


zones = st.lists(drawn_sets(), max_size=8, unique_by=key).map(tuple)
OWN_NAME = f"{INSTANCE}.example.com"
belongings = st.lists(st.sampled_from(["Web.example.com", OWN_NAME, "*.example.com."]), unique=True).flatmap(
    lambda names: st.builds(
        Belongings,
        instance=st.just(INSTANCE),
        addresses=st.lists(st.sampled_from(OURS), unique=True).map(tuple),
        names=st.just(tuple(names)),
        own_names=st.just(tuple(name for name in names if name == OWN_NAME)),
        types=st.sampled_from([("A", "AAAA"), ("A",), ("A", "AAAA", "CNAME"), ("PTR",), ("A", "PTR")]),
    )
)


def applied(zone: tuple[RecordSet, ...], edits: tuple[Edit, ...]) -> tuple[RecordSet, ...]:
    """Return the zone after a batch, as strictly as Route 53 takes it."""
    left = {key(record_set): record_set for record_set in zone}
    for edit in edits:
        if edit.before is not None:
            assert left.pop(key(edit.before)) == edit.before
        if edit.after is not None:
            assert key(edit.after) not in left
            assert edit.after.values
            left[key(edit.after)] = edit.after
    return tuple(left.values())


@given(zones, belongings)
def test_nothing_of_others_is_lost_by_a_removal(zone: tuple[RecordSet, ...], ours: Belongings) -> None:
    after = {key(record_set): record_set for record_set in applied(zone, removal(zone, ours))}
    for record_set in zone:
        own = ours.is_own(record_set)
        foreign = [value for value in record_set.values if value in (*OTHERS.get(record_set.type, ("text",)),)]
        untouchable = record_set.type not in ours.types or not record_set.values
        if untouchable or (ours.looked_for and record_set.name not in ours.looked_for):
            assert after[key(record_set)] == record_set
        elif foreign and not own:
            left = after[key(record_set)]
            assert set(foreign) <= set(left.values)
            assert {**left.content, "ResourceRecords": 0} == {**record_set.content, "ResourceRecords": 0}


@given(zones, belongings)
def test_after_a_removal_there_is_nothing_left_to_remove(zone: tuple[RecordSet, ...], ours: Belongings) -> None:
    assert removal(applied(zone, removal(zone, ours)), ours) == ()


@given(zones, belongings)
def test_no_address_is_left_where_it_was_looked_for(zone: tuple[RecordSet, ...], ours: Belongings) -> None:
    for record_set in applied(zone, removal(zone, ours)):
        if record_set.type in ours.types and (not ours.looked_for or record_set.name in ours.looked_for):
            if record_set.type == "PTR":
                assert not record_set.values or record_set.name not in map(reverse_name, addresses_of(ours))
                continue
            told = {value.rstrip(".").lower().replace("2001:db8:0::1", "2001:db8::1") for value in record_set.values}
            assert told.isdisjoint(ours.addresses)


def addresses_of(ours: Belongings) -> list[str]:
    return [each for each in ours.addresses if is_address(each)]


wants = st.builds(
    lambda routing, name, ttl, weight: Wanted(
        name=name,
        type="A",
        address="10.0.0.1",
        ttl=ttl,
        routing=routing,
        weight=weight if routing == "weighted" else None,
        instance=INSTANCE,
    ),
    st.sampled_from(["simple", "weighted", "multivalue"]),
    st.sampled_from(["WEB.example.com", "*.example.com", "new.example.com"]),
    st.integers(0, 900),
    st.integers(0, 255),
)


@given(zones, wants)
def test_an_addition_adds_once_and_changes_nothing_else(zone: tuple[RecordSet, ...], wanted: Wanted) -> None:
    edit = addition(zone, wanted)
    if not isinstance(edit, Edit):
        return
    after = applied(zone, (edit,))
    assert addition(after, wanted) is None
    by_key = {key(record_set): record_set for record_set in after}
    added = edit.after
    assert added is not None
    assert wanted.address in added.values
    for record_set in zone:
        if key(record_set) != key(added):
            assert by_key[key(record_set)] == record_set
        elif wanted.routing == "simple":
            assert set(record_set.values) < set(added.values)
            assert added.ttl == record_set.ttl
        assert by_key[key(record_set)].content.get("HealthCheckId") == record_set.content.get("HealthCheckId")


def made(name: str = "web.example.com.", kind: str = "A", *values: str, **more: Any) -> RecordSet:
    records = [{"Value": value} for value in values or ("10.0.0.2",)]
    return RecordSet({"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": records, **more})


def want(routing: Literal["simple", "weighted", "multivalue"] = "simple", weight: int | None = None) -> Wanted:
    return Wanted(
        name="web.example.com",
        type="A",
        address="10.0.0.1",
        ttl=30,
        routing=routing,
        weight=weight,
        instance=INSTANCE,
    )


@pytest.mark.parametrize(
    ("present", "told"),
    [
        (made(kind="CNAME"), "is a CNAME"),
        (RecordSet({"Name": "web.example.com.", "Type": "A", "AliasTarget": {}}), "is alias"),
        (made(SetIdentifier="blue", Weight=0), "of blue is weighted"),
        (made(SetIdentifier="blue", Region="eu-west-1"), "of blue is latency"),
        (made(SetIdentifier="blue", MultiValueAnswer=True), "of blue is multivalue"),
    ],
)
def test_what_stands_in_the_way_is_explained(present: RecordSet, told: str) -> None:
    obstacle = addition((present,), want())
    assert isinstance(obstacle, Obstacle)
    assert told in obstacle.reason


def test_sets_of_their_own_take_the_ttl_of_those_beside_them() -> None:
    edit = addition((made(SetIdentifier="i-other", Weight=5),), want("weighted", 10))
    assert isinstance(edit, Edit)
    assert edit.after is not None
    assert (edit.after.ttl, edit.after.content["Weight"], edit.after.identifier) == (60, 10, INSTANCE)


def test_a_weight_that_changed_is_changed() -> None:
    own = made("web.example.com.", "A", "10.0.0.1", SetIdentifier=INSTANCE, Weight=5, HealthCheckId="h", TTL=30)
    edit = addition((own,), want("weighted", 10))
    assert isinstance(edit, Edit)
    assert edit.after is not None
    assert edit.after.content == {**own.content, "Weight": 10}
    assert addition((own,), want("weighted", 5)) is None


def test_a_batch_holds_no_more_than_route_53_takes() -> None:
    big = [made(f"{number}.example.com.", "A", *(f"10.0.{number}.{it}" for it in range(250))) for number in range(5)]
    edits = tuple(Edit(each, each.holding(each.values[1:])) for each in big)
    assert [len(first_batch(edits)), len(first_batch(edits[2:])), len(first_batch(()))] == [2, 2, 0]
    assert len(first_batch((Edit(made("a.example.com.", "A", *["10.0.0.1"] * 2000), None),))) == 1


def test_a_batch_that_is_exactly_full_is_one() -> None:
    edits = tuple(Edit(None, made(f"{number}.example.com.", "A", *["10.0.0.1"] * 250)) for number in range(5))
    assert len(first_batch(edits)) == 4


def test_names_are_compared_as_dns_does() -> None:
    assert canonical("*.Example.com") == canonical("\\052.example.COM.") == "\\052.example.com."
