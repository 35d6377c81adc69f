"""How long a replay takes, and how much memory, at the end of a drain: each wake-up replays the execution.

The checkpoint log of a drain is recorded in a simulated Region. A fresh process, which knows nothing of the simulator,
hands it to the Lambda handler again and again. Everything in it waits, so nothing is called.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aws_durable_execution_sdk_python.execution import DurableExecutionInvocationInput, InitialExecutionState

from asg_lifecycle_simulator.deployment.parameters import Parameters
from benchmarks.coldstart import SOURCE, environment
from benchmarks.waiting.designs.application import command_step
from benchmarks.waiting.drain import Drain, DrainRegion

REPLAYS = 50

PROGRAM = """\
import json, sys, time
from types import SimpleNamespace
from handlers import lifecycle_action

event = json.load(open(sys.argv[1]))
context = SimpleNamespace(
    aws_request_id="request", function_name="lifecycle-action", memory_limit_in_mb="256",
    invoked_function_arn=event["DurableExecutionArn"].partition("/durable-execution/")[0],
    get_remaining_time_in_millis=lambda: 100_000,
)
began = time.process_time()
first = lifecycle_action.handler(event, context)
times = []
for _ in range(int(sys.argv[2])):
    before = time.process_time()
    answer = lifecycle_action.handler(event, context)
    times.append(time.process_time() - before)
# What the process itself has had in memory at most; getrusage would tell of the process that started it, too.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({
    "status": answer["Status"], "replay": sorted(times)[len(times) // 2],
    "first": before - began, "peak": int(peak.split()[1]) / 1024,
}))
"""


@dataclass(frozen=True, kw_only=True)
class ReplayCost:
    """What a replay costs at the end of a drain.

    Attributes:
        seconds: CPU, the median.
        megabytes: the most that the process had in memory.
        operations: in the checkpoint log.
    """

    seconds: float
    megabytes: float
    operations: int


def measure(drain: Drain) -> ReplayCost:
    """Return what a replay costs shortly before a drain ends.

    Raises:
        RuntimeError: the handler did not come to wait again.
    """
    with tempfile.TemporaryDirectory() as folder:
        event = Path(folder, "event.json")
        operations = _record(drain, event)
        program = Path(folder, "replay.py")
        program.write_text(PROGRAM)
        answered = subprocess.run(  # noqa: S603 - this interpreter, on the program above
            [sys.executable, str(program), str(event), str(REPLAYS)],
            env=environment() | {"PYTHONPATH": str(SOURCE), "POWERTOOLS_LOG_LEVEL": "ERROR"},
            stdout=subprocess.PIPE,
            check=True,
        )
    told = json.loads(answered.stdout.splitlines()[-1])
    if told["status"] != "PENDING":
        raise RuntimeError(f"the replay ended {told['status']}, expected PENDING")
    return ReplayCost(seconds=told["replay"], megabytes=told["peak"], operations=operations)


def _record(drain: Drain, event: Path) -> int:
    """Write the invocation that comes shortly before the drain ends to `event`; return its operations."""
    with DrainRegion(drain, Parameters()) as world:
        world.prepare({"plan": {"steps": [command_step()]}})
        world.autoscaling.terminate(world.instance)
        world.run(drain.lasts - 1)
        (execution,) = world.deployment.executions
        # Every timer is due in simulated time, which lies far ahead of the clock of this machine: all of them wait.
        invocation = DurableExecutionInvocationInput(
            durable_execution_arn=execution.arn,
            checkpoint_token="token",  # noqa: S106 - no secret
            initial_execution_state=InitialExecutionState(execution.record.operations, next_marker=""),
        )
        event.write_text(json.dumps(invocation.to_json_dict()))
        return execution.operation_count
