"""The handler against a simulated Region, and handlers with the mistakes that are made most."""

import boto3
import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.testing import LifecycleRegion

GROUP, HOOK, HEARTBEAT = "web", "drain", 60


@pytest.fixture
def instance(lifecycle_region: LifecycleRegion) -> str:
    """An instance in service, in a group with a terminate hook."""
    (instance,) = lifecycle_region.create_group(GROUP, capacity=1)
    lifecycle_region.put_hook(GROUP, HOOK, transition="TERMINATING", heartbeat_timeout=HEARTBEAT)
    return instance


def action_in(event, **changed):
    """What names the action of an event in a call to Auto Scaling."""
    fields = ("AutoScalingGroupName", "LifecycleHookName", "LifecycleActionToken")
    return {field: event["detail"][field] for field in fields} | changed


def test_the_handler_lets_the_instance_go(lifecycle_region, instance):
    lifecycle_region.deploy("handler.lambda_handler")
    lifecycle_region.terminate(instance)
    assert lifecycle_region.state(instance) == "Terminating:Wait"
    lifecycle_region.run(10)
    action = lifecycle_region.action(instance)
    assert (action.result, action.ended_by) == ("CONTINUE", "CompleteLifecycleAction")
    assert len(action.heartbeats) == 1
    assert lifecycle_region.state(instance) is None
    assert [each.result for each in lifecycle_region.invocations] == [{"released": instance}]


def test_the_handler_leaves_other_hooks_alone(lifecycle_region, instance):
    lifecycle_region.put_hook(GROUP, "somebody-elses", transition="TERMINATING", heartbeat_timeout=600)
    lifecycle_region.deploy("handler.lambda_handler")
    lifecycle_region.terminate(instance)
    lifecycle_region.run(HEARTBEAT)
    assert lifecycle_region.action(instance, HOOK).ended_by == "CompleteLifecycleAction"
    assert lifecycle_region.action(instance, "somebody-elses").ended is None
    assert lifecycle_region.state(instance) == "Terminating:Wait"


def test_an_event_that_arrives_twice_is_refused_the_second_time(lifecycle_region, instance):
    """EventBridge delivers at least once (R18). Here is what a handler has to bear (R12)."""
    lifecycle_region.deliver_events(1, 2)
    lifecycle_region.deploy("handler.lambda_handler")
    lifecycle_region.terminate(instance)
    lifecycle_region.run(10)
    first, second = lifecycle_region.invocations
    assert first.error is None
    assert "No active Lifecycle Action found with token" in str(second.error)
    assert lifecycle_region.action(instance).result == "CONTINUE"


def test_an_event_that_is_lost_leaves_the_instance_to_the_heartbeat_timeout(lifecycle_region, instance):
    lifecycle_region.deliver_events()
    lifecycle_region.deploy("handler.lambda_handler")
    lifecycle_region.terminate(instance)
    lifecycle_region.run(HEARTBEAT)
    assert lifecycle_region.action(instance).ended_by == "heartbeat timeout"


def test_one_that_forgets_to_complete(lifecycle_region, instance):
    def forgets(event, context):
        boto3.client("autoscaling").record_lifecycle_action_heartbeat(**action_in(event))

    lifecycle_region.deploy(forgets)
    lifecycle_region.terminate(instance)
    lifecycle_region.run(HEARTBEAT + 1 - 0.1)
    assert lifecycle_region.state(instance) == "Terminating:Wait"
    lifecycle_region.run(0.1)
    action = lifecycle_region.action(instance)
    # A heartbeat restarts the timer from now (R5): one second went by before the event arrived.
    assert (action.ended_by, action.result, action.waited) == ("heartbeat timeout", "ABANDON", HEARTBEAT + 1)


def test_one_that_beats_for_ever(lifecycle_region, instance):
    def beats(event, context):
        boto3.client("autoscaling").record_lifecycle_action_heartbeat(**action_in(event))
        lifecycle_region.call_after(HEARTBEAT / 2, lambda: beats(event, context))

    lifecycle_region.deploy(beats)
    lifecycle_region.terminate(instance)
    # The last heartbeat comes too late, and nobody catches its error.
    with pytest.raises(ClientError, match="No active Lifecycle Action found"):
        lifecycle_region.run(200 * HEARTBEAT)
    action = lifecycle_region.action(instance)
    assert (action.ended_by, action.waited) == ("global timeout", 100 * HEARTBEAT)  # R4


def test_one_that_completes_twice(lifecycle_region, instance):
    def completes_twice(event, context):
        for _ in range(2):
            boto3.client("autoscaling").complete_lifecycle_action(**action_in(event), LifecycleActionResult="CONTINUE")

    lifecycle_region.deploy(completes_twice)
    lifecycle_region.terminate(instance)
    lifecycle_region.run(300)
    # The first call let the instance go. The second failed, so Lambda ran the handler twice more (R12).
    assert lifecycle_region.action(instance).result == "CONTINUE"
    assert [each.attempt for each in lifecycle_region.invocations] == [1, 2, 3]
    assert all("No active Lifecycle Action found" in str(each.error) for each in lifecycle_region.invocations)
    assert [each.operation for each in lifecycle_region.refused] == ["CompleteLifecycleAction"] * 3


def test_one_that_completes_hooks_that_are_not_its_own(lifecycle_region, instance):
    def completes_everything(event, context):
        boto3.client("autoscaling").complete_lifecycle_action(**action_in(event), LifecycleActionResult="ABANDON")

    lifecycle_region.put_hook(GROUP, "somebody-elses", transition="TERMINATING", heartbeat_timeout=600)
    lifecycle_region.deploy(completes_everything)
    lifecycle_region.terminate(instance)
    lifecycle_region.run(10)
    # Auto Scaling does not ask whose hook it is: the other system never got to drain (R9).
    ends = {each.hook: each.ended_by for each in lifecycle_region.actions}
    assert ends == {HOOK: "CompleteLifecycleAction", "somebody-elses": "skipped"}
    assert lifecycle_region.state(instance) is None


def test_one_that_takes_the_token_of_another_hook_for_its_own(lifecycle_region, instance):
    def mixes_up(event, context):
        boto3.client("autoscaling").complete_lifecycle_action(
            **action_in(event, LifecycleHookName=HOOK), LifecycleActionResult="CONTINUE"
        )

    lifecycle_region.put_hook(GROUP, "somebody-elses", transition="TERMINATING", heartbeat_timeout=600)
    lifecycle_region.deploy(mixes_up, pattern={"detail": {"LifecycleHookName": ["somebody-elses"]}})
    lifecycle_region.terminate(instance)
    lifecycle_region.run(10)
    (refused,) = lifecycle_region.refused
    # A token is good for its own hook alone (R12).
    assert (refused.hook, refused.token) == (HOOK, lifecycle_region.action(instance, "somebody-elses").token)
    assert all(each.ended is None for each in lifecycle_region.actions)
