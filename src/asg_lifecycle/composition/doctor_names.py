"""Whether what plans name exists, of what can be looked up without touching it.

The documents of commands, runbooks, state machines, functions, event buses, topics and metrics are not looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.classic_load_balancers import Membership
from asg_lifecycle.aws.eks import Eks
from asg_lifecycle.aws.lattice_target_groups import is_lattice
from asg_lifecycle.composition.doctor_plans import first_instance, plan_in_words
from asg_lifecycle.model.doctor.facts import MissingName
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.plans import IfMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.composition.doctor_reading import Reader
    from asg_lifecycle.model.doctor.facts import GroupFacts, HookFacts
    from asg_lifecycle.model.plans import PlannedStep
    from asg_lifecycle.steps.services import Services

CHECKS = ("plan-names-what-is-missing",)
NO_INSTANCE = "i-00000000000000000"
"""For calls that find a cluster or a load balancer by asking it for an instance, in place of one of the group."""

NO_NAME = "asg-lifecycle-doctor.invalid."
"""For calls that find a hosted zone by asking it for a name."""

TARGET_GROUPS = {"names": "target group", "arns": "target group"}
NAMED: Mapping[str, Mapping[str, str]] = {
    "add-dns-record": {"zone": "hosted zone"},
    "attach-volume": {"volumes": "EBS volume"},
    "deregister-classic-elb": {"names": "Classic Load Balancer"},
    "deregister-cloud-map": {"services": "Cloud Map service", "namespaces": "Cloud Map namespace"},
    "deregister-targets": TARGET_GROUPS,
    "detach-volume": {"volumes": "EBS volume"},
    "drain-ecs": {"cluster": "ECS cluster"},
    "drain-kubernetes": {"cluster": "EKS cluster"},
    "register-targets": TARGET_GROUPS,
    "remove-dns-records": {"zones": "hosted zone"},
    "wait-for-ecs": {"cluster": "ECS cluster"},
    "wait-for-kubernetes": {"cluster": "EKS cluster"},
}
"""The options that name what can be looked up, by the kind of step, and what they name. Target groups of VPC Lattice
are taken to exist."""


class NameFinder:
    """Looks up what plans name, each thing once.

    Args:
        clients: the AWS clients.
        services: what steps call.
        reader: makes the calls.
        clock: seconds since the epoch.
    """

    def __init__(self, clients: Clients, services: Services, reader: Reader, clock: Callable[[], float]) -> None:
        self._services = services
        self._reader = reader
        self._eks = Eks(clients, clock)
        self._known: dict[tuple[str, str], bool] = {}

    def missing(self, hooks: Sequence[tuple[GroupFacts, HookFacts]]) -> Iterator[MissingName]:
        """Yield what the plans of hooks name and that does not exist. Steps that may lack it are left out."""
        for group, hook in hooks:
            decision = hook.decision
            if decision is None or decision.plan is None:
                continue
            for step in decision.plan.leaves():
                if step.if_missing is IfMissing.DONE:
                    continue
                for what, name, exists in self._named(step, first_instance(group) or NO_INSTANCE):
                    if not self._exists(what, name, exists):
                        yield MissingName(
                            group=group.name,
                            hook=hook.name,
                            plan=plan_in_words(decision),
                            kind=step.kind,
                            what=what,
                            name=name,
                        )

    def _exists(self, what: str, name: str, exists: Callable[[str], bool]) -> bool:
        """Return whether a thing exists; one that could not be looked up is taken to exist, and the reader knows it."""
        if (what, name) not in self._known:
            found = self._reader.read(f"{what} {name}", CHECKS, lambda: exists(name), kind=what)
            self._known[what, name] = found is not False
        return self._known[what, name]

    def _named(self, step: PlannedStep, instance: str) -> Iterator[tuple[str, str, Callable[[str], bool]]]:
        """Yield what a step names: what it is, its name, and what finds out whether it exists."""
        finders: Mapping[str, Callable[[str], bool]] = {
            "target group": self._has_target_group,
            "Classic Load Balancer": lambda name: self._has_classic(name, instance),
            "ECS cluster": lambda name: self._has_ecs(name, instance),
            "EKS cluster": self._has_eks,
            "hosted zone": self._has_zone,
            "Cloud Map service": self._has_service,
            "Cloud Map namespace": self._has_namespace,
            "EBS volume": self._has_volume,
        }
        for option, what in NAMED.get(step.kind, {}).items():
            value = step.options.get(option)
            for name in value if isinstance(value, list) else [value]:
                if name:
                    yield what, name, finders[what]

    def _has_target_group(self, name: str) -> bool:
        target_groups = self._services.target_groups
        if is_lattice(name):
            return True
        return (target_groups.settings(name) if ":" in name else target_groups.named(name)) is not None

    def _has_classic(self, name: str, instance: str) -> bool:
        return self._services.classic_load_balancers.membership(name, instance) is not Membership.NO_BALANCER

    def _has_ecs(self, cluster: str, instance: str) -> bool:
        return self._services.container_instances.in_cluster(instance, cluster) is not None

    def _has_eks(self, cluster: str) -> bool:
        try:
            self._eks.address(cluster)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return False
            raise
        return True

    def _has_zone(self, zone: str) -> bool:
        return self._services.dns_records.record_sets(zone, [NO_NAME]) is not None

    def _has_volume(self, volume: str) -> bool:
        return self._services.volumes.named([volume])[volume] is not None

    def _has_service(self, service: str) -> bool:
        return self._services.cloud_map.instances(service.rpartition("/")[2]) is not None

    def _has_namespace(self, namespace: str) -> bool:
        cloud_map = self._services.cloud_map
        return bool(cloud_map.namespaces(namespace)) or (
            namespace.startswith("ns-") and cloud_map.namespace_exists(namespace)
        )
