"""AWS Cloud Map: service instances, and operations that take time and may fail.

In place of moto's, whose operations are done at once and whose lists have neither filters nor pages.
Source: AWS Cloud Map API reference: `DeregisterInstance`, `GetOperation`, `ListInstances`, `ListServices`,
`ListNamespaces`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import JsonRESTError
from moto.servicediscovery.exceptions import (
    InstanceNotFound,
    InvalidInput,
    NamespaceNotFound,
    OperationNotFound,
    ServiceNotFound,
)
from moto.servicediscovery.responses import ServiceDiscoveryResponse

from asg_lifecycle_simulator.services.base import Service, page

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Request, Response

PAGE = 100
"""The most that a page holds, and what it holds unless asked for less."""

SUBMITTED_FOR = 1.0
"""Seconds until an operation is taken up."""


@dataclass(kw_only=True)
class Operation:
    """One deregistration. Times are seconds since the epoch.

    Attributes:
        id: its id.
        service: of the instance it deregisters.
        instance: what it deregisters.
        begun_at: when it was asked for.
        ends_at: when it is over.
        error: why it fails; it succeeds with none.
    """

    id: str
    service: str
    instance: str
    begun_at: float
    ends_at: float
    error: str | None = None

    def status(self, now: float) -> str:
        """Return its status."""
        if now < self.ends_at:
            return "SUBMITTED" if now < self.begun_at + SUBMITTED_FOR else "PENDING"
        return "SUCCESS" if self.error is None else "FAIL"


@dataclass(kw_only=True)
class DiscoveryService:
    """One service.

    Attributes:
        id: its id.
        arn: its ARN.
        name: its name.
        namespace: id of its namespace.
        instances: the attributes of its instances, by their id.
        takes: seconds that a deregistration takes.
        fails: why the next deregistrations fail, in order.
        busy_until: until when it takes no deregistration.
        ghosts: what lists still show although it has gone.
        returning: how often an instance that is gone is registered again at once, by its own agent.
    """

    id: str
    arn: str
    name: str
    namespace: str
    instances: dict[str, dict[str, str]] = field(default_factory=dict)
    takes: float = 20.0
    fails: list[str] = field(default_factory=list)
    busy_until: float = 0.0
    ghosts: dict[str, dict[str, str]] = field(default_factory=dict)
    returning: int = 0


class _InUseError(JsonRESTError):
    """What the service answers while something is under way."""

    code = 409

    def __init__(self, error: str, message: str, **more: str) -> None:
        super().__init__(error, message)
        self.description = json.dumps({"__type": error, "Message": message, **more})


class CloudMap(Service):
    """The Cloud Map of a region."""

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self._namespaces: dict[str, str] = {}
        self.services: dict[str, DiscoveryService] = {}
        self._operations: dict[str, Operation] = {}

    def install(self) -> None:
        """Take Cloud Map over from moto."""
        self.answer_json(
            ServiceDiscoveryResponse,
            {
                "get_namespace": self._get_namespace,
                "list_namespaces": self._list_namespaces,
                "list_services": self._list_services,
                "list_instances": self._list_instances,
                "deregister_instance": self._deregister_instance,
                "get_operation": self._get_operation,
            },
        )

    def namespace(self, name: str) -> str:
        """Make a namespace and return its id."""
        identity = f"ns-{len(self._namespaces):016x}"
        self._namespaces[identity] = name
        return identity

    def service(self, name: str, namespace: str = "", *, takes: float = 20.0) -> DiscoveryService:
        """Make a service in a namespace, by its id; in one of its own without."""
        identity = f"srv-{len(self.services):016x}"
        made = DiscoveryService(
            id=identity,
            arn=self.arn("servicediscovery", f"service/{identity}"),
            name=name,
            namespace=namespace or self.namespace(f"{name}.internal"),
            takes=takes,
        )
        self.services[identity] = made
        return made

    def forget_operations(self) -> None:
        """Complete all operations at once and forget them: `GetOperation` answers `OperationNotFound`."""
        for operation in self._operations.values():
            operation.ends_at = min(operation.ends_at, self.now)
        self._settle()
        self._operations.clear()

    def _get_namespace(self, request: Request) -> Response:
        identity = request["Id"]
        if identity not in self._namespaces:
            raise NamespaceNotFound(identity)
        return {"Namespace": {"Id": identity, "Name": self._namespaces[identity], "Type": "HTTP"}}

    def _list_namespaces(self, request: Request) -> Response:
        wanted = _filtered(request, {"NAME", "TYPE", "HTTP_NAME", "RESOURCE_OWNER"}).get("NAME")
        listed = [{"Id": identity, "Name": name, "Type": "HTTP"} for identity, name in self._namespaces.items()]
        return _page(listed, "Namespaces", request, lambda entry: wanted is None or entry["Name"] in wanted)

    def _list_services(self, request: Request) -> Response:
        wanted = _filtered(request, {"NAMESPACE_ID", "RESOURCE_OWNER"}).get("NAMESPACE_ID")
        listed = [
            {"Id": service.id, "Arn": service.arn, "Name": service.name, "_namespace": service.namespace}
            for service in self.services.values()
        ]
        return _page(listed, "Services", request, lambda entry: wanted is None or entry["_namespace"] in wanted)

    def _list_instances(self, request: Request) -> Response:
        self._settle()
        service = self._service(request["ServiceId"])
        listed = [
            {"Id": identity, "Attributes": attributes}
            for identity, attributes in (service.instances | service.ghosts).items()
        ]
        return _page(listed, "Instances", request, lambda _: True)

    def _deregister_instance(self, request: Request) -> Response:
        self._settle()
        service, instance, now = self._service(request["ServiceId"]), request["InstanceId"], self.now
        for operation in self._operations.values():
            if (operation.service, operation.instance) == (service.id, instance) and now < operation.ends_at:
                message = "Another operation of type DeregisterInstance is in progress"
                raise _InUseError("DuplicateRequest", message, DuplicateOperationId=operation.id)
        if instance not in service.instances:
            raise InstanceNotFound(instance)
        if now < service.busy_until:
            raise _InUseError("ResourceInUse", f"instance {instance} is being changed")
        made = Operation(
            id=f"operation-{len(self._operations)}-{now:.0f}",
            service=service.id,
            instance=instance,
            begun_at=now,
            ends_at=now + service.takes,
            error=service.fails.pop(0) if service.fails else None,
        )
        self._operations[made.id] = made
        return {"OperationId": made.id}

    def _get_operation(self, request: Request) -> Response:
        self._settle()
        operation = self._operations.get(request["OperationId"])
        if operation is None:
            raise OperationNotFound
        answer = {"Id": operation.id, "Type": "DEREGISTER_INSTANCE", "Status": operation.status(self.now)}
        if answer["Status"] == "FAIL":
            answer |= {"ErrorCode": "ACCESS_DENIED", "ErrorMessage": operation.error or ""}
        return {"Operation": answer}

    def _settle(self) -> None:
        """Let what has succeeded by now have its effect, once."""
        for operation in self._operations.values():
            if operation.status(self.now) == "SUCCESS" and operation.service:
                service = self.services.get(operation.service)
                if service is not None and service.returning:
                    service.returning -= 1
                elif service is not None:
                    service.instances.pop(operation.instance, None)
                operation.service = ""

    def _service(self, identity: str) -> DiscoveryService:
        service = self.services.get(identity.rpartition("/")[2])
        if service is None:
            raise ServiceNotFound(identity)
        return service


def _filtered(request: Request, known: set[str]) -> dict[str, list[str]]:
    for entry in request.get("Filters", ()):
        if entry["Name"] not in known or entry.get("Condition", "EQ") not in {"EQ", "IN", "BETWEEN", "BEGINS_WITH"}:
            raise InvalidInput(f"unknown filter {entry}")
        if entry.get("Condition", "EQ") == "EQ" and len(entry["Values"]) != 1:
            raise InvalidInput("EQ takes one value")
    return {entry["Name"]: entry["Values"] for entry in request.get("Filters", ())}


def _page(
    entries: list[dict[str, Any]], name: str, request: Request, wanted: Callable[[dict[str, Any]], bool]
) -> Response:
    """Return one page. The filter comes after the page is cut: a page may be empty and another one follow."""
    answer = page(entries, name, request, most=PAGE)
    answer[name] = [{key: entry[key] for key in entry if key[0] != "_"} for entry in answer[name] if wanted(entry)]
    return answer
