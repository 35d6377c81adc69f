"""The step kind `move-address`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Struct

from asg_lifecycle.model.actions import Location
from asg_lifecycle.model.address_pools import by_preference
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.progress import Done, Failed, Missing, StepAnswer
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.address_options import MoveAddressOptions
from asg_lifecycle.steps.support.address_pools import (
    AddressPool,
    ElasticIpPool,
    NetworkInterfacePool,
    PrivateAddressPool,
)
from asg_lifecycle.steps.support.address_previews import had_by, holders, what_lacks, would_give, would_take_back
from asg_lifecycle.steps.support.sentences import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.model.address_pools import InstanceNetwork, PoolMember
    from asg_lifecycle.model.progress import Waiting
    from asg_lifecycle.steps.base import Target

SOON = 1.0
"""Seconds until what is chosen is asked for: it is written down first."""

SHOWN_EVERY = 2.0
"""Seconds between two polls until EC2 shows what it has been asked for."""

ASK_AGAIN = 60.0
"""Seconds after which EC2 is asked again where it shows nothing of it."""

FREE_EVERY = 60.0
"""Seconds between two polls, at most, while the pool has none that is free."""


class MoveAddressState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was begun. Times are seconds since the epoch.

    Attributes:
        chosen: the id of what is to be given to the instance, written down before EC2 is asked; None before that.
        named: what people know that by.
        asked_at: when EC2 was asked last, to give it or to take it back; None before that.
        refused: what EC2 said when it refused that; None when it did not.
        leaving: the ids of what was asked back from the instance.
    """

    chosen: str | None = None
    named: str = ""
    asked_at: float | None = None
    refused: str | None = None
    leaving: tuple[str, ...] = ()


NOTHING_BEGUN = MoveAddressState()


class MoveAddress(StatefulStep[MoveAddressOptions, MoveAddressState]):
    """Give the instance an address or a network interface of a pool when it comes, and take it back when it goes.

    At a launch hook the instance gets one that is free, and the step waits until EC2 shows it with the instance. No two
    instances get the same: EC2 itself refuses what something else has. When none is free it waits, and names who has
    each. An instance that has one of the pool already keeps that. An Elastic IP goes to the first private address of
    the instance, in place of the public address that EC2 may have given it; an Elastic IP that is not of the pool is
    never replaced. A network interface has to be in the Availability Zone of the instance; EC2 is told to keep it when
    the instance is terminated.

    At a terminate hook it takes back what the instance has of the pool, nothing else, and waits until it is free.
    The first network interface and the first private address stay with the instance. What EC2 has terminated has
    nothing left to take back.

    An instance on its way into a warm pool gets none before it comes out; one that returns to it keeps what it has,
    unless the plan says `when_instance_survives: run`. When a launch goes on without the step, the instance keeps what
    it has: a terminate hook, or its end, frees that.
    """

    kind = "move-address"
    example: ClassVar[dict[str, object]] = {"what": "elastic-ip", "pool": "{group}"}
    permissions = (
        "ec2:AssignPrivateIpAddresses",
        "ec2:AssociateAddress",
        "ec2:AttachNetworkInterface",
        "ec2:DescribeAddresses",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DetachNetworkInterface",
        "ec2:DisassociateAddress",
        "ec2:ModifyNetworkInterfaceAttribute",
        "ec2:UnassignPrivateIpAddresses",
    )
    template_parameter = "AddressSteps"
    may_be_missing = "members of the pool"
    skip_if_instance_survives = True

    def preview(self, target: Target) -> str:
        """Say what would be given, or taken back."""
        pool, network = self._pool(target), self._network(target)
        if target.action.launching:
            return would_give(pool, network)
        return would_take_back(pool, network)

    def begin(self, target: Target) -> StepAnswer:
        """Choose what is free, or take back what the instance has. Nothing is given before it is written down."""
        return self._give(target, NOTHING_BEGUN) if target.action.launching else self._take(target, NOTHING_BEGUN)

    def poll(self, target: Target, state: MoveAddressState) -> StepAnswer:
        """Go on with what was begun."""
        return self._give(target, state) if target.action.launching else self._take(target, state)

    def stop(self, target: Target, state: MoveAddressState | None) -> str | None:
        """Say what the instance may have by now, and keeps."""
        if state is None or state.asked_at is None or state.chosen is None:
            return None
        return f"instance {target.action.instance} keeps {self._pool(target).noun} {state.named}, if it has got it"

    def _give(self, target: Target, state: MoveAddressState) -> StepAnswer:
        pool, network = self._pool(target), self._network(target)
        if network.gone:
            return Done(f"instance {network.instance} is {network.state}: it gets nothing of {pool.name}")
        if network.state == "pending":
            blocker = Blocker(kind=BlockerKind.INSTANCE, name=network.instance, reason="it is pending")
            return self._waiting(f"waiting until instance {network.instance} runs", state, blockers=(blocker,))
        contents = pool.contents(network)
        if mine := had_by(network, contents.members):
            return self._settle(pool, mine[0], network, state)
        if (lacking := what_lacks(pool, contents, network)) is not None:
            return Missing(lacking)
        if target.action.destination is Location.WARM_POOL:
            return Done(f"instance {network.instance} goes into the warm pool: it gets one when it comes out")
        return self._go_on(pool, contents.members, network, state, target.now)

    def _go_on(
        self,
        pool: AddressPool,
        members: Sequence[PoolMember],
        network: InstanceNetwork,
        state: MoveAddressState,
        now: float,
    ) -> StepAnswer:
        chosen = next((each for each in members if each.id == state.chosen), None)
        asked_now = state.asked_at is not None and now - state.asked_at < ASK_AGAIN
        # What EC2 has accepted is this instance's, even if EC2 still shows it with whoever had it before.
        if chosen is not None and asked_now and (chosen.free or state.refused is None):
            return self._not_shown(pool, chosen, network, state)
        # Before each time that EC2 is asked for one, too: what is there is not to be replaced.
        if (obstacle := pool.obstacle(network, members)) is not None:
            return Failed(f"instance {network.instance} cannot have one of {pool.name}: {obstacle}")
        if chosen is not None and chosen.free:
            return self._ask(pool, chosen, network, state, now)
        return self._choose(pool, members, network)

    def _choose(self, pool: AddressPool, members: Sequence[PoolMember], network: InstanceNetwork) -> StepAnswer:
        reachable = [each for each in members if each.elsewhere is None]
        free = by_preference((each for each in reachable if each.free), network.instance)
        if not free:
            return self._waiting(
                f"waiting for a free {pool.noun} of {pool.name}: {holders(reachable)}",
                NOTHING_BEGUN,
                no_later_than=FREE_EVERY,
                blockers=[
                    Blocker(kind=pool.blocker, name=each.name, reason=f"{each.holder} has it") for each in reachable
                ],
            )
        chosen = MoveAddressState(chosen=free[0].id, named=free[0].name)
        reason = f"it is about to be given to instance {network.instance}"
        blocker = Blocker(kind=pool.blocker, name=free[0].name, reason=reason)
        return self._waiting(f"taking {pool.noun} {free[0].name}", chosen, again_after=SOON, blockers=(blocker,))

    def _ask(
        self, pool: AddressPool, chosen: PoolMember, network: InstanceNetwork, state: MoveAddressState, now: float
    ) -> StepAnswer:
        """Ask EC2 for what was chosen."""
        refused = None
        try:
            pool.give(chosen, network)
        except CallFailed as failed:
            if failed.failure.code not in pool.refused_when_taken:
                raise
            if state.refused is not None:
                return Failed(f"{failed}; EC2 shows {chosen.name} as free all the same")
            # Who has it is shown in a moment: another instance, or this one, from a try whose answer was lost.
            refused = str(failed)
        return self._not_shown(pool, chosen, network, msgspec.structs.replace(state, asked_at=now, refused=refused))

    def _not_shown(
        self, pool: AddressPool, chosen: PoolMember, network: InstanceNetwork, state: MoveAddressState
    ) -> Waiting:
        reason = "EC2 refuses it, and does not show yet who has it" if state.refused else "EC2 does not show it yet"
        return self._waiting(
            f"waiting until EC2 shows {pool.noun} {chosen.name} with instance {network.instance}",
            state,
            again_after=SHOWN_EVERY,
            blockers=(Blocker(kind=pool.blocker, name=chosen.name, reason=reason),),
        )

    def _settle(
        self, pool: AddressPool, mine: PoolMember, network: InstanceNetwork, state: MoveAddressState
    ) -> StepAnswer:
        left = pool.finish(mine)
        if left is None:
            return Done(f"{pool.noun} {mine.name} of {pool.name} is {pool.attached} instance {network.instance}")
        blocker = Blocker(kind=pool.blocker, name=mine.name, reason=left)
        return self._waiting(
            f"waiting for {pool.noun} {mine.name}: {left}", state, again_after=SHOWN_EVERY, blockers=(blocker,)
        )

    def _take(self, target: Target, state: MoveAddressState) -> StepAnswer:
        pool, network = self._pool(target), self._network(target)
        contents = pool.contents(network)
        held = pool.held_by(network.instance, contents.members)
        left = [each for each in held if not each.primary]
        if not left and state.leaving:
            return Done(f"took back {pool.noun} {state.named} of {pool.name}")
        if not contents.members and not held and not network.gone:
            return Missing(f"there is no {contents.nothing}")
        if not left:
            stays = [each.name for each in held]
            kept = f"; {pool.noun} {listed(stays)} is its first, which goes with it" if stays else ""
            of_gone = f", it is {network.state}" if network.gone else ""
            return Done(f"instance {network.instance} has nothing to give back of {pool.name}{of_gone}{kept}")
        ids, names = tuple(each.id for each in left), listed(each.name for each in left)
        known = set(ids) <= set(state.leaving)
        if known and state.asked_at is not None and target.now - state.asked_at < ASK_AGAIN:
            return self._leaving(pool, left, state)
        begun = MoveAddressState(
            leaving=ids, named=names, asked_at=target.now, refused=state.refused if known else None
        )
        # From what EC2 terminates it takes everything itself.
        if network.gone and not known:
            return self._leaving(pool, left, begun)
        return self._ask_back(pool, left, begun, force=self._options.force and known)

    def _ask_back(
        self, pool: AddressPool, left: Sequence[PoolMember], state: MoveAddressState, *, force: bool
    ) -> StepAnswer:
        refused = None
        for each in left:
            try:
                pool.take_back(each, force=force)
            except CallFailed as failed:
                if failed.failure.code not in pool.refused_when_taken:
                    raise
                if state.refused is not None:
                    return Failed(f"{failed}; EC2 shows {each.name} with the instance all the same")
                # It may have left already, which is shown in a moment.
                refused = str(failed)
        return self._leaving(pool, left, msgspec.structs.replace(state, refused=refused))

    def _leaving(self, pool: AddressPool, left: Sequence[PoolMember], state: MoveAddressState) -> Waiting:
        return self._waiting(
            f"waiting until EC2 shows {pool.noun} {listed(each.name for each in left)} without the instance",
            state,
            again_after=SHOWN_EVERY,
            blockers=[Blocker(kind=pool.blocker, name=each.name, reason=f"{each.holder} has it") for each in left],
        )

    def _network(self, target: Target) -> InstanceNetwork:
        return self._services.instances.network(target.action.instance, launching=target.action.launching)

    def _pool(self, target: Target) -> AddressPool:
        options = self._options
        if options.what == "private-ip":
            return PrivateAddressPool(self._services.network_interfaces, options.addresses)
        pool = target.fill(options.pool or "")
        if options.what == "elastic-ip":
            return ElasticIpPool(self._services.elastic_ips, pool)
        return NetworkInterfacePool(self._services.network_interfaces, pool, options.device_index or 1)
