"""What the demo shows on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from asg_lifecycle_simulator.demo.drain import HEARTBEAT_TIMEOUT
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.server import presets

if TYPE_CHECKING:
    from rich.console import RenderableType

    from asg_lifecycle_simulator.demo.drain import Drain

SHOWN = frozenset({LogKind.WAIT_STARTED, LogKind.HEARTBEAT, LogKind.COMPLETED, LogKind.SERVICE, LogKind.INSTANCE_STATE})
"""What is shown of the region's log."""


def view(drain: Drain) -> RenderableType:
    """Return the drain as it is now."""
    now = drain.timeline.now()
    entries = drain.entries()
    record = drain.record()
    beats = [entry.time for entry in entries if entry.kind is LogKind.HEARTBEAT]
    waits = [entry.time for entry in entries if entry.kind is LogKind.WAIT_STARTED]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_row("group", presets.GROUP)
    table.add_row("instance", f"{drain.instance}  {drain.autoscaling.instance_state(drain.instance) or 'terminated'}")
    table.add_row("time passed", clock(now - drain.started))
    table.add_row("step", Text((record.detail if record else None) or "waiting for the event", style="cyan"))
    table.add_row("heartbeats", f"{len(beats)}" + (f", the last {now - beats[-1]:.0f} s ago" if beats else ""))
    if waits:
        lapses = (beats or waits)[-1] + HEARTBEAT_TIMEOUT
        left = max(0.0, lapses - now)
        table.add_row("timeout in", _bar(left, HEARTBEAT_TIMEOUT, f"{left:.0f} s"))
    if record is not None and record.deadline is not None:
        table.add_row("deadline in", clock(record.deadline - now))
    return Panel(Group(table), title="asg-lifecycle", title_align="left", width=100)


def _bar(left: float, whole: float, label: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    style = "green" if left > whole / 3 else "red"
    grid.add_row(ProgressBar(total=whole, completed=left, width=40, complete_style=style, finished_style=style), label)
    return grid


def summary(drain: Drain, operations: int) -> RenderableType:
    """Return what happened and what it cost, `operations` metered operations among it."""
    table = Table(title="What happened, by the simulator's log", title_justify="left")
    table.add_column("after")
    table.add_column("what")
    table.add_column("")
    for entry in drain.entries():
        if entry.kind in SHOWN:
            table.add_row(clock(entry.time - drain.started), entry.kind.value, entry.detail)
    calls = Table(title="What it cost", title_justify="left")
    calls.add_column("service")
    calls.add_column("calls", justify="right")
    services = sorted({service for service, _ in drain.region.calls})
    for service in services:
        calls.add_row(service, str(sum(count for (name, _), count in drain.region.calls.items() if name == service)))
    calls.add_row("metered operations", str(operations))
    return Group(table, calls)


def clock(seconds: float) -> str:
    """Return seconds as hours, minutes and seconds."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:d}:{minutes:02d}:{rest:02d}"
