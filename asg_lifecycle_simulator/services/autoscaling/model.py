"""What the simulated Auto Scaling service keeps: groups, hooks, instances, and the waits of instances under hooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.region.timeline import Timer

LONGEST_WAIT = 172_800
"""Seconds, R4."""
HEARTBEATS_IN_LONGEST_WAIT = 100
HEARTBEAT_TIMEOUTS = range(30, 7201)
"""Seconds, R3."""
DEFAULT_HEARTBEAT_TIMEOUT = 3600


class Transition(StrEnum):
    """The two transitions a hook can stand on (R1)."""

    LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
    TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


class Result(StrEnum):
    """How a lifecycle action ends (R7)."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


class Location(StrEnum):
    """Where an instance comes from or goes to (R21)."""

    EC2 = "EC2"
    GROUP = "AutoScalingGroup"
    WARM_POOL = "WarmPool"


@dataclass(frozen=True)
class Move:
    """One way an instance can take, and what its events and states are called.

    Attributes:
        transition: whose hooks fire.
        origin: the event's `Origin` (R21).
        destination: the event's `Destination` (R21).
        state: the lifecycle state without `:Wait` and `:Proceed` (R17).
        operation: the event's `Action`, None when it has none (R23).
    """

    transition: Transition
    origin: Location
    destination: Location
    state: str
    operation: str | None = None


REPLACE_ROOT_VOLUME = "ReplaceRootVolume"

LAUNCH = Move(Transition.LAUNCHING, Location.EC2, Location.GROUP, "Pending")
WARM_UP = Move(Transition.LAUNCHING, Location.EC2, Location.WARM_POOL, "Warmed:Pending")
LEAVE_WARM_POOL = Move(Transition.LAUNCHING, Location.WARM_POOL, Location.GROUP, "Pending")
TERMINATE = Move(Transition.TERMINATING, Location.GROUP, Location.EC2, "Terminating")
RETURN_TO_WARM_POOL = Move(Transition.TERMINATING, Location.GROUP, Location.WARM_POOL, "Warmed:Pending")
TERMINATE_WARMED = Move(Transition.TERMINATING, Location.WARM_POOL, Location.EC2, "Warmed:Terminating")
TAKE_ROOT_VOLUME = Move(
    Transition.TERMINATING, Location.GROUP, Location.GROUP, "ReplacingRootVolume", operation=REPLACE_ROOT_VOLUME
)
GIVE_ROOT_VOLUME = Move(Transition.LAUNCHING, Location.GROUP, Location.GROUP, "Pending", operation=REPLACE_ROOT_VOLUME)


@dataclass(frozen=True)
class Hook:
    """A lifecycle hook.

    Attributes:
        name: unique in its group.
        group: Auto Scaling group name.
        transition: what it waits for.
        heartbeat_timeout: seconds, 30 to 7200 (R3).
        default_result: applied when a timer runs out (R6).
        metadata: `NotificationMetadata`, None when absent.
        target: `NotificationTargetARN` of an SQS queue or an SNS topic, None when absent (R19).
        role: `RoleARN`, None when absent.
    """

    name: str
    group: str
    transition: Transition
    heartbeat_timeout: int = DEFAULT_HEARTBEAT_TIMEOUT
    default_result: Result = Result.ABANDON
    metadata: str | None = None
    target: str | None = None
    role: str | None = None

    @property
    def global_timeout(self) -> int:
        """The longest an action can wait under this hook, seconds (R4)."""
        return min(LONGEST_WAIT, HEARTBEATS_IN_LONGEST_WAIT * self.heartbeat_timeout)


@dataclass(eq=False)
class Action:
    """One lifecycle action: one hook's part in one wait of one instance (R2).

    Attributes:
        token: 36 characters.
        hook: the hook as it was when the wait began.
        instance: EC2 instance id.
        move: what the instance waits to do.
        started: seconds since the epoch.
        expires: when the timer runs out, seconds since the epoch.
        timer: the one timer of the action, None once it has ended.
        result: how it ended, None while it lasts.
    """

    token: str
    hook: Hook
    instance: str
    move: Move
    started: float
    expires: float = 0.0
    timer: Timer | None = None
    result: Result | None = None

    @property
    def global_deadline(self) -> float:
        """When the wait ends whatever the heartbeats, seconds since the epoch (R4)."""
        return self.started + self.hook.global_timeout


@dataclass(eq=False)
class Wait:
    """One instance held by the hooks of one transition, until all have continued or one has abandoned."""

    actions: list[Action]
    ended: Callable[[Result], None]


@dataclass(eq=False)
class Instance:
    """An instance of a group or of its warm pool.

    Attributes:
        id: EC2 instance id.
        group: Auto Scaling group name.
        state: `LifecycleState` (R17).
        gone: whether EC2 terminated it behind the group's back (R28).
        protected: whether scale-in spares it.
        drains: whether it may still be registered with the group's target groups (R26).
        wait: the wait it is in, None when it is in none.
        why: why it terminates, as its scaling activity has it.
    """

    id: str
    group: str
    state: str = ""
    gone: bool = False
    protected: bool = False
    drains: bool = False
    wait: Wait | None = None
    why: str = ""

    @property
    def counts(self) -> bool:
        """Whether it counts towards the desired capacity: in service or on its way there."""
        return self.state.startswith(("Pending", "InService", "ReplacingRootVolume", "RootVolumeReplaced"))

    @property
    def ready(self) -> bool:
        """Whether it stands in the warm pool, ready to be used."""
        return self.state in {"Warmed:Stopped", "Warmed:Running", "Warmed:Hibernated"}

    @property
    def warming(self) -> bool:
        """Whether it stands in the warm pool or is on its way there."""
        on_its_way = self.state.startswith("Warmed:Pending") and not self.state.endswith(":Retained")
        return self.ready or on_its_way


@dataclass
class WarmPool:
    """A group's warm pool.

    Attributes:
        min_size: instances kept at least.
        max_prepared: instances of group and pool together, None for the group's maximum size.
        state: `Stopped`, `Running` or `Hibernated`.
        reuse_on_scale_in: whether scale-in returns instances to the pool (R22).
    """

    min_size: int = 0
    max_prepared: int | None = None
    state: str = "Stopped"
    reuse_on_scale_in: bool = False


@dataclass
class Refresh:
    """An instance refresh: its id, and its `Status` as it is described."""

    id: str
    status: str


@dataclass
class Group:
    """An Auto Scaling group.

    Attributes:
        name: unique in the region.
        desired: desired capacity.
        max_size: maximum size.
        hooks: by name.
        warm_pool: None when it has none.
        retains: whether an abandoned terminate hook leaves the instance in `Terminating:Retained` (R10).
        traffic_sources: what was attached by `AttachTrafficSources` (R31): the type of each, by its identifier.
        launches: whether EC2 has capacity to launch instances for it.
        refreshes: its instance refreshes, the last one first.
        said: what causes of its activities begin with: how its desired capacity was changed last.
    """

    name: str
    desired: int = 0
    max_size: int = 0
    hooks: dict[str, Hook] = field(default_factory=dict)
    warm_pool: WarmPool | None = None
    retains: bool = False
    traffic_sources: dict[str, str] = field(default_factory=dict)
    launches: bool = True
    refreshes: list[Refresh] = field(default_factory=list)
    said: str = ""

    def said_of(self, why: str) -> str:
        """Return what the cause of an activity begins with."""
        return self.said if why.startswith("a difference") else ""

    @property
    def pool_target(self) -> int:
        """How many instances the warm pool should hold."""
        if self.warm_pool is None:
            return 0
        prepared = self.max_size if self.warm_pool.max_prepared is None else self.warm_pool.max_prepared
        return max(self.warm_pool.min_size, prepared - self.desired)


@dataclass
class Timings:
    """How long things take, seconds.

    Attributes:
        proceed: between the end of a wait and what it waited for.
        not_yet: after a wait has begun, while heartbeat and completion are refused although the state reads
            `*:Wait` already (R13).
        notice: until the group notices that EC2 terminated an instance (R28).
        listing: by which the instances of groups are described as they were.
    """

    proceed: float = 1.0
    not_yet: float = 0.0
    notice: float = 1.0
    listing: float = 0.0
