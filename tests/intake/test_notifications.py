"""Hooks with an SQS queue, an SNS topic or the function itself as their target (R19)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from handlers import notification

if TYPE_CHECKING:
    from tests.intake.conftest import IntakeTestbed

ROLE = "arn:aws:iam::123456789012:role/notify"


def notified(testbed: IntakeTestbed, target: str) -> str:
    testbed.deployment.open_queues(testbed.autoscaling)
    if target == "function":
        (instance,) = testbed.group(NotificationTargetARN=testbed.deployment.service.alias_arn)
        return instance
    arn = testbed.deployment.topic if target == "topic" else testbed.deployment.queue_arn("notification")
    (instance,) = testbed.group(NotificationTargetARN=arn, RoleARN=ROLE)
    return instance


def dead_letters(testbed: IntakeTestbed) -> list[dict[str, Any]]:
    with testbed.region.unobserved():
        sqs = testbed.region.client("sqs")
        answer = sqs.receive_message(QueueUrl=testbed.deployment.queues["notification-dead"], MaxNumberOfMessages=10)
    return list(answer.get("Messages", []))


@pytest.mark.parametrize("target", ["queue", "topic", "function"])
def test_a_hook_that_notifies_is_answered_without_the_rule(testbed: IntakeTestbed, target: str) -> None:
    instance = notified(testbed, target)
    testbed.lose_events()
    testbed.autoscaling.terminate(instance)
    testbed.run(300)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert [outcome for outcome in testbed.outcomes() if outcome != "ignored"] == ["completed"]
    assert testbed.record(instance).token is not None
    assert dead_letters(testbed) == []


@pytest.mark.parametrize("target", ["queue", "topic", "function"])
def test_an_event_and_a_notification_of_one_action_do_the_work_once(testbed: IntakeTestbed, target: str) -> None:
    instance = notified(testbed, target)
    testbed.autoscaling.terminate(instance)
    testbed.run(300)

    # The test message that putting a hook sends is ignored.
    assert sorted(outcome for outcome in testbed.outcomes() if outcome != "ignored") == ["completed", "duplicate"]
    assert len(testbed.run_command.runs(instance)) == 1


def test_the_test_message_of_a_hook_that_notifies_the_function_is_ignored(testbed: IntakeTestbed) -> None:
    notified(testbed, "function")
    testbed.run(60)

    assert testbed.outcomes() == ["ignored"]


@pytest.mark.parametrize("hook", ["somebody-elses", "ecs-managed-draining-termination-hook"])
def test_the_hook_of_somebody_else_that_notifies_the_function_is_left_alone(testbed: IntakeTestbed, hook: str) -> None:
    (instance,) = testbed.autoscaling.create_group("web", capacity=1)
    alias = testbed.deployment.service.alias_arn
    testbed.autoscaling.put_hook("web", hook, "TERMINATING", HeartbeatTimeout=900, NotificationTargetARN=alias)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)

    assert set(testbed.outcomes()) == {"ignored"}
    assert testbed.completions() == []


def test_a_message_that_comes_twice_starts_once(testbed: IntakeTestbed) -> None:
    instance = notified(testbed, "queue")
    testbed.lose_events()
    # The function is started and the answer is lost: the message comes again.
    testbed.region.faults.lose_response("lambda", "Invoke", times=2)
    testbed.autoscaling.terminate(instance)
    testbed.run(900)

    assert testbed.outcomes() == ["completed"]
    assert len(testbed.run_command.runs(instance)) == 1


def test_a_message_whose_start_fails_is_delivered_again(testbed: IntakeTestbed) -> None:
    instance = notified(testbed, "queue")
    testbed.lose_events()
    testbed.region.faults.lose_request("lambda", "Invoke", times=2)
    testbed.autoscaling.terminate(instance)
    testbed.run(100)
    assert testbed.outcomes() == []
    testbed.run(300)

    assert testbed.outcomes() == ["completed"]


def test_what_cannot_be_understood_becomes_a_dead_letter(testbed: IntakeTestbed) -> None:
    instance = notified(testbed, "queue")
    testbed.lose_events()
    with testbed.region.unobserved():
        testbed.region.client("sqs").send_message(
            QueueUrl=testbed.deployment.queues["notification"], MessageBody="{broken"
        )
    testbed.autoscaling.terminate(instance)
    testbed.run(1500)

    assert [message["Body"] for message in dead_letters(testbed)] == ["{broken"]
    assert testbed.outcomes() == ["completed"]


def test_what_is_ignored_is_logged_with_the_reason(testbed: IntakeTestbed, caplog: pytest.LogCaptureFixture) -> None:
    testbed.deployment.open_queues(testbed.autoscaling)
    record = {"messageId": "m-1", "body": json.dumps({"Event": "autoscaling:TEST_NOTIFICATION"})}
    assert notification.handle({"Records": [record]}, testbed.deployment.intake) == {"batchItemFailures": []}
    (said,) = [each.getMessage() for each in caplog.records if "ignored" in each.getMessage()]
    assert said.startswith("message m-1 ignored: ")
    assert len(said) > len("message m-1 ignored: ")


def test_only_what_failed_is_reported(testbed: IntakeTestbed) -> None:
    testbed.deployment.open_queues(testbed.autoscaling)
    bodies = {"whole": json.dumps({"Event": "autoscaling:TEST_NOTIFICATION"}), "broken": "{}", "text": "hello"}
    records = [{"messageId": name, "body": body} for name, body in bodies.items()]

    assert notification.handle({"Records": records}, testbed.deployment.intake) == {
        "batchItemFailures": [{"itemIdentifier": "broken"}, {"itemIdentifier": "text"}]
    }


def test_a_record_without_an_id_is_handled_and_one_that_is_broken_fails_its_batch(testbed: IntakeTestbed) -> None:
    testbed.deployment.open_queues(testbed.autoscaling)
    whole = {"body": json.dumps({"Event": "autoscaling:TEST_NOTIFICATION"})}
    assert notification.handle({"Records": [whole]}, testbed.deployment.intake) == {"batchItemFailures": []}
    # Lambda takes an empty id for the failure of the whole batch.
    assert notification.handle({"Records": [whole, {"body": "{}"}]}, testbed.deployment.intake) == {
        "batchItemFailures": [{"itemIdentifier": ""}]
    }
