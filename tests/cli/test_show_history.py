"""`show` with the execution histories: looks, heartbeats, messages and takeovers, and what is said where they lack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.aws import execution_histories
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.durable_executions.history_events import history_events
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.action_commands import COMMAND, HOOK, SIGNAL, run, waiting

if TYPE_CHECKING:
    from pathlib import Path

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

CALL = ("lambda", "GetDurableExecutionHistory")
DAY = 86_400.0
WHO = "arn:aws:sts::123456789012:user/moto"


def drained(testbed: Testbed[Deployment]) -> str:
    """Drain an instance: two steps, a nudge, a takeover, a skip; return it."""
    testbed.run_command.behave(Behaviour(duration=120))
    (instance,) = waiting(testbed, "web", COMMAND, SIGNAL, heartbeat=600)
    testbed.run(300)
    assert run("nudge", instance, "--yes", "--reason", "it looks stuck").exit_code == 0
    testbed.run(60)
    testbed.deployment.service.stop(testbed.deployment.executions[0].arn)
    testbed.run(200)
    testbed.deployment.sweep()
    testbed.run(300)
    assert run("skip", instance, "--reason", "told to", "--yes").exit_code == 0
    testbed.run(30)
    assert len(testbed.completions()) == 1
    return instance


def story_of(instance: str) -> dict[str, Any]:
    shown = run("show", instance, "-o", "json")
    assert shown.exit_code == 0, shown.output
    story: dict[str, Any] = json.loads(shown.stdout)
    return story


def entries(story: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry for entry in story["source"]["entries"] if entry["kind"] == kind]


def test_the_whole_story_of_a_drain_with_a_takeover(stack: Testbed[Deployment]) -> None:
    instance = drained(stack)
    first, second = stack.deployment.executions
    story = story_of(instance)

    assert story["source"]["told_from"] == "history"
    looks = entries(story, "look")
    assert len(looks) > 10
    assert "waiting for command" in looks[0]["detail"]
    assert [look["at"] for look in looks] == sorted(look["at"] for look in looks)
    # The sweep sends one before it starts a takeover, and no execution knows of it.
    sent = {entry.time for entry in stack.region.log.of(LogKind.HEARTBEAT)}
    beats = {entry["at"] for entry in entries(story, "heartbeat")}
    assert beats <= sent
    assert len(sent - beats) <= 1
    woken, nudged, skipped = entries(story, "message")
    assert woken["detail"].startswith("looked again: command ")
    assert nudged["detail"] == f"look again now, said {WHO}: it looks stuck"
    assert skipped["detail"] == f"skip the current step, said {WHO}: told to"
    assert woken["at"] < nudged["at"] < skipped["at"]
    (stopped,) = entries(story, "failure")
    assert stopped["detail"].startswith(f"{first.name} was stopped: ")
    (takeover,) = entries(story, "takeover")
    assert takeover["detail"].startswith(f"{second.name} was started to take over: ")
    assert stopped["at"] < takeover["at"]
    assert entries(story, "not understood") == []
    assert story["source"]["why"] == f"{len(looks)} looks, {len(beats)} heartbeats and 3 messages in 2 executions"


def test_the_price_is_that_of_what_was_metered(stack: Testbed[Deployment]) -> None:
    instance = drained(stack)
    price = story_of(instance)["price"]
    executions = stack.deployment.executions

    assert price["at_least"] is False
    assert price["operations"] == sum(execution.metered_operations for execution in executions)
    written = sum(execution.written_bytes for execution in executions)
    invocations = sum(len(execution.runs) for execution in executions)
    expected = price["operations"] * 8e-6 + written * 0.32e-9 + invocations * 0.2e-6
    assert price["dollars"] == pytest.approx(expected)
    assert f"{written:,} bytes of checkpoints" in price["basis"]


def test_the_list_tells_each_thing_once(stack: Testbed[Deployment]) -> None:
    instance = drained(stack)
    shown = run("show", instance).stdout
    table = shown.partition("\n\n")[0].splitlines()

    assert sum("it looks stuck" in line for line in table) == 1
    looks = [line for line in table if " look " in line or " looks " in line]
    assert len(looks) < 10 < len(entries(story_of(instance), "look"))
    assert any(" 5 looks " in line for line in looks)
    assert "told from the record and the execution history: " in shown
    assert "price: $0.000" in shown
    times = [line[:19] for line in table[1:] if line[0].isdigit()]
    assert times == sorted(times)


def test_a_saved_story_keeps_it_all(stack: Testbed[Deployment], tmp_path: Path) -> None:
    instance = drained(stack)
    saved = tmp_path / "story.json"
    saved.write_text(run("show", instance, "-o", "json").stdout)
    stack.region.calls.clear()

    again = run("show", "--from", str(saved))
    assert again.stdout == run("show", instance).stdout
    page = tmp_path / "story.html"
    assert run("show", "--from", str(saved), "--html", str(page)).exit_code == 0
    text = page.read_text()
    assert "heartbeats" in text
    # Once in the list, and once in the drawing, though the record and the history both tell it.
    assert text.count("it looks stuck") == 2
    assert ">3 times<" in text


def test_after_the_days_that_lambda_keeps_it_the_record_tells_the_story_alone(stack: Testbed[Deployment]) -> None:
    instance = drained(stack)
    stack.run(15 * DAY)
    story = story_of(instance)

    assert story["source"]["told_from"] == "record"
    assert story["source"]["entries"] == []
    assert story["price"]["at_least"] is True
    # The record has the messages still, and how it ended.
    assert [message["who"] for message in story["messages"]][-2:] == [WHO, WHO]
    shown = run("show", instance).stdout
    assert (
        "told from the record alone: the execution history is not told: it is gone, Lambda keeps one for 14 days after "
        "its end; single looks and heartbeats, and messages before the last twenty, are not told"
    ) in " ".join(shown.split())
    assert "price: at least $" in shown
    assert "ended" in shown


def test_a_denied_history_costs_the_details_and_names_the_permission(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    stack.region.faults.deny(*CALL)
    shown = run("show", instance)

    assert shown.exit_code == 0
    assert "permission lambda:GetDurableExecutionHistory is missing, your own credentials need it" in " ".join(
        shown.stdout.split()
    )
    assert "told from the record alone" in shown.stdout
    assert " now " in shown.stdout


def test_a_history_of_many_pages_is_cut_off_and_says_so(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = drained(stack)
    monkeypatch.setattr(execution_histories, "EVENTS_A_PAGE", 10)
    assert story_of(instance)["price"]["at_least"] is False
    pages = stack.region.calls[CALL]
    assert pages > 8
    monkeypatch.setattr(execution_histories, "EVENTS_A_PAGE", 1)
    stack.region.calls.clear()
    story = story_of(instance)

    assert stack.region.calls[CALL] == 40
    last = len(history_events(stack.deployment.executions[1], with_data=False))
    assert 0 < last < 40
    assert story["source"]["told_from"] == "history"
    # The last execution is read first: where it stands now is what people ask for.
    dead = stack.deployment.executions[0].name
    assert story["source"]["why"].endswith(f"the history of {dead} is cut off after {40 - last} events")
    assert len(entries(story, "takeover")) == 1
    assert story["price"]["at_least"] is True


def test_an_action_in_flight_is_told_up_to_its_last_look(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, heartbeat=60)
    stack.run(200)
    before = entries(story_of(instance), "look")
    stack.run(200)
    after = entries(story_of(instance), "look")
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_one_that_is_followed_reads_its_history_once(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", COMMAND)
    stack.region.calls.clear()
    followed = run("show", instance, "--follow")
    assert followed.exit_code == 0
    assert stack.region.calls[CALL] == 1
    record = stack.deployment.record("web", HOOK, instance)
    assert record is not None
    assert record.in_flight is None
