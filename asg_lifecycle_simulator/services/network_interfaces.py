"""Network interfaces that move between instances.

moto attaches an interface that is in use, and two at one device index; it attaches and detaches at once, knows
secondary addresses by no filter, keeps the interfaces of instances that are terminated, and does not change what
becomes of an interface when its instance is.
Source: `AttachNetworkInterface`, `DetachNetworkInterface` and `DescribeNetworkInterfaces` in the EC2 API reference;
"Error codes for the Amazon EC2 API"; "Elastic network interfaces" in the EC2 user guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

from asg_lifecycle_simulator.services.base import Service, page
from asg_lifecycle_simulator.services.delayed_views import DelayedViews, matching
from asg_lifecycle_simulator.services.ec2_instances import instances_by_id
from asg_lifecycle_simulator.services.elastic_ips import POOL_TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.elastic_network_interfaces import NetworkInterface

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Request, Response
    from asg_lifecycle_simulator.services.delayed_views import View

LONGEST_PAGE = 1000
FILTERS = {
    "addresses.private-ip-address": lambda view: [each["PrivateIpAddress"] for each in view["PrivateIpAddresses"]],
    "attachment.instance-id": lambda view: [view.get("Attachment", {}).get("InstanceId")],
    "availability-zone": lambda view: [view["AvailabilityZone"]],
    "network-interface-id": lambda view: [view["NetworkInterfaceId"]],
    "private-ip-address": lambda view: [view["PrivateIpAddress"]],
    "status": lambda view: [view["Status"]],
    "subnet-id": lambda view: [view["SubnetId"]],
}


class NetworkInterfaces(Service):
    """The network interfaces of a region.

    Attributes:
        views: what is shown of them; `views.delay` is how long a change takes until it is.
        attaches_after: seconds until one that is being attached is.
        detaches_after: seconds until one that is being detached is; None for never, unless by force.
        deleted_with_instance: what an interface that is attached says of it, until it is changed.
        forced: the interfaces that were detached by force.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self.views = DelayedViews(lambda: self.now)
        self.attaches_after = 0.0
        self.detaches_after: float | None = 0.0
        self.deleted_with_instance = False
        self.forced: list[str] = []
        self._changing: dict[str, str] = {}

    def install(self) -> None:
        """Take the requests over from moto."""
        operations = {
            "attach_network_interface": self._attach,
            "describe_network_interfaces": self._describe,
            "detach_network_interface": self._detach,
            "modify_network_interface_attribute": self._modify,
        }
        self.answer_query(ElasticNetworkInterfaces, operations)

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Delete what goes with the instances, and detach the rest."""
        for interface in [*self.by_id.values()]:
            if interface.instance is None or interface.instance.id not in instance_ids:
                continue
            self.views.changes(interface.id, self.view(interface))
            if interface.device_index == 0 or interface.delete_on_termination:
                self.by_id.pop(interface.id)
            else:
                self._detached(interface)

    def make(self, pool: str | None = None, *, zone: str | None = None) -> str:
        """Make a network interface, as a member of a pool or of none, and return its id.

        Args:
            pool: which.
            zone: its Availability Zone, the first one when None.
        """
        subnets = sorted(self._backend.get_default_subnets().items())
        subnet = next(found for name, found in subnets if zone is None or name == zone)
        tags = {POOL_TAG: pool} if pool is not None else {}
        address = subnet.get_available_subnet_ip(instance=None)  # type: ignore[arg-type] # of no instance
        return str(self._backend.create_network_interface(subnet, address, tags=tags).id)

    def attach(self, interface: str, instance: str, index: int = 1) -> None:
        """Attach a network interface to an instance at once."""
        found = self.by_id[interface]
        self.views.changes(interface, self.view(found))
        instances_by_id(self._backend)[instance].attach_eni(found, index)
        found.delete_on_termination = self.deleted_with_instance

    def holders(self) -> dict[str, str | None]:
        """Return the instance that each network interface is attached to, as it is now."""
        return {each.id: each.instance.id if each.instance else None for each in self.by_id.values()}

    def is_kept(self, interface: str) -> bool:
        """Return whether EC2 keeps a network interface when its instance is terminated."""
        return not self.by_id[interface].delete_on_termination

    @property
    def _backend(self) -> EC2Backend:
        return ec2_backends[self.region.account][self.region.name]

    @property
    def by_id(self) -> dict[str, NetworkInterface]:
        """All network interfaces."""
        return self._backend.enis

    def found(self, request: Request) -> NetworkInterface:
        """Return the network interface that a request names, or raise EC2's error."""
        identity = request["NetworkInterfaceId"]
        if identity not in self.by_id:
            message = f"The networkInterface ID '{identity}' does not exist"
            raise EC2ClientError("InvalidNetworkInterfaceID.NotFound", message)
        return self.by_id[identity]

    def _attachment(self, identity: str | None) -> NetworkInterface:
        found = next((each for each in self.by_id.values() if identity and each.attachment_id == identity), None)
        if found is None:
            message = f"The network interface attachment ID '{identity}' does not exist"
            raise EC2ClientError("InvalidAttachmentID.NotFound", message)
        return found

    def _describe(self, request: Request) -> Response:
        identities = dict.fromkeys((*self.by_id, *sorted(self.views.outdated())))
        present = {identity: self.view(each) for identity, each in self.by_id.items()}
        shown = [self.views.shown(identity, present.get(identity)) for identity in identities]
        views = [view for view in shown if view is not None]
        if wanted := request.get("NetworkInterfaceIds"):
            for identity in set(wanted) - {view["NetworkInterfaceId"] for view in views}:
                self.found({"NetworkInterfaceId": identity})
            views = [view for view in views if view["NetworkInterfaceId"] in wanted]
        return page(matching(views, request, FILTERS), "NetworkInterfaces", request, most=LONGEST_PAGE)

    def _attach(self, request: Request) -> Response:
        interface, index = self.found(request), int(request["DeviceIndex"])
        instance = instances_by_id(self._backend).get(request["InstanceId"])
        if instance is None:
            message = f"The instance ID '{request['InstanceId']}' does not exist"
            raise EC2ClientError("InvalidInstanceID.NotFound", message)
        if interface.instance is not None or interface.id in self._changing:
            raise EC2ClientError("InvalidNetworkInterface.InUse", f"Interface: [{interface.id}] in use.")
        if index in instance.nics:
            told = f"Instance '{instance.id}' already has an interface attached at device index '{index}'."
            raise EC2ClientError("InvalidParameterValue", told)
        if interface.subnet.availability_zone != instance.nics[0].subnet.availability_zone:
            told = "You may not attach a network interface to an instance if they are not in the same availability zone"
            raise EC2ClientError("InvalidParameterCombination", told)
        self.attach(interface.id, instance.id, index)
        self.log(instance.id, f"ec2 has network interface {interface.id}")
        if self.attaches_after:
            self._changing[interface.id] = "attaching"
            self.timers.call_after(self.attaches_after, lambda: self._attached(interface), name="attached")
        return {"AttachmentId": interface.attachment_id, "NetworkCardIndex": 0}

    def _attached(self, interface: NetworkInterface) -> None:
        if self._changing.get(interface.id) == "attaching":
            self.views.changes(interface.id, self.view(interface))
            self._changing.pop(interface.id)

    def _detach(self, request: Request) -> Response:
        interface = self._attachment(request.get("AttachmentId"))
        if interface.device_index == 0:
            told = "The network interface at device index 0 and networkCard index 0 cannot be detached."
            raise EC2ClientError("OperationNotPermitted", told)
        self.views.changes(interface.id, self.view(interface))
        if request.get("Force"):
            self.forced.append(interface.id)
            self._detached(interface)
        elif self.detaches_after == 0:
            self._detached(interface)
        else:
            self._changing[interface.id] = "detaching"
            if self.detaches_after is not None:
                self.timers.call_after(self.detaches_after, lambda: self._detached(interface), name="detached")
        return {}

    def _detached(self, interface: NetworkInterface) -> None:
        self._changing.pop(interface.id, None)
        if interface.instance is None:
            return
        self.views.changes(interface.id, self.view(interface))
        self.log(interface.instance.id, f"ec2 has lost network interface {interface.id}")
        interface.instance.detach_eni(interface)

    def _modify(self, request: Request) -> Response:
        interface = self.found(request)
        if (change := request.get("Attachment")) is None:
            self._backend.modify_network_interface_attribute(
                interface.id,
                request.get("Groups", []),
                request.get("SourceDestCheck", {}).get("Value"),
                request.get("Description", {}).get("Value"),
            )
            return {}
        self._attachment(change.get("AttachmentId"))
        self.views.changes(interface.id, self.view(interface))
        interface.delete_on_termination = bool(change["DeleteOnTermination"])
        return {}

    def view(self, interface: NetworkInterface) -> View:
        """Return what an answer says of a network interface."""
        change = self._changing.get(interface.id)
        attached = interface.instance is not None and interface.attachment_id is not None
        view: dict[str, Any] = {
            "NetworkInterfaceId": interface.id,
            "AvailabilityZone": interface.subnet.availability_zone,
            "Description": interface.description,
            "Groups": [{"GroupId": each.id, "GroupName": each.name} for each in interface.group_set],
            "InterfaceType": "interface",
            "MacAddress": interface.mac_address,
            "OwnerId": interface.owner_id,
            "PrivateIpAddress": interface.private_ip_address,
            "PrivateIpAddresses": [dict(each) for each in interface.private_ip_addresses],
            "SourceDestCheck": interface.source_dest_check,
            "Status": change or ("in-use" if attached else "available"),
            "SubnetId": interface.subnet.id,
            "TagSet": [{"Key": tag["key"], "Value": tag["value"]} for tag in interface.get_tags()],
            "VpcId": interface.subnet.vpc_id,
        }
        if attached and interface.instance is not None:
            view["Attachment"] = {
                "AttachmentId": interface.attachment_id,
                "DeleteOnTermination": bool(interface.delete_on_termination),
                "DeviceIndex": interface.device_index,
                "InstanceId": interface.instance.id,
                "InstanceOwnerId": interface.owner_id,
                "NetworkCardIndex": 0,
                "Status": change or "attached",
            }
        return view
