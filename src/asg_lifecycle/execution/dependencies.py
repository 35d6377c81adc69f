"""Everything an execution works with: made once per Lambda environment, in `asg_lifecycle.composition`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.execution.operation_count import operations_used

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext
    from mypy_boto3_lambda import LambdaClient

    from asg_lifecycle.aws.executions import Executions
    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
    from asg_lifecycle.aws.scaling_activities import ScalingActivities
    from asg_lifecycle.execution.action_events import ActionEvents
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.observer import Observer
    from asg_lifecycle.plans.selection import Planning
    from asg_lifecycle.settings import Settings
    from asg_lifecycle.steps.services import Services
    from asg_lifecycle.store.drain_slots import DrainSlots
    from asg_lifecycle.store.outages import Outages
    from asg_lifecycle.store.records import Records


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """The parts an execution is given.

    Attributes:
        settings: what the deployment decides.
        lifecycle_actions: the Auto Scaling calls.
        instances: the EC2 calls.
        records: the table of actions.
        executions: the durable executions of the function.
        drain_slots: the drain slots of groups with a limit.
        outages: the errors that stop many drains.
        planning: chooses plans.
        scaling_activities: tell why Auto Scaling terminates an instance.
        services: what steps are made with.
        checkpoint_client: makes the Lambda client with which the durable engine writes checkpoints; its own would wait
            too long for an answer.
        observer: logs and metrics.
        clock: seconds since the epoch; read inside durable steps and checks only.
        chance: a random number from 0 to 1; likewise.
        action_events: tells others about the action, None where the deployment tells nobody.
    """

    settings: Settings
    lifecycle_actions: LifecycleActions
    instances: Instances
    records: Records
    executions: Executions
    drain_slots: DrainSlots
    outages: Outages
    planning: Planning
    scaling_activities: ScalingActivities
    services: Services
    checkpoint_client: Callable[[], LambdaClient]
    observer: Observer
    clock: Callable[[], float]
    chance: Callable[[], float]
    action_events: ActionEvents | None = None


@dataclass(frozen=True, kw_only=True)
class ActionContext:
    """One lifecycle action in the hands of one durable execution.

    Attributes:
        dependencies: the parts to work with.
        action: the lifecycle action.
        wait: the key of its record.
        execution: ARN of the durable execution.
        round_number: the round of the race that this is used in.
    """

    dependencies: Dependencies
    action: LifecycleAction
    wait: str
    execution: str
    round_number: int = 1

    def is_nearly_used_up(self, context: DurableContext) -> bool:
        """Return whether the execution has used nearly all the operations that it may have, and has to hand over."""
        return operations_used(context) >= self.dependencies.settings.hand_over_at
