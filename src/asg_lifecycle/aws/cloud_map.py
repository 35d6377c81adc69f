"""The AWS Cloud Map calls: services, service instances, and the operations that deregister them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.addresses import normalized
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asg_lifecycle.aws.clients import Clients

NAMESPACES_KEPT = 300.0
SERVICES_KEPT = 60.0
"""Seconds that the list of a namespace's services is kept."""

INSTANCE_IDS = ("AWS_EC2_INSTANCE_ID", "EC2_INSTANCE_ID")
"""Attributes that name an EC2 instance; ECS writes the second one."""

ADDRESSES = ("AWS_INSTANCE_IPV4", "AWS_INSTANCE_IPV6", "AWS_INSTANCE_CNAME")
"""Attributes that hold an address or a DNS name."""


class Service(Struct, frozen=True):
    """One service: its id or ARN, and its name where it is known."""

    id: str
    name: str


class ServiceInstance(Struct, frozen=True, kw_only=True):
    """One service instance.

    Attributes:
        id: its id in the service; often, but not always, that of an EC2 instance.
        instances: the EC2 instances that its attributes name.
        addresses: the addresses and DNS names in its attributes, normalized.
    """

    id: str
    instances: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def belongs_to(self, instance: str, addresses: Iterable[str]) -> bool:
        """Return whether it is `instance`.

        Other networks may use the same private address, so an address counts only where no attribute is an instance id.
        """
        if self.id == instance or instance in self.instances:
            return True
        if self.instances or self.id.startswith("i-"):
            return False
        return not {normalized(address) for address in addresses}.isdisjoint(self.addresses)


class OperationStatus(StrEnum):
    """The state of an operation."""

    UNDER_WAY = "under way"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Cloud Map knows no such operation (any more)."""


class Operation(Struct, frozen=True):
    """The state of an operation, and the error it ended with."""

    status: OperationStatus
    error: str = ""


class Deregistration(Struct, frozen=True):
    """A deregistration that is under way, by its operation; None where Cloud Map did not say which one it is."""

    operation: str | None


STATUSES = {
    "SUBMITTED": OperationStatus.UNDER_WAY,
    "PENDING": OperationStatus.UNDER_WAY,
    "SUCCESS": OperationStatus.SUCCEEDED,
    "FAIL": OperationStatus.FAILED,
}


class CloudMap:
    """The Cloud Map services of this account and Region."""

    def __init__(self, clients: Clients, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._namespaces: TtlCache[tuple[str, ...]] = TtlCache(clock, NAMESPACES_KEPT)
        self._services: TtlCache[tuple[Service, ...]] = TtlCache(clock, SERVICES_KEPT)

    def namespaces(self, name: str) -> tuple[str, ...]:
        """Return the ids of the namespaces called `name`: private ones of several networks may share it.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._namespaces.get(name, lambda: self._read_namespaces(name) or None) or ()

    def namespace_exists(self, namespace: str) -> bool:
        """Return whether there is a namespace of that id. A list of its services does not tell.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("servicediscovery:GetNamespace"):
                self._clients.servicediscovery.get_namespace(Id=namespace)
        except CallFailed as failed:
            if failed.failure.code == "NamespaceNotFound":
                return False
            raise
        return True

    def services(self, namespace: str) -> tuple[Service, ...]:
        """Return the services of a namespace, by its id; there are none in one that does not exist.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._services.get(namespace, lambda: self._read_services(namespace)) or ()

    def instances(self, service: str) -> tuple[ServiceInstance, ...] | None:
        """Return the instances of a service, None when there is no such service.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("servicediscovery:ListInstances"):
                pages = list(self._clients.servicediscovery.get_paginator("list_instances").paginate(ServiceId=service))
        except CallFailed as failed:
            if failed.failure.code == "ServiceNotFound":
                return None
            raise
        return tuple(
            _service_instance(entry["Id"], entry.get("Attributes", {})) for page in pages for entry in page["Instances"]
        )

    def deregister(self, service: str, instance: str) -> Deregistration | None:
        """Deregister a service instance.

        Returns:
            The deregistration, also one that was under way before; None when there is nothing to deregister.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        try:
            with calling("servicediscovery:DeregisterInstance"):
                answer = self._clients.servicediscovery.deregister_instance(ServiceId=service, InstanceId=instance)
        except CallFailed as failed:
            match failed.failure.code:
                case "InstanceNotFound" | "ServiceNotFound":
                    return None
                case "DuplicateRequest" | "ResourceInUse":
                    return Deregistration(_duplicate(failed))
                case _:
                    raise
        return Deregistration(answer["OperationId"])

    def operation(self, operation: str) -> Operation:
        """Return the state of an operation.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("servicediscovery:GetOperation"):
                found = self._clients.servicediscovery.get_operation(OperationId=operation)["Operation"]
        except CallFailed as failed:
            if failed.failure.code == "OperationNotFound":
                return Operation(OperationStatus.UNKNOWN)
            raise
        status = STATUSES.get(found.get("Status", ""), OperationStatus.UNKNOWN)
        said = (found.get("ErrorMessage"), f"({found['ErrorCode']})" if "ErrorCode" in found else None)
        return Operation(status, " ".join(part for part in said if part) or "no reason given")

    def _read_namespaces(self, name: str) -> tuple[str, ...]:
        with calling("servicediscovery:ListNamespaces"):
            pages = list(
                self._clients.servicediscovery.get_paginator("list_namespaces").paginate(
                    Filters=[{"Name": "NAME", "Values": [name], "Condition": "EQ"}]
                )
            )
        return tuple(entry["Id"] for page in pages for entry in page["Namespaces"] if entry.get("Name") == name)

    def _read_services(self, namespace: str) -> tuple[Service, ...]:
        with calling("servicediscovery:ListServices"):
            pages = list(
                self._clients.servicediscovery.get_paginator("list_services").paginate(
                    Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}]
                )
            )
        return tuple(
            Service(entry["Id"], entry.get("Name", entry["Id"])) for page in pages for entry in page["Services"]
        )


def _service_instance(identity: str, attributes: dict[str, str]) -> ServiceInstance:
    return ServiceInstance(
        id=identity,
        instances=tuple(attributes[key] for key in INSTANCE_IDS if key in attributes),
        addresses=tuple(normalized(attributes[key]) for key in ADDRESSES if key in attributes),
    )


def _duplicate(failed: CallFailed) -> str | None:
    """Return the operation that is under way already, from Cloud Map's error."""
    cause = failed.__cause__
    operation = cause.response.get("DuplicateOperationId") if isinstance(cause, ClientError) else None
    return str(operation) if operation else None
