"""A drain to watch: `python -m asg_lifecycle_simulator.demo`, or `make demo`.

One of two instances of a simulated group is terminated while it stands behind a target group. The real handler runs
through the durable local runner; time runs sixty times as fast as real time, so that ten minutes take ten seconds.
Exit 0 only if the simulator's own log says that the instance was drained first, then completed with CONTINUE, inside
every timeout.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from asg_lifecycle.composition.lifecycle_action import compose
from asg_lifecycle.settings import Settings
from asg_lifecycle.store.records import decode
from asg_lifecycle_simulator.region.log import LogEntry, LogKind
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import ScaledTimeline
from asg_lifecycle_simulator.server import presets
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.durable_executions.scaled_runner import local_runner
from asg_lifecycle_simulator.services.run_command.service import RunCommand
from asg_lifecycle_simulator.services.target_groups import TargetGroups
from handlers import lifecycle_action

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aws_durable_execution_sdk_python_testing.runner import DurableFunctionTestRunner
    from rich.console import RenderableType

    from asg_lifecycle.model.records import Record

TABLE = "asg-lifecycle"
HEARTBEAT_TIMEOUT = 240
FRAMES_PER_SECOND = 8
EXECUTION_TIMEOUT = 180_000
PATIENCE = 60.0
"""Real seconds after which a demo that has not ended is given up."""

SHOWN = {LogKind.WAIT_STARTED, LogKind.HEARTBEAT, LogKind.COMPLETED, LogKind.SERVICE, LogKind.INSTANCE_STATE}


@dataclass(frozen=True)
class Testbed:
    """The play: a region, its time, the instance that leaves, and when the curtain rose."""

    autoscaling: AutoScaling
    timeline: ScaledTimeline
    instance: str
    started: float

    @property
    def region(self) -> Region:
        """The region."""
        return self.autoscaling.region

    def entries(self) -> list[LogEntry]:
        """Return what the region's log says of the instance."""
        return [entry for entry in self.region.log.of(instance=self.instance) if entry.time >= self.started]

    def record(self) -> Record | None:
        """Return the application's record of the action, None before it is claimed."""
        with self.region.unobserved():
            items = self.region.client("dynamodb").scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return decode(items[0]) if items else None


def verdict(entries: Sequence[LogEntry], heartbeat_timeout: float) -> list[str]:
    """Return what was wrong with a drain, by the simulator's own log; empty when nothing was.

    Args:
        entries: what the log says of one instance, in order.
        heartbeat_timeout: of its hook, seconds (R3).
    """
    complaints = []
    drained = [entry.time for entry in entries if entry.detail.startswith("elbv2 drained")]
    completed = [entry for entry in entries if entry.kind is LogKind.COMPLETED]
    alive = [entry.time for entry in entries if entry.kind in {LogKind.WAIT_STARTED, LogKind.HEARTBEAT}]
    if not drained:
        complaints.append("the instance was never drained")
    if [entry.detail for entry in completed] != ["CONTINUE CompleteLifecycleAction"]:
        ends = ", ".join(entry.detail for entry in completed) or "nothing"
        complaints.append(f"expected one completion with CONTINUE, found {ends}")
    elif drained and completed[0].time < max(drained):
        complaints.append("the action was completed before the instance was drained")
    ends_at = [completed[0].time] if completed else []
    gaps = [after - before for before, after in zip(alive, [*alive[1:], *ends_at], strict=False)]
    if any(gap > heartbeat_timeout for gap in gaps):
        complaints.append(f"{max(gaps):.0f} s passed without a heartbeat, the timeout is {heartbeat_timeout:.0f} s")
    complaints += [
        f"{entry.kind}: {entry.detail}"
        for entry in entries
        if entry.kind in {LogKind.HEARTBEAT_REFUSED, LogKind.COMPLETION_REFUSED}
    ]
    return complaints


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m asg_lifecycle_simulator.demo", description=__doc__)
    parser.add_argument("--scale", type=float, default=60.0, help="how much faster than real time (default 60)")
    parser.add_argument("--delay", type=int, default=600, help="deregistration delay in seconds (default 600)")
    parser.add_argument("--logs", action="store_true", help="print the application's own log at the end")
    options = parser.parse_args(arguments)
    console = Console(file=sys.stdout)
    log_path = Path(tempfile.mkdtemp(prefix="asg-lifecycle-demo-")) / "application.log"
    with log_path.open("w") as log, contextlib.redirect_stdout(log):
        complaints = _play(console, options.scale, options.delay)
    if options.logs:
        console.print(log_path.read_text(), markup=False, highlight=False)
    console.print(f"The application's own log: {log_path}", style="dim", highlight=False, soft_wrap=True)
    for complaint in complaints:
        console.print(f"✗ {complaint}", style="bold red")
    if complaints:
        return 1
    console.print("✓ drained first, then completed with CONTINUE, inside every timeout", style="bold green")
    return 0


def _play(console: Console, scale: float, delay: int) -> list[str]:
    timeline = ScaledTimeline(scale)
    region = Region(timeline)
    autoscaling = region.add(AutoScaling(region))
    region.add(TargetGroups(region, autoscaling))
    run_command = region.add(RunCommand(region))
    try:
        with region:
            presets.build(
                autoscaling,
                run_command,
                presets.Settings(table=TABLE, deregistration_delay=delay, heartbeat_timeout=HEARTBEAT_TIMEOUT),
            )
            with _deployed(region, timeline) as runner:
                testbed = Testbed(autoscaling, timeline, presets.INSTANCES[0], timeline.now())
                autoscaling.terminate(testbed.instance)
                ended = _watch(console, testbed)
                # The handler's last invocation writes the record after the completion that ended the play.
                arns = runner.started
                results = [runner.runner.wait_for_result(arn, timeout=10) for arn in arns] if ended else []
                operations = sum(len(result.get_all_operations()) for result in results)
            console.print(_summary(testbed, operations))
            complaints = verdict(testbed.entries(), HEARTBEAT_TIMEOUT)
            return complaints if ended else [f"not ended within {PATIENCE:.0f} real seconds", *complaints]
    finally:
        timeline.close()


@dataclass(frozen=True)
class _Deployed:
    runner: DurableFunctionTestRunner
    started: list[str]


@contextlib.contextmanager
def _deployed(region: Region, timeline: ScaledTimeline) -> Iterator[_Deployed]:
    settings = Settings(table=TABLE, hook_name_prefix="asg-lifecycle", record_retention=86_400.0)
    application = compose(settings, clock=timeline.now)

    started: list[str] = []
    handler = partial(lifecycle_action.handle, dependencies=application)
    with local_runner(handler, timeline, execution_timeout=EXECUTION_TIMEOUT) as runner:

        def start(event: object) -> None:
            started.append(runner.run_async(input=json.dumps(event), execution_timeout=EXECUTION_TIMEOUT))

        region.subscribe(start)
        yield _Deployed(runner, started)


def _watch(console: Console, testbed: Testbed) -> bool:
    """Show the drain until it has ended; return whether it has."""
    limit = time.monotonic() + PATIENCE
    if not console.is_terminal:
        return _tell(console, testbed, limit)
    view = Live(
        console=console,
        get_renderable=lambda: _view(testbed),
        refresh_per_second=FRAMES_PER_SECOND,
        # The application's own output goes to its file.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with view:
        while not _ended(testbed) and time.monotonic() < limit:
            time.sleep(1 / FRAMES_PER_SECOND)
    return _ended(testbed)


def _tell(console: Console, testbed: Testbed, limit: float) -> bool:
    told = 0
    while time.monotonic() < limit:
        ended = _ended(testbed)
        entries = [entry for entry in testbed.entries() if entry.kind in SHOWN]
        for entry in entries[told:]:
            at = _clock(entry.time - testbed.started)
            console.print(f"{at}  {entry.kind}  {entry.detail}".rstrip(), highlight=False, markup=False)
        told = len(entries)
        if ended:
            return True
        time.sleep(1 / FRAMES_PER_SECOND)
    return False


def _ended(testbed: Testbed) -> bool:
    record = testbed.record()
    return record is not None and record.ended_at is not None


def _view(testbed: Testbed) -> RenderableType:
    now = testbed.timeline.now()
    entries = testbed.entries()
    record = testbed.record()
    beats = [entry.time for entry in entries if entry.kind is LogKind.HEARTBEAT]
    waits = [entry.time for entry in entries if entry.kind is LogKind.WAIT_STARTED]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_row("group", presets.GROUP)
    table.add_row(
        "instance", f"{testbed.instance}  {testbed.autoscaling.instance_state(testbed.instance) or 'terminated'}"
    )
    table.add_row("time passed", _clock(now - testbed.started))
    table.add_row("step", Text((record.detail if record else None) or "waiting for the event", style="cyan"))
    table.add_row("heartbeats", f"{len(beats)}" + (f", the last {now - beats[-1]:.0f} s ago" if beats else ""))
    if waits:
        lapses = (beats or waits)[-1] + HEARTBEAT_TIMEOUT
        left = max(0.0, lapses - now)
        table.add_row("timeout in", _bar(left, HEARTBEAT_TIMEOUT, f"{left:.0f} s"))
    if record is not None and record.deadline is not None:
        table.add_row("deadline in", _clock(record.deadline - now))
    return Panel(Group(table), title="asg-lifecycle", title_align="left", width=100)


def _bar(left: float, whole: float, label: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    style = "green" if left > whole / 3 else "red"
    grid.add_row(ProgressBar(total=whole, completed=left, width=40, complete_style=style, finished_style=style), label)
    return grid


def _summary(testbed: Testbed, operations: int) -> RenderableType:
    table = Table(title="What happened, by the simulator's log", title_justify="left")
    table.add_column("after")
    table.add_column("what")
    table.add_column("")
    for entry in testbed.entries():
        if entry.kind in SHOWN:
            table.add_row(_clock(entry.time - testbed.started), entry.kind.value, entry.detail)
    calls = Table(title="What it cost", title_justify="left")
    calls.add_column("service")
    calls.add_column("calls", justify="right")
    services = sorted({service for service, _ in testbed.region.calls})
    for service in services:
        calls.add_row(service, str(sum(count for (name, _), count in testbed.region.calls.items() if name == service)))
    calls.add_row("durable operations", str(operations))
    return Group(table, calls)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:d}:{minutes:02d}:{rest:02d}"
