"""Service instances of Cloud Map are deregistered, and the operations that do it are waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status
from asg_lifecycle.plans.validation import find_problems

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

MUTATING = "DeregisterInstance"


def plan(**options: Any) -> dict[str, Any]:
    return {"steps": [{"kind": "deregister-cloud-map", "options": options}]}


def ended(stage: Stage) -> tuple[float, str]:
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    (step,) = stage.record().steps
    return stage.elapsed, step.detail


@pytest.fixture
def shop(stage: Stage) -> str:
    return stage.cloud_map.namespace("shop.internal")


def test_it_is_done_when_the_operation_is_and_not_before(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=["shop.internal"]))
    web = stage.cloud_map.service("web", shop, takes=90)
    web.instances = {instance: {"AWS_INSTANCE_IPV4": "10.9.9.9"}, "i-other": {"AWS_INSTANCE_IPV4": "10.9.9.8"}}
    stage.terminate(instance)
    stage.run(60)
    detail = stage.record().detail or ""
    assert f"waiting for Cloud Map to deregister 1 service instance: {instance} from web ({web.id})" in detail
    stage.finish()

    elapsed, detail = ended(stage)
    assert 90 <= elapsed <= 120
    assert detail == f"deregistered from web ({web.id})"
    assert list(web.instances) == ["i-other"]


def test_it_is_found_by_each_of_its_attributes(stage: Stage) -> None:
    instances = stage.group(2)
    instance, other = instances
    service = stage.cloud_map.service("web", takes=5)
    stage.region.put_hook(
        "web",
        "asg-lifecycle-terminate",
        "TERMINATING",
        HeartbeatTimeout=300,
        NotificationMetadata=f'{{"plan": {{"steps": [{{"kind": "deregister-cloud-map", "options": '
        f'{{"services": ["{service.arn}"]}}}}]}}}}',
    )
    stage.addresses.give(instance, "2001:db8::1")
    private, public = stage.addresses.private(instance), stage.addresses.public(instance)
    service.instances = {
        "by-id": {"AWS_EC2_INSTANCE_ID": instance},
        "by-task": {"EC2_INSTANCE_ID": instance, "AWS_INSTANCE_IPV4": "172.16.0.1"},
        "by-private": {"AWS_INSTANCE_IPV4": private},
        "by-public": {"AWS_INSTANCE_IPV4": public},
        "by-ipv6": {"AWS_INSTANCE_IPV6": "2001:DB8:0:0::1"},
        "of-another": {"AWS_EC2_INSTANCE_ID": other, "AWS_INSTANCE_IPV4": private},
        other: {"AWS_INSTANCE_IPV4": private},
        "elsewhere": {"AWS_INSTANCE_IPV4": "10.255.255.255", "note": instance},
    }
    stage.terminate(instance)
    stage.finish()

    assert ended(stage)[1] == f"deregistered from {service.id}"
    assert set(service.instances) == {"of-another", other, "elsewhere"}


@pytest.mark.parametrize("there", [True, False])
def test_an_instance_that_is_in_no_service_is_done(stage: Stage, shop: str, *, there: bool) -> None:
    options = {"namespaces": ["shop.internal", *([] if there else ["gone.internal"])]}
    (instance,) = stage.group(plan=plan(**options))
    stage.cloud_map.service("web", shop)
    stage.terminate(instance)
    stage.finish()

    note = "" if there else "; there is no namespace gone.internal"
    assert ended(stage)[1] == f"instance {instance} is in none of 1 service{note}"
    assert MUTATING not in stage.calls("servicediscovery")


def test_a_service_there_is_not_is_said_and_holds_nothing_up(stage: Stage) -> None:
    (instance,) = stage.group(plan=plan(services=["srv-nowhere", "srv-0000000000000000"]))
    web = stage.cloud_map.service("web", takes=5)
    web.instances = {instance: {}}
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[1] == f"deregistered from {web.id}; there is no service srv-nowhere"


def test_namespaces_that_share_a_name_are_all_looked_into(stage: Stage) -> None:
    (instance,) = stage.group(plan=plan(namespaces=["shop.internal"]))
    services = [stage.cloud_map.service("web", stage.cloud_map.namespace("shop.internal"), takes=5) for _ in range(2)]
    for service in services:
        service.instances = {instance: {}}
    stage.terminate(instance)
    stage.finish()
    assert [service.instances for service in services] == [{}, {}]


def test_one_that_leaves_by_itself_midway_is_done(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    web = stage.cloud_map.service("web", shop, takes=60)
    web.instances, web.fails = {instance: {}}, ["the health check cannot be deleted"]
    stage.terminate(instance)
    stage.run(30)
    web.instances.clear()
    stage.finish()
    assert ended(stage)[1] == f"deregistered from web ({web.id})"


def test_one_that_lists_still_show_although_it_has_gone_is_done(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    stage.cloud_map.service("web", shop).ghosts = {instance: {}}
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[1] == f"instance {instance} is in none of 1 service"
    assert stage.calls("servicediscovery")[MUTATING] == 1


def test_an_operation_that_fails_holds_the_instance_with_its_error(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    web = stage.cloud_map.service("web", shop)
    web.instances, web.fails = {instance: {}}, ["the health check cannot be deleted"]
    stage.terminate(instance)
    stage.run(120)

    record = stage.record()
    assert record.status is Status.HELD
    assert f"could not deregister {instance} from service web ({web.id})" in (record.problem or "")
    assert "the health check cannot be deleted (ACCESS_DENIED)" in (record.problem or "")
    assert stage.completions() == []


def test_a_failure_waits_for_what_is_under_way_beside_it(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    failing, slow = stage.cloud_map.service("web", shop, takes=5), stage.cloud_map.service("api", shop, takes=300)
    failing.instances, failing.fails, slow.instances = {instance: {}}, ["no"], {instance: {}}
    stage.terminate(instance)
    stage.run(200)
    assert stage.record().status is Status.WORKING
    stage.run(300)
    assert stage.record().status is Status.HELD
    assert slow.instances == {}


def test_one_that_registers_again_is_deregistered_again(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    web = stage.cloud_map.service("web", shop, takes=20)
    web.instances, web.returning = {instance: {}}, 2
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[0] >= 60
    assert web.instances == {}
    assert stage.calls("servicediscovery")[MUTATING] == 3


def test_what_somebody_else_deregisters_already_is_waited_for(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    web = stage.cloud_map.service("web", shop, takes=150)
    web.instances = {instance: {}}
    with stage.region.unobserved():
        stage.region.client("servicediscovery").deregister_instance(ServiceId=web.id, InstanceId=instance)
    stage.terminate(instance)
    stage.run(100)
    assert stage.completions() == []
    stage.finish()
    assert 150 <= ended(stage)[0] <= 190
    assert stage.calls("servicediscovery")[MUTATING] == 1


def test_a_service_that_is_busy_is_waited_for(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    web = stage.cloud_map.service("web", shop, takes=10)
    web.instances, web.busy_until = {instance: {}}, stage.timeline.now() + 120
    stage.terminate(instance)
    stage.run(60)
    assert "waiting for Cloud Map" in (stage.record().detail or "")
    stage.finish()
    assert ended(stage)[0] >= 130
    assert web.instances == {}


def test_operations_that_cloud_map_has_forgotten_are_not_missed(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    web = stage.cloud_map.service("web", shop, takes=500)
    web.instances = {instance: {}}
    stage.terminate(instance)
    stage.run(30)
    stage.cloud_map.forget_operations()
    stage.finish()
    assert ended(stage)[0] < 100


def test_an_instance_that_is_gone_is_found_by_its_id(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    web = stage.cloud_map.service("web", shop, takes=10)
    web.instances = {instance: {}, "by-address": {"AWS_INSTANCE_IPV4": stage.addresses.private(instance)}}
    with stage.region.unobserved():
        stage.region.client("ec2").terminate_instances(InstanceIds=[instance])
    stage.finish()

    assert list(web.instances) == ["by-address"]
    (record,) = [record for record in stage.deployment.records() if record.instance == instance]
    assert "its addresses are not known any more" in record.steps[0].detail


def test_its_addresses_are_remembered_when_it_goes_midway(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    web = stage.cloud_map.service("web", shop, takes=60)
    attributes = {"AWS_INSTANCE_IPV4": stage.addresses.public(instance)}
    web.instances = {"by-address": attributes}
    stage.terminate(instance)
    stage.run(20)
    with stage.region.unobserved():
        stage.region.client("ec2").terminate_instances(InstanceIds=[instance])
    web.instances["again"] = attributes
    stage.finish()
    assert web.instances == {}


def test_an_instance_that_survives_stays_registered(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    web = stage.cloud_map.service("web", shop)
    web.instances = {instance: {}}
    stage.region.autoscaling.replace_root_volume(instance)
    stage.run(600)
    assert list(web.instances) == [instance]
    assert stage.calls("servicediscovery") == {}


def test_a_dry_run_names_what_it_would_deregister(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan={**plan(namespaces=["shop.internal"]), "dry_run": True})
    web = stage.cloud_map.service("web", shop)
    web.instances = {instance: {}}
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[1] == f"dry run: would deregister {instance} from web"
    assert MUTATING not in stage.calls("servicediscovery")
    assert list(web.instances) == [instance]


def test_lost_answers_deregister_once(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=["shop.internal"]))
    services = [stage.cloud_map.service(name, shop, takes=100) for name in ("web", "api")]
    for service in services:
        service.instances = {instance: {}}
    for operation in ("ListNamespaces", "ListServices", "ListInstances", MUTATING, "GetOperation"):
        stage.region.faults.lose_response("servicediscovery", operation)
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[0] >= 100
    assert [service.instances for service in services] == [{}, {}]
    assert len(stage.cloud_map._operations) == 2  # noqa: SLF001 - how many there were


def test_throttling_is_waited_out(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=["shop.internal"]))
    web = stage.cloud_map.service("web", shop, takes=10)
    web.instances = {instance: {}}
    for operation in ("ListNamespaces", MUTATING, "GetOperation"):
        stage.region.faults.fail("servicediscovery", operation, code="RequestLimitExceeded", status=429, times=3)
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[1] == f"deregistered from web ({web.id})"


def test_a_permission_that_is_missing_is_named(stage: Stage, shop: str) -> None:
    (instance,) = stage.group(plan=plan(namespaces=[shop]))
    stage.cloud_map.service("web", shop).instances = {instance: {}}
    stage.region.faults.deny("servicediscovery", MUTATING)
    stage.terminate(instance)
    stage.run(120)
    assert stage.record().status is Status.HELD
    assert "permission servicediscovery:DeregisterInstance is missing" in (stage.record().problem or "")


def test_more_services_and_instances_than_a_page_holds(stage: Stage) -> None:
    for number in range(130):
        stage.cloud_map.namespace(f"{number}.internal")
    shop = stage.cloud_map.namespace("shop.internal")
    elsewhere = stage.cloud_map.namespace("elsewhere.internal")
    for number in range(120):
        stage.cloud_map.service(f"other-{number}", elsewhere)
    (instance,) = stage.group(plan=plan(namespaces=["shop.internal"]))
    web = stage.cloud_map.service("web", shop, takes=5)
    web.instances = {**{f"i-{number}": {} for number in range(250)}, instance: {}}
    stage.terminate(instance)
    stage.finish()
    assert len(web.instances) == 250
    assert stage.calls("servicediscovery")["ListInstances"] == 3 * 2


def test_lists_of_services_are_asked_for_once_for_many_instances(stage: Stage, shop: str) -> None:
    instances = stage.group(3, plan=plan(namespaces=["shop.internal"]))
    for name in ("web", "api", "jobs"):
        stage.cloud_map.service(name, shop, takes=5)
    (web, *_) = stage.cloud_map.services.values()
    web.instances = {instance: {} for instance in instances}
    for instance in instances:
        stage.terminate(instance)
        stage.run(2)
    stage.finish()
    assert len(stage.completions()) == 3
    calls = stage.calls("servicediscovery")
    assert (calls["ListNamespaces"], calls["ListServices"], calls[MUTATING]) == (1, 1, 3)
    # Each of the services once for each instance, and at the end the one that it was in.
    assert calls["ListInstances"] == 3 * (3 + 1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "no service is named; give services or namespaces"),
        ({"services": ["web"]}, "service 'web' is neither an id (srv-…) nor an ARN"),
        ({"namespaces": [""]}, "a namespace has no name"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], told: str) -> None:
    problems = find_problems(plan(**options))
    assert any(told in str(problem) for problem in problems), problems
