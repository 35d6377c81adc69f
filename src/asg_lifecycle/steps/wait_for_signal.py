"""The step kind `wait-for-signal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.records import wait_key
from asg_lifecycle.model.signal_words import DEFAULT_NAME, TAG_PREFIX
from asg_lifecycle.model.signals import signal_came
from asg_lifecycle.model.wake_events import NAME
from asg_lifecycle.steps.base import PollingStep

if TYPE_CHECKING:
    from asg_lifecycle.model.signals import Signal
    from asg_lifecycle.steps.base import Target


class WaitForSignalOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which signal."""

    name: Annotated[
        str,
        Meta(
            pattern=f"^{NAME.pattern}$",
            description="What the signal is called: up to 64 letters, digits, `.`, `_`, `/` and `-`.",
        ),
    ] = DEFAULT_NAME
    word: Annotated[
        bool,
        Meta(
            description="Count a signal only with the word that the instance has given itself: without it, whoever "
            "may send signals may send this one for any instance."
        ),
    ] = False


class WaitForSignal(PollingStep[WaitForSignalOptions]):
    """Wait until the instance, or anything else, says that something is done.

    It is said with `asg-lifecycle signal` or an event. A signal that comes before the step begins counts, one that
    comes before the action is claimed does not. Of several the last one counts; one that says `failure` fails the step.
    Nothing ends the wait without a signal: give it a timeout. Needs the parameter `Signals`.

    With `word: true` only the instance itself can say it. It makes a word by chance, keeps it, and puts its SHA-256
    into its tag `asg-lifecycle:word/NAME`, as the script `asg-lifecycle-word` does; a signal without that word is
    dropped.
    """

    kind = "wait-for-signal"
    example: ClassVar[dict[str, object]] = {"name": "drained"}
    needs_instance_alive = True

    def preview(self, target: Target) -> str:
        """Say what would be waited for."""
        wanted = f"would wait for signal {self._options.name} of instance {target.action.instance}"
        return wanted if not self._options.word else f"{wanted}, with {_word(self._options.name, target)}"

    def poll(self, target: Target) -> Progress:
        """Read the signals that the action has received."""
        action, name, signals = target.action, self._options.name, self._services.signals
        if signals is None:
            return Failed(f"signal {name} cannot come: signals are off, deploy with Signals=on")
        said = signals.of(wait_key(action.group, action.hook, action.instance))
        signal = next((each for each in reversed(said) if each.name == name and self._counts(each)), None)
        if signal is None:
            waiting = f"waiting for signal {name} of instance {action.instance}"
            blocker = Blocker(kind=BlockerKind.SIGNAL, name=name, reason=self._missing(target))
            return Waiting(waiting, wake_on=signal_came(name), blockers=(blocker,))
        told = f": {signal.message}" if signal.message else ""
        if not signal.succeeded:
            return Failed(f"signal {name} said failure{told}")
        return Done(f"signal {name} said success{told}")

    def _counts(self, signal: Signal) -> bool:
        return signal.proved or not self._options.word

    def _missing(self, target: Target) -> str:
        return f"it has not come with {_word(self._options.name, target)}" if self._options.word else "it has not come"


def _word(name: str, target: Target) -> str:
    tag = f"{TAG_PREFIX}{name}"
    return "its word" if tag in target.facts.tags else f"its word, for which the instance had no tag {tag} at first"
