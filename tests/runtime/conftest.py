from __future__ import annotations

import fcntl
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.runtime.function_package import ROOT, Package, lambda_python, package_with_pip, package_with_sam, sam
from tests.template.sam_environment import Invocation, SamEnvironment, sam_environments

if TYPE_CHECKING:
    from collections.abc import Generator

LOGS = pytest.StashKey["Path"]()
LINES = 60


@pytest.fixture(scope="session", params=["sam-build" if lambda_python() else "pip-install"])
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Return the packaged function; the first worker of a run that needs it makes it, and the others wait for it."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        # What pytest-xdist gives to a worker lies in the folder of the run.
        folder = folder.parent
    made = folder / f"{request.param}.json"
    with (folder / f"{request.param}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            package = _packaged(request.param, Path(tempfile.mkdtemp(prefix="package-", dir=folder)))
            made.write_text(json.dumps({name: str(path) for name, path in vars(package).items()}))
        return Package(**{name: Path(path) for name, path in json.loads(made.read_text()).items()})


def _packaged(how: str, folder: Path) -> Package:
    if how == "pip-install":
        return package_with_pip(folder)
    executable, python = sam(), lambda_python()
    assert executable is not None
    assert python is not None
    return package_with_sam(executable, python, folder)


@pytest.fixture(scope="session")
def environments() -> dict[str, SamEnvironment]:
    """Return the environments that `sam local invoke` gives to the functions."""
    variables = ROOT / "asg_lifecycle_simulator" / "server" / "local-invoke.env"
    return sam_environments(Invocation(variables=variables))[0]


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
