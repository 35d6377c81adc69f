"""The named plans: one parameter for each in SSM Parameter Store, and the group's tag that names one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asg_lifecycle.aws.clients import Clients

PLANS_KEPT = 60.0
"""Seconds that plans and tags are kept: a plan that is put is in force everywhere a minute later."""

TAG = "asg-lifecycle:plan"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
"""Valid names of plans: Parameter Store accepts them as one part of a path."""


class StoredPlan(Struct, frozen=True, kw_only=True):
    """One plan in the store.

    Attributes:
        name: its name.
        version: how often it was put.
        changed_at: when it was last put, seconds since the epoch.
    """

    name: str
    version: int
    changed_at: float


class PlanStore:
    """The plans below one path.

    Args:
        clients: the AWS clients.
        path: the path, without a slash at its end: `/asg-lifecycle/STACK/plans`; empty where there is no store.
        clock: seconds since the epoch.
    """

    def __init__(self, clients: Clients, path: str, clock: Callable[[], float]) -> None:
        self.path = path
        self._clients = clients
        self._texts: TtlCache[dict[str, str]] = TtlCache(clock, PLANS_KEPT)
        self._tags: TtlCache[tuple[str, ...]] = TtlCache(clock, PLANS_KEPT)

    def texts(self, *names: str) -> dict[str, str]:
        """Return the JSON texts of those of the named plans that exist, ten at most.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        possible = tuple(dict.fromkeys(name for name in names if NAME.fullmatch(name)))
        if not possible or not self.path:
            return {}
        return self._texts.get(possible, lambda: self._read(possible)) or {}

    def tag_of(self, group: str) -> str | None:
        """Return the value of the tag `asg-lifecycle:plan` of an Auto Scaling group, None when it has none.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        if not self.path:
            return None
        values = self._tags.get(group, lambda: self._tag(group)) or ()
        return values[0] if values else None

    def plans(self) -> tuple[StoredPlan, ...]:
        """Return the plans, by name.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        if not self.path:
            return ()
        found = []
        with calling("ssm:GetParametersByPath"):
            for page in self._clients.ssm.get_paginator("get_parameters_by_path").paginate(Path=self.path):
                found += [
                    StoredPlan(
                        name=parameter["Name"].rpartition("/")[2],
                        version=parameter["Version"],
                        changed_at=parameter["LastModifiedDate"].timestamp(),
                    )
                    for parameter in page["Parameters"]
                ]
        return tuple(sorted(found, key=lambda plan: plan.name))

    def put(self, name: str, text: str) -> int:
        """Store a plan under `name`, replacing an existing one, and return its version.

        Raises:
            CallFailed: no answer, throttled, denied; too large: 8 KiB.
            ValueError: the name is not valid.
        """
        if NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} cannot name a plan: letters, digits, '_', '.' and '-', 128 at most")
        with calling("ssm:PutParameter"):
            answer = self._clients.ssm.put_parameter(
                Name=f"{self.path}/{name}", Value=text, Type="String", Overwrite=True, Tier="Intelligent-Tiering"
            )
        return answer["Version"]

    def _read(self, names: Sequence[str]) -> dict[str, str]:
        with calling("ssm:GetParameters"):
            answer = self._clients.ssm.get_parameters(Names=[f"{self.path}/{name}" for name in names])
        return {parameter["Name"].rpartition("/")[2]: parameter["Value"] for parameter in answer["Parameters"]}

    def _tag(self, group: str) -> tuple[str, ...]:
        with calling("autoscaling:DescribeTags"):
            answer = self._clients.autoscaling.describe_tags(
                Filters=[{"Name": "auto-scaling-group", "Values": [group]}, {"Name": "key", "Values": [TAG]}]
            )
        return tuple(tag["Value"] for tag in answer["Tags"])
