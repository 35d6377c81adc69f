"""Finds what no event told: instances that wait and nobody works on, and actions whose execution is dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from asg_lifecycle.aws.executions import Liveness
from asg_lifecycle.aws.lifecycle_actions import Answer
from asg_lifecycle.model import hooks
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.records import Record, Status, action_of, wait_key
from asg_lifecycle.model.start_requests import StartReason, StartRequest
from asg_lifecycle.model.sweep_decision import causes, decide_probe, found_action
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asg_lifecycle.aws.executions import Executions
    from asg_lifecycle.aws.groups import Group, Groups, Hook, Member
    from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
    from asg_lifecycle.intake.starter import Starter
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.observer import Observer
    from asg_lifecycle.store.record_queries import RecordQueries

ItemT = TypeVar("ItemT")

BUDGET = 240.0
"""Seconds after which a sweep leaves the rest to the next one: its function has five minutes."""

OWNERS_BUDGET = 0.5
"""Share of that time after which owners are no longer asked after, so that lost events are looked for, too."""

GENERATION = 900.0
"""Seconds after which a start that came to nothing may be repeated."""


class Owned(Struct, frozen=True):
    """A live record, and whether its owner can still work on it."""

    record: Record
    alive: bool


class Sweep:
    """One sweep over all groups.

    Args:
        groups: the Auto Scaling groups.
        lifecycle_actions: the calls that prove a wait.
        records: the records.
        executions: the durable executions.
        starter: starts them.
        observer: logs and metrics.
        clock: seconds since the epoch.
        chance: a random number from 0 to 1: where a sweep begins, so that what one has no time for is not what the
            next one has no time for.
        hook_name_prefix: hooks whose name begins so are ours.
    """

    def __init__(  # noqa: PLR0913 - the parts of a sweep, each by its name
        self,
        *,
        groups: Groups,
        lifecycle_actions: LifecycleActions,
        records: RecordQueries,
        executions: Executions,
        starter: Starter,
        observer: Observer,
        clock: Callable[[], float],
        chance: Callable[[], float],
        hook_name_prefix: str,
    ) -> None:
        self._groups = groups
        self._lifecycle_actions = lifecycle_actions
        self._records = records
        self._executions = executions
        self._starter = starter
        self._observer = observer
        self._clock = clock
        self._chance = chance
        self._prefix = hook_name_prefix
        self._began = clock()
        self._waiting = 0
        self._seen = 0
        self._started: list[str] = []
        self._problems: list[str] = []

    def run(self) -> dict[str, Any]:
        """Sweep, and return what was found: JSON values.

        Raises:
            CallFailed: the records or the groups could not be listed at all.
        """
        owned = self._ask_after_owners()
        for each in owned.values():
            if not each.alive:
                self._take_over(each.record)
        self._tell(owned)
        groups = []
        for group in self._groups.all():
            self._seen += 1
            if group.has_pool or any(member.waits for member in group.members):
                groups.append(group)
        finished = True
        for group in self._from_anywhere(groups):
            if self._spent() > BUDGET:
                finished = False
                self._problem("the time of this sweep is over, the next ones look at the rest")
                break
            self._look_at(group, owned)
        return {
            "groups": self._seen,
            "waiting": self._waiting,
            "in_flight": len(owned),
            "started": self._started,
            "problems": self._problems,
            "finished": finished,
        }

    def _spent(self) -> float:
        return self._clock() - self._began

    def _from_anywhere(self, items: Iterable[ItemT]) -> list[ItemT]:
        """Return the items in their order, from one of them on and around."""
        listed = list(items)
        first = min(int(self._chance() * len(listed)), len(listed) - 1)
        return listed[first:] + listed[:first]

    def _ask_after_owners(self) -> dict[str, Owned]:
        owned: dict[str, Owned] = {}
        unasked = 0
        for record in self._from_anywhere(self._records.in_flight()):
            if self._spent() > BUDGET * OWNERS_BUDGET:
                unasked += 1
                owned[record.wait] = Owned(record, alive=True)
            else:
                owned[record.wait] = self._owned(record)
        if unasked:
            self._problem(f"there was no time to ask after {unasked} of {len(owned)} owners, the next sweeps do it")
        return owned

    def _owned(self, record: Record) -> Owned:
        try:
            return Owned(record, self._executions.liveness(record.execution) is Liveness.ALIVE)
        except CallFailed as failed:
            # Nothing is taken from an owner who may be alive.
            self._problem(f"whether {record.execution} is alive could not be told: {failed}")
            return Owned(record, alive=True)

    def _take_over(self, record: Record) -> None:
        start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
        self._start(start, f"{record.execution} is dead and was {record.status}")

    def _look_at(self, group: Group, owned: dict[str, Owned]) -> None:
        try:
            members = group.members + (self._groups.pool(group.name) if group.has_pool else ())
            waiting = [member for member in members if member.waits]
            if not waiting:
                return
            self._waiting += len(waiting)
            ours = [hook for hook in self._groups.hooks(group.name) if hooks.refuse(hook.name, self._prefix) is None]
            candidates = [self._found(group, member, hook) for member in waiting for hook in ours]
            states = {member.instance: member.state for member in waiting}
            found = [action for action in candidates if action.transition in causes(states[action.instance])]
            unknown = [_wait(action) for action in found if _wait(action) not in owned]
            records = self._records.current(unknown)
        except CallFailed as failed:
            self._problem(f"group {group.name} could not be looked at: {failed}")
            return
        for action in found:
            self._look_into(action, states[action.instance], owned, records.get(_wait(action)))

    def _found(self, group: Group, member: Member, hook: Hook) -> LifecycleAction:
        return found_action(
            group=group.name,
            hook=hook.name,
            instance=member.instance,
            transition=hook.transition,
            state=member.state,
            metadata=hook.metadata,
            now=self._clock(),
        )

    def _look_into(self, action: LifecycleAction, state: str, owned: dict[str, Owned], record: Record | None) -> None:
        live = owned.get(_wait(action))
        verdict = decide_probe(
            live.record if live is not None else record,
            owner_is_alive=live is None or live.alive,
            state=state,
            now=self._clock(),
        )
        if not verdict.probe:
            return
        try:
            # Accepted, it has proved that this hook holds the instance, and won the time to work on it.
            answer = self._lifecycle_actions.heartbeat(action)
        except CallFailed as failed:
            self._problem(f"{_named(action)}: it could not be told whether the hook holds it: {failed}")
            return
        if answer is Answer.ACCEPTED:
            self._start(StartRequest(reason=StartReason.SWEEP, action=action), verdict.reason)

    def _start(self, start: StartRequest, reason: str) -> None:
        try:
            fresh = self._starter.start(start, generation=str(int(self._clock() // GENERATION)))
        except CallFailed as failed:
            self._problem(f"{_named(start.action)}: no execution could be started: {failed}")
            return
        if fresh:
            self._observer.count(Metric.SWEEP_STARTED)
            self._observer.warning(f"{_named(start.action)}: started by {start.reason}, because {reason}")
            self._started.append(f"{start.reason}: {_named(start.action)}")

    def _tell(self, owned: dict[str, Owned]) -> None:
        records = [each.record for each in owned.values()]
        now = self._clock()
        held = [record for record in records if record.status is Status.HELD]
        blocked = [record for record in records if record.problem is not None and record.status is not Status.HELD]
        self._observer.gauge(Metric.IN_FLIGHT, len(records))
        self._observer.gauge(Metric.HELD_NOW, len(held))
        self._observer.gauge(Metric.BLOCKED_NOW, len(blocked))
        self._observer.gauge(Metric.OLDEST, max((now - record.event_time for record in records), default=0.0))

    def _problem(self, sentence: str) -> None:
        self._observer.count(Metric.SWEEP_PROBLEM)
        self._observer.error(sentence)
        self._problems.append(sentence)


def _wait(action: LifecycleAction) -> str:
    return wait_key(action.group, action.hook, action.instance)


def _named(action: LifecycleAction) -> str:
    return f"group {action.group}, hook {action.hook}, instance {action.instance}"
