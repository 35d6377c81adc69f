from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from asg_lifecycle.model.actions import LifecycleAction, Location, Transition
from asg_lifecycle.model.events import Decision, Handle, Ignore, Invalid, decide
from asg_lifecycle.model.start_requests import SOURCE

EVENTS = Path(__file__).parents[2] / "events"
EVENT = json.loads((EVENTS / "terminate.json").read_text())
NOTIFICATION = json.loads((EVENTS / "notification.json").read_text())
TOKEN = "87654321-4321-4321-4321-210987654321"  # noqa: S105 - a lifecycle action token is no secret

NOT_FOUND = object()


def change(payload: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(payload)
    *outer, name = path.split(".")
    inner = changed
    for step in outer:
        inner = inner[step]
    if value is NOT_FOUND:
        del inner[name]
    else:
        inner[name] = value
    return changed


def decide_ours(payload: object) -> Decision:
    return decide(payload, hook_name_prefix="asg-lifecycle")


def handled(payload: object) -> LifecycleAction:
    decision = decide_ours(payload)
    assert isinstance(decision, Handle)
    return decision.action


def test_an_event_becomes_its_action() -> None:
    assert handled(EVENT) == LifecycleAction(
        token=TOKEN,
        group="web",
        hook="asg-lifecycle-terminate",
        instance="i-1234567890abcdef0",
        transition=Transition.TERMINATING,
        time=1610496757.214,
        origin=Location.AUTO_SCALING_GROUP,
        destination=Location.EC2,
        metadata="additional-info",
        operation=None,
        account="123456789012",
        region="us-west-2",
    )


def test_a_notification_becomes_the_same_action_without_a_region() -> None:
    event = handled(EVENT)
    notification = handled(NOTIFICATION)

    assert notification.region is None
    assert notification == handled(change(EVENT, "region", NOT_FOUND))
    assert event.account == notification.account


ACCEPTED: list[tuple[str, object, str, object]] = [
    ("time", "2021-01-13T00:12:37Z", "time", 1610496757.0),
    ("time", "2021-01-13T01:12:37.5+01:00", "time", 1610496757.5),
    ("detail.Origin", NOT_FOUND, "origin", None),
    ("detail.Origin", None, "origin", None),
    ("detail.Origin", "Elsewhere", "origin", None),
    ("detail.Origin", "WarmPool", "origin", Location.WARM_POOL),
    ("detail.Destination", NOT_FOUND, "destination", None),
    ("detail.Destination", "Elsewhere", "destination", None),
    ("detail.NotificationMetadata", NOT_FOUND, "metadata", None),
    ("detail.NotificationMetadata", '{"plan": "web"}\r\n\t', "metadata", '{"plan": "web"}\r\n\t'),
    ("detail.Action", "ReplaceRootVolume", "operation", "ReplaceRootVolume"),
    ("detail.Action", "Somersault", "operation", "Somersault"),
    ("detail.NewField", {"deep": [1]}, "group", "web"),
    ("newField", 1, "group", "web"),
    ("resources", [], "group", "web"),
    ("resources", NOT_FOUND, "group", "web"),
    ("account", NOT_FOUND, "account", None),
    ("region", NOT_FOUND, "region", None),
    ("detail.EC2InstanceId", "i-12345678", "instance", "i-12345678"),
    ("detail.LifecycleActionToken", "71514b9d-6a40-4b26-8523-05e7eEXAMPLE", "token", None),
    ("detail.AutoScalingGroupName", "my group/with a slash", "group", "my group/with a slash"),
    ("detail.AutoScalingGroupName", "gruppe-ü-组-🚀", "group", "gruppe-ü-组-🚀"),
    ("detail.AutoScalingGroupName", "g" * 255, "group", "g" * 255),
    ("detail.LifecycleHookName", "asg-lifecycle/web/x", "hook", "asg-lifecycle/web/x"),
    ("detail.LifecycleHookName", "asg-lifecycle".ljust(255, "-"), "hook", "asg-lifecycle".ljust(255, "-")),
]


@pytest.mark.parametrize(("path", "value", "attribute", "expected"), ACCEPTED)
def test_what_auto_scaling_may_leave_out_add_or_write_otherwise_is_accepted(
    path: str, value: object, attribute: str, expected: object
) -> None:
    action = handled(change(EVENT, path, value))

    assert getattr(action, attribute) == (value if expected is None and attribute == "token" else expected)


def test_r30_the_group_is_the_one_of_detail_not_of_resources() -> None:
    resource = "arn:aws:autoscaling:us-west-2:123456789012:autoScalingGroup:042cba90:autoScalingGroupName/other"

    assert handled(change(EVENT, "resources", [resource])).group == "web"


BROKEN: list[tuple[str, object, str]] = [
    ("source", NOT_FOUND, "found nothing"),
    ("source", None, "found null"),
    ("source", ["aws.autoscaling"], "found a list of 1"),
    ("detail-type", NOT_FOUND, "found nothing"),
    ("detail-type", 7, "found the number 7"),
    ("detail", NOT_FOUND, "found nothing"),
    ("detail", "{}", "expected an object, found '{}'"),
    ("detail", [], "found an empty list"),
    ("time", NOT_FOUND, "found nothing"),
    ("time", "yesterday", "found 'yesterday'"),
    ("time", "2021-01-13T00:12:37", "a time with its zone"),
    ("time", "2021-13-13T00:12:37Z", "2021-13-13"),
    ("time", 1610496757, "the number 1610496757"),
    ("account", 123456789012, "the number 123456789012"),
    ("region", True, "found true"),
    ("detail.LifecycleActionToken", NOT_FOUND, "found nothing"),
    ("detail.LifecycleActionToken", TOKEN[:-1], "35 characters"),
    ("detail.LifecycleActionToken", TOKEN + "0", "37 characters"),
    ("detail.LifecycleActionToken", "", "exactly 36 characters"),
    ("detail.LifecycleActionToken", 36, "exactly 36 characters"),
    ("detail.AutoScalingGroupName", NOT_FOUND, "found nothing"),
    ("detail.AutoScalingGroupName", "", "found ''"),
    ("detail.AutoScalingGroupName", "g" * 256, "of 256 characters"),
    ("detail.AutoScalingGroupName", {"Ref": "Group"}, "an object with 'Ref'"),
    ("detail.AutoScalingGroupName", "web-\udcff", "broken Unicode 'web-\\udcff'"),
    ("detail.LifecycleHookName", NOT_FOUND, "found nothing"),
    ("detail.LifecycleHookName", 1.5, "the number 1.5"),
    ("detail.EC2InstanceId", NOT_FOUND, "found nothing"),
    ("detail.EC2InstanceId", "i-1234567", "8 or 17 hexadecimal digits"),
    ("detail.EC2InstanceId", "i-123456789", "8 or 17 hexadecimal digits"),
    ("detail.EC2InstanceId", "i-1234567890abcdeg0", "i-1234567890abcdeg0"),
    ("detail.EC2InstanceId", "i-12345678\n", "'i-12345678\\n'"),
    ("detail.EC2InstanceId", "mi-12345678", "mi-12345678"),
    ("detail.LifecycleTransition", NOT_FOUND, "found nothing"),
    ("detail.LifecycleTransition", "autoscaling:EC2_INSTANCE_TERMINATE", "'autoscaling:EC2_INSTANCE_TERMINATING'"),
    ("detail.LifecycleTransition", "autoscaling:EC2_INSTANCE_LAUNCHING", "because detail-type is"),
    ("detail.Origin", 5, "text or nothing"),
    ("detail.Destination", {}, "an empty object"),
    ("detail.NotificationMetadata", {"plan": "web"}, "an object with 'plan'"),
    ("detail.NotificationMetadata", "a\ud800", "broken Unicode 'a\\ud800'"),
    ("detail.Action", False, "found false"),
]


@pytest.mark.parametrize(("path", "value", "words"), BROKEN)
def test_a_wrong_field_is_named_with_what_was_expected_and_found(path: str, value: object, words: str) -> None:
    decision = decide_ours(change(EVENT, path, value))

    assert isinstance(decision, Invalid)
    assert decision.field == path
    assert decision.reason.startswith(f"{path}: expected ")
    assert words in decision.reason


@pytest.mark.parametrize("field", ["Time", "LifecycleActionToken", "EC2InstanceId", "LifecycleTransition"])
def test_a_field_missing_from_a_notification_is_named(field: str) -> None:
    decision = decide_ours(change(NOTIFICATION, field, NOT_FOUND))

    assert isinstance(decision, Invalid)
    assert decision.field == field


CONTRADICTIONS = [
    ("launch.json", "EC2 Instance-terminate Lifecycle Action"),
    ("terminate.json", "EC2 Instance-launch Lifecycle Action"),
]


@pytest.mark.parametrize(("file", "detail_type"), CONTRADICTIONS)
def test_a_detail_type_that_contradicts_the_transition_is_named_with_it(file: str, detail_type: str) -> None:
    event = json.loads((EVENTS / file).read_text())

    decision = decide_ours(change(event, "detail-type", detail_type))

    assert isinstance(decision, Invalid)
    assert decision.field == "detail.LifecycleTransition"
    assert f"detail-type is {detail_type!r}" in decision.reason


def test_every_problem_is_reported_and_the_action_named() -> None:
    event = change(change(EVENT, "detail.LifecycleActionToken", "short"), "detail.LifecycleTransition", 3)

    decision = decide_ours(event)

    assert isinstance(decision, Invalid)
    assert "detail.LifecycleActionToken: " in decision.reason
    assert "; detail.LifecycleTransition: " in decision.reason
    assert decision.reason.endswith(
        "(group 'web', hook 'asg-lifecycle-terminate', instance 'i-1234567890abcdef0')",
    )


def test_a_wrong_value_is_shortened() -> None:
    decision = decide_ours(change(EVENT, "detail.LifecycleTransition", "x" * 100_000))

    assert isinstance(decision, Invalid)
    assert "of 100000 characters" in decision.reason
    assert len(decision.reason) < 1000


def test_a_number_too_large_to_print_is_not_printed() -> None:
    decision = decide_ours(change(EVENT, "time", 10**5000))

    assert isinstance(decision, Invalid)
    assert "a very large number" in decision.reason


@pytest.mark.parametrize("payload", [{}, [], None, True, 5, 1.5, "text", [EVENT], {"name": 1}])
def test_a_payload_of_no_known_kind_is_broken_as_a_whole(payload: object) -> None:
    decision = decide_ours(payload)

    assert isinstance(decision, Invalid)
    assert decision.field is None
    assert "expected an EventBridge event" in decision.reason


IGNORED: list[tuple[str, object, str]] = [
    ("source", "aws.ec2", "'aws.ec2'"),
    ("source", "asg-lifecycle.test", "'aws.autoscaling'"),
    ("detail-type", "EC2 Instance Terminate Successful", "'EC2 Instance Terminate Successful'"),
    ("detail.LifecycleHookName", "drain", "our prefix 'asg-lifecycle'"),
    ("detail.LifecycleHookName", "ecs-managed-draining-termination-hook", "Amazon ECS"),
]


@pytest.mark.parametrize(("path", "value", "words"), IGNORED)
def test_what_is_not_for_us_is_ignored_with_the_reason(path: str, value: object, words: str) -> None:
    decision = decide_ours(change(EVENT, path, value))

    assert isinstance(decision, Ignore)
    assert words in decision.reason


def test_an_action_under_a_foreign_hook_is_ignored_however_broken_it_is() -> None:
    event = change(change(EVENT, "detail.LifecycleHookName", "theirs"), "detail.LifecycleActionToken", NOT_FOUND)

    assert isinstance(decide_ours(event), Ignore)


def test_an_empty_prefix_means_every_hook_but_the_known_ones_of_other_systems() -> None:
    theirs = change(EVENT, "detail.LifecycleHookName", "drain")
    known = change(EVENT, "detail.LifecycleHookName", "Terminate-LC-Hook")

    assert isinstance(decide(theirs, hook_name_prefix=""), Handle)
    assert isinstance(decide(known, hook_name_prefix=""), Ignore)


def test_r20_the_test_notification_is_ignored() -> None:
    decision = decide_ours(json.loads((EVENTS / "test-notification.json").read_text()))

    assert isinstance(decision, Ignore)
    assert "autoscaling:TEST_NOTIFICATION" in decision.reason


def test_another_notification_of_auto_scaling_is_ignored() -> None:
    decision = decide_ours({"Service": "AWS Auto Scaling", "Event": "autoscaling:EC2_INSTANCE_TERMINATE"})

    assert isinstance(decision, Ignore)
    assert "autoscaling:EC2_INSTANCE_TERMINATE" in decision.reason


@pytest.mark.parametrize("field", ["detail-type", "detail", "source"])
def test_one_field_of_an_event_is_enough_to_ask_for_the_others(field: str) -> None:
    decision = decide_ours({field: EVENT[field]})

    assert isinstance(decision, Invalid)
    assert decision.field in {"detail-type", "detail", "source"} - {field}


@pytest.mark.parametrize("start", [{"reason": "a\ud800"}, {"a\ud800": 1}], ids=["a value", "a field"])
def test_a_start_with_half_a_surrogate_pair_is_told_in_words_that_a_log_can_hold(start: dict[str, object]) -> None:
    decision = decide({"source": SOURCE, "start": start}, hook_name_prefix="", with_starts=True)

    assert isinstance(decision, Invalid)
    assert "\\ud800" in decision.reason
    assert decision.reason.encode()
