"""The kind that moves addresses and network interfaces: one pool, with enough for everybody."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import ABSENT, BYSTANDER_GROUP, EITHER, CampaignKind, DrawnStep, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

POOL = "campaign"
MEMBERS = 40
ADDRESSES = tuple(f"172.31.15.{number}" for number in range(1, MEMBERS + 1))
"""In the first subnet of a region, which gives the addresses at its beginning to instances."""

OUTSIDE = "192.0.2.9"
"""An address that is in no subnet."""


class MoveAddress(CampaignKind):
    """`move-address`."""

    kind = "move-address"
    transitions = EITHER
    forgets_for_good = True
    shapes: ClassVar[Mapping[str, Shape]] = {
        "elastic-ip": Shape(weight=3, options={"what": "elastic-ip", "pool": POOL}),
        "network-interface": Shape(weight=2, options={"what": "network-interface", "pool": POOL}),
        "private-ip": Shape(weight=2, options={"what": "private-ip", "addresses": list(ADDRESSES)}),
    }
    absent: ClassVar[Mapping[str, Any]] = {"pool": ABSENT}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ec2": (
            "AssociateAddress",
            "AttachNetworkInterface",
            "DescribeAddresses",
            "DescribeNetworkInterfaces",
            "DetachNetworkInterface",
            "DisassociateAddress",
        ),
    }
    # No longer than a change is waited for before it is asked for again.
    takes = (0.0, 4.0, 25.0)
    has_disturbance = True

    @classmethod
    def _with_absent(cls, drawn: DrawnStep, if_missing: str | None) -> DrawnStep:
        absent = super()._with_absent(drawn, if_missing)
        if drawn.shape != "private-ip":
            return absent
        return replace(absent, options={**drawn.options, "addresses": [OUTSIDE]})

    def arrange(self) -> None:
        """Make the pool."""
        self._comes: dict[str, bool] = {}
        self._members: tuple[str, ...] = ADDRESSES
        if self.step.shape == "elastic-ip":
            self._members = tuple(self.testbed.elastic_ips.allocate(POOL) for _ in range(MEMBERS))
        elif self.step.shape == "network-interface":
            self._members = tuple(self.testbed.network_interfaces.make(POOL) for _ in range(MEMBERS))
        self._show_after(self.step.takes)

    def settle(self, instance: str) -> None:
        """Give an instance one that is on its way out."""
        if self.testbed.autoscaling.instance_state(instance) == "Terminating:Wait":
            self._give(instance)

    def waits(self, instance: str) -> None:
        """Take note whether it comes into the group, or goes for good."""
        state = self.testbed.autoscaling.instance_state(instance)
        self._comes.pop(instance, None)
        if state in {"Pending:Wait", "Terminating:Wait"}:
            self._comes[instance] = state == "Pending:Wait"

    def disturb(self, instance: str) -> None:
        """Let somebody else take a free one, or give another one to an instance that is on its way out."""
        (bystander,) = self.testbed.autoscaling.instances(BYSTANDER_GROUP)
        self._give(bystander if self._comes.get(instance) else instance)

    def undone(self, instance: str, since: float) -> str | None:
        """Return that an instance that came has none, or one that goes has one."""
        del since
        if self.replaced_by_absent or instance not in self._comes:
            return None
        had = [member for member, holders in self._holders().items() if instance in holders]
        if self._comes[instance]:
            return None if len(had) == 1 else f"it had one {self.step.shape}, it has {len(had)}"
        return f"{had[0]} was free" if had else None

    def _holders(self) -> dict[str, list[str]]:
        """Return who has each member, as EC2 knows it."""
        if self.step.shape == "private-ip":
            had = self.testbed.private_addresses.holders()
            return {member: had.get(member, []) for member in self._members}
        of = self.testbed.elastic_ips if self.step.shape == "elastic-ip" else self.testbed.network_interfaces
        known = of.holders()
        return {member: [holder] if (holder := known.get(member)) else [] for member in self._members}

    def _give(self, instance: str) -> None:
        """Give an instance the last one that is free, which is shown at once: that was not done this moment."""
        self._show_after(0.0)
        free = [member for member, holders in self._holders().items() if not holders]
        if self.step.shape == "elastic-ip":
            self.testbed.elastic_ips.give(free[-1], instance)
        elif self.step.shape == "private-ip":
            self.testbed.private_addresses.assign(free[-1], instance)
        else:
            index = 1 + sum(instance in holders for holders in self._holders().values())
            self.testbed.network_interfaces.attach(free[-1], instance, index)
        self._show_after(self.step.takes)

    def _show_after(self, seconds: float) -> None:
        self.testbed.elastic_ips.views.delay = self.testbed.network_interfaces.views.delay = seconds
