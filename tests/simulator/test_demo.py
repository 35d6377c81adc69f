from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from asg_lifecycle_simulator.demo.checker import complaints_about
from asg_lifecycle_simulator.region.log import LogEntry, LogKind

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


def test_the_demo_drains_and_says_so() -> None:
    command = [sys.executable, "-m", "asg_lifecycle_simulator.demo", "--scale", "120", "--delay", "300"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)  # noqa: S603 - our own

    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ drained first, then completed with CONTINUE, inside every timeout" in done.stdout
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    drained = next(number for number, line in enumerate(lines) if "elbv2 drained web:80" in line)
    completed = next(number for number, line in enumerate(lines) if "CONTINUE CompleteLifecycleAction" in line)
    assert drained < completed


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
