"""The drain slots of a group that drains only so many instances at once."""

from __future__ import annotations

from msgspec import Struct

DELAY_FLOOR = 5.0
DELAY_CEILING = 300.0
DELAY_FRACTION = 0.1


class SlotAnswer(Struct, frozen=True, kw_only=True):
    """Whether a request for a drain slot was granted.

    Attributes:
        granted: the action has a slot: its work may begin.
        taken: how many slots others have.
        ahead: how many actions wait before this one.
    """

    granted: bool
    taken: int = 0
    ahead: int = 0


def sentence(answer: SlotAnswer, limit: int) -> str:
    """Return the sentence for the record of an action that waits for a slot."""
    return f"waiting for a drain slot: {answer.taken} of {limit} are taken, {answer.ahead} ahead"


def next_request_delay(waited: float, chance: float) -> float:
    """Return the seconds until the next request: a tenth of the time waited, 5 s to 5 min, less a random fifth.

    Args:
        waited: seconds so far.
        chance: a random number from 0 to 1.
    """
    return min(DELAY_CEILING, max(DELAY_FLOOR, waited * DELAY_FRACTION)) * (1 - 0.2 * chance)
