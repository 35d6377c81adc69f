"""Puts together what starts and wakes executions, apart from the rule that starts most of them."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.aws.automations import Automations
from asg_lifecycle.aws.clients import SEARCH, URGENT, Clients
from asg_lifecycle.aws.container_instances import ContainerInstances
from asg_lifecycle.aws.executions import Executions
from asg_lifecycle.aws.groups import Groups
from asg_lifecycle.aws.instances import Instances
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.composition.observer import compose_observer
from asg_lifecycle.intake.execution_starter import ExecutionStarter
from asg_lifecycle.intake.interruptions import InterruptionIntake
from asg_lifecycle.intake.notifications import NotificationIntake
from asg_lifecycle.intake.signals import SignalIntake
from asg_lifecycle.intake.sweep import Sweep
from asg_lifecycle.intake.takeovers import TakeoverIntake
from asg_lifecycle.store.record_queries import RecordQueries
from asg_lifecycle.store.records import Records
from asg_lifecycle.store.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.intake.hold_events import HoldEvents
    from asg_lifecycle.observer import Observer
    from asg_lifecycle.settings import IntakeSettings


@dataclass(frozen=True, kw_only=True)
class IntakeDependencies:
    """The parts of the functions that start or wake executions.

    Attributes:
        settings: what the deployment decides.
        clients: the AWS clients.
        executions: the durable executions.
        container_instances: the ECS container instances.
        observer: logs and metrics.
        clock: seconds since the epoch.
        chance: a random number from 0 to 1.
        pause: waits so many seconds.
    """

    settings: IntakeSettings
    clients: Clients
    executions: Executions
    container_instances: ContainerInstances
    observer: Observer
    clock: Callable[[], float]
    chance: Callable[[], float]
    pause: Callable[[float], None]

    def sweep(self) -> Sweep:
        """Return a sweep, whose time begins now."""
        lifecycle_actions = LifecycleActions(self.clients, self.clock)
        starter = ExecutionStarter(self.executions)
        return Sweep(
            groups=Groups(self.clients),
            lifecycle_actions=lifecycle_actions,
            records=RecordQueries(self.clients, self.settings.table),
            executions=self.executions,
            starter=starter,
            takeovers=TakeoverIntake(
                lifecycle_actions=lifecycle_actions,
                records=Records(self.clients, self.settings.table),
                starter=starter,
                observer=self.observer,
                clock=self.clock,
                sweep_interval=self.settings.sweep_interval,
                hold_events=self._hold_events(),
            ),
            observer=self.observer,
            clock=self.clock,
            chance=self.chance,
            pause=self.pause,
            hook_name_prefix=self.settings.hook_name_prefix,
        )

    def _hold_events(self) -> HoldEvents | None:
        settings = self.settings
        if not settings.action_events and not settings.action_topic:
            return None
        # Loaded where it is used alone.
        from asg_lifecycle.composition.action_event_channels import compose_channels  # noqa: PLC0415 - see above
        from asg_lifecycle.intake.hold_events import HoldEvents  # noqa: PLC0415 - likewise

        channels = compose_channels(bus=settings.action_events, topic=settings.action_topic)
        return HoldEvents(channels, self.observer, self.clock, settings.stack)

    def notification_intake(self) -> NotificationIntake:
        """Return what starts executions for the messages of SQS and SNS."""
        return NotificationIntake(self.executions, self.observer, self.settings.hook_name_prefix)

    def interruption_intake(self) -> InterruptionIntake:
        """Return what starts executions for the warnings of EC2."""
        return InterruptionIntake(
            Groups(self.clients), ExecutionStarter(self.executions), self.observer, self.settings.hook_name_prefix
        )

    def signal_intake(self) -> SignalIntake:
        """Return what wakes executions when a step's wait may be over."""
        return SignalIntake(
            records=RecordQueries(self.clients, self.settings.table),
            signals=Signals(self.clients, self.settings.table),
            executions=self.executions,
            instances=Instances(self.clients),
            container_instances=self.container_instances,
            automations=Automations(self.clients),
            observer=self.observer,
            clock=self.clock,
        )


def compose_intake(
    settings: IntakeSettings,
    *,
    clock: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
    pause: Callable[[float], None] = time.sleep,
    urgent: bool = False,
) -> IntakeDependencies:
    """Return the parts for `settings`. No client is made and nothing is called yet.

    Args:
        settings: what the deployment decides.
        pause: waits so many seconds.
        urgent: for a function that has seconds, not minutes, for Auto Scaling's answers.
        clock: seconds since the epoch.
        chance: a random number from 0 to 1.
    """
    clients = Clients(URGENT if urgent else SEARCH)
    return IntakeDependencies(
        settings=settings,
        clients=clients,
        executions=Executions(clients, settings.function),
        container_instances=ContainerInstances(clients, clock),
        observer=compose_observer(settings.stack, by_group=settings.metrics_by_group),
        clock=clock,
        chance=chance,
        pause=pause,
    )
