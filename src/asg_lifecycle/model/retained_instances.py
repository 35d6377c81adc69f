"""An instance that an abandoned terminate hook has left running (R10)."""

from __future__ import annotations

from msgspec import Struct


class RetainedInstance(Struct, frozen=True, kw_only=True):
    """A retained instance.

    Attributes:
        instance: EC2 instance id.
        group: Auto Scaling group.
        state: `Terminating:Retained`, `Warmed:Pending:Retained` or `Warmed:Terminating:Retained` (R17).
        instance_type: EC2 instance type, None where it is not told.
    """

    instance: str
    group: str
    state: str
    instance_type: str | None = None
