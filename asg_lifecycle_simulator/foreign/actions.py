"""What became of each lifecycle action of a region, read from its log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.log import LogEntry
    from asg_lifecycle_simulator.region.region import Region

Transition: TypeAlias = Literal["LAUNCHING", "TERMINATING"]
"""What a hook waits for (R1), without `autoscaling:EC2_INSTANCE_`."""

Result: TypeAlias = Literal["CONTINUE", "ABANDON"]
"""How a lifecycle action ends (R7)."""

EndedBy: TypeAlias = Literal[
    "CompleteLifecycleAction", "heartbeat timeout", "global timeout", "DeleteLifecycleHook", "skipped"
]
"""What ended an action: a call (R7), a timer (R4, R6), the deletion of its hook (R24), or what leaves it without a
result of its own: another hook of the same wait abandoned (R8, R9), or the instance left the group (R25)."""

Operation: TypeAlias = Literal["CompleteLifecycleAction", "RecordLifecycleActionHeartbeat"]
"""The two calls that a handler answers a hook with."""

REFUSALS: dict[LogKind, Operation] = {
    LogKind.COMPLETION_REFUSED: "CompleteLifecycleAction",
    LogKind.HEARTBEAT_REFUSED: "RecordLifecycleActionHeartbeat",
}


@dataclass(frozen=True, kw_only=True)
class LifecycleAction:
    """One hook's hold on one instance (R2), as far as it has come. Times are seconds since the epoch, simulated.

    Attributes:
        token: the `LifecycleActionToken`, 36 characters.
        group: Auto Scaling group name.
        hook: lifecycle hook name.
        instance: EC2 instance id.
        transition: the transition (R1).
        origin: where the instance comes from: `EC2`, `AutoScalingGroup` or `WarmPool` (R21).
        destination: where it goes to, likewise.
        started: when the instance began to wait.
        heartbeats: when each accepted heartbeat came (R5).
        ended: when the action ended; None while the instance waits.
        result: how it ended; None while the instance waits, and where `ended_by` is `skipped`.
        ended_by: what ended it; None while the instance waits.
    """

    token: str
    group: str
    hook: str
    instance: str
    transition: Transition
    origin: str
    destination: str
    started: float
    heartbeats: tuple[float, ...] = ()
    ended: float | None = None
    result: Result | None = None
    ended_by: EndedBy | None = None

    @property
    def waited(self) -> float | None:
        """How long the instance waited under this hook, seconds; None while it waits."""
        return None if self.ended is None else self.ended - self.started


@dataclass(frozen=True, kw_only=True)
class RefusedCall:
    """A heartbeat or a completion that no action under way was meant by (R12, R13).

    The caller got a `ValidationError` that begins with `No active Lifecycle Action found with`.

    Attributes:
        time: when, seconds since the epoch, simulated.
        operation: which call.
        group: Auto Scaling group name, as the call had it.
        hook: lifecycle hook name, as the call had it.
        instance: EC2 instance id, None when the call had none.
        token: lifecycle action token, None when the call had none.
    """

    time: float
    operation: Operation
    group: str
    hook: str
    instance: str | None
    token: str | None


def read_actions(region: Region) -> list[LifecycleAction]:
    """Return every lifecycle action of `region` so far, in the order in which they began."""
    announced: dict[object, dict[str, object]] = {}
    for event in region.events.emitted:
        detail = event.get("detail")
        if isinstance(detail, dict) and "LifecycleActionToken" in detail:
            announced[detail["LifecycleActionToken"]] = detail
    return [
        _action(started, announced[started.token], region.log.of(token=started.token))
        for started in region.log.of(LogKind.WAIT_STARTED)
    ]


def read_refusals(region: Region) -> list[RefusedCall]:
    """Return every heartbeat and completion that was refused because there was no such action, in order."""
    return [
        RefusedCall(
            time=entry.time,
            operation=REFUSALS[entry.kind],
            group=entry.group,
            hook=entry.hook,
            instance=entry.instance or None,
            token=entry.token or None,
        )
        for entry in region.log.of(*REFUSALS)
    ]


def history(region: Region, start: float) -> str:
    """Return the log of `region` as text, a line each.

    Args:
        region: the region.
        start: from when on the seconds are counted, seconds since the epoch.
    """
    return "\n".join(
        " ".join(
            filter(
                None,
                (
                    f"{entry.time - start:+9.1f} s ",
                    f"{entry.kind}:",
                    *(entry.group, entry.hook, entry.instance, entry.detail),
                ),
            )
        )
        for entry in region.log
    )


def _action(started: LogEntry, announced: dict[str, object], entries: list[LogEntry]) -> LifecycleAction:
    ended: float | None = None
    result: Result | None = None
    ended_by: EndedBy | None = None
    for entry in entries:
        if entry.kind is LogKind.SKIPPED:
            ended, ended_by = entry.time, "skipped"
        elif entry.kind is LogKind.COMPLETED:
            how, _, by = entry.detail.partition(" ")
            # `LogKind.COMPLETED` says what the detail holds; the types repeat it.
            ended, result, ended_by = entry.time, cast("Result", how), cast("EndedBy", by)
    return LifecycleAction(
        token=started.token,
        group=started.group,
        hook=started.hook,
        instance=started.instance,
        transition=cast("Transition", str(announced["LifecycleTransition"]).rpartition("_")[2]),
        origin=str(announced["Origin"]),
        destination=str(announced["Destination"]),
        started=started.time,
        heartbeats=tuple(entry.time for entry in entries if entry.kind is LogKind.HEARTBEAT),
        ended=ended,
        result=result,
        ended_by=ended_by,
    )
