"""`sam local invoke` as the README says, in Docker; the simulator's log says whether the instance was drained first.

    python -m tests.runtime.local_invoke_check [--skip-pull-image]

The function has to be built (`sam build`). The simulator listens at the port that `samconfig.toml` leads to.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.server.command_line import DEFAULT_PORT
from asg_lifecycle_simulator.server.presets import INSTANCES
from tests.runtime.function_package import FUNCTION, ROOT, sam
from tests.runtime.local_lambda import CREDENTIALS, PATH
from tests.runtime.processes import LOOPBACK, Processes, free_ports, listens, request, until

if TYPE_CHECKING:
    from collections.abc import Sequence

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the container reaches this machine by another address than loopback
DEREGISTRATION_DELAY = 10
"""Of the target group, seconds."""
MOST_SECONDS = 600
"""Until `sam local invoke` is given up: the first one downloads images."""
WANTED = (
    (LogKind.SERVICE, "elbv2 deregistered web:80"),
    (LogKind.SERVICE, "elbv2 drained web:80"),
    (LogKind.COMPLETED, "CONTINUE CompleteLifecycleAction"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print what the simulator saw; return 0 when the instance was drained and then released, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.runtime.local_invoke_check", description="See the module.")
    parser.add_argument(
        "--skip-pull-image",
        action="store_true",
        help="use the images that Docker has, and the durable execution service of this environment instead of SAM's",
    )
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as logs, Processes(Path(logs)) as processes:
        port = _start_simulator(processes)
        executions = _start_durable_executions(processes) if chosen.skip_pull_image else None
        code = _invoke(executions)
        log = [
            entry for entry in request(f"http://{LOOPBACK}:{port}/simulator/log") if entry["instance"] == INSTANCES[0]
        ]
    for entry in log:
        sys.stdout.write(f"{entry['kind']:<20}{entry['detail']}\n")
    problems = [*([f"sam local invoke ended with {code}"] if code else []), *wrong_in(log)]
    sys.stdout.write("".join(f"WRONG: {problem}\n" for problem in problems) or "drained, then CONTINUE\n")
    return 1 if problems else 0


def wrong_in(log: Sequence[dict[str, Any]]) -> list[str]:
    """Return a sentence for each thing that is missing in the simulator's log of one instance, or comes too early."""
    happened = [(entry["kind"], entry["detail"]) for entry in log]
    missing = [f"it did not happen: {kind} {detail}" for kind, detail in WANTED if (kind, detail) not in happened]
    if missing:
        return missing
    moments = [happened.index(wanted) for wanted in WANTED]
    return [] if moments == sorted(moments) else ["the action was completed before the instance was drained"]


def _start_simulator(processes: Processes) -> int:
    if listens(DEFAULT_PORT):
        raise SystemExit(f"something listens on port {DEFAULT_PORT} already; end it: samconfig.toml leads to this port")
    processes.start(
        "simulator",
        *(sys.executable, "-m", "asg_lifecycle_simulator", "--host", EVERYWHERE, "--scenario", "terminate"),
        *("--deregistration-delay", str(DEREGISTRATION_DELAY)),
        environment=os.environ,
        folder=ROOT,
    )
    until("the simulator listens", partial(listens, DEFAULT_PORT))
    return DEFAULT_PORT


def _start_durable_executions(processes: Processes) -> int:
    (port,) = free_ports(1)
    processes.start(
        "durable-executions",
        *(sys.executable, "-m", "aws_durable_execution_sdk_python_testing.cli", "start-server"),
        *("--host", EVERYWHERE, "--port", str(port), "--lambda-endpoint", f"http://{LOOPBACK}:3001"),
        environment=PATH | CREDENTIALS,
        folder=ROOT,
    )
    until("the durable execution service listens", partial(listens, port))
    return port


def _invoke(executions: int | None) -> int:
    executable = sam()
    if executable is None:
        raise SystemExit("needs the SAM CLI: make installs it and sets SAM")
    name = f"check-{uuid.uuid4().hex[:8]}"
    command: list[str | Path] = [executable, "local", "invoke", FUNCTION, "--durable-execution-name", name]
    environment = dict(os.environ)
    if executions is not None:
        command.append("--skip-pull-image")
        environment["DURABLE_EXECUTIONS_EXTERNAL_EMULATOR_PORT"] = str(executions)
    invoked = subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=MOST_SECONDS)  # noqa: S603 - SAM
    return invoked.returncode


if __name__ == "__main__":
    sys.exit(main())
