"""`show --follow` where the execution of the action fails: exit code 13, unless another takes over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.aws.executions import Executions, Liveness, Standing
from asg_lifecycle.cli.followed_action import Followed
from asg_lifecycle.composition import action_tools
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.messages import Finish
from asg_lifecycle.model.records import Status, Takeovers
from asg_lifecycle.model.story_price import price_of
from asg_lifecycle_simulator.deployment.parameters import TABLE
from tests.cli.action_commands import HOOK, SIGNAL, run, waiting

if TYPE_CHECKING:
    import pytest

    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed


def record_of(stack: Testbed[Deployment], instance: str) -> Record:
    record = stack.deployment.record("web", HOOK, instance)
    assert record is not None
    return record


def stop(stack: Testbed[Deployment]) -> None:
    """Stop the execution, as somebody would in the console."""
    (execution,) = stack.deployment.executions
    with stack.region.unobserved():
        stack.region.client("lambda").stop_durable_execution(DurableExecutionArn=execution.arn)


def test_an_execution_that_was_stopped_is_an_end(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    stack.timeline.call_after(100, lambda: stop(stack), name="somebody stops it")
    began = stack.timeline.now()
    followed = run("show", instance, "--follow")
    assert followed.exit_code == 13
    assert followed.stderr.startswith("asg-lifecycle: its execution arn:aws:lambda:eu-west-1:")
    assert followed.stderr.count("\n") == 1
    assert "the sweep has it taken over by another" in followed.stderr
    # Two sweeps of five minutes, and a minute for what they start.
    assert 100 + 660 <= stack.timeline.now() - began <= 100 + 660 + 60
    assert "now" in followed.stdout


def test_one_that_is_taken_over_is_followed_to_its_end(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)

    def finish() -> None:
        stack.deployment.send_message(record_of(stack, instance), Finish(ActionResult.CONTINUE))

    stack.timeline.call_after(100, lambda: stop(stack), name="somebody stops it")

    def sweep() -> None:
        stack.deployment.sweep()

    stack.timeline.call_after(500, sweep, name="the sweep")
    stack.timeline.call_after(2_000, finish, name="an operator")
    followed = run("show", instance, "--follow")
    assert followed.exit_code == 0
    assert "taken over by another" in followed.stderr


def test_an_action_that_no_execution_works_on_is_an_end(
    stack: Testbed[Deployment], capsys: pytest.CaptureFixture[str]
) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    tools = action_tools.compose_action_tools(TABLE)
    held = msgspec.structs.replace(
        record_of(stack, instance),
        status=Status.HELD,
        problem="held: 3 takeovers in a row\nmet the same failure",
        unowned_since=stack.timeline.now(),
        takeovers=Takeovers(count=4, position="held at step 1", attempt="x"),
    )
    assert Followed(tools, held, lambda: 300.0).wait() == 13
    assert capsys.readouterr().err == (
        "asg-lifecycle: no execution works on it any more: held: 3 takeovers in a row met the same failure\n"
    )


def test_who_may_not_ask_for_executions_follows_the_record_alone(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    asked = []

    def denied(_: Executions, execution: str) -> Standing:
        asked.append(execution)
        raise CallFailed(
            Failure(
                consequence=Consequence.DENIED,
                action="lambda:GetDurableExecution",
                code="AccessDeniedException",
                message="no",
            )
        )

    monkeypatch.setattr(Executions, "standing", denied)

    def finish() -> None:
        stack.deployment.send_message(record_of(stack, instance), Finish(ActionResult.ABANDON))

    stack.timeline.call_after(200, finish, name="an operator")
    followed = run("show", instance, "--follow")
    assert followed.exit_code == 10
    assert "permission lambda:GetDurableExecution is missing" in followed.stderr
    assert len(asked) == 1


def test_an_execution_is_asked_for_seldom(stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    asked = []

    def standing(_: Executions, execution: str) -> Standing:
        asked.append(execution)
        return Standing(Liveness.ALIVE)

    monkeypatch.setattr(Executions, "standing", standing)

    def finish() -> None:
        stack.deployment.send_message(record_of(stack, instance), Finish(ActionResult.CONTINUE))

    stack.timeline.call_after(600, finish, name="an operator")
    assert run("show", instance, "--follow").exit_code == 0
    assert 18 <= len(asked) <= 22


def test_the_price_is_never_more_than_what_is_metered(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, heartbeat=120)
    (execution,) = stack.deployment.executions

    def check() -> None:
        told = price_of(record_of(stack, instance), stack.timeline.now()).operations
        assert execution.metered_operations / 4 <= told <= execution.metered_operations

    for seconds in (0, 30, 1_000, 3_000):
        stack.run(seconds)
        check()
    stack.deployment.send_message(record_of(stack, instance), Finish(ActionResult.CONTINUE))
    stack.run(60)
    check()
