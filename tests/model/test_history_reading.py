"""Histories are read leniently and completely: what is not known becomes an entry that says so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.action_story import read_story, story_values
from asg_lifecycle.model.actions import ActionResult, LifecycleAction, Transition
from asg_lifecycle.model.checkpoint_reading import CheckpointReader
from asg_lifecycle.model.execution_history import ActionHistory, ExecutionHistory, HistoryEvent
from asg_lifecycle.model.history_counts import counts_of
from asg_lifecycle.model.history_entries import EntryKind, HistoryEntry
from asg_lifecycle.model.history_reading import BRANCHES, INBOX, RACES, REPLY, WAITS, entries_of, predecessor_in
from asg_lifecycle.model.messages import Finish, Join, Nudge, Skip, Wake, encode
from asg_lifecycle.model.records import claim_record
from asg_lifecycle.model.story_history import MEMORY_GIGABYTES, price_by, source_of
from asg_lifecycle.model.story_parts import LATEST, Source
from asg_lifecycle.model.story_telling import story_of

if TYPE_CHECKING:
    from asg_lifecycle.model.messages import Message

ROOT = Path(__file__).parents[2]
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:lifecycle-action:1/durable-execution/drain-1/0000"
ACTION = LifecycleAction(
    token="0" * 36,
    group="web",
    hook="asg-lifecycle-terminate",
    instance="i-0123456789abcdef0",
    transition=Transition.TERMINATING,
    time=1_000.0,
)
RECORD = claim_record(ACTION, execution=ARN, now=1_001.0, retention=60.0)


def history(*events: HistoryEvent) -> ActionHistory:
    return ActionHistory(executions=(ExecutionHistory(execution=ARN, events=events),))


def event(kind: str, name: str | None = None, payload: object = None, **more: Any) -> HistoryEvent:
    text = payload if isinstance(payload, str) or payload is None else json.dumps(payload)
    given = {"number": 1, "at": 1_010.0, "operation": name, **more}
    return HistoryEvent(kind=kind, name=name, payload=text, **given)


def only(*events: HistoryEvent) -> HistoryEntry:
    (entry,) = entries_of(history(*events))
    return entry


def known_names() -> set[str]:
    return {*CheckpointReader().names, *RACES, *BRANCHES, *WAITS, INBOX, REPLY}


def test_every_operation_that_an_execution_has_is_known() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    listed = text.partition("Operations, with a number for N")[2].partition("Fields of the record")[0]
    names = set(re.findall(r"`([a-zN-]+)`", listed))
    assert len(names) > 30
    # Branches are no operations as long as races are flat; they would be told as contexts.
    assert names == known_names()


@pytest.mark.parametrize(
    "found",
    [
        event("StepSucceeded", "drink-coffee", {}),
        event("StepStarted", "drink-coffee"),
        event("ChainedInvokeStarted", "work-1"),
        event("WaitExtended", "set-up-pause"),
        event("ExecutionMoved"),
        event(""),
        event("StepSucceeded", "race-1", {}),
        event("CallbackSucceeded", "set-up", {}),
        event("StepSucceeded", "claim", {"proprietor": None}),
        event("StepSucceeded", "work-1", {"work": 7}),
        event("StepSucceeded", "keep-alive-1", "["),
        event("StepSucceeded", "finish", None),
        event("ExecutionSucceeded", None, {"result": 7}),
        event("CallbackSucceeded", "inbox-1", {"message": "dance"}),
    ],
)
def test_what_is_not_understood_is_told(found: HistoryEvent) -> None:
    entry = only(found)
    assert entry.kind is EntryKind.NOT_UNDERSTOOD
    assert entry.detail.startswith("not understood: ")
    assert found.name is None or found.name in entry.detail or "dance" in entry.detail


def test_what_was_left_out_is_no_riddle() -> None:
    looks = [event("StepSucceeded", "work-1", left_out=True), event("StepSucceeded", "keep-alive-1", left_out=True)]
    told = entries_of(history(*looks, event("CallbackSucceeded", "inbox-1", left_out=True)))
    assert [entry.kind for entry in told] == [EntryKind.LOOK, EntryKind.BEAT, EntryKind.MESSAGE]
    assert told[0].detail == "work-1: what it found out was left out of the history"
    assert only(event("ExecutionSucceeded", left_out=True)).kind is EntryKind.END


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (Finish(ActionResult.CONTINUE, by="anna at 2026-11-30T12:00:00Z: let it go"), "anna"),
        (Skip(by="arn:aws:sts::1:user/ben at 2026-11-30T12:00:00Z: slow"), "arn:aws:sts::1:user/ben"),
        (Nudge(by="carl"), "carl"),
        (Wake(by="the command ended"), "the command ended"),
        (Join(ACTION), "the hook's event"),
    ],
)
def test_a_message_tells_who_said_it(message: Message, said: str) -> None:
    told = event("CallbackSucceeded", "inbox-3", encode(message).decode())
    entry = only(told)
    assert entry.kind is EntryKind.MESSAGE
    assert said in entry.detail
    (in_story,) = source_of(history(told), RECORD).entries
    assert in_story.kind is EntryKind.MESSAGE
    assert "2026" not in in_story.detail, "it is shown with the time when it was heard"


def test_failures_say_whether_they_are_tried_again() -> None:
    again = only(event("StepFailed", "claim", error="no table", next_attempt_after=4.0))
    assert (again.kind, again.detail) == (EntryKind.RETRY, "claim failed, tried again after 4s: no table")
    last = only(event("StepFailed", "claim", error="no table"))
    assert (last.kind, last.detail, last.succeeded) == (EntryKind.FAILURE, "claim failed: no table", False)
    died = only(event("InvocationCompleted", error="Runtime.ExitError: out of memory", began_at=1_009.0))
    assert died.detail == "invocation 1 of drain-1 failed: Runtime.ExitError: out of memory"
    timed_out = only(event("ExecutionTimedOut", error="no error was told"))
    assert (timed_out.kind, timed_out.detail) == (EntryKind.FAILURE, "drain-1 timed out: no error was told")
    late = only(event("CallbackTimedOut", "callback-2-round-1", error="Callback timed out"))
    assert (late.kind, late.succeeded) == (EntryKind.MESSAGE, False)


def test_a_pause_is_told_with_its_reason() -> None:
    told = entries_of(history(event("ExecutionPaused", payload="a deployment"), event("ExecutionResumed")))
    assert [entry.detail for entry in told] == ["drain-1 was paused: a deployment", "drain-1 was resumed"]


def heartbeat(**fields: Any) -> dict[str, Any]:
    return {"heartbeat": {"next_at": 2_000.0, **fields}}


def test_each_heartbeat_is_told_once_and_at_its_own_time() -> None:
    told = entries_of(
        history(
            event("StepSucceeded", "keep-alive-1", heartbeat(last_at=1_005.0), at=1_006.0),
            event("StepSucceeded", "keep-alive-1", heartbeat(last_at=1_005.0, failures=1, problem="throttled")),
            event("StepSucceeded", "keep-alive-1", heartbeat(last_at=1_005.0, failures=1, problem="throttled")),
            event("StepSucceeded", "keep-alive-2", heartbeat(last_at=1_030.0), at=1_030.0),
            event("StepSucceeded", "keep-alive-2", heartbeat(last_at=1e300), at=1_040.0),
            event(
                "StepSucceeded", "keep-alive-2", {**heartbeat(over="it is over"), "deadline_reached": True}, at=1_050.0
            ),
        )
    )
    assert [(entry.at, entry.kind.value, entry.succeeded) for entry in told] == [
        (1_005.0, "heartbeat", True),
        (1_010.0, "heartbeat", False),
        (1_030.0, "heartbeat", True),
        (1_040.0, "heartbeat", True),
        (1_050.0, "heartbeat", False),
        (1_050.0, "failure", False),
    ]


def work(*details: str, due: float, **fields: Any) -> dict[str, Any]:
    steps = [{"progress": {"type": "waiting", "detail": detail}} for detail in details]
    return {"work": {"slot": {"delay": None}, "entry": {"steps": steps, "due": [due]}, **fields}}


def test_a_poll_that_sends_a_heartbeat_alone_is_no_look() -> None:
    told = entries_of(
        history(
            event("StepSucceeded", "work-1", work("one task left", due=1_020.0)),
            event(
                "StepSucceeded", "work-1", {**work("one task left", due=1_020.0), "keep_alive": heartbeat(last_at=1.0)}
            ),
            event("StepSucceeded", "work-1", work("one task left", due=1_040.0)),
        )
    )
    assert sorted(entry.kind.value for entry in told) == ["heartbeat", "look", "look"]


def test_the_older_state_of_a_branch_that_lost_the_race_ends_no_step_again() -> None:
    done = [{"kind": "wait", "outcome": "done", "detail": "1 min passed"}]
    polls = [
        work("one task left", due=1_020.0, outcomes=done),
        work("it waits", due=1_030.0, outcomes=[]),
        work("no task left", due=1_040.0, outcomes=done),
    ]
    told = entries_of(history(*(event("StepSucceeded", "work-1", poll) for poll in polls)))
    assert [entry.detail for entry in told] == [
        "step 1 wait done: 1 min passed; one task left",
        "it waits",
        "no task left",
    ]


def test_a_step_that_failed_is_a_look_that_failed() -> None:
    steps = [{"progress": {"type": "failed", "reason": "exit code 1"}}]
    failed = event("StepSucceeded", "work-1", {"work": {"entry": {"steps": steps, "due": [1.0]}}})
    assert (only(failed).detail, only(failed).succeeded) == ("exit code 1", False)
    queued = {"work": {"slot": {"delay": 5.0, "said": "waiting for a drain slot: 2 are before it"}}}
    assert only(event("StepSucceeded", "work-1", queued)).detail == "waiting for a drain slot: 2 are before it"


@pytest.mark.parametrize(
    ("start", "said", "before"),
    [
        (
            {"reason": "takeover", "takes_over": "arn:dead"},
            "to take over: the execution before it had failed",
            "arn:dead",
        ),
        ({"reason": "sweep", "more": 1}, "was started: the sweep found that the instance waits", None),
        ({"reason": "a whim"}, "was started: a whim", None),
    ],
)
def test_why_an_execution_was_started_is_told(start: dict[str, Any], said: str, before: str | None) -> None:
    found = event("ExecutionStarted", None, {"source": "asg-lifecycle", "start": start})
    assert said in only(found).detail
    assert predecessor_in(history(found).executions[0]) == before


def test_an_event_that_is_none_is_not_called_one() -> None:
    assert only(event("ExecutionStarted", None, {"detail": {}})).detail == "an event started drain-1"
    assert only(event("ExecutionStarted", None, "[7]")).detail == "something that is no event started drain-1"


def test_the_memory_is_that_of_the_template() -> None:
    assert f"MemorySize: {MEMORY_GIGABYTES * 1024:g}\n" in (ROOT / "template.yaml").read_text()


def test_what_is_priced() -> None:
    events = (
        event("ExecutionStarted", None, {}, began_at=None),
        event("StepStarted", "claim"),
        event("StepSucceeded", "claim", {"owner": None}),
        event("InvocationCompleted", at=1_010.0, began_at=1_002.0),
    )
    price = price_by(history(*events), RECORD, 1_100.0)
    assert price is not None
    assert (price.operations, price.at_least) == (2, False)
    expected = 2 * 8e-6 + 15 / 1e9 * (0.25 + 0.15 * 14 / 30) + 0.2e-6 + 8 * 0.25 * 0.0000133334
    assert price.dollars == pytest.approx(expected)
    assert price.instance_dollars == pytest.approx(100 * 0.096 / 3600)
    assert "2 metered operations, at $8 a million; 15 bytes of checkpoints" in price.basis
    assert "1 invocation of 8.0 s in all" in price.basis
    part = ActionHistory(executions=(ExecutionHistory(execution=ARN, events=events, more=True),))
    cut = price_by(part, RECORD, 1_100.0)
    assert cut is not None
    assert cut.at_least
    assert price_by(ActionHistory(), RECORD, 1_100.0) is None


def test_without_a_history_the_record_is_all_there_is() -> None:
    source = source_of(ActionHistory(executions=(ExecutionHistory(execution=ARN, more=True),)), RECORD)
    assert (source.told_from, source.entries) == (Source.RECORD, ())
    assert source.why.startswith("the execution history is cut off after 0 events; ")


KINDS = [
    *(
        f"{family}{how}"
        for family in ("Step", "Context", "Wait", "Callback", "Execution", "ChainedInvoke")
        for how in ("Started", "Succeeded", "Failed", "TimedOut", "Stopped", "Cancelled")
    ),
    "InvocationCompleted",
    "ExecutionPaused",
    "ExecutionResumed",
]
NAMES = sorted(name.replace("N", "1") for name in known_names())
PARTS = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "work",
                    "heartbeat",
                    "keep_alive",
                    "entry",
                    "steps",
                    "progress",
                    "type",
                    "detail",
                    "last_at",
                    "due",
                    "slot",
                    "delay",
                    "result",
                    "how",
                    "outcomes",
                    "start",
                    "takes_over",
                    "reason",
                    "owner",
                    "readiness",
                    "decision",
                    "status",
                    "message",
                    "by",
                    "index",
                    "failures",
                    "outcome",
                    "entered",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
EVENTS = st.builds(
    HistoryEvent,
    number=st.integers(0, 9),
    kind=st.sampled_from(KINDS) | st.text(max_size=10),
    at=st.floats(0, LATEST),
    operation=st.none() | st.sampled_from("abc"),
    name=st.none() | st.sampled_from(NAMES) | st.text(max_size=12),
    sub_type=st.sampled_from([None, "WaitForCondition", "Step", "Parallel"]),
    payload=st.none() | st.text(max_size=12) | PARTS.map(json.dumps),
    left_out=st.booleans(),
    error=st.none() | st.text(max_size=5),
    next_attempt_after=st.none() | st.floats(0, 1e6),
    lasts=st.none() | st.floats(0, 1e9),
    began_at=st.none() | st.floats(0, LATEST),
)


@given(st.lists(EVENTS, max_size=12))
def test_no_history_is_too_strange_to_be_told(events: list[HistoryEvent]) -> None:
    found = history(*events)
    told = entries_of(found)

    strange = [each for each in events if each.kind not in KINDS]
    not_understood = [entry for entry in told if entry.kind is EntryKind.NOT_UNDERSTOOD]
    assert len(not_understood) >= len(strange)
    assert [entry.at for entry in told] == sorted(entry.at for entry in told)
    counts = counts_of(found)
    assert counts.operations <= 2 * len(events) + 1
    # And it can be saved, and read again.
    source, price = source_of(found, RECORD), price_by(found, RECORD, 1_100.0)
    story = story_of(RECORD, 1_100.0, source=source, price=price)
    assert read_story(json.dumps(story_values(story))) == story
