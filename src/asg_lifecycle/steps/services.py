"""What steps are made with: one object per AWS service they use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asg_lifecycle.aws.automations import Automations
    from asg_lifecycle.aws.classic_load_balancers import ClassicLoadBalancers
    from asg_lifecycle.aws.cloud_map import CloudMap
    from asg_lifecycle.aws.commands import Commands
    from asg_lifecycle.aws.container_instances import ContainerInstances
    from asg_lifecycle.aws.dns_records import DnsRecords
    from asg_lifecycle.aws.ecs_services import EcsServices
    from asg_lifecycle.aws.elastic_ips import ElasticIps
    from asg_lifecycle.aws.functions import Functions
    from asg_lifecycle.aws.group_states import GroupStates
    from asg_lifecycle.aws.images import Images
    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.aws.lattice_target_groups import LatticeTargetGroups
    from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
    from asg_lifecycle.aws.metrics import Metrics
    from asg_lifecycle.aws.network_interfaces import NetworkInterfaces
    from asg_lifecycle.aws.publishing import Publishing
    from asg_lifecycle.aws.snapshots import Snapshots
    from asg_lifecycle.aws.state_machines import StateMachines
    from asg_lifecycle.aws.target_groups import TargetGroups
    from asg_lifecycle.aws.traffic_sources import TrafficSources
    from asg_lifecycle.aws.volumes import Volumes
    from asg_lifecycle.http_apis.http_apis import HttpApis
    from asg_lifecycle.kubernetes.clusters import Clusters
    from asg_lifecycle.model.redaction import KnownSecrets
    from asg_lifecycle.store.signals import Signals


@dataclass(frozen=True, kw_only=True)
class Services:
    """The AWS services of this account and Region; `signals` is None where none are heard.

    `known_secrets` hides what steps have read as a secret, and what looks like one.
    """

    lifecycle_actions: LifecycleActions
    instances: Instances
    images: Images
    group_states: GroupStates
    target_groups: TargetGroups
    lattice_target_groups: LatticeTargetGroups
    traffic_sources: TrafficSources
    commands: Commands
    automations: Automations
    state_machines: StateMachines
    container_instances: ContainerInstances
    ecs_services: EcsServices
    metrics: Metrics
    publishing: Publishing
    signals: Signals | None
    snapshots: Snapshots
    volumes: Volumes
    functions: Functions
    clusters: Clusters
    classic_load_balancers: ClassicLoadBalancers
    cloud_map: CloudMap
    dns_records: DnsRecords
    http_apis: HttpApis
    elastic_ips: ElasticIps
    network_interfaces: NetworkInterfaces
    known_secrets: KnownSecrets
