"""Every sample payload, with what has to come of it. A file without a row fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import Struct

from asg_lifecycle.model.actions import Location, Transition
from asg_lifecycle.model.events import Decision, Handle, Ignore, Invalid, decisions_in_text
from asg_lifecycle.plans.selection import plan_offline

EVENTS = Path(__file__).parents[1] / "events"

LAUNCHING, TERMINATING = Transition.LAUNCHING, Transition.TERMINATING
EC2, GROUP, POOL = Location.EC2, Location.AUTO_SCALING_GROUP, Location.WARM_POOL


class Handled(Struct, frozen=True, kw_only=True):
    """What a sample's action looks like, where it differs from terminate.json."""

    transition: Transition = TERMINATING
    origin: Location | None = GROUP
    destination: Location | None = EC2
    survives: bool = False
    instance: str = "i-1234567890abcdef0"
    metadata: bool = True
    steps: tuple[str, ...] = ("deregister-targets",)
    milliseconds: bool = True


class Ignored(Struct, frozen=True):
    """A word of the reason."""

    word: str


class Wrong(Struct, frozen=True):
    """The field that is named."""

    field: str


EXPECTED: dict[str, tuple[Handled | Ignored | Wrong, ...]] = {
    # These six have a door of their own.
    "automation-ended": (Ignored("'aws.ssm' is not"),),
    "execution-ended": (Ignored("'aws.states' is not"),),
    "command-ended": (Ignored("'aws.ssm' is not"),),
    "ecs-container-instance": (Ignored("'aws.ecs' is not"),),
    "ecs-task-stopped": (Ignored("'aws.ecs' is not"),),
    "signal": (Ignored("'asg-lifecycle.signal' is not"),),
    "broken-token": (Wrong("detail.LifecycleActionToken"),),
    "foreign-detail-type": (Ignored("EC2 Instance Terminate Successful"),),
    "foreign-hook": (Ignored("ecs-managed-draining-termination-hook"),),
    "launch": (
        Handled(transition=LAUNCHING, origin=EC2, destination=GROUP, survives=True, steps=("wait-for-status-checks",)),
    ),
    "no-metadata": (Handled(metadata=False),),
    "no-milliseconds": (Handled(milliseconds=False),),
    "no-origin-no-destination": (Handled(origin=None, destination=None),),
    "notification": (Handled(),),
    "plan-inline": (Handled(steps=("run-command", "deregister-targets")),),
    # These two have a door of their own.
    "rebalance-recommendation": (Ignored("'aws.ec2' is not"),),
    "replace-root-volume-after": (
        Handled(
            transition=LAUNCHING, origin=GROUP, destination=GROUP, survives=True, steps=("wait-for-status-checks",)
        ),
    ),
    "replace-root-volume-before": (Handled(origin=GROUP, destination=GROUP, survives=True),),
    "short-instance-id": (Handled(instance="i-12345678"),),
    "sns-event": (Handled(),),
    "sns-in-sqs-event": (Handled(),),
    "sns-message": (Handled(),),
    "sqs-event": (
        Handled(),
        Handled(
            transition=LAUNCHING,
            origin=EC2,
            destination=GROUP,
            survives=True,
            instance="i-0fedcba9876543210",
            steps=("wait-for-status-checks",),
        ),
    ),
    "spot-interruption": (Ignored("'aws.ec2' is not"),),
    "terminate": (Handled(),),
    "test-notification": (Ignored("TEST_NOTIFICATION"),),
    "warm-pool-back": (Handled(destination=POOL, survives=True),),
    "warm-pool-in": (
        Handled(transition=LAUNCHING, origin=EC2, destination=POOL, survives=True, steps=("wait-for-status-checks",)),
    ),
    "warm-pool-out": (
        Handled(transition=LAUNCHING, origin=POOL, destination=GROUP, survives=True, steps=("wait-for-status-checks",)),
    ),
}


def summary(decision: Decision, expected: Handled | Ignored | Wrong) -> Handled | Ignored | Wrong:
    match decision:
        case Handle(action=action):
            plan = plan_offline(action).plan
            assert plan is not None
            assert action.group == "web"
            return Handled(
                transition=action.transition,
                origin=action.origin,
                destination=action.destination,
                survives=action.survives,
                instance=action.instance,
                metadata=action.metadata is not None,
                steps=tuple(step.kind for step in plan.steps),
                milliseconds=action.time % 1 > 0,
            )
        case Ignore(reason=reason):
            assert isinstance(expected, Ignored)
            return expected if expected.word in reason else Ignored(reason)
        case Invalid(field=field):
            return Wrong(field or "")


def test_every_sample_has_a_row_and_every_row_a_sample() -> None:
    assert {path.name for path in EVENTS.iterdir()} == {f"{name}.json" for name in EXPECTED}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_is_decided_as_expected(name: str) -> None:
    text = (EVENTS / f"{name}.json").read_text(encoding="utf-8")

    found = decisions_in_text(text, hook_name_prefix="asg-lifecycle")

    assert tuple(map(summary, found, EXPECTED[name])) == EXPECTED[name]
    assert len(found) == len(EXPECTED[name])
