"""Executions that began on an earlier version go on with the present code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish
from asg_lifecycle_simulator.replay.history import (
    History,
    RecordedExecution,
    State,
    difference,
    merged,
    read,
    states,
    written,
)
from asg_lifecycle_simulator.replay.recorder import ENDED, record
from asg_lifecycle_simulator.replay.replayer import Replay
from asg_lifecycle_simulator.replay.scenarios import SCENARIOS
from tests.execution.some_of import some_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "histories"
FILES = sorted(FOLDER.glob("*/*.json"))

IDENTITY = ("Type", "SubType", "Name", "ParentId")

INTERFACE = {
    "await-late-event",
    "await-event-N",
    "callback-N-round-N",
    "choose-plan-N",
    "claim",
    "finish",
    "hand-on-message",
    "hand-on-reply",
    "hand-over",
    "hand-over-again",
    "hand-over-pause",
    "inbox-N",
    "keep-alive-N",
    "late-messages",
    "late-messages-end",
    "late-reply",
    "open-round-N",
    "race-N",
    "set-up",
    "set-up-early",
    "until-heartbeat-N",
    "watch-step",
    "work-N",
}
"""The names of durable operations that a recorded execution has."""

RARE = {
    "observe",
    "open-round-N-again",
    *(
        f"{name}-{what}"
        for name in ("set-up", "set-up-early", "observe", "finish", "hand-on-message", "hand-on-reply")
        for what in ("pause", "again")
    ),
}
"""Those of executions that met a fault, or only observed."""


def histories() -> Iterator[tuple[str, History]]:
    for path in FILES:
        yield f"{path.parent.name}/{path.stem}", read(path)


HISTORIES = dict(histories())
EXECUTIONS = {
    f"{name}-{number}": execution
    for name, history in HISTORIES.items()
    for number, execution in enumerate(history.executions, start=1)
}
FINISHED_EXECUTIONS = [name for name, execution in EXECUTIONS.items() if execution.status == "SUCCEEDED"]


def unfinished(execution: RecordedExecution) -> list[State]:
    """Return the execution's states but the last, which has nothing left to do."""
    return list(states(execution))[:-1]


def open_inboxes(execution: RecordedExecution) -> list[tuple[State, str]]:
    """Return the unfinished states that wait for a message, with the id of the inbox in the record."""
    return [
        (state, operation["CallbackDetails"]["CallbackId"])
        for state in unfinished(execution)
        for operation in state.operations.values()
        if operation["Type"] == "CALLBACK" and operation["Status"] == "STARTED" and in_table(state, operation)
    ]


def in_table(state: State, operation: dict[str, Any]) -> bool:
    inbox = {"S": operation["CallbackDetails"]["CallbackId"]}
    return any(item.get("inbox") == inbox for item in state.table.values())


@pytest.mark.parametrize("name", FINISHED_EXECUTIONS)
def test_a_finished_execution_replays_to_its_outcome_without_a_call(name: str) -> None:
    recorded = EXECUTIONS[name]
    *_, last = states(recorded)

    with Replay(recorded) as replay:
        replay.resume(last)
        operations = replay.invoke()
        (invocation,) = replay.execution.runs

        assert replay.execution.result == recorded.outcome
        assert invocation.checkpoints == 0
        assert not replay.region.calls
        assert operations == last.operations


@pytest.mark.one_of(2)
@pytest.mark.parametrize("name", EXECUTIONS)
def test_an_unfinished_execution_goes_on_with_what_it_has(name: str, *, thorough: bool) -> None:
    moments = list(enumerate(unfinished(EXECUTIONS[name]), start=1))
    with Replay(EXECUTIONS[name]) as replay:
        for number, state in some_of(moments, 2, thorough=thorough):
            replay.resume(state)
            after = replay.invoke()
            (invocation,) = replay.execution.runs

            assert invocation.status in {"PENDING", "SUCCEEDED"}, f"moment {number}: {invocation.error}"
            for identity, operation in state.operations.items():
                assert identity_of(after[identity]) == identity_of(operation), f"moment {number}"
                if operation["Status"] in ENDED:
                    assert after[identity] == operation, f"moment {number}"


@pytest.mark.one_of(2)
@pytest.mark.parametrize("name", [name for name, execution in EXECUTIONS.items() if open_inboxes(execution)])
def test_an_unfinished_execution_still_hears_an_operator_and_ends(name: str) -> None:
    state, inbox = open_inboxes(EXECUTIONS[name])[-1]
    with Replay(EXECUTIONS[name]) as replay:
        replay.resume(state)
        replay.send_message(inbox, Finish(ActionResult.CONTINUE, by="anna"))
        execution = replay.finish()

        assert execution.status == "SUCCEEDED", execution.error
        assert execution.result["outcome"] in {"over", "taken_over", "completed"}


def identity_of(operation: dict[str, Any]) -> list[Any]:
    return [operation.get(field) for field in IDENTITY]


@pytest.mark.parametrize("play", ["nothing-to-drain", "two-steps", "joined"])
def test_the_present_code_is_recorded_as_the_newest_history_has_it(play: str) -> None:
    newest = next(history for name, history in reversed(HISTORIES.items()) if history.scenario == play)
    present = record(play)

    assert [execution.outcome for execution in present.executions] == [
        execution.outcome for execution in newest.executions
    ]
    assert list(map(named, present.executions)) == list(map(named, newest.executions))


def named(execution: RecordedExecution) -> dict[str, list[Any]]:
    *_, last = states(execution)
    return {identity: identity_of(operation) for identity, operation in last.operations.items()}


def test_the_names_of_the_operations_are_the_interface() -> None:
    names = {
        name_of(operation["Name"])
        for execution in EXECUTIONS.values()
        for state in states(execution)
        for operation in state.operations.values()
        if operation["Type"] != "EXECUTION"
    }

    assert INTERFACE <= names <= INTERFACE | RARE


def name_of(name: str) -> str:
    return re.sub(r"\d+", "N", name)


def test_every_play_has_a_history() -> None:
    assert {name.partition("/")[2] for name in HISTORIES} == set(SCENARIOS)


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    for path in FILES:
        copy = tmp_path / "copy.json"
        copy.write_text(written(read(path)))
        assert copy.read_text() == path.read_text()


def test_a_difference_leads_from_one_state_to_the_next() -> None:
    before = {"a": {"b": 1, "c": {"d": 2}}, "gone": 1, "kept": {"e": [1]}}
    after = {"a": {"b": 2, "c": {"f": 3}}, "kept": {"e": [1, 2]}, "new": {"g": {}}}

    patch = difference(before, after)

    assert patch == {"a": {"b": 2, "c": {"d": None, "f": 3}}, "gone": None, "kept": {"e": [1, 2]}, "new": {"g": {}}}
    assert merged(before, patch) == after
