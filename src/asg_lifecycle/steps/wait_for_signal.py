"""Wait until the instance, or anything else, says that something is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.records import wait_key
from asg_lifecycle.model.signals import signal_came
from asg_lifecycle.model.wake_events import NAME
from asg_lifecycle.steps.polling_step import PollingStep

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services
    from asg_lifecycle.store.signals import Signals


class WaitForSignalOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which signal.

    Attributes:
        name: what the signal is called: up to 64 letters, digits, `.`, `_`, `/` and `-`.
    """

    name: Annotated[str, Meta(pattern=f"^{NAME.pattern}$")] = "done"


class WaitForSignal(PollingStep):
    """`wait-for-signal`: somebody says that something is done, with `asg-lifecycle signal` or an event.

    A signal that comes before the step begins counts, one that comes before the action is claimed does not. Of several
    the last one counts; one that says `failure` fails the step. Nothing ends the wait without a signal: give it a
    timeout. Needs the parameter `Signals`.
    """

    kind: ClassVar[str] = "wait-for-signal"
    options: ClassVar[type[Struct]] = WaitForSignalOptions
    example: ClassVar[dict[str, Any]] = {"name": "drained"}
    permissions: ClassVar[tuple[str, ...]] = ()
    template_parameter: ClassVar[str | None] = None
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = True
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: WaitForSignalOptions, signals: Signals | None) -> None:
        self._name = chosen.name
        self._signals = signals

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(msgspec.convert(options, WaitForSignalOptions, from_attributes=True), services.signals)

    def preview(self, target: Target) -> str:
        """Say what would be waited for."""
        return f"would wait for signal {self._name} of instance {target.action.instance}"

    def begin(self, target: Target) -> Progress:
        """Look what was said."""
        action = target.action
        if self._signals is None:
            return Failed(f"signal {self._name} cannot come: signals are off, deploy with Signals=on", retryable=True)
        said = self._signals.of(wait_key(action.group, action.hook, action.instance))
        signal = next((each for each in reversed(said) if each.name == self._name), None)
        if signal is None:
            waiting = f"waiting for signal {self._name} of instance {action.instance}"
            return Waiting(waiting, wake_on=signal_came(self._name))
        told = f": {signal.message}" if signal.message else ""
        if not signal.succeeded:
            return Failed(f"signal {self._name} said failure{told}", retryable=True)
        return Done(f"signal {self._name} said success{told}")
