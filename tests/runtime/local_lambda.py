"""A Lambda service on this machine: the real runtime client and emulators of what is around it.

An event of the simulated region starts a durable execution, as the EventBridge rule does in AWS. The durable execution
service invokes the function at the Runtime Interface Emulator, which runs the packaged code under Lambda's own runtime
client. The function calls the simulated region, and checkpoints at the durable execution service.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.runtime.function_package import ROOT
from tests.runtime.processes import LOOPBACK, free_ports, listens, only_child, peak_memory, request, until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.runtime.function_package import Package
    from tests.runtime.processes import Processes

HANDLER = "handlers.lifecycle_action.handler"
TABLE = "asg-lifecycle"
REGION = "us-west-2"
FUNCTION = "function"
"""The only name that the Runtime Interface Emulator knows."""
PATH = {"PATH": os.environ.get("PATH", os.defpath)}
CREDENTIALS = {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@dataclass(frozen=True, kw_only=True)
class LocalLambda:
    """The function, ready to be invoked by the region's events.

    Attributes:
        region: address of the simulated region.
        executions: address of the durable execution service.
        emulator: id of the process of the Runtime Interface Emulator.
    """

    region: str
    executions: str
    emulator: int

    def simulator(self, path: str, body: object = None) -> Any:
        """Ask the simulator's control API."""
        return request(f"{self.region}/simulator/{path}", body)

    def statuses(self) -> list[str]:
        """Return the statuses of all durable executions."""
        executions = request(f"{self.executions}/2025-12-01/durable-executions")["DurableExecutions"]
        return [execution["Status"] for execution in executions]

    def peak_memory(self) -> float:
        """Return the most memory the function's process has held so far, megabytes."""
        return peak_memory(only_child(self.emulator))


def start(
    processes: Processes,
    package: Package,
    emulator: Path,
    *,
    variables: Mapping[str, str],
    contents: Sequence[str],
) -> LocalLambda:
    """Start everything and wait until it can be reached. The region comes last: its scenario may begin with an event.

    Args:
        processes: what ends the processes.
        package: the function.
        emulator: the Runtime Interface Emulator.
        variables: the environment that `sam local` gives to the function.
        contents: options of the simulator that say what the region holds from the start.
    """
    ports = free_ports(4)
    simulator_port, executions_port, function_port, runtime_port = ports
    region, executions, function = (f"http://{LOOPBACK}:{port}" for port in ports[:3])
    processes.start_module(
        "durable-executions",
        *("aws_durable_execution_sdk_python_testing.cli", "start-server"),
        *("--host", LOOPBACK, "--port", str(executions_port)),
        *("--local-runner-endpoint", executions, "--lambda-endpoint", function),
        environment=PATH | CREDENTIALS,
        folder=ROOT,
    )
    pid = start_function(
        processes,
        package,
        emulator,
        handler=HANDLER,
        environment=dict(variables) | of_this_machine(package, region=region, executions=executions),
        ports=(function_port, runtime_port),
    )
    for port in (executions_port, function_port):
        until(f"port {port} is listened on", partial(listens, port))
    processes.start_module(
        "simulator",
        *("asg_lifecycle_simulator", "--json", "--port", str(simulator_port), "--region", REGION),
        *("--table", TABLE, *contents),
        *("--deliver-to", executions, "--function", FUNCTION, "--lambda-endpoint", function),
        environment=PATH,
        folder=ROOT,
    )
    until(f"port {simulator_port} is listened on", partial(listens, simulator_port))
    return LocalLambda(region=region, executions=executions, emulator=pid)


def start_function(  # noqa: PLR0913 - what a function runs with
    processes: Processes,
    package: Package,
    emulator: Path,
    *,
    handler: str,
    environment: Mapping[str, str],
    ports: tuple[int, int],
) -> int:
    """Start a function of the package under the Runtime Interface Emulator; return the id of the emulator's process.

    Args:
        processes: what ends the process.
        package: the code.
        emulator: the Runtime Interface Emulator.
        handler: as the template names it.
        environment: of the function.
        ports: where it is invoked, and where the runtime client asks for invocations.
    """
    return processes.start(
        handler.split(".")[1],
        emulator,
        *("--runtime-interface-emulator-address", f"{LOOPBACK}:{ports[0]}"),
        *("--runtime-api-address", f"{LOOPBACK}:{ports[1]}"),
        # -S: the function finds what is in the package and the runtime, and nothing that this machine has besides.
        *(package.python, "-S", "-m", "awslambdaric", handler),
        environment=environment,
        folder=package.code,
    )


def of_this_machine(package: Package, *, region: str, executions: str) -> dict[str, str]:
    """Return what differs from a container of SAM's: where things are, and the function's name."""
    return {
        **PATH,
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": region,
        "AWS_ENDPOINT_URL_LAMBDA": executions,
        "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
        "LAMBDA_TASK_ROOT": str(package.code),
        "PYTHONPATH": os.pathsep.join((str(package.code), str(package.runtime_client))),
    }
