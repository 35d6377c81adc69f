"""A fault of ours holds the instance and says so, once: it ends no execution and releases nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.execution.work.plan_runner import PlanRunner
from asg_lifecycle.execution.work.step_runner import StepRunner
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.blockers import BlockerKind
from asg_lifecycle.model.messages import Finish, Resume, Skip
from asg_lifecycle.model.records import Status, blockers_of
from asg_lifecycle.plans.selection import Planning
from asg_lifecycle.steps.run_command import RunCommand
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

A_WHILE = 900.0
"""Seconds: several heartbeats, and several times what a step that fails waits before it is tried again."""
STEP = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
PLAN = {"steps": [STEP]}


class FaultError(Exception):
    """What nobody thought of."""


def broken(*_: object, **__: object) -> Any:
    raise FaultError("nobody thought of it")


def drain(testbed: Testbed, plan: Any = PLAN, **hook: Any) -> str:
    (instance,) = testbed.group(plan=plan, **hook)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=600))
    testbed.terminate(instance)
    return instance


def said(caplog: pytest.LogCaptureFixture) -> int:
    return sum(entry.getMessage().startswith("internal error") for entry in caplog.records)


@pytest.mark.one_of(2)
@pytest.mark.parametrize(
    ("where", "status"),
    [
        ((RunCommand, "__init__"), Status.WORKING),
        ((RunCommand, "begin"), Status.WORKING),
        ((RunCommand, "poll"), Status.WORKING),
        ((StepRunner, "_settled"), Status.WORKING),
        ((StepRunner, "next_poll_delay"), Status.HELD),
        ((PlanRunner, "_resolve"), Status.HELD),
        ((Planning, "plan_for"), Status.HELD),
    ],
)
def test_a_fault_holds_the_instance_and_is_said_once(
    testbed: Testbed,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: tuple[type, str],
    status: Status,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(*where, broken)
        drain(testbed)
        testbed.run(A_WHILE)

        record = testbed.record()
        assert (record.status, len(testbed.deployment.executions), said(caplog)) == (status, 1, 1)
        assert "nobody thought of it" in (record.problem or "")
        assert testbed.completions() == []
        assert testbed.beats()[-1] > A_WHILE - 300

    testbed.deployment.send_message(testbed.record(), Resume(by="me"))
    testbed.finish()
    assert testbed.record().status is Status.COMPLETED
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(testbed.record().instance)) == 1


def test_what_holds_it_is_a_blocker_with_its_beginning(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunCommand, "begin", broken)
    drain(testbed)
    testbed.run(A_WHILE)

    (blocker,) = blockers_of(testbed.record())
    assert (blocker.kind, blocker.name) == (BlockerKind.INTERNAL_ERROR, "run-command")
    assert blocker.since is not None
    assert blocker.since - testbed.started < 60


@pytest.mark.parametrize("how", ["a skip", "an end", "a step's timeout"])
def test_what_cannot_be_stopped_for_a_fault_does_not_keep_the_action(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    monkeypatch.setattr(RunCommand, "stop", broken)
    late = {"steps": [STEP | {"timeout": "5m", "on_failure": "continue"}]}
    drain(testbed, late if how == "a step's timeout" else PLAN)
    testbed.run(60)
    if how == "a skip":
        testbed.deployment.send_message(testbed.record(), Skip(by="me"))
    elif how == "an end":
        testbed.deployment.send_message(testbed.record(), Finish(result=ActionResult.CONTINUE, by="me"))
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.deployment.executions) == 1
    # A step that failed is stopped once more at the end of the action.
    assert said(caplog) == (2 if how == "a step's timeout" else 1)
    if how != "an end":
        assert "could not be stopped: internal error" in testbed.record().step_outcomes[0].detail
