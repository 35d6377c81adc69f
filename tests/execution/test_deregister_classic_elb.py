"""Classic Load Balancers let an instance go, and their connection draining is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

DESCRIBE = "DescribeInstanceHealth"
DEREGISTER = "DeregisterInstancesFromLoadBalancer"


def drain(stage: Stage, *names: str, **more: Any) -> str:
    """Make the group, whose plan names load balancers; return its one instance."""
    options = {"names": list(names)} if names else {}
    (instance,) = stage.group(plan={"steps": [{"kind": "deregister-classic-elb", "options": options}], **more})
    return instance


def ended(stage: Stage) -> tuple[float, str]:
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    (step,) = stage.record().steps
    return stage.elapsed, step.detail


@pytest.mark.parametrize("timeout", [10, 300, 3600])
def test_it_is_done_when_the_connection_draining_is_over(stage: Stage, timeout: int) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, "i-other", timeout=timeout)
    stage.terminate(instance)
    stage.run(5)
    assert "waiting for 1 of 1 Classic Load Balancer to drain: blue, until " in (stage.record().detail or "")
    assert not stage.classic_load_balancers.is_registered("blue", instance)
    assert stage.classic_load_balancers.is_registered("blue", "i-other")
    stage.finish()

    elapsed, detail = ended(stage)
    assert detail == "drained from blue"
    assert timeout <= elapsed <= timeout + 10
    assert stage.calls("elb") == {
        DESCRIBE: stage.calls("elb")[DESCRIBE],
        DEREGISTER: 1,
        "DescribeLoadBalancerAttributes": 1,
    }
    assert stage.calls("elb")[DESCRIBE] <= 2 + 12


def test_connections_that_end_early_are_seen_early(stage: Stage) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=3600)
    stage.classic_load_balancers.connections[instance] = 100
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[0] <= 100 + 400


def test_without_connection_draining_it_is_out_at_once_whatever_timeout_is_shown(stage: Stage) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=0)
    stage.terminate(instance)
    stage.finish()

    elapsed, detail = ended(stage)
    assert detail == "drained from blue"
    assert elapsed <= 15


def test_attached_ones_have_been_drained_before_the_hook_and_are_only_verified(stage: Stage) -> None:
    instance = drain(stage)
    stage.classic_load_balancers.make("web", timeout=120)
    stage.classic_load_balancers.attachments.attach("web", "web")
    stage.terminate(instance)
    stage.finish()

    elapsed, detail = ended(stage)
    assert detail == "not registered with any of 1 Classic Load Balancers"
    assert 120 <= elapsed <= 130
    assert stage.calls("elb") == {DESCRIBE: 1}


@pytest.mark.parametrize("state", ["Adding", "Added", "InService", "Removing"])
def test_what_auto_scaling_left_registered_is_deregistered(stage: Stage, state: str) -> None:
    instance = drain(stage)
    balancers = stage.classic_load_balancers
    balancers.make("web", timeout=60)
    balancers.attachments.attach("web", "web", state=state)
    balancers.attachments.drain = False
    balancers.register("web", instance)
    stage.terminate(instance)
    stage.finish()

    assert ended(stage)[1] == "drained from web"
    assert not balancers.is_registered("web", instance)


def test_a_drain_that_somebody_else_began_is_waited_for_and_not_begun_again(stage: Stage) -> None:
    instance = drain(stage)
    balancers = stage.classic_load_balancers
    balancers.make("web", timeout=600)
    balancers.attachments.attach("web", "web")
    balancers.attachments.drain = False
    stage.region.client("autoscaling").detach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["web"])
    stage.run(200)
    stage.terminate(instance)
    stage.finish()

    elapsed, detail = ended(stage)
    assert detail == "drained from web"
    assert 600 <= elapsed <= 700
    assert DEREGISTER not in stage.calls("elb")


def test_one_that_has_been_detached_is_left_alone(stage: Stage) -> None:
    instance = drain(stage)
    stage.classic_load_balancers.make("web", instance)
    stage.classic_load_balancers.attachments.attach("web", "web", state="Removed")
    stage.classic_load_balancers.attachments.drain = False
    stage.terminate(instance)
    stage.finish()

    assert ended(stage)[1] == "not registered: group web has no Classic Load Balancer attached"
    assert stage.classic_load_balancers.is_registered("web", instance)


def test_named_and_attached_ones_together(stage: Stage) -> None:
    options = {"names": ["blue"], "of_group": True}
    (instance,) = stage.group(plan={"steps": [{"kind": "deregister-classic-elb", "options": options}]})
    balancers = stage.classic_load_balancers
    for name, timeout in (("blue", 60), ("attached", 300), ("other", 10)):
        balancers.make(name, instance, timeout=timeout)
    balancers.attachments.attach("web", "attached")
    balancers.attachments.drain = False
    stage.terminate(instance)
    stage.run(120)
    assert "waiting for 1 of 2 Classic Load Balancers to drain: attached, until " in (stage.record().detail or "")
    stage.finish()

    assert ended(stage)[1] == "drained from blue, attached"
    assert balancers.is_registered("other", instance)


@pytest.mark.parametrize("ever", [True, False])
def test_an_instance_that_is_not_registered_is_done(stage: Stage, *, ever: bool) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", *([instance] if ever else []), timeout=0)
    if ever:
        stage.classic_load_balancers.take_out("blue", instance)
    stage.terminate(instance)
    stage.finish()

    assert ended(stage)[1] == "not registered with any of 1 Classic Load Balancers"
    assert DEREGISTER not in stage.calls("elb")


def test_a_named_one_that_does_not_exist_is_told_and_holds_nothing_up(stage: Stage) -> None:
    instance = drain(stage, "bleu", "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=60)
    stage.terminate(instance)
    stage.run(30)
    assert (stage.record().detail or "").endswith("; there is no Classic Load Balancer named bleu")
    stage.finish()
    assert ended(stage)[1] == "drained from blue; there is no Classic Load Balancer named bleu"


def test_an_attached_one_that_does_not_exist_any_more_has_nothing_left(stage: Stage) -> None:
    instance = drain(stage)
    stage.classic_load_balancers.attachments.attach("web", "deleted")
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[1] == "not registered with any of 1 Classic Load Balancers"


def test_one_that_is_deleted_while_it_drains_is_drained(stage: Stage) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=3600)
    stage.terminate(instance)
    stage.run(60)
    with stage.region.unobserved():
        stage.region.client("elb").delete_load_balancer(LoadBalancerName="blue")
    stage.finish()
    elapsed, detail = ended(stage)
    assert detail == "drained from blue"
    assert elapsed <= 500


def test_one_that_is_registered_again_is_deregistered_again(stage: Stage) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=300)
    stage.terminate(instance)
    stage.run(200)
    stage.classic_load_balancers.register("blue", instance)
    stage.run(60)
    assert "until 00:08:" in (stage.record().detail or "")
    stage.finish()

    elapsed, detail = ended(stage)
    assert detail == "drained from blue"
    assert 500 <= elapsed <= 560
    assert stage.calls("elb")[DEREGISTER] == 2


def test_a_draining_instance_that_fails_its_health_checks_still_drains(stage: Stage) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=300)
    stage.terminate(instance)
    stage.run(40)
    stage.classic_load_balancers.unhealthy.add(instance)
    stage.finish()

    assert 300 <= ended(stage)[0] <= 310
    assert stage.calls("elb")[DEREGISTER] == 1


def test_an_unhealthy_instance_is_deregistered(stage: Stage) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=60)
    stage.classic_load_balancers.unhealthy.add(instance)
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[1] == "drained from blue"


def test_a_load_balancer_that_cannot_tell_never_means_that_the_instance_is_out(stage: Stage) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=100)
    stage.classic_load_balancers.untold = 4
    stage.terminate(instance)
    stage.finish()

    elapsed, detail = ended(stage)
    assert detail == "drained from blue"
    assert elapsed >= 100
    assert stage.calls("elb")[DEREGISTER] == 1


def test_a_drain_that_takes_longer_than_it_may_says_so(stage: Stage) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=60)
    stage.terminate(instance)
    stage.run(10)
    stage.classic_load_balancers.untold = 40
    stage.run(120)
    assert "blue, overdue since " in (stage.record().detail or "")
    stage.finish()
    assert ended(stage)[1] == "drained from blue"


def test_an_instance_that_is_going_is_deregistered_without_waiting(stage: Stage) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=3600)
    stage.terminate(instance)
    # moto terminates at once; on AWS it takes a while, and the load balancer has the instance till then.
    stage.region.autoscaling.fleet.ec2.get_instance(instance)._state.name = "shutting-down"  # noqa: SLF001
    stage.finish()

    elapsed, detail = ended(stage)
    assert detail == "deregistered from blue; the instance is gone, nothing is left to drain"
    assert elapsed < 60
    assert not stage.classic_load_balancers.is_registered("blue", instance)


@pytest.mark.parametrize("shown", [False, True])
def test_an_instance_that_is_terminated_while_it_drains_is_drained(stage: Stage, *, shown: bool) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=3600)
    stage.classic_load_balancers.shows_terminated = shown
    stage.terminate(instance)
    stage.run(60)
    with stage.region.unobserved():
        stage.region.client("ec2").terminate_instances(InstanceIds=[instance])
    stage.finish()

    elapsed, detail = ended(stage)
    assert detail == "drained from blue"
    assert elapsed <= 500
    assert stage.calls("elb")[DEREGISTER] == 1


@pytest.mark.parametrize("code", ["LoadBalancerNotFound", "InvalidInstance"])
def test_what_goes_away_between_two_calls_is_drained(stage: Stage, code: str) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=60)
    stage.region.faults.fail("elb", DEREGISTER, code=code)
    stage.region.faults.fail("elb", "DescribeLoadBalancerAttributes", code="LoadBalancerNotFound")
    stage.terminate(instance)
    stage.run(3)
    with stage.region.unobserved():
        stage.region.client("elb").delete_load_balancer(LoadBalancerName="blue")
    stage.finish()

    elapsed, detail = ended(stage)
    assert detail == "drained from blue"
    assert elapsed < 60


@pytest.mark.parametrize("operation", [DESCRIBE, DEREGISTER, "DescribeLoadBalancerAttributes"])
def test_one_that_goes_away_does_not_end_the_wait_for_another(stage: Stage, operation: str) -> None:
    instance = drain(stage, "blue", "green")
    for name in ("blue", "green"):
        stage.classic_load_balancers.make(name, instance, timeout=300)
    stage.region.faults.fail("elb", operation, code="LoadBalancerNotFound")
    stage.terminate(instance)
    stage.finish()

    assert ended(stage)[0] >= 300
    assert not stage.classic_load_balancers.is_registered("green", instance)


def test_the_end_of_a_long_drain_is_met_though_the_looks_are_far_apart(stage: Stage) -> None:
    instance = drain(stage, "quick", "slow")
    stage.classic_load_balancers.make("quick", instance, timeout=100)
    stage.classic_load_balancers.make("slow", instance, timeout=3600)
    stage.terminate(instance)
    stage.finish()
    assert 3600 <= ended(stage)[0] <= 3610


@pytest.mark.parametrize("attached", [True, False])
def test_one_that_survives_is_taken_out_and_auto_scaling_puts_it_back_where_it_is_attached(
    stage: Stage, *, attached: bool
) -> None:
    instance = drain(stage, "blue")
    balancers = stage.classic_load_balancers
    balancers.make("blue", instance, timeout=60)
    if attached:
        balancers.attachments.attach("web", "blue")
    balancers.attachments.drain = False
    stage.region.client("autoscaling").put_warm_pool(
        AutoScalingGroupName="web", InstanceReusePolicy={"ReuseOnScaleIn": True}
    )
    stage.region.scale("web", 0)
    stage.run(600)
    assert stage.region.instance_state(instance) == "Warmed:Stopped"
    assert not balancers.is_registered("blue", instance)

    stage.region.scale("web", 1)
    stage.run(300)
    assert stage.region.instance_state(instance) == "InService"
    assert balancers.is_registered("blue", instance) is attached


@pytest.mark.parametrize("service", ["elb", "autoscaling"])
def test_throttling_is_waited_out(stage: Stage, service: str) -> None:
    instance = drain(stage)
    stage.classic_load_balancers.make("web", timeout=60)
    stage.classic_load_balancers.attachments.attach("web", "web")
    stage.classic_load_balancers.attachments.drain = False
    stage.region.faults.throttle(service, *([DESCRIBE] if service == "elb" else ["DescribeLoadBalancers"]), times=3)
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[1] == "drained from web"


def test_lost_answers_drain_once(stage: Stage) -> None:
    instance = drain(stage, "blue", "green")
    for name in ("blue", "green"):
        stage.classic_load_balancers.make(name, instance, timeout=100)
    for operation in (DESCRIBE, DEREGISTER, "DescribeLoadBalancerAttributes"):
        stage.region.faults.lose_response("elb", operation)
    stage.terminate(instance)
    stage.finish()

    elapsed, detail = ended(stage)
    assert detail == "drained from blue, green"
    assert 100 <= elapsed <= 160
    assert stage.calls("elb")[DEREGISTER] == 2


@pytest.mark.parametrize("operation", [DESCRIBE, DEREGISTER, "DescribeLoadBalancerAttributes"])
def test_a_permission_that_is_missing_holds_the_instance_and_is_named(stage: Stage, operation: str) -> None:
    instance = drain(stage, "blue")
    stage.classic_load_balancers.make("blue", instance, timeout=60)
    stage.region.faults.deny("elb", operation)
    stage.terminate(instance)
    stage.run(120)
    assert stage.record().status is Status.HELD
    assert f"elasticloadbalancing:{operation}" in (stage.record().problem or "")
    assert stage.completions() == []


def test_a_permission_of_auto_scaling_that_is_missing_is_named(stage: Stage) -> None:
    instance = drain(stage)
    stage.region.faults.deny("autoscaling", "DescribeLoadBalancers")
    stage.terminate(instance)
    stage.run(120)
    assert stage.record().status is Status.HELD
    assert "autoscaling:DescribeLoadBalancers" in (stage.record().problem or "")


def test_a_dry_run_says_what_it_would_leave_and_changes_nothing(stage: Stage) -> None:
    instance = drain(stage, "blue", "green", "grey", "gone", dry_run=True)
    for name in ("blue", "green"):
        stage.classic_load_balancers.make(name, instance, timeout=3600)
    stage.classic_load_balancers.make("grey")
    stage.classic_load_balancers.take_out("green", instance)
    stage.terminate(instance)
    stage.finish()

    assert ended(stage)[1] == (
        "dry run: would deregister from blue and would wait for green, which drains it already"
        "; there is no Classic Load Balancer named gone"
    )
    assert stage.calls("elb") == {DESCRIBE: 4}
    assert stage.classic_load_balancers.is_registered("blue", instance)


def test_a_dry_run_of_an_instance_that_is_registered_nowhere(stage: Stage) -> None:
    instance = drain(stage, dry_run=True)
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[1] == "dry run: is not registered: group web has no Classic Load Balancer attached"


@pytest.mark.parametrize("name", ["web_1", "", "-web", "web-1234.eu-west-1.elb.amazonaws.com", "a" * 33])
def test_a_name_that_is_none_is_refused_with_what_is_expected(stage: Stage, name: str) -> None:
    instance = drain(stage, name)
    stage.terminate(instance)
    stage.run(60)
    assert stage.record().status is Status.HELD
    assert f"{name!r} cannot be the name of a Classic Load Balancer: up to 32 " in (stage.record().problem or "")
    assert stage.calls("elb") == {}


def test_many_load_balancers_over_pages(stage: Stage) -> None:
    instance = drain(stage)
    balancers = stage.classic_load_balancers
    names = [f"web-{number:03}" for number in range(120)]
    for name in names[-7:]:
        balancers.make(name, timeout=60)
    for name in names:
        balancers.attachments.attach("web", name)
    balancers.attachments.drain = False
    stage.terminate(instance)
    stage.run(30)
    detail = stage.record().detail or ""
    assert (
        "waiting for 7 of 7 Classic Load Balancers to drain: web-113, web-114, web-115, web-116, web-117, …" in detail
    )
    stage.finish()

    assert ended(stage)[1] == "drained from web-113, web-114, web-115, web-116, web-117, …"
    assert stage.calls("autoscaling")["DescribeLoadBalancers"] == 2
    assert stage.calls("elb")[DEREGISTER] == 7


def test_what_a_fleet_shares_is_asked_once(stage: Stage) -> None:
    instances = stage.group(5, plan={"steps": [{"kind": "deregister-classic-elb"}]})
    balancers = stage.classic_load_balancers
    balancers.make("web", timeout=60)
    balancers.attachments.attach("web", "web")
    balancers.attachments.drain = False
    for instance in instances:
        stage.terminate(instance)
    stage.finish()

    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"] * 5
    assert stage.calls("autoscaling")["DescribeLoadBalancers"] == 1
    assert stage.calls("elb")["DescribeLoadBalancerAttributes"] == 1
    assert stage.calls("elb")[DEREGISTER] == 5
    assert stage.calls("elb")[DESCRIBE] <= 5 * 14
