"""Keeps a branch that lost the race from acting after the race."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class BranchGate:
    """Lets a branch act while the race is open.

    The durable SDK ends a race as soon as one branch is done and leaves the others running in their threads
    until they next checkpoint. A heartbeat sent, or a command started, in that time would come after the end
    of the action. Closing the gate waits for what is under way and lets nothing more begin.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = True

    @contextmanager
    def enter(self) -> Iterator[bool]:
        """Hold the gate while acting. Yields False when the race is over: do nothing then."""
        with self._lock:
            yield self._open

    def close(self) -> None:
        """Wait for the one who is inside, then let nobody in."""
        with self._lock:
            self._open = False
