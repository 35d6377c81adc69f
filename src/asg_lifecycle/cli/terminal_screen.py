"""A screen of the terminal that is drawn over and over in place, and is restored however the command ends."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from contextlib import contextmanager, suppress
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import typer

from asg_lifecycle.cli.console import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# The control sequences of xterm, which all terminals in use understand.
OPEN = "\x1b[?1049h\x1b[?25l"
"""Another screen than that with the shell's lines, without a cursor."""
CLOSE = "\x1b[?25h\x1b[?1049l"
"""The cursor, and the shell's lines as they were."""
HOME = "\x1b[H"
CLEAR = "\x1b[2J"
END_OF_LINE = "\x1b[K\r\n"
END_OF_SCREEN = "\x1b[K\x1b[J"

ENDING = (signal.SIGTERM, signal.SIGHUP)


class TerminalScreen:
    """The terminal while something is drawn on it. Made by `open_screen`."""

    def __init__(self) -> None:
        self._keyboard = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._before = termios.tcgetattr(self._keyboard) if self._keyboard is not None else None
        self._size = get_terminal_size()
        self._drawn: list[str] | None = None

    def size(self) -> tuple[int, int]:
        """Return how many columns and lines there are now."""
        return get_terminal_size()

    def draw(self, lines: list[str]) -> None:
        """Draw lines, in place of what is there. Each is no wider than the screen, and there are no more than fit."""
        size = get_terminal_size()
        if lines == self._drawn and size == self._size:
            return
        clear = CLEAR if size != self._size else ""
        # Before it is written: Ctrl-Z may open another screen meanwhile, on which nothing is drawn.
        self._drawn, self._size = lines, size
        self._write(f"{clear}{HOME}{END_OF_LINE.join(lines)}{END_OF_SCREEN}")

    def key(self, patience: float) -> str:
        """Return the key that is pressed within so many seconds, empty for none."""
        if self._keyboard is None:
            select.select([], [], [], patience)
            return ""
        ready, _, _ = select.select([self._keyboard], [], [], patience)
        return os.read(self._keyboard, 1).decode(errors="replace") if ready else ""

    def open(self) -> None:
        """Take the terminal."""
        if self._keyboard is not None:
            # Keys come at once and are not shown; Ctrl-C and Ctrl-Z stay what they are.
            tty.setcbreak(self._keyboard)
        self._write(OPEN)
        self._drawn = None

    def close(self) -> None:
        """Give the terminal back as it was. A terminal that is gone is no error."""
        with suppress(OSError, ValueError):
            self._write(CLOSE)
        if self._keyboard is not None and self._before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._keyboard, termios.TCSAFLUSH, self._before)

    @staticmethod
    def _write(text: str) -> None:
        # Past Python's buffer, which a signal that comes while it is written must not write to.
        left = text.encode(errors="replace")
        while left:
            left = left[os.write(sys.stdout.fileno(), left) :]


@contextmanager
def open_screen() -> Iterator[TerminalScreen]:
    """Give out the terminal, and restore it however the block ends; Ctrl-Z puts it away for as long as that takes.

    Raises:
        typer.Exit: the process was told to end.
    """
    screen = TerminalScreen()

    def suspend(number: int, _: FrameType | None) -> None:
        screen.close()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # From here on it goes on again.
        signal.signal(number, suspend)
        screen.open()

    handlers = {number: signal.signal(number, _end) for number in ENDING}
    handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, suspend)
    try:
        screen.open()
        yield screen
    finally:
        screen.close()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise typer.Exit(ExitCode.TERMINATED)
