"""The table of actions, against a real key schema in moto's DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ConnectionClosedError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.model.actions import ActionResult, LifecycleAction, Transition
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Done, Failed, Waiting
from asg_lifecycle.model.records import Record, Status, claim_record, wait_key
from asg_lifecycle.model.step_memory import StepMemory, StepOutcome
from asg_lifecycle.store.records import Records, decode, encode
from asg_lifecycle_simulator.region.environment import region_environment
from tests.store.shared_session import shared_session

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = "actions"
FIRST, SECOND = "arn:execution/first", "arn:execution/second"

ACTION = LifecycleAction(
    token="87654321-4321-4321-4321-210987654321",  # noqa: S106 - names an action, opens nothing
    group='web "blue" / #1, Größe',
    hook="asg-lifecycle/drain",
    instance="i-1234567890abcdef0",
    transition=Transition.LAUNCHING,
    time=1_000.5,
)
NEWER = msgspec.structs.replace(ACTION, token="1" * 36, time=2_000.0)
WAIT = wait_key(ACTION.group, ACTION.hook, ACTION.instance)


def claimed(action: LifecycleAction, execution: str, now: float = 1_010.0) -> Record:
    return claim_record(action, execution=execution, now=now, retention=86_400.0)


class Table:
    """Records in a table that this test can look into."""

    def __init__(self) -> None:
        self.clients = Clients()
        self.clients.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "wait", "KeyType": "HASH"},
                {"AttributeName": "entry", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "wait", "AttributeType": "S"},
                {"AttributeName": "entry", "AttributeType": "S"},
            ],
        )
        self.records = Records(self.clients, TABLE)

    def items(self) -> dict[str, dict[str, Any]]:
        """Return the items by sort key."""
        return {item["entry"]["S"]: item for item in self.clients.dynamodb.scan(TableName=TABLE)["Items"]}

    def all(self) -> dict[str, Record]:
        return {entry: decode(item) for entry, item in self.items().items()}

    def lose_answers(self) -> None:
        """From here on requests have their effect and their answers are lost."""

        def lose(**_: object) -> None:
            raise ConnectionClosedError(endpoint_url="loopback")

        self.clients.dynamodb.meta.events.register("needs-retry", lose)
        self.lose = lose

    def keep_answers(self) -> None:
        self.clients.dynamodb.meta.events.unregister("needs-retry", self.lose)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    with region_environment("eu-central-1", "123456789012"), mock_aws():
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", shared_session())
        yield Table()


# Claiming


def test_the_first_to_claim_owns_the_action(table: Table) -> None:
    record = claimed(ACTION, FIRST)
    assert table.records.claim(record) is None
    assert table.all() == {"current": record}


def test_a_duplicate_is_told_who_has_it_and_changes_nothing(table: Table) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    table.records.update(WAIT, FIRST, {"status": Status.WORKING, "detail": "waiting"})
    before = table.items()
    standing = table.records.claim(claimed(ACTION, SECOND, now=1_020.0))
    assert standing == msgspec.structs.replace(claimed(ACTION, FIRST), status=Status.WORKING, detail="waiting")
    assert table.items() == before


@pytest.mark.parametrize("status", Status)
def test_a_duplicate_is_one_whatever_the_status(table: Table, status: Status) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    table.records.update(WAIT, FIRST, {"status": status})
    standing = table.records.claim(claimed(ACTION, SECOND))
    assert standing is not None
    assert (standing.execution, standing.status) == (FIRST, status)


def test_the_same_execution_claims_again_after_a_lost_answer(table: Table) -> None:
    table.lose_answers()
    with pytest.raises(CallFailed) as caught:
        table.records.claim(claimed(ACTION, FIRST))
    assert caught.value.failure.consequence is Consequence.TRANSIENT
    table.keep_answers()
    assert table.all() == {"current": claimed(ACTION, FIRST)}
    assert table.records.claim(claimed(ACTION, FIRST, now=1_015.0)) is None
    assert table.all() == {"current": claimed(ACTION, FIRST, now=1_015.0)}


def test_r22_a_newer_action_takes_the_place_and_the_older_one_is_kept(table: Table) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    table.records.update(WAIT, FIRST, {"status": Status.COMPLETED, "result": ActionResult.CONTINUE, "in_flight": None})
    assert table.records.claim(claimed(NEWER, SECOND, now=2_010.0)) is None
    kept = table.all()
    assert kept["current"] == claimed(NEWER, SECOND, now=2_010.0)
    (earlier,) = [record for entry, record in kept.items() if entry != "current"]
    assert earlier == msgspec.structs.replace(
        claimed(ACTION, FIRST), entry=earlier.entry, status=Status.COMPLETED, result="CONTINUE", in_flight=None
    )
    assert "in_flight" not in table.items()[earlier.entry]


def test_a_newer_action_takes_the_place_of_one_that_was_never_closed(table: Table) -> None:
    # Auto Scaling begins a new wait only when the old one is over; it must not stay in the list of live actions.
    table.records.claim(claimed(ACTION, FIRST))
    assert table.records.claim(claimed(NEWER, SECOND)) is None
    (earlier,) = [item for entry, item in table.items().items() if entry != "current"]
    assert "in_flight" not in earlier
    assert table.records.update(WAIT, FIRST, {"detail": "late"}) is None


def test_several_actions_of_one_wait_are_all_kept(table: Table) -> None:
    for number in range(4):
        action = msgspec.structs.replace(ACTION, token=f"{number}" * 36, time=1_000.0 * (number + 1))
        assert table.records.claim(claimed(action, f"arn:{number}", now=action.time + 10)) is None
    tokens = [(record.token or "")[0] for _, record in sorted(table.all().items())]
    assert sorted(tokens) == ["0", "1", "2", "3"]
    assert table.all()["current"].token == "3" * 36


@pytest.mark.parametrize("time", [999.0, 1_000.5], ids=["older", "of the same time"])
def test_an_event_that_is_not_newer_never_takes_the_place(table: Table, time: float) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    late = msgspec.structs.replace(NEWER, time=time)
    standing = table.records.claim(claimed(late, SECOND))
    assert standing is not None
    assert standing.execution == FIRST
    assert list(table.all()) == ["current"]


def test_times_compare_as_numbers(table: Table) -> None:
    table.records.claim(claimed(msgspec.structs.replace(ACTION, time=999.0), FIRST))
    assert table.records.claim(claimed(msgspec.structs.replace(NEWER, time=1_000.0), SECOND)) is None


@pytest.mark.parametrize("change", [{"group": "web"}, {"hook": "drain"}, {"instance": "i-12345678"}])
def test_other_waits_are_other_records(table: Table, change: dict[str, str]) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    assert table.records.claim(claimed(msgspec.structs.replace(ACTION, **change), SECOND)) is None
    assert len(table.clients.dynamodb.scan(TableName=TABLE)["Items"]) == 2


# Changing


MEMORY = StepMemory(
    began_at=4.5,
    begun=True,
    blocked_seconds=0.25,
    progress=Waiting("looking", state={"command": None, "sent_since": 1.5, "known": {"a": [True, 2, "x"]}}),
)


def test_an_update_sets_and_removes_and_returns_the_whole(table: Table) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    outcome = StepOutcome(kind="run-command", outcome="done", detail="exit code 0")
    changed = table.records.update(
        WAIT,
        FIRST,
        {
            "status": Status.WORKING,
            "deadline": 5_000.25,
            "step_outcomes": (outcome,),
            "present_steps": (MEMORY,),
            "messages": ("one", "two"),
            "in_flight": None,
            "problem": None,
        },
    )
    assert changed == msgspec.structs.replace(
        claimed(ACTION, FIRST),
        status=Status.WORKING,
        deadline=5_000.25,
        step_outcomes=(outcome,),
        present_steps=(MEMORY,),
        messages=("one", "two"),
        in_flight=None,
    )
    assert table.all() == {"current": changed}
    assert "in_flight" not in table.items()["current"]


def test_an_update_can_only_remove(table: Table) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    table.records.update(WAIT, FIRST, {"detail": "waiting", "problem": "access denied"})
    changed = table.records.update(WAIT, FIRST, {"detail": None, "problem": None})
    assert changed == claimed(ACTION, FIRST)


def test_an_update_can_return_what_was_before(table: Table) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    before = table.records.update(WAIT, FIRST, {"status": Status.COMPLETING}, before=True)
    assert before == claimed(ACTION, FIRST)
    assert table.all()["current"].status is Status.COMPLETING


def test_only_the_owner_changes_a_record(table: Table) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    before = table.items()
    assert table.records.update(WAIT, SECOND, {"status": Status.OVER, "detail": None}) is None
    assert table.items() == before


def test_a_takeover_is_repeated_after_a_lost_answer(table: Table) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    table.lose_answers()
    with pytest.raises(CallFailed):
        table.records.take_over(WAIT, FIRST, SECOND)
    table.keep_answers()
    record = table.records.take_over(WAIT, FIRST, SECOND)
    assert record == msgspec.structs.replace(claimed(ACTION, FIRST), execution=SECOND)
    assert table.all() == {"current": record}


def test_only_one_of_two_executions_takes_over(table: Table) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    assert table.records.take_over(WAIT, FIRST, SECOND) is not None
    assert table.records.take_over(WAIT, FIRST, "arn:execution/third") is None
    assert table.all()["current"].execution == SECOND


def test_a_closed_record_is_not_taken_over(table: Table) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    table.records.update(WAIT, FIRST, {"status": Status.OVER, "in_flight": None})
    assert table.records.take_over(WAIT, FIRST, SECOND) is None


def test_an_update_makes_no_record(table: Table) -> None:
    assert table.records.update(WAIT, FIRST, {"status": Status.OVER}) is None
    assert table.items() == {}


def test_a_table_that_is_not_there_fails_the_call() -> None:
    with region_environment("eu-central-1", "123456789012"), mock_aws():
        records = Records(Clients(), "no-such-table")
        with pytest.raises(CallFailed, match="dynamodb:PutItem failed"):
            records.claim(claimed(ACTION, FIRST))
        with pytest.raises(CallFailed, match="dynamodb:UpdateItem failed"):
            records.update(WAIT, FIRST, {"detail": "x"})


# What an item holds

names = st.text(max_size=255)
numbers = st.floats(0, 4e9) | st.floats(1e-100, 1e100)
texts = st.none() | st.text() | st.sampled_from(["null", "true", "5", "NaN", ""])
states = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**15), 10**15) | numbers | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)
memories = st.builds(
    StepMemory,
    began_at=numbers,
    begun=st.booleans(),
    blocked_seconds=numbers,
    blocked_since=st.none() | numbers,
    progress=st.none()
    | st.builds(Waiting, names, st.none() | numbers, states, st.booleans(), st.none() | names)
    | st.builds(Done, names)
    | st.builds(Failed, names),
)
any_record = st.builds(
    Record,
    wait=names,
    token=names,
    group=names,
    hook=names,
    instance=names,
    transition=names,
    execution=names,
    event_time=numbers,
    claimed_at=numbers,
    status=st.sampled_from(Status),
    expires_at=st.integers(0, 10**11),
    origin=texts,
    destination=texts,
    operation=texts,
    in_flight=texts,
    heartbeat_timeout=st.none() | numbers,
    global_timeout=st.none() | numbers,
    deadline=st.none() | numbers,
    inbox=texts,
    plan_source=texts,
    plan_why=texts,
    plan_kinds=st.lists(names, max_size=3).map(tuple),
    step_outcomes=st.lists(st.builds(StepOutcome, kind=names, outcome=names, detail=names), max_size=2).map(tuple),
    step_index=st.integers(0, 100),
    step_began_at=st.none() | numbers,
    present_steps=st.lists(memories, max_size=2).map(tuple),
    detail=texts,
    detail_at=st.none() | numbers,
    problem=texts,
    messages=st.lists(names, max_size=3).map(tuple),
    result=st.none() | st.sampled_from(ActionResult),
    reason=texts,
    ended_at=st.none() | numbers,
)


@given(any_record)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert decode(encode(record)) == record


def as_dynamodb_gives_it(attribute: dict[str, Any]) -> dict[str, Any]:
    """Rewrite numbers as DynamoDB returns them: without a trailing `.0`, never in exponent form."""
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            number = float(value)
            return {"N": str(int(number)) if number.is_integer() else value}
        case "M":
            return {"M": {name: as_dynamodb_gives_it(inner) for name, inner in value.items()}}
        case "L":
            return {"L": [as_dynamodb_gives_it(inner) for inner in value]}
        case _:
            return attribute


@given(any_record)
def test_a_record_comes_back_from_normalised_numbers(record: Record) -> None:
    item = {name: as_dynamodb_gives_it(dict(value)) for name, value in encode(record).items()}
    assert decode(item) == record


@pytest.mark.parametrize("group", ["g" * 255, "ü/ \U0001f600" * 63, '","', "null", "5"])
def test_a_record_comes_back_from_the_table(table: Table, group: str) -> None:
    action = msgspec.structs.replace(ACTION, group=group)
    record = claimed(action, FIRST)
    table.records.claim(record)
    changed = table.records.update(record.wait, FIRST, {"detail": "null", "problem": "", "present_steps": ()})
    assert changed == msgspec.structs.replace(record, detail="null", problem="", present_steps=())
    assert table.all()["current"] == changed


def test_fields_that_are_none_are_left_out() -> None:
    assert "origin" not in encode(claimed(ACTION, FIRST))


def test_attributes_of_a_later_version_are_passed_over() -> None:
    item: dict[str, Any] = {**encode(claimed(ACTION, FIRST)), "weather": {"SS": ["a"]}, "version": {"N": "2"}}
    assert decode(item) == msgspec.structs.replace(claimed(ACTION, FIRST), version=2)


def test_what_dynamodb_has_no_type_for_is_a_fault_of_ours(table: Table) -> None:
    table.records.claim(claimed(ACTION, FIRST))
    waiting = Waiting("x", state={"when": object()})
    with pytest.raises(TypeError):
        table.records.update(WAIT, FIRST, {"present_steps": (StepMemory(began_at=0.0, progress=waiting),)})
