"""What the campaign knows of a kind of step: how its part of the world is drawn and set up, and when its work is done.

Whether work was done is read from the simulated service, never from what the step said.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle.model.actions import Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

ABSENT = "nowhere"
"""The name of what does not exist."""

BYSTANDER_GROUP = "bystanders"
"""A group without a hook of ours, with one instance."""

EITHER = frozenset(Transition)
LAUNCH = frozenset({Transition.LAUNCHING})
TERMINATE = frozenset({Transition.TERMINATING})
"""The transitions that a kind suits."""


CONDITIONS: tuple[tuple[Mapping[str, Any], bool], ...] = (
    ({"when": "spot"}, True),
    ({"when": ["gone", "spot"]}, True),
    ({"unless": "spot"}, False),
    ({"unless": ["gone", "spot"]}, False),
)
"""Conditions of steps, and whether they leave a step out."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One way in which a step meets its service.

    Attributes:
        weight: how often it is drawn, beside the others of its kind; 0 for never.
        options: of the step.
        fails: the step fails by what it meets.
        endless: the step never ends by itself.
    """

    weight: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    fails: bool = False
    endless: bool = False


@dataclass(frozen=True, kw_only=True)
class DrawnStep:
    """One step of a plan, and its part of the world. Times in seconds.

    Attributes:
        kind: its kind.
        shape: the name of its shape.
        options: of the step.
        takes: how long the service needs for each instance.
        disturbed_at: from the beginning of an instance's wait until somebody disturbs the work on it, if it is not
            done by then.
        if_missing: as the plan says it, None where it does not.
        names_absent: the options name something that does not exist.
        fails: the step fails.
        endless: the step does not end by itself.
        conditions: `when` and `unless` as the plan says them.
        left_out: with these the step does not run, unless EC2 cannot be asked.
    """

    kind: str
    shape: str
    options: dict[str, Any]
    takes: float
    disturbed_at: tuple[float, ...] = ()
    if_missing: str | None = None
    names_absent: bool = False
    fails: bool = False
    endless: bool = False
    conditions: Mapping[str, Any] = field(default_factory=dict)
    left_out: bool = False

    def planned(self) -> dict[str, Any]:
        """Return the step as a plan has it."""
        told = {"kind": self.kind, "options": self.options, **self.conditions}
        return told | ({"if_missing": self.if_missing} if self.if_missing is not None else {})


class CampaignKind(ABC):
    """A step of one kind in one run.

    Args:
        step: what was drawn.
        testbed: the region and the application.
    """

    kind: ClassVar[str]
    """The kind, as the catalog has it."""

    transitions: ClassVar[frozenset[Transition]]
    """The hooks on which it is drawn."""

    shapes: ClassVar[Mapping[str, Shape]] = {"plain": Shape()}
    """By their names, which the class knows."""

    takes: ClassVar[tuple[float, ...]] = (1.0, 20.0, 90.0, 400.0)
    """Seconds, of which one is drawn."""

    absent: ClassVar[Mapping[str, Any]] = {}
    """Options that name something that does not exist; a list is put behind the list of the drawn options."""

    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What it asks of AWS: operations by boto3's name of the service."""

    excludes: ClassVar[frozenset[str]] = frozenset()
    """Kinds that are not drawn in one plan with it."""

    has_disturbance: ClassVar[bool] = False
    """Whether `disturb` does anything."""

    forgets_for_good: ClassVar[bool] = False
    """Whether it is left out for an instance that survives (R22, R23)."""

    def __init__(self, step: DrawnStep, testbed: Testbed[Deployment]) -> None:
        self.step = step
        self.testbed = testbed

    @classmethod
    def draw(cls, random: Random, *, ends: bool = False) -> DrawnStep:
        """Draw a step.

        Args:
            random: what it is drawn from.
            ends: only steps that end by themselves, and well.
        """
        shapes = {name: shape for name, shape in cls.shapes.items() if not (ends and (shape.fails or shape.endless))}
        (name,) = random.choices([*shapes], [shape.weight for shape in shapes.values()])
        shape, options = shapes[name], {**cls.drawn_options(random), **shapes[name].options}
        disturbed = cls.has_disturbance and random.random() < 0.3  # noqa: PLR2004 - often, and not mostly
        drawn = DrawnStep(
            kind=cls.kind,
            shape=name,
            options=options,
            takes=random.choice(cls.takes),
            disturbed_at=(random.uniform(1.0, 120.0),) if disturbed else (),
            fails=shape.fails,
            endless=shape.endless,
        )
        if not (shape.fails or shape.endless) and random.random() < 0.15:  # noqa: PLR2004 - now and then
            # No instance is a Spot Instance for EC2, and one that is gone is not asked what was done on it.
            conditions, left_out = random.choice(CONDITIONS)
            drawn = replace(drawn, conditions=conditions, left_out=left_out)
        if cls.absent and not (shape.fails or shape.endless) and random.random() < 0.15:  # noqa: PLR2004 - now and then
            return cls._with_absent(drawn, "done" if ends else random.choice(("done", "done", "fail", None)))
        return drawn

    @classmethod
    def drawn_options(cls, random: Random) -> dict[str, Any]:
        """Draw the options that every shape has."""
        del random
        return {}

    @classmethod
    def _with_absent(cls, drawn: DrawnStep, if_missing: str | None) -> DrawnStep:
        options = dict(drawn.options)
        for key, value in cls.absent.items():
            options[key] = [*options.get(key, ()), *value] if isinstance(value, list) else value
        fails = if_missing != "done"
        return replace(
            drawn, options=options, if_missing=if_missing, names_absent=True, fails=fails, conditions={}, left_out=False
        )

    @property
    def replaced_by_absent(self) -> bool:
        """Whether all that the step works on is what does not exist."""
        return self.step.names_absent and not any(isinstance(value, list) for value in self.absent.values())

    @property
    def now(self) -> float:
        """The time, seconds since the epoch."""
        return self.testbed.timeline.now()

    def address(self, instance: str, key: str = "PrivateIpAddress") -> str | None:
        """Return an address of an instance by its name in EC2's answer; None when it has none, or none any more."""
        with self.testbed.region.unobserved():
            answer = self.testbed.region.client("ec2").describe_instances(InstanceIds=[instance])
        return next((each.get(key) for found in answer["Reservations"] for each in found["Instances"]), None)

    def arrange(self) -> None:  # noqa: B027 - most kinds have nothing that is there before the instances
        """Make what all instances share, before there is any instance."""

    def settle(self, instance: str) -> None:  # noqa: B027 - some kinds have nothing of their own for an instance
        """Prepare one instance. Runs when its first wait begins, and once for an instance."""

    def waits(self, instance: str) -> None:  # noqa: B027 - most kinds have nothing that begins again
        """Take note that a wait of the instance begins."""

    def disturb(self, instance: str) -> None:  # noqa: B027 - see `has_disturbance`
        """Undo a part of the work on an instance, which is not done yet."""

    @abstractmethod
    def undone(self, instance: str, since: float) -> str | None:
        """Return what of the step's work is not done on an instance; None when all is.

        Args:
            instance: which.
            since: when its wait began, seconds since the epoch.
        """

    def after(self, seconds: float, then: Callable[[], object]) -> None:
        """Let something happen later, under the region's lock."""
        region = self.testbed.region

        def guarded() -> None:
            with region.lock:
                then()

        self.testbed.timeline.call_after(seconds, guarded, name="campaign")
