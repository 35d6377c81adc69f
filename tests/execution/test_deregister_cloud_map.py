"""Service instances of Cloud Map are deregistered, and the operations that do it are waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status
from asg_lifecycle.plans.validation import find_problems

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

MUTATING = "DeregisterInstance"


def plan(**options: Any) -> dict[str, Any]:
    return {"steps": [{"kind": "deregister-cloud-map", "options": options}]}


def ended(testbed: Testbed) -> tuple[float, str]:
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    (step,) = testbed.record().step_outcomes
    return testbed.elapsed, step.detail


@pytest.fixture
def shop(testbed: Testbed) -> str:
    return testbed.cloud_map.namespace("shop.internal")


def test_it_is_done_when_the_operation_is_and_not_before(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=["shop.internal"]))
    web = testbed.cloud_map.service("web", shop, takes=90)
    web.instances = {instance: {"AWS_INSTANCE_IPV4": "10.9.9.9"}, "i-other": {"AWS_INSTANCE_IPV4": "10.9.9.8"}}
    testbed.terminate(instance)
    testbed.run(60)
    detail = testbed.record().detail or ""
    assert f"waiting for Cloud Map to deregister 1 service instance: {instance} from web ({web.id})" in detail
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert 90 <= elapsed <= 120
    assert detail == f"deregistered from web ({web.id})"
    assert list(web.instances) == ["i-other"]


def test_it_is_found_by_each_of_its_attributes(testbed: Testbed) -> None:
    instances = testbed.group(2)
    instance, other = instances
    service = testbed.cloud_map.service("web", takes=5)
    testbed.autoscaling.put_hook(
        "web",
        "asg-lifecycle-terminate",
        "TERMINATING",
        HeartbeatTimeout=300,
        NotificationMetadata=f'{{"plan": {{"steps": [{{"kind": "deregister-cloud-map", "options": '
        f'{{"services": ["{service.arn}"]}}}}]}}}}',
    )
    testbed.addresses.give(instance, "2001:db8::1")
    private, public = testbed.addresses.private(instance), testbed.addresses.public(instance)
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
    testbed.terminate(instance)
    testbed.finish()

    assert ended(testbed)[1] == f"deregistered from {service.id}"
    assert set(service.instances) == {"of-another", other, "elsewhere"}


def test_an_instance_that_is_in_no_service_is_done(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=["shop.internal"]))
    testbed.cloud_map.service("web", shop)
    testbed.terminate(instance)
    testbed.finish()

    assert ended(testbed)[1] == f"instance {instance} is in none of 1 service"
    assert MUTATING not in testbed.calls("servicediscovery")


def test_a_service_there_is_not_fails_the_step_when_the_instance_has_left_the_others(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=plan(services=["srv-nowhere", "srv-0000000000000000"]))
    web = testbed.cloud_map.service("web", takes=5)
    web.instances = {instance: {}}
    testbed.terminate(instance)
    testbed.run(600)
    assert testbed.record().status is Status.HELD
    assert f"there is no service srv-nowhere; deregistered from {web.id}" in (testbed.record().problem or "")
    assert web.instances == {}


def test_namespaces_that_share_a_name_are_all_looked_into(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=["shop.internal"]))
    services = [
        testbed.cloud_map.service("web", testbed.cloud_map.namespace("shop.internal"), takes=5) for _ in range(2)
    ]
    for service in services:
        service.instances = {instance: {}}
    testbed.terminate(instance)
    testbed.finish()
    assert [service.instances for service in services] == [{}, {}]


def test_one_that_leaves_by_itself_midway_is_done(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    web = testbed.cloud_map.service("web", shop, takes=60)
    web.instances, web.fails = {instance: {}}, ["the health check cannot be deleted"]
    testbed.terminate(instance)
    testbed.run(30)
    web.instances.clear()
    testbed.finish()
    assert ended(testbed)[1] == f"deregistered from web ({web.id})"


def test_one_that_lists_still_show_although_it_has_gone_is_done(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    testbed.cloud_map.service("web", shop).ghosts = {instance: {}}
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[1] == f"instance {instance} is in none of 1 service"
    assert testbed.calls("servicediscovery")[MUTATING] == 1


def test_an_operation_that_fails_holds_the_instance_with_its_error(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    web = testbed.cloud_map.service("web", shop)
    web.instances, web.fails = {instance: {}}, ["the health check cannot be deleted"]
    testbed.terminate(instance)
    testbed.run(120)

    record = testbed.record()
    assert record.status is Status.HELD
    assert f"could not deregister {instance} from service web ({web.id})" in (record.problem or "")
    assert "the health check cannot be deleted (ACCESS_DENIED)" in (record.problem or "")
    assert testbed.completions() == []


def test_a_failure_waits_for_what_is_under_way_beside_it(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    failing, slow = testbed.cloud_map.service("web", shop, takes=5), testbed.cloud_map.service("api", shop, takes=300)
    failing.instances, failing.fails, slow.instances = {instance: {}}, ["no"], {instance: {}}
    testbed.terminate(instance)
    testbed.run(200)
    assert testbed.record().status is Status.WORKING
    testbed.run(300)
    assert testbed.record().status is Status.HELD
    assert slow.instances == {}


def test_one_that_registers_again_is_deregistered_again(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    web = testbed.cloud_map.service("web", shop, takes=20)
    web.instances, web.returning = {instance: {}}, 2
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[0] >= 60
    assert web.instances == {}
    assert testbed.calls("servicediscovery")[MUTATING] == 3


def test_what_somebody_else_deregisters_already_is_waited_for(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    web = testbed.cloud_map.service("web", shop, takes=150)
    web.instances = {instance: {}}
    with testbed.region.unobserved():
        testbed.region.client("servicediscovery").deregister_instance(ServiceId=web.id, InstanceId=instance)
    testbed.terminate(instance)
    testbed.run(100)
    assert testbed.completions() == []
    testbed.finish()
    assert 150 <= ended(testbed)[0] <= 190
    assert testbed.calls("servicediscovery")[MUTATING] == 1


def test_a_service_that_is_busy_is_waited_for(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    web = testbed.cloud_map.service("web", shop, takes=10)
    web.instances, web.busy_until = {instance: {}}, testbed.timeline.now() + 120
    testbed.terminate(instance)
    testbed.run(60)
    assert "waiting for Cloud Map" in (testbed.record().detail or "")
    testbed.finish()
    assert ended(testbed)[0] >= 130
    assert web.instances == {}


def test_operations_that_cloud_map_has_forgotten_are_not_missed(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    web = testbed.cloud_map.service("web", shop, takes=500)
    web.instances = {instance: {}}
    testbed.terminate(instance)
    testbed.run(30)
    testbed.cloud_map.forget_operations()
    testbed.finish()
    assert ended(testbed)[0] < 100


def test_an_instance_that_is_gone_is_found_by_its_id(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    web = testbed.cloud_map.service("web", shop, takes=10)
    web.instances = {instance: {}, "by-address": {"AWS_INSTANCE_IPV4": testbed.addresses.private(instance)}}
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.finish()

    assert list(web.instances) == ["by-address"]
    (record,) = [record for record in testbed.deployment.records() if record.instance == instance]
    assert "its addresses are not known any more" in record.step_outcomes[0].detail


def test_its_addresses_are_remembered_when_it_goes_midway(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    web = testbed.cloud_map.service("web", shop, takes=60)
    attributes = {"AWS_INSTANCE_IPV4": testbed.addresses.public(instance)}
    web.instances = {"by-address": attributes}
    testbed.terminate(instance)
    testbed.run(20)
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    web.instances["again"] = attributes
    testbed.finish()
    assert web.instances == {}


def test_an_instance_that_survives_stays_registered(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    web = testbed.cloud_map.service("web", shop)
    web.instances = {instance: {}}
    testbed.autoscaling.replace_root_volume(instance)
    testbed.run(600)
    assert list(web.instances) == [instance]
    assert testbed.calls("servicediscovery") == {}


def test_a_dry_run_names_what_it_would_deregister(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan={**plan(namespaces=["shop.internal"]), "dry_run": True})
    web = testbed.cloud_map.service("web", shop)
    web.instances = {instance: {}}
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[1] == f"dry run: would deregister {instance} from web"
    assert MUTATING not in testbed.calls("servicediscovery")
    assert list(web.instances) == [instance]


def test_lost_answers_deregister_once(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=["shop.internal"]))
    services = [testbed.cloud_map.service(name, shop, takes=100) for name in ("web", "api")]
    for service in services:
        service.instances = {instance: {}}
    for operation in ("ListNamespaces", "ListServices", "ListInstances", MUTATING, "GetOperation"):
        testbed.region.faults.lose_response("servicediscovery", operation)
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[0] >= 100
    assert [service.instances for service in services] == [{}, {}]
    assert len(testbed.cloud_map._operations) == 2  # noqa: SLF001 - how many there were


def test_throttling_is_waited_out(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=["shop.internal"]))
    web = testbed.cloud_map.service("web", shop, takes=10)
    web.instances = {instance: {}}
    for operation in ("ListNamespaces", MUTATING, "GetOperation"):
        testbed.region.faults.fail("servicediscovery", operation, code="RequestLimitExceeded", status=429, times=3)
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[1] == f"deregistered from web ({web.id})"


def test_a_permission_that_is_missing_is_named(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    testbed.cloud_map.service("web", shop).instances = {instance: {}}
    testbed.region.faults.deny("servicediscovery", MUTATING)
    testbed.terminate(instance)
    testbed.run(120)
    assert testbed.record().status is Status.HELD
    assert "permission servicediscovery:DeregisterInstance is missing" in (testbed.record().problem or "")


def test_more_services_and_instances_than_a_page_holds(testbed: Testbed) -> None:
    for number in range(130):
        testbed.cloud_map.namespace(f"{number}.internal")
    shop = testbed.cloud_map.namespace("shop.internal")
    elsewhere = testbed.cloud_map.namespace("elsewhere.internal")
    for number in range(120):
        testbed.cloud_map.service(f"other-{number}", elsewhere)
    (instance,) = testbed.group(plan=plan(namespaces=["shop.internal"]))
    web = testbed.cloud_map.service("web", shop, takes=5)
    web.instances = {**{f"i-{number}": {} for number in range(250)}, instance: {}}
    testbed.terminate(instance)
    testbed.finish()
    assert len(web.instances) == 250
    assert testbed.calls("servicediscovery")["ListInstances"] == 3 * 2


def test_lists_of_services_are_asked_for_once_for_many_instances(testbed: Testbed, shop: str) -> None:
    instances = testbed.group(3, plan=plan(namespaces=["shop.internal"]))
    for name in ("web", "api", "jobs"):
        testbed.cloud_map.service(name, shop, takes=5)
    (web, *_) = testbed.cloud_map.services.values()
    web.instances = {instance: {} for instance in instances}
    for instance in instances:
        testbed.terminate(instance)
        testbed.run(2)
    testbed.finish()
    assert len(testbed.completions()) == 3
    calls = testbed.calls("servicediscovery")
    assert (calls["ListNamespaces"], calls["ListServices"], calls[MUTATING]) == (1, 1, 3)
    # Each of the services once for each instance, and at the end the one that it was in.
    assert calls["ListInstances"] == 3 * (3 + 1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "no service is named; give services or namespaces"),
        ({"services": ["web"]}, "option 'services[0]': is 'web'; expected the id (srv-…) or the ARN of a service"),
        ({"namespaces": [""]}, "option 'namespaces[0]': is ''; expected a string of at least 1 characters"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], told: str) -> None:
    problems = find_problems(plan(**options))
    assert any(told in str(problem) for problem in problems), problems


def test_only_what_is_still_under_way_is_named(testbed: Testbed, shop: str) -> None:
    (instance,) = testbed.group(plan=plan(namespaces=[shop]))
    quick, slow = testbed.cloud_map.service("web", shop, takes=20), testbed.cloud_map.service("api", shop, takes=600)
    quick.instances, slow.instances = {instance: {}}, {instance: {}}
    testbed.terminate(instance)
    testbed.run(10)
    assert "to deregister 2 service instances" in (testbed.record().detail or "")
    testbed.run(290)
    assert f"to deregister 1 service instance: {instance} from api ({slow.id})" in (testbed.record().detail or "")
