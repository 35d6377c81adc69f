"""What stays the same for a while is one row of a table."""

from __future__ import annotations

import pytest

from asg_lifecycle.model.action_timeline import TimelineEntry
from asg_lifecycle.model.timeline_rows import rows_of


def told(*happened: tuple[float | None, str, str]) -> list[tuple[str, str, float | None]]:
    rows = rows_of(TimelineEntry(at=at, what=what, detail=detail) for at, what, detail in happened)
    return [(row.what, row.detail, row.lasted) for row in rows]


def test_looks_and_heartbeats_that_alternate_are_two_rows() -> None:
    rows = told(
        (1.0, "look", "one task"),
        (2.0, "heartbeat", "accepted"),
        (5.0, "wait", "a wait began"),
        (9.0, "look", "one task"),
        (12.0, "heartbeat", "accepted"),
        (20.0, "look", "one task"),
    )
    assert rows == [("3 looks", "one task", 19.0), ("2 heartbeats", "accepted", 10.0), ("wait", "a wait began", None)]


@pytest.mark.parametrize(
    "between",
    [(3.0, "message", "look again now"), (3.0, "look", "no task"), (3.0, "ended", "completed")],
)
def test_what_happens_meanwhile_keeps_them_apart(between: tuple[float, str, str]) -> None:
    rows = told((1.0, "look", "one task"), between, (5.0, "look", "one task"))
    assert [what for what, _, _ in rows] == ["look", between[1], "look"]


def test_messages_and_what_has_no_time_are_left_as_they_are() -> None:
    assert told((1.0, "message", "nudge"), (2.0, "message", "nudge")) == [("message", "nudge", None)] * 2
    assert told((None, "look", "one"), (None, "look", "one"), (3.0, "look", "one")) == [("look", "one", None)] * 3
