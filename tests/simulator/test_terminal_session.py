"""The session in the document is what the tool shows in a terminal."""

from __future__ import annotations

import pytest

from tests.cli.terminal_session import DOCUMENT, SIZES, comparable, document, play_at


@pytest.mark.waits
@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_the_session_in_the_document_is_what_the_tool_shows(columns: int, lines: int) -> None:
    screens = play_at(columns, lines)
    watched = [line for each in screens if "--watch" in each.command for line in each.shown.splitlines()]
    assert max(len(line) for line in watched) <= columns
    shown = comparable(document({(columns, lines): screens}).partition("\n## ")[2])
    (kept,) = [
        part
        for part in DOCUMENT.read_text(encoding="utf-8").split("\n## ")
        if part.startswith(f"{columns} columns, {lines} lines")
    ]
    assert comparable(kept).strip() == shown.strip(), (
        "write it with python -m tests.cli.terminal_session docs/command-line-session.md, and look at it"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ended 2026-11-30 08:21 UTC for 1d23h", "ended 2027-01-01 00:00 UTC for 6s"),
        ("1d  i-1  4s  metadata  signal a of…", "2d   i-1  10s  metadata   signal a…"),
        ("begun\nwaiting: i-1: a: b\ni-1: completed", "begun\nwaiting: i-1: a\nwaiting: i-1: c\ni-1: completed"),
    ],
)
def test_what_differs_from_run_to_run_is_not_compared(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)
    assert comparable(one) != comparable(f"{other} more")
