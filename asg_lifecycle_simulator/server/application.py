"""The application in a served region: its stack, and the function that works on lifecycle actions if that is wanted.

It is in a checkout only: `server.has_application` tells before this is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import SWEEP_EVERY, Parameters
from asg_lifecycle_simulator.deployment.stack import make_stack
from asg_lifecycle_simulator.deployment.table import create_table

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timeline import Timeline
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling

NOTIFICATIONS = {"Notifications": "on"}
"""The parameters of the stack: hooks may notify it."""


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
