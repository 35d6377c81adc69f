"""Whose turn it is when a group drains only so many instances at once."""

from __future__ import annotations

from msgspec import Struct

GAP_FLOOR = 5.0
GAP_CEILING = 60.0
GAP_FRACTION = 0.1


class SlotRequest(Struct, frozen=True, kw_only=True):
    """How one look at the places of a group came out.

    Attributes:
        granted: the place is taken, work may begin.
        taken: how many places others hold.
        ahead: how many wait before this one.
    """

    granted: bool
    taken: int = 0
    ahead: int = 0


def sentence(turn: SlotRequest, limit: int) -> str:
    """Return what the record says of an action that waits for its turn."""
    return f"waiting for a turn: {turn.taken} of {limit} drains of the group are under way, {turn.ahead} ahead"


def gap(waited: float, chance: float) -> float:
    """Return the seconds until the next look: a tenth of the time waited, 5 s to a minute, less a random fifth.

    Args:
        waited: seconds so far.
        chance: a random number from 0 to 1.
    """
    return min(GAP_CEILING, max(GAP_FLOOR, waited * GAP_FRACTION)) * (1 - 0.2 * chance)
