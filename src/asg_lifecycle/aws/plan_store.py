"""The named plans in SSM Parameter Store, below `launch` and `terminate`, and the group's tag that names one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.plans import PlanTransition

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
        transition: the hooks that it is for; None for a parameter that is not where plans are read from.
        version: how often it was put.
        changed_at: when it was last put, seconds since the epoch.
        text: what the parameter holds.
    """

    name: str
    transition: PlanTransition | None
    version: int
    changed_at: float
    text: str = ""


class PlanVersion(Struct, frozen=True, kw_only=True):
    """A plan as it was put once.

    Attributes:
        version: its number, from 1.
        changed_at: when it was put, seconds since the epoch.
        changed_by: the ARN of who put it.
        text: the JSON text.
    """

    version: int
    changed_at: float
    changed_by: str
    text: str


class PlanStore:
    """The plans below one path: `PATH/launch/NAME` and `PATH/terminate/NAME`.

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

    def texts(self, transition: PlanTransition, *names: str) -> dict[str, str]:
        """Return the JSON texts of those of the named plans for `transition` that exist; ten names at most.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        possible = tuple(dict.fromkeys(name for name in names if NAME.fullmatch(name)))
        if not possible or not self.path:
            return {}
        return self._texts.get((transition, *possible), lambda: self._read(transition, possible)) or {}

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
        """Return the plans, by name, and the parameters that somebody put beside them.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        if not self.path:
            return ()
        found = []
        with calling("ssm:GetParametersByPath"):
            for page in self._clients.ssm.get_paginator("get_parameters_by_path").paginate(
                Path=self.path, Recursive=True
            ):
                found += [
                    StoredPlan(
                        name=name,
                        transition=transition,
                        version=parameter["Version"],
                        changed_at=parameter["LastModifiedDate"].timestamp(),
                        text=parameter["Value"],
                    )
                    for parameter in page["Parameters"]
                    for transition, name in [self._place(parameter["Name"])]
                ]
        return tuple(sorted(found, key=lambda plan: (plan.name, plan.transition or "")))

    def versions(self, transition: PlanTransition, name: str) -> tuple[PlanVersion, ...]:
        """Return a plan as it was put each time, oldest first: the last hundred times. Empty where there is no plan.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: list[PlanVersion] = []
        if NAME.fullmatch(name) is None:
            return ()
        try:
            with calling("ssm:GetParameterHistory"):
                paginator = self._clients.ssm.get_paginator("get_parameter_history")
                for page in paginator.paginate(Name=self._parameter(transition, name)):
                    found += [
                        PlanVersion(
                            version=each["Version"],
                            changed_at=each["LastModifiedDate"].timestamp(),
                            changed_by=each.get("LastModifiedUser", ""),
                            text=each["Value"],
                        )
                        for each in page["Parameters"]
                    ]
        except CallFailed as failed:
            if failed.failure.code == "ParameterNotFound":
                return ()
            raise
        return tuple(sorted(found, key=lambda each: each.version))

    def put(self, transition: PlanTransition, name: str, text: str, *, replacing: bool) -> int:
        """Store a plan for `transition` under `name`, and return its version.

        Args:
            transition: the hooks that the plan is for.
            name: what it is called.
            text: the JSON text.
            replacing: whether there is one that it replaces. Without, one that was put meanwhile is left as it is.

        Raises:
            CallFailed: no answer, throttled, denied; too large: 8 KiB; there is one that is not to be replaced.
            ValueError: the name is not valid.
        """
        if NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} cannot name a plan: letters, digits, '_', '.' and '-', 128 at most")
        with calling("ssm:PutParameter"):
            answer = self._clients.ssm.put_parameter(
                Name=self._parameter(transition, name),
                Value=text,
                Type="String",
                Overwrite=replacing,
                Tier="Intelligent-Tiering",
            )
        return answer["Version"]

    def delete(self, transition: PlanTransition, name: str) -> None:
        """Delete a plan, with every version of it.

        Raises:
            CallFailed: no answer, throttled, denied, no such plan.
        """
        with calling("ssm:DeleteParameter"):
            self._clients.ssm.delete_parameter(Name=self._parameter(transition, name))

    def _parameter(self, transition: PlanTransition, name: str) -> str:
        return f"{self.path}/{transition}/{name}"

    def _place(self, parameter: str) -> tuple[PlanTransition | None, str]:
        """Return the transition and the name of the plan in a parameter."""
        below = parameter.removeprefix(f"{self.path}/")
        for transition in PlanTransition:
            name = below.removeprefix(f"{transition}/")
            if name != below and NAME.fullmatch(name):
                return transition, name
        return None, below

    def _read(self, transition: PlanTransition, names: Sequence[str]) -> dict[str, str]:
        with calling("ssm:GetParameters"):
            answer = self._clients.ssm.get_parameters(Names=[self._parameter(transition, name) for name in names])
        return {parameter["Name"].rpartition("/")[2]: parameter["Value"] for parameter in answer["Parameters"]}

    def _tag(self, group: str) -> tuple[str, ...]:
        with calling("autoscaling:DescribeTags"):
            answer = self._clients.autoscaling.describe_tags(
                Filters=[{"Name": "auto-scaling-group", "Values": [group]}, {"Name": "key", "Values": [TAG]}]
            )
        return tuple(tag["Value"] for tag in answer["Tags"])
