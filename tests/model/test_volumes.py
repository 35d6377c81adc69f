"""What states of volumes mean, which volume is taken, and under which device name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.volumes import (
    ATTACHMENT_STATES,
    VOLUME_STATES,
    Attachment,
    Availability,
    Detachment,
    Volume,
    availability,
    detachment,
    device_names,
    free_devices,
    picked,
)

OURS, OTHER = "i-0ours", "i-0other"

states = st.sampled_from([*sorted(VOLUME_STATES), "evaporated", ""])
attachments = st.builds(
    Attachment,
    instance=st.sampled_from([OURS, OTHER, "i-0third", ""]),
    device=st.sampled_from(["/dev/sdf", "/dev/sdg"]),
    state=st.sampled_from([*sorted(ATTACHMENT_STATES), "levitating", ""]),
)
volumes = st.builds(
    Volume,
    id=st.just("vol-1"),
    state=states,
    zone=st.just("eu-west-1a"),
    attachments=st.lists(attachments, max_size=3).map(tuple),
    shared=st.booleans(),
)


@given(volumes)
def test_a_volume_is_detached_only_where_all_that_ec2_says_agrees(volume: Volume) -> None:
    if detachment(volume, OURS) is Detachment.DETACHED:
        assert volume.state in VOLUME_STATES - {"deleting", "deleted", "error"} or volume.holders(OURS)
        assert not [each for each in volume.attachments if each.instance == OURS and each.state != "detached"]
        assert volume.state != "in-use" or volume.holders(OURS)


@given(volumes)
def test_a_volume_is_free_only_where_nothing_has_it(volume: Volume) -> None:
    found = availability(volume, OURS)
    if found is Availability.FREE:
        assert volume.state == "available"
        assert not volume.shared
        assert all(each.state == "detached" for each in volume.attachments)
    if found is Availability.OURS:
        assert any(each.instance == OURS and each.state == "attached" for each in volume.attachments)


def test_a_volume_that_there_is_not_is_neither_attached_nor_free() -> None:
    assert detachment(None, OURS) is Detachment.DELETED
    assert availability(None, OURS) is Availability.GONE


ids = st.lists(st.integers(0, 10**6).map(lambda number: f"vol-{number:017x}"), max_size=30, unique=True)


@given(ids, st.text(max_size=20), st.integers(0, 10), st.randoms())
def test_the_same_volumes_are_picked_in_whatever_order_they_are_told(
    free: list[str], instance: str, count: int, random: object
) -> None:
    chosen = picked(free, instance, count)
    shuffled = list(free)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis's random
    assert picked(shuffled, instance, count) == chosen
    assert len(chosen) == len(set(chosen)) == min(count, len(free))
    assert set(chosen) <= set(free)


@given(ids.filter(lambda free: len(free) > 1), st.text(max_size=20))
def test_when_a_volume_goes_that_was_not_picked_the_choice_stays(free: list[str], instance: str) -> None:
    (chosen,) = picked(free, instance, 1)
    gone = next(each for each in free if each != chosen)
    assert picked([each for each in free if each != gone], instance, 1) == (chosen,)


def test_many_instances_want_many_volumes() -> None:
    free = [f"vol-{number:017x}" for number in range(100)]
    wanted = {picked(free, f"i-{number:017x}", 1) for number in range(100)}
    assert len(wanted) > 50


names = st.one_of(
    st.from_regex(r"/dev/(sd|xvd)[a-z]", fullmatch=True),
    st.from_regex(r"/dev/sd[a-z][1-9]", fullmatch=True),
    st.from_regex(r"xvd[a-z]{1,2}", fullmatch=True),
    st.from_regex(r"/dev/xvd[b-c][a-z]", fullmatch=True),
)


def same_place(name: str) -> tuple[str, str]:
    found = re.fullmatch(r"(?:/dev/)?(?:xvd|sd)([a-z]+)(\d*)", name)
    assert found is not None
    return found[1], found[2]


@given(st.lists(names, max_size=12), st.lists(names, max_size=6))
def test_a_free_device_is_no_other_name_of_one_that_is_taken(written: list[str], taken: list[str]) -> None:
    free = list(free_devices(written, taken))
    assert set(free) <= set(written)
    used = [same_place(each) for each in taken]
    for each in free:
        letters, digits = same_place(each)
        for other, number in used:
            assert letters != other or (digits and number and digits != number)
        used.append((letters, digits))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["/dev/sd[f-h]"], ("/dev/sdf", "/dev/sdg", "/dev/sdh")),
        (["/dev/sdg", "/dev/sd[f-h]"], ("/dev/sdg", "/dev/sdf", "/dev/sdh")),
        (["/dev/xvdb[a-b]"], ("/dev/xvdba", "/dev/xvdbb")),
        (["/dev/sd[h-f]"], ()),
        (["xvdh"], ("xvdh",)),
    ],
)
def test_ranges_are_written_out(written: list[str], expected: tuple[str, ...]) -> None:
    assert device_names(written) == expected
