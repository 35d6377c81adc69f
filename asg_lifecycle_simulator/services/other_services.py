"""What a region has beside Auto Scaling, target groups and Run Command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.services.addresses import Addresses
from asg_lifecycle_simulator.services.classic_load_balancers.service import ClassicLoadBalancers
from asg_lifecycle_simulator.services.cloud_map import CloudMap
from asg_lifecycle_simulator.services.ecs.service import Ecs
from asg_lifecycle_simulator.services.elastic_ips import ElasticIps
from asg_lifecycle_simulator.services.event_bus import EventBus
from asg_lifecycle_simulator.services.functions import Functions
from asg_lifecycle_simulator.services.kubernetes.service import Kubernetes
from asg_lifecycle_simulator.services.lattice import Lattice
from asg_lifecycle_simulator.services.network_interfaces import NetworkInterfaces
from asg_lifecycle_simulator.services.private_addresses import PrivateAddresses
from asg_lifecycle_simulator.services.role_policies import RolePolicies
from asg_lifecycle_simulator.services.route53 import Dns
from asg_lifecycle_simulator.services.snapshots.service import Snapshots
from asg_lifecycle_simulator.services.stack_groups import StackGroups
from asg_lifecycle_simulator.services.stacks import Stacks
from asg_lifecycle_simulator.services.status_checks import StatusChecks
from asg_lifecycle_simulator.services.traffic_sources import TrafficSources
from asg_lifecycle_simulator.services.volumes.service import Volumes

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
    from asg_lifecycle_simulator.services.target_groups import TargetGroups


def add_services(region: Region, autoscaling: AutoScaling, target_groups: TargetGroups) -> Functions:
    """Add every other service, before the region is entered, and return its Lambda functions."""
    region.add(StatusChecks(region))
    region.add(Ecs(region))
    functions = region.add(Functions(region))
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
    region.add(ElasticIps(region))
    region.add(PrivateAddresses(region, region.add(NetworkInterfaces(region))))
    region.add(CloudMap(region))
    region.add(Dns(region))
    region.add(Volumes(region))
    region.add(Snapshots(region))
    region.add(Stacks(region))
    region.add(StackGroups(region))
    region.add(RolePolicies(region))
    return functions
