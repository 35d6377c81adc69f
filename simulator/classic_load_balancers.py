"""Classic Load Balancers that drain: moto's, with connections that take their time to end.

Sources: Elastic Load Balancing API reference, version 2012-06-01 (DeregisterInstancesFromLoadBalancer,
DescribeInstanceHealth), and "Configure connection draining" in the Classic Load Balancers user guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.elb.exceptions import ELBClientError, LoadBalancerNotFoundError
from moto.elb.models import ELBBackend
from moto.elb.responses import ELBResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moto.elb.models import LoadBalancer

    from simulator.region import SimulatedRegion

IN_SERVICE = ("InService", "N/A", "N/A")
DRAINING = ("InService", "N/A", "Instance deregistration currently in progress.")
NOT_REGISTERED = ("OutOfService", "Instance", "Instance is not currently registered with the LoadBalancer.")


class ClassicLoadBalancers:
    """The Classic Load Balancers of a region, as a `SimulatedService`.

    Attributes:
        connections_end_after: seconds after which an instance's connections have ended, where that is sooner than the
            load balancer's timeout.
        forgets: it answers `InvalidInstance` for an instance that is not registered, as it does for one EC2 has
            forgotten; with a state otherwise.
    """

    def __init__(self) -> None:
        self._region: SimulatedRegion | None = None
        self.connections_end_after: float | None = None
        self.forgets = False
        self._drained_at: dict[tuple[str, str], float] = {}

    def install(self, region: SimulatedRegion) -> None:
        """Take deregistration and health over from moto."""
        self._region = region
        deregister = ELBBackend.deregister_instances

        def deregister_instances(
            backend: ELBBackend, load_balancer_name: str, instance_ids: Iterable[str], **more: bool
        ) -> object:
            balancer = backend.get_load_balancer(load_balancer_name)
            if balancer is None:
                raise LoadBalancerNotFoundError(load_balancer_name)
            for instance in instance_ids:
                if instance in balancer.instance_ids:
                    self._drain(load_balancer_name, instance, _timeout(balancer))
            # moto keeps what Auto Scaling has registered apart, and would leave it there.
            deregister(backend, load_balancer_name, instance_ids, from_autoscaling=True)
            return deregister(backend, load_balancer_name, instance_ids, **more)

        def describe_instance_health(response: ELBResponse) -> ActionResult:
            name = response._get_param("LoadBalancerName")  # noqa: SLF001 - how moto's responses read a request
            balancer = response.elb_backend.get_load_balancer(name)
            if balancer is None:
                raise LoadBalancerNotFoundError(name)
            asked = [entry["InstanceId"] for entry in response._get_param("Instances", [])]  # noqa: SLF001 - as above
            states = [self._state(name, instance, balancer.instance_ids) for instance in asked]
            return ActionResult({"InstanceStates": states})

        region.replace(ELBBackend, "deregister_instances", deregister_instances)
        region.replace(ELBResponse, "describe_instance_health", describe_instance_health)

    def uninstall(self) -> None:
        """Forget everything."""
        self._drained_at.clear()
        self._region = None

    def make(self, name: str, *instances: str, timeout: int | None = 300) -> None:
        """Make a load balancer.

        Args:
            name: its name.
            instances: what is registered.
            timeout: seconds that connections have to end; None without connection draining.
        """
        if self._region is None:
            raise RuntimeError("the region has not been entered")
        with self._region.unobserved():
            client = self._region.client("elb")
            client.create_load_balancer(
                LoadBalancerName=name,
                Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}],
                AvailabilityZones=[f"{self._region.name}a"],
            )
            draining = {"Enabled": timeout is not None, **({"Timeout": timeout} if timeout is not None else {})}
            client.modify_load_balancer_attributes(
                LoadBalancerName=name, LoadBalancerAttributes={"ConnectionDraining": draining}
            )
        self.register(name, *instances)

    def register(self, name: str, *instances: str) -> None:
        """Register instances with a load balancer."""
        if self._region is None or not instances:
            return
        with self._region.unobserved():
            self._region.client("elb").register_instances_with_load_balancer(
                LoadBalancerName=name, Instances=[{"InstanceId": instance} for instance in instances]
            )

    def _drain(self, name: str, instance: str, timeout: float) -> None:
        ends_after = timeout if self.connections_end_after is None else min(timeout, self.connections_end_after)
        self._drained_at[name, instance] = self._now() + ends_after

    def _state(self, name: str, instance: str, registered: Iterable[str]) -> dict[str, str]:
        if instance in registered:
            state, reason, description = IN_SERVICE
        elif self._now() < self._drained_at.get((name, instance), 0.0):
            state, reason, description = DRAINING
        elif self.forgets:
            raise ELBClientError("InvalidInstance", f"Could not find EC2 instance {instance}.")
        else:
            state, reason, description = NOT_REGISTERED
        return {"InstanceId": instance, "State": state, "ReasonCode": reason, "Description": description}

    def _now(self) -> float:
        if self._region is None:
            raise RuntimeError("the region has not been entered")
        return self._region.timeline.now()


def _timeout(balancer: LoadBalancer) -> float:
    # moto keeps what it was given, whose names begin with capitals, beside its own defaults.
    draining = balancer.attributes["connection_draining"]
    enabled = str(draining.get("Enabled", draining.get("enabled"))).lower() == "true"
    return float(draining.get("Timeout") or draining.get("timeout") or 300) if enabled else 0.0
