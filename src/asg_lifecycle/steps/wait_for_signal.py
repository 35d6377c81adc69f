"""The step kind `wait-for-signal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.records import wait_key
from asg_lifecycle.model.signals import signal_came
from asg_lifecycle.model.wake_events import NAME
from asg_lifecycle.steps.base import PollingStep

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Target


class WaitForSignalOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which signal."""

    name: Annotated[
        str,
        Meta(
            pattern=f"^{NAME.pattern}$",
            description="What the signal is called: up to 64 letters, digits, `.`, `_`, `/` and `-`.",
        ),
    ] = "done"


class WaitForSignal(PollingStep[WaitForSignalOptions]):
    """Wait until the instance, or anything else, says that something is done.

    It is said with `asg-lifecycle signal` or an event. A signal that comes before the step begins counts, one that
    comes before the action is claimed does not. Of several the last one counts; one that says `failure` fails the step.
    Nothing ends the wait without a signal: give it a timeout. Needs the parameter `Signals`.
    """

    kind = "wait-for-signal"
    example: ClassVar[dict[str, object]] = {"name": "drained"}
    needs_instance_alive = True

    def preview(self, target: Target) -> str:
        """Say what would be waited for."""
        return f"would wait for signal {self._options.name} of instance {target.action.instance}"

    def poll(self, target: Target) -> Progress:
        """Read the signals that the action has received."""
        action, name, signals = target.action, self._options.name, self._services.signals
        if signals is None:
            return Failed(f"signal {name} cannot come: signals are off, deploy with Signals=on")
        said = signals.of(wait_key(action.group, action.hook, action.instance))
        signal = next((each for each in reversed(said) if each.name == name), None)
        if signal is None:
            waiting = f"waiting for signal {name} of instance {action.instance}"
            blocker = Blocker(kind=BlockerKind.SIGNAL, name=name, reason="it has not come")
            return Waiting(waiting, wake_on=signal_came(name), blockers=(blocker,))
        told = f": {signal.message}" if signal.message else ""
        if not signal.succeeded:
            return Failed(f"signal {name} said failure{told}")
        return Done(f"signal {name} said success{told}")
