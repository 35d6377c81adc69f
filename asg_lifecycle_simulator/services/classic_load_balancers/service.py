"""Classic Load Balancers that drain: moto's, with registrations and connection draining on the region's timeline.

moto forgets an instance the moment it is deregistered, calls one it never had `Unknown`, and knows no draining. Here
an instance that is deregistered is `InService: Instance deregistration currently in progress.` until the connection
draining is over; one that was registered once is `OutOfService: Instance is not currently registered with the
LoadBalancer.`; one that never was is answered with `InvalidInstance`, to a deregistration, too. Sources: Elastic Load
Balancing API reference 2012-06-01 (DescribeInstanceHealth, InstanceState, DeregisterInstancesFromLoadBalancer,
ConnectionDraining), "Configure connection draining" in the Classic Load Balancers user guide, boto issues 2274 and
2576 (never registered).
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends
from moto.elb.exceptions import ELBClientError, NoActiveLoadBalancerFoundError
from moto.elb.models import LoadBalancer, elb_backends
from moto.elb.responses import ELBResponse

from asg_lifecycle_simulator.services.base import Service
from asg_lifecycle_simulator.services.classic_load_balancers.attachments import Attachments
from asg_lifecycle_simulator.services.ec2_instances import instances_by_id

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
    from asg_lifecycle_simulator.services.base import Request, Response

LONGEST_TIMEOUT = 3600
GONE = frozenset({"shutting-down", "terminated"})

DRAINING_MESSAGE = "Instance deregistration currently in progress."
UNHEALTHY_MESSAGE = "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."
HEALTHY = ("InService", "N/A", "N/A")
DRAINING = ("InService", "N/A", DRAINING_MESSAGE)
UNHEALTHY = ("OutOfService", "Instance", UNHEALTHY_MESSAGE)
# A description may hold several messages.
UNHEALTHY_AND_DRAINING = ("OutOfService", "Instance", f"{UNHEALTHY_MESSAGE} {DRAINING_MESSAGE}")
TERMINATED = ("OutOfService", "Instance", "Instance is in terminated state.")
STOPPED = ("OutOfService", "Instance", "Instance is in stopped state.")
NOT_REGISTERED = ("OutOfService", "Instance", "Instance is not currently registered with the LoadBalancer.")
TRANSIENT = ("Unknown", "ELB", "A transient error occurred. Please try again later.")


@dataclass(kw_only=True)
class Balancer:
    """What moto does not know of one load balancer. Times are seconds since the epoch.

    Attributes:
        drains: connection draining is enabled.
        timeout: of the draining, seconds; it is shown where draining is disabled, too.
        out_at: by instance that was ever registered, when it is out; infinite while it is registered.
    """

    drains: bool = False
    timeout: int = 300
    out_at: dict[str, float] = field(default_factory=dict)


class ClassicLoadBalancers(Service):
    """The Classic Load Balancers of a region.

    Logged as `LogKind.SERVICE` with the instance and `elb registered NAME` or `elb deregistered NAME`.

    Attributes:
        unhealthy: instances that fail their health checks.
        shows_terminated: terminated instances are shown all the same, as users have seen (boto3 issue 1269).
        untold: how many of the next answers about health know nothing.
        connections: by instance, seconds after its deregistration when its last connection ends.
        attachments: what is attached to groups.
    """

    def __init__(self, region: Region, autoscaling: AutoScaling) -> None:
        super().__init__(region)
        self.unhealthy: set[str] = set()
        self.shows_terminated = False
        self.untold = 0
        self.connections: dict[str, float] = {}
        self.attachments = Attachments(self, autoscaling, self.timers)
        # By moto's object: one that is made again under the name of another is a different one.
        self._balancers: defaultdict[LoadBalancer, Balancer] = defaultdict(Balancer)

    def install(self) -> None:
        """Take the instances of every load balancer over from moto, and what is attached to groups."""
        self.answer_query(
            ELBResponse,
            {
                "register_instances_with_load_balancer": self._register,
                "deregister_instances_from_load_balancer": self._deregister,
                "describe_instance_health": self._health,
                "describe_load_balancer_attributes": self._attributes,
                "modify_load_balancer_attributes": self._modify_attributes,
            },
        )
        self.attachments.install()

    def make(self, name: str, *instances: str, timeout: int = 300) -> None:
        """Make a load balancer.

        Args:
            name: its name.
            instances: what is registered with it.
            timeout: of its connection draining, seconds; 0 to disable that.
        """
        with self.region.unobserved():
            elb = self.region.client("elb")
            elb.create_load_balancer(
                LoadBalancerName=name,
                Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}],
                AvailabilityZones=[f"{self.region.name}a"],
            )
            draining = {"Enabled": True, "Timeout": timeout} if timeout else {"Enabled": False}
            elb.modify_load_balancer_attributes(
                LoadBalancerName=name, LoadBalancerAttributes={"ConnectionDraining": draining}
            )
        self.register(name, *instances)

    def exists(self, name: str) -> bool:
        """Return whether there is a load balancer of that name."""
        return name in elb_backends[self.region.account][self.region.name].load_balancers

    def is_registered(self, name: str, instance: str) -> bool:
        """Return whether an instance is registered, and not on its way out."""
        return self._balancer(name).out_at.get(instance) == math.inf

    def is_out(self, name: str, instance: str) -> bool:
        """Return whether an instance is not registered, and not draining any more."""
        return self.now >= self._balancer(name).out_at.get(instance, 0.0)

    def register(self, name: str, *instances: str) -> None:
        """Register instances."""
        balancer = self._balancer(name)
        for instance in instances:
            balancer.out_at[instance] = math.inf
            self.log(instance, f"elb registered {name}")

    def take_out(self, name: str, instance: str) -> float:
        """Deregister an instance if it is registered; return when it is out, seconds since the epoch."""
        balancer = self._balancer(name)
        if balancer.out_at.get(instance) == math.inf:
            timeout = balancer.timeout if balancer.drains else 0
            balancer.out_at[instance] = self.now + min(timeout, self.connections.get(instance, timeout))
            self.log(instance, f"elb deregistered {name}")
        return balancer.out_at.get(instance, self.now)

    def _register(self, request: Request) -> Response:
        name, asked = _asked(request)
        self._balancer(name)
        known = self._states()
        for instance in asked:
            if known.get(instance, "terminated") in GONE:
                raise _not_found(instance)
        self.register(name, *asked)
        return self._left(name)

    def _deregister(self, request: Request) -> Response:
        name, asked = _asked(request)
        self._check_known(name, asked)
        for instance in asked:
            self.take_out(name, instance)
        return self._left(name)

    def _health(self, request: Request) -> Response:
        name, asked = _asked(request)
        self._check_known(name, asked)
        out_at, known = self._balancer(name).out_at, self._states()
        wanted = asked or [instance for instance, when in out_at.items() if self.now < when]
        shown = []
        for instance in wanted:
            ec2_state = known.get(instance, "terminated")
            # The state of terminated instances is not returned.
            if ec2_state != "terminated" or self.shows_terminated:
                state, reason, description = self._state(instance, out_at[instance], ec2_state)
                shown.append({"InstanceId": instance, "State": state, "ReasonCode": reason, "Description": description})
        return {"InstanceStates": shown}

    def _state(self, instance: str, out_at: float, ec2_state: str) -> tuple[str, str, str]:
        if self.untold:
            self.untold -= 1
            return TRANSIENT
        if ec2_state == "terminated":
            return TERMINATED
        if self.now >= out_at:
            return NOT_REGISTERED
        if out_at != math.inf:
            return UNHEALTHY_AND_DRAINING if instance in self.unhealthy else DRAINING
        if ec2_state == "stopped":
            return STOPPED
        return UNHEALTHY if instance in self.unhealthy else HEALTHY

    def _attributes(self, request: Request) -> Response:
        balancer = self._balancer(request["LoadBalancerName"])
        draining = {"Enabled": balancer.drains, "Timeout": balancer.timeout}
        return {"LoadBalancerAttributes": {"ConnectionDraining": draining, "AdditionalAttributes": []}}

    def _modify_attributes(self, request: Request) -> Response:
        balancer = self._balancer(request["LoadBalancerName"])
        draining = request["LoadBalancerAttributes"]["ConnectionDraining"]
        timeout = int(draining.get("Timeout", balancer.timeout))
        if not 1 <= timeout <= LONGEST_TIMEOUT:
            raise ELBClientError("ValidationError", f"ConnectionDraining timeout must be 1 to {LONGEST_TIMEOUT}")
        balancer.drains, balancer.timeout = bool(draining["Enabled"]), timeout
        return {"LoadBalancerName": request["LoadBalancerName"], **self._attributes(request)}

    def _left(self, name: str) -> dict[str, Any]:
        out_at = self._balancer(name).out_at
        return {"Instances": [{"InstanceId": instance} for instance, when in out_at.items() if when == math.inf]}

    def _check_known(self, name: str, instances: list[str]) -> None:
        known = self._balancer(name).out_at
        for instance in instances:
            if instance not in known:
                raise _not_found(instance)

    def _balancer(self, name: str) -> Balancer:
        if not self.exists(name):
            raise NoActiveLoadBalancerFoundError(name)
        return self._balancers[elb_backends[self.region.account][self.region.name].load_balancers[name]]

    def _states(self) -> dict[str, str]:
        return {
            name: str(each.state)
            for name, each in instances_by_id(ec2_backends[self.region.account][self.region.name]).items()
        }


def _asked(request: Request) -> tuple[str, list[str]]:
    return request["LoadBalancerName"], [each["InstanceId"] for each in request.get("Instances", [])]


def _not_found(instance: str) -> ELBClientError:
    return ELBClientError("InvalidInstance", f"Could not find EC2 instance {instance}.")
