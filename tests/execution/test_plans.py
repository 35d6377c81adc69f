"""What a plan can say, carried out: named plans, timeouts, steps side by side, results, dry runs."""

from __future__ import annotations

import json
import math
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from moto.ssm.models import ssm_backends

from asg_lifecycle.model.messages import Nudge, Resume, Skip, Wake
from asg_lifecycle.model.records import Status, action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

DOCUMENTS = (
    *("stop", "slow", "quick", "after", "good", "first", "second", "fails-0", "fails-1", "aaa", "bbb"),
    *("mine", "theirs", "web", "default"),
)
RARELY = pytest.mark.one_of(99)
WAKE = Wake(by="an event that ended nothing")
DEREGISTER = {"kind": "deregister-targets", "options": {"names": ["blue"]}}


def command(document: str = "stop", **more: Any) -> dict[str, Any]:
    return {"kind": "run-command", "options": {"document": document}, **more}


@pytest.fixture(autouse=True)
def documents_there_are(testbed: Testbed) -> None:
    content = json.dumps({"schemaVersion": "2.2", "mainSteps": []})
    # Each test needs few of them, and requests for all would take as long as a drain.
    backend = ssm_backends[testbed.region.account][testbed.region.name]
    for name in DOCUMENTS:
        backend.create_document(content, [], [], name, "", "Command", "JSON", "", [])


def drain(testbed: Testbed, plan: Any = None, **behaviour: Any) -> str:
    (instance,) = testbed.group(plan=plan)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(**{"duration": 60, **behaviour}))
    testbed.terminate(instance)
    return instance


def steps(testbed: Testbed) -> list[tuple[str, str]]:
    return [(step.kind, step.outcome) for step in testbed.record().step_outcomes]


def documents(testbed: Testbed) -> list[str]:
    return [run.command.document for run in testbed.run_command.invocations()]


# Which plan


def tag(testbed: Testbed, value: str, key: str = "asg-lifecycle:plan") -> None:
    tagged = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": key, "Value": value}
    with testbed.region.unobserved():
        testbed.region.client("autoscaling").create_or_update_tags(Tags=[{**tagged, "PropagateAtLaunch": False}])


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
    testbed: Testbed, *, named: str | None, tagged: str | None, stored: tuple[str, ...], winner: str | None, source: str
) -> None:
    for name in stored:
        testbed.deployment.put_plan(name, {"steps": [command(name)]})
    (instance,) = testbed.group(plan=named)
    if tagged is not None:
        tag(testbed, tagged)
    testbed.run_command.manage(instance)
    testbed.terminate(instance)
    testbed.finish()

    assert documents(testbed) == ([winner] if winner is not None else [])
    assert testbed.record().plan_source == source
    assert "web" in (testbed.record().plan_why or "") or source == "hook metadata"
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


@pytest.mark.parametrize("how", ["hook", "tag"])
def test_a_plan_that_is_not_there_holds_and_says_which_there_are(testbed: Testbed, how: str) -> None:
    testbed.deployment.put_plan("web-servers", {"steps": []})
    (instance,) = testbed.group(plan="web-serers" if how == "hook" else None)
    if how == "tag":
        tag(testbed, "web-serers")
    testbed.terminate(instance)
    testbed.run(3600)

    assert testbed.record().status == "held"
    problem = "there is no plan named 'web-serers' below /asg-lifecycle/asg-lifecycle/plans; there are: "
    assert testbed.record().problem == f"{problem}web-servers (terminate)"
    assert testbed.completions() == []


@pytest.mark.parametrize("text", ["{broken", "[]", '{"stepz": []}'])
def test_a_stored_plan_that_cannot_be_used_holds_and_no_other_takes_its_place(testbed: Testbed, text: str) -> None:
    testbed.deployment.put_plan("web", text)
    testbed.deployment.put_plan("default", {"steps": []})
    drain(testbed)
    testbed.run(600)

    assert (testbed.record().status, testbed.record().plan_source) == ("held", "group name")


def test_plans_that_cannot_be_read_keep_the_instance_until_they_can(testbed: Testbed) -> None:
    testbed.deployment.put_plan("web", {"steps": [command("web")]})
    testbed.region.faults.throttle("ssm", "GetParameters", times=6)
    drain(testbed)
    testbed.finish()

    assert documents(testbed) == ["web"]


def test_plans_that_may_not_be_read_hold_the_instance(testbed: Testbed) -> None:
    testbed.region.faults.deny("ssm", "GetParameters")
    drain(testbed)
    testbed.run(600)

    assert testbed.record().status == "held"
    assert "grant it to the function's role" in (testbed.record().problem or "")
    assert testbed.completions() == []


def test_other_tags_of_the_group_name_no_plan(testbed: Testbed) -> None:
    testbed.deployment.put_plan("somebody", {"steps": [command()]})
    testbed.deployment.put_plan("default", {"steps": []})
    (instance,) = testbed.group()
    tag(testbed, "somebody", key="a-owner")
    testbed.terminate(instance)
    testbed.finish()

    assert testbed.record().plan_source == "default"


def test_plans_are_asked_for_once_a_minute_however_many_drain(testbed: Testbed) -> None:
    testbed.deployment.put_plan("web", {"steps": []})
    instances = testbed.group(5)
    for instance in instances:
        testbed.terminate(instance)
    testbed.finish()

    assert len(testbed.completions()) == 5
    assert testbed.calls("ssm") == {"GetParameters": 1}
    assert testbed.calls("autoscaling")["DescribeTags"] == 1


def test_a_plan_that_changes_midway_does_not_change_a_running_drain(testbed: Testbed) -> None:
    testbed.deployment.put_plan("web", {"steps": [command("first"), command("second")]})
    drain(testbed, duration=300)
    testbed.run(30)
    testbed.deployment.put_plan("web", {"steps": []})
    testbed.finish()

    assert documents(testbed) == ["first", "second"]


# Results and timeouts


def test_work_that_is_done_may_abandon(testbed: Testbed) -> None:
    drain(testbed, {"steps": [command()], "result": "abandon"})
    testbed.finish()
    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]


def test_a_step_that_takes_too_long_fails_and_is_stopped(testbed: Testbed) -> None:
    instance = drain(
        testbed, {"steps": [command("slow", timeout="10m", on_failure="continue"), command("quick")]}, duration=900
    )
    testbed.run_command.behave(Behaviour(duration=5), document="quick")
    testbed.finish()

    assert steps(testbed) == [("run-command", "failed"), ("run-command", "done")]
    detail = testbed.record().step_outcomes[0].detail
    assert detail.startswith("not done within 10m: waiting for command")
    assert "was asked to stop" in detail
    assert [run.status for run in testbed.run_command.runs(instance)] == ["Cancelled", "Success"]
    began = testbed.run_command.runs(instance)
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
    testbed: Testbed, on_failure: str, completions: list[str], status: str
) -> None:
    other = "abandon" if on_failure != "abandon" else "hold"
    drain(testbed, {"steps": [command(on_failure=on_failure)], "on_failure": other}, exit_code=1)
    testbed.run(300)
    assert (testbed.completions(), testbed.record().status) == (completions, status)


def test_a_step_held_up_by_a_dependency_is_not_late(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": [{**DEREGISTER, "timeout": "5m"}], "on_failure": "continue"})
    testbed.target_group("blue", instance, delay=60)
    testbed.region.faults.fail("elbv2", "DescribeTargetHealth", code="InternalFailure", status=500, times=30)
    testbed.terminate(instance)
    testbed.run(1200)
    assert testbed.completions() == []
    testbed.finish()

    assert steps(testbed) == [("deregister-targets", "done")]
    drained = [entry for entry in testbed.log(LogKind.SERVICE) if entry.detail.startswith("elbv2 drained")]
    assert drained[0].time <= testbed.log(LogKind.COMPLETED)[0].time


def test_a_dependency_that_fails_in_the_last_moment_does_not_make_a_step_late(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": [{**DEREGISTER, "timeout": "5m"}], "on_failure": "continue"})
    testbed.target_group("blue", instance, delay=900)
    testbed.terminate(instance)
    testbed.run(298)
    testbed.region.faults.stand("elbv2", "DescribeTargetHealth", Fault(FaultKind.REQUEST_LOST))
    testbed.run(400)
    assert testbed.record().step_outcomes == ()
    assert "kept: " in (testbed.record().detail or "")
    testbed.region.faults.allow("elbv2", "DescribeTargetHealth")
    testbed.finish()
    assert steps(testbed) == [("deregister-targets", "failed")]


@pytest.mark.parametrize(
    ("side_by_side", "word"),
    [
        (False, None),
        (True, Nudge()),
        (False, WAKE),
        *(pytest.param(*case, marks=RARELY) for case in ((True, None), (False, Nudge()), (True, WAKE))),
    ],
)
def test_a_plan_held_up_by_a_dependency_is_not_late(
    testbed: Testbed, *, side_by_side: bool, word: Nudge | Wake | None
) -> None:
    first = {"parallel": [DEREGISTER, command("aaa")]} if side_by_side else DEREGISTER
    (instance,) = testbed.group(plan={"steps": [first, command("bbb")], "timeout": "5m", "on_timeout": "continue"})
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=200), document="bbb")
    testbed.target_group("blue", instance, delay=60)
    testbed.terminate(instance)
    testbed.run(10)
    testbed.region.faults.stand("elbv2", "DescribeTargetHealth", Fault(FaultKind.REQUEST_LOST))
    testbed.run(300)
    if word is not None:
        testbed.deployment.send_message(testbed.record(), word)
    testbed.run(300)
    testbed.region.faults.allow("elbv2", "DescribeTargetHealth")
    testbed.finish()

    # Ten minutes of outage, and more than three of a plan that has five; without it the plan is late.
    assert testbed.elapsed > 600 + 200
    assert {outcome for _, outcome in steps(testbed)} == {"done"}
    assert [run.status for run in testbed.run_command.runs(instance)][-1] == "Success"
    assert "was not done within" not in (testbed.record().reason or "")


@pytest.mark.parametrize(("on_timeout", "result"), [("continue", "CONTINUE"), ("abandon", "ABANDON")])
def test_a_plan_that_takes_too_long_ends_as_it_says(testbed: Testbed, on_timeout: str, result: str) -> None:
    instance = drain(
        testbed, {"steps": [command("aaa"), command("bbb")], "timeout": "15m", "on_timeout": on_timeout}, duration=600
    )
    testbed.finish()

    assert testbed.completions() == [f"{result} CompleteLifecycleAction"]
    assert 900 <= testbed.elapsed <= 930
    assert "the work was not done within 15m" in (testbed.record().reason or "")
    testbed.run(30)
    assert [run.status for run in testbed.run_command.runs(instance)] == ["Success", "Cancelled"]


def test_a_plan_that_holds_when_it_takes_too_long_waits_for_a_word_and_has_its_time_again(testbed: Testbed) -> None:
    drain(testbed, {"steps": [command("aaa"), command("bbb")], "timeout": "15m", "on_timeout": "hold"}, duration=600)
    testbed.run(1500)
    assert (testbed.record().status, testbed.record().problem) == ("held", "the work was not done within 15m")
    assert testbed.completions() == []
    testbed.deployment.send_message(testbed.record(), Resume())
    testbed.finish()

    assert steps(testbed) == [("run-command", "done")] * 2
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


@pytest.mark.usefixtures("over_soon")
def test_what_is_held_past_the_hooks_own_limit_is_abandoned(testbed: Testbed) -> None:
    drain(testbed, {"steps": [command()], "timeout": "15m", "on_timeout": "hold"}, duration=math.inf)
    testbed.finish()

    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]
    assert "nothing can be held any longer" in (testbed.record().reason or "")
    assert testbed.elapsed > 5_000


# When the instance survives


@pytest.mark.parametrize(("when", "ran"), [("run", ["stop"]), ("skip", []), (None, ["stop"])])
def test_a_step_may_be_skipped_when_the_instance_survives(testbed: Testbed, when: str | None, ran: list[str]) -> None:
    instance = testbed.group(plan={"steps": [command(when_instance_survives=when)]})[0]
    testbed.run_command.manage(instance)
    testbed.autoscaling.replace_root_volume(instance)
    testbed.finish()

    assert documents(testbed) == ran
    assert testbed.completions()[0] == "CONTINUE CompleteLifecycleAction"


# Side by side


def side_by_side(*members: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"steps": [{"parallel": list(members), **more}, command("after")]}


def test_a_named_plan_that_was_mended_is_followed_once_it_is_resumed(testbed: Testbed) -> None:
    testbed.deployment.put_plan("web", {"steps": [{"kind": "no-such-step"}]})
    (instance,) = testbed.group(plan="web")
    testbed.run_command.manage(instance)
    testbed.terminate(instance)
    testbed.run(30)
    assert testbed.record().status is Status.HELD

    # Without a change it is held as before.
    testbed.deployment.send_message(testbed.record(), Resume())
    testbed.run(90)
    assert "unknown kind 'no-such-step'" in (testbed.record().problem or "")

    testbed.deployment.put_plan("web", {"steps": [command()]})
    testbed.run(90)
    testbed.deployment.send_message(testbed.record(), Resume())
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    record = testbed.record()
    assert record.plan_kinds == ("run-command",)
    assert [step.outcome for step in record.step_outcomes] == ["done"]


def test_a_plan_that_cannot_be_read_again_holds_as_before(testbed: Testbed) -> None:
    testbed.deployment.put_plan("web", {"steps": [{"kind": "no-such-step"}]})
    (instance,) = testbed.group(plan="web")
    testbed.terminate(instance)
    testbed.run(90)
    testbed.region.faults.throttle("ssm", "GetParameters", times=50)
    testbed.deployment.send_message(testbed.record(), Resume())
    testbed.run(90)
    assert testbed.record().status is Status.HELD
    assert testbed.completions() == []


def test_steps_side_by_side_begin_together_and_all_end_before_the_plan_goes_on(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=side_by_side(DEREGISTER, command("slow"), command("quick")))
    testbed.target_group("blue", instance, delay=120)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=300), document="slow")
    testbed.run_command.behave(Behaviour(duration=10), document="quick")
    testbed.run_command.behave(Behaviour(duration=10), document="after")
    testbed.terminate(instance)
    testbed.run(30)
    detail = testbed.record().detail or ""
    assert "deregister-targets: waiting for 1 target to drain from blue" in detail
    assert "(slow)" in detail
    execution = testbed.finish()

    assert steps(testbed) == [("deregister-targets", "done")] + [("run-command", "done")] * 3
    slow, quick, after = (
        testbed.run_command.runs(instance, document=document) for document in ("slow", "quick", "after")
    )
    assert slow[0].command.requested_at == quick[0].command.requested_at
    assert after[0].command.requested_at >= (slow[0].ended_at or math.inf)
    # Each of the three commands that ends wakes the execution, which begins a round.
    names = [operation.name for operation in execution.operations]
    assert [name for name in names if "open-round" in name] == [f"open-round-{number}" for number in (2, 3, 4)]
    comments = {run.command.comment.rpartition(" ")[2] for run in testbed.run_command.runs(instance)}
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
    testbed: Testbed, words: tuple[str | None, str | None], group: str | None, status: str, completions: list[str]
) -> None:
    members = [command(f"fails-{number}", on_failure=word) for number, word in enumerate(words)]
    drain(testbed, side_by_side(*members, on_failure=group))
    for number in range(2):
        testbed.run_command.behave(Behaviour(exit_code=1), document=f"fails-{number}")
    testbed.run(300)

    assert (testbed.record().status, testbed.completions()) == (status, completions)


def test_a_resumed_action_begins_again_only_what_failed(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=side_by_side(DEREGISTER, command("good")))
    testbed.target_group("blue", instance, delay=60)
    testbed.terminate(instance)
    testbed.run(300)
    assert testbed.record().status == "held"
    assert "not managed by Systems Manager" in (testbed.record().problem or "")
    testbed.run_command.manage(instance)
    asked = testbed.calls("elbv2")
    testbed.deployment.send_message(testbed.record(), Resume())
    testbed.finish()

    assert testbed.calls("elbv2") == asked
    assert documents(testbed) == ["good", "after"]
    assert [outcome for _, outcome in steps(testbed)] == ["done"] * 3


def test_a_skip_stops_what_runs_and_leaves_what_is_done(testbed: Testbed) -> None:
    instance = drain(testbed, side_by_side(command("slow"), command("quick")), duration=5)
    testbed.run_command.behave(Behaviour(duration=5000), document="slow")
    testbed.run(120)
    testbed.deployment.send_message(testbed.record(), Skip())
    testbed.finish()

    assert [outcome for _, outcome in steps(testbed)] == ["skipped", "done", "done"]
    assert [run.status for run in testbed.run_command.runs(instance)] == ["Cancelled", "Success", "Success"]


def test_a_takeover_goes_on_with_what_is_left(testbed: Testbed) -> None:
    instance = drain(testbed, side_by_side(command("slow"), command("quick")), duration=5)
    testbed.run_command.behave(Behaviour(duration=1000), document="slow")
    testbed.run(120)
    dead = testbed.record().execution
    testbed.deployment.service.stop(dead)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(testbed.record()), takes_over=dead)
    testbed.deployment.start(payload(start))
    testbed.finish()

    assert documents(testbed) == ["slow", "quick", "after"]
    assert len(testbed.run_command.runs(instance)) == 3
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_plan_that_ends_stops_everything_side_by_side(testbed: Testbed) -> None:
    instance = drain(testbed, {**side_by_side(command("aaa"), command("bbb")), "timeout": "10m"}, duration=5000)
    testbed.finish()

    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]
    testbed.run(30)
    assert [run.status for run in testbed.run_command.runs(instance)] == ["Cancelled"] * 2


# Dry runs


def test_a_dry_run_says_what_it_would_do_changes_nothing_and_completes(testbed: Testbed) -> None:
    plan = {"steps": [{"parallel": [DEREGISTER, command("aaa")]}, command("bbb")], "dry_run": True}
    (instance,) = testbed.group(plan=plan)
    testbed.target_group("blue", instance, delay=60)
    testbed.run_command.manage(instance)
    testbed.terminate(instance)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert [step.detail for step in testbed.record().step_outcomes] == [
        "dry run: would deregister from blue (1)",
        f"dry run: would send aaa to instance {instance}, whose agent is Online",
        f"dry run: would send bbb to instance {instance}, whose agent is Online",
    ]
    changed = {"SendCommand", "CancelCommand", "DeregisterTargets"}
    assert not changed & {operation for _, operation in testbed.region.calls}


@pytest.mark.parametrize(
    ("call", "invocation"),
    [
        pytest.param(*place, marks=[] if number % 9 == 0 else RARELY)
        for number, place in enumerate(product(range(1, 8), range(2, 6)))
    ],
)
def test_a_command_side_by_side_is_sent_once_though_its_beginning_was_held_up_and_the_lambda_died(
    testbed: Testbed, invocation: int, call: int
) -> None:
    crash = CallCrash(invocation=invocation, call=call, after=True)
    testbed.deployment.service.call_crashes.append(crash)
    testbed.region.faults.fail("ssm", "DescribeInstanceInformation", code="InternalServerError", status=500, times=3)
    testbed.target_group("blue")
    instance = drain(testbed, {"steps": [{"parallel": [DEREGISTER, command("slow"), command("quick")]}]}, duration=5)
    testbed.finish()

    assert sorted(documents(testbed)) == ["quick", "slow"]
    assert len(testbed.run_command.runs(instance)) == 2
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_waiting_for_a_turn_does_not_count_against_the_plans_timeout(testbed: Testbed) -> None:
    instances = testbed.group(2, plan={"steps": [command()], "timeout": "10m", "drains_per_group": 1})
    testbed.run_command.behave(Behaviour(duration=400))
    for instance in instances:
        testbed.run_command.manage(instance)
        testbed.terminate(instance)
    testbed.finish()

    assert testbed.elapsed > 800
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 2


def test_a_takeover_does_not_give_the_plan_its_time_again(testbed: Testbed) -> None:
    drain(testbed, {"steps": [command("first"), command("second")], "timeout": "15m"}, duration=math.inf)
    testbed.run_command.behave(Behaviour(duration=300), document="first")
    testbed.run(600)
    dead = testbed.record().execution
    testbed.deployment.service.stop(dead)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(testbed.record()), takes_over=dead)
    testbed.deployment.start(payload(start))
    testbed.finish()

    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]
    assert 900 <= testbed.elapsed <= 930


@pytest.mark.parametrize("word", [None, WAKE])
def test_time_lost_to_a_dependency_does_not_count_after_a_message_either(testbed: Testbed, word: Wake | None) -> None:
    (instance,) = testbed.group(plan={"steps": [{**DEREGISTER, "timeout": "12m"}], "on_failure": "continue"})
    testbed.target_group("blue", instance, delay=900)
    testbed.terminate(instance)
    testbed.run(60)
    testbed.region.faults.stand("elbv2", "DescribeTargetHealth", Fault(FaultKind.REQUEST_LOST))
    testbed.run(600)
    testbed.region.faults.allow("elbv2", "DescribeTargetHealth")
    testbed.run(100)
    if word is not None:
        testbed.deployment.send_message(testbed.record(), word)
    testbed.finish()

    assert steps(testbed) == [("deregister-targets", "done")]


def test_work_that_goes_on_after_it_was_held_is_not_shown_as_held(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": [DEREGISTER], "timeout": "5m", "on_timeout": "hold"})
    testbed.target_group("blue", instance, delay=3600)
    testbed.terminate(instance)
    testbed.run(400)
    assert (testbed.record().status, testbed.record().problem) == ("held", "the work was not done within 5m")

    testbed.deployment.send_message(testbed.record(), Resume())
    testbed.run(60)
    assert (testbed.record().status, testbed.record().problem) == ("working", None)
