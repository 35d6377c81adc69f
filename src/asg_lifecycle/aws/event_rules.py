"""The EventBridge calls that read the rules on the default event bus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.doctor.facts import RuleFacts

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import RuleTypeDef

    from asg_lifecycle.aws.clients import Clients

BUS = "default"
"""AWS services put their events on this bus alone."""

ENABLED = "ENABLED"
"""What the states of rules that pass events on begin with."""


class EventRules:
    """The rules on the default event bus of this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def all(self) -> tuple[RuleFacts, ...]:
        """Return every rule, without its targets.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: list[RuleFacts] = []
        with calling("events:ListRules"):
            for page in self._clients.events.get_paginator("list_rules").paginate(EventBusName=BUS):
                found += map(_rule, page["Rules"])
        return tuple(found)

    def targets(self, rule: str) -> tuple[str, ...]:
        """Return the ARNs of the targets of a rule; a rule has a handful.

        Raises:
            CallFailed: no answer, throttled, denied, no such rule.
        """
        found: list[str] = []
        with calling("events:ListTargetsByRule"):
            for page in self._clients.events.get_paginator("list_targets_by_rule").paginate(Rule=rule):
                found += [target["Arn"] for target in page["Targets"]]
        return tuple(found)


def _rule(entry: RuleTypeDef) -> RuleFacts:
    pattern = entry.get("EventPattern")
    return RuleFacts(
        name=entry.get("Name", ""),
        arn=entry.get("Arn", ""),
        enabled=entry.get("State", ENABLED).startswith(ENABLED),
        pattern=json.loads(pattern) if pattern else None,
    )
