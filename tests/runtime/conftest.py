from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

LOGS = pytest.StashKey["Path"]()
LINES = 60


@pytest.fixture
def logs(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a folder for the logs of processes; they are in the report of a test that fails."""
    folder = tmp_path / "logs"
    folder.mkdir()
    request.node.stash[LOGS] = folder
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and LOGS in item.stash:
        for log in sorted(item.stash[LOGS].glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()
            report.sections.append((f"last lines of {log.name}", "\n".join(lines[-LINES:])))
    return report
