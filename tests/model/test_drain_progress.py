"""Whatever the group looks like: never more than N under way, nothing after a failure, each instance at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.drain_progress import (
    Finished,
    InstanceProgress,
    Phase,
    Stop,
    Terminate,
    Wait,
    missing_capacity,
    next_action,
)
from asg_lifecycle.model.group_state import IN_SERVICE, GroupState, MemberState

if TYPE_CHECKING:
    from collections.abc import Callable

IDS = tuple(f"i-{number}" for number in range(6))
STATES = (IN_SERVICE, IN_SERVICE, IN_SERVICE, "Pending", "Terminating:Wait", "Terminating:Retained", "Standby")

members = st.lists(st.sampled_from(IDS), unique=True).flatmap(
    lambda ids: st.tuples(
        *(
            st.builds(MemberState, instance=st.just(each), state=st.sampled_from(STATES), healthy=st.booleans())
            for each in ids
        )
    )
)
groups = st.builds(
    GroupState,
    name=st.just("web"),
    desired=st.integers(0, 6),
    minimum=st.integers(0, 3),
    members=members,
    suspended=st.sampled_from([(), (), ("Launch",), ("Terminate",)]),
)
progress = st.dictionaries(
    st.sampled_from(IDS), st.builds(InstanceProgress, phase=st.sampled_from(Phase), detail=st.just("so"))
)
wanted = st.lists(st.sampled_from(IDS), unique=True)


def test_an_instance_that_was_told_to_terminate_does_not_count_as_in_service() -> None:
    members = tuple(MemberState(instance=each, state=IN_SERVICE) for each in IDS[:2])
    group = GroupState(name="web", desired=2, minimum=0, members=members)
    told = {IDS[0]: InstanceProgress(phase=Phase.UNDER_WAY, detail="so")}
    assert missing_capacity(group, {}) == 0
    assert missing_capacity(group, told) == 1


@given(groups, wanted, progress, st.integers(1, 3), st.booleans(), st.sampled_from([None, "a refresh"]))
def test_one_look(  # noqa: PLR0913, PLR0917 - the facts of a look
    group: GroupState,
    wanted: list[str],
    begun: dict[str, InstanceProgress],
    at_most: int,
    keep: bool,  # noqa: FBT001 - hypothesis hands it over by position
    refreshing: str | None,
) -> None:
    action = next_action(group, wanted, begun, at_most=at_most, keep_capacity=keep, refreshing=refreshing)
    phases = [each.phase for each in begun.values()]
    assert isinstance(action, Stop) or Phase.FAILED not in phases
    if isinstance(action, Terminate):
        assert action.instance in wanted
        assert action.instance not in begun
        assert phases.count(Phase.UNDER_WAY) < at_most
        assert group.state_of(action.instance) == IN_SERVICE
        assert refreshing is None
        assert keep is False or missing_capacity(group, begun) < at_most
        assert keep is True or group.desired > group.minimum
    if isinstance(action, Finished):
        assert set(wanted) <= begun.keys()
        assert set(phases) <= {Phase.COMPLETED}
        assert not keep or missing_capacity(group, begun) == 0
    if isinstance(action, Wait):
        assert action.why


@given(st.data(), st.integers(1, 6), st.integers(1, 3), st.booleans())
def test_a_whole_drain(
    data: st.DataObject,
    size: int,
    at_most: int,
    keep: bool,  # noqa: FBT001 - hypothesis hands it over by position
) -> None:
    """Instances end in any order, fail or not, replacements come late: every instance goes once, so many at a time."""
    wanted = IDS[:size]
    serving, replacements = list(wanted), 0
    begun: dict[str, InstanceProgress] = {}
    told: list[str] = []
    draw: Callable[[st.SearchStrategy[str]], str] = data.draw
    for _ in range(60):
        desired = size if keep else size - len(told)
        listed = (*serving, *(f"new-{number}" for number in range(replacements)))
        members = tuple(MemberState(instance=each, state=IN_SERVICE) for each in listed)
        group = GroupState(name="web", desired=desired, minimum=0, members=members)
        action = next_action(group, wanted, begun, at_most=at_most, keep_capacity=keep)
        under_way = [each for each, how in begun.items() if how.phase is Phase.UNDER_WAY]
        if isinstance(action, Terminate):
            told.append(action.instance)
            begun[action.instance] = InstanceProgress(phase=Phase.UNDER_WAY, detail="so")
            assert max(len(under_way) + 1, missing_capacity(group, begun) if keep else 0) <= at_most
            continue
        if isinstance(action, Stop | Finished):
            break
        if under_way and (not keep or replacements >= len(told) or draw(st.sampled_from(["end", "replace"])) == "end"):
            ends = draw(st.sampled_from(under_way))
            phase = Phase(draw(st.sampled_from(["completed", "completed", "completed", "failed"])))
            begun[ends] = InstanceProgress(phase=phase, detail="so")
            serving.remove(ends)
        else:
            replacements += 1
    else:
        raise AssertionError("the drain never ends")
    assert len(told) == len(set(told))
    failed = any(each.phase is Phase.FAILED for each in begun.values())
    assert isinstance(action, Stop) is failed
    assert failed or set(told) == set(wanted)
