"""What a terminal shows of `ps` and `ps --watch`, and that it is left as it was."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.model.action_story import story_values
from asg_lifecycle.model.history_entries import EntryKind
from asg_lifecycle.model.story_parts import Source, StorySource, ToldEntry
from asg_lifecycle.model.story_telling import story_of
from tests.cli.pseudo_terminal import CLOSED, OPENED, PseudoTerminal
from tests.model.test_action_story import BEGAN, record

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [(80, 24), (140, 40)]
LONG_GROUP = "awseb-e-abcdefghij-stack-AWSEBAutoScalingGroup-1A2B3C4D5E6F7"


@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_a_list_keeps_within_the_terminal_and_cuts_no_name(columns: int, lines: int) -> None:
    with PseudoTerminal("few", "ps", columns=columns, lines=lines) as terminal:
        assert terminal.wait() == 0
        shown = terminal.shown.splitlines()
        assert "\x1b[1;33mheld" in terminal.written

    assert all(len(line) <= columns for line in shown), shown
    assert shown[0].split()[:5] == ["left", "status", "instance", "group", "step"]
    rows = [line for line in shown if re.search(r"i-[0-9a-f]{17}", line)]
    assert [row.split()[1] for row in rows] == ["working", "working", "held"]
    where = shown[0].index("group"), shown[0].index("step")
    group = "".join(line[where[0] : where[1]].strip() for line in shown[1:])
    assert group.startswith(LONG_GROUP)
    assert (len(shown) == 4) is (columns == 140)


@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_a_story_keeps_within_the_terminal_and_breaks_no_address(columns: int, lines: int, tmp_path: Path) -> None:
    beats = tuple(ToldEntry(at=BEGAN + each, kind=EntryKind.BEAT, detail="accepted") for each in range(70, 270, 9))
    story = story_of(record(), BEGAN + 300, source=StorySource(told_from=Source.HISTORY, why="read", entries=beats))
    file = tmp_path / "story.json"
    file.write_text(json.dumps(story_values(story)), encoding="utf-8")
    with PseudoTerminal("offline", "show", "--from", str(file), columns=columns, lines=lines) as terminal:
        assert terminal.wait() == 0
        shown = terminal.shown.splitlines()

    addresses = [line.partition(": ")[2] for line in shown if ": https://" in line]
    assert addresses == [link.address for link in story.links]
    assert all(len(line) <= columns for line in shown if ": https://" not in line), shown
    assert sum("23 heartbeats" in line for line in shown) == 1
    assert not any("heartbeat " in line for line in shown)


def test_no_color_means_none() -> None:
    with PseudoTerminal("few", "ps", columns=80, lines=24, NO_COLOR="1") as terminal:
        terminal.wait()
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", terminal.written)


@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_a_drain_goes_through_while_it_is_watched(columns: int, lines: int) -> None:
    with PseudoTerminal("few", "ps", "--watch", "--interval", "2", columns=columns, lines=lines) as terminal:
        first = terminal.read(lambda shown: "orders-production-blue" in shown)
        later = terminal.read(lambda shown: "billing" in shown and "orders-production-blue" not in shown)
        terminal.press("q")
        assert terminal.wait() == 0

        for screen in (first, later):
            assert len(screen.splitlines()) <= lines
            assert all(len(line) <= columns for line in screen.splitlines())
        assert terminal.written.endswith(CLOSED)
        assert terminal.shown == ""
        assert terminal.is_as_before()


@pytest.mark.parametrize(
    ("scene", "end", "code"),
    [
        ("few", "\x03", 0),
        ("few", signal.SIGHUP, 143),
        ("hanging", "q", 0),
        ("hanging", "\x03", 0),
        ("hanging", signal.SIGTERM, 143),
    ],
)
def test_the_terminal_is_restored_however_it_ends(scene: str, end: str | signal.Signals, code: int) -> None:
    with PseudoTerminal(scene, "ps", "--watch", columns=80, lines=24) as terminal:
        terminal.read(lambda shown: "held" in shown if scene == "few" else "reading" in shown)
        assert not terminal.is_as_before()
        if isinstance(end, str):
            terminal.press(end)
        else:
            terminal.tell(end)
        assert terminal.wait() == code
        assert terminal.written.endswith(CLOSED)
        assert terminal.is_as_before()


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on() -> None:
    with PseudoTerminal("few", "ps", "--watch", columns=80, lines=24) as terminal:
        terminal.read(lambda shown: "held" in shown)
        # Nothing is above this program that could let it go on, so the system does not stop it: it goes on at once.
        terminal.tell(signal.SIGTSTP)
        terminal.read(lambda _: terminal.written.count(OPENED) == 2)
        assert terminal.written.count(CLOSED) == 1
        terminal.read(lambda shown: "held" in shown)
        terminal.press("q")
        assert terminal.wait() == 0


def test_it_follows_the_size_of_the_terminal() -> None:
    with PseudoTerminal("many", "ps", "--watch", columns=140, lines=12) as terminal:
        wide = terminal.read(lambda shown: "fleet" in shown)
        assert len(wide.splitlines()) == 12
        assert wide.splitlines()[-1].startswith("… 1")
        terminal.resize(80, 10)
        narrow = terminal.read(lambda shown: shown.count("\n") == 9)
        assert all(len(line) <= 80 for line in narrow.splitlines())
        terminal.resize(30, 3)
        terminal.read(lambda shown: shown.count("\n") <= 2)
        terminal.press("q")
        assert terminal.wait() == 0


def test_an_error_is_shown_in_place_and_it_goes_on() -> None:
    with PseudoTerminal("broken", "ps", "--watch", "--interval", "2", columns=140, lines=40) as terminal:
        shown = terminal.read(lambda shown: "permission dynamodb:Query is missing" in shown)
        assert "billing" in shown
        assert shown.splitlines()[1].startswith("as ")
        terminal.press("q")
        assert terminal.wait() == 0


def test_without_a_terminal_nothing_is_watched() -> None:
    from tests.cli.action_commands import run  # noqa: PLC0415 - the only test here that needs no terminal

    assert run("ps", "--watch").exit_code == 2
    assert "--watch needs a terminal" in run("ps", "--watch").stderr
    assert "--watch shows a table" in run("ps", "--watch", "--json").stderr


def test_a_page_about_a_step_is_rendered_and_sentences_break_between_words() -> None:
    with PseudoTerminal("offline", "plan", "steps", "run-command", columns=80, lines=24) as terminal:
        assert terminal.wait() == 0
        assert "# run-command" not in terminal.shown
        assert "run-command" in terminal.shown
    with PseudoTerminal("offline", "explain", "events/terminate.json", columns=80, lines=24) as terminal:
        assert terminal.wait() == 0
        assert all(len(line) <= 80 for line in terminal.shown.splitlines())
        assert "the plan store" in " ".join(terminal.shown.split())
