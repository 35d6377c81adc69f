"""What an instance, a pipeline or AWS says that may end a step's wait.

A step that waits for it names it in `Waiting.wake_on`; the record holds that name while the step waits.
"""

from __future__ import annotations

from msgspec import Struct

DRAINED = "no task is left"
"""What a wait for the tasks of a container instance is woken by."""

REGISTERED = "the container instance is registered"
"""What a wait for a container instance that takes tasks is woken by."""


def command_ended(command: str) -> str:
    """Return what a wait for a command of Run Command is woken by."""
    return f"command {command} has ended"


def signal_came(name: str) -> str:
    """Return what a wait for a signal is woken by."""
    return f"signal {name} has come"


class Signal(Struct, frozen=True, kw_only=True):
    """What was said under a name.

    Attributes:
        name: what it is about, `ready`.
        succeeded: whether it went well.
        message: a sentence for people, empty for none.
        at: when it was received, seconds since the epoch.
    """

    name: str
    succeeded: bool
    message: str
    at: float


def says_the_same(one: Signal, other: Signal) -> bool:
    """Return whether two signals differ in nothing but their time: whoever signals may do so again."""
    return (one.name, one.succeeded, one.message) == (other.name, other.succeeded, other.message)
