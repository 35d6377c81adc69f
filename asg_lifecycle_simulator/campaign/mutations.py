"""`python -m asg_lifecycle_simulator.campaign.mutations`: breaks the application; the campaign has to notice."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = Path("asg_lifecycle")


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One deliberate fault in the application.

    Attributes:
        name: what is broken.
        file: below `src/asg_lifecycle`.
        old: text that stands there exactly once.
        new: what takes its place.
    """

    name: str
    file: str
    old: str
    new: str


MUTATIONS = (
    Mutation(
        name="every start may claim what another works on",
        file="store/records.py",
        old='ITS_OWN = "attribute_not_exists(#wait) OR #execution = :execution"',
        new='ITS_OWN = "attribute_not_exists(#wait) OR #execution = :execution OR #execution <> :execution"',
    ),
    Mutation(
        name="a claim is tried once",
        file="execution/durable.py",
        old="CLAIM_TRIES = 12",
        new="CLAIM_TRIES = 1",
    ),
    Mutation(
        name="a dependency that is down releases the instance",
        file="execution/work/failure_policy.py",
        old="        return waiting or _kept(str(failure), None, failure), msgspec",
        new='        return waiting and Done("gone on without"), msgspec',
    ),
    Mutation(
        name="a step that waits is taken for done",
        file="execution/work/entry_runner.py",
        old="        if state.lost_ownership or not left:",
        new="        if state.lost_ownership or left or not left:",
    ),
    Mutation(
        name="a step that failed is taken for done",
        file="execution/work/entry_end.py",
        old="        if isinstance(step.progress, Failed)",
        new="        if isinstance(step.progress, Failed) and not step.begun",
    ),
    Mutation(
        name="a failure never holds",
        file="execution/work/plan_runner.py",
        old="        if on_failure is OnFailure.HOLD or (on_failure is not None and self._hold is not None):",
        new='        if on_failure == "never":',
    ),
    Mutation(
        name="the deadline always continues",
        file="execution/race/decision.py",
        old='            return RaceOutcome(how="complete", result=on_timeout, reason=why)',
        new='            return RaceOutcome(how="complete", result=ActionResult.CONTINUE, reason=why)',
    ),
    Mutation(
        name="heartbeats know no bound",
        file="execution/race/race.py",
        old="            deadline=self._setup.deadline,\n            longest=longest,",
        new="            deadline=self._setup.deadline + 3600,\n            longest=longest,",
    ),
    Mutation(
        name="the first heartbeat is late",
        file="execution/setup.py",
        old="        heartbeat = send_heartbeat(action_context, state.timeouts, state.heartbeat, now)",
        new="        heartbeat = HeartbeatState(next_at=now + 0.9 * state.timeouts.heartbeat, last_at=now)",
    ),
    Mutation(
        name="a heartbeat that failed is not tried again in time",
        file="execution/heartbeat.py",
        old="        next_at=now + heartbeat_retry(timeouts, failures, dependencies.chance()),",
        new="        next_at=now + timeouts.heartbeat + heartbeat_retry(timeouts, failures, dependencies.chance()),",
    ),
    Mutation(
        name="the end of an action is believed at once",
        file="execution/heartbeat.py",
        old="    if waits and now < since + NOT_YET_WINDOW:",
        new="    if waits and now < since:",
    ),
    Mutation(
        name="the hooks of others are answered",
        file="model/hooks.py",
        old="    if not hook_name.startswith(prefix):",
        new="    if not hook_name:",
    ),
    Mutation(
        name="a command whose answer was lost is sent again",
        file="steps/run_command.py",
        old="        if sent_since is not None:",
        new="        if sent_since == 0:",
    ),
    Mutation(
        name="a command that failed is taken for a success",
        file="steps/run_command.py",
        old='        if invocation.status == "Success":',
        new="        if invocation.status:",
    ),
    Mutation(
        name="a runbook that waits for people is taken for a success",
        file="steps/run_automation.py",
        old="        if status in SUCCEEDED:",
        new="        if status in SUCCEEDED | WAITING_FOR_PEOPLE:",
    ),
    Mutation(
        name="a target that drains is taken for drained",
        file="steps/deregister_targets.py",
        old="            elif left:",
        new="            elif left and group.delay < 0:",
    ),
    Mutation(
        name="a metric that is not met yet is taken for met",
        file="steps/wait_for_metric.py",
        old="        if met == len(values):",
        new="        if met <= len(values):",
    ),
    Mutation(
        name="the record is not closed",
        file="execution/finish.py",
        old='            "in_flight": None,',
        new='            "in_flight": "yes",',
    ),
    Mutation(
        name="our own completion is taken for another's when its answer is lost",
        file="execution/finish.py",
        old="        if answer is Answer.NOT_ACTIVE and not state.sent:",
        new="        if answer is Answer.NOT_ACTIVE:",
    ),
    Mutation(
        name="the sweep finds nothing",
        file="intake/sweep.py",
        old="        if not decision.probe:",
        new="        if not decision.probe or state:",
    ),
    Mutation(
        name="nobody is taken over",
        file="intake/sweep.py",
        old="            elif self._takeovers.take_over(record, action.owner.error):",
        new="            elif record.wait is None and self._takeovers.take_over(record, action.owner.error):",
    ),
)


def apply(mutation: Mutation, source: Path) -> None:
    """Break the copy of the application below `source`.

    Raises:
        ValueError: the text does not stand there exactly once.
    """
    path = source / PACKAGE / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.name}: {mutation.old!r} stands {text.count(mutation.old)} times in {path.name}")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


def find_violation(mutation: Mutation, *, seed: int, runs: int) -> str | None:
    """Return what the campaign says of a broken application: the run and its violations, None when it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        # With what Python has compiled: times are copied, so only what is changed here is compiled again.
        shutil.copytree(ROOT / "src", source)
        apply(mutation, source)
        environment = os.environ | {"PYTHONPATH": f"{source}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "asg_lifecycle_simulator.campaign.find_violation", str(seed), str(runs)]
        found = subprocess.run(  # noqa: S603 - this module's own command
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    if found.returncode not in {0, 1}:
        raise RuntimeError(f"{mutation.name}: the search itself failed: {found.stderr[-2000:]}")
    return found.stdout.strip() if found.returncode else None


def main(arguments: list[str] | None = None) -> int:
    """Look for every mutation, or those named; return 1 when one is not found."""
    parser = argparse.ArgumentParser(prog="python -m asg_lifecycle_simulator.campaign.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of mutations")
    parser.add_argument("--runs", type=int, default=300, help="runs in which each is looked for")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    survived = 0
    for mutation in MUTATIONS:
        if chosen.names and not any(name in mutation.name for name in chosen.names):
            continue
        found = find_violation(mutation, seed=chosen.seed, runs=chosen.runs)
        survived += found is None
        sys.stdout.write(f"{'SURVIVED' if found is None else 'found':9} {mutation.name}: {found or '-'}\n")
        sys.stdout.flush()
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
