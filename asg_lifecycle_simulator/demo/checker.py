"""Whether a drain went well, by the simulator's own log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.log import LogEntry, LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence


def complaints_about(entries: Sequence[LogEntry], heartbeat_timeout: float) -> list[str]:
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
