"""The kinds that are about container instances of ECS."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import ABSENT, LAUNCH, TERMINATE, CampaignKind, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle_simulator.services.ecs.model import ContainerInstance

CLUSTER, OTHER_CLUSTER = "prod", "batch"
NAMED: Mapping[str, Any] = {"cluster": CLUSTER}
DRAINED = frozenset({"DEREGISTERING", "DRAINING", "REGISTRATION_FAILED"})
"""States of a container instance that takes no tasks."""


class _OfClusters(CampaignKind):
    """What both kinds have in common: their clusters are there before the instances."""

    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ecs": (
            "ListContainerInstances",
            "DescribeContainerInstances",
            "ListTasks",
            "DescribeTasks",
            "UpdateContainerInstancesState",
            "GetTaskProtection",
            "DescribeServices",
        ),
    }

    absent: ClassVar[Mapping[str, Any]] = {"cluster": ABSENT}

    def arrange(self) -> None:
        """Make the clusters."""
        for name in (CLUSTER, OTHER_CLUSTER):
            self.testbed.ecs.clusters.setdefault(name, [])

    def members(self, instance: str) -> list[ContainerInstance]:
        """Return all registrations of the instance."""
        clusters = self.testbed.ecs.clusters.values()
        return [member for members in clusters for member in members if member.instance == instance]


class DrainEcs(_OfClusters):
    """`drain-ecs`."""

    kind = "drain-ecs"
    transitions = TERMINATE
    shapes: ClassVar[Mapping[str, Shape]] = {
        "tasks of a service": Shape(weight=4, options=NAMED),
        "tasks of no service that end": Shape(options=NAMED),
        "tasks of no service that are stopped": Shape(options={**NAMED, "standalone": "stop"}),
        "in a cluster that is looked for": Shape(),
        "without tasks": Shape(options=NAMED),
        "not registered": Shape(options=NAMED),
        "registered again": Shape(options=NAMED),
        "registered again in another cluster": Shape(),
        "orphaned tasks": Shape(options=NAMED, endless=True),
        "orphaned tasks that are left": Shape(options={**NAMED, "orphaned_tasks": "ignore"}),
        "a protected task": Shape(options=NAMED),
        "a protected task that is unprotected": Shape(options={**NAMED, "protected_tasks": "unprotect"}),
        "a service that is placed nowhere": Shape(options={**NAMED, "stop_after": "2m"}),
        "a daemon": Shape(options=NAMED),
        "a task that never stops": Shape(options=NAMED, endless=True),
    }
    has_disturbance = True

    def settle(self, instance: str) -> None:
        """Register the instance, and run tasks on it."""
        ecs, step = self.testbed.ecs, self.step
        if step.shape == "not registered":
            return
        if step.shape.startswith("registered again"):
            before = CLUSTER if step.shape == "registered again" else OTHER_CLUSTER
            # Its agent is gone: what it ran has ended on the host, or nobody would ever stop it.
            ecs.register(instance, before, connected=False)
        if step.shape.startswith("orphaned"):
            gone = ecs.register(instance, CLUSTER, connected=False)
            ecs.run(gone, "lost:1", service="lost", takes=math.inf)
        self._run_tasks(ecs.register(instance, CLUSTER))

    def _run_tasks(self, member: ContainerInstance) -> None:
        ecs, step = self.testbed.ecs, self.step
        match step.shape:
            case "tasks of no service that end":
                ecs.run(member, "job:1", ends_after=step.takes)
            case "tasks of no service that are stopped":
                ecs.run(member, "job:1", takes=step.takes)
            case "without tasks":
                pass
            case "a task that never stops":
                ecs.run(member, "web:1", service="web", takes=math.inf)
            case "a protected task" | "a protected task that is unprotected":
                (task,) = ecs.run(member, "web:1", service="web", takes=5.0)
                ecs.protect(task, step.takes if step.shape == "a protected task" else 200_000.0)
            case "a service that is placed nowhere":
                ecs.service("web", CLUSTER, places=False)
                ecs.run(member, "web:1", service="web", takes=step.takes)
            case "a daemon":
                ecs.service("agents", CLUSTER, daemon=True)
                ecs.run(member, "agent:1", service="agents", takes=5.0)
                ecs.run(member, "web:1", service="web", takes=step.takes)
            case _:
                ecs.run(member, "web:1", service="web", takes=step.takes)
                ecs.run(member, "worker:3", service="worker", takes=step.takes / 2)

    def disturb(self, instance: str) -> None:
        """Set the container instance to ACTIVE again, and run one more task."""
        for member in self.members(instance):
            member.status = "ACTIVE"
            self.testbed.ecs.run(member, "late:1", service="late", takes=self.step.takes)
            self.testbed.ecs.tell(member)

    def undone(self, instance: str, since: float) -> str | None:
        """Return the registration that takes tasks, or the task that has not stopped."""
        del since
        if self.replaced_by_absent:
            return None
        for member in self.members(instance):
            if member.status == "INACTIVE":
                continue
            if member.status not in DRAINED:
                return f"container instance {member.arn[-4:]} was set to DRAINING"
            left = [task for task in member.tasks if task.status(self.now) != "STOPPED"]
            if "orphaned_tasks" in self.step.options and not member.connected:
                # The instance has registered again, and the plan leaves what nobody stops.
                continue
            if left:
                return f"task {left[0].definition} had stopped"
        return None


class WaitForEcs(_OfClusters):
    """`wait-for-ecs`."""

    kind = "wait-for-ecs"
    transitions = LAUNCH
    shapes: ClassVar[Mapping[str, Shape]] = {
        "registers": Shape(weight=3, options=NAMED),
        "its agent connects": Shape(weight=2, options=NAMED),
        "is DRAINING": Shape(options=NAMED),
        "registers with a cluster that is looked for": Shape(),
        "never registers": Shape(options=NAMED, endless=True),
    }

    def settle(self, instance: str) -> None:
        """Let the instance register."""
        ecs, shape, takes = self.testbed.ecs, self.step.shape, self.step.takes
        match shape:
            case "never registers":
                return
            case "its agent connects":
                self.after(takes, partial(self._connect, ecs.register(instance, CLUSTER, connected=False)))
            case "is DRAINING":
                self.after(takes, partial(self._connect, ecs.register(instance, CLUSTER, connected=False)))
                for member in self.members(instance):
                    member.status = "DRAINING"
            case _:
                self.after(takes, lambda: ecs.register(instance, CLUSTER))

    def _connect(self, member: ContainerInstance) -> None:
        self.testbed.ecs.connect(member)

    def undone(self, instance: str, since: float) -> str | None:
        """Return what keeps ECS from placing tasks."""
        del since
        if self.replaced_by_absent:
            return None
        members = self.members(instance)
        ready = any(member.status == "ACTIVE" and member.connected for member in members)
        return None if ready else "ECS could place tasks on it"
