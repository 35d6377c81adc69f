"""The rules engine: instances on their way into, through and out of groups (R2 to R26, R28). No AWS, no moto."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.autoscaling import activities, model
from asg_lifecycle_simulator.services.autoscaling.activities import Activity
from asg_lifecycle_simulator.services.autoscaling.drains import Drains, nothing
from asg_lifecycle_simulator.services.autoscaling.model import Group, Hook, Instance, Move, Result, Timings, WarmPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle_simulator.region.log import RegionLog
    from asg_lifecycle_simulator.region.timers import RegionTimers
    from asg_lifecycle_simulator.services.autoscaling.actions import LifecycleActions
    from asg_lifecycle_simulator.services.autoscaling.fleet import Fleet


RETAINING = frozenset({model.TERMINATE, model.RETURN_TO_WARM_POOL, model.TERMINATE_WARMED})
"""The moves that leave a retained instance when they are abandoned (R10, R17)."""


class Engine:
    """Groups, their instances, and what moves them. Every method is called under the region's lock.

    Attributes:
        groups: by name.
        instances: by EC2 instance id, in the order of their arrival; warm pools included.
        actions: the lifecycle actions of instances that wait.
        fleet: the EC2 instances.
        activities: the scaling activities that terminate instances, the last one last.
    """

    def __init__(
        self, timers: RegionTimers, log: RegionLog, actions: LifecycleActions, fleet: Fleet, timings: Timings
    ) -> None:
        self._timers = timers
        self._log = log
        self.actions = actions
        self.fleet = fleet
        self._timings = timings
        self._reconciling: set[str] = set()
        self.groups: dict[str, Group] = {}
        self.instances: dict[str, Instance] = {}
        self.activities: list[Activity] = []
        self._drains = Drains(fleet, self.instances)

    def members(self, group: str) -> list[Instance]:
        """Return the instances of `group` and of its warm pool, oldest first."""
        return [instance for instance in self.instances.values() if instance.group == group]

    def put_hook(self, hook: Hook) -> None:
        """Add or change a hook. Waits under way keep the hook as it was."""
        self.groups[hook.group].hooks[hook.name] = hook

    def delete_hook(self, group: str, name: str) -> None:
        """Delete a hook and complete its actions (R24)."""
        hook = self.groups[group].hooks.pop(name)
        self.actions.hook_deleted(hook)

    def put_warm_pool(self, group: str, pool: WarmPool | None) -> None:
        """Set, change or, with None, remove the warm pool of `group`."""
        self.groups[group].warm_pool = pool
        self.reconcile(group)

    def reconcile(self, name: str) -> None:
        """Launch, take from the warm pool, or terminate until `name` has its desired capacity."""
        # Every step may change what the next has to be, and may ask for reconciliation itself.
        if name not in self._reconciling:
            self._reconciling.add(name)
            try:
                while self._step(self.groups[name]):
                    pass
            finally:
                self._reconciling.discard(name)

    @contextmanager
    def reconciled_after(self, name: str) -> Iterator[None]:
        """Make several changes to `name` and reconcile it once, when all are made."""
        self._reconciling.add(name)
        try:
            yield
        finally:
            self._reconciling.discard(name)
        self.reconcile(name)

    def terminate(self, instance: Instance, why: str = activities.USER_REQUEST) -> None:
        """Terminate one instance on demand; capacity is reconciled at once. Retained instances just go (R10)."""
        instance.why = why
        if instance.state.endswith(":Retained"):
            self._terminated(instance)
        elif "Terminating" not in instance.state:
            self._begin_end(instance)
        self._reconcile_if_known(instance.group)

    def gone(self, instance_id: str) -> None:
        """Take note that EC2 terminated an instance by itself; its terminate hook still fires (R28)."""
        instance = self.instances.get(instance_id)
        if instance is None or instance.gone:
            return
        instance.gone, instance.why = True, activities.EC2_HEALTH_CHECK
        self._timers.call_after(
            self._timings.notice, lambda: self._notice_gone(instance), name=f"notice that {instance_id} is gone"
        )

    def replace_root_volume(self, instance: Instance) -> None:
        """Replace the root volume of an instance in service: out under terminate hooks, in under launch hooks (R23)."""

        def replaced() -> None:
            self._state(instance, "RootVolumeReplaced")
            self._move(instance, model.GIVE_ROOT_VOLUME, lambda: self._in_service(instance))

        self._move(instance, model.TAKE_ROOT_VOLUME, replaced)

    def adopt(self, instance_id: str, group: str) -> None:
        """Attach a running instance to `group`; hooks do not fire (R25)."""
        instance = self._arrive(instance_id, group)
        self._in_service(instance)

    def register_in_service(self, group: str) -> None:
        """Register what is in service with the target groups attached to `group`."""
        for instance in self.members(group):
            if instance.state == "InService":
                instance.drains = self.fleet.register(instance.id, group)

    def release(self, instance: Instance) -> None:
        """Detach an instance; hooks do not fire (R25)."""
        self.actions.forget(instance)
        self._drains.begin(instance, nothing)
        self._leave(instance, "Detached")

    def standby(self, instance: Instance, *, enter: bool) -> None:
        """Put an instance into standby or back into service; hooks do not fire (R25)."""
        if enter:
            self._drains.begin(instance, nothing)
            self._state(instance, "Standby")
        else:
            self._in_service(instance)

    def delete_group(self, name: str) -> None:
        """Delete a group with all its instances; hooks do not fire (R25)."""
        for instance in self.members(name):
            self.actions.forget(instance)
            self._terminated(instance, replace=False)
        del self.groups[name]

    def _step(self, group: Group) -> bool:
        """Make one change towards the desired capacity and the desired pool; return whether there was one to make."""
        members = self.members(group.name)
        excess = sum(instance.counts for instance in members) - group.desired
        spare = next((i for i in members if i.state == "InService" and not i.protected), None)
        pool_excess = sum(instance.warming for instance in members) - group.pool_target
        ready = next((instance for instance in members if instance.ready), None)
        if excess < 0 and self._can_launch(group):
            self._scale_out(group)
        elif excess > 0 and spare is not None:
            spare.why = activities.difference(group.desired + excess)
            self._scale_in(group, spare)
        elif pool_excess < 0:
            self._warm_up(group.name)
        elif pool_excess > 0 and ready is not None:
            self._terminate_warmed(ready)
        else:
            return False
        return True

    def _can_launch(self, group: Group) -> bool:
        return group.launches and "Launch" not in self.fleet.suspended(group.name)

    def _scale_out(self, group: Group) -> None:
        ready = next((instance for instance in self.members(group.name) if instance.ready), None)
        if ready is None:
            instance = self._arrive(self.fleet.launch(group.name), group.name)
            self._move(instance, model.LAUNCH, lambda: self._in_service(instance))
        else:
            self.fleet.power(ready.id, "Running")
            self._move(ready, model.LEAVE_WARM_POOL, lambda: self._in_service(ready))

    def _scale_in(self, group: Group, instance: Instance) -> None:
        pool = group.warm_pool
        if pool is None or not pool.reuse_on_scale_in:
            self._terminate(instance)
            return

        def drained() -> None:
            self._move(instance, model.RETURN_TO_WARM_POOL, lambda: self._pooled(instance))

        # Before the drain, the instance has to stop counting as in service.
        self._state(instance, model.RETURN_TO_WARM_POOL.state)
        self._drains.begin(instance, drained)

    def _warm_up(self, group: str) -> None:
        instance = self._arrive(self.fleet.launch(group), group)
        self._move(instance, model.WARM_UP, lambda: self._pooled(instance))

    def _terminate_warmed(self, instance: Instance) -> None:
        self._move(instance, model.TERMINATE_WARMED, lambda: self._terminated(instance))

    def _pooled(self, instance: Instance) -> None:
        pool = self.groups[instance.group].warm_pool
        state = "Stopped" if pool is None else pool.state
        self.fleet.power(instance.id, state)
        self._state(instance, f"Warmed:{state}")
        self._reconcile_if_known(instance.group)

    def _terminate(self, instance: Instance) -> None:
        group = self.groups[instance.group]
        told = Activity(group.name, instance.id, instance.why, self._timers.now(), group.said_of(instance.why))
        self.activities.append(told)
        self._state(instance, model.TERMINATE.state)
        self._drains.begin(instance, lambda: self._move(instance, model.TERMINATE, lambda: self._terminated(instance)))

    def _move(self, instance: Instance, move: Move, arrive: Callable[[], None]) -> None:
        """Take `instance` along `move`: held by the hooks of its transition, then on to `arrive`."""
        self._state(instance, move.state)
        hooks = [h for h in self.groups[instance.group].hooks.values() if h.transition is move.transition]
        if not hooks:
            arrive()
            return

        def ended(result: Result) -> None:
            abandoned = result is Result.ABANDON
            if abandoned and move in RETAINING and self.groups[instance.group].retains:
                self._state(instance, f"{move.state}:Retained")
                return
            self._state(instance, f"{move.state}:Proceed")
            self._timers.call_after(
                self._timings.proceed,
                lambda: proceed(abandoned=abandoned),
                name=f"{instance.id} proceeds",
            )

        def proceed(*, abandoned: bool) -> None:
            if self.instances.get(instance.id) is not instance or instance.state != f"{move.state}:Proceed":
                return
            if abandoned:
                # Of a launch, the instance is terminated and replaced (R8); of a termination, it is terminated
                # all the same (R9). The hooks of the other transition do not get a say.
                self._terminated(instance)
            else:
                arrive()

        self._state(instance, f"{move.state}:Wait")
        self.actions.begin(instance, move, hooks, ended)

    def _notice_gone(self, instance: Instance) -> None:
        if self.instances.get(instance.id) is not instance:
            return
        if instance.state.endswith(":Retained"):
            self._terminated(instance)
        elif "Terminating" not in instance.state:
            self._begin_end(instance)
            self._reconcile_if_known(instance.group)

    def _begin_end(self, instance: Instance) -> None:
        self.actions.forget(instance)
        if instance.state.startswith("Warmed"):
            self._terminate_warmed(instance)
        else:
            self._terminate(instance)

    def _arrive(self, instance_id: str, group: str) -> Instance:
        instance = self.instances[instance_id] = Instance(instance_id, group)
        return instance

    def _in_service(self, instance: Instance) -> None:
        instance.drains = self.fleet.register(instance.id, instance.group)
        self._state(instance, "InService")
        # The group may have been scaled in while nothing could be spared.
        self._reconcile_if_known(instance.group)

    def _terminated(self, instance: Instance, *, replace: bool = True) -> None:
        # Before EC2 does it, which would tell the group of an instance that went by itself.
        instance.gone = True
        self.fleet.terminate(instance.id)
        self._leave(instance, "Terminated")
        if replace:
            self._reconcile_if_known(instance.group)

    def _leave(self, instance: Instance, state: str) -> None:
        self._state(instance, state)
        del self.instances[instance.id]
        self.fleet.left(instance)

    def _reconcile_if_known(self, group: str) -> None:
        if group in self.groups:
            self.reconcile(group)

    def _state(self, instance: Instance, state: str) -> None:
        if instance.state != state:
            instance.state = state
            self._log.write(LogKind.INSTANCE_STATE, group=instance.group, instance=instance.id, detail=state)
        self.fleet.changed(instance)
