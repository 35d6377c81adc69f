"""`asg-lifecycle ps --watch`: the list of actions, kept up to date in place."""

from __future__ import annotations

import io
import threading
import time
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from asg_lifecycle.cli.action_lists import ActionList, read_actions
from asg_lifecycle.cli.console import on_one_line
from asg_lifecycle.cli.local_times import local_time
from asg_lifecycle.cli.output import Column, table_of
from asg_lifecycle.cli.terminal_screen import open_screen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asg_lifecycle.cli.action_lists import ListedAction, StackOfActions, WantedActions

DRAWN_EVERY = 0.2
"""Seconds between two looks at the keyboard and the size of the terminal."""

RESTS = 4.0
"""How much longer than a read takes the next one waits, so that a large list is not read all the time."""

HEADER_LINES = 2

NOTHING = ActionList()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The list as it was read last.

    Attributes:
        actions: what was read last without a failure.
        read_at: when, seconds since the epoch; None before the first time.
        failures: why it could not be read since then.
    """

    actions: ActionList = NOTHING
    read_at: float | None = None
    failures: tuple[str, ...] = ()


class WatchedList:
    """Reads a list again and again in a thread of its own, so that a call that hangs holds up no key.

    Attributes:
        reading: what was read last.
    """

    def __init__(self, stacks: tuple[StackOfActions, ...], every: float) -> None:
        self.reading = Reading()
        self._stacks = stacks
        self._every = every
        self._clock = stacks[0].tools.clock
        self._next = 0.0
        self._reader: threading.Thread | None = None

    def refresh(self) -> None:
        """Begin to read the list, if that is due and not under way."""
        if self._reader is not None and self._reader.is_alive():
            return
        if time.monotonic() < self._next:
            return
        # It may hang for as long as a call may; the end of the command does not wait for it.
        self._reader = threading.Thread(target=copy_context().run, args=(self._read,), daemon=True)
        self._next = float("inf")
        self._reader.start()

    def _read(self) -> None:
        began = time.monotonic()
        try:
            found = read_actions(self._stacks)
            if found.failures:
                shown = found if found.records else self.reading.actions
                self.reading = Reading(actions=shown, read_at=self.reading.read_at, failures=found.failures)
            else:
                self.reading = Reading(actions=found, read_at=self._clock(), failures=found.unreadable)
        finally:
            took = time.monotonic() - began
            self._next = time.monotonic() + max(self._every, RESTS * took)


def watch(
    stacks: tuple[StackOfActions, ...], wanted: WantedActions, columns: Sequence[Column[ListedAction]], every: int
) -> None:
    """Show a list on the terminal and keep it up to date, until q or Ctrl-C is pressed.

    Args:
        stacks: whose actions are listed.
        wanted: which of them.
        columns: of the list.
        every: seconds between two reads, at least.
    """
    listed = WatchedList(stacks, every)
    clock: Callable[[], float] = stacks[0].tools.clock
    with open_screen() as screen:
        try:
            while True:
                listed.refresh()
                screen.draw(lines_of(listed.reading, wanted, columns, clock(), every=every, size=screen.size()))
                if screen.key(DRAWN_EVERY) in {"q", "Q"}:
                    return
        except KeyboardInterrupt:
            return


def lines_of(  # noqa: PLR0913 - what is shown, and where
    reading: Reading,
    wanted: WantedActions,
    columns: Sequence[Column[ListedAction]],
    now: float,
    *,
    every: int,
    size: tuple[int, int],
) -> list[str]:
    """Return the lines of a screen, with the control sequences of their colours.

    Args:
        reading: the list.
        wanted: which actions of it.
        columns: of the list.
        now: seconds since the epoch.
        every: seconds between two reads.
        size: columns and lines of the screen.
    """
    width, height = size
    lines = [Text(_heading(now, every, width), style="bold"), _state(reading, now)]
    room = max(1, height - HEADER_LINES)
    actions = reading.actions.actions(wanted, now)
    if actions:
        # A row takes a line at least: no more of them are laid out than can be seen.
        rows = table_of(actions[:room], columns, width).split("\n")
        fits = len(actions) < room and len(rows) <= room
        lines += rows if fits else rows[: room - 1]
        if not fits:
            lines.append(Text(f"… {len(actions)} in all: a higher terminal, --group or --status shows the others"))
    elif reading.read_at is not None:
        lines.append(Text(wanted.none_found()))
    return _drawn(lines[:height], width)


def _heading(now: float, every: int, width: int) -> str:
    left, right = f"asg-lifecycle ps, every {every} s: {local_time(now)}", "q quits"
    return f"{left}{right:>{max(len(right) + 2, width - len(left))}}"


def _state(reading: Reading, now: float) -> Text:
    if reading.failures:
        more = f" (and {len(reading.failures) - 1} more)" if len(reading.failures) > 1 else ""
        since = f"as {now - reading.read_at:.0f} s ago" if reading.read_at is not None else "not read yet"
        return Text(on_one_line(f"{since}: {reading.failures[0]}{more}"), style="bold red")
    return Text("" if reading.read_at is not None else "reading …")


def _drawn(lines: Sequence[Text], width: int) -> list[str]:
    """Return lines as the terminal takes them, each cut to its width."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, legacy_windows=False)
    drawn = []
    for line in lines:
        with console.capture() as captured:
            console.print(line, no_wrap=True, overflow="ellipsis", end="", highlight=False)
        drawn.append(captured.get())
    return drawn
