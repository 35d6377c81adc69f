"""What AWS charges in us-east-1, in dollars, collected second-hand; free tiers are left out."""

from __future__ import annotations

AS_OF = "2026-11"

DURABLE_OPERATION = 8e-6
"""For one operation of a durable execution, as Lambda meters them (Lambda guide, "How durable operations are metered").
"""

DURABLE_GIGABYTE_WRITTEN = 0.25
"""To the checkpoint log of an execution."""

DURABLE_GIGABYTE_MONTH = 0.15
"""Kept in it."""

INVOCATION = 0.20e-6
"""Of a Lambda function."""

GIGABYTE_SECOND = 0.0000133334
"""Of a Lambda function on arm64; initialisation is billed, too."""

INSTANCE_SECOND = 0.096 / 3600
"""For a second of an m5.large."""
