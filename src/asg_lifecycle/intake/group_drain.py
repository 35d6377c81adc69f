"""Drains instances of a group, so many at a time: terminates them through Auto Scaling and follows their records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.drain_progress import (
    Begun,
    Finished,
    InstanceProgress,
    Phase,
    Stop,
    Terminate,
    Termination,
    Wait,
    next_action,
    progress_of,
)
from asg_lifecycle.model.drain_selection import is_terminating
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.records import wait_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asg_lifecycle.aws.group_capacity import GroupCapacity
    from asg_lifecycle.model.drain_progress import NextAction
    from asg_lifecycle.model.group_state import GroupState
    from asg_lifecycle.model.records import Record
    from asg_lifecycle.store.record_queries import RecordQueries

LOOKS_EVERY = 10.0
"""Seconds between two looks: each takes one call of Auto Scaling, and one of DynamoDB for a hundred instances."""


class DrainRequest(Struct, frozen=True, kw_only=True):
    """What is to be drained, and how.

    Attributes:
        group: Auto Scaling group.
        hooks: the names of its terminate hooks that are ours.
        instances: EC2 instance ids, in their order; those that terminate already are waited for.
        at_most: how many may be under way at once.
        keep_capacity: whether each is replaced; else the desired capacity is lowered.
        desired: desired capacity of the group before.
        during_refresh: go on while an instance refresh runs.
        replaced_within: seconds to wait at most for a replacement.
    """

    group: str
    hooks: tuple[str, ...]
    instances: tuple[str, ...]
    at_most: int
    keep_capacity: bool
    desired: int
    during_refresh: bool
    replaced_within: float


class GroupDrain:
    """One drain of instances of a group. What it knows is read from AWS: another run of it goes on where this ends.

    Args:
        capacity: the capacity of groups.
        records: reads the records of actions.
        clock: seconds since the epoch.
        pause: waits so many seconds.
        request: what is to be drained.
        say: told a sentence whenever something has changed.
    """

    def __init__(  # noqa: PLR0913 - each part by its name
        self,
        *,
        capacity: GroupCapacity,
        records: RecordQueries,
        clock: Callable[[], float],
        pause: Callable[[float], None],
        request: DrainRequest,
        say: Callable[[str], None],
    ) -> None:
        self._capacity = capacity
        self._records = records
        self._clock = clock
        self._pause = pause
        self._request = request
        self._say = say
        self._begun: dict[str, Begun] = {}
        self._progress: dict[str, InstanceProgress] = {}
        self._desired = request.desired
        self._changed_to = request.desired
        self._said_last = ""
        self._missing = 0
        self._missing_since = 0.0

    @property
    def under_way(self) -> tuple[str, ...]:
        """The instances whose termination has begun, or may have, and that are not seen to be drained."""
        return tuple(each for each in self._begun if not self._is_completed(each))

    @property
    def left(self) -> tuple[str, ...]:
        """The instances that are not begun."""
        return tuple(each for each in self._request.instances if each not in self._begun)

    def run(self) -> str | None:
        """Drain until all is done or something stops it; return what stopped it, a sentence, None when all is done.

        Raises:
            CallFailed: a permission is missing, or a request was refused.
        """
        while True:
            try:
                action = self._look()
                if isinstance(action, Terminate):
                    self._terminate(action.instance)
            except CallFailed as failed:
                # Throttled, or no answer: the next look tells.
                if failed.failure.consequence is not Consequence.TRANSIENT:
                    raise
                self._say_once(f"{failed}; asked again")
            else:
                if isinstance(action, Finished):
                    return None
                if isinstance(action, Stop):
                    return action.why
                if isinstance(action, Wait):
                    if overdue := self._overdue(action):
                        return overdue
                    self._say_once(f"waiting: {action.why}")
            self._pause(LOOKS_EVERY)

    def _look(self) -> NextAction:
        group = self._capacity.of(self._request.group)
        if group is None:
            return Stop(f"group {self._request.group} is gone")
        now = self._clock()
        self._note_desired(group.desired)
        self._note_others(group, now)
        open_ones = self.under_way
        records = self._records_of(open_ones)
        for instance in open_ones:
            before = self._progress.get(instance)
            after = progress_of(
                instance, self._begun[instance], group.state_of(instance), records.get(instance, ()), now
            )
            self._progress[instance] = after
            if after.phase is Phase.COMPLETED and before != after:
                done = sum(self._is_completed(each) for each in self._begun)
                self._say(f"{instance}: {after.detail} ({done} of {len(self._request.instances)})")
        action = self._next(group, None)
        if isinstance(action, Terminate) and not self._request.during_refresh:
            action = self._next(group, self._capacity.refresh_under_way(group.name))
        return action

    def _next(self, group: GroupState, refreshing: str | None) -> NextAction:
        request = self._request
        return next_action(
            group,
            request.instances,
            self._progress,
            at_most=request.at_most,
            keep_capacity=request.keep_capacity,
            refreshing=refreshing,
        )

    def _terminate(self, instance: str) -> None:
        ended = [record for record in self._records_of([instance]).get(instance, ()) if record.in_flight is None]
        earlier = tuple((record.wait, record.claimed_at) for record in ended)
        # Before the call: whoever interrupts it does not know whether it had its effect.
        self._note_begun(instance, Begun(at=self._clock(), earlier=earlier), "told to terminate")
        shrink = not self._request.keep_capacity
        try:
            termination = self._capacity.terminate(instance, shrink=shrink)
        except CallFailed:
            self._forget(instance)
            raise
        if termination is Termination.NOT_DONE:
            self._forget(instance)
            self._say_once(f"{instance}: Auto Scaling is busy or throttles; told again")
            return
        self._desired -= shrink
        unknown = "; no answer came, the group will show whether it was heard"
        self._say(f"{instance}: termination begun{unknown if termination is Termination.UNKNOWN else ''}")

    def _note_others(self, group: GroupState, now: float) -> None:
        """Take note of instances that terminate without this run: by an earlier one, or by somebody else."""
        for instance in self.left:
            state = group.state_of(instance)
            if state is None or is_terminating(state):
                self._note_begun(instance, Begun(at=now), "terminating already")
                self._say(f"{instance}: {state or 'gone'} already, counted as begun")

    def _note_begun(self, instance: str, begun: Begun, detail: str) -> None:
        self._begun[instance] = begun
        self._progress[instance] = InstanceProgress(phase=Phase.UNDER_WAY, detail=detail)

    def _forget(self, instance: str) -> None:
        del self._begun[instance], self._progress[instance]

    def _note_desired(self, desired: int) -> None:
        changed, self._changed_to = self._changed_to, desired
        # Seen twice: right after a termination the group may be listed as it was before.
        if desired != self._desired and desired == changed:
            self._say(
                f"the desired capacity of group {self._request.group} is {desired}, not {self._desired}: somebody else "
                "changed it"
            )
            self._desired = desired

    def _overdue(self, wait: Wait) -> str | None:
        """Return why a replacement is waited for no longer, None while it is, and where none is waited for."""
        now = self._clock()
        if wait.short_of != self._missing or not wait.short_of or self._drains():
            self._missing, self._missing_since = wait.short_of, now
        if now - self._missing_since < self._request.replaced_within:
            return None
        return (
            f"no replacement came within {readable(self._request.replaced_within)}: {wait.why}; see aws autoscaling "
            f"describe-scaling-activities --auto-scaling-group-name {self._request.group}"
        )

    def _drains(self) -> bool:
        return any(each.phase is Phase.UNDER_WAY for each in self._progress.values())

    def _records_of(self, instances: Iterable[str]) -> dict[str, list[Record]]:
        """Return the current records of the waits of `instances` under our terminate hooks, by instance."""
        waits = [
            wait_key(self._request.group, hook, instance) for instance in instances for hook in self._request.hooks
        ]
        found: dict[str, list[Record]] = {}
        for record in self._records.current(waits).values():
            found.setdefault(record.instance, []).append(record)
        return found

    def _is_completed(self, instance: str) -> bool:
        return self._progress[instance].phase is Phase.COMPLETED

    def _say_once(self, sentence: str) -> None:
        if sentence != self._said_last:
            self._said_last = sentence
            self._say(sentence)
