"""R2, R4 to R9, R11 to R13: how long a wait lasts and what ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from tests.simulator.conftest import AutoScalingTestbed

GROUP = "web"
DRAIN = {"AutoScalingGroupName": GROUP, "LifecycleHookName": "drain"}
TRANSITIONS = [pytest.param("LAUNCHING", id="launch"), pytest.param("TERMINATING", id="terminate")]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_r2_every_hook_of_the_transition_gets_its_own_action(
    auto_scaling: AutoScalingTestbed,
) -> None:
    instance = auto_scaling.group()[0]
    auto_scaling.hook("other", "LAUNCHING")
    auto_scaling.hook("one")
    auto_scaling.hook("two")
    auto_scaling.service.terminate(instance)
    auto_scaling.timeline.run_for(1)
    details = [event["detail"] for event in auto_scaling.events]
    assert sorted(detail["LifecycleHookName"] for detail in details) == ["one", "two"]
    tokens = {detail["LifecycleActionToken"] for detail in details}
    assert len(tokens) == 2
    assert {len(token) for token in tokens} == {36}


def test_r2_instance_leaves_the_wait_when_the_last_action_is_complete(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held("one", "two")
    auto_scaling.complete(instance, hook="one")
    auto_scaling.timeline.run_for(5)
    assert auto_scaling.state(instance) == "Terminating:Wait"
    auto_scaling.complete(instance, hook="two")
    assert auto_scaling.state(instance) == "Terminating:Proceed"


@pytest.mark.parametrize(("heartbeat", "lasts"), [(30, 3_000), (60, 6_000), (1_728, 172_800), (7_200, 172_800)])
def test_r4_heartbeats_never_move_the_global_timeout(
    auto_scaling: AutoScalingTestbed, heartbeat: int, lasts: int
) -> None:
    instance = auto_scaling.held(heartbeat=heartbeat)
    hooks = auto_scaling.client.describe_lifecycle_hooks(AutoScalingGroupName=GROUP)["LifecycleHooks"]
    assert hooks[0]["GlobalTimeout"] == lasts
    while auto_scaling.elapsed + heartbeat - 1 < lasts:
        auto_scaling.timeline.run_for(heartbeat - 1)
        auto_scaling.beat(instance)
    auto_scaling.timeline.run_until(auto_scaling.started + lasts - 0.001)
    assert auto_scaling.state(instance) == "Terminating:Wait"
    auto_scaling.timeline.run_for(0.001)
    assert [entry.detail for entry in auto_scaling.ends(instance)] == ["ABANDON global timeout"]


def test_r5_heartbeat_restarts_the_timer_from_now(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held(heartbeat=60)
    for _ in range(3):  # three beats at once add nothing
        auto_scaling.beat(instance)
    auto_scaling.timeline.run_for(50)
    auto_scaling.beat(instance)
    auto_scaling.timeline.run_until(auto_scaling.started + 109.9)
    assert auto_scaling.state(instance) == "Terminating:Wait"
    auto_scaling.timeline.run_for(0.1)
    assert [(entry.time, entry.detail) for entry in auto_scaling.ends(instance)] == [
        (auto_scaling.started + 110, "ABANDON heartbeat timeout")
    ]


@pytest.mark.parametrize("default", ["CONTINUE", "ABANDON", None])
@pytest.mark.parametrize("transition", TRANSITIONS)
def test_r6_timeout_applies_the_default_result(
    auto_scaling: AutoScalingTestbed, transition: str, default: str | None
) -> None:
    fields: dict[str, Any] = {} if default is None else {"DefaultResult": default}
    instance = auto_scaling.held(transition=transition, **fields)
    auto_scaling.timeline.run_for(60)
    assert [entry.detail for entry in auto_scaling.ends(instance)] == [f"{default or 'ABANDON'} heartbeat timeout"]
    auto_scaling.timeline.run_for(1)
    stays = transition == "LAUNCHING" and default == "CONTINUE"
    assert auto_scaling.state(instance) == ("InService" if stays else None)


def test_r8_launch_continue_goes_on_to_the_next_hook_and_then_into_service(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held("one", "two", transition="LAUNCHING")
    auto_scaling.complete(instance, hook="two")
    assert auto_scaling.state(instance) == "Pending:Wait"
    auto_scaling.complete(instance, hook="one")
    auto_scaling.timeline.run_for(1)
    assert auto_scaling.states(instance) == ["Pending", "Pending:Wait", "Pending:Proceed", "InService"]


def test_r8_launch_abandon_terminates_replaces_and_skips_the_rest(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held("one", "two", transition="LAUNCHING")
    auto_scaling.complete(instance, "ABANDON", hook="one")
    auto_scaling.timeline.run_for(1)
    assert [(entry.kind, entry.hook) for entry in auto_scaling.ends(instance)] == [
        (LogKind.COMPLETED, "one"),
        (LogKind.SKIPPED, "two"),
    ]
    assert auto_scaling.ec2_state(instance) == "terminated"
    (replacement,) = auto_scaling.service.instances(GROUP)
    assert replacement != instance
    assert auto_scaling.state(replacement) == "Pending:Wait"


def test_r9_terminate_continue_waits_for_the_others_then_terminates(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held("one", "two")
    auto_scaling.complete(instance, hook="one")
    auto_scaling.timeline.run_for(10)
    assert auto_scaling.ec2_state(instance) == "running"
    auto_scaling.complete(instance, hook="two")
    auto_scaling.timeline.run_for(1)
    assert auto_scaling.ec2_state(instance) == "terminated"
    assert auto_scaling.states(instance)[2:] == ["Terminating", "Terminating:Wait", "Terminating:Proceed", "Terminated"]


def test_r9_terminate_abandon_skips_the_rest_then_terminates(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held("one", "two")
    auto_scaling.complete(instance, "ABANDON", hook="two")
    auto_scaling.timeline.run_for(1)
    assert auto_scaling.ec2_state(instance) == "terminated"
    with pytest.raises(ClientError, match="No active Lifecycle Action"):
        auto_scaling.complete(instance, hook="one")


@pytest.mark.parametrize("by", ["token", "instance", "both"])
def test_r11_by_token_or_instance_or_both(auto_scaling: AutoScalingTestbed, by: str) -> None:
    instance = auto_scaling.held()
    which = {"LifecycleActionToken": auto_scaling.token(instance), "InstanceId": instance}
    if by != "both":
        which.pop("InstanceId" if by == "token" else "LifecycleActionToken")
    auto_scaling.client.record_lifecycle_action_heartbeat(**DRAIN, **which)
    auto_scaling.client.complete_lifecycle_action(**DRAIN, **which, LifecycleActionResult="CONTINUE")
    assert auto_scaling.state(instance) == "Terminating:Proceed"


def test_r11_by_instance_a_later_wait_of_the_same_hook_is_hit(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.group(0, max_size=1)
    auto_scaling.hook("drain", "LAUNCHING")
    auto_scaling.client.put_warm_pool(AutoScalingGroupName=GROUP)
    (instance,) = auto_scaling.service.instances(GROUP)
    first = auto_scaling.token(instance)
    auto_scaling.complete(instance)
    auto_scaling.timeline.run_for(1)
    auto_scaling.service.scale(GROUP, 1)
    assert auto_scaling.state(instance) == "Pending:Wait"
    with pytest.raises(ClientError, match=f"token {first}"):
        auto_scaling.client.record_lifecycle_action_heartbeat(**DRAIN, LifecycleActionToken=first)
    auto_scaling.client.record_lifecycle_action_heartbeat(**DRAIN, InstanceId=instance)


@pytest.mark.parametrize("operation", ["record_lifecycle_action_heartbeat", "complete_lifecycle_action"])
@pytest.mark.parametrize(
    ("which", "subject"),
    [
        ({"LifecycleActionToken": "t" * 36}, f"token {'t' * 36}"),
        ({"InstanceId": "i-12345678"}, "instance ID i-12345678"),
    ],
    ids=["token", "instance"],
)
def test_r12_unknown_action(
    auto_scaling: AutoScalingTestbed, operation: str, which: dict[str, str], subject: str
) -> None:
    auto_scaling.held()
    more = {"LifecycleActionResult": "CONTINUE"} if operation == "complete_lifecycle_action" else {}
    with pytest.raises(ClientError) as error:
        getattr(auto_scaling.client, operation)(**DRAIN, **which, **more)
    assert refusal(error) == (400, "ValidationError", f"No active Lifecycle Action found with {subject}")


@pytest.mark.parametrize("wrong", [{"LifecycleHookName": "other"}, {"AutoScalingGroupName": "other"}])
def test_r12_a_token_is_good_for_its_own_group_and_hook_only(
    auto_scaling: AutoScalingTestbed, wrong: dict[str, str]
) -> None:
    instance = auto_scaling.held()
    with pytest.raises(ClientError, match="No active Lifecycle Action"):
        auto_scaling.client.record_lifecycle_action_heartbeat(
            **{**DRAIN, **wrong}, LifecycleActionToken=auto_scaling.token(instance)
        )


def test_r12_finished_action_by_completion_and_by_timeout(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held()
    auto_scaling.complete(instance)
    with pytest.raises(ClientError) as error:
        auto_scaling.complete(instance)
    message = f"No active Lifecycle Action found with token {auto_scaling.token(instance)}"
    assert refusal(error) == (400, "ValidationError", message)
    kinds = [entry.kind for entry in auto_scaling.region.log.of(token=auto_scaling.token(instance))]
    assert kinds == [LogKind.WAIT_STARTED, LogKind.EVENT, LogKind.COMPLETED, LogKind.COMPLETION_REFUSED]


def test_r13_not_yet_while_the_state_already_reads_wait(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.service.timings.not_yet = 5
    instance = auto_scaling.held()
    assert auto_scaling.state(instance) == "Terminating:Wait"
    for call in (auto_scaling.beat, auto_scaling.complete):
        with pytest.raises(ClientError) as error:
            call(instance)
        assert refusal(error)[1] == "ValidationError"
    auto_scaling.timeline.run_for(4.9)
    with pytest.raises(ClientError, match="No active Lifecycle Action"):
        auto_scaling.beat(instance)
    auto_scaling.timeline.run_for(0.1)
    auto_scaling.beat(instance)
    auto_scaling.complete(instance)
    assert auto_scaling.state(instance) == "Terminating:Proceed"


def test_r7_a_result_is_continue_or_abandon(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held()
    with pytest.raises(ClientError) as error:
        auto_scaling.complete(instance, "PROCEED")
    assert refusal(error)[:2] == (400, "ValidationError")
    assert auto_scaling.state(instance) == "Terminating:Wait"
