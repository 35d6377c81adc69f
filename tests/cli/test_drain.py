"""`drain`: instances of a group go one after the other, in the simulated region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.action_commands import COMMAND, HOOK, MISSPELT, SIGNAL, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

TERMINATE = ("autoscaling", "TerminateInstanceInAutoScalingGroup")


def fleet(
    testbed: Testbed[Deployment], *steps: Any, count: int = 3, duration: float = 120, least: int = 0, **plan: Any
) -> list[str]:
    """Make the group `web`, whose plan runs a command unless it has other steps."""
    instances = testbed.autoscaling.create_group("web", capacity=count)
    metadata = json.dumps({"plan": {"steps": list(steps or (COMMAND,)), **plan}})
    testbed.autoscaling.put_hook("web", HOOK, "TERMINATING", HeartbeatTimeout=900, NotificationMetadata=metadata)
    testbed.run_command.behave(Behaviour(duration=duration))
    for instance in instances:
        testbed.run_command.manage(instance)
    if least:
        change(testbed, "update_auto_scaling_group", MinSize=least)
    return instances


def change(testbed: Testbed[Deployment], operation: str, **fields: Any) -> Any:
    with testbed.region.unobserved():
        return getattr(testbed.region.client("autoscaling"), operation)(AutoScalingGroupName="web", **fields)


def drain(*words: str) -> Result:
    return run("drain", "--group", "web", "--yes", *words)


def named(instances: list[str]) -> list[str]:
    return [word for instance in instances for word in ("--instance", instance)]


def most_terminating(testbed: Testbed[Deployment]) -> int:
    """Return how many instances terminated at the same time, at most."""
    most, now = 0, set()
    for entry in testbed.region.log.of(LogKind.INSTANCE_STATE):
        if entry.detail == "Terminating":
            now.add(entry.instance)
        elif entry.detail == "Terminated":
            now.discard(entry.instance)
        most = max(most, len(now))
    return most


def describe(testbed: Testbed[Deployment]) -> dict[str, Any]:
    with testbed.region.unobserved():
        groups = testbed.region.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["web"])
    (group,) = groups["AutoScalingGroups"]
    return dict(group)


def interrupted_after(testbed: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Press Ctrl-C at the first pause after so many seconds."""
    until, run_for = testbed.timeline.now() + seconds, testbed.timeline.run_for

    def pause(length: float) -> None:
        if testbed.timeline.now() >= until:
            raise KeyboardInterrupt
        run_for(length)

    from asg_lifecycle.composition import action_tools  # noqa: PLC0415 - the fixture has put time into it

    compose = action_tools.compose_action_tools
    monkeypatch.setattr(action_tools, "compose_action_tools", lambda table: compose(table, pause=pause))


def test_one_goes_after_the_other_and_each_is_replaced(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack)
    done = drain("--all", "--keep-capacity", "--reason", "new kernel")

    assert done.exit_code == 0, done.output
    assert "3 to terminate through Auto Scaling, at most 1 at a time; each is replaced" in done.stdout
    assert "reason: new kernel" in done.stdout
    assert f"{instances[0]}: completed with CONTINUE, and gone (1 of 3)" in done.stdout
    assert done.stdout.endswith("group web: 3 drained\n")
    assert stack.completions() == ["CONTINUE CompleteLifecycleAction"] * 3
    assert most_terminating(stack) == 1
    after = describe(stack)
    assert (after["DesiredCapacity"], len(after["Instances"])) == (3, 3)
    assert not {each["InstanceId"] for each in after["Instances"]} & set(instances)


def test_a_group_shrinks(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack)
    done = drain(*named(instances[:2]), "--shrink", "--at-most", "2")
    assert done.exit_code == 0, done.output
    assert "the desired capacity goes from 3 to 1" in done.stdout
    assert most_terminating(stack) == 2
    assert stack.autoscaling.instances("web") == [instances[2]]
    assert describe(stack)["DesiredCapacity"] == 1


def test_the_next_waits_until_the_replacement_is_in_service(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack, count=2, duration=10)
    stack.autoscaling.put_hook("web", "others-launch", "LAUNCHING", HeartbeatTimeout=300, DefaultResult="CONTINUE")
    done = drain("--all", "--keep-capacity")
    assert done.exit_code == 0, done.output
    assert "1 of 2 instances of group web in service and healthy" in done.stdout
    began = {
        entry.instance: entry.time
        for entry in stack.region.log.of(LogKind.INSTANCE_STATE)
        if entry.detail == "Terminating"
    }
    assert began[instances[1]] - began[instances[0]] >= 300


def test_a_replacement_that_never_comes_is_not_waited_for_for_ever(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack, count=2, duration=10)
    stack.autoscaling.launches("web", possible=False)
    done = drain("--all", "--keep-capacity", "--replaced-within", "10m")
    assert done.exit_code == 1
    assert "no replacement came within 10m: 1 of 2 instances of group web" in done.stderr
    assert f"not begun: {instances[1]}" in done.stderr
    assert stack.autoscaling.instance_state(instances[1]) == "InService"


def test_capacity_that_somebody_lowers_meanwhile_is_said_and_not_waited_for(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack, duration=600)
    stack.autoscaling.launches("web", possible=False)
    stack.timeline.call_after(300, lambda: stack.autoscaling.scale("web", 2))
    done = drain("--instance", instances[0], "--keep-capacity")
    assert done.exit_code == 0, done.output
    assert "the desired capacity of group web is 2, not 3: somebody else changed it" in done.stdout


@pytest.mark.parametrize(
    ("steps", "plan", "why"),
    [
        ((MISSPELT,), {}, "held under hook asg-lifecycle-terminate"),
        ((SIGNAL,), {"timeout": "2m", "on_timeout": "abandon"}, "abandoned under hook asg-lifecycle-terminate"),
        ((COMMAND | {"on_failure": "continue"},), {}, "step run-command failed"),
    ],
)
def test_a_drain_that_does_not_go_well_stops_it(
    stack: Testbed[Deployment], steps: tuple[Any, ...], plan: dict[str, Any], why: str
) -> None:
    instances = fleet(stack, *steps, **plan)
    stack.run_command.behave(Behaviour(duration=5, exit_code=1))
    done = drain("--all", "--keep-capacity")
    assert done.exit_code == 1
    assert f"the drain of group web stopped: {instances[0]}: {why}" in done.stderr
    assert f"not begun: {instances[1]}, {instances[2]}" in done.stderr
    assert [stack.autoscaling.instance_state(each) for each in instances[1:]] == ["InService"] * 2


def test_it_is_interrupted_and_goes_on(stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    instances = fleet(stack)
    with monkeypatch.context() as patched:
        interrupted_after(stack, patched, 30)
        stopped = drain("--all", "--keep-capacity")
    assert stopped.exit_code == 130
    assert "the drain of group web stopped: interrupted" in stopped.stderr
    assert f"terminating already: {instances[0]}; see asg-lifecycle ps --group web" in stopped.stderr
    line = stopped.stderr.splitlines()[-1]
    assert line.startswith("to go on: asg-lifecycle drain --group web --keep-capacity --instance")
    words = line.removeprefix("to go on: asg-lifecycle ").split()
    again = run(*words, "--yes")

    assert again.exit_code == 0, again.output
    assert f"{instances[0]} (terminating already)" in again.stdout
    assert stack.completions() == ["CONTINUE CompleteLifecycleAction"] * 3
    assert most_terminating(stack) == 1
    assert stack.region.calls[TERMINATE] == 3
    assert len(stack.autoscaling.instances("web")) == 3
    once_more = run(*words, "--yes")
    assert once_more.exit_code == 0
    assert f"{instances[0]} is gone already" in once_more.stdout
    assert stack.region.calls[TERMINATE] == 3


def cancel_refresh(testbed: Testbed[Deployment]) -> None:
    change(testbed, "cancel_instance_refresh")


def test_an_instance_refresh_is_not_joined_unless_told(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack, count=2)
    for _ in range(5):
        change(stack, "start_instance_refresh")
        cancel_refresh(stack)
    change(stack, "start_instance_refresh")
    stack.region.page_size = 2
    refused = drain("--all", "--keep-capacity")
    assert refused.exit_code == 1
    assert "an instance refresh of group web is under way" in refused.stderr
    assert stack.region.calls[TERMINATE] == 0
    assert drain("--instance", instances[0], "--keep-capacity", "--during-instance-refresh").exit_code == 0
    cancel_refresh(stack)
    assert drain("--instance", instances[1], "--keep-capacity").exit_code == 0
    assert stack.region.calls["autoscaling", "DescribeInstanceRefreshes"] >= 4


def test_an_instance_refresh_that_begins_meanwhile_stops_it(stack: Testbed[Deployment]) -> None:
    fleet(stack, count=2)
    stack.timeline.call_after(60, lambda: change(stack, "start_instance_refresh"))
    done = drain("--all", "--keep-capacity")
    assert done.exit_code == 1
    assert "an instance refresh of group web is under way" in done.stderr
    assert stack.region.calls[TERMINATE] == 1


def protect(testbed: Testbed[Deployment], instance: str) -> None:
    change(testbed, "set_instance_protection", InstanceIds=[instance], ProtectedFromScaleIn=True)


def stand_by(testbed: Testbed[Deployment], instance: str) -> None:
    change(testbed, "enter_standby", InstanceIds=[instance], ShouldDecrementDesiredCapacity=True)


def suspend_launch(testbed: Testbed[Deployment], _: str) -> None:
    change(testbed, "suspend_processes", ScalingProcesses=["Launch"])


def suspend_terminate(testbed: Testbed[Deployment], _: str) -> None:
    change(testbed, "suspend_processes", ScalingProcesses=["Terminate"])


def detach(testbed: Testbed[Deployment], instance: str) -> None:
    change(testbed, "detach_instances", InstanceIds=[instance], ShouldDecrementDesiredCapacity=True)


def no_hook(testbed: Testbed[Deployment], _: str) -> None:
    change(testbed, "delete_lifecycle_hook", LifecycleHookName=HOOK)
    testbed.autoscaling.put_hook("web", "others", "TERMINATING")


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (protect, "is protected from scale-in, and Auto Scaling would terminate it all the same"),
        (stand_by, "is in Standby, outside the desired capacity"),
        (suspend_launch, "the process Launch of group web is suspended"),
        (suspend_terminate, "the process Terminate of group web is suspended"),
        (detach, "is not in group web"),
        (no_hook, "group web has no terminate hook of ours; there is others"),
    ],
)
def test_what_speaks_against_it_is_said_and_nothing_is_done(
    stack: Testbed[Deployment], arrange: Callable[[Testbed[Deployment], str], None], why: str
) -> None:
    instances = fleet(stack)
    arrange(stack, instances[0])
    refused = drain(*named(instances[:2]), "--keep-capacity")
    assert refused.exit_code == 1
    assert why in refused.stderr
    assert stack.region.calls[TERMINATE] == 0


def test_a_protected_instance_goes_when_that_is_said(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack)
    protect(stack, instances[0])
    assert drain("--all", "--keep-capacity").exit_code == 1
    assert drain("--instance", instances[0], "--keep-capacity", "--include-protected").exit_code == 0
    assert instances[0] not in stack.autoscaling.instances("web")


def test_with_all_an_instance_in_standby_is_left_out(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack, duration=5)
    stand_by(stack, instances[0])
    done = drain("--all", "--shrink", "--at-most", "2")
    assert done.exit_code == 0, done.output
    assert f"left out: {instances[0]} is in Standby" in done.stdout
    assert stack.autoscaling.instances("web") == [instances[0]]


def test_a_group_does_not_shrink_below_its_minimum(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack, least=2)
    refused = drain(*named(instances[:2]), "--shrink")
    assert refused.exit_code == 1
    assert "--shrink would take group web from 3 to 1 instances, and its minimum size is 2" in refused.stderr
    assert stack.region.calls[TERMINATE] == 0
    assert drain("--instance", instances[0], "--shrink").exit_code == 0


def test_a_minimum_that_is_raised_meanwhile_stops_it(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack)
    stack.timeline.call_after(60, lambda: change(stack, "update_auto_scaling_group", MinSize=2))
    done = drain("--all", "--shrink")
    assert done.exit_code == 1
    assert "group web has no more than its minimum size, 2" in done.stderr
    assert stack.autoscaling.instances("web") == instances[1:]


def test_lists_that_are_late_begin_nothing_twice_and_nothing_too_early(stack: Testbed[Deployment]) -> None:
    fleet(stack, duration=5)
    stack.autoscaling.timings.listing = 25.0
    done = drain("--all", "--keep-capacity")
    assert done.exit_code == 0, done.output
    assert most_terminating(stack) == 1
    assert stack.region.calls[TERMINATE] == 3
    assert len(stack.completions()) == 3


def test_throttling_waits_and_goes_on(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack, count=2, duration=5)
    stack.region.faults.throttle(*TERMINATE, times=2)
    stack.region.faults.contend(*TERMINATE)
    stack.timeline.call_after(1, lambda: stack.region.faults.throttle("dynamodb", "BatchGetItem", times=20))
    done = drain("--instance", instances[0], "--shrink")
    assert done.exit_code == 0, done.output
    assert "Auto Scaling is busy or throttles; told again" in done.stdout
    assert describe(stack)["DesiredCapacity"] == 1


def test_a_lost_answer_does_not_terminate_twice(stack: Testbed[Deployment]) -> None:
    fleet(stack, count=2, duration=5)
    stack.region.faults.lose_response(*TERMINATE)
    done = drain("--all", "--shrink")
    assert done.exit_code == 0, done.output
    assert "no answer came" in done.stdout
    assert stack.region.calls[TERMINATE] == 2
    assert stack.autoscaling.instances("web") == []


def test_a_lost_request_stops_it_after_a_while(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack, count=2)
    stack.region.faults.put(*TERMINATE, Fault(FaultKind.REQUEST_LOST))
    done = drain("--all", "--shrink")
    assert done.exit_code == 1
    assert f"{instances[0]}: Auto Scaling was told to terminate it" in done.stderr
    assert stack.region.calls[TERMINATE] == 1
    assert stack.autoscaling.instances("web") == instances


def test_a_permission_that_is_missing_is_said(stack: Testbed[Deployment]) -> None:
    instances = fleet(stack, count=2)
    stack.region.faults.deny(*TERMINATE)
    done = drain("--all", "--keep-capacity")
    assert done.exit_code == 1
    assert "permission autoscaling:TerminateInstanceInAutoScalingGroup is missing" in done.stderr
    assert f"not begun: {', '.join(instances)}" in done.stderr


def test_a_dry_run_and_nobody_to_ask_change_nothing(stack: Testbed[Deployment]) -> None:
    fleet(stack)
    dry = run("drain", "--group", "web", "--all", "--keep-capacity", "--dry-run")
    assert (dry.exit_code, dry.stdout.splitlines()[-1]) == (0, "dry run: nothing was done")
    alone = run("drain", "--group", "web", "--all", "--keep-capacity")
    assert (alone.exit_code, alone.stderr) == (2, "asg-lifecycle: nobody can be asked here: say --yes to drain\n")
    assert stack.region.calls[TERMINATE] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--all",),
        ("--all", "--keep-capacity", "--shrink"),
        ("--keep-capacity",),
        ("--all", "--instance", "i-0123456789abcdef0", "--shrink"),
        ("--instance", "web", "--shrink"),
        ("--all", "--shrink", "--at-most", "0"),
        ("--all", "--shrink", "--replaced-within", "soon"),
    ],
)
def test_wrong_usage(stack: Testbed[Deployment], words: tuple[str, ...]) -> None:
    fleet(stack)
    assert drain(*words).exit_code == 2


def test_a_group_that_does_not_exist(stack: Testbed[Deployment]) -> None:  # noqa: ARG001 - its region has no group
    refused = drain("--all", "--shrink")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "asg-lifecycle: there is no Auto Scaling group 'web' in this account and Region\n",
    )
