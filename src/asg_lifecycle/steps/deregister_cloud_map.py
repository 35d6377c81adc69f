"""The step kind `deregister-cloud-map`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeAlias

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.aws.cloud_map import OperationStatus, Service
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.bounds import matching
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Failed, StepAnswer, Waiting
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.missing_things import done_unless_missing, there_is_no
from asg_lifecycle.steps.support.sentences import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asg_lifecycle.aws.cloud_map import ServiceInstance
    from asg_lifecycle.steps.base import Target

ServiceId: TypeAlias = Annotated[
    str,
    matching(
        "^(srv-[a-z0-9]+|arn:[a-z0-9-]+:servicediscovery:.+:service/srv-[a-z0-9]+)$",
        "the id (srv-…) or the ARN of a service; a service is chosen by name with its namespace",
    ),
]
"""The id or ARN of a service."""

NAMESPACE_ID = re.compile(r"ns-[a-z0-9]+")

UNKNOWN = "its addresses are not known any more, so it was looked for by its id alone"


class DeregisterCloudMapOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which services. Only these are looked into, never all of the account."""

    services: Annotated[tuple[ServiceId, ...], Meta(description="Services by id (`srv-…`) or ARN.")] = ()
    namespaces: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(description="Namespaces by name or id (`ns-…`): all of their services."),
    ] = ()

    def __post_init__(self) -> None:
        """Refuse options that name no service.

        Raises:
            ValueError: they name none.
        """
        if not (self.services or self.namespaces):
            raise ValueError("no service is named; give services or namespaces")


class Leaving(Struct, frozen=True, kw_only=True):
    """One service instance that is being deregistered.

    Attributes:
        service: its service.
        id: its id in the service.
        operation: the operation that deregisters it, None when Cloud Map did not say.
    """

    service: Service
    id: str
    operation: str | None


class DeregisterCloudMapState(Struct, frozen=True, kw_only=True):
    """What is being deregistered.

    Attributes:
        leaving: the service instances whose operations have not ended.
        services: the services in which the instance was found.
        addresses: its addresses.
        missing: what the plan names and there is not.
    """

    leaving: tuple[Leaving, ...]
    services: tuple[Service, ...]
    addresses: tuple[str, ...]
    missing: tuple[str, ...]


class DeregisterCloudMap(StatefulStep[DeregisterCloudMapOptions, DeregisterCloudMapState]):
    """Deregister the instance from services of AWS Cloud Map, and wait until that is done.

    It deregisters service instances whose id or attributes name the instance or hold an address of it. One that names
    another EC2 instance is left alone, whatever its address. Cloud Map removes the DNS records and the health check
    that it made; it asks for the permissions of Route 53 in our name. Clients may know the address for the TTL of the
    records. An instance that registers itself again while it is waited for is deregistered again.
    """

    kind = "deregister-cloud-map"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"namespaces": ["shop.internal"]}
    permissions = (
        "route53:DeleteHealthCheck",
        "route53:GetHealthCheck",
        "route53:UpdateHealthCheck",
        "servicediscovery:DeregisterInstance",
        "servicediscovery:GetNamespace",
        "servicediscovery:GetOperation",
        "servicediscovery:ListInstances",
        "servicediscovery:ListNamespaces",
        "servicediscovery:ListServices",
    )
    template_parameter = "CloudMapSteps"
    may_be_missing = "services and namespaces"
    skip_if_instance_survives = True

    def preview(self, target: Target) -> str:
        """Say which service instances would be deregistered."""
        services, missing = self._chosen_services()
        addresses = self._services.instances.reached_by(target.action.instance, target.facts)
        found = list(self._find(services, missing, target, addresses))
        if not found:
            return f"is in none of {_counted(services, missing)}{there_is_no(missing)}"
        names = ", ".join(f"{instance.id} from {service.name}" for service, instance in found)
        return f"would deregister {names}{there_is_no(missing)}"

    def begin(self, target: Target) -> StepAnswer:
        """Deregister the instance from all of the services."""
        services, missing = self._chosen_services()
        addresses = self._services.instances.reached_by(target.action.instance, target.facts)
        leaving = self._deregister(self._find(services, missing, target, addresses))
        if not leaving:
            done = f"instance {target.action.instance} is in none of {_counted(services, missing)}"
            return done_unless_missing(done + _unknown(addresses), missing)
        found = tuple(dict.fromkeys(entry.service for entry in leaving))
        return self._leaving(
            DeregisterCloudMapState(leaving=tuple(leaving), services=found, addresses=addresses, missing=tuple(missing))
        )

    def poll(self, target: Target, state: DeregisterCloudMapState) -> StepAnswer:
        """Ask for the operations, and at their end check whether the instance has gone."""
        left, errors = [], []
        for entry in state.leaving:
            operation = self._services.cloud_map.operation(entry.operation) if entry.operation is not None else None
            if operation is not None and operation.status is OperationStatus.UNDER_WAY:
                left.append(entry)
            elif operation is not None and operation.status is OperationStatus.FAILED:
                errors.append((entry, operation.error))
        if left:
            # The step fails only after all operations have ended, so failed ones stay in the state.
            return self._leaving(msgspec.structs.replace(state, leaving=(*left, *(entry for entry, _ in errors))))
        still = list(self._find(state.services, [], target, state.addresses))
        for entry, error in errors:
            if any(service == entry.service and instance.id == entry.id for service, instance in still):
                return Failed(
                    f"Cloud Map could not deregister {entry.id} from service {_named(entry.service)}: {error}; "
                    f"mend that, or deregister it by hand"
                )
        again = self._deregister(still)
        if again:
            return self._leaving(msgspec.structs.replace(state, leaving=tuple(again)))
        done = f"deregistered from {', '.join(_named(service) for service in state.services)}"
        return done_unless_missing(done + _unknown(state.addresses), state.missing)

    def _leaving(self, state: DeregisterCloudMapState) -> Waiting:
        named = listed(f"{entry.id} from {_named(entry.service)}" for entry in state.leaving)
        count = counted(len(state.leaving), "service instance")
        note = _unknown(state.addresses) + there_is_no(state.missing)
        return self._waiting(
            f"waiting for Cloud Map to deregister {count}: {named}{note}",
            state,
            blockers=(
                Blocker(
                    kind=BlockerKind.SERVICE,
                    name=entry.service.id,
                    reason=f"service instance {entry.id} of {entry.service.name} is being deregistered",
                )
                for entry in state.leaving
            ),
        )

    def _chosen_services(self) -> tuple[tuple[Service, ...], list[str]]:
        """Return the services that the options name, and names of what does not exist."""
        found, missing = [], []
        for namespace in self._options.namespaces:
            is_id = NAMESPACE_ID.fullmatch(namespace) is not None
            ids = (namespace,) if is_id else self._services.cloud_map.namespaces(namespace)
            services = [service for identity in ids for service in self._services.cloud_map.services(identity)]
            # A namespace that does not exist has no services either, and Cloud Map lists none without a word.
            if not ids or (is_id and not services and not self._services.cloud_map.namespace_exists(namespace)):
                missing.append(f"namespace {namespace}")
            found += services
        found += [Service(service, _short(service)) for service in self._options.services]
        unique: dict[str, Service] = {}
        for service in found:
            unique.setdefault(_short(service.id), service)
        return tuple(unique.values()), missing

    def _find(
        self, services: Iterable[Service], missing: list[str], target: Target, addresses: tuple[str, ...]
    ) -> Iterator[tuple[Service, ServiceInstance]]:
        """Yield what the instance is registered as. A service that does not exist is added to `missing`."""
        for service in services:
            found = self._services.cloud_map.instances(service.id)
            if found is None:
                missing.append(f"service {service.name}")
            for instance in found or ():
                if instance.belongs_to(target.action.instance, addresses):
                    yield service, instance

    def _deregister(self, found: Iterable[tuple[Service, ServiceInstance]]) -> list[Leaving]:
        leaving = []
        for service, instance in found:
            under_way = self._services.cloud_map.deregister(service.id, instance.id)
            if under_way is not None:
                leaving.append(Leaving(service=service, id=instance.id, operation=under_way.operation))
        return leaving


def _named(service: Service) -> str:
    return service.name if service.id.endswith(service.name) else f"{service.name} ({service.id})"


def _short(service: str) -> str:
    return service.rpartition("/")[2]


def _counted(services: tuple[Service, ...], missing: list[str]) -> str:
    count = len(services) - sum(entry.startswith("service ") for entry in missing)
    return counted(count, "service")


def _unknown(addresses: tuple[str, ...]) -> str:
    return "" if addresses else f"; {UNKNOWN}"
