"""The testbed: a region with the services that steps need, and the application deployed in it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.addresses import Addresses
from asg_lifecycle_simulator.services.automations import Automations
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.classic_load_balancers.service import ClassicLoadBalancers
from asg_lifecycle_simulator.services.cloud_map import CloudMap
from asg_lifecycle_simulator.services.ecs.service import Ecs
from asg_lifecycle_simulator.services.elastic_ips import ElasticIps
from asg_lifecycle_simulator.services.event_bus import EventBus
from asg_lifecycle_simulator.services.functions import Functions
from asg_lifecycle_simulator.services.http_apis import HttpApis
from asg_lifecycle_simulator.services.kubernetes.service import Kubernetes
from asg_lifecycle_simulator.services.late_instances import LateInstances
from asg_lifecycle_simulator.services.lattice import Lattice
from asg_lifecycle_simulator.services.network_interfaces import NetworkInterfaces
from asg_lifecycle_simulator.services.private_addresses import PrivateAddresses
from asg_lifecycle_simulator.services.role_policies import RolePolicies
from asg_lifecycle_simulator.services.route53 import Dns
from asg_lifecycle_simulator.services.run_command.service import RunCommand
from asg_lifecycle_simulator.services.snapshots.service import Snapshots
from asg_lifecycle_simulator.services.spot import SpotInstances
from asg_lifecycle_simulator.services.stack_groups import StackGroups
from asg_lifecycle_simulator.services.stacks import Stacks
from asg_lifecycle_simulator.services.state_machines import StateMachines
from asg_lifecycle_simulator.services.status_checks import StatusChecks
from asg_lifecycle_simulator.services.target_groups import TargetGroups, make_target_group
from asg_lifecycle_simulator.services.traffic_sources import TrafficSources
from asg_lifecycle_simulator.services.volumes.service import Volumes

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

DeploymentT = TypeVar("DeploymentT", bound=Deployment)


class Testbed(Generic[DeploymentT]):
    """A region and the application, in virtual time. Enter it as a context manager, once.

    Args:
        deploy: makes the deployment; it is entered with the region.
        seed: what everything random in the region is drawn from.

    Attributes:
        timeline: the time everything lives by.
        region: the region.
        autoscaling: its Auto Scaling groups.
        spot: its Spot instances.
        target_groups: its target groups.
        run_command: its Run Command.
        automations: its runbooks and their automations.
        state_machines: its state machines.
        status_checks: its status checks.
        ecs: its clusters.
        functions: its Lambda functions, beside the application's.
        kubernetes: its Kubernetes clusters.
        classic_load_balancers: its Classic Load Balancers.
        addresses: by what its instances are reached.
        elastic_ips: its Elastic IP addresses.
        network_interfaces: its network interfaces.
        private_addresses: the secondary private addresses on these.
        cloud_map: its Cloud Map.
        http_apis: the HTTP APIs of others.
        dns: the Route 53 of its account.
        volumes: its EBS volumes.
        snapshots: its snapshots and images.
        role_policies: what the roles of its account are allowed.
        deployment: the application.
    """

    def __init__(self, deploy: Callable[[Region, VirtualTimeline], DeploymentT], *, seed: int = 0) -> None:
        self.timeline = VirtualTimeline()
        self.region = Region(self.timeline, seed=seed)
        self.autoscaling = self.region.add(AutoScaling(self.region))
        self.spot = self.region.add(SpotInstances(self.region, self.autoscaling))
        self.target_groups = self.region.add(TargetGroups(self.region, self.autoscaling))
        self.run_command = self.region.add(RunCommand(self.region))
        self.automations = self.region.add(Automations(self.region))
        self.state_machines = self.region.add(StateMachines(self.region))
        self.status_checks = self.region.add(StatusChecks(self.region))
        self.late_instances = self.region.add(LateInstances(self.region))
        self.ecs = self.region.add(Ecs(self.region))
        self.functions = self.region.add(Functions(self.region))
        self.kubernetes = self.region.add(Kubernetes(self.region))
        self.classic_load_balancers = self.region.add(ClassicLoadBalancers(self.region, self.autoscaling))
        self.lattice = self.region.add(Lattice(self.region))
        self.traffic_sources = self.region.add(
            TrafficSources(
                self.region,
                self.autoscaling,
                target_groups=self.target_groups,
                classic_load_balancers=self.classic_load_balancers,
                lattice=self.lattice,
            )
        )
        self.region.add(EventBus(self.region))
        self.addresses = self.region.add(Addresses(self.region))
        self.elastic_ips = self.region.add(ElasticIps(self.region))
        self.network_interfaces = self.region.add(NetworkInterfaces(self.region))
        self.private_addresses = self.region.add(PrivateAddresses(self.region, self.network_interfaces))
        self.cloud_map = self.region.add(CloudMap(self.region))
        self.dns = self.region.add(Dns(self.region))
        self.http_apis = self.region.add(HttpApis(self.region))
        self.volumes = self.region.add(Volumes(self.region))
        self.snapshots = self.region.add(Snapshots(self.region))
        self.region.add(Stacks(self.region))
        self.region.add(StackGroups(self.region))
        self.role_policies = self.region.add(RolePolicies(self.region))
        self.deployment = deploy(self.region, self.timeline)
        self._entered = ExitStack()

    def __enter__(self) -> Self:
        """Point boto3 at the region, and deploy."""
        with ExitStack() as entering:
            entering.enter_context(self.region)
            entering.enter_context(self.deployment)
            self._entered = entering.pop_all()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Undo it."""
        self._entered.__exit__(error_type, error, traceback)

    def target_group(self, name: str, *instances: str, delay: int = 300, ports: tuple[int, ...] = (80,)) -> str:
        """Make a target group that is attached to no group, and return its ARN.

        Args:
            name: its name.
            instances: what is registered.
            delay: deregistration delay, seconds.
            ports: on which each instance is registered.
        """
        arn = make_target_group(self.region, name, delay=delay)
        self.register(arn, *instances, ports=ports)
        return arn

    def register(self, arn: str, *instances: str, ports: tuple[int, ...] = (80,)) -> None:
        """Register instances with a target group, on each port."""
        targets = [{"Id": instance, "Port": port} for instance in instances for port in ports]
        if not targets:
            return
        with self.region.unobserved():
            self.region.client("elbv2").register_targets(TargetGroupArn=arn, Targets=targets)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.timeline.run_for(seconds)

    def completions(self) -> list[str]:
        """Return how the actions ended: the result, and who ended them."""
        return [entry.detail for entry in self.region.log.of(LogKind.COMPLETED)]
