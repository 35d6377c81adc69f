"""Finds instances that wait without an execution, because their event was lost or their execution died."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from asg_lifecycle.aws.executions import Liveness
from asg_lifecycle.aws.lifecycle_actions import Answer
from asg_lifecycle.aws.retained_instances import retained_among
from asg_lifecycle.intake.owners import TOO_MANY, Owners
from asg_lifecycle.intake.takeovers import generation, is_unowned
from asg_lifecycle.model import hooks
from asg_lifecycle.model.action_summary import Standing, standing_of
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.records import Record, Status, blockers_of, wait_key
from asg_lifecycle.model.start_requests import StartReason, StartRequest
from asg_lifecycle.model.sweep_decision import causes, decide_probe, found_action
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asg_lifecycle.aws.executions import Executions
    from asg_lifecycle.aws.groups import Group, Groups, Hook, Member
    from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
    from asg_lifecycle.intake.execution_starter import ExecutionStarter
    from asg_lifecycle.intake.owners import InFlight
    from asg_lifecycle.intake.takeovers import TakeoverIntake
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.read_records import UnreadableRecord
    from asg_lifecycle.observer import Observer
    from asg_lifecycle.store.record_queries import RecordQueries

ItemT = TypeVar("ItemT")

BUDGET = 240.0
"""Seconds for which groups are looked into; the rest is left to the next sweep. Listing the groups, and the calls that
the last of them takes, come on top: the function times out after 900 s."""


class Sweep:
    """One sweep over all groups.

    Args:
        groups: the Auto Scaling groups.
        lifecycle_actions: the Auto Scaling calls; an accepted heartbeat proves that a hook holds an instance.
        records: the records.
        executions: the durable executions.
        starter: starts executions.
        takeovers: for the actions of dead executions.
        observer: logs and metrics.
        clock: seconds since the epoch.
        chance: a random number from 0 to 1. It decides where in a list a sweep begins, so that two sweeps that run
            out of time do not both miss the same groups.
        pause: waits so many seconds.
        hook_name_prefix: hooks whose names begin with it are ours.
    """

    def __init__(  # noqa: PLR0913 - each part by its name
        self,
        *,
        groups: Groups,
        lifecycle_actions: LifecycleActions,
        records: RecordQueries,
        executions: Executions,
        starter: ExecutionStarter,
        takeovers: TakeoverIntake,
        observer: Observer,
        clock: Callable[[], float],
        chance: Callable[[], float],
        pause: Callable[[float], None],
        hook_name_prefix: str,
    ) -> None:
        self._groups = groups
        self._lifecycle_actions = lifecycle_actions
        self._records = records
        self._starter = starter
        self._takeovers = takeovers
        self._observer = observer
        self._clock = clock
        self._chance = chance
        self._owners = Owners(executions, self._problem, pause)
        self._prefix = hook_name_prefix
        self._waiting = 0
        self._retained = 0
        self._groups_read = 0
        self._started: list[str] = []
        self._problems: list[str] = []
        self._unreadable: set[str] = set()

    def run(self) -> dict[str, Any]:
        """Sweep, and return what was found: JSON values.

        Raises:
            CallFailed: the records or the groups could not be listed.
        """
        # Listed before the executions are: an execution that ends meanwhile is found ended by the next sweep.
        live = self._records.in_flight()
        self._note_unreadable(live.unreadable)
        in_flight = self._owners.of(self._rotated(live.records))
        for each in in_flight.values():
            self._follow_up(each)
        self._record_gauges(in_flight)
        groups = []
        for group in self._groups.all():
            self._groups_read += 1
            # Without a call: those of warm pools are counted where the pool is read.
            self._retained += len(tuple(retained_among(group.name, group.members)))
            if group.has_pool or any(member.waits for member in group.members):
                groups.append(group)
        finished, began = True, self._clock()
        for group in self._rotated(groups):
            if self._clock() > began + BUDGET:
                finished = False
                self._problem("the time of this sweep is over, the next sweeps check the rest")
                break
            self._check_group(group, in_flight)
        self._observer.gauge(Metric.RETAINED_NOW, self._retained)
        return {
            "groups": self._groups_read,
            "waiting": self._waiting,
            "in_flight": len(in_flight),
            "started": self._started,
            "problems": self._problems,
            "finished": finished,
        }

    def _rotated(self, items: Iterable[ItemT]) -> list[ItemT]:
        """Return the items in their order, beginning with one at random."""
        listed = list(items)
        first = min(int(self._chance() * len(listed)), len(listed) - 1)
        return listed[first:] + listed[:first]

    def _follow_up(self, action: InFlight) -> None:
        """Do what an action needs whose execution is dead or paused."""
        record = action.record
        try:
            if action.owner.liveness is Liveness.PAUSED:
                self._takeovers.keep_paused(record)
            elif action.owner.liveness is Liveness.ALIVE:
                self._takeovers.note_resumed(record)
            elif is_unowned(record):
                self._takeovers.keep(record)
            elif self._takeovers.take_over(record, action.owner.error):
                self._note_start(
                    StartReason.TAKEOVER, _described(record), f"{record.execution} is dead and was {record.status}"
                )
        except CallFailed as failed:
            self._not_done(f"{_described(record)}: its execution is {action.owner.liveness}", failed)

    def _check_group(self, group: Group, in_flight: dict[str, InFlight]) -> None:
        try:
            pool = self._groups.pool(group.name) if group.has_pool else ()
            self._retained += len(tuple(retained_among(group.name, pool)))
            members = group.members + pool
            waiting = [member for member in members if member.waits]
            if not waiting:
                return
            self._waiting += len(waiting)
            ours = [hook for hook in self._groups.hooks(group.name) if hooks.refuse(hook.name, self._prefix) is None]
            candidates = [self._found(group, member, hook) for member in waiting for hook in ours]
            states = {member.instance: member.state for member in waiting}
            found = [action for action in candidates if action.transition in causes(states[action.instance])]
            unknown = [_wait(action) for action in found if _wait(action) not in in_flight]
            read = self._records.current_as_far_as_readable(unknown)
        except CallFailed as failed:
            self._problem(f"group {group.name} could not be read: {failed}")
            return
        records = {record.wait: record for record in read.records}
        unreadable = {each.wait for each in read.unreadable}
        self._note_unreadable(read.unreadable)
        for action in found:
            if _wait(action) in unreadable:
                self._keep_unreadable(action)
            else:
                self._check_wait(action, states[action.instance], in_flight, records.get(_wait(action)))

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

    def _check_wait(
        self, action: LifecycleAction, state: str, in_flight: dict[str, InFlight], record: Record | None
    ) -> None:
        owned = in_flight.get(_wait(action))
        decision = decide_probe(
            owned.record if owned is not None else record,
            owner_is_alive=owned is None or owned.owned,
            state=state,
            now=self._clock(),
        )
        if not decision.probe:
            return
        try:
            # An accepted heartbeat proves that this hook holds the instance, and gains the time to work on it.
            answer = self._lifecycle_actions.heartbeat(action)
        except CallFailed as failed:
            self._problem(f"{_described(action)}: whether the hook holds it could not be read: {failed}")
            return
        if answer is Answer.ACCEPTED:
            self._start(StartRequest(reason=StartReason.SWEEP, action=action), decision.reason)

    def _note_unreadable(self, found: Iterable[UnreadableRecord]) -> None:
        for each in found:
            if each.wait not in self._unreadable:
                self._unreadable.add(each.wait)
                self._problem(f"{each}; until then the sweep keeps an instance that waits, and starts nothing")

    def _keep_unreadable(self, action: LifecycleAction) -> None:
        """Keep the instance: whether an execution works on its action stands in a record that cannot be read."""
        try:
            self._lifecycle_actions.heartbeat(action)
        except CallFailed as failed:
            self._problem(f"{_described(action)}: it could not be kept: {failed}")

    def _start(self, start: StartRequest, reason: str) -> None:
        try:
            started = self._starter.start(start, generation=generation(self._clock()))
        except CallFailed as failed:
            self._not_done(f"{_described(start.action)}: no execution could be started", failed)
            return
        if started:
            self._note_start(start.reason, _described(start.action), reason)

    def _note_start(self, by: StartReason, described: str, reason: str) -> None:
        self._observer.count(Metric.SWEEP_STARTED)
        self._observer.warning(f"{described}: started by {by}, because {reason}")
        self._started.append(f"{by}: {described}")

    def _record_gauges(self, in_flight: dict[str, InFlight]) -> None:
        now, records = self._clock(), [each.record for each in in_flight.values()]
        paused = {each.record.wait for each in in_flight.values() if each.owner.liveness is Liveness.PAUSED}
        held = [record for record in records if standing_of(record) is Standing.HELD or record.wait in paused]
        blocked = [record for record in records if record.problem is not None and record.status is not Status.HELD]
        for metric, counted in ((Metric.IN_FLIGHT, records), (Metric.HELD_NOW, held), (Metric.BLOCKED_NOW, blocked)):
            self._observer.gauge(metric, len(counted))
            groups = Counter(record.group for record in counted)
            for group in sorted({record.group for record in records}):
                self._observer.gauge_of_group(metric, group, groups[group])
        self._observer.gauge(Metric.OLDEST, max((now - record.event_time for record in records), default=0.0))
        kinds = Counter(kind for record in records for kind in {each.kind for each in blockers_of(record)})
        self._observer.by_cause(Metric.WAITING_NOW, kinds)

    def _not_done(self, what: str, failed: CallFailed) -> None:
        if failed.failure.code == TOO_MANY:
            # No problem of ours: the quota is shared with the whole account, and the next sweep does it.
            self._observer.warning(f"{what}, and Lambda has no room for it now: {failed}")
        else:
            self._problem(f"{what}: {failed}")

    def _problem(self, sentence: str) -> None:
        self._observer.count(Metric.SWEEP_PROBLEM)
        self._observer.error(sentence)
        self._problems.append(sentence)


def _wait(action: LifecycleAction) -> str:
    return wait_key(action.group, action.hook, action.instance)


def _described(it: LifecycleAction | Record) -> str:
    return f"group {it.group}, hook {it.hook}, instance {it.instance}"
