"""A little of what `python -m benchmarks.fuzz` does for as long as one likes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from asg_lifecycle.model import start_requests
from asg_lifecycle.model.start_requests import StartReason, StartRequest
from asg_lifecycle.store.record_queries import RecordQueries
from benchmarks import fuzz, fuzz_targets
from benchmarks.command_lines import CommandLine, operators_region
from benchmarks.fuzz_queue import notification_queue
from benchmarks.fuzz_targets import ACTION, BODIES, FUZZ_TARGETS, FuzzTarget

if TYPE_CHECKING:
    from pathlib import Path

unhurried = settings(derandomize=True, deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", FUZZ_TARGETS)
def test_whatever_the_input_there_is_an_answer(name: str) -> None:
    unhurried(given(FUZZ_TARGETS[name].inputs)(FUZZ_TARGETS[name].check))()


def test_whatever_a_queue_holds_is_taken_or_given_back_message_by_message() -> None:
    with notification_queue() as queue:
        unhurried(given(BODIES)(queue.check))()


def test_one_message_that_cannot_be_written_does_not_fail_its_batch() -> None:
    whole = json.loads((fuzz_targets.EVENTS / "notification.json").read_text())

    with notification_queue() as queue:
        assert 1 not in queue.given_back([json.dumps({**whole, "Service": "\ud800"}), json.dumps(whole)])


def test_a_start_does_not_come_through_the_queue() -> None:
    start = json.dumps(start_requests.payload(StartRequest(reason=StartReason.SWEEP, action=ACTION)))

    with notification_queue() as queue:
        queue.given_back([start])
        assert queue.started == 0


def test_a_sample_is_changed_also_inside_of_its_texts() -> None:
    body = {"Records": [{"body": json.dumps({"a": {"b": 1}})}]}
    path = ("Records", 0, "body", fuzz_targets.INSIDE, "a", "b")

    assert path in list(fuzz_targets.paths(body))
    changed = fuzz_targets.replaced(body, path, lambda part: part + 1)

    assert json.loads(changed["Records"][0]["body"]) == {"a": {"b": 2}}


def test_a_finding_is_kept_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse_lists(value: Any) -> None:
        assert not isinstance(value, list)

    # The one target that finds something, and few command lines: what the others find is seen above and below.
    monkeypatch.setattr(fuzz, "FUZZ_TARGETS", {"event": FuzzTarget(fuzz_targets.values, refuse_lists)})
    monkeypatch.setattr(fuzz, "COMMAND_LINES", 2)

    assert fuzz.main(["--seconds", "0", "--seed", "1", "--failures", str(tmp_path)]) == 1
    finding = json.loads((tmp_path / "event-1.json").read_text())
    assert finding["input"] == []
    assert "FAILED" in capsys.readouterr().out


def test_whatever_an_operator_types_there_is_an_answer_and_no_traceback() -> None:
    with operators_region() as region:
        settings(unhurried, max_examples=60)(given(region.lines)(region.check))()


def test_a_traceback_of_a_command_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(RecordQueries, "in_flight", fails)
    with operators_region() as region, pytest.raises(AssertionError, match="ZeroDivisionError"):
        region.check(CommandLine(["ps"], ""))
