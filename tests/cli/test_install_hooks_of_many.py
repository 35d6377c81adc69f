"""Hooks of many groups at once, and of groups that other tools own, in the simulated region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from asg_lifecycle.model.plans import PlanTransition
from tests.cli.action_commands import HOOK, run
from tests.cli.hook_commands import WRITING, as_if_asked, hooks_of, tag_group
from tests.model.hcl import blocks_of

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

DRAIN = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}, "timeout": "10m"}]}
TAGGED = ("--all-groups", "--tag", "team=shop", "--tag", "tier=web")
TAGS = {"team": "shop", "tier": "web"}
BEANSTALK = {
    "elasticbeanstalk:environment-name": "shop-live",
    "elasticbeanstalk:environment-id": "e-8jh55e2tug",
    "aws:cloudformation:stack-name": "awseb-e-8jh55e2tug-stack",
    "aws:cloudformation:logical-id": "AWSEBAutoScalingGroup",
}
STACK = {"aws:cloudformation:stack-name": "shop", "aws:cloudformation:logical-id": "WebGroup"}


@pytest.fixture
def shop(stack: Testbed[Deployment]) -> Testbed[Deployment]:
    """Return a region with five groups of the shop's, two that have one of its tags each, and plan `shop`."""
    for name in ("one", "two", "three", "four", "five"):
        stack.autoscaling.create_group(name, capacity=0)
        tag_group(stack, name, TAGS)
    for name, tags in (("other", {"team": "shop"}), ("another", {"team": "ship", "tier": "web"})):
        stack.autoscaling.create_group(name, capacity=0)
        tag_group(stack, name, tags)
    stack.deployment.put_plan("shop", DRAIN)
    return stack


def written(testbed: Testbed[Deployment]) -> int:
    return sum(testbed.region.calls["autoscaling", operation] for operation in WRITING)


def test_the_groups_that_have_all_tags_are_changed_after_one_question(
    shop: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.region.page_size = 2
    shop.autoscaling.put_hook("two", HOOK, "TERMINATING", HeartbeatTimeout=60, NotificationMetadata='{"plan": "shop"}')
    done_already: dict[str, str | int] = {"HeartbeatTimeout": 1440, "NotificationMetadata": '{"plan": "shop"}'}
    shop.autoscaling.put_hook("three", HOOK, "TERMINATING", **done_already)
    questions = as_if_asked(monkeypatch, "install_hook", agrees=True)

    done = run("install-hook", *TAGGED, "--plan", "shop")

    assert done.exit_code == 0, done.output
    assert questions == ["change 4 groups?"]
    rows = {line.split()[0]: line.split()[2] for line in done.stdout.splitlines()[1:6]}
    assert rows == {"one": "make", "two": "change", "three": "nothing", "four": "make", "five": "make"}
    assert "HeartbeatTimeout 60 -> 1440: two\n" in done.stdout
    assert 'NotificationMetadata (none) -> {"plan": "shop"}: one, four, five\n' in done.stdout
    for name in ("one", "two", "three", "four", "five"):
        (hook,) = hooks_of(shop, name)
        assert (hook["HeartbeatTimeout"], hook["NotificationMetadata"]) == (1440, '{"plan": "shop"}')
    assert hooks_of(shop, "other") == hooks_of(shop, "another") == []
    assert shop.region.calls["autoscaling", "PutLifecycleHook"] == 4
    assert shop.region.calls["autoscaling", "DescribeAutoScalingGroups"] == 4
    # What holds for all is said once.
    assert done.stderr.count("ends the instance all the same") == 1


def test_a_group_that_fails_is_said_and_the_others_go_on(shop: Testbed[Deployment]) -> None:
    shop.autoscaling.put_hook("two", HOOK, "TERMINATING", NotificationMetadata="queue=blue")
    # One name, in each transition: in group five it is a launch hook's.
    shop.autoscaling.put_hook("four", HOOK, "TERMINATING", HeartbeatTimeout=60)
    shop.autoscaling.put_hook("five", HOOK, "LAUNCHING", HeartbeatTimeout=60)
    shop.region.faults.fail("autoscaling", "PutLifecycleHook", code="ValidationError", message="not now")

    done = run("install-hook", *TAGGED, "--plan", "shop", "--name", HOOK, "--yes")

    assert done.exit_code == 1
    assert "group one: hook asg-lifecycle-terminate: autoscaling:PutLifecycleHook failed: not now" in done.stderr
    assert "group two: the NotificationMetadata of hook asg-lifecycle-terminate is no JSON object" in done.stderr
    assert "group five: it has a hook asg-lifecycle-terminate for launch" in done.stderr
    assert hooks_of(shop, "one") == []
    assert [hook["HeartbeatTimeout"] for name in ("two", "five") for hook in hooks_of(shop, name)] == [3600, 60]
    assert [hook["HeartbeatTimeout"] for name in ("three", "four") for hook in hooks_of(shop, name)] == [1440, 1440]


def test_a_group_that_cannot_be_read_is_said_and_the_others_go_on(shop: Testbed[Deployment]) -> None:
    shop.region.faults.fail("autoscaling", "DescribeLifecycleHooks", code="ValidationError", message="not now")
    done = run("install-hook", *TAGGED, "--terminate", "--plan", "shop", "--yes")
    assert done.exit_code == 1
    assert "group one: autoscaling:DescribeLifecycleHooks failed: not now" in done.stderr
    assert [len(hooks_of(shop, name)) for name in ("one", "two", "three", "four", "five")] == [0, 1, 1, 1, 1]


def test_everything_about_each_group_as_json(shop: Testbed[Deployment]) -> None:
    tag_group(shop, "five", {"asg-lifecycle:plan": "none"})
    done = run("install-hook", *TAGGED, "--terminate", "--dry-run", "--output", "json")
    assert done.exit_code == 1
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    assert [(row["group"], row["change"]) for row in rows][3:] == [("four", "make"), ("five", "refused")]
    assert "no plan named 'none'" in rows[4]["refusal"]
    assert {each["field"]: each["wanted"] for each in rows[0]["what"]}["HeartbeatTimeout"] == "1728"
    assert written(shop) == 0


def test_no_group_with_the_tags(shop: Testbed[Deployment]) -> None:
    missing = run("install-hook", "--all-groups", "--tag", "team=none", "--terminate", "--yes")
    assert missing.exit_code == 1
    assert missing.stderr == "asg-lifecycle: no Auto Scaling group has the tags team=none\n"
    assert written(shop) == 0


@pytest.mark.parametrize(
    ("tags", "owner"),
    [
        ({"eks:cluster-name": "live", "eks:nodegroup-name": "workers"}, "EKS (node group workers of cluster live)"),
        (BEANSTALK, "Elastic Beanstalk (environment shop-live)"),
        (STACK, "CloudFormation (stack shop)"),
        ({"ManagedBy": "Terraform"}, "Terraform (tag ManagedBy=Terraform)"),
    ],
)
def test_a_group_of_another_tool_is_warned_of_and_asked_for(
    shop: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, tags: dict[str, str], owner: str
) -> None:
    tag_group(shop, "one", tags)
    alone = run("install-hook", "--group", "one", "--plan", "shop")
    assert alone.exit_code == 2
    assert f"group one belongs to {owner}: " in alone.stderr
    assert "--as terraform or cloudformation prints the hook" in alone.stderr
    questions = as_if_asked(monkeypatch, "install_hook", agrees=False)
    assert run("install-hook", "--group", "one", "--plan", "shop").exit_code == 1
    assert run("install-hook", *TAGGED, "--plan", "shop").exit_code == 1
    assert questions == [
        f"change group one past {owner.partition(' (')[0]}, which owns it?",
        "change 5 groups, 1 of them past the tool that owns it?",
    ]
    assert written(shop) == 0
    assert f"belongs to {owner}" in run("install-hook", "--group", "one", "--plan", "shop", "--yes").stderr
    assert len(hooks_of(shop, "one")) == 1


@pytest.mark.parametrize(
    ("tags", "group"), [(STACK, {"Ref": "WebGroup"}), (BEANSTALK, {"Ref": "AWSEBAutoScalingGroup"})]
)
def test_the_hook_for_cloudformation_changes_nothing(
    shop: Testbed[Deployment], tags: dict[str, str], group: dict[str, str]
) -> None:
    tag_group(shop, "one", tags)
    shown = run("install-hook", "--group", "one", "--plan", "shop", "--as", "cloudformation", "--yes")
    assert shown.exit_code == 0
    template = yaml.safe_load(shown.stdout)
    assert f"# For the template of stack {tags['aws:cloudformation:stack-name']}." in shown.stdout
    (resource,) = template["Resources"].values()
    assert resource == {
        "Type": "AWS::AutoScaling::LifecycleHook",
        "Properties": {
            "AutoScalingGroupName": group,
            "LifecycleHookName": HOOK,
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
            "HeartbeatTimeout": 1440,
            "DefaultResult": "ABANDON",
            "NotificationMetadata": '{"plan": "shop"}',
        },
    }
    assert written(shop) == 0


def test_the_hooks_for_terraform_change_nothing(shop: Testbed[Deployment]) -> None:
    shop.deployment.put_plan("warm", {"steps": [{"kind": "wait-for-status-checks"}]}, PlanTransition.LAUNCH)
    shown = run("install-hook", *TAGGED, "--plan", "warm", "--as", "terraform", "--yes")
    assert shown.exit_code == 0
    blocks = blocks_of(shown.stdout)
    assert [values["autoscaling_group_name"] for values in blocks.values()] == ["one", "two", "three", "four", "five"]
    assert next(iter(blocks)) == ("aws_autoscaling_lifecycle_hook", "one_asg_lifecycle_launch")
    assert next(iter(blocks.values())) == {
        "name": "asg-lifecycle-launch",
        "autoscaling_group_name": "one",
        "lifecycle_transition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "heartbeat_timeout": 1728,
        "default_result": "ABANDON",
        "notification_metadata": '{"plan": "warm"}',
    }
    assert written(shop) == 0


def test_what_is_refused_has_no_snippet(shop: Testbed[Deployment]) -> None:
    refused = run("install-hook", "--group", "one", "--terminate", "--plan", "none", "--as", "terraform")
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert "there is no plan named 'none'" in refused.stderr
    assert written(shop) == 0
