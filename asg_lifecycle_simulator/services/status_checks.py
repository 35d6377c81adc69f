"""EC2's status checks, which take time; moto's pass at once.

Source: "Status checks for Amazon EC2 instances" in the EC2 user guide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.ec2.responses.instances import InstanceResponse

from asg_lifecycle_simulator.services.base import Service
from asg_lifecycle_simulator.services.ec2_instances import instances_by_id

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Response


@dataclass(frozen=True, kw_only=True)
class Checks:
    """The outcome of the checks of an instance.

    Attributes:
        passes_after: seconds from the moment it was first seen until both pass; `initializing` before.
        system: status of the system check then.
        instance: status of the instance check then.
    """

    passes_after: float = 0.0
    system: str = "ok"
    instance: str = "ok"


class StatusChecks(Service):
    """The status checks of a region. They pass at once unless `behave` says otherwise."""

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self._checks: dict[str | None, Checks] = {None: Checks()}
        self._seen: dict[str, float] = {}

    def install(self) -> None:
        """Take the checks over from moto."""
        self.answer(InstanceResponse, {"describe_instance_status": self._describe})

    def behave(self, checks: Checks, *, instance: str | None = None) -> None:
        """Set the outcome of the checks of an instance from now on; without `instance`, of all others."""
        self._checks[instance] = checks

    def have_passed(self, instance: str) -> bool:
        """Return whether both checks of an instance have passed; they begin when it is first asked for."""
        checks = self._checks.get(instance, self._checks[None])
        over = instance in self._seen and self.now >= self._seen[instance] + checks.passes_after
        return over and checks.system == checks.instance == "ok"

    def _describe(self, response: InstanceResponse) -> Response:
        known = instances_by_id(response.ec2_backend)
        chosen = response._get_param("InstanceIds", [])  # noqa: SLF001 - how moto's responses read their parameters
        everything = response._get_bool_param("IncludeAllInstances", False)  # noqa: SLF001, FBT003 - likewise
        for identity in chosen:
            # Raises EC2's error for one that there is not.
            response.ec2_backend.get_instance(identity)
        now = self.now
        return {
            "InstanceStatuses": [
                self._status(instance, now)
                for identity, instance in known.items()
                if (not chosen or identity in chosen) and (everything or instance.state == "running")
            ]
        }

    def _status(self, instance: Instance, now: float) -> dict[str, Any]:
        since = self._seen.setdefault(instance.id, now)
        checks = self._checks.get(instance.id, self._checks[None])
        running, passed = instance.state == "running", now >= since + checks.passes_after
        system, inner = (checks.system, checks.instance) if passed else ("initializing", "initializing")
        if not running:
            system = inner = "not-applicable"
        return {
            "InstanceId": instance.id,
            "AvailabilityZone": instance.placement,
            "InstanceState": {"Code": instance.state_code, "Name": instance.state},
            "SystemStatus": {"Status": system},
            "InstanceStatus": {"Status": inner},
        }
