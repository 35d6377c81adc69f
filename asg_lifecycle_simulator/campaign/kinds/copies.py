"""The kinds that copy what the instance has on disk: snapshots and images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import TERMINATE, CampaignKind, Shape
from asg_lifecycle_simulator.services.snapshots.model import Copying

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asg_lifecycle_simulator.services.snapshots.model import Made

# Not the one that `detach-volume` has, which may be in the same plan.
ROOT, DATA, ABSENT_DEVICE = "/dev/sda1", "/dev/sdp", "/dev/sdz"
NOT_WAITED_FOR: Mapping[str, Any] = {"wait": False}


class CreateSnapshot(CampaignKind):
    """`create-snapshot`, of an instance with a data volume beside its root."""

    kind = "create-snapshot"
    transitions = TERMINATE
    shapes: ClassVar[Mapping[str, Shape]] = {
        "all": Shape(weight=3),
        "one": Shape(options={"volumes": [DATA]}),
        "accepted": Shape(options=NOT_WAITED_FOR),
        "shown late": Shape(),
        "ends in error": Shape(fails=True),
    }
    absent: ClassVar[Mapping[str, Any]] = {"volumes": [ABSENT_DEVICE]}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ec2": ("CreateSnapshot", "CreateSnapshots", "DescribeSnapshots"),
    }

    def arrange(self) -> None:
        """Decide how snapshots go."""
        self._volumes: dict[str, dict[str, str]] = {}
        self.testbed.snapshots.copying = Copying(
            takes=self.step.takes,
            ends="error" if self.step.shape == "ends in error" else "completed",
            shown_after=30.0 if self.step.shape == "shown late" else 0.0,
        )

    def settle(self, instance: str) -> None:
        """Attach the data volume."""
        data = self.testbed.snapshots.attach(instance, DATA, deleted_with_instance=True)
        self._volumes[instance] = {DATA: data, ROOT: self.testbed.snapshots.root(instance)}

    def undone(self, instance: str, since: float) -> str | None:
        """Return that a volume has no snapshot, or none that is completed."""
        wanted = self.step.options.get("volumes", (ROOT, DATA))
        made = _since(self.testbed.snapshots.of(instance), since)
        if not self.step.options.get("wait", True):
            have = {each.volume for each in made}
        else:
            have = {each.volume for each in made if each.state(self.now) == "completed"}
        lacking = [device for device in wanted if self._volumes[instance].get(device, "") not in {"", *have}]
        return f"there were snapshots of its volumes {', '.join(lacking)}" if lacking else None


class CreateImage(CampaignKind):
    """`create-image`."""

    kind = "create-image"
    transitions = TERMINATE
    shapes: ClassVar[Mapping[str, Shape]] = {
        "available": Shape(weight=3),
        "rebooted": Shape(options={"reboot": True}),
        "accepted": Shape(options=NOT_WAITED_FOR),
        "shown late": Shape(),
        "fails": Shape(fails=True),
    }
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {"ec2": ("CreateImage", "DescribeImages")}

    def arrange(self) -> None:
        """Decide how images go."""
        self.testbed.snapshots.imaging = Copying(
            takes=self.step.takes,
            ends="failed" if self.step.shape == "fails" else "available",
            shown_after=30.0 if self.step.shape == "shown late" else 0.0,
        )

    def undone(self, instance: str, since: float) -> str | None:
        """Return that there is no image, or none that is available."""
        made = list(_since(self.testbed.snapshots.images_of(instance), since))
        if not self.step.options.get("wait", True):
            return None if made else "its image was accepted"
        return None if any(each.state(self.now) == "available" for each in made) else "its image was available"


def _since(made: Iterable[Made], since: float) -> Iterable[Made]:
    return (each for each in made if each.at >= since)
