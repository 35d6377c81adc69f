"""Placeholders in plans that are carried out: the value comes to AWS, is read once, and is never run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.addresses import reverse_name
from asg_lifecycle.model.records import Status, action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

SHELL = "AWS-RunShellScript"


def tag(testbed: Testbed, instance: str, **tags: str) -> None:
    with testbed.region.unobserved():
        testbed.region.client("ec2").create_tags(
            Resources=[instance], Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
        )


def command(*lines: str, document: str = SHELL) -> dict[str, Any]:
    return {"kind": "run-command", "options": {"document": document, "parameters": {"commands": list(lines)}}}


def with_plan(testbed: Testbed, *steps: dict[str, Any], **tags: str) -> str:
    """Return an instance, with these tags, whose terminate hook has these steps."""
    (instance,) = testbed.group(plan={"steps": list(steps)}, heartbeat=900)
    tag(testbed, instance, **tags)
    testbed.run_command.manage(instance)
    return instance


def sent(testbed: Testbed) -> list[list[str]]:
    return [run.command.parameters["commands"] for run in testbed.run_command.invocations()]


def test_every_value_comes_to_the_command(testbed: Testbed) -> None:
    line = "echo {instance} {group} {hook} {token} {transition} {region} {account} {private_ip} {availability_zone}"
    instance = with_plan(testbed, command(line, "echo {tag:Name} ${instance} {{instance}}"), Name="web one")
    address = testbed.addresses.private(instance)
    testbed.terminate(instance)
    testbed.finish()
    (lines,) = sent(testbed)
    record = testbed.record()
    with testbed.region.unobserved():
        described = testbed.region.client("ec2").describe_instances(InstanceIds=[instance])
    zone = described["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"]
    assert lines[0].split()[1:] == [
        instance,
        "web",
        "asg-lifecycle-terminate",
        record.token,
        "autoscaling:EC2_INSTANCE_TERMINATING",
        testbed.region.name,
        testbed.region.account,
        address,
        zone,
    ]
    assert lines[1] == "echo 'web one' ${instance} {instance}"


@pytest.mark.parametrize("line", ['echo "{tag:Name}"', "{tag:Name}", "eval echo {tag:Name}"])
def test_whoever_may_tag_an_instance_runs_no_command_on_it(testbed: Testbed, line: str) -> None:
    instance = with_plan(testbed, command(line), Name="$(reboot)")
    testbed.terminate(instance)
    testbed.run(120)
    record = testbed.record()
    assert record.status is Status.HELD
    assert "{tag:Name} is '$(reboot)', which cannot be put into a command safely" in (record.problem or "")
    assert sent(testbed) == []


def test_a_tag_that_the_instance_has_not_fails_the_step(testbed: Testbed) -> None:
    instance = with_plan(testbed, command("echo {tag:role}"))
    testbed.terminate(instance)
    testbed.run(120)
    record = testbed.record()
    assert record.status is Status.HELD
    assert "{tag:role} has no value: the instance has no tag 'role', or an empty one" in (record.problem or "")
    assert sent(testbed) == []


def test_a_quote_that_one_line_opens_is_seen_by_the_next(testbed: Testbed) -> None:
    instance = with_plan(testbed, command('echo "', "echo {tag:Name}", '"'), Name="$(reboot)")
    testbed.terminate(instance)
    testbed.run(120)
    assert testbed.record().status is Status.HELD
    assert sent(testbed) == []


def test_values_are_kept_for_a_takeover_of_an_instance_that_is_gone(testbed: Testbed) -> None:
    instance = with_plan(
        testbed,
        {"kind": "wait", "options": {"duration": "5m"}},
        {"kind": "publish-event", "options": {"detail": {"ip": "{private_ip}", "name": "{tag:Name}"}}},
        Name="web one",
    )
    address = testbed.addresses.private(instance)
    testbed.terminate(instance)
    testbed.run(60)
    dead = testbed.record().execution
    testbed.deployment.service.stop(dead)
    with testbed.region.unobserved():
        ec2 = testbed.region.client("ec2")
        ec2.terminate_instances(InstanceIds=[instance])
        ec2.delete_tags(Resources=[instance], Tags=[{"Key": "Name"}])
    action = action_of(testbed.record())
    testbed.deployment.start(payload(StartRequest(reason=StartReason.TAKEOVER, action=action, takes_over=dead)))
    url = listening(testbed)
    testbed.finish()
    (event,) = heard(testbed, url)
    assert event["detail"]["more"] == {"ip": address, "name": "web one"}


def listening(testbed: Testbed) -> str:
    """Make a queue behind a rule for our source; return its URL."""
    with testbed.region.unobserved():
        sqs, events = testbed.region.client("sqs"), testbed.region.client("events")
        url = str(sqs.create_queue(QueueName="heard")["QueueUrl"])
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name="ours", EventPattern=json.dumps({"source": ["asg-lifecycle"]}))
        events.put_targets(Rule="ours", Targets=[{"Id": "queue", "Arn": arn}])
    return url


def heard(testbed: Testbed, url: str) -> list[dict[str, Any]]:
    with testbed.region.unobserved():
        messages = testbed.region.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in messages.get("Messages", [])]


@pytest.mark.parametrize("name", ['say "hi"', "a\\b", "ä", "{instance}"])
def test_an_event_carries_any_value_as_json(testbed: Testbed, name: str) -> None:
    url = listening(testbed)
    step = {
        "kind": "publish-event",
        "options": {"detail_type": "{group} drained", "detail": {"{group}": ["{tag:Name}", 1]}},
    }
    instance = with_plan(testbed, step, Name=name)
    testbed.terminate(instance)
    testbed.finish()
    (event,) = heard(testbed, url)
    assert event["detail-type"] == "web drained"
    assert event["detail"]["more"] == {"{group}": [name, 1]}


def test_a_tag_of_target_groups_may_name_the_group(testbed: Testbed) -> None:
    options = {"tags": {"drain": "{group}-{tag:role}"}}
    instance = with_plan(testbed, {"kind": "deregister-targets", "options": options}, role="api")
    arn = testbed.target_group("blue", instance, delay=5)
    with testbed.region.unobserved():
        testbed.region.client("elbv2").add_tags(ResourceArns=[arn], Tags=[{"Key": "drain", "Value": "web-api"}])
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.record().step_outcomes[0].detail == "drained from blue"


# Names that are made of the address


def test_a_name_made_of_the_address_is_added_and_removed(testbed: Testbed) -> None:
    zone = testbed.dns.zone()
    name = "ip-{private_ip}.example.com"
    instance = testbed.launch({"steps": [{"kind": "add-dns-record", "options": {"zone": zone.id, "name": name}}]})
    testbed.finish()
    address = testbed.addresses.private(instance)
    written = f"ip-{address.replace('.', '-')}.example.com"
    assert zone.values(written) == [address]
    options = {"zones": [zone.id], "names": [name], "wait_for_ttl": False}
    metadata = json.dumps({"plan": {"steps": [{"kind": "remove-dns-records", "options": options}]}})
    testbed.autoscaling.put_hook("web", "asg-lifecycle-terminate", "TERMINATING", NotificationMetadata=metadata)
    testbed.terminate(instance)
    testbed.run(300)
    assert zone.values(written) is None


@pytest.mark.parametrize("family", ["private", "ipv6"])
def test_a_ptr_record_is_added_and_removed(testbed: Testbed, family: str) -> None:
    zone = testbed.dns.zone("10.in-addr.arpa" if family == "private" else "8.b.d.0.1.0.0.2.ip6.arpa")
    options = {"zone": zone.id, "name": "{instance}.example.com", "type": "PTR", "address": family}
    testbed.late_instances.known_after = 5
    instance = testbed.launch({"steps": [{"kind": "add-dns-record", "options": options}]})
    testbed.addresses.give(instance, "2001:db8::a1")
    address = testbed.addresses.private(instance) if family == "private" else "2001:db8::a1"
    reverse, other = reverse_name(address), reverse_name("10.99.0.1" if family == "private" else "2001:db8::b1")
    # What an earlier holder of the address was called.
    zone.put(reverse, "i-old.example.com.", kind="PTR")
    zone.put(other, "other.example.com.", kind="PTR")
    testbed.finish()
    assert zone.values(reverse, "PTR") == [f"{instance}.example.com."]
    removal = {"zones": [zone.id], "types": ["PTR"], "wait_for_ttl": False}
    metadata = json.dumps({"plan": {"steps": [{"kind": "remove-dns-records", "options": removal}]}})
    testbed.autoscaling.put_hook("web", "asg-lifecycle-terminate", "TERMINATING", NotificationMetadata=metadata)
    testbed.terminate(instance)
    testbed.run(300)
    assert zone.values(reverse, "PTR") is None
    assert zone.values(other, "PTR") == ["other.example.com."]
