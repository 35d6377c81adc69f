from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asg_lifecycle_simulator.region.log import LogEntry

GROUP = "web"


class AutoScalingTestbed:
    """A group `web` in a simulated region, and what tests do with it through boto3."""

    def __init__(self, region: Region, timeline: VirtualTimeline) -> None:
        self.region = region
        self.service = region.add(AutoScaling(region))
        self.timeline = timeline
        self.started = timeline.now()
        self.events: list[dict[str, Any]] = []
        self.client = region.client("autoscaling")
        region.subscribe(self.events.append)

    @property
    def elapsed(self) -> float:
        return self.timeline.now() - self.started

    def group(
        self, capacity: int = 1, *, max_size: int | None = None, target_group_arns: Sequence[str] = ()
    ) -> list[str]:
        return self.service.create_group(
            GROUP, capacity=capacity, max_size=max_size, target_group_arns=target_group_arns
        )

    def hook(
        self, name: str = "drain", transition: str = "TERMINATING", heartbeat: int = 60, **fields: str | int
    ) -> None:
        self.service.put_hook(GROUP, name, transition, HeartbeatTimeout=heartbeat, **fields)

    def held(self, *hooks: str, transition: str = "TERMINATING", heartbeat: int = 60, **fields: str | int) -> str:
        """Return an instance that waits under `hooks` (`drain` when none is named) since now."""
        instances = self.group(int(transition == "TERMINATING"), max_size=3)
        for hook in hooks or ("drain",):
            self.hook(hook, transition, heartbeat, **fields)
        if transition == "TERMINATING":
            self.service.terminate(instances[0])
        else:
            self.service.scale(GROUP, 1)
            instances = self.service.instances(GROUP)
        return instances[0]

    def token(self, instance: str, hook: str = "drain") -> str:
        started = self.region.log.of(LogKind.WAIT_STARTED, instance=instance)
        return next(entry.token for entry in reversed(started) if entry.hook == hook)

    def complete(self, instance: str, result: str = "CONTINUE", hook: str = "drain") -> None:
        self.client.complete_lifecycle_action(
            AutoScalingGroupName=GROUP,
            LifecycleHookName=hook,
            LifecycleActionToken=self.token(instance, hook),
            LifecycleActionResult=result,
        )

    def beat(self, instance: str, hook: str = "drain") -> None:
        self.client.record_lifecycle_action_heartbeat(
            AutoScalingGroupName=GROUP, LifecycleHookName=hook, LifecycleActionToken=self.token(instance, hook)
        )

    def state(self, instance: str) -> str | None:
        return self.service.instance_state(instance)

    def ec2_state(self, instance: str) -> str:
        with self.region.unobserved():
            described = self.region.client("ec2").describe_instances(InstanceIds=[instance])
        return str(described["Reservations"][0]["Instances"][0]["State"]["Name"])

    def states(self, instance: str) -> list[str]:
        return [entry.detail for entry in self.region.log.of(LogKind.INSTANCE_STATE, instance=instance)]

    def ends(self, instance: str) -> list[LogEntry]:
        return self.region.log.of(LogKind.COMPLETED, LogKind.SKIPPED, instance=instance)


@pytest.fixture
def timeline() -> VirtualTimeline:
    return VirtualTimeline()


@pytest.fixture
def region(timeline: VirtualTimeline) -> Iterator[Region]:
    with Region(timeline) as region:
        yield region


@pytest.fixture
def auto_scaling(region: Region, timeline: VirtualTimeline) -> AutoScalingTestbed:
    return AutoScalingTestbed(region, timeline)
