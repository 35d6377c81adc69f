"""The default event bus: events that are put on it reach the region's subscribers, too.

`PutEvents` refuses sources that begin with `aws.`, as EventBridge does.
Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html.
"""

from __future__ import annotations

import json
from typing import Any

from moto.events.models import EventsBackend

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
        put = EventsBackend.put_events

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
