"""ECS in place of moto's, which ignores the filter of `ListContainerInstances` and stops nothing when one drains."""

from __future__ import annotations

from moto.ecs.responses import EC2ContainerServiceResponse

from asg_lifecycle_simulator.services.ecs.clusters import Clusters
from asg_lifecycle_simulator.services.ecs.requests import EcsRequests


class Ecs(Clusters):
    """The clusters of a region, and their API."""

    def install(self) -> None:
        """Take ECS over from moto."""
        self.answer_json(EC2ContainerServiceResponse, EcsRequests(self).operations())
