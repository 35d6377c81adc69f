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

    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.demo.drain import Drain

SHOWN = frozenset({LogKind.WAIT_STARTED, LogKind.HEARTBEAT, LogKind.COMPLETED, LogKind.SERVICE, LogKind.INSTANCE_STATE})
"""What is shown of the region's log."""


def view(drain: Drain) -> RenderableType:
    """Return the drain as it is now. Nothing is counted down once it has ended."""
    now = drain.timeline.now()
    record = drain.record()
    ended_at = record.ended_at if record is not None else None
    beats = [entry.time for entry in drain.entries() if entry.kind is LogKind.HEARTBEAT]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_row("group", presets.GROUP)
    table.add_row("instance", f"{drain.instance}  {drain.autoscaling.instance_state(drain.instance) or 'Terminated'}")
    if record is not None and ended_at is not None:
        table.add_row("took", clock(ended_at - drain.started))
        table.add_row("ended", Text(f"{record.result or record.status}: {record.reason or ''}", style="cyan"))
        table.add_row("heartbeats", f"{len(beats)}")
    else:
        table.add_row("time passed", clock(now - drain.started))
        table.add_row("step", Text((record.detail if record else None) or "waiting for the event", style="cyan"))
        table.add_row("heartbeats", f"{len(beats)}" + (f", the last {now - beats[-1]:.0f} s ago" if beats else ""))
        _add_limits(table, drain, record, (beats or [drain.started])[-1])
    return Panel(Group(table), title="asg-lifecycle", title_align="left", width=100)


def _add_limits(table: Table, drain: Drain, record: Record | None, last_beat: float) -> None:
    now = drain.timeline.now()
    left = max(0.0, last_beat + HEARTBEAT_TIMEOUT - now)
    table.add_row("timeout in", _bar(left, HEARTBEAT_TIMEOUT, f"{left:.0f} s"))
    if record is not None and record.deadline is not None:
        table.add_row("deadline in", clock(record.deadline - now))


def _bar(left: float, whole: float, label: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    style = "green" if left > whole / 3 else "red"
    grid.add_row(ProgressBar(total=whole, completed=left, width=40, complete_style=style, finished_style=style), label)
    return grid


def history(drain: Drain) -> RenderableType:
    """Return what happened."""
    table = Table(title="What happened, by the simulator's log", title_justify="left")
    table.add_column("after")
    table.add_column("what")
    table.add_column("")
    for entry in drain.entries():
        if entry.kind in SHOWN:
            table.add_row(clock(entry.time - drain.started), entry.kind.value, entry.detail)
    return table


def cost(drain: Drain, operations: int) -> RenderableType:
    """Return what was called for it, and how many `operations` Lambda meters."""
    calls = Table(title="What was called for it", title_justify="left")
    calls.add_column("service")
    calls.add_column("calls", justify="right")
    services = sorted({service for service, _ in drain.region.calls})
    for service in services:
        calls.add_row(service, str(sum(count for (name, _), count in drain.region.calls.items() if name == service)))
    calls.add_row("lambda, metered operations", str(operations))
    return calls


def clock(seconds: float) -> str:
    """Return seconds as hours, minutes and seconds."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:d}:{minutes:02d}:{rest:02d}"
