from __future__ import annotations

import msgspec
import pytest

from asg_lifecycle.model.actions import ActionResult, LifecycleAction, Location, Transition

LAUNCHING, TERMINATING = Transition.LAUNCHING, Transition.TERMINATING
EC2, GROUP, POOL = Location.EC2, Location.AUTO_SCALING_GROUP, Location.WARM_POOL


def action(
    transition: Transition, origin: Location | None, destination: Location | None, operation: str | None = None
) -> LifecycleAction:
    return LifecycleAction(
        token="87654321-4321-4321-4321-210987654321",  # noqa: S106 - names an action, opens nothing
        group="web / blue",
        hook="asg-lifecycle/drain",
        instance="i-1234567890abcdef0",
        transition=transition,
        time=1_610_496_757.214,
        origin=origin,
        destination=destination,
        operation=operation,
    )


@pytest.mark.parametrize(
    ("one", "survives"),
    [
        pytest.param(action(LAUNCHING, EC2, GROUP), True, id="launch"),
        pytest.param(action(LAUNCHING, EC2, POOL), True, id="R22: launch into the warm pool"),
        pytest.param(action(LAUNCHING, POOL, GROUP), True, id="R22: launch out of the warm pool"),
        pytest.param(action(TERMINATING, GROUP, EC2), False, id="termination"),
        pytest.param(action(TERMINATING, GROUP, POOL), True, id="R22: terminate event, back to the warm pool"),
        pytest.param(action(TERMINATING, POOL, EC2), False, id="R22: termination in the warm pool"),
        pytest.param(action(TERMINATING, POOL, POOL), True, id="R22: stays in the warm pool"),
        pytest.param(action(TERMINATING, GROUP, GROUP, "ReplaceRootVolume"), True, id="R23: before the new volume"),
        pytest.param(action(LAUNCHING, GROUP, GROUP, "ReplaceRootVolume"), True, id="R23: after the new volume"),
        pytest.param(action(TERMINATING, GROUP, EC2, "SomethingNew"), False, id="an operation that is not known"),
        pytest.param(action(TERMINATING, None, None), False, id="R21: terminate, the event does not say more"),
        pytest.param(action(LAUNCHING, None, None), True, id="R21: launch, the event does not say more"),
    ],
)
def test_survives(one: LifecycleAction, survives: bool) -> None:  # noqa: FBT001 - a column of the table
    assert one.survives is survives


def test_an_action_keeps_through_a_checkpoint() -> None:
    before = action(TERMINATING, GROUP, POOL, "ReplaceRootVolume")
    assert msgspec.json.decode(msgspec.json.encode(before), type=LifecycleAction) == before


def test_an_action_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        action(LAUNCHING, None, None).token = "another"  # type: ignore[misc]  # noqa: S105 - no password


def test_r1_r7_the_words_of_the_api() -> None:
    assert list(Transition) == ["autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"]
    assert list(Location) == ["EC2", "AutoScalingGroup", "WarmPool"]
    assert list(ActionResult) == ["CONTINUE", "ABANDON"]


def test_the_name_of_an_action_whose_text_holds_half_a_surrogate_pair() -> None:
    one = msgspec.structs.replace(action(TERMINATING, None, None), token=None, group="web \ud800")
    assert one.reference.startswith("i-1234567890abcdef0-")
    assert one.reference != msgspec.structs.replace(one, group="web").reference
