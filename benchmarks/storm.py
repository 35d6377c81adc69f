"""A storm: many terminations at once against API rate limits, in virtual time.

    python -m benchmarks.storm --instances 1000 --within 10 --steady 20 --burst 100

The limits are an assumption: AWS does not publish them. Auto Scaling has one bucket for its whole API (R15), Elastic
Load Balancing one for its describes. All executions share one Lambda environment and its caches, which live for a
minute (hook timers, target group names and delays). On AWS a few environments serve a storm, because each wake-up takes
a fraction of a second; each further environment makes the cached calls once more.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from random import Random
from statistics import median
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.rate_limits import LAMBDA_QUOTAS, START, RateLimit
from asg_lifecycle_simulator.region.silence import without_logging

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.log import LogEntry
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution

GROUP = "web"
HOOK = "asg-lifecycle-terminate"
POOL = "blue"
LIMITED = ("autoscaling", "elbv2", "lambda")


@dataclass(frozen=True, kw_only=True)
class Storm:
    """A storm. Times in seconds, limits in requests.

    Attributes:
        instances: how many terminate.
        within: the time in which they begin to.
        steady: requests a second that each bucket refills with.
        burst: requests a full bucket takes.
        heartbeat_timeout: of the hook.
        deregistration_delay: of the target group that all of them are in.
        seed: of the jitter.
    """

    instances: int = 1000
    within: float = 10.0
    steady: float = 20.0
    burst: float = 100.0
    heartbeat_timeout: int = 300
    deregistration_delay: int = 120
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a storm.

    Attributes:
        completed: waits that we ended with CONTINUE after the drain.
        early: waits that we ended before the drain was over.
        lost: waits that a timeout ended, or nobody.
        slack: seconds left on a heartbeat timer when it was restarted, the smallest.
        last: seconds from the first termination to the last completion; `median` likewise.
        calls: requests for one instance, by service and operation, throttled ones included.
        throttled: of these, by service.
        invocations: of the function, for one instance.
        checkpoints: for one instance.
        operations: metered operations, the most of any execution.
    """

    completed: int
    early: int
    lost: int
    slack: float
    median: float
    last: float
    calls: dict[str, float]
    throttled: dict[str, float]
    invocations: float
    checkpoints: float
    operations: int

    @property
    def calm(self) -> bool:
        """Whether nothing was lost and nothing released early."""
        return self.lost == 0 and self.early == 0


def let_loose(storm: Storm) -> Result:
    """Run the storm and return its result."""
    with without_logging(), contextlib.redirect_stdout(io.StringIO()):
        return _play(storm)


def limits_of(storm: Storm) -> tuple[RateLimit, ...]:
    """Return the limits that are assumed in a storm, besides Lambda's quotas."""
    return (
        RateLimit(service="autoscaling", steady=storm.steady, burst=storm.burst),
        RateLimit(service="elbv2", steady=storm.steady, burst=storm.burst, operations="Describe*"),
    )


def on_paper(instances: int, result: Result, storm: Storm) -> dict[str, float]:
    """Return the seconds that each limit needs for what a storm of so many instances asks for, if none is throttled.

    Args:
        instances: how many terminate at once.
        result: of a storm that met no limit, with the calls for one instance.
        storm: the limits.
    """
    calls = result.calls | {f"lambda:{START}": 1.0, "lambda:CheckpointDurableExecution": result.checkpoints}
    needed = {}
    for limit in (*limits_of(storm), *LAMBDA_QUOTAS):
        each = sum(count for name, count in calls.items() if fnmatchcase(name, f"{limit.service}:{limit.operations}"))
        if each:
            needed[f"{limit.service}:{limit.operations}"] = max(0.0, (each * instances - limit.burst) / limit.steady)
    return needed


def _play(storm: Storm) -> Result:
    chance = Random(storm.seed).random  # noqa: S311 - jitter, no secret
    with Testbed(partial(Deployment, chance=chance), seed=storm.seed) as testbed:
        timeline, region, deployment = testbed.timeline, testbed.region, testbed.deployment
        instances = _prepare(testbed, storm)
        region.limits.set(*limits_of(storm))
        began = timeline.now()
        for number, instance in enumerate(instances):
            at = began + storm.within * number / len(instances)
            timeline.call_at(at, partial(testbed.autoscaling.terminate, instance), name="termination")
        timeline.run_until(began + storm.within + 5)
        limit = began + 100 * storm.heartbeat_timeout
        while timeline.now() < limit and any(not each.is_complete for each in deployment.executions):
            timeline.advance()
        return _result(storm, region, deployment.executions, began)


def _prepare(testbed: Testbed[Deployment], storm: Storm) -> list[str]:
    instances = testbed.autoscaling.create_group(GROUP, capacity=storm.instances)
    plan = {"steps": [{"kind": "deregister-targets", "options": {"names": [POOL]}}]}
    testbed.autoscaling.put_hook(
        GROUP,
        HOOK,
        "TERMINATING",
        HeartbeatTimeout=storm.heartbeat_timeout,
        NotificationMetadata=json.dumps({"plan": plan}),
    )
    testbed.target_group(POOL, *instances, delay=storm.deregistration_delay)
    return instances


def _result(storm: Storm, region: Region, executions: list[SimulatedExecution], began: float) -> Result:
    log = list(region.log)
    drained = {entry.instance: entry.time for entry in log if entry.detail.startswith("elbv2 drained")}
    ends = {entry.token: entry for entry in log if entry.kind is LogKind.COMPLETED}
    starts = [entry for entry in log if entry.kind is LogKind.WAIT_STARTED]
    ours = [ends[entry.token] for entry in starts if _is_ours(ends.get(entry.token))]
    early = [end for end in ours if drained.get(end.instance, float("inf")) > end.time]
    times = sorted(end.time - began for end in ours)
    count = storm.instances
    throttled: Counter[str] = Counter()
    for (service, _), refused in region.limits.throttled.items():
        throttled[service] += refused
    return Result(
        completed=len(ours) - len(early),
        early=len(early),
        lost=count - len(ours),
        slack=_slack(log, storm.heartbeat_timeout),
        median=median(times) if times else 0.0,
        last=times[-1] if times else 0.0,
        calls={f"{service}:{name}": calls / count for (service, name), calls in sorted(region.calls.items())},
        throttled={service: throttled[service] / count for service in LIMITED},
        invocations=sum(len(each.runs) for each in executions) / count,
        checkpoints=sum(run.checkpoints for each in executions for run in each.runs) / count,
        operations=max((each.metered_operations for each in executions), default=0),
    )


def _is_ours(end: LogEntry | None) -> bool:
    return end is not None and end.detail == "CONTINUE CompleteLifecycleAction"


def _slack(log: list[LogEntry], timeout: float) -> float:
    """Return the fewest seconds that were left on any heartbeat timer when it was restarted."""
    armed: dict[str, float] = {}
    fewest = timeout
    for entry in log:
        if entry.kind is LogKind.WAIT_STARTED:
            armed[entry.token] = entry.time
        elif entry.kind is LogKind.HEARTBEAT and entry.token in armed:
            fewest = min(fewest, timeout - (entry.time - armed[entry.token]))
            armed[entry.token] = entry.time
    return fewest


def main(arguments: list[str] | None = None) -> int:
    """Run a storm and report; return 1 when something was lost or released early."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description="Many terminations at once.")
    standard = Storm()
    for name in ("instances", "heartbeat_timeout", "deregistration_delay", "seed"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(standard, name))
    for name in ("within", "steady", "burst"):
        parser.add_argument(f"--{name}", type=float, default=getattr(standard, name))
    storm = Storm(**vars(parser.parse_args(arguments)))
    began = time.monotonic()
    result = let_loose(storm)
    throttled = ", ".join(f"{name} {count:.1f}" for name, count in result.throttled.items())
    lines = [
        f"{storm.instances} terminations within {storm.within:g} s; assumed limits of Auto Scaling and ELB describes:",
        f"  {storm.steady:g} requests/s, bursts of {storm.burst:g}",
        f"completed after the drain {result.completed}, released early {result.early}, lost {result.lost}",
        f"completions: median {result.median:.0f} s, last {result.last:.0f} s",
        f"closest heartbeat: {result.slack:.0f} s before its timer",
        f"for one instance: {result.invocations:.1f} invocations, {sum(result.calls.values()):.1f} calls",
        f"  and {result.checkpoints:.1f} checkpoints",
        f"  of which throttled: {throttled}",
        *(f"  {name:45} {calls:6.2f}" for name, calls in result.calls.items()),
        f"metered operations: {result.operations} at most; played in {time.monotonic() - began:.0f} s",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if result.calm else 1


if __name__ == "__main__":
    sys.exit(main())
