"""In whatever order many instances ask, crash and go, nobody has two of a pool, and no two have the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.address_pools import PoolMember, by_preference
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.instances import InstanceFacts
from asg_lifecycle.model.plans import PlannedStep
from asg_lifecycle.model.progress import Done, StepAnswer, Waiting
from asg_lifecycle.plans.validation import build
from asg_lifecycle.steps.base import Target
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Step
    from asg_lifecycle_simulator.region.region import Region

POOL = "web"
INSTANCES, MEMBERS = 5, 3
QUIET_TURNS = 7
"""Of ten seconds: longer than a step waits before it asks for what EC2 has not shown."""

WHAT = ("elastic-ip", "network-interface", "private-ip")

moves = st.lists(
    st.tuples(
        st.integers(0, INSTANCES - 1),
        st.sampled_from(("poll", "poll", "poll", "poll", "die", "lose the answer", "leave")),
        st.sampled_from((0.0, 1.0, 2.0, 9.0, 70.0)),
    ),
    max_size=60,
)


class Actor:
    """One instance, and the step of its hook as the engine runs it: what is not kept is done again."""

    def __init__(self, step: Step, instance: str) -> None:
        self._step, self.instance = step, instance
        self.transition = Transition.LAUNCHING
        self.progress: StepAnswer | None = None

    def leave(self) -> None:
        """Begin the terminate hook, once the launch hook has ended."""
        if self.transition is Transition.LAUNCHING and isinstance(self.progress, Done):
            self.transition, self.progress = Transition.TERMINATING, None

    def poll(self, now: float, *, kept: bool = True) -> None:
        if isinstance(self.progress, Done):
            return
        action = LifecycleAction(
            token=None, group="web", hook="asg-lifecycle", instance=self.instance, transition=self.transition, time=now
        )
        target = Target(action=action, facts=InstanceFacts(state="running"), position=0, began_at=now, now=now)
        last = self.progress if isinstance(self.progress, Waiting) else None
        try:
            progress = self._step.check(target, last) if last is not None else self._step.begin(target)
        except CallFailed:
            return
        if kept:
            self.progress = msgspec.json.decode(msgspec.json.encode(progress), type=Waiting | Done)


class Crowd:
    """Instances that want one each of a pool that has fewer."""

    def __init__(self, testbed: Testbed[Deployment], what: str, delay: float) -> None:
        self.testbed, self._what = testbed, what
        # Of the services alone; nothing is answered by the application.
        testbed.region.events.deliveries = lambda _: ()
        testbed.elastic_ips.views.delay = testbed.network_interfaces.views.delay = delay
        options: dict[str, Any] = {"what": what, "pool": POOL}
        if what == "elastic-ip":
            self.members = [testbed.elastic_ips.allocate(POOL) for _ in range(MEMBERS)]
        elif what == "network-interface":
            self.members = [testbed.network_interfaces.make(POOL) for _ in range(MEMBERS)]
        else:
            self.members = [f"172.31.15.{number}" for number in range(MEMBERS)]
            options = {"what": what, "addresses": self.members}
        launched = testbed.autoscaling.create_group("web", capacity=INSTANCES, max_size=INSTANCES)
        step = build(PlannedStep(kind="move-address", options=options), self._services())
        self.actors = [Actor(step, instance) for instance in launched]

    def _services(self) -> Any:
        clients, clock = Clients(), self.testbed.timeline.now
        return compose_services(clients, LifecycleActions(clients, clock), clock)

    def check(self) -> None:
        had = self.had()
        assert all(len(holders) <= 1 for holders in had.values()), had
        everybody = [holder for holders in had.values() for holder in holders]
        assert len(everybody) == len(set(everybody)), had
        assert self.testbed.elastic_ips.taken_away == []
        for actor in self.actors:
            if isinstance(actor.progress, Done):
                assert (actor.instance in everybody) is (actor.transition is Transition.LAUNCHING)

    def had(self) -> dict[str, list[str]]:
        if self._what == "private-ip":
            found = self.testbed.private_addresses.holders()
            return {member: found.get(member, []) for member in self.members}
        of = self.testbed.elastic_ips if self._what == "elastic-ip" else self.testbed.network_interfaces
        return {member: [holder] if (holder := of.holders()[member]) else [] for member in self.members}


def lose_an_answer(region: Region) -> None:
    for operation in ("AssociateAddress", "AttachNetworkInterface", "AssignPrivateIpAddresses"):
        region.faults.lose_response("ec2", operation)


@settings(max_examples=9, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(what=st.sampled_from(WHAT), delay=st.sampled_from((0.0, 3.0, 20.0)), moves=moves)
def test_nobody_has_two_and_no_two_have_the_same(what: str, delay: float, moves: list[tuple[int, str, float]]) -> None:
    with Testbed(Deployment) as testbed:
        crowd = Crowd(testbed, what, delay)
        for number, move, pause in moves:
            actor = crowd.actors[number]
            if move == "leave":
                actor.leave()
            elif move == "lose the answer":
                lose_an_answer(testbed.region)
            else:
                actor.poll(testbed.timeline.now(), kept=move == "poll")
            testbed.run(pause)
            crowd.check()
        testbed.region.faults.clear()
        settle(crowd)
        served = [actor for actor in crowd.actors if actor.transition is Transition.LAUNCHING]
        have = sum(bool(holders) for holders in crowd.had().values())
        assert have == min(MEMBERS, len(served))


def settle(crowd: Crowd) -> None:
    """Let everybody go on until whoever can have one has it, whoever goes has none, and nothing changes any more."""
    before, quiet_since = crowd.had(), 0
    for turn in range(30):
        for actor in crowd.actors:
            actor.poll(crowd.testbed.timeline.now())
        crowd.testbed.run(10)
        crowd.check()
        now = crowd.had()
        if now != before:
            before, quiet_since = now, turn
        if turn - quiet_since > QUIET_TURNS:
            break
    assert all(isinstance(each.progress, Done) for each in crowd.actors if each.transition is Transition.TERMINATING)


names = st.text(min_size=1, max_size=20)


@given(ids=st.sets(names, max_size=20), instance=names)
def test_an_instance_has_always_the_same_order(ids: set[str], instance: str) -> None:
    members = [PoolMember(id=each, name=each) for each in ids]
    ordered = by_preference(members, instance)
    assert sorted(each.id for each in ordered) == sorted(ids)
    assert by_preference(reversed(members), instance) == ordered
    # What goes and comes does not change the order of the rest.
    assert by_preference(members[1:], instance) == [each for each in ordered if each not in members[:1]]


def test_instances_have_orders_of_their_own() -> None:
    members = [PoolMember(id=f"eipalloc-{number}", name="") for number in range(30)]
    firsts = {by_preference(members, f"i-{number}")[0].id for number in range(200)}
    assert len(firsts) > 25
