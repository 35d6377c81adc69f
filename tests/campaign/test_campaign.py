"""A few hundred runs of the campaign, and proof that its checker sees what it has to see."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from asg_lifecycle_simulator.campaign import mutations
from asg_lifecycle_simulator.campaign.__main__ import main
from asg_lifecycle_simulator.campaign.checker import INVARIANTS, violations
from asg_lifecycle_simulator.campaign.generator import generate_scenario
from asg_lifecycle_simulator.campaign.history import FOREIGN_HOOK, OUR_HOOK, RunHistory
from asg_lifecycle_simulator.campaign.mutations import MUTATIONS, apply
from asg_lifecycle_simulator.campaign.report import check_run
from asg_lifecycle_simulator.campaign.runner import run_scenario
from asg_lifecycle_simulator.campaign.scenario import FAULTS
from asg_lifecycle_simulator.campaign.waits import waits
from asg_lifecycle_simulator.region.log import LogEntry, LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED = 20261123
CHUNK, DRAWN = 5, 2
LONG = {10, 15}
"""Two days of sweeps, and more than an hour in which a write is refused every five seconds."""
QUIET = [34, 32, 60]


@pytest.mark.parametrize("first", range(0, 20, CHUNK))
def test_nothing_is_violated(first: int, *, thorough: bool) -> None:
    runs = list(range(first, first + CHUNK))
    if not thorough:
        runs = [run for run in runs if run not in LONG][:DRAWN]
    found = {run: verdict.found for run in runs if (verdict := check_run(SEED, run)).found}
    assert found == {}, f"replay: python -m asg_lifecycle_simulator.campaign --seed {SEED} --run {next(iter(found))}"


def history(history: RunHistory) -> list[tuple[Any, ...]]:
    # Branches of one invocation run in threads: what they do at one moment has no order.
    return sorted(
        (entry.time, str(entry.kind), entry.hook, entry.instance, entry.token, entry.detail) for entry in history.log
    )


@pytest.fixture(scope="module")
def _warm() -> None:
    """Run once what is loaded at its first use: until then, threads take turns in another order."""
    run_scenario(generate_scenario(SEED, QUIET[0]))


# None of these has a Lambda that dies: which of its threads meets that has no order either.
@pytest.mark.one_of(5)
@pytest.mark.usefixtures("_warm")
@pytest.mark.parametrize("run", QUIET)
def test_a_run_is_replayed_exactly(run: int) -> None:
    first, second = run_scenario(generate_scenario(SEED, run)), run_scenario(generate_scenario(SEED, run))
    assert history(first) == history(second)
    assert [msgspec.to_builtins(record) for record in first.records] == [
        msgspec.to_builtins(record) for record in second.records
    ]


def test_everything_is_drawn() -> None:
    drawn = [generate_scenario(SEED, run) for run in range(2000)]
    assert {scenario.move for scenario in drawn} == {"terminate", "launch", "pool-return", "pool", "root-volume"}
    assert {fault.kind for scenario in drawn for fault in scenario.faults} == {*FAULTS, "denied"}
    assert {incident.kind for scenario in drawn for incident in scenario.incidents} == {
        "hook deleted",
        "instance gone",
        "redeployed",
        "execution stopped",
    }
    assert any(() in scenario.deliveries for scenario in drawn)
    assert any(scenario.foreign for scenario in drawn)
    assert any(scenario.hurried for scenario in drawn)
    assert any("parallel" in entry for scenario in drawn for entry in (scenario.plan or {}).get("steps", []))
    assert {crash.at_call for scenario in drawn for crash in scenario.crashes} == {True, False}


def plain_run() -> Iterator[RunHistory]:
    """Yield runs in which one command and one drain went well, undisturbed."""
    for run in range(10_000):
        scenario = generate_scenario(SEED, run)
        quiet = not (scenario.faults or scenario.crashes or scenario.incidents or scenario.messages)
        plain = scenario.move == "terminate" and scenario.instances == 1 and scenario.exit_code == 0
        frequent = {"run-command", "deregister-targets"} <= set(scenario.kinds)
        # What beats often is watched for longer.
        ends = (
            scenario.heartbeat >= 300
            and not scenario.hurried
            and not any(step.fails or step.endless for step in scenario.steps)
        )
        if quiet and plain and scenario.protected and frequent and ends and set(scenario.plan or ()) == {"steps"}:
            yield run_scenario(scenario)


@pytest.fixture(scope="module")
def good() -> RunHistory:
    return next(history for history in plain_run() if waits(history)[0].result == "CONTINUE")


def letters(history: RunHistory) -> set[str]:
    return {found[1] for found in violations(history)}


def test_a_good_run_is_good(good: RunHistory) -> None:
    assert violations(good) == []


def end_of(good: RunHistory) -> LogEntry:
    return next(e for e in good.log if e.kind is LogKind.COMPLETED and e.hook == OUR_HOOK)


def changed_end(good: RunHistory, **changes: Any) -> RunHistory:
    end = end_of(good)
    log = [dataclasses.replace(e, **changes) if e is end else e for e in good.log]
    return dataclasses.replace(good, log=log)


def test_a_release_before_the_work_was_done_is_seen(good: RunHistory) -> None:
    undone: dict[str, tuple[str, ...]] = {end_of(good).token: ("target group pool-0 had drained it",)}
    assert "a" in letters(dataclasses.replace(good, undone=undone))


@pytest.mark.parametrize("how", ["heartbeat timeout", "global timeout"])
def test_a_timeout_is_seen(good: RunHistory, how: str) -> None:
    assert "b" in letters(changed_end(good, detail=f"ABANDON {how}"))


def test_a_heartbeat_after_the_end_is_seen(good: RunHistory) -> None:
    end = end_of(good)
    late = dataclasses.replace(end, kind=LogKind.HEARTBEAT, time=end.time + 60, detail="")
    assert "c" in letters(dataclasses.replace(good, log=[*good.log, late]))


def test_a_heartbeat_past_the_bound_is_seen(good: RunHistory) -> None:
    end = end_of(good)
    late = dataclasses.replace(end, kind=LogKind.HEARTBEAT, time=end.time + 200_000, detail="")
    assert "c" in letters(dataclasses.replace(good, log=[*good.log, late]))


def test_a_command_sent_twice_is_seen(good: RunHistory) -> None:
    assert "d" in letters(dataclasses.replace(good, commands=[*good.commands, *good.commands]))


@pytest.mark.parametrize(
    "lie", [{"status": "over"}, {"result": "ABANDON"}, {"in_flight": "yes", "ended_at": None, "status": "working"}]
)
def test_a_record_that_lies_is_seen(good: RunHistory, lie: dict[str, Any]) -> None:
    (record, *rest) = good.records
    assert "e" in letters(dataclasses.replace(good, records=[msgspec.structs.replace(record, **lie), *rest]))


def test_a_record_that_is_missing_is_seen(good: RunHistory) -> None:
    assert "e" in letters(dataclasses.replace(good, records=[]))


def test_a_heartbeat_for_a_hook_of_others_is_seen(good: RunHistory) -> None:
    beat = dataclasses.replace(end_of(good), kind=LogKind.HEARTBEAT, hook=FOREIGN_HOOK, token="t")  # noqa: S106 - no secret
    assert "f" in letters(dataclasses.replace(good, log=[*good.log, beat]))


def test_a_bystander_that_is_drained_is_seen(good: RunHistory) -> None:
    entry = next(e for e in good.log if e.detail.startswith("elbv2 deregistered"))
    other = dataclasses.replace(entry, instance="i-bystander")
    assert "f" in letters(dataclasses.replace(good, log=[*good.log, other]))


def test_a_replacement_that_was_taken_out_on_purpose_is_not_ours_to_answer_for(good: RunHistory) -> None:
    # Run 631 of seed 13: the instance came after the one that EC2 had ended.
    entry = next(e for e in good.log if e.detail.startswith("elbv2 deregistered"))
    other = dataclasses.replace(entry, instance="i-replacement")
    assert "f" not in letters(dataclasses.replace(good, log=[*good.log, other], disturbed=[other]))


def test_an_internal_error_is_seen(good: RunHistory) -> None:
    assert "g" in letters(dataclasses.replace(good, sampled='{"InternalErrors":[1.0]}'))


def test_an_execution_that_never_ends_is_seen(good: RunHistory) -> None:
    assert "g" in letters(dataclasses.replace(good, unfinished=1))


def test_a_completion_under_a_hold_is_seen(good: RunHistory) -> None:
    (record, *rest) = good.records
    held = msgspec.structs.replace(record, messages=("hold, said an operator",))
    said = (end_of(good).time - 5, "hold", record.instance, record.hook)
    assert "h" in letters(dataclasses.replace(good, records=[held, *rest], said=[said]))
    resumed = (end_of(good).time - 1, "resume", record.instance, record.hook)
    assert "h" not in letters(dataclasses.replace(good, records=[held, *rest], said=[said, resumed]))


def test_every_invariant_is_tried_here() -> None:
    assert set(INVARIANTS) == set("abcdefgh")


def test_every_mutation_can_be_made(tmp_path: Path) -> None:
    for number, mutation in enumerate(MUTATIONS):
        source = tmp_path / str(number)
        copied = source / mutations.PACKAGE / mutation.file
        copied.parent.mkdir(parents=True)
        shutil.copy(mutations.ROOT / "src" / mutations.PACKAGE / mutation.file, copied)
        apply(mutation, source)
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.one_of(5)
@pytest.mark.parametrize("name", ["a step that waits is taken for done", "the hooks of others are answered"])
def test_the_campaign_finds_what_is_broken(name: str) -> None:
    (mutation,) = [each for each in MUTATIONS if each.name == name]
    assert mutations.find_violation(mutation, seed=3, runs=40) is not None


def test_the_command_line_reports_and_replays(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--runs", "2", "--seed", "11", "--processes", "1"]) == 0
    assert "2 runs, seed 11: " in capsys.readouterr().out
    assert main(["--seed", "11", "--run", "1"]) == 0
    assert "wait started" in capsys.readouterr().out
