"""Signals and other events that may end a step's wait.

A step that waits for one names it in `Waiting.wake_on`; the record holds that name while the step waits.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

DRAINED = "no task is left"
"""The name of the event that wakes a wait for the tasks of a container instance."""

REGISTERED = "the container instance is registered"
"""The name of the event that wakes a wait for a container instance that takes tasks."""


def command_ended(command: str) -> str:
    """Return the name of the event that wakes a wait for a command of Run Command."""
    return f"command {command} has ended"


def automation_ended(execution: str) -> str:
    """Return the name of the event that wakes a wait for an automation of Systems Manager."""
    return f"automation {execution} has ended"


def execution_ended(name: str) -> str:
    """Return the name of the event that wakes a wait for an execution of a state machine."""
    return f"execution {name} has ended"


def signal_came(name: str) -> str:
    """Return the name of the event that wakes a wait for a signal."""
    return f"signal {name} has come"


class Signal(Struct, frozen=True, kw_only=True):
    """One signal, as a record keeps it.

    Attributes:
        name: what it is about, `ready`.
        succeeded: whether it went well.
        message: a sentence for people, empty for none.
        at: when it was received, seconds since the epoch.
        proved: whether it had the word that the instance has given itself (see `model/signal_words.py`).
    """

    name: str
    succeeded: bool
    message: str
    at: float
    proved: bool = False


def says_the_same(one: Signal, other: Signal) -> bool:
    """Return whether two signals differ in nothing but their time: a sender may repeat a signal."""
    return msgspec.structs.replace(one, at=other.at) == other
