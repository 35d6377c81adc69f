"""Why ECS has not told tasks of services to stop, and what the plan says to do about it.

Source: "Drain Amazon ECS container instances" and "Protect your Amazon ECS tasks from being terminated by scale-in
events" in the ECS developer guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.clock_times import clock_time
from asg_lifecycle.model.durations import PositiveDuration, readable, seconds
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.resource_names import EcsCluster
from asg_lifecycle.steps.support.sentences import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.model.ecs import EcsServiceState, Protection
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services
    from asg_lifecycle.steps.support.ecs_tasks import LeftTask

ASKED_AFTER = 60.0
"""Seconds into the step before ECS is asked why tasks are still there: most are told to stop by then."""

UNABLE = "was unable to"
"""What the messages of a service say when it cannot start tasks, for want of resources or of a container instance."""


class DrainEcsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it is, and what becomes of tasks that nobody stops."""

    cluster: Annotated[
        EcsCluster | None,
        Meta(
            description="Name or ARN of the cluster; without it the tag `asg-lifecycle:ecs-cluster` of "
            "the instance names it, or every cluster of the Region is asked."
        ),
    ] = None
    standalone: Annotated[
        Literal["wait", "stop"],
        Meta(description="What is done with tasks that belong to no service: `wait` for their end, or `stop` them."),
    ] = "wait"
    orphaned_tasks: Annotated[
        Literal["wait", "ignore"],
        Meta(
            description="What is done with tasks of a registration whose agent is not connected while the instance "
            "has registered again: `wait`, which holds the instance until somebody decides, or `ignore` them."
        ),
    ] = "wait"
    protected_tasks: Annotated[
        Literal["wait", "unprotect"],
        Meta(
            description="What is done with tasks that are protected from scale-in: `wait` for the end of their "
            "protection, or `unprotect` them."
        ),
    ] = "wait"
    stop_after: Annotated[
        PositiveDuration | None,
        Meta(
            description="After how long in the step tasks of services are stopped that ECS has not told to stop: those "
            "of a service that cannot start them elsewhere, those of a DAEMON. Without it they are waited for, and "
            "those that are protected are waited for with it."
        ),
    ] = None


class Kept(Struct, frozen=True, kw_only=True):
    """What keeps tasks.

    Attributes:
        reasons: why each task is still there, by its ARN.
        notes: what is said of them together.
        blockers: services that keep their tasks.
        stops_in: seconds until the plan has them stopped, None where it does not or has.
    """

    reasons: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    stops_in: float | None = None


class TaskKeepers:
    """Finds out why tasks of services are still there.

    Args:
        options: what the plan says.
        services: the AWS services.
    """

    def __init__(self, options: DrainEcsOptions, services: Services) -> None:
        self._options = options
        self._ecs = services.ecs_services
        self._container_instances = services.container_instances

    def look(self, left: Sequence[LeftTask], target: Target) -> Kept:
        """Return what keeps those tasks of services that ECS has not told to stop.

        Raises:
            CallFailed: a task could not be stopped or unprotected. That something could not be found out is said.
        """
        kept = [each for each in left if each.task.service is not None and not each.task.stopping and each.on.connected]
        after = self._options.stop_after
        left_until = target.began_at + seconds(after) - target.now if after is not None and kept else None
        stops_in = left_until if left_until is not None and left_until > 0 else None
        if not kept or target.now < target.began_at + ASKED_AFTER:
            return Kept(stops_in=stops_in)
        protections: dict[str, Protection] = {}
        states: dict[tuple[str, str | None], EcsServiceState] = {}
        try:
            for cluster in dict.fromkeys(each.on.cluster for each in kept):
                here = [each.task for each in kept if each.on.cluster == cluster]
                protections |= self._ecs.protections(cluster, [task.arn for task in here])
                found = self._ecs.states(cluster, {task.service for task in here if task.service is not None})
                states |= {(cluster, name): state for name, state in found.items()}
        except CallFailed as failed:
            return Kept(notes=(f"what keeps them could not be found out: {failed}",), stops_in=stops_in)
        self._unprotect([each for each in kept if each.task.arn in protections])
        if self._options.protected_tasks == "unprotect":
            protections = {}
        stopped = self._stop([each for each in kept if each.task.arn not in protections], target)
        daemons = [each for each in kept if (state := states.get(_service(each))) is not None and state.daemon]
        return Kept(
            reasons={each.task.arn: _reason(each, protections, states, target) for each in kept},
            notes=(*_notes(protections, len(daemons)), *stopped),
            blockers=tuple(
                Blocker(kind=BlockerKind.SERVICE, name=name or "", reason=f"service {name} says: {message}")
                for (_, name), state in states.items()
                if (message := _trouble(state, target)) is not None
            ),
            stops_in=stops_in,
        )

    def _unprotect(self, tasks: Sequence[LeftTask]) -> None:
        if self._options.protected_tasks == "unprotect":
            for cluster in dict.fromkeys(each.on.cluster for each in tasks):
                self._ecs.unprotect(cluster, [each.task.arn for each in tasks if each.on.cluster == cluster])

    def _stop(self, tasks: Sequence[LeftTask], target: Target) -> list[str]:
        after = self._options.stop_after
        if after is None or not tasks or target.now < target.began_at + seconds(after):
            return []
        reason = f"instance {target.action.instance} is drained by asg-lifecycle, and ECS has not stopped this task"
        for each in tasks:
            self._container_instances.stop(each.task, cluster=each.on.cluster, reason=reason)
        return [f"{counted(len(tasks), 'task')} told to stop after {readable(seconds(after))} (stop_after)"]


def _service(task: LeftTask) -> tuple[str, str | None]:
    return task.on.cluster, task.task.service


def _trouble(state: EcsServiceState, target: Target) -> str | None:
    """Return why a service could not start tasks since the step began; None when it could, or says nothing of it."""
    newest = next((message for message in state.messages if message.at >= target.began_at), None)
    return newest.text if newest is not None and UNABLE in newest.text else None


def _reason(
    task: LeftTask,
    protections: dict[str, Protection],
    states: dict[tuple[str, str | None], EcsServiceState],
    target: Target,
) -> str:
    status, service = task.task.status, task.task.service
    if (protection := protections.get(task.task.arn)) is not None:
        until = f" until {clock_time(protection.until)}" if protection.until is not None else ""
        return f"is {status}: it is protected from scale-in{until} (protected_tasks: unprotect ends that)"
    state = states.get(_service(task))
    if state is None:
        return f"is {status}: ECS knows no service {service} in this cluster"
    if _trouble(state, target) is not None:
        return f"is {status}: service {service} cannot start it elsewhere (stop_after stops it all the same)"
    if state.daemon:
        return f"is {status}: service {service} is a DAEMON, whose task ECS stops after the others"
    return f"is {status}: service {service} has not told it to stop yet"


def _notes(protections: dict[str, Protection], daemons: int) -> list[str]:
    notes = []
    if protections:
        ends = [each.until for each in protections.values() if each.until is not None]
        until = f" until {clock_time(max(ends))} at the latest" if len(ends) == len(protections) else ""
        notes.append(f"{counted(len(protections), 'task')} protected from scale-in{until}")
    if daemons:
        notes.append(f"{counted(daemons, 'task')} of a DAEMON, which ECS stops after the others")
    return notes
