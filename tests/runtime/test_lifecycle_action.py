from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.server.presets import INSTANCES, TERMINATE_HOOK
from tests.runtime.function_package import FUNCTION, emulator, lambda_python, sam
from tests.runtime.local_lambda import start
from tests.runtime.processes import Processes, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.runtime.function_package import Package
    from tests.runtime.local_lambda import LocalLambda
    from tests.template.sam_environment import SamEnvironment

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


@pytest.fixture
def variables(environments: dict[str, SamEnvironment]) -> dict[str, str]:
    """Return the environment that `sam local invoke` gives to the function."""
    return environments[FUNCTION].given


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


@pytest.mark.waits
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


UNCHECKED_HASH = 0b01
"""The flags of bytecode that is used without a look at its source (PEP 552)."""
COMMAND_LINE_ONLY = {"cloudformation", "iam"}
CLIENTS = """\
from functools import cached_property
from botocore.exceptions import UnknownServiceError
from asg_lifecycle.aws.clients import Clients
clients = Clients()
for name, member in vars(Clients).items():
    if isinstance(member, cached_property):
        try:
            made = getattr(clients, name).meta
            print(made.service_model.service_name, made.endpoint_url)
        except UnknownServiceError:
            print("-", name)
"""


@pytest.mark.skipif(PYTHON is None, reason="the package is made for Python 3.13")
def test_no_module_of_the_package_is_compiled_at_a_cold_start(package: Package, variables: dict[str, str]) -> None:
    program = "from handlers import lifecycle_action; lifecycle_action.lifecycle_dependencies()"
    loaded = _run_in(package, variables, "-v", "-c", program).stderr
    compiled = [line for line in loaded.splitlines() if line.startswith(f"# code object from {package.code}")]

    assert f"# {package.code}/asg_lifecycle/__pycache__/settings.cpython-313.pyc matches" in loaded
    assert compiled == []
    # Dated bytecode would not be believed in Lambda: all files of a package have one date.
    kinds = {int.from_bytes(path.read_bytes()[4:8], "little") for path in package.code.rglob("*.pyc")}
    assert kinds == {UNCHECKED_HASH}


@pytest.mark.skipif(PYTHON is None, reason="the package is made for Python 3.13")
@pytest.mark.parametrize(
    ("region", "suffix"),
    [("eu-west-1", "amazonaws.com"), ("us-gov-west-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn")],
)
def test_the_package_has_every_client_of_the_function_and_no_other_service(
    package: Package, variables: dict[str, str], region: str, suffix: str
) -> None:
    with_region = variables | {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, "AWS_ENDPOINT_URL": ""}
    made = [line.split() for line in _run_in(package, with_region, "-c", CLIENTS).stdout.splitlines()]
    models = {folder.name for folder in (package.code / "botocore" / "data").iterdir() if folder.is_dir()}

    assert {name for service, name in made if service == "-"} == COMMAND_LINE_ONLY
    assert {service for service, _ in made if service != "-"} == models
    assert [url for service, url in made if service != "-" and not url.endswith((suffix, "api.aws"))] == []


@pytest.mark.skipif(PYTHON is None, reason="the package is made for Python 3.13")
def test_the_package_is_small_and_for_both_architectures(package: Package) -> None:
    files = [path for path in package.code.rglob("*") if path.is_file()]
    compiled = {path.name.split("-")[2] for path in files if path.suffix == ".so"}

    assert sum(path.stat().st_size for path in files) < 45e6
    assert compiled == {"x86_64", "aarch64"}
    assert not (package.code / "asg_lifecycle" / "cli").exists()


def _run_in(package: Package, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the interpreter that the package was made for
        (package.python, "-B", *arguments),
        env=variables | {"PYTHONPATH": str(package.code)},
        cwd=package.code,
        capture_output=True,
        text=True,
        check=True,
    )
