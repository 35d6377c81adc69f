from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.instances import InstanceFacts
from asg_lifecycle.model.plans import PlannedStep
from asg_lifecycle.model.progress import Done, StepAnswer, Waiting
from asg_lifecycle.plans.validation import build
from asg_lifecycle.steps.base import Step, Target
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.target_groups import TargetGroups as SimulatedTargetGroups

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bench:
    """One instance of group `web`, and target groups to take it out of."""

    def __init__(
        self, timeline: VirtualTimeline, autoscaling: AutoScaling, target_groups: SimulatedTargetGroups
    ) -> None:
        self.timeline = timeline
        self.autoscaling = autoscaling
        self.region = region = autoscaling.region
        self.target_groups = target_groups
        (self.instance,) = autoscaling.create_group("web", capacity=1)
        clients = Clients()
        self.services = compose_services(clients, LifecycleActions(clients, time.time), time.time)
        self._vpc = region.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]

    def target_group(self, name: str, *targets: dict[str, Any], delay: int = 300, **fields: Any) -> str:
        elbv2 = self.region.client("elbv2")
        fields = {"Protocol": "HTTP", "Port": 80, "VpcId": self._vpc, **fields}
        arn: str = elbv2.create_target_group(Name=name, **fields)["TargetGroups"][0]["TargetGroupArn"]
        elbv2.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}]
        )
        if targets:
            elbv2.register_targets(TargetGroupArn=arn, Targets=list(targets))
        return arn

    def registered(self, arn: str) -> list[tuple[str, int, str]]:
        described = self.region.client("elbv2").describe_target_health(TargetGroupArn=arn)
        return sorted(
            (entry["Target"]["Id"], entry["Target"]["Port"], entry["TargetHealth"]["State"])
            for entry in described["TargetHealthDescriptions"]
        )

    def step(self, **options: Any) -> Step:
        return build(PlannedStep(kind="deregister-targets", options=options), self.services)

    def target(self, state: str = "running", addresses: tuple[str, ...] = ()) -> Target:
        action = LifecycleAction(
            token="87654321-4321-4321-4321-210987654321",  # noqa: S106 - a sample token
            group="web",
            hook="asg-lifecycle-terminate",
            instance=self.instance,
            transition=Transition.TERMINATING,
            time=self.timeline.now(),
        )
        now = self.timeline.now()
        facts = InstanceFacts(state=state, addresses=addresses)
        return Target(action=action, facts=facts, position=0, began_at=now, now=now)

    def work(self, step: Step) -> tuple[StepAnswer, list[float]]:
        """Look as often as the step asks for; return how it ended and when the looks were."""
        start = self.timeline.now()
        progress = step.begin(self.target())
        looks = [0.0]
        while isinstance(progress, Waiting):
            assert progress.again_after is not None
            self.timeline.run_for(progress.again_after)
            looks.append(self.timeline.now() - start)
            progress = step.check(self.target(), progress)
        return progress, looks


@pytest.fixture
def bench() -> Iterator[Bench]:
    timeline = VirtualTimeline()
    region = Region(timeline)
    autoscaling = region.add(AutoScaling(region))
    target_groups = region.add(SimulatedTargetGroups(region, autoscaling))
    with region:
        yield Bench(timeline, autoscaling, target_groups)


def test_the_instance_is_deregistered_on_every_port_and_nothing_else_is(bench: Bench) -> None:
    mine = [{"Id": bench.instance, "Port": port} for port in (80, 8080, 9090)]
    (other,) = bench.autoscaling.create_group("other", capacity=1)
    arn = bench.target_group("blue", *mine, {"Id": other, "Port": 80}, delay=60)
    untouched = bench.target_group("green", *mine)

    progress = bench.step(arns=[arn]).begin(bench.target())

    assert isinstance(progress, Waiting)
    assert progress.detail.startswith("waiting for 3 targets to drain from blue, until ")
    assert [(port, state) for id_, port, state in bench.registered(arn) if id_ == bench.instance] == [
        (80, "draining"),
        (8080, "draining"),
        (9090, "draining"),
    ]
    assert (other, 80, "healthy") in bench.registered(arn)
    assert {state for *_, state in bench.registered(untouched)} == {"healthy"}


@pytest.mark.parametrize(("delay", "looks"), [(0, 2), (10, 4), (60, 12), (300, 12), (3600, 14)])
def test_the_looks_follow_the_deregistration_delay(bench: Bench, delay: int, looks: int) -> None:
    arn = bench.target_group("blue", {"Id": bench.instance, "Port": 80}, delay=delay)
    progress, at = bench.work(bench.step(arns=[arn]))

    assert progress == Done("drained from blue")
    assert len(at) <= looks
    assert delay <= at[-1] <= delay + 6


def test_an_early_end_of_the_connections_is_seen_early(bench: Bench) -> None:
    arn = bench.target_group("blue", {"Id": bench.instance, "Port": 80}, delay=3600)
    bench.target_groups.connections_end_after(bench.instance, 100)
    _, at = bench.work(bench.step(arns=[arn]))

    assert at[-1] <= 100 + 360


def test_only_the_groups_and_the_target_in_question_are_described(bench: Bench) -> None:
    arn = bench.target_group("blue", {"Id": bench.instance, "Port": 80}, delay=60)
    bench.target_group("green", {"Id": bench.instance, "Port": 80})
    bench.region.calls.clear()
    _, at = bench.work(bench.step(arns=[arn]))

    assert bench.region.calls == {
        ("elbv2", "DescribeTargetHealth"): len(at),
        ("elbv2", "DescribeTargetGroupAttributes"): 1,
        ("elbv2", "DeregisterTargets"): 1,
    }


def test_target_groups_are_found_by_name_by_tag_and_by_group(bench: Bench) -> None:
    target = {"Id": bench.instance, "Port": 80}
    named = bench.target_group("named", target)
    tagged = bench.target_group("tagged", target)
    half_tagged = bench.target_group("half-tagged", target)
    attached = bench.target_group("attached", target)
    elbv2 = bench.region.client("elbv2")
    tags = [{"Key": "team", "Value": "web"}, {"Key": "drain", "Value": "yes"}]
    elbv2.add_tags(ResourceArns=[tagged], Tags=tags)
    elbv2.add_tags(ResourceArns=[half_tagged], Tags=tags[:1])
    bench.region.client("autoscaling").attach_load_balancer_target_groups(
        AutoScalingGroupName="web", TargetGroupARNs=[attached]
    )

    progress = bench.step(names=["named", "missing"], tags={"team": "web", "drain": "yes"}, of_group=True).begin(
        bench.target()
    )

    assert isinstance(progress, Waiting)
    assert "no target group named missing" in progress.detail
    states = {arn: bench.registered(arn)[0][2] for arn in (named, tagged, half_tagged, attached)}
    assert states == {named: "draining", tagged: "draining", half_tagged: "healthy", attached: "draining"}


def test_targets_registered_by_address_are_found(bench: Bench) -> None:
    arn = bench.target_group("by-address", {"Id": "10.9.0.7", "Port": 80}, delay=5, TargetType="ip")
    progress = bench.step(arns=[arn]).begin(bench.target(addresses=("10.9.0.7",)))

    assert isinstance(progress, Waiting)
    assert bench.registered(arn) == [("10.9.0.7", 80, "draining")]


def test_nothing_registered_is_done(bench: Bench) -> None:
    arns = [bench.target_group(name) for name in ("blue", "green")]
    assert bench.step(arns=arns).begin(bench.target()) == Done("not registered in any of 2 target groups")


def test_a_target_group_deleted_while_it_drains_is_drained(bench: Bench) -> None:
    arn = bench.target_group("blue", {"Id": bench.instance, "Port": 80})
    step = bench.step(arns=[arn])
    progress = step.begin(bench.target())
    assert isinstance(progress, Waiting)
    bench.region.client("elbv2").delete_target_group(TargetGroupArn=arn)

    assert step.check(bench.target(), progress) == Done("drained from blue")


def test_begin_can_be_repeated(bench: Bench) -> None:
    arn = bench.target_group("blue", {"Id": bench.instance, "Port": 80}, delay=60)
    step = bench.step(arns=[arn])
    step.begin(bench.target())
    bench.timeline.run_for(30)
    bench.region.calls.clear()
    again = step.begin(bench.target())

    assert isinstance(again, Waiting)
    assert ("elbv2", "DeregisterTargets") not in bench.region.calls
    bench.timeline.run_for(31)
    assert step.check(bench.target(), again) == Done("drained from blue")


def test_an_instance_that_is_gone_is_deregistered_without_waiting(bench: Bench) -> None:
    arn = bench.target_group("blue", {"Id": bench.instance, "Port": 80})
    progress = bench.step(arns=[arn]).begin(bench.target(state="terminated"))

    assert isinstance(progress, Done)
    assert bench.registered(arn) == [(bench.instance, 80, "draining")]


def test_a_target_that_is_registered_again_is_deregistered_again(bench: Bench) -> None:
    arn = bench.target_group("blue", {"Id": bench.instance, "Port": 80}, delay=60)
    step = bench.step(arns=[arn])
    progress = step.begin(bench.target())
    assert isinstance(progress, Waiting)
    bench.timeline.run_for(61)
    bench.region.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": bench.instance, "Port": 80}])

    assert isinstance(step.check(bench.target(), progress), Waiting)
    assert bench.registered(arn) == [(bench.instance, 80, "draining")]
