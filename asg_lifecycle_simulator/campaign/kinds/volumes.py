"""The kinds that are about EBS volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import ABSENT, LAUNCH, TERMINATE, CampaignKind, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from asg_lifecycle_simulator.campaign.kinds.base import DrawnStep
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

KEY = "data"
OF_INSTANCE, POOL = "of the instance", "pool"

ABSENT_TAG = {"tag": {"key": KEY, "value": ABSENT}}
VOLUMES_OF_POOL = 12
"""More than there are instances in a run, with those that take the place of others."""


class DetachVolume(CampaignKind):
    """`detach-volume`."""

    kind = "detach-volume"
    transitions = TERMINATE
    forgets_for_good = True
    shapes: ClassVar[Mapping[str, Shape]] = {
        "attached": Shape(weight=4),
        "mounted for a while": Shape(),
        "mounted, and forced": Shape(options={"force": True}),
        "attached to nothing": Shape(),
    }
    absent: ClassVar[Mapping[str, Any]] = ABSENT_TAG
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {"ec2": ("DescribeInstances", "DescribeVolumes", "DetachVolume")}
    has_disturbance = True
    takes = (1.0, 20.0, 120.0)

    def __init__(self, step: DrawnStep, testbed: Testbed[Deployment]) -> None:
        super().__init__(step, testbed)
        self._volumes: dict[str, str] = {}

    @classmethod
    def drawn_options(cls, random: Random) -> dict[str, Any]:
        """Name the volumes."""
        del random
        return {"tag": {"key": KEY, "value": OF_INSTANCE}}

    def arrange(self) -> None:
        """Let detaching take its time."""
        self.testbed.volumes.detaching_takes = self.step.takes

    def settle(self, instance: str) -> None:
        """Make a volume of the instance."""
        attached = self.step.shape != "attached to nothing"
        volume = self.testbed.volumes.make(
            tags={KEY: OF_INSTANCE},
            zone=self.testbed.volumes.zone_of(instance),
            instance=instance if attached else None,
            mounted=self.step.shape.startswith("mounted"),
        )
        self._volumes[instance] = volume
        if self.step.shape == "mounted for a while":
            self.after(self.step.takes, lambda: self.testbed.volumes.unmount(volume))

    def disturb(self, instance: str) -> None:
        """Detach it before the step does."""
        self.testbed.volumes.begin_to_detach(self._volumes[instance], instance)

    def undone(self, instance: str, since: float) -> str | None:
        """Return that it is still attached."""
        del since
        if self.replaced_by_absent or not self.testbed.volumes.holders(self._volumes[instance]):
            return None
        return f"volume {self._volumes[instance]} was detached"


class AttachVolume(CampaignKind):
    """`attach-volume`."""

    kind = "attach-volume"
    transitions = LAUNCH
    shapes: ClassVar[Mapping[str, Shape]] = {
        "one of a pool": Shape(weight=4),
        "two of a pool": Shape(options={"count": 2}),
        "shown late": Shape(),
        "in another zone": Shape(options={"tag": {"key": KEY, "value": "elsewhere"}}, fails=True),
    }
    absent: ClassVar[Mapping[str, Any]] = ABSENT_TAG
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {"ec2": ("AttachVolume", "DescribeInstances", "DescribeVolumes")}
    takes = (1.0, 5.0, 40.0)

    @classmethod
    def drawn_options(cls, random: Random) -> dict[str, Any]:
        """Name the pool."""
        del random
        return {"tag": {"key": KEY, "value": POOL}}

    def arrange(self) -> None:
        """Make the pool."""
        self.testbed.volumes.attaching_takes = self.step.takes
        if self.step.shape == "shown late":
            self.testbed.volumes.shown_after = 10.0
        for _ in range(2 * VOLUMES_OF_POOL):
            self.testbed.volumes.make(tags={KEY: POOL})
        self.testbed.volumes.make(tags={KEY: "elsewhere"}, zone=f"{self.testbed.region.name}b")

    def undone(self, instance: str, since: float) -> str | None:
        """Return that it has none, or too many."""
        del since
        if self.replaced_by_absent:
            return None
        wanted = self.step.options.get("count", 1)
        has = len(self.testbed.volumes.of_instance(instance))
        return None if has == wanted else f"{wanted} volumes of the pool were attached, not {has}"
