"""What a plan can say, carried out: named plans, timeouts, steps side by side, results, dry runs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.messages import Nudge, Skip
from asg_lifecycle.model.records import Status, action_of
from asg_lifecycle.model.start_requests import Start, StartReason, payload
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

DOCUMENTS = (
    *("stop", "slow", "quick", "after", "good", "first", "second", "fails-0", "fails-1", "aaa", "bbb"),
    *("mine", "theirs", "web", "default"),
)
DEREGISTER = {"kind": "deregister-targets", "options": {"names": ["blue"]}}


def command(document: str = "stop", **more: Any) -> dict[str, Any]:
    return {"kind": "run-command", "options": {"document": document}, **more}


@pytest.fixture(autouse=True)
def documents_there_are(stage: Stage) -> None:
    content = json.dumps({"schemaVersion": "2.2", "mainSteps": []})
    with stage.region.unobserved():
        for name in DOCUMENTS:
            stage.region.client("ssm").create_document(Name=name, Content=content, DocumentType="Command")


def drain(stage: Stage, plan: Any = None, **behaviour: Any) -> str:
    (instance,) = stage.group(plan=plan)
    stage.run_command.manage(instance)
    stage.run_command.behave(Behaviour(**{"duration": 60, **behaviour}))
    stage.terminate(instance)
    return instance


def steps(stage: Stage) -> list[tuple[str, str]]:
    return [(step.kind, step.outcome) for step in stage.record().steps]


def documents(stage: Stage) -> list[str]:
    return [run.command.document for run in stage.run_command.invocations()]


# Which plan


def tag(stage: Stage, value: str) -> None:
    tagged = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "asg-lifecycle:plan", "Value": value}
    with stage.region.unobserved():
        stage.region.client("autoscaling").create_or_update_tags(Tags=[{**tagged, "PropagateAtLaunch": False}])


@pytest.mark.parametrize(
    ("named", "tagged", "stored", "winner", "source"),
    [
        ("mine", "theirs", ("mine", "theirs", "web", "default"), "mine", "hook metadata"),
        (None, "theirs", ("theirs", "web", "default"), "theirs", "group tag"),
        (None, None, ("web", "default"), "web", "group name"),
        (None, None, ("default",), "default", "default"),
        (None, None, (), None, "built-in"),
    ],
)
def test_the_first_plan_there_is_wins_and_the_record_says_which_and_why(  # noqa: PLR0913 - a table of cases
    stage: Stage, *, named: str | None, tagged: str | None, stored: tuple[str, ...], winner: str | None, source: str
) -> None:
    for name in stored:
        stage.deployment.put_plan(name, {"steps": [command(name)]})
    (instance,) = stage.group(plan=named)
    if tagged is not None:
        tag(stage, tagged)
    stage.run_command.manage(instance)
    stage.terminate(instance)
    stage.finish()

    assert documents(stage) == ([winner] if winner is not None else [])
    assert stage.record().plan_source == source
    assert "web" in (stage.record().plan_why or "") or source == "hook metadata"
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]


@pytest.mark.parametrize("how", ["hook", "tag"])
def test_a_plan_that_is_not_there_holds_and_says_which_there_are(stage: Stage, how: str) -> None:
    stage.deployment.put_plan("web-servers", {"steps": []})
    (instance,) = stage.group(plan="web-serers" if how == "hook" else None)
    if how == "tag":
        tag(stage, "web-serers")
    stage.terminate(instance)
    stage.run(3600)

    assert stage.record().status == "held"
    problem = "there is no plan named 'web-serers' below /asg-lifecycle/plans; there are: web-servers"
    assert stage.record().problem == problem
    assert stage.completions() == []


@pytest.mark.parametrize("text", ["{broken", "[]", '{"stepz": []}'])
def test_a_stored_plan_that_cannot_be_used_holds_and_no_other_takes_its_place(stage: Stage, text: str) -> None:
    stage.deployment.put_plan("web", text)
    stage.deployment.put_plan("default", {"steps": []})
    drain(stage)
    stage.run(600)

    assert (stage.record().status, stage.record().plan_source) == ("held", "group name")


def test_plans_that_cannot_be_read_keep_the_instance_until_they_can(stage: Stage) -> None:
    stage.deployment.put_plan("web", {"steps": [command("web")]})
    stage.region.faults.throttle("ssm", "GetParameters", times=6)
    drain(stage)
    stage.finish()

    assert documents(stage) == ["web"]


def test_plans_that_may_not_be_read_hold_the_instance(stage: Stage) -> None:
    stage.region.faults.deny("ssm", "GetParameters")
    drain(stage)
    stage.run(600)

    assert stage.record().status == "held"
    assert "grant it to the function's role" in (stage.record().problem or "")
    assert stage.completions() == []


def test_plans_are_asked_for_once_a_minute_however_many_drain(stage: Stage) -> None:
    stage.deployment.put_plan("web", {"steps": []})
    instances = stage.group(5)
    for instance in instances:
        stage.terminate(instance)
    stage.finish()

    assert len(stage.completions()) == 5
    assert stage.calls("ssm") == {"GetParameters": 1}
    assert stage.calls("autoscaling")["DescribeTags"] == 1


def test_a_plan_that_changes_midway_does_not_change_a_running_drain(stage: Stage) -> None:
    stage.deployment.put_plan("web", {"steps": [command("first"), command("second")]})
    drain(stage, duration=300)
    stage.run(30)
    stage.deployment.put_plan("web", {"steps": []})
    stage.finish()

    assert documents(stage) == ["first", "second"]


# Results and timeouts


def test_work_that_is_done_may_abandon(stage: Stage) -> None:
    drain(stage, {"steps": [command()], "result": "abandon"})
    stage.finish()
    assert stage.completions() == ["ABANDON CompleteLifecycleAction"]


def test_a_step_that_takes_too_long_fails_and_is_stopped(stage: Stage) -> None:
    instance = drain(
        stage, {"steps": [command("slow", timeout="10m", on_failure="continue"), command("quick")]}, duration=900
    )
    stage.run_command.behave(Behaviour(duration=5), document="quick")
    stage.finish()

    assert steps(stage) == [("run-command", "failed"), ("run-command", "done")]
    detail = stage.record().steps[0].detail
    assert detail.startswith("not done within 10m: waiting for command")
    assert "was asked to stop" in detail
    assert [run.status for run in stage.run_command.runs(instance)] == ["Cancelled", "Success"]
    began = stage.run_command.runs(instance)
    assert 600 <= (began[1].command.requested_at - began[0].command.requested_at) <= 610


@pytest.mark.parametrize(
    ("on_failure", "completions", "status"),
    [
        ("hold", [], "held"),
        ("abandon", ["ABANDON CompleteLifecycleAction"], "completed"),
        ("continue", ["CONTINUE CompleteLifecycleAction"], "completed"),
    ],
)
def test_a_steps_own_word_on_failure_stands_above_the_plans(
    stage: Stage, on_failure: str, completions: list[str], status: str
) -> None:
    other = "abandon" if on_failure != "abandon" else "hold"
    drain(stage, {"steps": [command(on_failure=on_failure)], "on_failure": other}, exit_code=1)
    stage.run(1200)
    assert (stage.completions(), stage.record().status) == (completions, status)


def test_a_step_held_up_by_a_dependency_is_not_late(stage: Stage) -> None:
    (instance,) = stage.group(plan={"steps": [{**DEREGISTER, "timeout": "5m"}], "on_failure": "continue"})
    stage.target_group("blue", instance, delay=60)
    stage.region.faults.fail("elbv2", "DescribeTargetHealth", code="InternalFailure", status=500, times=30)
    stage.terminate(instance)
    stage.run(1200)
    assert stage.completions() == []
    stage.finish()

    assert steps(stage) == [("deregister-targets", "done")]
    drained = [entry for entry in stage.log(LogKind.SERVICE) if entry.detail.startswith("elbv2 drained")]
    assert drained[0].time <= stage.log(LogKind.COMPLETED)[0].time


def test_a_dependency_that_fails_in_the_last_moment_does_not_make_a_step_late(stage: Stage) -> None:
    (instance,) = stage.group(plan={"steps": [{**DEREGISTER, "timeout": "5m"}], "on_failure": "continue"})
    stage.target_group("blue", instance, delay=900)
    stage.terminate(instance)
    stage.run(298)
    stage.region.faults.stand("elbv2", "DescribeTargetHealth", Fault(FaultKind.REQUEST_LOST))
    stage.run(400)
    assert stage.record().steps == ()
    assert "kept: " in (stage.record().detail or "")
    stage.region.faults.allow("elbv2", "DescribeTargetHealth")
    stage.finish()
    assert steps(stage) == [("deregister-targets", "failed")]


@pytest.mark.parametrize(("on_timeout", "result"), [("continue", "CONTINUE"), ("abandon", "ABANDON")])
def test_a_plan_that_takes_too_long_ends_as_it_says(stage: Stage, on_timeout: str, result: str) -> None:
    instance = drain(
        stage, {"steps": [command("aaa"), command("bbb")], "timeout": "15m", "on_timeout": on_timeout}, duration=600
    )
    stage.finish()

    assert stage.completions() == [f"{result} CompleteLifecycleAction"]
    assert 900 <= stage.elapsed <= 930
    assert "the work was not done within 15m" in (stage.record().reason or "")
    stage.run(30)
    assert [run.status for run in stage.run_command.runs(instance)] == ["Success", "Cancelled"]


def test_a_plan_that_holds_when_it_takes_too_long_waits_for_a_word_and_has_its_time_again(stage: Stage) -> None:
    drain(stage, {"steps": [command("aaa"), command("bbb")], "timeout": "15m", "on_timeout": "hold"}, duration=600)
    stage.run(1500)
    assert (stage.record().status, stage.record().problem) == ("held", "the work was not done within 15m")
    assert stage.completions() == []
    stage.deployment.say(stage.record(), Nudge())
    stage.finish()

    assert steps(stage) == [("run-command", "done")] * 2
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_what_is_held_past_the_hooks_own_limit_is_abandoned(stage: Stage) -> None:
    drain(stage, {"steps": [command()], "timeout": "15m", "on_timeout": "hold"}, duration=math.inf)
    stage.finish()

    assert stage.completions() == ["ABANDON CompleteLifecycleAction"]
    assert "nothing can be held any longer" in (stage.record().reason or "")
    assert stage.elapsed > 29_000


# When the instance survives


@pytest.mark.parametrize(("when", "ran"), [("run", ["stop"]), ("skip", []), (None, ["stop"])])
def test_a_step_may_be_skipped_when_the_instance_survives(stage: Stage, when: str | None, ran: list[str]) -> None:
    instance = stage.group(plan={"steps": [command(when_instance_survives=when)]})[0]
    stage.run_command.manage(instance)
    stage.region.autoscaling.replace_root_volume(instance)
    stage.finish()

    assert documents(stage) == ran
    assert stage.completions()[0] == "CONTINUE CompleteLifecycleAction"


# Side by side


def side_by_side(*members: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"steps": [{"parallel": list(members), **more}, command("after")]}


def test_a_named_plan_that_was_mended_is_followed_after_a_nudge(stage: Stage) -> None:
    stage.deployment.put_plan("web", {"steps": [{"kind": "no-such-step"}]})
    (instance,) = stage.group(plan="web")
    stage.run_command.manage(instance)
    stage.terminate(instance)
    stage.run(30)
    assert stage.record().status is Status.HELD

    # A nudge without a change holds as before.
    stage.deployment.say(stage.record(), Nudge())
    stage.run(90)
    assert "unknown kind 'no-such-step'" in (stage.record().problem or "")

    stage.deployment.put_plan("web", {"steps": [command()]})
    stage.run(90)
    stage.deployment.say(stage.record(), Nudge())
    stage.finish()
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    record = stage.record()
    assert record.plan == ("run-command",)
    assert [step.outcome for step in record.steps] == ["done"]


def test_a_plan_that_cannot_be_read_again_holds_as_before(stage: Stage) -> None:
    stage.deployment.put_plan("web", {"steps": [{"kind": "no-such-step"}]})
    (instance,) = stage.group(plan="web")
    stage.terminate(instance)
    stage.run(90)
    stage.region.faults.throttle("ssm", "GetParameters", times=50)
    stage.deployment.say(stage.record(), Nudge())
    stage.run(90)
    assert stage.record().status is Status.HELD
    assert stage.completions() == []


def test_steps_side_by_side_begin_together_and_all_end_before_the_plan_goes_on(stage: Stage) -> None:
    (instance,) = stage.group(plan=side_by_side(DEREGISTER, command("slow"), command("quick")))
    stage.target_group("blue", instance, delay=120)
    stage.run_command.manage(instance)
    stage.run_command.behave(Behaviour(duration=300), document="slow")
    stage.run_command.behave(Behaviour(duration=10), document="quick")
    stage.run_command.behave(Behaviour(duration=10), document="after")
    stage.terminate(instance)
    stage.run(30)
    detail = stage.record().detail or ""
    assert "deregister-targets: waiting for 1 target to drain from blue" in detail
    assert "(slow)" in detail
    execution = stage.finish()

    assert steps(stage) == [("deregister-targets", "done")] + [("run-command", "done")] * 3
    slow, quick, after = (
        stage.run_command.runs(instance, document=document) for document in ("slow", "quick", "after")
    )
    assert slow[0].command.requested_at == quick[0].command.requested_at
    assert after[0].command.requested_at >= (slow[0].ended_at or math.inf)
    # Each command that ends wakes the execution, which begins a round.
    names = [(operation.name or "").partition("-round")[0] for operation in execution.operations]
    assert sorted({name for name in names if "step" in name}) == ["step-1-parallel", "step-2-run-command"]
    comments = {run.command.comment.rpartition(" ")[2] for run in stage.run_command.runs(instance)}
    assert comments == {"2", "3", "4"}


@pytest.mark.parametrize(
    ("words", "group", "status", "completions"),
    [
        (("continue", "continue"), None, "completed", ["CONTINUE CompleteLifecycleAction"]),
        (("continue", "abandon"), None, "completed", ["ABANDON CompleteLifecycleAction"]),
        (("abandon", "hold"), None, "held", []),
        ((None, None), "continue", "completed", ["CONTINUE CompleteLifecycleAction"]),
        ((None, "abandon"), "continue", "completed", ["ABANDON CompleteLifecycleAction"]),
        ((None, None), None, "held", []),
    ],
)
def test_of_several_failures_the_gravest_decides(
    stage: Stage, words: tuple[str | None, str | None], group: str | None, status: str, completions: list[str]
) -> None:
    members = [command(f"fails-{number}", on_failure=word) for number, word in enumerate(words)]
    drain(stage, side_by_side(*members, on_failure=group))
    for number in range(2):
        stage.run_command.behave(Behaviour(exit_code=1), document=f"fails-{number}")
    stage.run(1200)

    assert (stage.record().status, stage.completions()) == (status, completions)


def test_a_nudge_begins_again_only_what_failed(stage: Stage) -> None:
    (instance,) = stage.group(plan=side_by_side(DEREGISTER, command("good")))
    stage.target_group("blue", instance, delay=60)
    stage.terminate(instance)
    stage.run(300)
    assert stage.record().status == "held"
    assert "not managed by Systems Manager" in (stage.record().problem or "")
    stage.run_command.manage(instance)
    asked = stage.calls("elbv2")
    stage.deployment.say(stage.record(), Nudge())
    stage.finish()

    assert stage.calls("elbv2") == asked
    assert documents(stage) == ["good", "after"]
    assert [outcome for _, outcome in steps(stage)] == ["done"] * 3


def test_a_skip_stops_what_runs_and_leaves_what_is_done(stage: Stage) -> None:
    instance = drain(stage, side_by_side(command("slow"), command("quick")), duration=5)
    stage.run_command.behave(Behaviour(duration=5000), document="slow")
    stage.run(120)
    stage.deployment.say(stage.record(), Skip())
    stage.finish()

    assert [outcome for _, outcome in steps(stage)] == ["skipped", "done", "done"]
    assert [run.status for run in stage.run_command.runs(instance)] == ["Cancelled", "Success", "Success"]


def test_a_takeover_goes_on_with_what_is_left(stage: Stage) -> None:
    instance = drain(stage, side_by_side(command("slow"), command("quick")), duration=5)
    stage.run_command.behave(Behaviour(duration=1000), document="slow")
    stage.run(120)
    dead = stage.record().execution
    stage.deployment.service.stop(dead)
    start = Start(reason=StartReason.TAKEOVER, action=action_of(stage.record()), takes_over=dead)
    stage.deployment.start(payload(start))
    stage.finish()

    assert documents(stage) == ["slow", "quick", "after"]
    assert len(stage.run_command.runs(instance)) == 3
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_plan_that_ends_stops_everything_side_by_side(stage: Stage) -> None:
    instance = drain(stage, {**side_by_side(command("aaa"), command("bbb")), "timeout": "10m"}, duration=5000)
    stage.finish()

    assert stage.completions() == ["ABANDON CompleteLifecycleAction"]
    stage.run(30)
    assert [run.status for run in stage.run_command.runs(instance)] == ["Cancelled"] * 2


# Dry runs


def test_a_dry_run_says_what_it_would_do_changes_nothing_and_completes(stage: Stage) -> None:
    plan = {"steps": [{"parallel": [DEREGISTER, command("aaa")]}, command("bbb")], "dry_run": True}
    (instance,) = stage.group(plan=plan)
    stage.target_group("blue", instance, delay=60)
    stage.run_command.manage(instance)
    stage.terminate(instance)
    stage.finish()

    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert [step.detail for step in stage.record().steps] == [
        "dry run: would deregister from blue (1)",
        f"dry run: would send aaa to instance {instance}, whose agent is Online",
        f"dry run: would send bbb to instance {instance}, whose agent is Online",
    ]
    changed = {"SendCommand", "CancelCommand", "DeregisterTargets"}
    assert not changed & {operation for _, operation in stage.region.calls}


@pytest.mark.parametrize("invocation", range(2, 6))
@pytest.mark.parametrize("call", range(1, 8))
def test_a_command_side_by_side_is_sent_once_though_its_beginning_was_held_up_and_the_lambda_died(
    stage: Stage, invocation: int, call: int
) -> None:
    crash = CallCrash(invocation=invocation, call=call, after=True)
    stage.deployment.service.call_crashes.append(crash)
    stage.region.faults.fail("ssm", "DescribeInstanceInformation", code="InternalServerError", status=500, times=3)
    instance = drain(stage, {"steps": [{"parallel": [DEREGISTER, command("slow"), command("quick")]}]}, duration=5)
    stage.finish()

    assert sorted(documents(stage)) == ["quick", "slow"]
    assert len(stage.run_command.runs(instance)) == 2
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_waiting_for_a_turn_does_not_count_against_the_plans_timeout(stage: Stage) -> None:
    instances = stage.group(2, plan={"steps": [command()], "timeout": "10m", "drains_per_group": 1})
    stage.run_command.behave(Behaviour(duration=400))
    for instance in instances:
        stage.run_command.manage(instance)
        stage.terminate(instance)
    stage.finish()

    assert stage.elapsed > 800
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"] * 2


def test_a_takeover_does_not_give_the_plan_its_time_again(stage: Stage) -> None:
    drain(stage, {"steps": [command("first"), command("second")], "timeout": "15m"}, duration=math.inf)
    stage.run_command.behave(Behaviour(duration=300), document="first")
    stage.run(600)
    dead = stage.record().execution
    stage.deployment.service.stop(dead)
    start = Start(reason=StartReason.TAKEOVER, action=action_of(stage.record()), takes_over=dead)
    stage.deployment.start(payload(start))
    stage.finish()

    assert stage.completions() == ["ABANDON CompleteLifecycleAction"]
    assert 900 <= stage.elapsed <= 930
