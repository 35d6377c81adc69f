"""Every verb against every status, and against everything that can come between the look and the message.

The tests go over the registry of verbs: a new one is in them as soon as it stands there. What it takes beside targets
is written into `MORE_WORDS`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.action_summary import Standing, standing_of, summarize
from asg_lifecycle.model.actions import ActionResult, LifecycleAction, Transition
from asg_lifecycle.model.messages import Extend, Finish, Hold, Nudge, Resume, Skip
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle.model.verbs import ENDS_WORK, POSSIBLE, Order, Verb, refusal
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.action_commands import COMMAND, HOOK, MISSPELT, run, waiting
from tests.cli.action_commands import SIGNAL as ENDLESS_SIGNAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    from asg_lifecycle.model.messages import Message
    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

WHY = ("--reason", "told to", "--yes")
MORE_WORDS: dict[str, tuple[str, ...]] = {"extend": ("30m",)}
"""What a verb takes before its targets, where it takes anything."""

SIGNAL = {**ENDLESS_SIGNAL, "timeout": "5h"}
"""A step whose timeout can be extended."""

AT_WORK = POSSIBLE[Standing.WORKING]
"""The verbs that change something where a step is under way."""

TYPICAL = (Verb.FINISH, Verb.SKIP, Verb.HOLD, Verb.NUDGE)
"""One verb of each kind, for what happens between an operator and any action: the rest of the way is the same code."""

RESULTS = {Verb.FINISH: "CONTINUE", Verb.ABANDON: "ABANDON"}
"""With what the verbs that end an action end it; no other ever completes one."""

UNKNOWN = "i-0123456789abcdef0"
ENDED = {Status.COMPLETED, Status.OVER, Status.OBSERVED, Status.LOST}
NO_TARGETS = {"kind": "deregister-targets", "options": {"names": ["blue"]}}
"""A step that fails: there is no such target group."""

SEND = ("lambda", "SendDurableExecutionCallbackSuccess")


def say(verb: Verb, *words: str) -> Result:
    """Call a verb, and see that it ends in a way that is meant: with sentences, and no traceback."""
    done = run(verb, *MORE_WORDS.get(verb, ()), *words)
    assert done.exception is None or isinstance(done.exception, SystemExit), (verb, words, done.exception)
    assert done.exit_code in {0, 1, 2}, (verb, words, done.output)
    assert "Traceback" not in done.output
    assert bool(done.stderr) is (done.exit_code != 0), (verb, words, done.output)
    return done


def record_of(testbed: Testbed[Deployment], instance: str, group: str) -> Record:
    record = testbed.deployment.record(group, HOOK, instance)
    assert record is not None
    return record


def completions(testbed: Testbed[Deployment], instance: str) -> list[str]:
    """Return how the actions of an instance ended."""
    return [each.detail for each in testbed.region.log.of(LogKind.COMPLETED) if each.instance == instance]


def complete_by_hand(testbed: Testbed[Deployment], group: str, instance: str, hook: str = HOOK) -> None:
    with testbed.region.unobserved():
        testbed.region.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName=group, LifecycleHookName=hook, InstanceId=instance, LifecycleActionResult="CONTINUE"
        )


def begin_early(testbed: Testbed[Deployment], group: str) -> str:
    """Let the work of an instance begin that does not wait yet; return the instance."""
    metadata = json.dumps({"plan": {"steps": [SIGNAL, SIGNAL]}})
    (instance,) = testbed.autoscaling.create_group(group)
    testbed.autoscaling.put_hook(group, HOOK, "TERMINATING", HeartbeatTimeout=900, NotificationMetadata=metadata)
    now = testbed.timeline.now()
    action = LifecycleAction(
        token=None,
        group=group,
        hook=HOOK,
        instance=instance,
        transition=Transition.TERMINATING,
        time=now,
        metadata=metadata,
    )
    testbed.deployment.start(payload(StartRequest(reason=StartReason.REBALANCE, action=action, until=now + 40_000)))
    return instance


def let_it_be_lost(testbed: Testbed[Deployment]) -> str:
    """Let an action end by Auto Scaling's own timeout, because it could not be completed.

    The execution is paused for most of that time: each of its hundreds of tries would be refused like the first ones.
    """
    testbed.region.faults.deny("autoscaling", "CompleteLifecycleAction")
    (instance,) = waiting(testbed, "lost", {"kind": "deregister-targets"}, heartbeat=30)
    owner = record_of(testbed, instance, "lost").execution
    testbed.deployment.service.pause(owner)
    testbed.run(2_900)
    testbed.deployment.service.resume_paused(owner)
    testbed.run(200)
    testbed.region.faults.clear()
    return instance


def instances_of_every_status(testbed: Testbed[Deployment]) -> dict[str, str]:
    """Let an instance wait in each way that lasts; return the instances by their groups."""
    testbed.run_command.behave(Behaviour(duration=40_000))
    instances = {
        "lost": let_it_be_lost(testbed),
        "working": waiting(testbed, "working", SIGNAL, SIGNAL)[0],
        "failed": waiting(testbed, "failed", NO_TARGETS, SIGNAL)[0],
        "misspelt": waiting(testbed, "misspelt", MISSPELT)[0],
        "queued": waiting(testbed, "queued", COMMAND, count=2, drains_per_group=1)[1],
        "observed": waiting(testbed, "observed", SIGNAL, observe=True)[0],
        "completed": waiting(testbed, "completed", {"kind": "deregister-targets"})[0],
        "over": waiting(testbed, "over", SIGNAL, heartbeat=60)[0],
        "early": begin_early(testbed, "early"),
    }
    complete_by_hand(testbed, "over", instances["over"])
    testbed.run(60)
    return instances


@pytest.mark.parametrize("verb", Verb)
def test_a_verb_against_every_status(stack: Testbed[Deployment], verb: Verb) -> None:
    instances = instances_of_every_status(stack)
    records = {group: record_of(stack, instance, group) for group, instance in instances.items()}
    assert {standing_of(each) for each in records.values()} == {*Standing} - {Standing.STARTING, Standing.COMPLETING}
    assert {each.status for each in records.values() if each.in_flight is None} == ENDED
    for group, instance in instances.items():
        before = records[group]
        summary = summarize(before, stack.timeline.now())
        ended = completions(stack, instance)
        done = say(verb, instance, *WHY)
        stack.run(30)
        after = record_of(stack, instance, group)

        assert done.exit_code == (
            0 if refusal(Order(verb=verb, length=1_800), before, stack.timeline.now(), str) is None else 1
        ), (group, done.output)
        if done.exit_code:
            assert f"{instance} (group {group}, hook {HOOK}, {summary.standing}): " in done.stderr
            assert completions(stack, instance) == ended
            assert (after.status, after.messages, after.step_outcomes) == (
                before.status,
                before.messages,
                before.step_outcomes,
            )
            continue
        assert after.messages[-1].endswith(": told to")
        waits = summary.standing is not Standing.EARLY
        expected = [f"{RESULTS[verb]} CompleteLifecycleAction"] if verb in RESULTS and waits else []
        assert completions(stack, instance) == expected, group
        assert (after.in_flight is None) is (verb in RESULTS), group
        skipped = [each.outcome for each in after.step_outcomes[len(before.step_outcomes) :]]
        assert skipped == (["skipped"] if verb is Verb.SKIP else []) or verb in RESULTS, group


@pytest.mark.parametrize("verb", Verb)
def test_a_verb_against_what_is_not_ours(stack: Testbed[Deployment], verb: Verb) -> None:
    (instance,) = stack.autoscaling.create_group("foreign")
    stack.autoscaling.put_hook("foreign", "others-hook", "TERMINATING", HeartbeatTimeout=900)
    stack.autoscaling.terminate(instance)
    stack.run(30)
    for target in (instance, UNKNOWN, "00000000-0000-0000-0000-000000000000", "no such thing", "-", " "):
        done = say(verb, target, *WHY)
        assert done.exit_code == 1, target
        hint = "" if target in {instance, UNKNOWN} else "; a group is named with --group"
        assert done.stderr.splitlines() == [
            f"{target} does not wait at a hook of this stack{hint}",
            f"asg-lifecycle: there is nothing to {verb}",
        ]
    assert "whether it did is not known" in say(verb, "", *WHY).stderr
    stack.run(30)
    assert stack.completions() == []


@pytest.mark.one_of(2)
@pytest.mark.parametrize("verb", Verb)
def test_a_verb_against_an_action_that_begins_or_is_being_completed(stack: Testbed[Deployment], verb: Verb) -> None:
    (completing,) = waiting(stack, "completing", SIGNAL)
    stack.deployment.send_message(record_of(stack, completing, "completing"), Finish(ActionResult.CONTINUE, by="me"))
    throttled = Fault(FaultKind.REFUSED, "Throttling", "Rate exceeded")
    stack.region.faults.stand("autoscaling", "CompleteLifecycleAction", throttled)
    stack.region.faults.stand("autoscaling", "DescribeLifecycleHooks", throttled)
    (starting,) = waiting(stack, "starting", SIGNAL)
    stack.run(20)
    for group, instance, why in (
        ("starting", starting, "its execution has only just begun"),
        ("completing", completing, "its result is decided and Auto Scaling is being told"),
    ):
        assert standing_of(record_of(stack, instance, group)) == group
        assert POSSIBLE[Standing(group)] == ()
        done = say(verb, instance, *WHY)
        assert done.exit_code == 1
        assert why in done.stderr
    assert SEND not in stack.region.calls
    stack.region.faults.clear()
    stack.run(120)
    assert stack.completions() == ["CONTINUE CompleteLifecycleAction"]


@pytest.mark.parametrize("verb", AT_WORK)
def test_a_verb_against_a_paused_execution(stack: Testbed[Deployment], verb: Verb) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, SIGNAL)
    owner = record_of(stack, instance, "web").execution
    stack.deployment.service.pause(owner)
    stack.deployment.sweep()
    assert record_of(stack, instance, "web").paused_since is not None
    done = say(verb, instance, *WHY, "--wait", "4")
    assert done.exit_code == 1
    assert "its execution is paused, and hears it when somebody resumes that" in done.stderr
    assert stack.completions() == []
    stack.deployment.service.resume_paused(owner)
    stack.run(60)
    assert stack.completions() == ([f"{RESULTS[verb]} CompleteLifecycleAction"] if verb in RESULTS else [])
    assert record_of(stack, instance, "web").messages[-1].endswith(": told to")


# What comes between the look and the message


def while_asked(
    testbed: Testbed[Deployment],
    monkeypatch: pytest.MonkeyPatch,
    verb: Verb,
    happens: Callable[[str], None],
    *words: str,
) -> tuple[str, Result]:
    """Let something happen to an instance that works on the first of two steps, while somebody is asked about it."""
    (instance,) = waiting(testbed, "web", SIGNAL, SIGNAL)

    def answer(_: str, **__: Any) -> str:
        happens(instance)
        return instance

    monkeypatch.setattr("asg_lifecycle.cli.confirmation.is_interactive", lambda: True)
    monkeypatch.setattr("typer.prompt", answer)
    monkeypatch.setattr("typer.confirm", answer)
    return instance, say(verb, instance, "--reason", "told to", *words)


@pytest.mark.parametrize("verb", AT_WORK)
def test_the_action_ends_in_between(stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, verb: Verb) -> None:
    def end(instance: str) -> None:
        complete_by_hand(stack, "web", instance)
        stack.run(900)

    instance, done = while_asked(stack, monkeypatch, verb, end)
    assert done.exit_code == 1
    assert "it ended before it heard that, now over: the action ended without us" in done.stderr
    assert stack.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert record_of(stack, instance, "web").messages == ()


FAILURES: dict[str, tuple[tuple[str, str], Fault, str, bool]] = {
    "the table is unreachable": (
        ("dynamodb", "BatchGetItem"),
        Fault(FaultKind.REQUEST_LOST),
        "dynamodb:BatchGetItem failed",
        False,
    ),
    "the table is denied": (
        ("dynamodb", "BatchGetItem"),
        Fault(FaultKind.REFUSED, "AccessDeniedException", "not authorized", 400),
        "permission dynamodb:BatchGetItem is missing",
        False,
    ),
    "the callback is unknown": (
        SEND,
        Fault(FaultKind.REFUSED, "ResourceNotFoundException", "no such callback", 404),
        "it has no open inbox, now working: wait-for-signal: waiting for signal drained",
        False,
    ),
    "the callback is expired": (
        SEND,
        Fault(FaultKind.REFUSED, "CallbackTimeoutException", "timed out", 400),
        "it has no open inbox, now working: wait-for-signal: waiting for signal drained",
        False,
    ),
    "the callback is denied": (
        SEND,
        Fault(FaultKind.REFUSED, "AccessDeniedException", "not authorized", 403),
        "permission lambda:SendDurableExecutionCallbackSuccess is missing",
        False,
    ),
    "the callback is throttled": (
        SEND,
        Fault(FaultKind.REFUSED, "TooManyRequestsException", "Rate exceeded", 429),
        "lambda:SendDurableExecutionCallbackSuccess failed: Rate exceeded",
        False,
    ),
    "the request is lost": (SEND, Fault(FaultKind.REQUEST_LOST), "it may not have been sent", False),
    "the answer is lost": (SEND, Fault(FaultKind.RESPONSE_LOST), "", True),
}
"""What fails from the look on: the call, how, what is said, and whether the message arrives all the same."""


@pytest.mark.one_of(3)
@pytest.mark.parametrize("verb", TYPICAL)
@pytest.mark.parametrize("failing", FAILURES)
def test_a_call_fails_from_then_on(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, verb: Verb, failing: str
) -> None:
    call, fault, why, arrives = FAILURES[failing]
    instance, done = while_asked(
        stack, monkeypatch, verb, lambda _: stack.region.faults.stand(*call, fault), "--wait", "6"
    )
    assert done.exit_code == (0 if arrives else 1), done.output
    assert why in done.stderr
    stack.region.faults.clear()
    stack.run(60)
    assert stack.completions() == ([f"{RESULTS[verb]} CompleteLifecycleAction"] if verb in RESULTS and arrives else [])
    record = record_of(stack, instance, "web")
    assert [said.endswith(": told to") for said in record.messages] == ([True] if arrives else [])
    assert len([each for each in record.step_outcomes if each.outcome == "skipped"]) == (
        1 if arrives and verb is Verb.SKIP else len(record.step_outcomes)
    )


@pytest.mark.parametrize("verb", TYPICAL)
@pytest.mark.parametrize("call", [("dynamodb", "Query"), ("dynamodb", "BatchGetItem"), ("sts", "GetCallerIdentity")])
def test_a_call_fails_from_the_beginning(stack: Testbed[Deployment], verb: Verb, call: tuple[str, str]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, SIGNAL)
    stack.region.faults.stand(*call, Fault(FaultKind.REQUEST_LOST))
    done = say(verb, instance, *WHY)
    assert done.exit_code == 1
    assert f"asg-lifecycle: {':'.join(call)} failed: " in done.stderr
    stack.region.faults.clear()
    stack.run(30)
    assert (stack.completions(), record_of(stack, instance, "web").messages) == ([], ())


@pytest.mark.parametrize("verb", TYPICAL)
def test_a_call_fails_for_a_moment(stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, verb: Verb) -> None:
    def fail_for_a_moment(_: str) -> None:
        stack.region.faults.throttle("dynamodb", "BatchGetItem", times=5)
        stack.region.faults.fail(*SEND, code="TooManyRequestsException", status=429, times=5)

    instance, done = while_asked(stack, monkeypatch, verb, fail_for_a_moment)
    assert done.exit_code == 0, done.output
    stack.run(30)
    assert len(record_of(stack, instance, "web").messages) == 1


@pytest.mark.parametrize("verb", TYPICAL)
def test_what_is_sent_and_cannot_be_followed_is_said_to_be_sent(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, verb: Verb
) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, SIGNAL)
    stack.deployment.service.notices_late = True
    send = stack.region.faults.take

    def take(service: str, operation: str) -> Fault | None:
        if (service, operation) == SEND:
            stack.region.faults.deny("dynamodb", "BatchGetItem")
        return send(service, operation)

    monkeypatch.setattr(stack.region.faults, "take", take)
    done = say(verb, instance, *WHY)
    assert done.exit_code == 1
    assert "sent; whether it was heard is not known: permission dynamodb:BatchGetItem is missing" in done.stderr
    assert f"see asg-lifecycle show {record_of(stack, instance, 'web').token}" in done.stderr
    assert stack.region.calls[SEND] == 1


@pytest.mark.parametrize("verb", TYPICAL)
def test_ctrl_c_while_it_waits_says_what_may_have_been_told(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, verb: Verb
) -> None:
    from asg_lifecycle.composition import action_tools  # noqa: PLC0415 - the fixture has put time into it

    instances = waiting(stack, "web", SIGNAL, SIGNAL, count=2)
    stack.deployment.service.notices_late = True
    compose = action_tools.compose_action_tools

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(action_tools, "compose_action_tools", lambda table: compose(table, pause=interrupt))
    done = run(verb, *MORE_WORDS.get(verb, ()), *instances, *WHY)
    assert done.exit_code == 130
    first, second = done.stderr.splitlines()
    assert "interrupted, and it may have been told; see asg-lifecycle show" in first
    assert second.startswith("not told: i-")
    assert stack.region.calls[SEND] == 1


# Two operators at once

OTHERS: dict[str, Message] = {
    "finish": Finish(ActionResult.CONTINUE, by="another"),
    "abandon": Finish(ActionResult.ABANDON, by="another"),
    "skip": Skip(by="another"),
    "hold": Hold(by="another"),
    "resume": Resume(by="another"),
    "extend": Extend(seconds=60, by="another"),
    "nudge": Nudge(by="another"),
}


@pytest.mark.one_of(3)
@pytest.mark.parametrize("verb", TYPICAL)
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("heard", [False, True], ids=["at the same time", "before"])
def test_two_operators(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, verb: Verb, other: str, *, heard: bool
) -> None:
    def say_other(instance: str) -> None:
        stack.deployment.send_message(record_of(stack, instance, "web"), OTHERS[other])
        if heard:
            stack.run(30)

    instance, done = while_asked(stack, monkeypatch, verb, say_other)
    stack.run(60)
    record = record_of(stack, instance, "web")
    ours = sum(said.endswith(": told to") for said in record.messages)
    skipped = sum(each.outcome == "skipped" for each in record.step_outcomes)
    ended = [RESULTS[each] for each in (Verb(other), verb) if each in RESULTS][:1]

    assert stack.completions() == [f"{result} CompleteLifecycleAction" for result in ended]
    if Verb(other) in RESULTS:
        assert (done.exit_code, ours) == (1, 0)
        assert f"it ended before it heard that, now completed: finish {ended[0]}, said another" in done.stderr
    elif other == verb == Verb.SKIP:
        # Both saw the first step, and nobody has seen the second.
        assert (done.exit_code, ours, skipped) == (1, 0, 1)
        assert "that step has ended meanwhile, now working: wait-for-signal: waiting" in done.stderr
    else:
        assert (done.exit_code, ours) == (0, 1), done.output
        assert Verb.SKIP not in {other, verb} or skipped == 1 or verb in RESULTS


# Many


@pytest.mark.one_of(2)
@pytest.mark.parametrize("verb", Verb)
def test_a_verb_for_a_group(stack: Testbed[Deployment], verb: Verb) -> None:
    none = say(verb, "--group", "nobody's", *WHY)
    assert none.exit_code == 1
    assert none.stderr == (
        f"asg-lifecycle: no instance of group nobody's waits at a hook of this stack: there is nothing to {verb}\n"
    )
    working = waiting(stack, "web", SIGNAL, SIGNAL, count=3)
    stack.deployment.send_message(record_of(stack, working[0], "web"), Finish(ActionResult.CONTINUE, by="another"))
    (elsewhere,) = waiting(stack, "other", SIGNAL, SIGNAL)
    stack.run(30)
    held = say(verb, "--group", "web", "--status", "held", "--status", "queued", *WHY)
    assert held.exit_code == 1
    assert "waits at a hook of this stack and is held or queued: there is nothing to" in held.stderr
    done = say(verb, "--group", "web", "--status", "working", *WHY)
    stack.run(60)
    possible = verb in POSSIBLE[Standing.WORKING]
    assert done.exit_code == (0 if possible else 1), done.output
    told = [each for each in working[1:] if record_of(stack, each, "web").messages]
    assert told == (working[1:] if possible else [])
    assert record_of(stack, elsewhere, "other").messages == ()
    assert len(stack.completions()) == 1 + (2 if verb in RESULTS else 0)


@pytest.mark.one_of(3)
@pytest.mark.parametrize("verb", Verb)
def test_some_of_many_cannot(stack: Testbed[Deployment], verb: Verb) -> None:
    stack.run_command.behave(Behaviour(duration=40_000))
    working, queued = waiting(stack, "web", {**COMMAND, "timeout": "5h"}, SIGNAL, count=2, drains_per_group=1)
    done = say(verb, "--group", "web", *WHY)
    stack.run(60)
    possible = verb in POSSIBLE[Standing.QUEUED]
    assert done.exit_code == (0 if possible else 1), done.output
    assert (f"{queued} (group web, hook {HOOK}, queued): left alone, " in done.stderr) is not possible
    told = [bool(record_of(stack, each, "web").messages) for each in (working, queued)]
    assert told == [verb in POSSIBLE[Standing.WORKING], possible]


@pytest.mark.parametrize("verb", Verb)
def test_wrong_usage_of_a_verb(stack: Testbed[Deployment], verb: Verb) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, SIGNAL)
    for words in (WHY, (instance, "--group", "web", *WHY), (instance, "--status", "held", *WHY)):
        assert say(verb, *words).exit_code == 2
    if verb in ENDS_WORK:
        assert say(verb, instance, "--yes", "--reason", " ").exit_code == 2
        assert say(verb, instance, "--reason", "told to").exit_code == 2
    assert say(verb, instance, "--stack", "nobody's", *WHY).exit_code == 2
    stack.run(30)
    assert (stack.completions(), record_of(stack, instance, "web").messages) == ([], ())
