"""EC2 that does not know an instance yet which was launched a moment ago (R32).

Source: "Eventual consistency in the Amazon EC2 API" in the EC2 developer guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ec2.models import EC2Backend
from moto.ec2.responses.instances import InstanceResponse

from asg_lifecycle_simulator.services.base import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.core.responses import ActionResult

    from asg_lifecycle_simulator.region.region import Region

DESCRIPTIONS = ("describe_instances", "describe_instance_status")


class LateInstances(Service):
    """What EC2 does not know yet.

    Attributes:
        known_after: seconds from the launch of an instance until requests for its id find it.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self.known_after = 0.0
        self._known_at: dict[str, float] = {}

    def install(self) -> None:
        """Note launches, and look at what is asked for."""
        launch = EC2Backend.run_instances

        def noted(backend: EC2Backend, *arguments: object, **named: object) -> object:
            reservation = launch(backend, *arguments, **named)  # type: ignore[arg-type] # handed on
            self._known_at |= {instance.id: self.now + self.known_after for instance in reservation.instances}
            return reservation

        self.region.replace(EC2Backend, "run_instances", noted)
        for name in DESCRIPTIONS:
            self.region.replace(InstanceResponse, name, self._looking_first(getattr(InstanceResponse, name)))

    def _looking_first(
        self, describe: Callable[[InstanceResponse], ActionResult]
    ) -> Callable[[InstanceResponse], ActionResult]:
        def described(response: InstanceResponse) -> ActionResult:
            asked = response._get_param("InstanceIds", [])  # noqa: SLF001 - moto's way to the parameters
            late = [identity for identity in asked if self.now < self._known_at.get(identity, 0.0)]
            if late:
                raise InvalidInstanceIdError(late)
            return describe(response)

        return described
