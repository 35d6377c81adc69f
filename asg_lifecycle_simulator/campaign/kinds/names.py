"""The kinds that are about names: DNS records, and services of Cloud Map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import ABSENT, LAUNCH, TERMINATE, CampaignKind, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from asg_lifecycle_simulator.services.cloud_map import DiscoveryService
    from asg_lifecycle_simulator.services.route53 import Zone

ZONE = "Z0000000000000"
"""The id of the first hosted zone of a region."""

ABSENT_ZONE = "Z0NOWHERE"
NAMESPACE = "shop.internal"
SHARED, OWN = "web.example.com", "{instance}.example.com"
SOMEBODY = "192.0.2.1"
TTL = 60


class _OfZone(CampaignKind):
    """What both kinds of DNS have in common: one hosted zone."""

    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "route53": ("ChangeResourceRecordSets", "GetChange", "ListResourceRecordSets"),
    }
    has_disturbance = True
    # No longer than a change whose answer was lost is waited for: generally it takes 60 seconds at most.
    takes = (1.0, 20.0, 55.0)

    @property
    def zone(self) -> Zone:
        """The hosted zone."""
        return self.testbed.dns.zones[ZONE]

    def arrange(self) -> None:
        """Make the zone, with a record set that holds an address of somebody else."""
        if not self.testbed.dns.zones:
            self.testbed.dns.zone(takes=self.step.takes)
        if self.step.options.get("routing", "simple") == "simple":
            self.zone.put(SHARED, SOMEBODY, ttl=TTL)

    def disturb(self, instance: str) -> None:
        """Let somebody add an address just before the next change."""
        del instance
        zone = self.zone

        def add() -> None:
            values = zone.values(SHARED)
            if values is not None:
                more = f"192.0.2.{len(zone.before_next) + len(values) + 100}"
                zone.put(SHARED, *values, *(() if more in values else (more,)), ttl=TTL)

        zone.before_next.append(add)


class AddDnsRecord(_OfZone):
    """`add-dns-record`."""

    kind = "add-dns-record"
    transitions = LAUNCH
    shapes: ClassVar[Mapping[str, Shape]] = {
        "among others": Shape(weight=3, options={"name": SHARED}),
        "a name of its own": Shape(options={"name": OWN}),
        "the public address": Shape(options={"name": SHARED, "address": "public"}),
        "weighted": Shape(options={"name": SHARED, "routing": "weighted", "weight": 10}),
        "multivalue": Shape(options={"name": SHARED, "routing": "multivalue"}),
        "an alias is in the way": Shape(options={"name": "alias.example.com"}, fails=True),
    }
    absent: ClassVar[Mapping[str, Any]] = {"zone": ABSENT_ZONE}

    @classmethod
    def drawn_options(cls, random: Random) -> dict[str, Any]:
        """Name the zone."""
        del random
        return {"zone": ZONE}

    def arrange(self) -> None:
        """Make the zone."""
        super().arrange()
        self.zone.put("alias.example.com", "elsewhere.example.com", kind="CNAME")

    def undone(self, instance: str, since: float) -> str | None:
        """Return that the record is not there, or not known to all servers."""
        del since
        if self.replaced_by_absent:
            return None
        options = self.step.options
        name = options["name"].replace("{instance}", instance)
        public = options.get("address") == "public"
        address = self.address(instance, "PublicIpAddress" if public else "PrivateIpAddress")
        if address is None:
            return None
        identifier = instance if options.get("routing", "simple") != "simple" else ""
        if address not in (self.zone.values(name, "A", identifier) or ()):
            return f"{name} had its address"
        return None if self.now >= self.zone.known_at(name, address) else f"all servers knew its address as {name}"


class RemoveDnsRecords(_OfZone):
    """`remove-dns-records`."""

    kind = "remove-dns-records"
    transitions = TERMINATE
    forgets_for_good = True
    shapes: ClassVar[Mapping[str, Shape]] = {
        "named": Shape(weight=3, options={"names": [SHARED, OWN]}),
        "the whole zone": Shape(),
        "without waiting for clients": Shape(options={"wait_for_ttl": False}),
        "no record": Shape(),
    }
    absent: ClassVar[Mapping[str, Any]] = {"zones": [ABSENT_ZONE]}

    @classmethod
    def drawn_options(cls, random: Random) -> dict[str, Any]:
        """Name the zone."""
        del random
        return {"zones": [ZONE]}

    def settle(self, instance: str) -> None:
        """Give the instance records."""
        if self.step.shape == "no record":
            return
        zone, address = self.zone, self.address(instance)
        if address is None:
            return
        zone.put(SHARED, *(zone.values(SHARED) or ()), address, ttl=TTL)
        zone.put(OWN.replace("{instance}", instance), address, ttl=TTL)

    def undone(self, instance: str, since: float) -> str | None:
        """Return the record that is left, or that a client may still know."""
        del since
        if self.step.shape == "no record":
            return None
        address = self.address(instance)
        if address is None:
            return None
        kept = 0 if self.step.shape == "without waiting for clients" else TTL
        for name in (SHARED, OWN.replace("{instance}", instance)):
            if address in (self.zone.values(name) or ()):
                return f"{name} had lost its address"
            if self.now < self.zone.known_at(name, address) + kept:
                return f"all had forgotten its address as {name}"
        return None


class DeregisterCloudMap(CampaignKind):
    """`deregister-cloud-map`."""

    kind = "deregister-cloud-map"
    transitions = TERMINATE
    forgets_for_good = True
    shapes: ClassVar[Mapping[str, Shape]] = {
        "by its id": Shape(weight=3),
        "by its address": Shape(weight=2),
        "not registered": Shape(),
        "an operation that fails": Shape(fails=True),
    }
    absent: ClassVar[Mapping[str, Any]] = {"namespaces": [ABSENT]}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "servicediscovery": ("DeregisterInstance", "GetOperation", "ListInstances", "ListServices", "ListNamespaces"),
    }
    has_disturbance = True

    @classmethod
    def drawn_options(cls, random: Random) -> dict[str, Any]:
        """Name the namespace."""
        del random
        return {"namespaces": [NAMESPACE]}

    @property
    def services(self) -> list[DiscoveryService]:
        """The services of the namespace."""
        return [*self.testbed.cloud_map.services.values()]

    def arrange(self) -> None:
        """Make the services, with an instance that is none of the group's."""
        cloud_map = self.testbed.cloud_map
        namespace = cloud_map.namespace(NAMESPACE)
        for name in ("web", "api"):
            service = cloud_map.service(name, namespace, takes=self.step.takes)
            service.instances["i-00000000000000bad"] = {"AWS_INSTANCE_IPV4": SOMEBODY}
            if self.step.shape == "an operation that fails":
                service.fails = ["it may not"] * 20

    def settle(self, instance: str) -> None:
        """Register the instance with the services."""
        address = self.address(instance) or SOMEBODY
        for service in self.services:
            match self.step.shape:
                case "not registered":
                    pass
                case "by its address":
                    service.instances[f"task-{instance[-8:]}"] = {"AWS_INSTANCE_IPV4": address}
                case _:
                    service.instances[instance] = {}

    def disturb(self, instance: str) -> None:
        """Let the instance's own agent register it again at once when it has gone."""
        if any(self._names(service, instance) for service in self.services[:1]):
            self.services[0].returning += 1

    def undone(self, instance: str, since: float) -> str | None:
        """Return the service that still has it."""
        del since
        left = [service.name for service in self.services if self._names(service, instance)]
        return f"service {left[0]} had let it go" if left else None

    @staticmethod
    def _names(service: DiscoveryService, instance: str) -> bool:
        return bool({instance, f"task-{instance[-8:]}"} & set(service.instances))
