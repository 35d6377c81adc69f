from __future__ import annotations

import json
import re
import string
from inspect import cleandoc
from typing import get_type_hints

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asg_lifecycle.model.actions import LifecycleAction, Location, Transition
from asg_lifecycle.model.record_changes import RecordChanges
from asg_lifecycle.model.records import LIVE, Record, Status, claim_record, wait_key

# R29: printable characters, separators of every kind among them.
separators = '",[]\\|/:# \u2028'
groups = st.text(st.sampled_from(separators + "ab") | st.characters(codec="utf-8"), min_size=1, max_size=255)
hooks = st.text(st.sampled_from(string.ascii_letters + string.digits + "-_/"), min_size=1, max_size=255)
instances = st.text(st.sampled_from("0123456789abcdef"), min_size=8, max_size=17).map("i-{}".format)
waits = st.tuples(groups, hooks | groups, instances | groups)

ACTION = LifecycleAction(
    token="87654321-4321-4321-4321-210987654321",  # noqa: S106 - names an action, opens nothing
    group="web",
    hook="asg-lifecycle-drain",
    instance="i-1234567890abcdef0",
    transition=Transition.TERMINATING,
    time=1_000.25,
    origin=Location.AUTO_SCALING_GROUP,
    destination=Location.WARM_POOL,
    operation="ReplaceRootVolume",
)


@given(waits, waits)
@example(('a","b', "c", "i-1"), ("a", 'b","c', "i-1"))
@example(("a/b", "c", "i-1"), ("a", "b/c", "i-1"))
@example(("a\\", "b", "i-1"), ("a", "\\b", "i-1"))
def test_two_waits_never_share_a_key(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (wait_key(*one) == wait_key(*other)) is (one == other)


@given(waits)
def test_a_key_gives_its_wait_back(wait: tuple[str, str, str]) -> None:
    assert tuple(json.loads(wait_key(*wait))) == wait


@given(st.text("\U0001f600", min_size=255, max_size=255), hooks, instances)
def test_the_longest_names_fit_a_partition_key(group: str, hook: str, instance: str) -> None:
    # DynamoDB takes 2048 bytes.
    assert len(wait_key(group, hook, instance).encode()) < 2048


def test_the_claim_describes_the_action() -> None:
    assert claim_record(ACTION, execution="arn:execution", now=1_010.9, retention=86_400.0) == Record(
        wait=wait_key("web", "asg-lifecycle-drain", "i-1234567890abcdef0"),
        entry="current",
        token="87654321-4321-4321-4321-210987654321",  # noqa: S106 - names an action, opens nothing
        group="web",
        hook="asg-lifecycle-drain",
        instance="i-1234567890abcdef0",
        transition="autoscaling:EC2_INSTANCE_TERMINATING",
        origin="AutoScalingGroup",
        destination="WarmPool",
        operation="ReplaceRootVolume",
        execution="arn:execution",
        event_time=1_000.25,
        claimed_at=1_010.9,
        status=Status.CLAIMED,
        in_flight="yes",
        expires_at=87_410 + 345_600,
    )


def test_a_claim_without_origin_and_destination() -> None:
    action = msgspec.structs.replace(ACTION, origin=None, destination=None, operation=None)
    record = claim_record(action, execution="arn:execution", now=0.0, retention=0.0)
    assert (record.origin, record.destination, record.operation) == (None, None, None)


@pytest.mark.parametrize("status", Status)
def test_an_action_is_live_until_its_record_is_closed(status: Status) -> None:
    assert (status in LIVE) is (status not in {Status.COMPLETED, Status.OVER, Status.LOST, Status.OBSERVED})


def test_every_field_of_the_record_is_documented() -> None:
    documented = {line.strip().split(":")[0] for line in (Record.__doc__ or "").splitlines() if ": " in line}
    assert set(Record.__struct_fields__) <= documented


def test_a_change_of_a_record_has_the_type_of_its_field() -> None:
    fields, changes = get_type_hints(Record), get_type_hints(RecordChanges)

    assert {name: kind | None for name, kind in changes.items()} == {name: fields[name] | None for name in changes}


def test_the_writers_of_every_field_are_named() -> None:
    fields = cleandoc(Record.__doc__ or "").partition("Attributes:\n")[2].rstrip()
    described = dict(re.findall(r"^ {4}(\w+): (.*?)(?=^ {4}\w|\Z)", fields, re.MULTILINE | re.DOTALL))

    assert set(described) == set(Record.__struct_fields__)
    assert [name for name, text in described.items() if not re.search(r"\[[a-z, \n-]+\]\s*$", text)] == []
