"""The present state of a simulated region as plain JSON, for the control API, the demo and people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from moto.elbv2.models import elbv2_backends

from asg_lifecycle_simulator.services.target_groups import DELAY

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.autoscaling.model import Action, Group
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
    from asg_lifecycle_simulator.services.registrations import Registration
    from asg_lifecycle_simulator.services.run_command.model import Invocation
    from asg_lifecycle_simulator.services.run_command.service import RunCommand
    from asg_lifecycle_simulator.services.target_groups import TargetGroups


class RegionState:
    """Reads the state of a region and the services in it.

    All times are seconds since the epoch on the region's timeline, all durations seconds.
    """

    def __init__(self, autoscaling: AutoScaling, target_groups: TargetGroups, run_command: RunCommand) -> None:
        self._autoscaling = autoscaling
        self._region = autoscaling.region
        self._target_groups = target_groups
        self._run_command = run_command

    def read(self) -> dict[str, Any]:
        """Return groups, actions under way, target groups, commands, managed instances and calls counted."""
        with self._region.lock:
            now = self._region.timeline.now()
            autoscaling = self._autoscaling
            return {
                "time": now,
                "groups": [self._group(group) for group in autoscaling.engine.groups.values()],
                "actions": [_action(action, now) for action in autoscaling.actions.active],
                "target_groups": self._targets(now),
                "commands": [_command(invocation) for invocation in self._run_command.invocations()],
                "managed_instances": dict(self._run_command.ping_statuses),
                "calls": {
                    f"{service}:{operation}": count for (service, operation), count in self._region.calls.items()
                },
            }

    def log(self, start: int = 0) -> list[dict[str, Any]]:
        """Return the entries of the region's log from position `start` on, oldest first."""
        return [asdict(entry) for entry in list(self._region.log)[start:]]

    def _group(self, group: Group) -> dict[str, Any]:
        return {
            "name": group.name,
            "desired": group.desired,
            "instances": [
                {"id": instance.id, "state": instance.state}
                for instance in self._autoscaling.engine.members(group.name)
            ],
            "hooks": [
                {
                    "name": hook.name,
                    "transition": hook.transition,
                    "heartbeat_timeout": hook.heartbeat_timeout,
                    "global_timeout": hook.global_timeout,
                    "default_result": hook.default_result,
                    "metadata": hook.metadata,
                }
                for hook in group.hooks.values()
            ],
        }

    def _targets(self, now: float) -> list[dict[str, Any]]:
        registrations = self._target_groups.registrations()
        return [
            {
                "name": group.name,
                "arn": group.arn,
                "deregistration_delay": float(str(group.attributes[DELAY])),
                "targets": [_target(entry, now) for entry in registrations if entry.group is group],
            }
            for group in elbv2_backends[self._region.account][self._region.name].target_groups.values()
        ]


def _action(action: Action, now: float) -> dict[str, Any]:
    return {
        "token": action.token,
        "group": action.hook.group,
        "hook": action.hook.name,
        "instance": action.instance,
        "transition": action.move.transition,
        "started": action.started,
        "heartbeat_remaining": action.expires - now,
        "global_remaining": action.global_deadline - now,
    }


def _target(registration: Registration, now: float) -> dict[str, Any]:
    drained_at = registration.drained_at
    return {
        "id": registration.target,
        "port": registration.port,
        "state": "registered" if drained_at is None else "draining",
        "remaining": None if drained_at is None else drained_at - now,
    }


def _command(invocation: Invocation) -> dict[str, Any]:
    return {
        "id": invocation.command.id,
        "instance": invocation.instance,
        "document": invocation.command.document,
        "comment": invocation.command.comment,
        "status": invocation.status,
        "status_details": invocation.status_details,
        "exit_code": invocation.exit_code,
        "requested_at": invocation.command.requested_at,
        "started_at": invocation.started_at,
        "ended_at": invocation.ended_at,
    }
