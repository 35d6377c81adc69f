"""The CloudWatch call that reads alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.doctor.facts import AlarmFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.aws.clients import Clients

MOST_NAMES = 100
"""Names that a call takes."""


class Alarms:
    """The alarms of this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def named(self, names: Sequence[str]) -> tuple[AlarmFacts, ...]:
        """Return those alarms that exist, of the names.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: list[AlarmFacts] = []
        for first in range(0, len(names), MOST_NAMES):
            with calling("cloudwatch:DescribeAlarms"):
                for page in self._clients.cloudwatch.get_paginator("describe_alarms").paginate(
                    AlarmNames=list(names[first : first + MOST_NAMES])
                ):
                    found += [
                        AlarmFacts(
                            name=alarm.get("AlarmName", ""),
                            actions_enabled=alarm.get("ActionsEnabled", False),
                            actions=tuple(alarm.get("AlarmActions", ())),
                        )
                        for alarm in page["MetricAlarms"]
                    ]
        return tuple(found)
