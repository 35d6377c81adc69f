"""A lifecycle hook as Terraform and CloudFormation have it: pure text."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.lifecycle_hooks import HookSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HCL_INDENT = "  "


class SnippetForm(StrEnum):
    """The tools that snippets are for."""

    TERRAFORM = "terraform"
    CLOUDFORMATION = "cloudformation"


class SnippetHook(Struct, frozen=True, kw_only=True):
    """A hook to be written down for another tool.

    Attributes:
        group: name of the Auto Scaling group.
        hook: the hook.
        retain: whether the group is to retain abandoned instances (R10).
        exists: whether the group has a hook of this name already.
        stack: the CloudFormation stack that the group belongs to, None where that is not known.
        logical_id: what the group is called in that stack's template, None where that is not known.
    """

    group: str
    hook: HookSettings
    retain: bool = False
    exists: bool = False
    stack: str | None = None
    logical_id: str | None = None


def snippet(hooks: Sequence[SnippetHook], form: SnippetForm) -> str:
    """Return the snippet for one tool: HCL, or the YAML of a template's resources."""
    return terraform(hooks) if form is SnippetForm.TERRAFORM else cloudformation(hooks)


def terraform(hooks: Sequence[SnippetHook]) -> str:
    """Return hooks as resources of Terraform's AWS provider."""
    labels = [label.lower() for label in _labels(hooks, "_")]
    blocks = (_terraform(each, label) for each, label in zip(hooks, labels, strict=True))
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks)


def cloudformation(hooks: Sequence[SnippetHook]) -> str:
    """Return hooks as resources of a CloudFormation template, in YAML."""
    lines = ["Resources:"]
    for each, label in zip(hooks, _labels(hooks, ""), strict=True):
        lines += _cloudformation(each, label)
    return "".join(f"{line}\n" for line in lines)


def _terraform(each: SnippetHook, label: str) -> Iterator[str]:
    hook = each.hook
    if each.exists:
        yield f"# It exists: terraform import aws_autoscaling_lifecycle_hook.{label} {_comment(each.group)}/{hook.name}"
    values: dict[str, str | int | None] = {
        "name": hook.name,
        "autoscaling_group_name": each.group,
        "lifecycle_transition": hook.transition.value,
        "heartbeat_timeout": hook.heartbeat,
        "default_result": hook.default_result.value,
        "notification_metadata": hook.metadata,
        "notification_target_arn": hook.target,
        "role_arn": hook.role,
    }
    given = {name: value for name, value in values.items() if value is not None}
    width = max(map(len, given))
    yield f'resource "aws_autoscaling_lifecycle_hook" "{label}" {{'
    for name, value in given.items():
        yield f"{HCL_INDENT}{name.ljust(width)} = {_hcl(value) if isinstance(value, str) else value}"
    yield "}"
    if each.retain:
        yield f"# In the aws_autoscaling_group of {_comment(each.group)}, so that abandoned instances are retained:"
        yield "#   instance_lifecycle_policy {"
        yield "#     retention_triggers {"
        yield '#       terminate_hook_abandon = "retain"'
        yield "#     }"
        yield "#   }"


def _cloudformation(each: SnippetHook, label: str) -> Iterator[str]:
    hook = each.hook
    if each.stack is not None:
        yield f"  # For the template of stack {_comment(each.stack)}."
    if each.exists:
        yield "  # It exists: import it into the stack, or remove it first."
    yield f"  {label}:"
    yield "    Type: AWS::AutoScaling::LifecycleHook"
    yield "    Properties:"
    # The long form: the configuration files of Elastic Beanstalk have no other.
    yield f"      AutoScalingGroupName: {f'{{Ref: {each.logical_id}}}' if each.logical_id else _quoted(each.group)}"
    yield f"      LifecycleHookName: {_quoted(hook.name)}"
    yield f"      LifecycleTransition: {_quoted(hook.transition.value)}"
    yield f"      HeartbeatTimeout: {hook.heartbeat}"
    yield f"      DefaultResult: {hook.default_result.value}"
    optional = {
        "NotificationMetadata": hook.metadata,
        "NotificationTargetARN": hook.target,
        "RoleARN": hook.role,
    }
    for name, value in optional.items():
        if value is not None:
            yield f"      {name}: {_quoted(value)}"
    if each.retain:
        yield f"  # In the properties of group {_comment(each.group)}, so that abandoned instances are retained:"
        yield "  #   InstanceLifecyclePolicy:"
        yield "  #     RetentionTriggers:"
        yield "  #       TerminateHookAbandon: retain"


def _labels(hooks: Sequence[SnippetHook], between: str) -> list[str]:
    """Return names that HCL and, with nothing between their words, CloudFormation take, each another one."""
    labels: list[str] = []
    taken: set[str] = set()
    for each in hooks:
        label = plain = _label(each, between)
        number = 1
        while label.lower() in taken:
            number += 1
            label = f"{plain}{between}{number}"
        taken.add(label.lower())
        labels.append(label)
    return labels


def _label(each: SnippetHook, between: str) -> str:
    words = [word for word in re.split(r"[^A-Za-z0-9]+", f"{each.group} {each.hook.name}") if word]
    label = between.join(words) if between else "".join(word[:1].upper() + word[1:] for word in words)
    return label if label[:1].isalpha() else f"Hook{between}{label}"


def _hcl(text: str) -> str:
    # Templates begin with these two.
    return _quoted(text).replace("${", "$${").replace("%{", "%%{")


def _quoted(text: str) -> str:
    """Return text in double quotes, with escapes that YAML and HCL share."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    shown = (escapes.get(each) or (each if each.isprintable() else f"\\U{ord(each):08X}") for each in text)
    return f'"{"".join(shown)}"'


def _comment(text: str) -> str:
    """Return a name as a comment can hold it: group names may have line feeds (R29)."""
    return text if text.isprintable() and " " not in text else _quoted(text)
