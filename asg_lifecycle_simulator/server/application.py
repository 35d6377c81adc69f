"""The application in a served region: its stack, and the function that works on lifecycle actions if that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import SWEEP_EVERY, Parameters
from asg_lifecycle_simulator.deployment.stack import make_stack
from asg_lifecycle_simulator.deployment.table import create_table
from asg_lifecycle_simulator.services.addresses import Addresses
from asg_lifecycle_simulator.services.classic_load_balancers.service import ClassicLoadBalancers
from asg_lifecycle_simulator.services.cloud_map import CloudMap
from asg_lifecycle_simulator.services.ecs.service import Ecs
from asg_lifecycle_simulator.services.event_bus import EventBus
from asg_lifecycle_simulator.services.functions import Functions
from asg_lifecycle_simulator.services.kubernetes.service import Kubernetes
from asg_lifecycle_simulator.services.lattice import Lattice
from asg_lifecycle_simulator.services.role_policies import RolePolicies
from asg_lifecycle_simulator.services.route53 import Dns
from asg_lifecycle_simulator.services.stack_groups import StackGroups
from asg_lifecycle_simulator.services.stacks import Stacks
from asg_lifecycle_simulator.services.status_checks import StatusChecks
from asg_lifecycle_simulator.services.traffic_sources import TrafficSources

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timeline import Timeline
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
    from asg_lifecycle_simulator.services.target_groups import TargetGroups

NOTIFICATIONS = {"Notifications": "on"}
"""The parameters of the stack: hooks may notify it."""


def add_services(region: Region, autoscaling: AutoScaling, target_groups: TargetGroups) -> None:
    """Add every other service that steps call, before the region is entered."""
    region.add(StatusChecks(region))
    region.add(Ecs(region))
    region.add(Functions(region))
    region.add(Kubernetes(region))
    classic = region.add(ClassicLoadBalancers(region, autoscaling))
    lattice = region.add(Lattice(region))
    region.add(
        TrafficSources(
            region, autoscaling, target_groups=target_groups, classic_load_balancers=classic, lattice=lattice
        )
    )
    region.add(EventBus(region))
    region.add(Addresses(region))
    region.add(CloudMap(region))
    region.add(Dns(region))
    region.add(Stacks(region))
    region.add(StackGroups(region))
    region.add(RolePolicies(region))


def deploy(
    region: Region, timeline: Timeline, autoscaling: AutoScaling, *, table: str, answers_hooks: bool
) -> Deployment:
    """Deploy the application into a region that has been entered, and make its stack.

    Args:
        region: where.
        timeline: its time.
        autoscaling: its Auto Scaling groups.
        table: name of the table of records.
        answers_hooks: the function works on lifecycle actions. Otherwise somebody else's does: there is only the stack,
            by which the command line finds the table.
    """
    deployment = Deployment(
        region, timeline, Parameters(table=table, sweep_every=SWEEP_EVERY if answers_hooks else None)
    )
    if answers_hooks:
        deployment.__enter__()  # The region takes with it what this makes.
    else:
        create_table(region, table)
    outputs = make_stack(region, deployment, parameters=NOTIFICATIONS)
    with region.unobserved():
        name = outputs["NotificationQueueArn"].rpartition(":")[2]
        deployment.queues["notification"] = region.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    deployment.topic = outputs["NotificationTopicArn"]
    deployment.take_notifications(autoscaling)
    return deployment
