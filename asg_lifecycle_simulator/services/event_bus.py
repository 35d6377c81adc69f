"""The default event bus: events that are put on it reach the region's subscribers, too.

`PutEvents` refuses sources that begin with `aws.`, as EventBridge does. Rules that invoke functions invoke none here: a
deployment hears of the region's events by itself, as its rules would pass them on.
Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from moto.events.models import EventsBackend, Rule

from asg_lifecycle_simulator.services.base import Service

DEFAULT = "default"
NOT_AUTHORIZED = {
    "ErrorCode": "NotAuthorizedForSourceException",
    "ErrorMessage": "Not authorized for the source.",
}


class EventBus(Service):
    """The default event bus of a region."""

    def install(self) -> None:
        """Hand each event that is put on the bus to the region."""
        put, send_to_targets = EventsBackend.put_events, Rule.send_to_targets

        def to_other_targets(rule: Rule, event: Any, *, transform_input: bool = True) -> None:  # noqa: ANN401 - moto's
            # moto knows no targets that are functions, and raises.
            others = copy.copy(rule)
            others.targets = [target for target in rule.targets if ":lambda:" not in target["Arn"]]
            send_to_targets(others, event, transform_input)

        def put_events(backend: EventsBackend, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
            answers: list[dict[str, Any]] = []
            for event in events:
                if str(event.get("Source", "")).startswith("aws."):
                    answers.append(dict(NOT_AUTHORIZED))
                    continue
                (answer,) = put(backend, [event])
                answers.append(answer)
                if "EventId" in answer and event.get("EventBusName", DEFAULT).rpartition("/")[2] == DEFAULT:
                    self.region.emit(event["Source"], event["DetailType"], json.loads(event["Detail"]))
            return answers

        self.region.replace(EventsBackend, "put_events", put_events)
        self.region.replace(Rule, "send_to_targets", to_other_targets)
