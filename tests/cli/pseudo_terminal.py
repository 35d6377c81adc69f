"""Runs a program in a pseudo-terminal, and reads what its screen shows."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.cli.forked_program import start

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
TERMINAL = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "TERM": "xterm-256color", "TZ": "UTC"}
OPENED = "\x1b[?1049h\x1b[?25l"
CLOSED = "\x1b[?25h\x1b[?1049l"


class PseudoTerminal:
    """One run of `tests.cli.terminal_program`, or without a scene of the command line itself, in a terminal.

    Args:
        scene: of the program; empty for the command line in the environment given.
        words: of the command line.
        columns: of the terminal.
        lines: of the terminal.
        environment: more variables.
    """

    def __init__(self, scene: str, *words: str, columns: int, lines: int, **environment: str) -> None:
        self._master, self._slave = pty.openpty()
        self.resize(columns, lines)
        self._settings = termios.tcgetattr(self._slave)
        self.written = ""
        environment = _without_a_size(os.environ) | TERMINAL | environment
        self.process = start(os.ttyname(self._slave), (scene, *words), environment, ROOT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        os.close(self._master)
        os.close(self._slave)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def is_as_before(self) -> bool:
        """Return whether the terminal is set as it was before the program."""
        return termios.tcgetattr(self._slave) == self._settings

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def tell(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def read(self, until: Callable[[str], bool]) -> str:
        """Read until what the terminal shows fulfils a condition, and return what it shows."""
        end = time.monotonic() + PATIENCE
        while not until(self.shown):
            assert time.monotonic() < end, self.shown
            self._read_some()
        return self.shown

    def wait(self) -> int | None:
        """Read until the program ends, and return its exit code."""
        end = time.monotonic() + PATIENCE
        while self.process.is_alive():
            assert time.monotonic() < end, self.shown
            self._read_some()
        while self._read_some():
            pass
        return self.process.exitcode

    @property
    def shown(self) -> str:
        """What the terminal shows, without its colours: the last whole drawing, or the lines that were written."""
        if OPENED not in self.written or self.written.endswith(CLOSED):
            text = re.sub(f"{re.escape(OPENED)}.*{re.escape(CLOSED)}", "", self.written, flags=re.DOTALL)
        else:
            drawings = self.written.rpartition(OPENED)[2].split("\x1b[H")
            whole = [drawing for drawing in drawings if "\x1b[J" in drawing]
            text = whole[-1] if whole else ""
        for code in ("\x1b[2J", "\x1b[K", "\x1b[J"):
            text = text.replace(code, "")
        return COLOURS.sub("", text).replace("\r\n", "\n")

    def _read_some(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 0.05)
        if not ready:
            return False
        self.written += os.read(self._master, 65536).decode(errors="replace")
        return True


def _without_a_size(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the size of another terminal, which would count before that of ours."""
    return {name: value for name, value in environment.items() if name not in {"COLUMNS", "LINES"}}
