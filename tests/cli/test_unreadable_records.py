"""What the commands say of an action whose record an older command line cannot read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.model.records import wait_key
from tests.cli.action_commands import HOOK, SIGNAL, run, waiting

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed


@pytest.fixture
def pair(stack: Testbed[Deployment]) -> tuple[str, str]:
    """One action that can be read, and one of group `newer` with a status of a later version."""
    (readable,) = waiting(stack, "web", SIGNAL)
    return readable, unreadable_action(stack)


def unreadable_action(stack: Testbed[Deployment]) -> str:
    """Begin an action of group `newer`, and give its record a status of a later version; return the instance."""
    (unreadable,) = waiting(stack, "newer", SIGNAL)
    with stack.region.unobserved():
        stack.region.client("dynamodb").update_item(
            TableName=stack.deployment.parameters.table,
            Key={"wait": {"S": wait_key("newer", HOOK, unreadable)}, "entry": {"S": "current"}},
            UpdateExpression="SET #status = :status",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": "resting"}},
        )
    return unreadable


def reported(text: str, instance: str) -> bool:
    """Return whether a text says which record cannot be read, why, and what to do."""
    return all(part in text for part in (instance, "resting", "use the version that wrote it"))


def test_the_list_shows_the_others_and_says_that_one_is_missing(pair: tuple[str, str]) -> None:
    readable, unreadable = pair
    listed = run("ps")
    assert listed.exit_code == 1
    assert readable in listed.stdout
    assert unreadable not in listed.stdout
    assert reported(listed.stderr, unreadable)


def test_a_list_without_entries_does_not_say_that_nothing_waits(pair: tuple[str, str]) -> None:
    listed = run("ps", "--group", "newer")
    assert (listed.exit_code, listed.stdout) == (1, "")
    assert reported(listed.stderr, pair[1])


def test_an_order_to_its_group_leaves_it_alone_and_fails(pair: tuple[str, str]) -> None:
    said = run("hold", "--group", "newer", "--yes")
    assert said.exit_code == 1, said.output
    assert reported(said.stderr, pair[1])


def test_an_order_to_another_says_nothing_of_it(pair: tuple[str, str], stack: Testbed[Deployment]) -> None:
    said = run("hold", pair[0], "--yes", "--wait", "0")
    assert pair[1] not in said.output
    stack.run(60)
    record = stack.deployment.record("web", HOOK, pair[0])
    assert record is not None
    assert record.hold is not None


@pytest.mark.parametrize("command", ["why", "show", "finish"])
def test_a_command_about_it_says_so_and_does_nothing(pair: tuple[str, str], command: str) -> None:
    reason = ("--reason", "it has to go", "--yes") if command == "finish" else ()
    said = run(command, pair[1], *reason)
    assert said.exit_code == 1, said.output
    assert reported(said.stderr, pair[1])
    assert "does not wait" not in said.output


def test_the_stack_cannot_be_deleted_while_it_may_wait(stack: Testbed[Deployment]) -> None:
    instance = unreadable_action(stack)
    with stack.region.unobserved():
        client = stack.region.client("autoscaling")
        client.delete_lifecycle_hook(AutoScalingGroupName="newer", LifecycleHookName=HOOK)
    said = run("check-delete")
    assert said.exit_code == 1
    assert said.stdout == ""
    assert reported(said.stderr, instance)
    # Nothing else is in the way.
    assert "is not ready to be deleted" not in said.stderr


def test_its_hook_is_not_removed(pair: tuple[str, str], stack: Testbed[Deployment]) -> None:
    said = run("remove-hook", "--group", "newer", "--name", HOOK, "--yes", "--release-waiting")
    assert said.exit_code == 1
    assert reported(said.stderr, pair[1])
    with stack.region.unobserved():
        hooks = stack.region.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName="newer")
    assert [hook["LifecycleHookName"] for hook in hooks["LifecycleHooks"]] == [HOOK]
