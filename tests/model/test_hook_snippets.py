"""Hooks as Terraform and CloudFormation have them: whatever names and metadata hold, the text reads back the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.actions import ActionResult, Transition
from asg_lifecycle.model.hook_snippets import SnippetHook, cloudformation, terraform
from asg_lifecycle.model.lifecycle_hooks import HookSettings
from tests.model.hcl import blocks_of

# R29: what the names of groups and hooks and what metadata may hold.
group_names = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"]) | st.sampled_from("\t\r\n"), min_size=1
)
hook_names = st.text("abcXYZ09-_/", min_size=1, max_size=12)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("\t\r\n"), min_size=1)
telling = st.sampled_from(('{"plan": "web"}', "${secret}", "%{ if x }", "$${a}", 'a"b\\', "# no: comment", "- a"))
snippets = st.lists(
    st.builds(
        SnippetHook,
        group=group_names | telling,
        hook=st.builds(
            HookSettings,
            name=hook_names,
            transition=st.sampled_from(Transition),
            heartbeat=st.integers(30, 7200),
            default_result=st.sampled_from(ActionResult),
            metadata=st.none() | texts | telling,
            target=st.none() | st.just("arn:aws:sqs:eu-west-1:123456789012:hooks"),
            role=st.none() | st.just("arn:aws:iam::123456789012:role/notify"),
        ),
        retain=st.booleans(),
        exists=st.booleans(),
        stack=st.none() | st.just("shop"),
        logical_id=st.none() | st.just("WebGroup"),
    ),
    min_size=1,
    max_size=3,
)

OF_TERRAFORM = {
    "name": "name",
    "lifecycle_transition": "transition",
    "heartbeat_timeout": "heartbeat",
    "default_result": "default_result",
    "notification_metadata": "metadata",
    "notification_target_arn": "target",
    "role_arn": "role",
}
OF_CLOUDFORMATION = {
    "LifecycleHookName": "name",
    "LifecycleTransition": "transition",
    "HeartbeatTimeout": "heartbeat",
    "DefaultResult": "default_result",
    "NotificationMetadata": "metadata",
    "NotificationTargetARN": "target",
    "RoleARN": "role",
}


def expected(hook: HookSettings, names: dict[str, str]) -> dict[str, Any]:
    values = {said: getattr(hook, name) for said, name in names.items()}
    return {said: value for said, value in values.items() if value is not None}


@given(snippets)
def test_terraform_reads_what_was_written(hooks: list[SnippetHook]) -> None:
    blocks = blocks_of(terraform(hooks))
    assert len(blocks) == len(hooks)
    for each, values in zip(hooks, blocks.values(), strict=True):
        assert values == {"autoscaling_group_name": each.group} | expected(each.hook, OF_TERRAFORM)


@given(snippets)
def test_cloudformation_reads_what_was_written(hooks: list[SnippetHook]) -> None:
    resources = yaml.safe_load(cloudformation(hooks))["Resources"]
    assert len(resources) == len(hooks)
    for each, (name, resource) in zip(hooks, resources.items(), strict=True):
        assert name.isalnum()
        assert name.isascii()
        group = {"Ref": each.logical_id} if each.logical_id else each.group
        assert resource["Type"] == "AWS::AutoScaling::LifecycleHook"
        assert resource["Properties"] == {"AutoScalingGroupName": group} | expected(each.hook, OF_CLOUDFORMATION)


def snippet_of(**fields: Any) -> SnippetHook:
    hook = HookSettings(
        name="asg-lifecycle-terminate",
        transition=Transition.TERMINATING,
        heartbeat=1440,
        default_result=ActionResult.ABANDON,
    )
    given_fields: dict[str, Any] = {"group": "web", "hook": hook} | fields
    return SnippetHook(**given_fields)


def test_groups_whose_names_differ_in_punctuation_keep_apart() -> None:
    hooks = [snippet_of(group=group) for group in ("a b", "a-b", "A.B", "9")]
    assert [name for _, name in blocks_of(terraform(hooks))] == [
        "a_b_asg_lifecycle_terminate",
        "a_b_asg_lifecycle_terminate_2",
        "a_b_asg_lifecycle_terminate_3",
        "hook_9_asg_lifecycle_terminate",
    ]
    assert len(yaml.safe_load(cloudformation(hooks))["Resources"]) == 4


def test_what_is_there_is_imported_and_retention_is_the_groups() -> None:
    one = [snippet_of(exists=True, retain=True)]
    imported = "terraform import aws_autoscaling_lifecycle_hook.web_asg_lifecycle_terminate web/asg-lifecycle-terminate"
    assert imported in terraform(one)
    assert 'terminate_hook_abandon = "retain"' in terraform(one)
    assert "TerminateHookAbandon: retain" in cloudformation(one)
    assert "retain" not in terraform([snippet_of()]) + cloudformation([snippet_of()])


@pytest.mark.parametrize("text", ['resource "a" "b" {\n', "a = 1\n", 'resource "a" "b" {\n  name = "${x}"\n}\n', "}\n"])
def test_the_check_itself_refuses_what_is_no_hcl(text: str) -> None:
    with pytest.raises(ValueError, match=r"HCL|closed"):
        blocks_of(text)
