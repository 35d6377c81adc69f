"""The places of a group: whoever asks in between, whatever answer is lost, never more holders than places."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.store.drain_slots import DrainSlots
from asg_lifecycle_simulator.region.environment import region_environment
from tests.store.shared_session import shared_session

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = "actions"
FOREVER = 1e9


class Places:
    """Turns in a table, whose calls can be disturbed."""

    def __init__(self, group: str = "web") -> None:
        self.clients = Clients()
        self.slots = DrainSlots(self.clients, TABLE)
        self.group = group
        self.now = 1_000.0
        self.meanwhile: Any = None
        self.lose_after: int | None = None
        events = self.clients.dynamodb.meta.events
        events.register("before-call.dynamodb", self._before)
        events.register("needs-retry.dynamodb", self._after)

    def _before(self, **_: object) -> None:
        if self.meanwhile is not None:
            then, self.meanwhile = self.meanwhile, None
            then()

    def _after(self, **_: object) -> None:
        if self.lose_after is not None:
            self.lose_after -= 1
            if self.lose_after < 0:
                self.lose_after = None
                raise ConnectionClosedError(endpoint_url="loopback")

    def look(self, holder: str, *, limit: int = 1, until: float = FOREVER) -> bool:
        return self.slots.request(self.group, holder, limit=limit, until=until, now=self.now).granted

    def leave(self, holder: str) -> None:
        self.slots.release(self.group, holder, now=self.now)

    def entries(self) -> dict[str, str]:
        items = self.clients.dynamodb.scan(TableName=TABLE)["Items"]
        return {item["entry"]["S"]: item["holder"]["S"] for item in items if "holder" in item}


@contextmanager
def table() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, region_environment("eu-central-1", "123456789012"), mock_aws():
        patch.setattr(boto3, "DEFAULT_SESSION", shared_session())
        Clients().dynamodb.create_table(
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
        yield


@pytest.fixture
def places() -> Iterator[Places]:
    with table():
        yield Places()


def test_the_first_has_a_place_and_the_second_waits(places: Places) -> None:
    assert places.look("a")
    turn = places.slots.request("web", "b", limit=1, until=FOREVER, now=places.now)
    assert (turn.granted, turn.taken, turn.ahead) == (False, 1, 0)
    assert places.look("a")
    places.leave("a")
    assert not places.look("c")
    assert places.look("b")


def test_groups_have_places_of_their_own(places: Places) -> None:
    assert places.look("a")
    assert places.slots.request("api", "b", limit=1, until=FOREVER, now=places.now).granted


def test_a_place_is_free_when_its_holders_wait_is_over(places: Places) -> None:
    assert places.look("a", until=2_000)
    assert not places.look("b")
    places.now = 2_001
    assert places.look("b")
    places.leave("a")
    assert "b" in places.entries().values()


def test_who_waits_past_the_end_of_its_wait_is_ahead_of_nobody(places: Places) -> None:
    assert places.look("a")
    assert not places.look("b", until=2_000)
    assert not places.look("c")
    places.leave("a")
    places.now = 2_001
    assert places.look("c")


def test_who_died_between_taking_a_place_and_leaving_the_queue_holds_up_nobody(places: Places) -> None:
    assert places.look("a", limit=2)
    # Query, ticket, entry, query, slot: the answer to the slot is lost.
    places.lose_after = 4
    with pytest.raises(CallFailed):
        places.look("b", limit=2)
    assert sorted(places.entries().values()) == ["a", "b", "b"]
    assert places.look("b", limit=2)
    places.leave("a")
    assert places.look("c", limit=2)


def test_a_limit_that_was_lowered_counts_who_holds_a_place_beyond_it(places: Places) -> None:
    assert places.look("a", limit=2)
    assert places.look("b", limit=2)
    places.leave("a")
    assert not places.look("c", limit=1)
    places.leave("b")
    assert places.look("c", limit=1)


def test_leaving_twice_and_leaving_without_a_place_change_nothing(places: Places) -> None:
    assert places.look("a")
    places.leave("b")
    assert places.look("a")
    places.leave("a")
    places.leave("a")
    assert places.entries() == {}


HOLDERS = ("a", "b", "c", "d")
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["look", "look", "look", "leave"]),
        st.sampled_from(HOLDERS),
        st.none() | st.integers(0, 6),
        st.none() | st.sampled_from(HOLDERS),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(moves=MOVES, limit=st.integers(1, 3))
def test_never_more_holders_than_places_and_everybody_is_served(
    moves: list[tuple[str, str, int | None, str | None]], limit: int
) -> None:
    with table():
        places, holding = Places(), set[str]()

        def look(holder: str) -> None:
            try:
                granted = places.look(holder, limit=limit)
            except CallFailed:
                return
            if granted:
                holding.add(holder)
            assert holder not in holding or granted, f"{holder} lost its place"
            assert len(holding) <= limit

        for move, holder, lost, other in moves:
            places.lose_after = lost
            places.meanwhile = (lambda other=other: look(other)) if other not in {None, holder} else None
            if move == "look":
                look(holder)
                continue
            holding.discard(holder)
            places.meanwhile = None
            places.lose_after = None
            places.leave(holder)
        places.meanwhile = places.lose_after = None
        # From here on all goes well, and each holder leaves when it is done.
        served: set[str] = set()
        for _ in range(len(HOLDERS) + 1):
            for holder in HOLDERS:
                if holder not in served:
                    look(holder)
            for holder in sorted(holding):
                places.leave(holder)
            served |= holding
            holding.clear()
        assert served == set(HOLDERS)
        assert places.entries() == {}
