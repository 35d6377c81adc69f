"""Classic Load Balancers let an instance go, and their connection draining is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

DESCRIBE = "DescribeInstanceHealth"
DEREGISTER = "DeregisterInstancesFromLoadBalancer"


def drain(testbed: Testbed, *names: str, if_missing: str = "fail", **more: Any) -> str:
    """Make the group, whose plan names load balancers; return its one instance."""
    options = {"names": list(names)} if names else {}
    step = {"kind": "deregister-classic-elb", "options": options, "if_missing": if_missing}
    (instance,) = testbed.group(plan={"steps": [step], **more})
    return instance


def ended(testbed: Testbed) -> tuple[float, str]:
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    (step,) = testbed.record().step_outcomes
    return testbed.elapsed, step.detail


@pytest.mark.parametrize("timeout", [10, 300, 3600])
def test_it_is_done_when_the_connection_draining_is_over(testbed: Testbed, timeout: int) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, "i-other", timeout=timeout)
    testbed.terminate(instance)
    testbed.run(5)
    assert "waiting for 1 of 1 Classic Load Balancer to drain: blue, until " in (testbed.record().detail or "")
    assert not testbed.classic_load_balancers.is_registered("blue", instance)
    assert testbed.classic_load_balancers.is_registered("blue", "i-other")
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert detail == "drained from blue"
    assert timeout <= elapsed <= timeout + 10
    assert testbed.calls("elb") == {
        DESCRIBE: testbed.calls("elb")[DESCRIBE],
        DEREGISTER: 1,
        "DescribeLoadBalancerAttributes": 1,
    }
    assert testbed.calls("elb")[DESCRIBE] <= 2 + 12


def test_connections_that_end_early_are_seen_early(testbed: Testbed) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=3600)
    testbed.classic_load_balancers.connections[instance] = 100
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[0] <= 100 + 400


def test_without_connection_draining_it_is_out_at_once_whatever_timeout_is_shown(testbed: Testbed) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=0)
    testbed.terminate(instance)
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert detail == "drained from blue"
    assert elapsed <= 15


def test_attached_ones_have_been_drained_before_the_hook_and_are_only_verified(testbed: Testbed) -> None:
    instance = drain(testbed)
    testbed.classic_load_balancers.make("web", timeout=120)
    testbed.classic_load_balancers.attachments.attach("web", "web")
    testbed.terminate(instance)
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert detail == "not registered with any of 1 Classic Load Balancers"
    assert 120 <= elapsed <= 130
    assert testbed.calls("elb") == {DESCRIBE: 1}


@pytest.mark.parametrize("state", ["Adding", "Added", "InService", "Removing"])
def test_what_auto_scaling_left_registered_is_deregistered(testbed: Testbed, state: str) -> None:
    instance = drain(testbed)
    balancers = testbed.classic_load_balancers
    balancers.make("web", timeout=60)
    balancers.attachments.attach("web", "web", state=state)
    balancers.attachments.drains = False
    balancers.register("web", instance)
    testbed.terminate(instance)
    testbed.finish()

    assert ended(testbed)[1] == "drained from web"
    assert not balancers.is_registered("web", instance)


def test_a_drain_that_somebody_else_began_is_waited_for_and_not_begun_again(testbed: Testbed) -> None:
    instance = drain(testbed)
    balancers = testbed.classic_load_balancers
    balancers.make("web", timeout=600)
    balancers.attachments.attach("web", "web")
    balancers.attachments.drains = False
    testbed.region.client("autoscaling").detach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["web"])
    testbed.run(200)
    testbed.terminate(instance)
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert detail == "drained from web"
    assert 600 <= elapsed <= 700
    assert DEREGISTER not in testbed.calls("elb")


def test_one_that_has_been_detached_is_left_alone(testbed: Testbed) -> None:
    instance = drain(testbed)
    testbed.classic_load_balancers.make("web", instance)
    testbed.classic_load_balancers.attachments.attach("web", "web", state="Removed")
    testbed.classic_load_balancers.attachments.drains = False
    testbed.terminate(instance)
    testbed.finish()

    assert ended(testbed)[1] == "not registered: group web has no Classic Load Balancer attached"
    assert testbed.classic_load_balancers.is_registered("web", instance)


def test_named_and_attached_ones_together(testbed: Testbed) -> None:
    options = {"names": ["blue"], "of_group": True}
    (instance,) = testbed.group(plan={"steps": [{"kind": "deregister-classic-elb", "options": options}]})
    balancers = testbed.classic_load_balancers
    for name, timeout in (("blue", 60), ("attached", 300), ("other", 10)):
        balancers.make(name, instance, timeout=timeout)
    balancers.attachments.attach("web", "attached")
    balancers.attachments.drains = False
    testbed.terminate(instance)
    testbed.run(120)
    assert "waiting for 1 of 2 Classic Load Balancers to drain: attached, until " in (testbed.record().detail or "")
    testbed.finish()

    assert ended(testbed)[1] == "drained from blue, attached"
    assert balancers.is_registered("other", instance)


@pytest.mark.parametrize("ever", [True, False])
def test_an_instance_that_is_not_registered_is_done(testbed: Testbed, *, ever: bool) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", *([instance] if ever else []), timeout=0)
    if ever:
        testbed.classic_load_balancers.take_out("blue", instance)
    testbed.terminate(instance)
    testbed.finish()

    assert ended(testbed)[1] == "not registered with any of 1 Classic Load Balancers"
    assert DEREGISTER not in testbed.calls("elb")


def test_a_named_one_that_does_not_exist_fails_the_step_when_the_others_are_drained(testbed: Testbed) -> None:
    instance = drain(testbed, "bleu", "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=60)
    testbed.terminate(instance)
    testbed.run(30)
    assert (testbed.record().detail or "").endswith("; there is no Classic Load Balancer named bleu")
    testbed.run(300)
    assert testbed.record().status is Status.HELD
    assert not testbed.classic_load_balancers.is_registered("blue", instance)
    assert "there is no Classic Load Balancer named bleu; drained from blue" in (testbed.record().problem or "")


def test_an_attached_one_that_does_not_exist_any_more_has_nothing_left(testbed: Testbed) -> None:
    instance = drain(testbed)
    testbed.classic_load_balancers.attachments.attach("web", "deleted")
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[1] == "not registered with any of 1 Classic Load Balancers"


def test_one_that_is_deleted_while_it_drains_is_drained(testbed: Testbed) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=3600)
    testbed.terminate(instance)
    testbed.run(60)
    with testbed.region.unobserved():
        testbed.region.client("elb").delete_load_balancer(LoadBalancerName="blue")
    testbed.finish()
    elapsed, detail = ended(testbed)
    assert detail == "drained from blue"
    assert elapsed <= 500


def test_one_that_is_registered_again_is_deregistered_again(testbed: Testbed) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=300)
    testbed.terminate(instance)
    testbed.run(200)
    testbed.classic_load_balancers.register("blue", instance)
    testbed.run(60)
    assert "until 00:08:" in (testbed.record().detail or "")
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert detail == "drained from blue"
    assert 500 <= elapsed <= 560
    assert testbed.calls("elb")[DEREGISTER] == 2


def test_a_draining_instance_that_fails_its_health_checks_still_drains(testbed: Testbed) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=300)
    testbed.terminate(instance)
    testbed.run(40)
    testbed.classic_load_balancers.unhealthy.add(instance)
    testbed.finish()

    assert 300 <= ended(testbed)[0] <= 310
    assert testbed.calls("elb")[DEREGISTER] == 1


def test_an_unhealthy_instance_is_deregistered(testbed: Testbed) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=60)
    testbed.classic_load_balancers.unhealthy.add(instance)
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[1] == "drained from blue"


def test_a_load_balancer_that_cannot_tell_never_means_that_the_instance_is_out(testbed: Testbed) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=100)
    testbed.classic_load_balancers.untold = 4
    testbed.terminate(instance)
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert detail == "drained from blue"
    assert elapsed >= 100
    assert testbed.calls("elb")[DEREGISTER] == 1


def test_a_drain_that_takes_longer_than_it_may_says_so(testbed: Testbed) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=60)
    testbed.terminate(instance)
    testbed.run(10)
    testbed.classic_load_balancers.untold = 40
    testbed.run(120)
    assert "blue, overdue since " in (testbed.record().detail or "")
    testbed.finish()
    assert ended(testbed)[1] == "drained from blue"


def test_an_instance_that_is_going_is_deregistered_without_waiting(testbed: Testbed) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=3600)
    testbed.terminate(instance)
    # moto terminates at once; on AWS it takes a while, and the load balancer has the instance till then.
    testbed.autoscaling.fleet.ec2.get_instance(instance)._state.name = "shutting-down"  # noqa: SLF001
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert detail == "deregistered from blue; the instance is gone, nothing is left to drain"
    assert elapsed < 60
    assert not testbed.classic_load_balancers.is_registered("blue", instance)


@pytest.mark.parametrize("shown", [False, True])
def test_an_instance_that_is_terminated_while_it_drains_is_drained(testbed: Testbed, *, shown: bool) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=3600)
    testbed.classic_load_balancers.shows_terminated = shown
    testbed.terminate(instance)
    testbed.run(60)
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert detail == "drained from blue"
    assert elapsed <= 500
    assert testbed.calls("elb")[DEREGISTER] == 1


@pytest.mark.parametrize("code", ["LoadBalancerNotFound", "InvalidInstance"])
def test_what_goes_away_between_two_calls_is_drained(testbed: Testbed, code: str) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=60)
    testbed.region.faults.fail("elb", DEREGISTER, code=code)
    testbed.region.faults.fail("elb", "DescribeLoadBalancerAttributes", code="LoadBalancerNotFound")
    testbed.terminate(instance)
    testbed.run(3)
    with testbed.region.unobserved():
        testbed.region.client("elb").delete_load_balancer(LoadBalancerName="blue")
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert detail == "drained from blue"
    assert elapsed < 60


@pytest.mark.parametrize("operation", [DESCRIBE, DEREGISTER, "DescribeLoadBalancerAttributes"])
def test_one_that_goes_away_does_not_end_the_wait_for_another(testbed: Testbed, operation: str) -> None:
    instance = drain(testbed, "blue", "green", if_missing="done")
    for name in ("blue", "green"):
        testbed.classic_load_balancers.make(name, instance, timeout=300)
    testbed.region.faults.fail("elb", operation, code="LoadBalancerNotFound")
    testbed.terminate(instance)
    testbed.finish()

    assert ended(testbed)[0] >= 300
    assert not testbed.classic_load_balancers.is_registered("green", instance)


def test_the_end_of_a_long_drain_is_met_though_the_looks_are_far_apart(testbed: Testbed) -> None:
    instance = drain(testbed, "quick", "slow")
    testbed.classic_load_balancers.make("quick", instance, timeout=100)
    testbed.classic_load_balancers.make("slow", instance, timeout=3600)
    testbed.terminate(instance)
    testbed.finish()
    assert 3600 <= ended(testbed)[0] <= 3610


@pytest.mark.parametrize("attached", [True, False])
def test_one_that_survives_is_taken_out_and_auto_scaling_puts_it_back_where_it_is_attached(
    testbed: Testbed, *, attached: bool
) -> None:
    instance = drain(testbed, "blue")
    balancers = testbed.classic_load_balancers
    balancers.make("blue", instance, timeout=60)
    if attached:
        balancers.attachments.attach("web", "blue")
    balancers.attachments.drains = False
    testbed.region.client("autoscaling").put_warm_pool(
        AutoScalingGroupName="web", InstanceReusePolicy={"ReuseOnScaleIn": True}
    )
    testbed.autoscaling.scale("web", 0)
    testbed.run(600)
    assert testbed.autoscaling.instance_state(instance) == "Warmed:Stopped"
    assert not balancers.is_registered("blue", instance)

    testbed.autoscaling.scale("web", 1)
    testbed.run(300)
    assert testbed.autoscaling.instance_state(instance) == "InService"
    assert balancers.is_registered("blue", instance) is attached


@pytest.mark.parametrize("service", ["elb", "autoscaling"])
def test_throttling_is_waited_out(testbed: Testbed, service: str) -> None:
    instance = drain(testbed)
    testbed.classic_load_balancers.make("web", timeout=60)
    testbed.classic_load_balancers.attachments.attach("web", "web")
    testbed.classic_load_balancers.attachments.drains = False
    testbed.region.faults.throttle(service, *([DESCRIBE] if service == "elb" else ["DescribeLoadBalancers"]), times=3)
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[1] == "drained from web"


def test_lost_answers_drain_once(testbed: Testbed) -> None:
    instance = drain(testbed, "blue", "green")
    for name in ("blue", "green"):
        testbed.classic_load_balancers.make(name, instance, timeout=100)
    for operation in (DESCRIBE, DEREGISTER, "DescribeLoadBalancerAttributes"):
        testbed.region.faults.lose_response("elb", operation)
    testbed.terminate(instance)
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert detail == "drained from blue, green"
    assert 100 <= elapsed <= 160
    assert testbed.calls("elb")[DEREGISTER] == 2


@pytest.mark.parametrize("operation", [DESCRIBE, DEREGISTER, "DescribeLoadBalancerAttributes"])
def test_a_permission_that_is_missing_holds_the_instance_and_is_named(testbed: Testbed, operation: str) -> None:
    instance = drain(testbed, "blue")
    testbed.classic_load_balancers.make("blue", instance, timeout=60)
    testbed.region.faults.deny("elb", operation)
    testbed.terminate(instance)
    testbed.run(120)
    assert testbed.record().status is Status.HELD
    assert f"elasticloadbalancing:{operation}" in (testbed.record().problem or "")
    assert testbed.completions() == []


def test_a_permission_of_auto_scaling_that_is_missing_is_named(testbed: Testbed) -> None:
    instance = drain(testbed)
    testbed.region.faults.deny("autoscaling", "DescribeLoadBalancers")
    testbed.terminate(instance)
    testbed.run(120)
    assert testbed.record().status is Status.HELD
    assert "autoscaling:DescribeLoadBalancers" in (testbed.record().problem or "")


def test_a_dry_run_says_what_it_would_leave_and_changes_nothing(testbed: Testbed) -> None:
    instance = drain(testbed, "blue", "green", "grey", "gone", dry_run=True)
    for name in ("blue", "green"):
        testbed.classic_load_balancers.make(name, instance, timeout=3600)
    testbed.classic_load_balancers.make("grey")
    testbed.classic_load_balancers.take_out("green", instance)
    testbed.terminate(instance)
    testbed.finish()

    assert ended(testbed)[1] == (
        "dry run: would deregister from blue and would wait for green, which drains it already"
        "; there is no Classic Load Balancer named gone"
    )
    assert testbed.calls("elb") == {DESCRIBE: 4}
    assert testbed.classic_load_balancers.is_registered("blue", instance)


def test_a_dry_run_of_an_instance_that_is_registered_nowhere(testbed: Testbed) -> None:
    instance = drain(testbed, dry_run=True)
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[1] == "dry run: is not registered: group web has no Classic Load Balancer attached"


@pytest.mark.parametrize("name", ["web_1", "", "-web", "web-1234.eu-west-1.elb.amazonaws.com", "a" * 33])
def test_a_name_that_is_none_is_refused_with_what_is_expected(testbed: Testbed, name: str) -> None:
    instance = drain(testbed, name)
    testbed.terminate(instance)
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "; expected the name of a Classic Load Balancer: up to 32 " in (testbed.record().problem or "")
    assert testbed.calls("elb") == {}


def test_many_load_balancers_over_pages(testbed: Testbed) -> None:
    instance = drain(testbed)
    balancers = testbed.classic_load_balancers
    names = [f"web-{number:03}" for number in range(120)]
    for name in names[-7:]:
        balancers.make(name, timeout=60)
    for name in names:
        balancers.attachments.attach("web", name)
    balancers.attachments.drains = False
    testbed.terminate(instance)
    testbed.run(30)
    detail = testbed.record().detail or ""
    assert (
        "waiting for 7 of 7 Classic Load Balancers to drain: web-113, web-114, web-115, web-116, web-117, …" in detail
    )
    testbed.finish()

    assert ended(testbed)[1] == "drained from web-113, web-114, web-115, web-116, web-117, …"
    assert testbed.calls("autoscaling")["DescribeLoadBalancers"] == 2
    assert testbed.calls("elb")[DEREGISTER] == 7


def test_what_a_fleet_shares_is_asked_once(testbed: Testbed) -> None:
    instances = testbed.group(5, plan={"steps": [{"kind": "deregister-classic-elb"}]})
    balancers = testbed.classic_load_balancers
    balancers.make("web", timeout=60)
    balancers.attachments.attach("web", "web")
    balancers.attachments.drains = False
    for instance in instances:
        testbed.terminate(instance)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 5
    assert testbed.calls("autoscaling")["DescribeLoadBalancers"] == 1
    assert testbed.calls("elb")["DescribeLoadBalancerAttributes"] == 1
    assert testbed.calls("elb")[DEREGISTER] == 5
    assert testbed.calls("elb")[DESCRIBE] <= 5 * 14
