from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.server.presets import INSTANCES, TERMINATE_HOOK
from tests.runtime.function_package import (
    FUNCTION,
    ROOT,
    emulator,
    lambda_python,
    package_with_pip,
    package_with_sam,
    sam,
)
from tests.runtime.local_lambda import start
from tests.runtime.processes import Processes, until
from tests.template.sam_environment import sam_environments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.runtime.function_package import Package
    from tests.runtime.local_lambda import LocalLambda

SAM = sam()
PYTHON = lambda_python()
INSTANCE = INSTANCES[0]
DEREGISTRATION_DELAY = 5
MOST_MEMORY = 160.0
"""Megabytes."""
REFUSED = {LogKind.HEARTBEAT_REFUSED, LogKind.COMPLETION_REFUSED, LogKind.SKIPPED}
DEREGISTERED = (LogKind.SERVICE, "elbv2 deregistered web:80")
DRAINED = (LogKind.SERVICE, "elbv2 drained web:80")
IN_ORDER = (
    (LogKind.DELIVERED, "EC2 Instance-terminate Lifecycle Action"),
    (LogKind.HEARTBEAT, ""),
    DEREGISTERED,
    DRAINED,
    (LogKind.COMPLETED, "CONTINUE CompleteLifecycleAction"),
    (LogKind.INSTANCE_STATE, "Terminating:Proceed"),
)

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the Runtime Interface Emulator is a Linux program"),
    pytest.mark.skipif(SAM is None, reason="needs aws-sam-cli: `make unit` installs it and sets SAM"),
]


@pytest.fixture(scope="module", params=["sam-build" if PYTHON else "pip-install"])
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("package")
    if request.param == "pip-install":
        return package_with_pip(folder)
    assert SAM is not None
    assert PYTHON is not None
    return package_with_sam(SAM, PYTHON, folder)


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    """Return the environment that `sam local invoke` gives to the function."""
    return sam_environments(variables=ROOT / "asg_lifecycle_simulator" / "server" / "local-invoke.env")[FUNCTION].given


@pytest.fixture
def local_lambda(package: Package, variables: dict[str, str], scenario: str, logs: Path) -> Iterator[LocalLambda]:
    assert SAM is not None
    with Processes(logs) as processes:
        yield start(
            processes,
            package,
            emulator(SAM),
            variables=variables,
            contents=("--scenario", scenario, "--deregistration-delay", str(DEREGISTRATION_DELAY)),
        )


@pytest.mark.parametrize("scenario", ["web", "terminate"])
def test_the_packaged_function_drains_and_completes_in_the_lambda_runtime(
    package: Package,
    local_lambda: LocalLambda,
    scenario: str,
    record_property: Callable[[str, object], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    packaged = {entry.name for entry in package.code.iterdir()}
    assert packaged >= {"handlers", "asg_lifecycle", "boto3", "botocore", "msgspec"}
    assert packaged.isdisjoint({"typer", "rich", "asg_lifecycle_simulator", "moto", "tests"})

    # The hook of the scenario `web` carries a plan, that of `terminate` leaves it to the built-in one.
    if scenario == "web":
        local_lambda.simulator("terminate", {"instance": INSTANCE})
    until("the event is delivered", local_lambda.statuses)
    until("the action has ended", lambda: local_lambda.simulator("state")["actions"] == [])
    until("the execution has ended", lambda: local_lambda.statuses() != ["RUNNING"])
    log = [entry for entry in local_lambda.simulator("log") if entry["instance"] == INSTANCE]
    memory = local_lambda.peak_memory()

    assert local_lambda.statuses() == ["SUCCEEDED"]
    assert REFUSED.isdisjoint(entry["kind"] for entry in log)
    first = {(entry["kind"], entry["detail"]): entry["time"] for entry in reversed(log)}
    assert [happening for happening in IN_ORDER if happening not in first] == []
    moments = [first[happening] for happening in IN_ORDER]
    assert all(earlier <= later for earlier, later in pairwise(moments))
    assert first[DRAINED] - first[DEREGISTERED] >= DEREGISTRATION_DELAY
    assert [entry["hook"] for entry in log if entry["kind"] == LogKind.COMPLETED] == [TERMINATE_HOOK]
    assert local_lambda.simulator("state")["actions"] == []

    record_property("peak_memory_megabytes", round(memory))
    with capfd.disabled():
        sys.stderr.write(f"peak resident memory of the function: {memory:.0f} MB\n")
    assert memory < MOST_MEMORY
