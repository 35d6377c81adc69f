"""What a step is, and what it is told about the instance it works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from msgspec import Struct

from asg_lifecycle.aws.instances import InstanceFacts
from asg_lifecycle.model.actions import LifecycleAction
from asg_lifecycle.model.replies import Reply

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.model.progress import Progress, Waiting
    from asg_lifecycle.steps.services import Services


class Target(Struct, frozen=True, kw_only=True):
    """The instance a step works on, at the moment of one look. Times are seconds since the epoch.

    Attributes:
        action: the lifecycle action.
        facts: what EC2 knew of the instance when the action was admitted.
        position: the step's position in the plan, from 0: with the token it names this step of this action for ever.
        began_at: when this step began.
        now: the time of this look.
        began_before: when an earlier beginning of this step may have had its effect, None when there was none.
            Only a step with `at_most_once` is told.
        callback: id of the durable callback that the step hands out, None when it has none (see `CallbackStep`).
        reply: what came back through it, None as long as nothing has.
    """

    action: LifecycleAction
    facts: InstanceFacts
    position: int
    began_at: float
    now: float
    began_before: float | None = None
    callback: str | None = None
    reply: Reply | None = None


class Step(Protocol):
    """One kind of work, made for one set of options.

    `begin` and `check` may raise `CallFailed`; the engine turns it into progress by its consequence. Anything a
    step does may be done twice: the Lambda can die after the effect and before its result is kept.
    """

    kind: ClassVar[str]
    """Its name in plans."""

    options: ClassVar[type[Struct]]
    """The options it takes: a frozen struct that forbids unknown fields."""

    example: ClassVar[dict[str, Any]]
    """Options as a plan gives them, for the reference."""

    permissions: ClassVar[tuple[str, ...]]
    """The IAM actions it needs."""

    template_parameter: ClassVar[str | None]
    """The parameter of the template that grants these, None when it needs none."""

    skip_if_instance_survives: ClassVar[bool]
    """It removes what an instance that survives will need again: skipped when the instance survives (R22, R23)."""

    needs_instance_alive: ClassVar[bool]
    """It cannot work on an instance that EC2 has terminated: skipped when the instance is gone (R28)."""

    at_most_once: ClassVar[bool]
    """Its `begin` cannot be repeated unseen: the engine notes in the record that it begins, before it does."""

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`, an instance of `cls.options`."""
        ...

    def preview(self, target: Target) -> str:
        """Return what `begin` would do, a sentence. Only reads; may raise `CallFailed`."""
        ...

    def begin(self, target: Target) -> Progress:
        """Start the work, or find it started."""
        ...

    def check(self, target: Target, last: Waiting) -> Progress:
        """Look at the work that `last` describes."""
        ...

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Stop the work because the action goes on without it.

        Args:
            target: the instance.
            last: the last progress that was recorded, None when the step began and recorded none.

        Returns:
            A sentence that says what was stopped, None when there was nothing to stop.
        """
        ...
