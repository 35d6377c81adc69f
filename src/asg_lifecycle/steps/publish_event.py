"""The step kind `publish-event`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Done, Missing, StepAnswer
from asg_lifecycle.model.resource_names import EventBus, NameText, TopicArn
from asg_lifecycle.steps.base import BaseStep
from asg_lifecycle.steps.support.action_payload import action_payload

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Target

SOURCE = "asg-lifecycle"


class PublishEventOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said, and where."""

    detail_type: Annotated[
        NameText, Meta(min_length=1, max_length=128, description="`detail-type` of the event, subject of the message.")
    ] = "Lifecycle Step Reached"
    detail: Annotated[
        dict[str, Any],
        Meta(description="More fields, under `more` in the event's detail, with placeholders in their texts."),
    ] = {}
    bus: Annotated[EventBus, Meta(description="Name or ARN of the EventBridge bus.")] = "default"
    topic: Annotated[
        TopicArn | None,
        Meta(description="ARN of an SNS topic, in place of a bus."),
    ] = None


class PublishEvent(BaseStep[PublishEventOptions]):
    """Publish an EventBridge event or an SNS message at this point of the plan.

    The event has the `source` `asg-lifecycle`. Its detail has `id`, `group`, `hook`, `instance`, `transition`, `token`,
    and what the plan adds under `more`. It is published at least once: who must not act twice remembers the `id`, which
    is the same for the same step of the same action.
    """

    kind = "publish-event"
    example: ClassVar[dict[str, object]] = {"detail_type": "Web Server Drained", "detail": {"team": "blue"}}
    permissions = ("events:PutEvents", "sns:Publish")
    template_parameter = "EventSteps"
    may_be_missing = "buses and topics"

    def preview(self, target: Target) -> str:
        """Say what would be published where."""
        return f"would publish {target.fill(self._options.detail_type)!r} to {self._where()}: {self._detail(target)}"

    def begin(self, target: Target) -> StepAnswer:
        """Publish it."""
        options, detail, detail_type = self._options, self._detail(target), target.fill(self._options.detail_type)
        try:
            if options.topic is not None:
                self._services.publishing.publish(topic=options.topic, subject=detail_type, message=detail)
            else:
                self._services.publishing.put_event(
                    bus=options.bus, source=SOURCE, detail_type=detail_type, detail=detail
                )
        except CallFailed as failed:
            if failed.failure.consequence is not Consequence.NOT_FOUND:
                raise
            return Missing(f"there is no {self._where()} ({failed})")
        return Done(f"published {detail_type!r} to {self._where()}")

    def _where(self) -> str:
        return f"topic {self._options.topic}" if self._options.topic is not None else f"bus {self._options.bus}"

    def _detail(self, target: Target) -> str:
        return json.dumps(action_payload(target, self._options.detail))
