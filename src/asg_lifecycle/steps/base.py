"""What a step is: the interface that the engine uses, and the base classes that kinds are written on."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, get_args

import msgspec
from msgspec import Struct

from asg_lifecycle.model.actions import LifecycleAction
from asg_lifecycle.model.instances import InstanceFacts
from asg_lifecycle.model.placeholders import fill, placeholder_values
from asg_lifecycle.model.progress import Waiting
from asg_lifecycle.model.replies import CallbackTimes, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asg_lifecycle.model.blockers import Blocker
    from asg_lifecycle.model.placeholders import Quote
    from asg_lifecycle.model.plans import PlanTransition
    from asg_lifecycle.model.progress import StepAnswer
    from asg_lifecycle.steps.services import Services

OptionsT = TypeVar("OptionsT", bound=Struct)
StateT = TypeVar("StateT", bound=Struct)


class NoOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to choose."""


class Target(Struct, frozen=True, kw_only=True):
    """The instance a step works on, at the moment of one poll. Times are seconds since the epoch.

    Attributes:
        action: the lifecycle action.
        facts: what EC2 knew of the instance when the action was claimed.
        position: the step's position in the plan, from 0: with the token it names this step of this action for ever.
        began_at: when this step began.
        now: the time of this poll.
        began_before: when an earlier `begin` of this step may have had its effect, None when there was none.
            Only a step with `at_most_once` is told.
        attempt: how often operators have had it begin again after it had failed.
        callback: id of the durable callback that the step hands out, None when it has none (see `CallbackStep`).
        reply: what came back through it, None as long as nothing has.
        execution: ARN of the durable execution, or of the function: it has the Region and the account.
    """

    action: LifecycleAction
    facts: InstanceFacts
    position: int
    began_at: float
    now: float
    began_before: float | None = None
    attempt: int = 0
    callback: str | None = None
    reply: Reply | None = None
    execution: str = ""

    def fill(self, text: str, quote: Quote | None = None) -> str:
        """Return a text of the plan with its placeholders replaced.

        Args:
            text: the text.
            quote: puts values in as the language of the text wants it; see `placeholders.fill`.

        Raises:
            CannotFillError: a placeholder has no value, or one that cannot be put in safely.
        """
        return fill(text, self.values, quote)

    @property
    def values(self) -> dict[str, str]:
        """What placeholders stand for."""
        return placeholder_values(self.action, self.facts, self.execution)


class Step(ABC):
    """One step of a plan, as the engine sees it. Kinds are written on one of the base classes below.

    `begin`, `check` and `preview` may raise `CallFailed`; the engine turns it into progress by its consequence. A
    `CannotFillError` fails the step.
    Anything a step does may be done twice: the Lambda can die after the effect and before its result is kept.

    Args:
        options: an instance of `options` of the class.
        services: the AWS services.
    """

    kind: ClassVar[str]
    """Its name in plans."""

    options: ClassVar[type[Struct]]
    """The options it takes. Taken from the type parameter of the base class."""

    example: ClassVar[dict[str, object]] = {}
    """Options as a plan gives them, for the reference."""

    permissions: ClassVar[tuple[str, ...]] = ()
    """The IAM actions it needs, in alphabetical order."""

    template_parameter: ClassVar[str | None] = None
    """The parameter of the template that grants these, None when it needs none."""

    optional_permissions: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What it uses besides where a parameter of the template grants it, by that parameter."""

    parameters_by_option: ClassVar[Mapping[str, str]] = {}
    """Which of these parameters it cannot do without, by the option that asks for it."""

    skip_if_instance_survives: ClassVar[bool] = False
    """On the way out it removes what an instance that survives will need again: skipped then (R22, R23)."""

    needs_instance_alive: ClassVar[bool] = False
    """It cannot work on an instance that EC2 has terminated: skipped when the instance is gone (R28)."""

    transition: ClassVar[PlanTransition | None] = None
    """The hooks that it is for; None for both. A plan with such a step is for these hooks too."""

    may_be_missing: ClassVar[str | None] = None
    """What the options name that may not exist (see `Missing`), in the plural for the reference; None for nothing."""

    at_most_once: ClassVar[bool] = False
    """Its `begin` must not be repeated unknowingly: the engine writes to the record that it begins, before it does."""

    raises_before_effect: ClassVar[bool] = False
    """What its `begin` raises, it raises before it had any effect: an attempt that raised counts as none. Only for a
    step with `at_most_once`."""

    def __init__(self, options: Struct, services: Services) -> None:
        del options
        self._services = services

    @classmethod
    def purpose(cls) -> str:
        """Return what the kind is for: the first line of the docstring of its class."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]

    @classmethod
    def permissions_by_parameter(cls) -> dict[str, tuple[str, ...]]:
        """Return what each parameter of the template has to grant for it."""
        own = {cls.template_parameter: cls.permissions} if cls.template_parameter is not None else {}
        return {**own, **cls.optional_permissions}

    @abstractmethod
    def preview(self, target: Target) -> str:
        """Return what `begin` would do, a sentence. Only reads."""

    @abstractmethod
    def begin(self, target: Target) -> StepAnswer:
        """Start the work, or find it started."""

    def check(self, target: Target, last: Waiting) -> StepAnswer:
        """Find out how far the work is that `last` describes."""
        del last
        return self.begin(target)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Stop the work because the action goes on without it.

        Args:
            target: the instance.
            last: the last progress that was recorded, None when the step began and recorded none.

        Returns:
            A sentence that says what was stopped, None when there was nothing to stop.
        """
        del target, last
        return None


class BaseStep(Step, Generic[OptionsT]):
    """A kind whose `begin` does all of its work, and can be repeated until it is done.

    The type parameter is the struct of its options, frozen and closed to unknown fields.
    """

    def __init_subclass__(cls) -> None:
        """Take `options`, and `state` where there is one, from the type parameters."""
        super().__init_subclass__()
        arguments = [each for base in cls.__dict__.get("__orig_bases__", ()) for each in get_args(base)]
        structs = [each for each in arguments if isinstance(each, type) and issubclass(each, Struct)]
        for name, struct in zip(("options", "state"), structs, strict=False):
            setattr(cls, name, struct)

    def __init__(self, options: OptionsT, services: Services) -> None:
        super().__init__(options, services)
        self._options = options


class PollingStep(BaseStep[OptionsT]):
    """A kind that only polls until something is true. It keeps no state, and there is nothing to stop."""

    @abstractmethod
    def poll(self, target: Target) -> StepAnswer:
        """Return whether it is true by now."""

    def begin(self, target: Target) -> StepAnswer:
        """Poll for the first time."""
        return self.poll(target)


class StatefulStep(BaseStep[OptionsT], Generic[OptionsT, StateT]):
    """A kind that has to know at a poll what it did before.

    The second type parameter is the struct of its state, frozen. It is made with `_waiting`, stored as JSON, and given
    to the next poll. It is written to the record whenever it changes, so a value that changes at every poll costs a
    write at every poll.
    """

    state: ClassVar[type[Struct]]
    """Its state. Taken from the type parameter."""

    @abstractmethod
    def poll(self, target: Target, state: StateT) -> StepAnswer:
        """Find out how far the work is."""

    def stop(self, target: Target, state: StateT | None) -> str | None:
        """Stop the work and say what was stopped. By default there is nothing to stop, or it stays as it is.

        Args:
            target: the instance.
            state: of the last progress, None when it had none.
        """
        del target, state
        return None

    def check(self, target: Target, last: Waiting) -> StepAnswer:
        """Poll with the state of `last`; begin again where it has none.

        Raises:
            msgspec.ValidationError: the state is not one of this kind.
        """
        return self.begin(target) if not last.state else self.poll(target, self._state_of(last))

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Stop with the state of `last`.

        Raises:
            msgspec.ValidationError: the state is not one of this kind.
        """
        return self.stop(target, self._state_of(last) if last is not None and last.state else None)

    @staticmethod
    def _waiting(  # noqa: PLR0913 - the arguments of `Waiting`
        detail: str,
        state: StateT,
        *,
        again_after: float | None = None,
        wake_on: str | None = None,
        blocked: bool = False,
        blockers: Iterable[Blocker] = (),
        no_later_than: float | None = None,
    ) -> Waiting:
        """Return a wait with state. The arguments are those of `Waiting`."""
        stored = msgspec.to_builtins(state)
        return Waiting(
            detail,
            again_after=again_after,
            state=stored,
            wake_on=wake_on,
            blocked=blocked,
            blockers=tuple(blockers),
            no_later_than=no_later_than,
        )

    def _state_of(self, last: Waiting) -> StateT:
        state: StateT = msgspec.convert(last.state, self.state)  # type: ignore[assignment] # the same type parameter
        return state


class CallbackStep(StatefulStep[OptionsT, StateT]):
    """A kind that may hand out a durable callback: the engine makes one before it begins, and tells it the reply.

    Attributes:
        times: how long the reply is waited for; None when these options need no callback.
    """

    times: CallbackTimes | None

    def __init__(self, options: OptionsT, services: Services) -> None:
        super().__init__(options, services)
        self.times = self.callback_times(options)

    @classmethod
    @abstractmethod
    def callback_times(cls, options: OptionsT) -> CallbackTimes | None:
        """Return how long a reply is waited for with `options`; None when they need no callback."""
