"""What AWS charges in us-east-1, in dollars, collected second-hand; free tiers are left out."""

from __future__ import annotations

AS_OF = "2026-11"

DURABLE_OPERATION = 8e-6
"""For one operation of a durable execution, as Lambda meters them (Lambda guide, "How durable operations are metered").
"""

INSTANCE_SECOND = 0.096 / 3600
"""For a second of an m5.large."""
