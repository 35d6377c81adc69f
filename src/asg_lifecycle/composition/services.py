"""Puts together the services that steps call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.automations import Automations
from asg_lifecycle.aws.classic_load_balancers import ClassicLoadBalancers
from asg_lifecycle.aws.cloud_map import CloudMap
from asg_lifecycle.aws.commands import Commands
from asg_lifecycle.aws.container_instances import ContainerInstances
from asg_lifecycle.aws.dns_records import DnsRecords
from asg_lifecycle.aws.ecs_services import EcsServices
from asg_lifecycle.aws.eks import Eks
from asg_lifecycle.aws.elastic_ips import ElasticIps
from asg_lifecycle.aws.functions import Functions
from asg_lifecycle.aws.group_states import GroupStates
from asg_lifecycle.aws.http_hosts import HttpHosts
from asg_lifecycle.aws.images import Images
from asg_lifecycle.aws.instances import Instances
from asg_lifecycle.aws.lattice_target_groups import LatticeTargetGroups
from asg_lifecycle.aws.metrics import Metrics
from asg_lifecycle.aws.network_interfaces import NetworkInterfaces
from asg_lifecycle.aws.publishing import Publishing
from asg_lifecycle.aws.request_signing import RequestSigning, trusted_authorities
from asg_lifecycle.aws.secret_parameters import SecretParameters
from asg_lifecycle.aws.secret_values import SecretValues
from asg_lifecycle.aws.snapshots import Snapshots
from asg_lifecycle.aws.state_machines import StateMachines
from asg_lifecycle.aws.target_groups import TargetGroups
from asg_lifecycle.aws.traffic_sources import TrafficSources
from asg_lifecycle.aws.volumes import Volumes
from asg_lifecycle.http_apis.http_apis import HttpApis
from asg_lifecycle.http_apis.network import Network
from asg_lifecycle.kubernetes.clusters import Clusters
from asg_lifecycle.model.redaction import KnownSecrets
from asg_lifecycle.steps.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
    from asg_lifecycle.store.signals import Signals


def compose_services(  # noqa: PLR0913 - what a deployment, and a test, decides
    clients: Clients,
    lifecycle_actions: LifecycleActions,
    clock: Callable[[], float],
    *,
    signals: Signals | None = None,
    plan_path: str | None = None,
    network: Network | None = None,
) -> Services:
    """Return the services that steps call. No client is made and nothing is called yet.

    Args:
        clients: the AWS clients.
        lifecycle_actions: the Auto Scaling calls.
        clock: seconds since the epoch.
        signals: the signals that actions have received, None where the deployment takes no signals.
        plan_path: where named plans are, beside which the hosts of HTTP requests are; None where none are sent.
        network: where names lead; None for the network there is, which a test alone replaces.
    """
    known_secrets = KnownSecrets()
    parameters = SecretParameters(clients, known_secrets)
    return Services(
        lifecycle_actions=lifecycle_actions,
        instances=Instances(clients),
        images=Images(clients),
        group_states=GroupStates(clients),
        target_groups=TargetGroups(clients, clock),
        lattice_target_groups=LatticeTargetGroups(clients),
        traffic_sources=TrafficSources(clients, clock),
        commands=Commands(clients),
        automations=Automations(clients),
        state_machines=StateMachines(clients),
        container_instances=ContainerInstances(clients, clock),
        ecs_services=EcsServices(clients),
        metrics=Metrics(clients),
        publishing=Publishing(clients),
        signals=signals,
        snapshots=Snapshots(clients),
        volumes=Volumes(clients),
        functions=Functions(clients),
        classic_load_balancers=ClassicLoadBalancers(clients, clock),
        clusters=Clusters(Eks(clients, clock), parameters, clock),
        cloud_map=CloudMap(clients, clock),
        dns_records=DnsRecords(clients),
        http_apis=HttpApis(
            HttpHosts(parameters, plan_path, clock) if plan_path is not None else None,
            SecretValues(clients, parameters, known_secrets, clock),
            RequestSigning(clients),
            trusted=trusted_authorities,
            clock=clock,
            network=network or Network(),
        ),
        elastic_ips=ElasticIps(clients),
        network_interfaces=NetworkInterfaces(clients),
        known_secrets=known_secrets,
    )
