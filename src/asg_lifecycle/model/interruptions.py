"""What EC2 says of an instance it is about to take back: the two events, each a warning or nothing to us.

Pure and total like `asg_lifecycle.model.events`: whatever JSON comes in, a decision comes out, with every problem.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Struct

from asg_lifecycle.model.actions import LifecycleAction, Place, Transition
from asg_lifecycle.model.events import Broken, Ignore
from asg_lifecycle.model.fields import Fields, Problem, shown
from asg_lifecycle.model.starts import Start, StartReason

SOURCE = "aws.ec2"

REASONS = {
    "EC2 Spot Instance Interruption Warning": StartReason.SPOT_INTERRUPTION,
    "EC2 Instance Rebalance Recommendation": StartReason.REBALANCE,
}
"""The two detail-types that are answered, and why each lets the work begin early."""

NOTICE = 120.0
"""Seconds from a spot instance's warning to its end, hook or no hook (R27)."""

_INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Warning_(Struct, frozen=True):
    pass
