"""The notification door: hooks with an SQS queue or an SNS topic as their target."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from handlers.notification import handler_of

if TYPE_CHECKING:
    from tests.intake.conftest import Town

ROLE = "arn:aws:iam::123456789012:role/notify"


def notified(town: Town, target: str) -> str:
    town.deployment.open_queues()
    arn = town.deployment.topic if target == "topic" else town.deployment.queue_arn("notification")
    (instance,) = town.group(NotificationTargetARN=arn, RoleARN=ROLE)
    return instance


def dead_letters(town: Town) -> list[dict[str, Any]]:
    with town.region.unobserved():
        sqs = town.region.client("sqs")
        answer = sqs.receive_message(QueueUrl=town.deployment.queues["notification-dead"], MaxNumberOfMessages=10)
    return list(answer.get("Messages", []))


@pytest.mark.parametrize("target", ["queue", "topic"])
def test_a_hook_that_notifies_is_answered_without_the_rule(town: Town, target: str) -> None:
    instance = notified(town, target)
    town.lose_events()
    town.region.terminate(instance)
    town.run(300)

    assert town.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert town.outcomes() == ["completed"]
    assert town.record(instance).token is not None
    assert dead_letters(town) == []


@pytest.mark.parametrize("target", ["queue", "topic"])
def test_both_doors_wired_at_once_do_the_work_once(town: Town, target: str) -> None:
    instance = notified(town, target)
    town.region.terminate(instance)
    town.run(300)

    assert sorted(town.outcomes()) == ["completed", "duplicate"]
    assert len(town.run_command.runs(instance)) == 1


def test_a_message_that_comes_twice_starts_once(town: Town) -> None:
    instance = notified(town, "queue")
    town.lose_events()
    # The function is started and the answer is lost: the message comes again.
    town.region.faults.lose_response("lambda", "Invoke", times=2)
    town.region.terminate(instance)
    town.run(900)

    assert town.outcomes() == ["completed"]
    assert len(town.run_command.runs(instance)) == 1


def test_a_message_that_cannot_be_handed_on_comes_again(town: Town) -> None:
    instance = notified(town, "queue")
    town.lose_events()
    town.region.faults.lose_request("lambda", "Invoke", times=2)
    town.region.terminate(instance)
    town.run(100)
    assert town.outcomes() == []
    town.run(300)

    assert town.outcomes() == ["completed"]


def test_what_cannot_be_understood_becomes_a_dead_letter(town: Town) -> None:
    instance = notified(town, "queue")
    town.lose_events()
    with town.region.unobserved():
        town.region.client("sqs").send_message(QueueUrl=town.deployment.queues["notification"], MessageBody="{broken")
    town.region.terminate(instance)
    town.run(1500)

    assert [message["Body"] for message in dead_letters(town)] == ["{broken"]
    assert town.outcomes() == ["completed"]


def test_only_what_failed_is_reported(town: Town) -> None:
    town.deployment.open_queues()
    bodies = {"whole": json.dumps({"Event": "autoscaling:TEST_NOTIFICATION"}), "broken": "{}", "text": "hello"}
    records = [{"messageId": name, "body": body} for name, body in bodies.items()]
    handle = handler_of(lambda: town.deployment.intake)

    assert handle({"Records": records}, None) == {
        "batchItemFailures": [{"itemIdentifier": "broken"}, {"itemIdentifier": "text"}]
    }
