"""Why Auto Scaling terminates an instance, read from the cause of the scaling activity.

These texts are English for people, and AWS documents no list of them. The phrases below are those of "View the reason
for health check failures" and of the SNS examples in the Auto Scaling user guide, of "Why did Amazon EC2 Auto Scaling
terminate an instance?" at re:Post, and of activities that users have published. Any other text says nothing.
"""

from __future__ import annotations

import re

from asg_lifecycle.model.conditions import CAUSES, Condition

OUT_OF_SERVICE = re.compile(r"taken out of service in response to (?P<why>[^.,]+)", re.IGNORECASE)
LOWERED = re.compile(r"changing the desired capacity from (?P<before>\d+) to (?P<after>\d+)", re.IGNORECASE)
SHRINKING = "shrinking the capacity"

PHRASES: tuple[tuple[re.Pattern[str], Condition], ...] = (
    (re.compile(r"\binstance refresh\b", re.IGNORECASE), Condition.INSTANCE_REFRESH),
    (re.compile(r"\b(health[ -]check|status checks?)\b", re.IGNORECASE), Condition.HEALTH_CHECK),
    (re.compile(r"\brebalanc", re.IGNORECASE), Condition.REBALANCE),
)
"""What is said after "taken out of service in response to", and what it means."""

ON_DEMAND = re.compile(r"\ba user request\b", re.IGNORECASE)
DIFFERENCE = re.compile(r"\ba difference between desired and actual capacity\b", re.IGNORECASE)


def possible_causes(text: str) -> frozenset[Condition]:
    """Return the causes that the text of a scaling activity leaves possible: all of them where it is not recognised.

    Args:
        text: the activity's `Cause`.
    """
    whys = [found["why"] for found in OUT_OF_SERVICE.finditer(text)]
    if not whys:
        return CAUSES
    return frozenset(cause for why in whys for cause in _of(why, text))


def _of(why: str, text: str) -> frozenset[Condition]:
    for phrase, cause in PHRASES:
        if phrase.search(why):
            return frozenset({cause})
    if ON_DEMAND.search(why):
        # Terminated by a call: with the desired capacity lowered, or to be replaced, which is none of the causes.
        return frozenset({Condition.SCALE_IN} if SHRINKING in text else ())
    if DIFFERENCE.search(why):
        lowered = any(int(found["after"]) < int(found["before"]) for found in LOWERED.finditer(text))
        # A group that is rebalanced grows first, and shrinks to the same desired capacity again.
        return frozenset({Condition.SCALE_IN}) if lowered else frozenset({Condition.SCALE_IN, Condition.REBALANCE})
    return CAUSES
