"""What `move-address` would do, and who has the members of a pool, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.address_pools import by_preference
from asg_lifecycle.steps.support.sentences import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.model.address_pools import InstanceNetwork, PoolContents, PoolMember
    from asg_lifecycle.steps.support.address_pools import AddressPool


def would_give(pool: AddressPool, network: InstanceNetwork) -> str:
    """Return what a launch would bring the instance, a sentence."""
    if network.gone:
        return f"would give nothing: instance {network.instance} is {network.state}"
    contents = pool.contents(network)
    if mine := had_by(network, contents.members):
        return f"has {pool.noun} {mine[0].name} of {pool.name} already"
    if (lacking := what_lacks(pool, contents, network)) is not None:
        return f"would give nothing: {lacking}"
    if (obstacle := pool.obstacle(network, contents.members)) is not None:
        return f"would fail: {obstacle}"
    free = by_preference((each for each in contents.members if each.free), network.instance)
    if free:
        return f"would give it {pool.noun} {free[0].name}, or another of {pool.name} that is free"
    return f"would wait until one of {pool.name} is free: {holders(contents.members)}"


def would_take_back(pool: AddressPool, network: InstanceNetwork) -> str:
    """Return what would be taken from the instance, a sentence."""
    contents = pool.contents(network)
    held = pool.held_by(network.instance, contents.members)
    if not contents.members and not held and not network.gone:
        return f"would take nothing back: there is no {contents.nothing}"
    leaving = [each.name for each in held if not each.primary]
    return f"would take back {pool.noun} {listed(leaving)}" if leaving else f"has nothing of {pool.name} to give back"


def what_lacks(pool: AddressPool, contents: PoolContents, network: InstanceNetwork) -> str | None:
    """Return that the pool has nothing which the instance could ever have, a sentence; None when it has."""
    if not contents.members:
        return f"there is no {contents.nothing}"
    if any(each.elsewhere is None for each in contents.members):
        return None
    places = listed(f"{each.name}: {each.elsewhere}" for each in contents.members)
    return f"there is no {pool.noun} of {pool.name} in {network.zone}; {places}"


def had_by(network: InstanceNetwork, members: Sequence[PoolMember]) -> list[PoolMember]:
    """Return the members that the instance has."""
    return [each for each in members if each.instance == network.instance]


def holders(members: Sequence[PoolMember]) -> str:
    """Return who has each of the members, a part of a sentence."""
    return listed(f"{each.name}: {each.holder or each.elsewhere}" for each in members)
