"""Groups and hooks as the tests of `install-hook` and `remove-hook` arrange and read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

WRITING = ("PutLifecycleHook", "DeleteLifecycleHook", "UpdateAutoScalingGroup")


def hooks_of(testbed: Testbed[Deployment], group: str) -> list[dict[str, Any]]:
    """Return the hooks of a group as Auto Scaling describes them."""
    with testbed.region.unobserved():
        described = testbed.region.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=group)
    return list(described["LifecycleHooks"])


def policy_of(testbed: Testbed[Deployment], group: str) -> dict[str, Any] | None:
    """Return the `InstanceLifecyclePolicy` of a group, None where it has none."""
    with testbed.region.unobserved():
        described = testbed.region.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    policy: dict[str, Any] | None = described["AutoScalingGroups"][0].get("InstanceLifecyclePolicy")
    return policy


def tag_group(testbed: Testbed[Deployment], group: str, tags: dict[str, str]) -> None:
    """Tag a group."""
    entries = [
        {
            "ResourceId": group,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": False,
        }
        for key, value in tags.items()
    ]
    with testbed.region.unobserved():
        testbed.region.client("autoscaling").create_or_update_tags(Tags=entries)


def as_if_asked(
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    *,
    agrees: bool,
    meanwhile: Callable[[], None] | None = None,
) -> list[str]:
    """Let a command ask, and return the questions.

    Args:
        monkeypatch: pytest's.
        module: of the command.
        agrees: the answer.
        meanwhile: what happens before it.
    """
    questions: list[str] = []

    def answer(question: str, *, abort: bool) -> None:
        assert abort
        questions.append(question)
        if meanwhile is not None:
            meanwhile()
        if not agrees:
            raise typer.Abort

    monkeypatch.setattr(f"asg_lifecycle.cli.{module}.is_interactive", lambda: True)
    monkeypatch.setattr("typer.confirm", answer)
    return questions
