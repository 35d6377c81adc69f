"""The warnings of EC2 before it takes a Spot instance back."""

from __future__ import annotations

from msgspec import Struct

from asg_lifecycle.model.events import Ignore, Invalid
from asg_lifecycle.model.fields import FieldReader, shown
from asg_lifecycle.model.start_requests import StartReason

SOURCE = "aws.ec2"

REASONS = {
    "EC2 Spot Instance Interruption Warning": StartReason.SPOT_INTERRUPTION,
    "EC2 Instance Rebalance Recommendation": StartReason.REBALANCE,
}
"""The two detail-types, and why work begins at each.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

NOTICE = 120.0
"""Seconds between the warning and the end of the instance (R27)."""


class Interruption(Struct, frozen=True, kw_only=True):
    """An instance that EC2 takes back, or expects to.

    Attributes:
        reason: which of the two warnings it was.
        instance: EC2 instance id.
        time: when EC2 warned, seconds since the epoch.
        until: when the instance is gone, seconds since the epoch; None when that is not known.
    """

    reason: StartReason
    instance: str
    time: float
    until: float | None


def interruption(event: object) -> Interruption | Ignore | Invalid:  # noqa: PLR0911 - one line a case
    """Return what an event of EC2 announces. Any JSON is accepted, none raises."""
    if not isinstance(event, dict):
        return Invalid(f"expected an event of EC2, found {shown(event)}", None)
    fields = FieldReader(event, "")
    source = fields.text("source", repr(SOURCE))
    detail_type = fields.text("detail-type", "the name of an event")
    if source and source != SOURCE:
        return Ignore(f"source {shown(source)} is not {SOURCE!r}")
    if detail_type and detail_type not in REASONS:
        return Ignore(f"detail-type {shown(detail_type)} is no interruption")
    detail = fields.inner("detail")
    time = fields.moment("time")
    reason = REASONS.get(detail_type, StartReason.REBALANCE)
    instance = action = ""
    if detail is not None:
        instance = detail.instance_id("instance-id")
    if detail is not None and reason is StartReason.SPOT_INTERRUPTION:
        action = detail.text("instance-action", "'terminate', 'stop' or 'hibernate'")
    if detail is None or time is None or fields.problems:
        return Invalid("; ".join(map(str, fields.problems)), fields.problems[0].field or None)
    if reason is StartReason.REBALANCE:
        return Interruption(reason=reason, instance=instance, time=time, until=None)
    if action != "terminate":
        return Ignore(f"instance {instance} is interrupted with {shown(action)}, which does not terminate it")
    return Interruption(reason=reason, instance=instance, time=time, until=time + NOTICE)
