"""What a freshly started simulator server holds."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest.mock import patch

from moto.ec2.models import instances as moto_instances
from moto.ec2.utils import random_instance_id

from asg_lifecycle_simulator.services.target_groups import make_target_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
    from asg_lifecycle_simulator.services.run_command.service import RunCommand

GROUP = "web"
TARGET_GROUP = "web"
TERMINATE_HOOK = "asg-lifecycle-terminate"
LAUNCH_HOOK = "asg-lifecycle-launch"
INSTANCES = ("i-1234567890abcdef0", "i-1234567890abcdef1")
"""The first is the instance of the sample events."""

WAITING_TOKEN = "87654321-4321-4321-4321-210987654321"  # noqa: S105 - the token of the sample events, no secret
DRAIN = {"plan": {"steps": [{"kind": "deregister-targets", "options": {"names": [TARGET_GROUP]}}]}}
"""`NotificationMetadata` of the terminate hook when Auto Scaling does not drain the target group itself."""

SCENARIOS = ("web", "terminate", "none")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a scenario leaves open.

    Attributes:
        table: name of the table of records.
        deregistration_delay: of the target group, seconds.
        heartbeat_timeout: of both hooks, seconds.
        attached: the target group is attached to the Auto Scaling group, which then drains it before the terminate
            hook begins (R26). Otherwise it is not, and the terminate hook carries a plan that names it.
    """

    table: str = "asg-lifecycle"
    deregistration_delay: int = 60
    heartbeat_timeout: int = 3600
    attached: bool = False


def build(autoscaling: AutoScaling, run_command: RunCommand, settings: Settings) -> None:
    """Make the group `web`: two managed instances in a target group, a terminate and a launch hook."""
    region = autoscaling.region
    target_group = make_target_group(region, TARGET_GROUP, delay=settings.deregistration_delay)
    with instance_ids(INSTANCES):
        autoscaling.create_group(
            GROUP,
            capacity=len(INSTANCES),
            target_group_arns=[target_group] if settings.attached else [],
        )
    if not settings.attached:
        with region.unobserved():
            targets = [{"Id": instance} for instance in INSTANCES]
            region.client("elbv2").register_targets(TargetGroupArn=target_group, Targets=targets)
    # The hooks come after the instances, which are therefore in service at once.
    plan = {} if settings.attached else {"NotificationMetadata": json.dumps(DRAIN)}
    timing = {"HeartbeatTimeout": settings.heartbeat_timeout}
    autoscaling.put_hook(GROUP, TERMINATE_HOOK, "TERMINATING", **timing, **plan)
    autoscaling.put_hook(GROUP, LAUNCH_HOOK, "LAUNCHING", **timing)
    for instance in INSTANCES:
        run_command.manage(instance)


def wait_for_termination(autoscaling: AutoScaling, instance: str, *, token: str) -> None:
    """Scale in by `instance`, which enters `Terminating:Wait` at once, with this token.

    The target groups attached to its group are not drained first, as they would be (R26): whoever works on the action
    finds something to drain.
    """
    with autoscaling.region.lock:
        autoscaling.engine.instances[instance].drains = False
        with patch.object(autoscaling.actions, "_token", lambda: token):
            autoscaling.terminate(instance)


@contextmanager
def instance_ids(ids: Sequence[str]) -> Iterator[None]:
    """Give the next instances that EC2 launches these ids, and ones of moto's choice after them."""
    left = list(ids)
    with patch.object(moto_instances, "random_instance_id", lambda: left.pop(0) if left else random_instance_id()):
        yield
