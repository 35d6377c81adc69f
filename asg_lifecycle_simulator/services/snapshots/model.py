"""Snapshots and images of a simulated region, and what requests for them say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moto.core.responses import BaseResponse

    from asg_lifecycle_simulator.services.base import Request

LONGEST_KEY, LONGEST_VALUE, MOST_TAGS = 127, 256, 50


@dataclass(kw_only=True)
class Made:
    """A snapshot or an image. Times are seconds since the epoch.

    Attributes:
        id: its id.
        instance: of which instance it was made; empty for a snapshot of a volume that was attached to none.
        tags: its tags.
        description: its description.
        at: when it was asked for.
        ready_at: when it is completed, or fails.
        shown_at: from when on lists have it.
        ends: its state then.
        message: why it fails.
        volume: of which volume a snapshot is.
        name: of an image.
        rebooted: whether the instance was rebooted for an image.
    """

    id: str
    instance: str
    tags: dict[str, str]
    description: str
    at: float
    ready_at: float
    shown_at: float
    ends: str
    message: str = ""
    volume: str = ""
    name: str = ""
    rebooted: bool = False

    def state(self, now: float) -> str:
        """Return its state."""
        return self.ends if now >= self.ready_at else "pending"

    def progress(self, now: float) -> str:
        """Return how much of a snapshot is copied."""
        if now >= self.ready_at:
            return "100%" if self.ends == "completed" else ""
        return f"{min(99, int(100 * (now - self.at) / (self.ready_at - self.at)))}%"


@dataclass(kw_only=True)
class Copying:
    """How snapshots or images that are asked for from now on go.

    Attributes:
        takes: seconds until they are done.
        ends: their state then.
        message: why they fail.
        shown_after: seconds until lists have them.
    """

    takes: float = 30.0
    ends: str
    message: str = ""
    shown_after: float = 0.0


def parameters(response: BaseResponse, *names: str) -> Request:
    """Return those of the parameters of a request that it has."""
    values = {name: response._get_param(name) for name in names}  # noqa: SLF001 - moto's way to the parameters
    return {name: value for name, value in values.items() if value is not None}


def tags(asked: Request, resource: str) -> dict[str, str]:
    """Return the tags that a request gives to a kind of resource."""
    specifications: Iterable[dict[str, Any]] = asked.get("TagSpecifications", [])
    given = {
        tag["Key"]: tag.get("Value", "")
        for each in specifications
        if each["ResourceType"] == resource
        for tag in each.get("Tags", [])
    }
    too_long = any(len(key) > LONGEST_KEY or len(value) > LONGEST_VALUE for key, value in given.items())
    if too_long or len(given) > MOST_TAGS or any(key.startswith("aws:") for key in given):
        raise EC2ClientError("InvalidParameterValue", "The tags are not valid")
    return given


def shown_tags(given: dict[str, str]) -> list[dict[str, str]]:
    """Return tags as EC2 shows them."""
    return [{"Key": key, "Value": value} for key, value in given.items()]


def matches(made: Made, asked: Request, *, id_filter: str) -> bool:
    """Return whether it is what the filters of a request ask for; one that is not known here is an error."""
    for each in asked.get("Filters") or ():
        name = each["Name"]
        fields = {id_filter: made.id, "name": made.name, "volume-id": made.volume}
        value = made.tags.get(name.removeprefix("tag:")) if name.startswith("tag:") else fields[name]
        if value is None or not any(_pattern(wanted).fullmatch(value) for wanted in each["Values"]):
            return False
    return True


def _pattern(wanted: str) -> re.Pattern[str]:
    """Return a filter's value as a pattern: `*` stands for any characters, `?` for one."""
    return re.compile("".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in wanted), re.DOTALL)
