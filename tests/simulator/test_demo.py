from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle_simulator.demo.checker import complaints_about
from asg_lifecycle_simulator.region.log import LogEntry, LogKind
from tests.cli.forked_module import ForkedModule

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 60.0
MOST_UNTIL_SEEN = 2.0
"""Seconds."""

ROOT = Path(__file__).parents[2]
DEMO = "asg_lifecycle_simulator.demo"
FIRST = "simulated Region"
"""What it says at once, before it imports what takes seconds."""

GOOD = [
    LogEntry(time=0, kind=LogKind.WAIT_STARTED),
    LogEntry(time=1, kind=LogKind.HEARTBEAT),
    LogEntry(time=2, kind=LogKind.SERVICE, detail="elbv2 deregistered web:80"),
    LogEntry(time=120, kind=LogKind.HEARTBEAT),
    LogEntry(time=300, kind=LogKind.SERVICE, detail="elbv2 drained web:80"),
    LogEntry(time=301, kind=LogKind.COMPLETED, detail="CONTINUE CompleteLifecycleAction"),
]


def without(index: int) -> list[LogEntry]:
    return GOOD[:index] + GOOD[index + 1 :]


@contextmanager
def from_nothing(folder: Path, *arguments: str, terminal: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run the demo in a process that has imported nothing yet, with `folder` as the temporary directory."""
    stream = subprocess.PIPE if terminal is None else terminal
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-u", "-m", DEMO, *arguments],
        stdout=stream,
        stderr=stream,
        text=True,
        env=environment_of(folder),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def running(folder: Path, *arguments: str, terminal: int | None = None) -> ForkedModule:
    """Run the demo with `folder` as the temporary directory."""
    return ForkedModule(DEMO, *arguments, environment=environment_of(folder), folder=ROOT, stream=terminal)


def environment_of(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "TERM": "xterm", "COLUMNS": "100"}


def in_terminal(folder: Path, *arguments: str, until: str = "") -> tuple[int, str]:
    """Run the demo in a terminal, press Ctrl-C when it has shown `until`, and return its exit code and all output."""
    ours, its = pty.openpty()
    output = ""
    run = from_nothing if until == FIRST else running
    with run(folder, *arguments, terminal=its) as process:
        os.close(its)
        while True:
            try:
                output += os.read(ours, 65536).decode(errors="replace")
            except OSError:  # The other end is closed.
                break
            if until and until in output:
                process.send_signal(signal.SIGINT)
                until = ""
        code = process.wait(PATIENCE)
    os.close(ours)
    return code, output


def test_the_demo_drains_and_says_each_thing_once(tmp_path: Path) -> None:
    temporary, page = tmp_path / "temporary", tmp_path / "build" / "story.html"
    temporary.mkdir()
    with from_nothing(temporary, "--scale", "120", "--delay", "300", "--page", str(page)) as demo:
        assert demo.stdout is not None
        began = time.monotonic()
        first = demo.stdout.readline()
        seen_after = time.monotonic() - began
        output, errors = demo.communicate(timeout=PATIENCE)

    assert (demo.returncode, errors) == (0, ""), output
    assert FIRST in first
    assert seen_after < MOST_UNTIL_SEEN
    assert "✓ drained first, then completed with CONTINUE, inside every timeout" in output
    assert "\x1b" not in output
    lines = output.splitlines()
    drained, completed = (
        next(number for number, line in enumerate(lines) if text in line)
        for text in ("elbv2 drained web:80", "CONTINUE CompleteLifecycleAction")
    )
    assert drained < completed
    assert len(lines) == len(set(lines))
    for once in ("elbv2 deregistered web:80", "elbv2 drained web:80", "CONTINUE", "Terminated"):
        assert sum(once in line for line in lines if not line.startswith("✓")) == 1, once
    assert list(temporary.iterdir()) == []
    assert lines[-2] == f"Its story, to open in a browser: {page}"
    told = page.read_text(encoding="utf-8")
    for words in ("completed with CONTINUE after ", "step 1 done", " heartbeats", "told from the record and the sim"):
        assert words.lower() in told.lower(), words


def test_a_page_that_cannot_be_written_spoils_no_demo(tmp_path: Path) -> None:
    with running(tmp_path, "--scale", "240", "--delay", "300", "--page", "/dev/null/story.html") as demo:
        output, errors = demo.communicate(timeout=PATIENCE)
    assert (demo.returncode, errors) == (0, "")
    assert "its story could not be written: [Errno 17] File exists" in output


def test_the_last_panel_counts_nothing_down(tmp_path: Path) -> None:
    code, output = in_terminal(tmp_path, "--scale", "240", "--delay", "300")

    assert code == 0, output
    assert "timeout in" in output
    last_panel = output[output.rindex("╭─ asg-lifecycle") : output.index("What happened")]
    assert "Terminated" in last_panel
    assert "CONTINUE" in last_panel
    assert [text for text in ("timeout in", "deadline in", " ago") if text in last_panel] == []
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l"), "the cursor stays hidden"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", [FIRST, "elbv2 deregistered"])
def test_ctrl_c_ends_it_without_a_traceback(moment: str, tmp_path: Path) -> None:
    run = from_nothing if moment == FIRST else running
    with run(tmp_path, "--scale", "240", "--delay", "300") as demo:
        assert demo.stdout is not None
        while moment not in (line := demo.stdout.readline()):
            assert line, "it ended before"
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=PATIENCE)

    assert (demo.returncode, errors) == (130, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", [FIRST, "heartbeats", "What happened"])
def test_ctrl_c_in_a_terminal_gives_the_cursor_back(moment: str, tmp_path: Path) -> None:
    code, output = in_terminal(tmp_path, "--scale", "240", "--delay", "300", until=moment)

    assert code in ({0, 130} if moment == "What happened" else {130})
    assert "Traceback" not in output
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l")
    assert list(tmp_path.iterdir()) == []


def test_a_good_drain_has_no_complaints() -> None:
    assert complaints_about(GOOD, 240) == []


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([], "never drained"),
        (without(4), "never drained"),
        (without(5), "expected one completion with CONTINUE, found nothing"),
        ([*GOOD[:5], replace(GOOD[5], detail="ABANDON heartbeat timeout")], "found ABANDON heartbeat timeout"),
        ([*GOOD, GOOD[5]], "expected one completion"),
        ([*GOOD[:4], replace(GOOD[5], time=299), GOOD[4]], "completed before the instance was drained"),
        (without(3), "300 s passed without a heartbeat"),
        ([*GOOD, LogEntry(time=302, kind=LogKind.HEARTBEAT_REFUSED, detail="over")], "heartbeat refused: over"),
    ],
)
def test_whatever_is_wrong_is_complained_of(entries: list[LogEntry], words: str) -> None:
    assert any(words in complaint for complaint in complaints_about(entries, 240))
