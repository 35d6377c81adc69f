from __future__ import annotations

import pytest

from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX, refuse

OURS = [
    ("asg-lifecycle", DEFAULT_HOOK_NAME_PREFIX),
    ("asg-lifecycle-terminate", DEFAULT_HOOK_NAME_PREFIX),
    ("asg-lifecycle/web/terminate", DEFAULT_HOOK_NAME_PREFIX),
    ("anything", ""),
    ("drain", "d"),
    # Near misses of the known names of other systems.
    ("ecs-managed-draining-termination-hook-2", ""),
    ("launch-lc-hook", ""),
    ("my-CodeDeploy-managed-automatic-launch-deployment-hook-web", ""),
]

OTHERS_BY_PREFIX = [
    ("drain", DEFAULT_HOOK_NAME_PREFIX),
    ("asg-lifecycl", DEFAULT_HOOK_NAME_PREFIX),
    ("ASG-Lifecycle-terminate", DEFAULT_HOOK_NAME_PREFIX),
    ("my-asg-lifecycle", DEFAULT_HOOK_NAME_PREFIX),
]

OTHER_SYSTEMS = [
    ("ecs-managed-draining-termination-hook", "Amazon ECS"),
    ("Launch-LC-Hook", "Amazon EKS"),
    ("Terminate-LC-Hook", "Amazon EKS"),
    ("CodeDeploy-managed-automatic-launch-deployment-hook-web-0a6f4a6c", "AWS CodeDeploy"),
]


@pytest.mark.parametrize(("hook", "prefix"), OURS)
def test_our_hooks_are_not_refused(hook: str, prefix: str) -> None:
    assert refuse(hook, prefix) is None


@pytest.mark.parametrize(("hook", "prefix"), OTHERS_BY_PREFIX)
def test_a_hook_without_our_prefix_is_refused_with_both_named(hook: str, prefix: str) -> None:
    reason = refuse(hook, prefix)

    assert reason is not None
    assert repr(hook) in reason
    assert repr(prefix) in reason


@pytest.mark.parametrize(("hook", "owner"), OTHER_SYSTEMS)
@pytest.mark.parametrize("prefix", ["", "asg-lifecycle", "ecs-", "Launch-LC-Hook", "T", "CodeDeploy"])
def test_hooks_of_other_systems_are_refused_whatever_the_prefix(hook: str, owner: str, prefix: str) -> None:
    reason = refuse(hook, prefix)

    assert reason is not None
    assert owner in reason
