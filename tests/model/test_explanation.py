"""What `why` says happens by itself: the timeouts that run, and what the plan says for each."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.explanation import explain
from asg_lifecycle.model.plans import OnFailure, OnTimeout, Plan, PlanDecision, PlannedStep
from asg_lifecycle.model.progress import Failed, Waiting
from asg_lifecycle.model.records import Record, Status
from asg_lifecycle.model.step_memory import StepMemory
from asg_lifecycle.model.verbs import Order, Verb, refusal

BEGAN = 1_800_000_000.0
NOW = BEGAN + 60
PERSON = "arn:aws:sts::123456789012:assumed-role/on-call/maria"


def record(*steps: PlannedStep, plan: dict[str, Any] | None = None, **fields: Any) -> Record:
    """Return the record of an action that has worked on the first entry of a plan for a minute."""
    chosen = Plan(steps=steps, **plan or {})
    given: dict[str, Any] = {
        "wait": "w",
        "group": "web",
        "hook": "asg-lifecycle-terminate",
        "instance": "i-0123456789abcdef0",
        "transition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "execution": "arn:aws:lambda:eu-west-1:123456789012:function:lifecycle:7/durable-execution/a/b",
        "event_time": BEGAN,
        "claimed_at": BEGAN,
        "work_began_at": BEGAN,
        "status": Status.WORKING,
        "in_flight": "yes",
        "expires_at": 0,
        "plan_source": "default",
        "plan_why": "there is no other",
        "plan_decision": msgspec.json.encode(PlanDecision(source="default", why="", plan=chosen)).decode(),
        "plan_kinds": tuple(step.kind for step in chosen.leaves()),
        "present_steps": tuple(
            StepMemory(began_at=BEGAN, begun=True, progress=Waiting("waiting"))
            for _ in (chosen.steps[0].parallel or (1,))
        ),
        "deadline": BEGAN + 3600,
        "detail": "waiting",
    }
    return Record(**given | fields)


def by_itself(found: Record) -> str:
    """Return the sentence that tells what happens when nobody does anything."""
    (said,) = [sentence for sentence in explain(found, NOW).split(". ") if "y itself" in sentence]
    return said.rstrip(".")


@pytest.mark.parametrize(
    ("on_failure", "then"),
    [
        (OnFailure.HOLD, "and it is held"),
        (OnFailure.ABANDON, "and it is completed with ABANDON"),
        (OnFailure.CONTINUE, "and the plan goes on without it"),
    ],
)
def test_the_timeout_of_the_step_comes_before_the_deadline(on_failure: OnFailure, then: str) -> None:
    of_step = record(PlannedStep(kind="wait", timeout="10m", on_failure=on_failure))
    of_plan = record(PlannedStep(kind="wait", timeout="10m"), plan={"on_failure": on_failure})

    assert by_itself(of_step) == by_itself(of_plan)
    assert by_itself(of_step) == (
        f"By itself it goes on when what it waits for has come; its step fails in 9m {then}; it is completed with "
        "ABANDON at its deadline, in 59m"
    )


def test_what_an_operator_added_counts() -> None:
    memory = StepMemory(began_at=BEGAN, begun=True, progress=Waiting("waiting"), extended_seconds=1200.0)

    assert "its step fails in 29m and" in by_itself(
        record(PlannedStep(kind="wait", timeout="10m"), present_steps=(memory,))
    )


@pytest.mark.parametrize(
    ("on_timeout", "late", "at_deadline"),
    [
        (OnTimeout.HOLD, "held", "ABANDON"),
        (OnTimeout.ABANDON, "completed with ABANDON", "ABANDON"),
        (OnTimeout.CONTINUE, "completed with CONTINUE", "CONTINUE"),
    ],
)
def test_the_timeout_of_the_plan(on_timeout: OnTimeout, late: str, at_deadline: str) -> None:
    found = record(PlannedStep(kind="wait"), plan={"timeout": "20m", "on_timeout": on_timeout})

    assert by_itself(found) == (
        f"By itself it goes on when what it waits for has come; the time of its plan is over in 19m, and then it is "
        f"{late}; it is completed with {at_deadline} at its deadline, in 59m"
    )


def test_timeouts_after_the_deadline_never_come() -> None:
    found = record(PlannedStep(kind="wait", timeout="2h"), plan={"timeout": "3h"})

    assert by_itself(found) == (
        "By itself it goes on when what it waits for has come; it is completed with ABANDON at its deadline, in 59m"
    )


def test_a_hold_completes_nothing_before_the_deadline() -> None:
    found = record(PlannedStep(kind="wait", timeout="10m", on_failure=OnFailure.ABANDON), hold=f"{PERSON} at noon")

    assert by_itself(found) == "By itself its step fails in 9m; it is completed with ABANDON at its deadline, in 59m"


def test_a_step_that_failed_has_no_timeout() -> None:
    memory = StepMemory(began_at=BEGAN, begun=True, progress=Failed("no such command"))
    found = record(PlannedStep(kind="wait", timeout="10m"), status=Status.HELD, present_steps=(memory,))

    assert by_itself(found) == "By itself it is completed with ABANDON at its deadline, in 59m"


def test_steps_side_by_side_that_disagree_are_not_told() -> None:
    same = PlannedStep(kind="wait", timeout="10m")
    found = record(PlannedStep(parallel=(same, msgspec.structs.replace(same, on_failure=OnFailure.CONTINUE))))

    assert "its step fails in 9m; it is completed" in by_itself(found)


def test_the_plan_of_another_version_is_said_not_guessed() -> None:
    found = record(PlannedStep(kind="wait"), plan_decision='{"source": "default", "why": "", "plan": {"pace": 1}}')

    assert (
        "What happens when its time is over is not known here: its plan was written by another version of "
        "asg-lifecycle."
    ) in explain(found, NOW)
    assert refusal(Order(verb=Verb.EXTEND, length=60), found, NOW, str) == (
        "its plan was written by another version of asg-lifecycle, and its timeouts are not known here"
    )


def test_how_and_when_it_ended_is_said() -> None:
    ended = record(
        PlannedStep(kind="wait"),
        status=Status.COMPLETED,
        in_flight=None,
        result=ActionResult.ABANDON,
        ended_at=NOW - 300,
        reason="the plan says so",
    )

    assert explain(ended, NOW).endswith("does not wait any more: completed with ABANDON 5m ago, the plan says so.")
    lost = msgspec.structs.replace(ended, status=Status.LOST)
    assert explain(lost, NOW).endswith("does not wait any more: lost 5m ago, the plan says so.")
