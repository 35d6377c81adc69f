"""What moto does not know of an EBS volume."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Attached:
    """One attachment of a volume, as EC2 shows it."""

    instance: str
    device: str
    state: str

    def described(self, volume: str) -> dict[str, Any]:
        """Return it as EC2 describes it."""
        return {
            "VolumeId": volume,
            "InstanceId": self.instance,
            "Device": self.device,
            "State": self.state,
            "DeleteOnTermination": False,
        }


@dataclass(frozen=True)
class Shown:
    """What EC2 showed of a volume until a moment; `time` in seconds since the epoch."""

    time: float
    attachments: tuple[Attached, ...]


@dataclass(kw_only=True)
class VolumeState:
    """One volume.

    Attributes:
        state: in place of what follows from its attachments, None for that.
        attachments: by instance.
        mounted: the instance uses it: detaching it makes it `busy`.
        shared: several instances can have it (Multi-Attach).
        past: what was shown before, the oldest first.
    """

    state: str | None = None
    attachments: dict[str, Attached] = field(default_factory=dict)
    mounted: bool = False
    shared: bool = False
    past: list[Shown] = field(default_factory=list)

    def attach(self, attached: Attached, now: float) -> None:
        """Let it have an attachment, or another state of one."""
        self._remember(now)
        self.attachments[attached.instance] = attached

    def let_go(self, instance: str, now: float) -> str:
        """Let it have no attachment to an instance any more; return the device's name."""
        self._remember(now)
        self.mounted = False
        return self.attachments.pop(instance).device

    def shown(self, until: float) -> tuple[Attached, ...]:
        """Return the attachments that are shown when all that happened after a moment is not yet."""
        later = [each for each in self.past if each.time > until]
        return later[0].attachments if later else tuple(self.attachments.values())

    def _remember(self, now: float) -> None:
        self.past.append(Shown(now, tuple(self.attachments.values())))
