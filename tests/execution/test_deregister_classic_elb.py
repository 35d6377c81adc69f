"""Classic Load Balancers are left, and their connections drained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from tests.execution.conftest import Stage


def draining(stage: Stage, *, dry_run: bool = False, **options: Any) -> str:
    plan = {"steps": [{"kind": "deregister-classic-elb", "options": options}], "dry_run": dry_run}
    (instance,) = stage.group(plan=plan)
    return instance


def ended(stage: Stage) -> tuple[float, str]:
    stage.finish()
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    (outcome,) = stage.record().steps
    return stage.elapsed, outcome.detail


def test_connections_have_as_long_as_the_load_balancer_gives_them(stage: Stage) -> None:
    instance = draining(stage, names=["web", "api"])
    stage.classic_load_balancers.make("web", instance, "i-0123456789abcdef0", timeout=300)
    stage.classic_load_balancers.make("api", instance, timeout=60)
    stage.terminate(instance)
    stage.run(30)
    detail = "deregister-classic-elb: waiting for connections to drain from 2 load balancers: web, api"
    assert stage.record().detail == detail
    stage.run(90)
    assert (stage.record().detail or "").endswith("from 1 load balancer: web")

    elapsed, said = ended(stage)
    assert 300 <= elapsed <= 306
    assert said == "drained from web, api"
    assert stage.calls("elb")["DeregisterInstancesFromLoadBalancer"] == 2
    assert stage.calls("elb")["DescribeInstanceHealth"] <= 20


def test_connections_that_end_sooner_are_not_waited_for(stage: Stage) -> None:
    instance = draining(stage, names=["web"])
    stage.classic_load_balancers.make("web", instance, timeout=3600)
    stage.classic_load_balancers.connections_end_after = 20
    stage.terminate(instance)
    assert ended(stage)[0] <= 20 + 370


def test_without_connection_draining_it_is_done_at_once(stage: Stage) -> None:
    instance = draining(stage, names=["web"])
    stage.classic_load_balancers.make("web", instance, timeout=None)
    stage.terminate(instance)
    assert ended(stage)[0] <= 15


@pytest.mark.parametrize("options", [{}, {"of_group": True, "names": ["other"]}])
def test_those_of_the_group(stage: Stage, options: dict[str, Any]) -> None:
    instance = draining(stage, **options)
    stage.classic_load_balancers.make("web", timeout=30)
    stage.classic_load_balancers.make("other", instance, timeout=30)
    with stage.region.unobserved():
        stage.region.client("autoscaling").attach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["web"])
    stage.terminate(instance)
    said = ended(stage)[1]
    assert said == ("drained from other, web" if options else "drained from web")
    assert stage.calls("autoscaling")["DescribeLoadBalancers"] == 1


@pytest.mark.parametrize("forgets", [True, False])
def test_one_that_was_never_registered_is_done(stage: Stage, *, forgets: bool) -> None:
    instance = draining(stage, names=["web"])
    stage.classic_load_balancers.make("web")
    stage.classic_load_balancers.forgets = forgets
    stage.terminate(instance)
    assert ended(stage)[1] == "not registered with any of 1 load balancers"
    assert "DeregisterInstancesFromLoadBalancer" not in stage.calls("elb")


def test_a_load_balancer_there_is_not_is_noted(stage: Stage) -> None:
    stage.terminate(draining(stage, names=["wep"]))
    assert ended(stage)[1] == "not registered with any of 1 load balancers; there is no load balancer named wep"


def test_a_load_balancer_that_is_deleted_midway_is_nothing_to_wait_for(stage: Stage) -> None:
    instance = draining(stage, names=["web"])
    stage.classic_load_balancers.make("web", instance)
    stage.terminate(instance)
    stage.run(30)
    with stage.region.unobserved():
        stage.region.client("elb").delete_load_balancer(LoadBalancerName="web")
    assert ended(stage)[0] < 100


def test_one_that_is_registered_again_is_taken_out_again(stage: Stage) -> None:
    instance = draining(stage, names=["web"])
    stage.classic_load_balancers.make("web", instance, timeout=100)
    stage.terminate(instance)
    stage.run(50)
    stage.classic_load_balancers.register("web", instance)
    assert 150 <= ended(stage)[0] <= 175
    assert stage.calls("elb")["DeregisterInstancesFromLoadBalancer"] == 2


def test_an_instance_that_is_gone_has_no_connections(stage: Stage) -> None:
    instance = draining(stage, names=["web"])
    stage.classic_load_balancers.make("web", instance)
    with stage.region.unobserved():
        stage.region.client("ec2").terminate_instances(InstanceIds=[instance])
    stage.run(60)
    record = stage.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.status is Status.COMPLETED


def test_lost_answers_and_throttling_change_nothing(stage: Stage) -> None:
    instance = draining(stage, names=["web"])
    stage.classic_load_balancers.make("web", instance, timeout=60)
    stage.region.faults.lose_response("elb", "DeregisterInstancesFromLoadBalancer")
    stage.region.faults.throttle("elb", "DescribeLoadBalancerAttributes", times=2)
    stage.region.faults.throttle("elb", "DescribeInstanceHealth", times=2)
    stage.terminate(instance)
    assert 60 <= ended(stage)[0] <= 120


def test_denied_it_names_the_permission(stage: Stage) -> None:
    instance = draining(stage, names=["web"])
    stage.classic_load_balancers.make("web", instance)
    stage.region.faults.deny("elb", "DeregisterInstancesFromLoadBalancer")
    stage.terminate(instance)
    stage.run(200)
    assert "elasticloadbalancing:DeregisterInstancesFromLoadBalancer" in (stage.record().problem or "")


def test_a_dry_run_changes_nothing(stage: Stage) -> None:
    instance = draining(stage, names=["web", "gone"], dry_run=True)
    stage.classic_load_balancers.make("web", instance)
    stage.terminate(instance)
    said = ended(stage)[1]
    assert said == "dry run: would deregister from web; there is no load balancer named gone"
    assert set(stage.calls("elb")) == {"DescribeInstanceHealth"}
