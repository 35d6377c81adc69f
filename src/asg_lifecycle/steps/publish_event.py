"""Tell others, at this point of the plan: an EventBridge event or an SNS message."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Done, Failed, Progress
from asg_lifecycle.steps.polling_step import PollingStep
from asg_lifecycle.steps.support.action_payload import action_payload

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.publishing import Publishing
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

SOURCE = "asg-lifecycle"


class PublishEventOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said, and where.

    Attributes:
        detail_type: `detail-type` of the event, subject of the message.
        detail: more fields, under `more` in the event's detail.
        bus: name or ARN of the EventBridge bus.
        topic: ARN of an SNS topic, in place of a bus.
    """

    detail_type: Annotated[str, Meta(min_length=1, max_length=128)] = "Lifecycle Step Reached"
    detail: dict[str, Any] = {}
    bus: Annotated[str, Meta(min_length=1)] = "default"
    topic: Annotated[str, Meta(pattern="^arn:[a-z0-9-]+:sns:")] | None = None


class PublishEvent(PollingStep):
    """`publish-event`: with `source` `asg-lifecycle` and the action in its detail.

    The detail has `id`, `group`, `hook`, `instance`, `transition`, `token`, and what the plan adds under `more`. It is
    said at least once: who must not act twice remembers the `id`, which is the same for the same step of the same
    action.
    """

    kind: ClassVar[str] = "publish-event"
    options: ClassVar[type[Struct]] = PublishEventOptions
    example: ClassVar[dict[str, Any]] = {"detail_type": "Web Server Drained", "detail": {"team": "blue"}}
    permissions: ClassVar[tuple[str, ...]] = ("events:PutEvents", "sns:Publish")
    template_parameter: ClassVar[str | None] = "EventSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = False
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: PublishEventOptions, publishing: Publishing) -> None:
        self._chosen = chosen
        self._publishing = publishing

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(msgspec.convert(options, PublishEventOptions, from_attributes=True), services.publishing)

    def preview(self, target: Target) -> str:
        """Say what would be told to whom."""
        return f"would publish {self._chosen.detail_type!r} to {self._where()}: {self._detail(target)}"

    def begin(self, target: Target) -> Progress:
        """Say it."""
        chosen, detail = self._chosen, self._detail(target)
        try:
            if chosen.topic is not None:
                self._publishing.publish(topic=chosen.topic, subject=chosen.detail_type, message=detail)
            else:
                self._publishing.put_event(bus=chosen.bus, source=SOURCE, detail_type=chosen.detail_type, detail=detail)
        except CallFailed as failed:
            if failed.failure.consequence is not Consequence.NOT_FOUND:
                raise
            # Nobody was told: what does not exist here is not what has to be drained.
            return Failed(f"{self._where()} does not exist: {failed}")
        return Done(f"published {chosen.detail_type!r} to {self._where()}")

    def _where(self) -> str:
        return f"topic {self._chosen.topic}" if self._chosen.topic is not None else f"bus {self._chosen.bus}"

    def _detail(self, target: Target) -> str:
        return json.dumps(action_payload(target, self._chosen.detail))
