"""What a design is to the harness, and what the plain ones have in common.

To measure one of your own, write a class with `name`, `lacks` and `play`, and put it into `DESIGNS` in
`benchmarks/waiting/compare.py`. `play` is given the drain and a gap in seconds, for designs that have one. It makes a
`DrainRegion`, prepares it, has its own code answer the hook's event there, lets the time pass, and returns a `Usage` of
what it counted, or `Failed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from benchmarks.waiting.drain import DOCUMENT, GROUP

if TYPE_CHECKING:
    from benchmarks.waiting.drain import Drain, DrainRegion
    from benchmarks.waiting.usage import Failed, Usage

GAPS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900)
"""Seconds between two looks that a design is tried with."""


class Design(Protocol):
    """One way to wait for a drain.

    Attributes:
        name: as tables have it.
        lacks: what it does not do that the application does.
        gaps: seconds between two looks that are worth trying; None alone for a design that chooses them itself.
    """

    name: str
    lacks: ClassVar[tuple[str, ...]]
    gaps: ClassVar[tuple[int | None, ...]]

    def play(self, drain: Drain, gap: int | None) -> Usage | Failed:
        """Carry the drain out in a simulated Region, and return what it used."""
        ...


class Hook:
    """What every design calls: the command, its state, heartbeats, the completion.

    Args:
        world: the Region.
        token: the lifecycle action token.

    Attributes:
        calls: how many AWS calls were made.
        last_beat: when the last heartbeat was sent, or the wait began, seconds since the epoch.
    """

    def __init__(self, world: DrainRegion, token: str) -> None:
        self._world = world
        self._token = token
        self._command = ""
        self.calls = 0
        self.last_beat = world.timeline.now()

    def send_command(self) -> None:
        """Start the work."""
        self.calls += 1
        answer = self._world.region.client("ssm").send_command(
            DocumentName=DOCUMENT,
            InstanceIds=[self._world.instance],
            Parameters={"commands": ["stop"], "executionTimeout": ["172800"]},
        )
        self._command = answer["Command"]["CommandId"]

    def is_done(self) -> bool:
        """Return whether the work is done."""
        if not self._world.drain.has_work:
            return True
        self.calls += 1
        ssm = self._world.region.client("ssm")
        try:
            answer = ssm.get_command_invocation(CommandId=self._command, InstanceId=self._world.instance)
        except ssm.exceptions.InvocationDoesNotExist:
            # For a moment after the command was sent.
            return False
        return bool(answer["Status"] == "Success")

    def beat_if_due(self, gap: float) -> None:
        """Send a heartbeat where the timer might run out before the look after the next."""
        now = self._world.timeline.now()
        if now + 2 * gap < self.last_beat + self._world.drain.heartbeat_timeout:
            return
        self.calls += 1
        self._world.region.client("autoscaling").record_lifecycle_action_heartbeat(
            AutoScalingGroupName=GROUP, LifecycleHookName=self._world.hook, LifecycleActionToken=self._token
        )
        self.last_beat = now

    def complete(self) -> None:
        """Let the instance go."""
        self.calls += 1
        self._world.region.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName=GROUP,
            LifecycleHookName=self._world.hook,
            LifecycleActionToken=self._token,
            LifecycleActionResult="CONTINUE",
        )
