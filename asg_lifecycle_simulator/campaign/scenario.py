"""What one run of the campaign does: plain data, no AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.actions import Transition

if TYPE_CHECKING:
    from asg_lifecycle_simulator.campaign.kinds.base import DrawnStep

SWEEP_EVERY = 300.0
"""Seconds between two sweeps."""

TRANSITIONS = {
    "terminate": Transition.TERMINATING,
    "launch": Transition.LAUNCHING,
    "pool-return": Transition.TERMINATING,
    "pool": Transition.LAUNCHING,
    "root-volume": Transition.TERMINATING,
}
"""The transition of the hooks of each move."""

FAULTS = ("throttle", "contend", "server error", "request lost", "response lost")
"""The kinds of injected faults, beside `denied`."""


@dataclass(frozen=True, kw_only=True)
class InjectedFault:
    """Calls that fail.

    Attributes:
        service: boto3's name.
        operation: the API's name.
        kind: one of `FAULTS`, or `denied`.
        at: seconds from the start.
        times: how many calls; 0 for all within `lasting`.
        lasting: seconds.
    """

    service: str
    operation: str
    kind: str
    at: float
    times: int = 0
    lasting: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LambdaCrash:
    """A Lambda that dies in the middle of an invocation: at a checkpoint or at an AWS call."""

    invocation: int
    number: int
    at_call: bool
    after: bool


@dataclass(frozen=True, kw_only=True)
class Incident:
    """Something that happens to the first instance, hook or execution there is from `at` seconds after the start on."""

    kind: str
    at: float


@dataclass(frozen=True, kw_only=True)
class OperatorMessage:
    """A message of an operator to the first action, `at` seconds from the start."""

    what: str
    at: float


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A target group with all instances in it: deregistration delay and when connections end, seconds."""

    name: str
    delay: int
    connections: float | None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One run.

    Attributes:
        seed: of everything random in the region.
        move: `terminate`, `launch`, `pool-return`, `pool`, `root-volume`.
        instances: how many.
        apart: seconds between two of them.
        heartbeat: `HeartbeatTimeout` of our hooks, seconds.
        default_result: of our hooks.
        plan: in the hook's metadata; None for the built-in one.
        usable: whether the plan is valid.
        steps: the plan's steps and their part of the world, in the order of the plan.
        pools: the target groups there are; the plan names some of them.
        duration: of a command, seconds.
        exit_code: of a command.
        never_ends: a command runs until it is cancelled.
        foreign: seconds until somebody else completes a hook of theirs on the same transition; None for no such hook.
        foreign_result: with what.
        second: there is a second hook of ours with the same plan.
        retains: the group retains instances that are abandoned (R10).
        deliveries: seconds from each event to each of its deliveries; events beyond these come after a second.
        not_yet: seconds in which a new action is refused (R13).
        sweep: the sweep runs.
        drains_per_group: limit of the deployment, None for none.
        faults: calls that fail.
        crashes: invocations that die.
        incidents: what else happens.
        messages: what operators send.
        protected: nothing was drawn that can make an action time out.
        signals: events tell when commands have ended.
        known_after: seconds until EC2 knows an instance that was launched (R32).
        hand_over_at: operations at which an execution hands over; None for as many as on AWS.
    """

    seed: int
    move: str
    instances: int
    apart: float
    heartbeat: int
    default_result: str
    plan: dict[str, Any] | None
    usable: bool
    steps: tuple[DrawnStep, ...]
    pools: tuple[Pool, ...]
    duration: float
    exit_code: int
    never_ends: bool
    foreign: float | None
    foreign_result: str
    second: bool
    retains: bool
    deliveries: tuple[tuple[float, ...], ...]
    not_yet: float
    sweep: bool
    drains_per_group: int | None
    faults: tuple[InjectedFault, ...]
    crashes: tuple[LambdaCrash, ...]
    incidents: tuple[Incident, ...]
    messages: tuple[OperatorMessage, ...]
    protected: bool
    signals: bool
    known_after: float = 0.0
    hand_over_at: int | None = None

    @property
    def overall(self) -> float:
        """The hooks' `GlobalTimeout`, seconds (R4)."""
        return min(172_800.0, 100.0 * self.heartbeat)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the plan's steps."""
        return tuple(step["kind"] for step in self.leaves) if self.usable else ()

    @property
    def leaves(self) -> tuple[dict[str, Any], ...]:
        """The plan's steps, those side by side one after the other."""
        entries = (self.plan or {}).get("steps", [])
        return tuple(step for entry in entries for step in entry.get("parallel", [entry]))

    @property
    def fails(self) -> bool:
        """Whether a step fails by what it meets."""
        return any(step.fails for step in self.steps)

    @property
    def hurried(self) -> bool:
        """Whether a step has a timeout, which may fail it."""
        return any("timeout" in step for step in self.leaves)
