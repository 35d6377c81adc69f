"""Which function each sample event is for, and what it answers locally, where nothing waits.

`docs/local-invoke.md` holds the same as a table.
"""

from __future__ import annotations

from msgspec import Struct

LIFECYCLE_ACTION = "LifecycleActionFunction"
INTERRUPTION = "InterruptionFunction"
SIGNAL = "SignalFunction"
NOTIFICATION = "NotificationFunction"

HANDLERS = {
    LIFECYCLE_ACTION: "handlers.lifecycle_action.handler",
    INTERRUPTION: "handlers.interruption.handler",
    SIGNAL: "handlers.signal_received.handler",
    NOTIFICATION: "handlers.notification.handler",
}

OVER = "over"
"""The instance does not wait: the event has come after the action had ended."""

DUPLICATE = "duplicate"
"""What is answered in place of `over`, when another event of the same wait was sent before."""

KEPT = "kept"
"""The message stays in its queue: what hands it on cannot invoke the durable function here."""


class Sample(Struct, frozen=True):
    """Whom an event is for, and the `outcome` that is answered; `kept` for messages that are left in their queue."""

    function: str
    outcome: str


SAMPLES = {
    "automation-ended": Sample(SIGNAL, "not awaited"),
    "broken-token": Sample(LIFECYCLE_ACTION, "invalid"),
    "command-ended": Sample(SIGNAL, "not awaited"),
    "ecs-container-instance": Sample(SIGNAL, "not awaited"),
    "ecs-task-stopped": Sample(SIGNAL, "not awaited"),
    "execution-ended": Sample(SIGNAL, "not awaited"),
    "foreign-detail-type": Sample(LIFECYCLE_ACTION, "ignored"),
    "foreign-hook": Sample(LIFECYCLE_ACTION, "ignored"),
    "launch": Sample(LIFECYCLE_ACTION, OVER),
    "no-metadata": Sample(LIFECYCLE_ACTION, OVER),
    "no-milliseconds": Sample(LIFECYCLE_ACTION, OVER),
    "no-origin-no-destination": Sample(LIFECYCLE_ACTION, OVER),
    "notification": Sample(LIFECYCLE_ACTION, OVER),
    "plan-inline": Sample(LIFECYCLE_ACTION, OVER),
    "rebalance-recommendation": Sample(INTERRUPTION, "ignored"),
    "replace-root-volume-after": Sample(LIFECYCLE_ACTION, OVER),
    "replace-root-volume-before": Sample(LIFECYCLE_ACTION, OVER),
    "short-instance-id": Sample(LIFECYCLE_ACTION, OVER),
    "signal": Sample(SIGNAL, "dropped"),
    # No function is subscribed to a topic: these are for `asg-lifecycle explain`.
    "sns-event": Sample(LIFECYCLE_ACTION, "invalid"),
    "sns-message": Sample(LIFECYCLE_ACTION, "invalid"),
    "sns-in-sqs-event": Sample(NOTIFICATION, KEPT),
    "spot-interruption": Sample(INTERRUPTION, "ignored"),
    "sqs-event": Sample(NOTIFICATION, KEPT),
    "terminate": Sample(LIFECYCLE_ACTION, OVER),
    "test-notification": Sample(LIFECYCLE_ACTION, "ignored"),
    "warm-pool-back": Sample(LIFECYCLE_ACTION, OVER),
    "warm-pool-in": Sample(LIFECYCLE_ACTION, OVER),
    "warm-pool-out": Sample(LIFECYCLE_ACTION, OVER),
}
"""By the name of the file in `events/`."""
