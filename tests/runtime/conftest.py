from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runtime.function_package import lambda_python, package_with_pip, package_with_sam, sam

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.runtime.function_package import Package

LOGS = pytest.StashKey["Path"]()
LINES = 60


@pytest.fixture(scope="session", params=["sam-build" if lambda_python() else "pip-install"])
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("package")
    if request.param == "pip-install":
        return package_with_pip(folder)
    executable, python = sam(), lambda_python()
    assert executable is not None
    assert python is not None
    return package_with_sam(executable, python, folder)


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
