"""Signals that come in the middle of a drawing."""

from __future__ import annotations

import io
import os
import signal
from typing import TYPE_CHECKING

from asg_lifecycle.cli.terminal_screen import CLOSE, OPEN, open_screen

if TYPE_CHECKING:
    import pytest


class Terminal(io.RawIOBase):
    """A terminal in which Ctrl-Z is pressed while the text `suspended` is written, by whatever way that is."""

    def __init__(self) -> None:
        self.written = ""

    def fileno(self) -> int:
        return -1

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override] # bytes are what is written here
        text = bytes(data).decode()
        pressed = "suspended" in text and "suspended" not in self.written
        self.written += text
        if pressed:
            signal.raise_signal(signal.SIGTSTP)
        return len(data)


def test_ctrl_z_in_the_middle_of_a_drawing_is_no_error_and_what_was_drawn_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    buffered = io.BufferedWriter(terminal)  # type: ignore[type-var] # the stubs want attributes that it never reads
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(buffered, encoding="utf-8"))
    monkeypatch.setattr(os, "write", lambda _, data: terminal.write(data))
    # The tests go on: only the program would be stopped.
    monkeypatch.setattr(os, "kill", lambda *_: None)
    with open_screen() as screen:
        screen.draw(["suspended"])
        screen.draw(["suspended"])
    assert terminal.written.split(OPEN)[1].endswith(CLOSE)
    assert "suspended" in terminal.written.split(OPEN)[2]
