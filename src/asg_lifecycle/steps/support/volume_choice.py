"""How plans name EBS volumes, and what the sentences of the steps about them have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.bounds import matching
from asg_lifecycle.model.resource_names import NameText

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Target

SOON = 1.0
"""Seconds until what was found is changed: it is written down before, so that nothing is forgotten in between."""

POLL_INTERVAL = 5.0
"""Seconds. EC2 attaches and detaches within seconds."""

AGAIN_AFTER = 60.0
"""Seconds until EC2 is asked again for what does not show: much longer than it is behind with what it shows."""

VolumeId: TypeAlias = Annotated[
    str, matching("^vol-([0-9a-f]{8}|[0-9a-f]{17})$", "the id of an EBS volume, such as 'vol-0123456789abcdef0'")
]
"""The id of an EBS volume."""


class VolumeTag(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tag that volumes carry."""

    key: Annotated[str, Meta(min_length=1, max_length=128, description="The tag's key.")]
    value: Annotated[NameText, Meta(description="The tag's value, with placeholders.")]

    def filled(self, target: Target) -> VolumeTag:
        """Return it with the placeholders in its value replaced.

        Raises:
            CannotFillError: a placeholder has no value.
        """
        return VolumeTag(key=self.key, value=target.fill(self.value))

    def __str__(self) -> str:
        """Return it as sentences have it."""
        return f"{self.key}={self.value}"


def refuse_unless_one(volumes: tuple[str, ...], tag: VolumeTag | None) -> None:
    """Refuse options that do not say in exactly one way which volumes are meant.

    Raises:
        ValueError: they name none, or name them by their ids and by a tag.
    """
    if bool(volumes) == (tag is not None):
        raise ValueError("give either volumes, their ids, or tag, which they carry")


def volume_blocker(volume: str, reason: str) -> Blocker:
    """Return that a volume keeps the instance."""
    return Blocker(kind=BlockerKind.VOLUME, name=volume, reason=reason)
