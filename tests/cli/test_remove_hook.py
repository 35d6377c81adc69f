"""Hooks of ours are removed where nothing waits at them, in the simulated region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from tests.cli.action_commands import HOOK, SIGNAL, run, waiting
from tests.cli.hook_commands import as_if_asked, hooks_of, tag_group

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

LAUNCH = "asg-lifecycle-launch"


def removed(testbed: Testbed[Deployment]) -> int:
    return testbed.region.calls["autoscaling", "DeleteLifecycleHook"]


def names_of(testbed: Testbed[Deployment], group: str = "web") -> list[str]:
    return [hook["LifecycleHookName"] for hook in hooks_of(testbed, group)]


@pytest.fixture
def web(stack: Testbed[Deployment]) -> Testbed[Deployment]:
    """Return a region with group `web`, which has a hook of ours and one of somebody else's."""
    stack.autoscaling.create_group("web")
    stack.autoscaling.put_hook("web", "drain", "TERMINATING")
    stack.autoscaling.put_hook("web", HOOK, "TERMINATING")
    return stack


def test_the_only_hook_of_ours_is_removed(web: Testbed[Deployment]) -> None:
    done = run("remove-hook", "--group", "web", "--yes")
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith("group web: hook asg-lifecycle-terminate is gone\n")
    assert names_of(web) == ["drain"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--name", "drain"], "hook 'drain' does not begin with our prefix 'asg-lifecycle'; it is left alone"),
        (["--name", "asg-lifecycle-other"], "has no hook asg-lifecycle-other of ours; of ours there are"),
        (["--launch"], "has no hook of ours for launch; of ours there are: asg-lifecycle-terminate (terminate)"),
        (["--name", HOOK, "--launch"], "has no hook asg-lifecycle-terminate of ours for launch"),
    ],
)
def test_what_is_not_ours_or_not_there_is_refused(web: Testbed[Deployment], words: list[str], said: str) -> None:
    refused = run("remove-hook", "--group", "web", *words, "--yes", "--release-waiting")
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert removed(web) == 0


def test_of_several_one_has_to_be_named(web: Testbed[Deployment]) -> None:
    web.autoscaling.put_hook("web", LAUNCH, "LAUNCHING")
    several = run("remove-hook", "--group", "web", "--yes")
    assert several.exit_code == 1
    assert "several hooks of ours: asg-lifecycle-terminate (terminate), asg-lifecycle-launch (launch)" in several.stderr
    assert run("remove-hook", "--group", "web", "--launch", "--yes").exit_code == 0
    assert names_of(web) == ["drain", HOOK]


def test_a_group_that_does_not_exist_is_said(web: Testbed[Deployment]) -> None:
    assert "there is no Auto Scaling group 'wob'" in run("remove-hook", "--group", "wob", "--yes").stderr
    assert removed(web) == 0


def test_an_instance_that_waits_keeps_the_hook(stack: Testbed[Deployment]) -> None:
    first, second = waiting(stack, "web", SIGNAL, count=2)
    kept = run("remove-hook", "--group", "web", "--yes")
    assert kept.exit_code == 1
    for instance in (first, second):
        assert f"group web: {instance} is Terminating:Wait, and its action is " in kept.stderr
        assert instance in kept.stderr.splitlines()[-1]
    assert "what terminates there goes on at once, as after CONTINUE, whatever work is left" in kept.stderr
    assert removed(stack) == 0
    assert stack.completions() == []


def test_r24_instances_are_let_go_where_somebody_says_so(stack: Testbed[Deployment]) -> None:
    waiting(stack, "web", SIGNAL)
    done = run("remove-hook", "--group", "web", "--yes", "--release-waiting")
    assert done.exit_code == 0
    assert "with the hook 1 instance is let go: what terminates there goes on at once" in done.stderr
    assert stack.completions() == ["CONTINUE DeleteLifecycleHook"]
    assert names_of(stack) == []


def test_r24_a_launch_would_be_abandoned(stack: Testbed[Deployment]) -> None:
    stack.autoscaling.create_group("web", capacity=0, max_size=1)
    stack.autoscaling.put_hook("web", LAUNCH, "LAUNCHING")
    stack.autoscaling.scale("web", 1)
    (instance,) = stack.autoscaling.instances("web")
    kept = run("remove-hook", "--group", "web", "--yes")
    assert kept.exit_code == 1
    assert f"{instance} is Pending:Wait" in kept.stderr
    assert "what launches there is abandoned: terminated, and replaced" in kept.stderr
    assert stack.autoscaling.instance_state(instance) == "Pending:Wait"


def test_an_instance_of_the_warm_pool_keeps_the_hook(stack: Testbed[Deployment]) -> None:
    stack.region.page_size = 1
    stack.autoscaling.create_group("web", capacity=0, max_size=2)
    stack.autoscaling.put_hook("web", LAUNCH, "LAUNCHING")
    with stack.region.unobserved():
        boto3.client("autoscaling").put_warm_pool(AutoScalingGroupName="web", MinSize=2)
    pooled = stack.autoscaling.instances("web")
    kept = run("remove-hook", "--group", "web", "--yes")
    assert kept.exit_code == 1
    assert len(pooled) == 2
    for instance in pooled:
        assert f"{instance} is Warmed:Pending:Wait" in kept.stderr
    assert removed(stack) == 0


def test_a_wait_without_a_record_keeps_the_hook(web: Testbed[Deployment]) -> None:
    web.deployment.rule_fails = True
    web.deployment.open_queues(web.autoscaling)
    (instance,) = web.autoscaling.instances("web")
    web.autoscaling.terminate(instance)
    kept = run("remove-hook", "--group", "web", "--yes")
    assert kept.exit_code == 1
    why = "no action of ours is in flight: another hook may hold it, or its plan only observes"
    assert f"{instance} is Terminating:Wait, and {why}" in kept.stderr
    assert removed(web) == 0


def test_an_instance_that_waits_for_the_other_transition_does_not(web: Testbed[Deployment]) -> None:
    web.autoscaling.put_hook("web", LAUNCH, "LAUNCHING")
    (instance,) = web.autoscaling.instances("web")
    web.autoscaling.terminate(instance)
    assert web.autoscaling.instance_state(instance) == "Terminating:Wait"
    assert run("remove-hook", "--group", "web", "--launch", "--yes").exit_code == 0
    assert names_of(web) == ["drain", HOOK]


def test_work_that_began_early_keeps_the_hook(web: Testbed[Deployment]) -> None:
    (instance,) = web.autoscaling.instances("web")
    action = LifecycleAction(
        token=None,
        group="web",
        hook=HOOK,
        instance=instance,
        transition=Transition.TERMINATING,
        time=web.timeline.now(),
        metadata='{"plan": {"steps": [{"kind": "wait", "options": {"duration": "1h"}}]}}',
    )
    start = StartRequest(reason=StartReason.REBALANCE, action=action, until=web.timeline.now() + 7_200)
    web.deployment.start(payload(start))
    web.run(10)
    kept = run("remove-hook", "--group", "web", "--yes")
    assert kept.exit_code == 1
    assert f"{instance} does not wait in its group, and its action is " in kept.stderr
    assert removed(web) == 0


def test_a_dry_run_changes_nothing(stack: Testbed[Deployment]) -> None:
    waiting(stack, "web", SIGNAL)
    done = run("remove-hook", "--group", "web", "--dry-run", "--release-waiting")
    assert done.exit_code == 0
    assert done.stdout.endswith("dry run: nothing was done\n")
    assert removed(stack) == 0


def test_somebody_has_to_agree(web: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    alone = run("remove-hook", "--group", "web")
    assert alone.exit_code == 2
    assert alone.stderr == "asg-lifecycle: nobody can be asked here: say --yes to remove a hook\n"
    questions = as_if_asked(monkeypatch, "remove_hook", agrees=False)
    assert run("remove-hook", "--group", "web").exit_code == 1
    assert questions == [f"remove hook {HOOK}?"]
    assert removed(web) == 0


@pytest.mark.parametrize(("typed", "code"), [(HOOK, 0), ("yes", 1)])
def test_to_let_instances_go_the_name_of_the_hook_has_to_be_typed(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    waiting(stack, "web", SIGNAL)
    monkeypatch.setattr("asg_lifecycle.cli.remove_hook.is_interactive", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda _: typed)
    assert run("remove-hook", "--group", "web", "--release-waiting").exit_code == code
    assert removed(stack) == 1 - code


@pytest.mark.parametrize("words", [[], ["--release-waiting"]])
def test_an_instance_that_begins_to_wait_while_somebody_is_asked_keeps_the_hook(
    web: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    (instance,) = web.autoscaling.instances("web")
    as_if_asked(monkeypatch, "remove_hook", agrees=True, meanwhile=lambda: web.autoscaling.terminate(instance))
    kept = run("remove-hook", "--group", "web", *words)
    assert kept.exit_code == 1
    assert instance in kept.stderr.splitlines()[-1]
    assert removed(web) == 0


def test_a_group_of_another_tool_is_warned_of(web: Testbed[Deployment]) -> None:
    tag_group(web, "web", {"aws:cloudformation:stack-name": "shop"})
    done = run("remove-hook", "--group", "web", "--yes")
    assert done.exit_code == 0
    assert "group web belongs to CloudFormation (stack shop)" in done.stderr


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("autoscaling", "DeleteLifecycleHook", "autoscaling:DeleteLifecycleHook"),
        ("autoscaling", "DescribeLifecycleHooks", "autoscaling:DescribeLifecycleHooks"),
        ("dynamodb", "Query", "dynamodb:Query"),
    ],
)
def test_a_permission_that_is_missing_is_named(
    web: Testbed[Deployment], service: str, operation: str, action: str
) -> None:
    web.region.faults.deny(service, operation)
    denied = run("remove-hook", "--group", "web", "--yes")
    assert denied.exit_code == 1
    assert f"permission {action} is missing" in denied.stderr
    web.region.faults.clear()
    assert names_of(web) == ["drain", HOOK]


def test_throttled_calls_and_lost_answers_are_borne(web: Testbed[Deployment]) -> None:
    web.region.faults.throttle("autoscaling", "DeleteLifecycleHook", times=2)
    # The try after the lost answer does not find the hook any more.
    web.region.faults.lose_response("autoscaling", "DeleteLifecycleHook")
    assert run("remove-hook", "--group", "web", "--yes").exit_code == 0
    assert names_of(web) == ["drain"]


def test_a_hook_that_stays_is_said(web: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.autoscaling.engine, "delete_hook", lambda *_: None)
    wrong = run("remove-hook", "--group", "web", "--yes")
    assert wrong.exit_code == 1
    assert f"group web still has hook {HOOK}" in wrong.stderr
