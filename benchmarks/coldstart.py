"""What a cold start of the handler costs, against a bare durable handler with the same boto3 clients.

Every wake-up of a long drain may be a cold start, and initialisation is billed: import cost is running cost.

Both programs run in fresh processes of this interpreter, one after the other, so that a busy machine slows both alike.
Each measures itself from its first statement to the moment its handler and its clients are ready; the start of the
interpreter is in neither figure. A first pair, which does not count, compiles the bytecode.

    python -m benchmarks.coldstart [--pairs 10] [--limit 1.3]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE = Path(__file__).resolve().parents[1] / "src"

CLIENTS = ("autoscaling", "dynamodb", "ec2", "elbv2")
"""The clients that a first terminate event needs: claim, heartbeat, instance, target groups."""

FRAME = """\
import json, time
cpu, wall = time.process_time(), time.perf_counter()
{program}
print(json.dumps({{"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}}))
"""

BARE = f"""\
import boto3
from aws_durable_execution_sdk_python import DurableContext, durable_execution

clients = [boto3.client(service) for service in {CLIENTS}]

@durable_execution
def handler(event: object, context: DurableContext) -> object:
    return event
"""

OURS = f"""\
from asg_lifecycle.aws.clients import Clients
from handlers import lifecycle_action

application = lifecycle_action.lifecycle_dependencies()
made = Clients()
clients = [getattr(made, service) for service in {CLIENTS}]
"""


WAKE_UP = """\
from asg_lifecycle.aws.clients import Clients
from handlers import lifecycle_action

application = lifecycle_action.lifecycle_dependencies()
made = Clients()
clients = [made.functions, made.ssm]
"""
"""A wake-up that polls a command, and has nothing to write into the record."""

SIGNAL = """\
from asg_lifecycle.aws.clients import Clients
from handlers import signal_received

made = Clients()
clients = [made.dynamodb, made.functions]
"""
"""The function that wakes executions."""

PLAIN = """\
import boto3

clients = [boto3.client(service) for service in ("autoscaling", "dynamodb", "sqs", "ssm")]
"""
"""A function without the durable SDK that does the same by itself."""


@dataclass(frozen=True)
class Sample:
    """One cold start.

    Attributes:
        cpu: user and system time of the process, seconds.
        wall: elapsed time, seconds.
    """

    cpu: float
    wall: float


@dataclass(frozen=True)
class Comparison:
    """Cold starts of both programs, as many of each."""

    ours: tuple[Sample, ...]
    bare: tuple[Sample, ...]

    @property
    def cpu_ratio(self) -> float:
        """Our median CPU time as a multiple of the bare handler's."""
        return median(sample.cpu for sample in self.ours) / median(sample.cpu for sample in self.bare)

    @property
    def wall_ratio(self) -> float:
        """Our median elapsed time as a multiple of the bare handler's."""
        return median(sample.wall for sample in self.ours) / median(sample.wall for sample in self.bare)

    def table(self) -> str:
        """Return the medians, in milliseconds, and their ratios."""
        lines = [f"{'median of ' + str(len(self.ours)):<16}{'CPU':>12}{'elapsed':>12}"]
        for name, samples in (("this handler", self.ours), ("bare handler", self.bare)):
            cpu, wall = (1000 * median(times) for times in zip(*((one.cpu, one.wall) for one in samples), strict=True))
            lines.append(f"{name:<16}{cpu:>9.0f} ms{wall:>9.0f} ms")
        lines.append(f"{'ratio':<16}{self.cpu_ratio:>12.2f}{self.wall_ratio:>12.2f}")
        return "\n".join(lines)


def compare(pairs: int) -> Comparison:
    """Return `pairs` cold starts of each program, taken in turns, after one pair that does not count.

    Raises:
        subprocess.CalledProcessError: a program failed; what it said is on standard error.
    """
    samples: dict[str, list[Sample]] = {"ours": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder:
        programs = {"ours": Path(folder, "ours.py"), "bare": Path(folder, "bare.py")}
        programs["ours"].write_text(FRAME.format(program=OURS))
        programs["bare"].write_text(FRAME.format(program=BARE))
        for number in range(pairs + 1):
            for name, program in programs.items():
                sample = _start(program)
                if number > 0:
                    samples[name].append(sample)
    return Comparison(ours=tuple(samples["ours"]), bare=tuple(samples["bare"]))


def cpu_medians(programs: Mapping[str, str], rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each program, started in turns, after one round that does not count.

    Raises:
        subprocess.CalledProcessError: a program failed; what it said is on standard error.
    """
    samples: dict[str, list[float]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for name, program in programs.items():
                path = Path(folder, f"{name}.py")
                path.write_text(FRAME.format(program=program))
                sample = _start(path)
                if number > 0:
                    samples[name].append(sample.cpu)
    return {name: median(times) for name, times in samples.items()}


def environment() -> dict[str, str]:
    """Return the environment of a function, as the template makes it, for a process on this machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "POWERTOOLS_"))}
    return kept | {
        "AWS_ACCESS_KEY_ID": "SIMULATED",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "POWERTOOLS_METRICS_NAMESPACE": "AsgLifecycle",
        "POWERTOOLS_SERVICE_NAME": "asg-lifecycle",
        "AWS_LAMBDA_FUNCTION_NAME": "lifecycle-action",
        "FUNCTION_ALIAS": "live",
        "TABLE_NAME": "actions",
        **dict.fromkeys(("SIGNALS", "ACTION_EVENTS", "TARGET_GROUP_STEPS", "STATUS_CHECK_STEPS"), "on"),
        **dict.fromkeys(("ACTION_TOPIC", "ECS_STEPS", "KUBERNETES_STEPS"), "off"),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison; return 1 when the ratio of CPU medians is above the limit, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coldstart", description="Compare cold starts.")
    parser.add_argument("--pairs", type=int, default=10, help="cold starts of each handler (10)")
    parser.add_argument("--limit", type=float, default=1.3, help="largest ratio of CPU medians (1.3)")
    chosen = parser.parse_args(arguments)
    if chosen.pairs < 1:
        parser.error("--pairs is at least 1")
    comparison = compare(chosen.pairs)
    kept = comparison.cpu_ratio <= chosen.limit
    verdict = "within" if kept else "ABOVE"
    sys.stdout.write(f"{comparison.table()}\nCPU ratio {verdict} the limit of {chosen.limit}\n")
    return 0 if kept else 1


def _start(program: Path) -> Sample:
    finished = subprocess.run(  # noqa: S603 - this interpreter, on a file written by `compare`
        [sys.executable, "-I", "-c", _launch(program)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Sample(**json.loads(finished.stdout))


def _launch(program: Path) -> str:
    # Isolated from the caller's directory and PYTHONPATH: only the project's own source is added.
    return f"import runpy, sys; sys.path.insert(0, {str(SOURCE)!r}); runpy.run_path({str(program)!r})"


if __name__ == "__main__":
    sys.exit(main())
