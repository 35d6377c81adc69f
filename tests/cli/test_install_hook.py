"""Hooks are made and changed to agree with their plans, in the simulated region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.aws.stacks import DeployedStack
from asg_lifecycle.model.plans import PlanTransition
from tests.cli.action_commands import HOOK, SIGNAL, run
from tests.cli.conftest import make_stack
from tests.cli.hook_commands import WRITING, as_if_asked, hooks_of, policy_of, tag_group

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed
    from asg_lifecycle_simulator.services.autoscaling.model import Hook

TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
DRAIN = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}, "timeout": "10m"}]}
WARM = {"steps": [{"kind": "wait-for-status-checks"}], "timeout": "30m", "on_timeout": "continue"}
ROLE = "arn:aws:iam::123456789012:role/notify"


@pytest.fixture
def web(stack: Testbed[Deployment]) -> Testbed[Deployment]:
    """Return a region with group `web` and plan `web` for its terminate hooks."""
    stack.autoscaling.create_group("web")
    stack.deployment.put_plan("web", DRAIN)
    return stack


def install(*words: str) -> str:
    """Install hooks without a question, and return what was written."""
    done = run("install-hook", *words, "--yes")
    assert done.exit_code == 0, done.output
    return done.output


def written(testbed: Testbed[Deployment]) -> int:
    return sum(testbed.region.calls["autoscaling", operation] for operation in WRITING)


def test_a_hook_is_made_for_its_plan(web: Testbed[Deployment]) -> None:
    told = install("--group", "web", "--terminate")
    assert "hook asg-lifecycle-terminate is new; plan web is from group name" in told
    assert "HeartbeatTimeout     (none) -> 1440  (sweeps come every 5m" in told
    assert hooks_of(web, "web") == [
        {
            "LifecycleHookName": "asg-lifecycle-terminate",
            "AutoScalingGroupName": "web",
            "LifecycleTransition": TERMINATING,
            "HeartbeatTimeout": 1440,
            "GlobalTimeout": 144_000,
            "DefaultResult": "ABANDON",
        }
    ]


def test_the_hook_holds_an_instance_and_its_plan_is_followed(web: Testbed[Deployment]) -> None:
    (instance,) = web.autoscaling.instances("web")
    web.target_group("blue", instance, delay=60)
    web.deployment.put_plan("other", DRAIN)
    install("--group", "web", "--plan", "other")
    web.autoscaling.terminate(instance)
    web.run(30)
    record = web.deployment.record("web", HOOK, instance)
    assert record is not None
    assert record.plan_source == "hook metadata"
    assert web.completions() == []
    web.run(120)
    assert web.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_what_somebody_says_on_time_running_out_is_the_default_result(web: Testbed[Deployment]) -> None:
    web.deployment.put_plan("warm", WARM, PlanTransition.LAUNCH)
    assert "on_timeout: continue" in install("--group", "web", "--plan", "warm")
    (hook,) = hooks_of(web, "web")
    assert (hook["LifecycleHookName"], hook["LifecycleTransition"]) == ("asg-lifecycle-launch", LAUNCHING)
    assert (hook["DefaultResult"], hook["NotificationMetadata"]) == ("CONTINUE", '{"plan": "warm"}')


def test_the_second_time_there_is_nothing_to_change(web: Testbed[Deployment]) -> None:
    install("--group", "web", "--plan", "web", "--retain")
    before = written(web)
    assert install("--group", "web", "--plan", "web", "--retain").endswith("nothing to change\n")
    assert written(web) == before == 2


def test_a_dry_run_changes_nothing(web: Testbed[Deployment]) -> None:
    done = run("install-hook", "--group", "web", "--terminate", "--retain", "--dry-run")
    assert done.exit_code == 0
    assert "InstanceLifecyclePolicy  terminate -> retain" in done.stdout
    assert done.stdout.endswith("dry run: nothing was done\n")
    assert written(web) == 0


def test_somebody_has_to_agree(web: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    alone = run("install-hook", "--group", "web", "--terminate")
    assert alone.exit_code == 2
    assert alone.stderr.endswith("asg-lifecycle: nobody can be asked here: say --yes to change hooks\n")
    questions = as_if_asked(monkeypatch, "install_hook", agrees=False)
    assert run("install-hook", "--group", "web", "--terminate").exit_code == 1
    assert questions == ["change group web?"]
    assert written(web) == 0
    as_if_asked(monkeypatch, "install_hook", agrees=True)
    assert run("install-hook", "--group", "web", "--terminate").exit_code == 0
    assert written(web) == 1


def test_an_update_keeps_what_belongs_to_somebody_else(web: Testbed[Deployment]) -> None:
    with web.region.unobserved():
        sqs = web.region.client("sqs")
        queue = sqs.create_queue(QueueName="hooks")["QueueUrl"]
    target = f"arn:aws:sqs:{web.region.name}:{web.region.account}:hooks"
    foreign = {"NotificationTargetARN": target, "RoleARN": ROLE}
    metadata = json.dumps({"team": "shop", "Plan": "web", "pages": [1, 2]})
    web.autoscaling.put_hook("web", HOOK, "TERMINATING", NotificationMetadata=metadata, HeartbeatTimeout=60, **foreign)
    web.autoscaling.put_hook("web", "ours-not", "TERMINATING", HeartbeatTimeout=30)

    told = install("--group", "web", "--plan", "web")

    assert "HeartbeatTimeout      60 -> 1440" in told
    assert "DefaultResult" not in told
    hook, other = hooks_of(web, "web")
    assert {name: hook[name] for name in foreign} == foreign
    assert json.loads(hook["NotificationMetadata"]) == {"plan": "web", "team": "shop", "pages": [1, 2]}
    assert other["HeartbeatTimeout"] == 30
    with web.region.unobserved():
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    # The test message of whoever put the target; none of ours (R20).
    assert attributes["Attributes"]["ApproximateNumberOfMessages"] == "1"


def test_a_timeout_that_is_long_enough_stays(web: Testbed[Deployment]) -> None:
    web.autoscaling.put_hook("web", HOOK, "TERMINATING", HeartbeatTimeout=3600, DefaultResult="CONTINUE")
    told = install("--group", "web", "--terminate")
    assert "DefaultResult  CONTINUE -> ABANDON" in told
    assert "HeartbeatTimeout" not in told
    assert [hook["HeartbeatTimeout"] for hook in hooks_of(web, "web")] == [3600]


def test_a_timeout_that_was_asked_for_is_taken_and_what_it_lacks_is_said(web: Testbed[Deployment]) -> None:
    web.deployment.put_plan("long", DRAIN | {"timeout": "2h"})
    told = install("--group", "web", "--plan", "long", "--timeout", "1m")
    assert "the plan may take 2h, and the hook gives it 1h38m" in told
    assert "a heartbeat timeout of 1m may be over before two sweeps, which come every 5m, find" in told
    assert "24m is long enough" in told
    assert [hook["HeartbeatTimeout"] for hook in hooks_of(web, "web")] == [60]


def test_an_abandoned_instance_is_retained_where_that_was_asked_for(web: Testbed[Deployment]) -> None:
    web.deployment.put_plan("signal", {"transition": "terminate", "steps": [SIGNAL]})
    (instance,) = web.autoscaling.instances("web")
    assert "--retain keeps it" in install("--group", "web", "--plan", "signal")
    assert policy_of(web, "web") is None
    assert "run and are billed" in install("--group", "web", "--plan", "signal", "--retain")
    assert policy_of(web, "web") == {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
    web.autoscaling.terminate(instance)
    web.run(10)
    assert run("abandon", instance, "--reason", "told to", "--yes").exit_code == 0
    web.run(60)
    assert web.autoscaling.instance_state(instance) == "Terminating:Retained"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plan", "none"], "there is no plan named none"),
        (["--plan", "none", "--terminate"], "there is no plan named 'none' below"),
        (["--plan", "warm", "--terminate"], "plan 'warm' is for launch hooks"),
        (["--plan", "bad", "--terminate"], "run-comand"),
        (["--plan", "a/b", "--terminate"], "'a/b' cannot name a plan"),
        (["--terminate", "--name", "drain"], "hook 'drain' does not begin with our prefix 'asg-lifecycle'"),
        (["--terminate", "--name", "Terminate-LC-Hook"], "belongs to the Amazon EKS managed node group"),
        (["--terminate", "--name", "asg-lifecycle drain"], "cannot name a hook"),
        (["--terminate", "--name", "asg-lifecycle-in"], "has a hook asg-lifecycle-in for launch"),
    ],
)
def test_what_cannot_be_is_refused(web: Testbed[Deployment], words: list[str], said: str) -> None:
    web.deployment.put_plan("warm", WARM, PlanTransition.LAUNCH)
    web.deployment.put_plan("bad", {"steps": [{"kind": "run-comand"}]})
    web.autoscaling.put_hook("web", "asg-lifecycle-in", "LAUNCHING")
    refused = run("install-hook", "--group", "web", *words, "--yes")
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert written(web) == 0


def test_a_plan_that_the_group_gets_and_cannot_be_used_is_refused(web: Testbed[Deployment]) -> None:
    tag_group(web, "web", {"asg-lifecycle:plan": "none"})
    refused = run("install-hook", "--group", "web", "--terminate", "--yes")
    assert refused.exit_code == 1
    assert "its plan cannot be used (a tag of group web names it), so its instances would be held" in refused.stderr
    assert written(web) == 0


def test_metadata_of_somebody_else_is_never_thrown_away(web: Testbed[Deployment]) -> None:
    web.autoscaling.put_hook("web", HOOK, "TERMINATING", NotificationMetadata="queue=blue")
    refused = run("install-hook", "--group", "web", "--plan", "web", "--yes")
    assert refused.exit_code == 1
    assert "is no JSON object and belongs to somebody else: 'queue=blue'" in refused.stderr
    assert "asg-lifecycle:plan" in refused.stderr
    assert written(web) == 0
    install("--group", "web", "--terminate", "--timeout", "2h")
    assert [hook["NotificationMetadata"] for hook in hooks_of(web, "web")] == ["queue=blue"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--group", "web", "--all-groups", "--tag", "a=b", "--terminate"],
        ["--group", "web", "--tag", "a=b", "--terminate"],
        ["--all-groups", "--terminate"],
        ["--all-groups", "--tag", "a", "--terminate"],
        ["--all-groups", "--tag", "=b", "--terminate"],
        ["--all-groups", "--tag", "a=b", "--tag", "a=c", "--terminate"],
        ["--group", "web"],
        ["--group", "web", "--plan", "both"],
        ["--group", "web", "--name", "asg-lifecycle-none"],
        ["--group", "web", "--launch", "--retain"],
        ["--group", "web", "--terminate", "--timeout", "29s"],
        ["--group", "web", "--terminate", "--timeout", "2h1s"],
        ["--group", "web", "--terminate", "--timeout", "soon"],
        ["--group", "web", "--terminate", "--as", "pulumi"],
    ],
)
def test_wrong_usage(web: Testbed[Deployment], words: list[str]) -> None:
    for transition in PlanTransition:
        web.deployment.put_plan("both", {"transition": str(transition), "steps": []}, transition)
    wrong = run("install-hook", *words, "--yes")
    assert wrong.exit_code == 2, wrong.output
    assert written(web) == 0


def test_a_group_that_does_not_exist_is_said(stack: Testbed[Deployment]) -> None:
    missing = run("install-hook", "--group", "web", "--terminate", "--yes")
    assert missing.exit_code == 1
    assert missing.stderr == "asg-lifecycle: there is no Auto Scaling group 'web' in this account and Region\n"
    assert written(stack) == 0


def test_the_only_hook_of_ours_is_meant_and_of_several_one_has_to_be_named(web: Testbed[Deployment]) -> None:
    web.autoscaling.put_hook("web", "asg-lifecycle-drain", "TERMINATING", HeartbeatTimeout=60)
    web.autoscaling.put_hook("web", "asg-lifecycle-warm", "LAUNCHING", HeartbeatTimeout=60)
    install("--group", "web", "--terminate")
    assert [(hook["LifecycleHookName"], hook["HeartbeatTimeout"]) for hook in hooks_of(web, "web")] == [
        ("asg-lifecycle-drain", 1440),
        ("asg-lifecycle-warm", 60),
    ]
    told = install("--group", "web", "--terminate", "--name", "asg-lifecycle-late")
    assert "other hooks of ours for terminate: asg-lifecycle-drain; each instance waits at all of them" in told
    several = run("install-hook", "--group", "web", "--terminate", "--yes")
    assert several.exit_code == 1
    assert "several hooks of ours for terminate: asg-lifecycle-drain, asg-lifecycle-late" in several.stderr
    # The name says which way it goes.
    install("--group", "web", "--name", "asg-lifecycle-drain", "--timeout", "2h")
    assert hooks_of(web, "web")[0]["HeartbeatTimeout"] == 7200


def test_r2_a_group_with_fifty_hooks_takes_no_more(web: Testbed[Deployment]) -> None:
    for number in range(50):
        web.autoscaling.put_hook("web", f"other-{number}", "TERMINATING")
    full = run("install-hook", "--group", "web", "--terminate", "--yes")
    assert full.exit_code == 1
    assert "group web: it has 50 hooks already, and it can have 50" in full.stderr
    assert written(web) == 0


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("PutLifecycleHook", "autoscaling:PutLifecycleHook"),
        ("UpdateAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup"),
        ("DescribeLifecycleHooks", "autoscaling:DescribeLifecycleHooks"),
        ("DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingGroups"),
    ],
)
def test_a_permission_that_is_missing_is_named(web: Testbed[Deployment], operation: str, action: str) -> None:
    web.region.faults.deny("autoscaling", operation)
    denied = run("install-hook", "--group", "web", "--terminate", "--retain", "--yes")
    assert denied.exit_code == 1
    assert f"permission {action} is missing" in denied.stderr
    web.region.faults.clear()
    assert hooks_of(web, "web") == []


def test_throttled_calls_and_lost_answers_are_borne(web: Testbed[Deployment]) -> None:
    web.region.faults.throttle("autoscaling", "PutLifecycleHook", times=2)
    web.region.faults.throttle("autoscaling", "DescribeLifecycleHooks", times=2)
    install("--group", "web", "--terminate")
    web.region.faults.lose_response("autoscaling", "PutLifecycleHook", times=20)
    assert "is as it should be" in install("--group", "web", "--terminate", "--timeout", "2h")
    assert [hook["HeartbeatTimeout"] for hook in hooks_of(web, "web")] == [7200]


def test_what_has_no_effect_is_said(web: Testbed[Deployment]) -> None:
    web.region.faults.throttle("autoscaling", "PutLifecycleHook", times=20)
    failed = run("install-hook", "--group", "web", "--terminate", "--yes")
    assert failed.exit_code == 1
    assert (
        "group web: hook asg-lifecycle-terminate: autoscaling:PutLifecycleHook failed: Rate exceeded" in failed.stderr
    )
    web.region.faults.clear()
    web.region.faults.lose_request("autoscaling", "PutLifecycleHook", times=20)
    lost = run("install-hook", "--group", "web", "--terminate", "--yes")
    assert lost.exit_code == 1
    assert "autoscaling:PutLifecycleHook failed" in lost.stderr
    web.region.faults.clear()
    assert hooks_of(web, "web") == []


def test_the_hook_is_read_back(web: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    engine = web.autoscaling.engine
    put = engine.put_hook

    def forgetful(hook: Hook) -> None:
        put(type(hook)(hook.name, hook.group, hook.transition, heartbeat_timeout=3600))

    monkeypatch.setattr(engine, "put_hook", forgetful)
    wrong = run("install-hook", "--group", "web", "--terminate", "--yes")
    assert wrong.exit_code == 1
    assert "hook asg-lifecycle-terminate: HeartbeatTimeout is 3600 and should be 1440" in wrong.stderr


def test_a_policy_that_is_not_taken_leaves_the_hook_alone(
    web: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.autoscaling.fleet, "show_policy", lambda *_: None)
    wrong = run("install-hook", "--group", "web", "--terminate", "--retain", "--yes")
    assert wrong.exit_code == 1
    assert "does not say that it retains abandoned instances, and the hook was left alone" in wrong.stderr
    assert hooks_of(web, "web") == []


def test_a_hook_that_changes_while_somebody_is_asked_is_left_alone(
    web: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile() -> None:
        web.autoscaling.put_hook("web", HOOK, "TERMINATING", NotificationMetadata='{"team": "shop"}')

    as_if_asked(monkeypatch, "install_hook", agrees=True, meanwhile=meanwhile)
    said = run("install-hook", "--group", "web", "--plan", "web")
    assert said.exit_code == 1
    assert "it changed meanwhile, and nothing was done" in said.stderr
    assert written(web) == 0


def test_a_stack_with_another_prefix_and_rarer_sweeps(testbed: Testbed[Deployment]) -> None:
    make_stack(testbed, "mine", HookNamePrefix="drain/", SweepMinutes="15", DrainsPerGroup="2")
    testbed.autoscaling.create_group("web")
    testbed.deployment.put_plan("web", DRAIN)
    told = install("--group", "web", "--terminate")
    (hook,) = hooks_of(testbed, "web")
    assert (hook["LifecycleHookName"], hook["HeartbeatTimeout"]) == ("drain/terminate", 3840)
    assert "sweeps come every 15m" in told


def test_a_stack_that_does_not_say_its_parameters(
    testbed: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_stack(testbed, "mine")
    testbed.autoscaling.create_group("web")
    deployed = DeployedStack(outputs={}, parameters={})
    monkeypatch.setattr("asg_lifecycle.aws.stacks.Stacks.deployed", lambda *_: deployed)
    refused = run("install-hook", "--group", "web", "--terminate", "--yes")
    assert refused.exit_code == 2
    assert "stack mine has no parameter HookNamePrefix: say it with --hook-name-prefix" in refused.stderr
    told = install("--group", "web", "--terminate", "--hook-name-prefix", "asg-lifecycle")
    assert "sweeps every 30m are assumed" in told
    assert [hook["HeartbeatTimeout"] for hook in hooks_of(testbed, "web")] == [7200]
