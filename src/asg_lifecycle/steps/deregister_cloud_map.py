"""Deregister the instance from services of AWS Cloud Map, and wait until that is done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Struct

from asg_lifecycle.aws.cloud_map import OperationStatus, Service
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

    from asg_lifecycle.aws.cloud_map import CloudMap, ServiceInstance
    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

SERVICE = re.compile(r"srv-[a-z0-9]+|arn:[a-z0-9-]+:servicediscovery:.+:service/srv-[a-z0-9]+")
NAMESPACE_ID = re.compile(r"ns-[a-z0-9]+")

UNKNOWN = "its addresses are not known any more, so it was looked for by its id alone"

NAMED = 5
"""Service instances that are named while they are waited for."""


class DeregisterCloudMapOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which services. Only these are looked into, never all of the account.

    Attributes:
        services: services by id (`srv-…`) or ARN.
        namespaces: namespaces by name or id (`ns-…`): all of their services.
    """

    services: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse options that name no service.

        Raises:
            ValueError: they name none, or by something that is neither id nor ARN.
        """
        if not (self.services or self.namespaces):
            raise ValueError("no service is named; give services or namespaces")
        if wrong := [service for service in self.services if not SERVICE.fullmatch(service)]:
            raise ValueError(f"service {wrong[0]!r} is neither an id (srv-…) nor an ARN; names go by their namespace")
        if "" in self.namespaces:
            raise ValueError("a namespace has no name; give its name or its id (ns-…)")


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


class DeregisterCloudMap:
    """`deregister-cloud-map`: service instances whose id or attributes name the instance, or hold an address of it.

    One that names another EC2 instance is left alone, whatever its address. Cloud Map removes the DNS records and the
    health check that it made; it asks for the permissions of Route 53 in our name. Clients may know the address for
    the TTL of the records. An instance that registers itself again while it is waited for is deregistered again.
    """

    kind: ClassVar[str] = "deregister-cloud-map"
    options: ClassVar[type[Struct]] = DeregisterCloudMapOptions
    example: ClassVar[dict[str, Any]] = {"namespaces": ["shop.internal"]}
    permissions: ClassVar[tuple[str, ...]] = (
        "route53:DeleteHealthCheck",
        "route53:GetHealthCheck",
        "route53:UpdateHealthCheck",
        "servicediscovery:DeregisterInstance",
        "servicediscovery:GetOperation",
        "servicediscovery:ListInstances",
        "servicediscovery:ListNamespaces",
        "servicediscovery:ListServices",
    )
    template_parameter: ClassVar[str | None] = "CloudMapSteps"
    skip_if_instance_survives: ClassVar[bool] = True
    needs_instance_alive: ClassVar[bool] = False
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: DeregisterCloudMapOptions, cloud_map: CloudMap, instances: Instances) -> None:
        self._chosen = chosen
        self._cloud_map = cloud_map
        self._instances = instances

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(
            msgspec.convert(options, DeregisterCloudMapOptions, from_attributes=True),
            services.cloud_map,
            services.instances,
        )

    def preview(self, target: Target) -> str:
        """Say which service instances would be deregistered."""
        services, missing = self._services()
        found = list(
            self._find(services, missing, target, self._instances.reached_by(target.action.instance, target.facts))
        )
        note = _note(missing)
        if not found:
            return f"is in none of {_counted(services, missing)}{note}"
        listed = ", ".join(f"{instance.id} from {service.name}" for service, instance in found)
        return f"would deregister {listed}{note}"

    def begin(self, target: Target) -> Progress:
        """Deregister the instance from all of the services."""
        services, missing = self._services()
        addresses = self._instances.reached_by(target.action.instance, target.facts)
        leaving = self._deregister(self._find(services, missing, target, addresses))
        note = _note(missing) + ("" if addresses else f"; {UNKNOWN}")
        if not leaving:
            return Done(f"instance {target.action.instance} is in none of {_counted(services, missing)}{note}")
        return _waiting(leaving, tuple(dict.fromkeys(entry.service for entry in leaving)), addresses, note)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Ask for the operations, and at their end look whether the instance has gone."""
        entries = msgspec.convert(last.state["leaving"], tuple[Leaving, ...])
        services = msgspec.convert(last.state["services"], tuple[Service, ...])
        addresses, note = tuple(last.state["addresses"]), last.state["note"]
        left, errors = [], []
        for entry in entries:
            operation = self._cloud_map.operation(entry.operation) if entry.operation is not None else None
            if operation is not None and operation.status is OperationStatus.UNDER_WAY:
                left.append(entry)
            elif operation is not None and operation.status is OperationStatus.FAILED:
                errors.append((entry, operation.error))
        if left:
            # What failed beside them is asked for again: nothing is said before all of them have ended.
            return _waiting([*left, *(entry for entry, _ in errors)], services, addresses, note)
        still = list(self._find(services, [], target, addresses))
        for entry, error in errors:
            if any(service == entry.service and instance.id == entry.id for service, instance in still):
                return Failed(
                    f"Cloud Map could not deregister {entry.id} from service {_named(entry.service)}: {error}; "
                    f"mend that, or deregister it by hand",
                    retryable=True,
                )
        again = self._deregister(still)
        if again:
            return _waiting(again, services, addresses, note)
        return Done(f"deregistered from {', '.join(_named(service) for service in services)}{note}")

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave it deregistered: an operation cannot be stopped."""
        del target, last
        return None

    def _services(self) -> tuple[tuple[Service, ...], list[str]]:
        """Return the services that the options name, and what of that there is not."""
        found, missing = [], []
        for namespace in self._chosen.namespaces:
            ids = (namespace,) if NAMESPACE_ID.fullmatch(namespace) else self._cloud_map.namespaces(namespace)
            if not ids:
                missing.append(f"namespace {namespace}")
            found += [service for identity in ids for service in self._cloud_map.services(identity)]
        found += [Service(service, _short(service)) for service in self._chosen.services]
        unique: dict[str, Service] = {}
        for service in found:
            unique.setdefault(_short(service.id), service)
        return tuple(unique.values()), missing

    def _find(
        self, services: Iterable[Service], missing: list[str], target: Target, addresses: tuple[str, ...]
    ) -> Iterator[tuple[Service, ServiceInstance]]:
        """Yield what the instance is registered as; a service there is not is added to `missing`."""
        for service in services:
            found = self._cloud_map.instances(service.id)
            if found is None:
                missing.append(f"service {service.name}")
            for instance in found or ():
                if instance.belongs_to(target.action.instance, addresses):
                    yield service, instance

    def _deregister(self, found: Iterable[tuple[Service, ServiceInstance]]) -> list[Leaving]:
        leaving = []
        for service, instance in found:
            under_way = self._cloud_map.deregister(service.id, instance.id)
            if under_way is not None:
                leaving.append(Leaving(service=service, id=instance.id, operation=under_way.operation))
        return leaving


def _waiting(leaving: list[Leaving], services: tuple[Service, ...], addresses: tuple[str, ...], note: str) -> Waiting:
    named = ", ".join(f"{entry.id} from {_named(entry.service)}" for entry in leaving[:NAMED])
    more = ", …" if len(leaving) > NAMED else ""
    return Waiting(
        f"waiting for Cloud Map to deregister {len(leaving)} service "
        f"{'instance' if len(leaving) == 1 else 'instances'}: {named}{more}{note}",
        state={
            "leaving": msgspec.to_builtins(leaving),
            "services": msgspec.to_builtins(services),
            "addresses": list(addresses),
            "note": note,
        },
    )


def _named(service: Service) -> str:
    return service.name if service.id.endswith(service.name) else f"{service.name} ({service.id})"


def _short(service: str) -> str:
    return service.rpartition("/")[2]


def _counted(services: tuple[Service, ...], missing: list[str]) -> str:
    count = len(services) - sum(entry.startswith("service ") for entry in missing)
    return f"{count} {'service' if count == 1 else 'services'}"


def _note(missing: list[str]) -> str:
    return f"; there is no {', no '.join(missing)}" if missing else ""
