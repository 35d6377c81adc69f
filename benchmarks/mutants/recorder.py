"""A pytest plugin, `-p benchmarks.mutants.recorder`: which test runs which lines of `src/`, and how long each takes.

It asks the interpreter itself (`sys.monitoring`, Python 3.12): each line tells once a test, so the suite is hardly
slower for it. What runs in processes that a test starts is not seen.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

FOLDER = "MUTANTS_RECORD"
"""Environment variable that names the folder the recordings are written to, one file a process."""

SOURCE = str(Path(__file__).parents[2] / "src") + os.sep


class Recorder:
    """Notes the lines that each test runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: set[tuple[str, int]] = set()
        self._tests: dict[str, list[tuple[str, int]]] = {}
        self._durations: dict[str, float] = {}

    def pytest_sessionstart(self) -> None:
        """Begin to listen."""
        if sys.version_info >= (3, 12):
            sys.monitoring.use_tool_id(sys.monitoring.COVERAGE_ID, "mutants")
            sys.monitoring.register_callback(sys.monitoring.COVERAGE_ID, sys.monitoring.events.LINE, self._line)
            sys.monitoring.set_events(sys.monitoring.COVERAGE_ID, sys.monitoring.events.LINE)
        else:
            raise pytest.UsageError("the tests that concern a mutant are recorded with Python 3.12 or newer")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note the lines of one test, its fixtures included."""
        self._lines.clear()
        if sys.version_info >= (3, 12):
            sys.monitoring.restart_events()
        result = yield
        self._tests[item.nodeid] = sorted(self._lines)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how long a test took, seconds."""
        self._durations[report.nodeid] = self._durations.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        """Write down what was noted; the process that only hands out tests has noted nothing."""
        if sys.version_info >= (3, 12):
            sys.monitoring.set_events(sys.monitoring.COVERAGE_ID, sys.monitoring.events.NO_EVENTS)
            sys.monitoring.free_tool_id(sys.monitoring.COVERAGE_ID)
        if self._tests:
            record = {nodeid: [self._durations.get(nodeid, 0.0), lines] for nodeid, lines in self._tests.items()}
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"{os.getpid()}.json").write_text(json.dumps(record), encoding="utf-8")

    def _line(self, code: CodeType, line: int) -> object:
        if code.co_filename.startswith(SOURCE):
            self._lines.add((code.co_filename[len(SOURCE) - len("src/") :], line))
        if sys.version_info >= (3, 12):
            return sys.monitoring.DISABLE
        return None


def pytest_configure(config: pytest.Config) -> None:
    """Begin where a folder is named."""
    if (folder := os.environ.get(FOLDER)) is not None:
        config.pluginmanager.register(Recorder(Path(folder)), "mutants-recorder")
