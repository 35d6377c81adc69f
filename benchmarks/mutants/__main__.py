"""Draws single changes of `src/` at random and reports which of them the tests notice.

python -m benchmarks.mutants [--number 100] [--seed 1] [--only src/asg_lifecycle/model] [--record]

The campaign's mutations are a short list of faults written by hand, each for an invariant. These are drawn, and judge
the tests. They belong to neither the simulator nor the tests: a measurement, like its neighbours here.

Three kept libraries were tried. mutmut 3.8 copes with the suite, but changes the insides of functions alone, where a
third of what can be wrong here are tables, constants and defaults; it draws nothing, and its copies of every function
stand in the modules that tests of ours read as text. cosmic-ray changes the working tree in place and runs one command
for everything; mutatest has not been kept since Python 3.8.

Each change is made in a copy of the tree, so the tree itself is never broken; two at a time. The tests that concern it
run quickest first until one fails: they are those that ran the line when the suite was last recorded (`--record`, done
by itself the first time, once through the suite). A change that makes a test hang is noticed. What no test notices is
given to the type checker, and counted apart. Verdicts are kept in `.mutants/`, so an interrupted draw goes on: one that
was noticed is not tried again while its module stays as it is, one that was not is tried again after any change.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from benchmarks.mutants.operators import is_program, mutants_of
from benchmarks.mutants.recorder import FOLDER
from benchmarks.mutants.selection import Coverage, digest, imported_by, read_recordings
from benchmarks.mutants.trial import Trial, Verdict, copy_tree, tree_digest, tree_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.mutants.operators import Mutant

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".mutants"
SIDE_BY_SIDE = 2

UNRECORDED = ("tests/campaign", "tests/runtime", "tests/fuzz", "tests/simulator", "tests/template/test_local_invoke.py")
"""Tests that cost minutes, start processes, or are about the simulator: none of them is run for a change of `src/`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, try, report, and return the exit code: 1 when fewer are noticed than `--least`.

    Args:
        arguments: the command line, that of the process when None.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--number", type=int, default=100, help="how many changes (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="what they are drawn with (default %(default)s)")
    parser.add_argument("--least", type=float, default=0.9, help="share that has to be noticed (default %(default)s)")
    parser.add_argument("--only", nargs="*", default=["src"], help="files or folders they are drawn from")
    parser.add_argument("--record", action="store_true", help="record anew which tests run what")
    parsed = parser.parse_args(arguments)
    if parsed.record or not (KEPT / "coverage.json").exists():
        record()
    coverage = msgspec.json.decode((KEPT / "coverage.json").read_bytes(), type=Coverage)
    drawn = draw(ROOT, parsed.only, parsed.number, parsed.seed)
    verdicts = try_all(drawn, still_there(coverage))
    return report(verdicts, parsed.least)


def record() -> None:
    """Run the suite once and keep which test runs what.

    Raises:
        RuntimeError: a test fails: what fails without a change cannot judge one.
    """
    sys.stdout.write("recording which tests run what; this takes as long as the suite\n")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", "--no-header", "-p"]
        command += ["no:cacheprovider", "-p", "benchmarks.mutants.recorder", "tests"]
        command += [f"--ignore={path}" for path in UNRECORDED]
        ran = subprocess.run(  # noqa: S603 - this module's own command
            command, cwd=ROOT, env=os.environ | {FOLDER: folder}, capture_output=True, text=True, check=False
        )
        if ran.returncode != 0:
            raise RuntimeError(f"the suite fails without a change:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}")
        KEPT.mkdir(exist_ok=True)
        (KEPT / "coverage.json").write_bytes(msgspec.json.encode(read_recordings(Path(folder), ROOT)))


def still_there(coverage: Coverage) -> Coverage:
    """Return what was recorded without the tests that have gone since."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", "tests"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - as it stands
    return coverage.only({*listed.stdout.splitlines()})


def draw(root: Path, only: Sequence[str], number: int, seed: int) -> list[Mutant]:
    """Return `number` of the changes that can be made below `only`, drawn with `seed`."""
    paths = {path for each in only for path in (root / each).rglob("*.py")}
    paths |= {root / each for each in only if (root / each).is_file()}
    texts = {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in paths}
    possible = [mutant for file, text in sorted(texts.items()) for mutant in mutants_of(file, text)]
    random.Random(seed).shuffle(possible)  # noqa: S311 - a draw that can be repeated
    sound = (mutant for mutant in possible if is_program(mutant.apply(texts[mutant.file])))
    return [mutant for mutant, _ in zip(sound, range(number), strict=False)]


def try_all(drawn: Sequence[Mutant], coverage: Coverage) -> list[tuple[Mutant, Verdict]]:
    """Return what becomes of each change; what is known from before is not tried again."""
    log = KEPT / "verdicts.jsonl"
    whole = tree_digest(ROOT)
    known = _known(log, whole)
    free: SimpleQueue[Trial] = SimpleQueue()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        files, importers = tree_files(ROOT), imported_by(ROOT)
        for number in range(SIDE_BY_SIDE):
            copy = Path(folder) / str(number)
            copy_tree(ROOT, copy, files)
            free.put(Trial(copy, coverage, importers))

        def try_one(mutant: Mutant) -> Verdict:
            key = _key(mutant)
            if (before := known.get(key)) is not None:
                return before
            trial, began = free.get(), time.monotonic()
            try:
                verdict = trial.verdict(mutant)
            finally:
                free.put(trial)
            line = {"mutant": key, "tree": whole, "verdict": msgspec.to_builtins(verdict)}
            with log.open("a", encoding="utf-8") as kept:
                kept.write(json.dumps(line) + "\n")
            sys.stdout.write(f"{verdict.how:9} {time.monotonic() - began:4.0f} s  {mutant}\n")
            sys.stdout.flush()
            return verdict

        return list(zip(drawn, pool.map(try_one, drawn), strict=True))


def _key(mutant: Mutant) -> str:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    return f"{digest(text)} {mutant.start}-{mutant.end} {mutant.new}"


def _known(log: Path, whole: str) -> dict[str, Verdict]:
    known: dict[str, Verdict] = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        entry = json.loads(line)
        verdict = msgspec.convert(entry["verdict"], Verdict)
        if verdict.how != "survived" or entry["tree"] == whole:
            known[entry["mutant"]] = verdict
        else:
            known.pop(entry["mutant"], None)
    return known


def report(verdicts: Sequence[tuple[Mutant, Verdict]], least: float) -> int:
    """Write the score and the survivors, one line each; return 1 when fewer than `least` were noticed."""
    counts = {
        how: sum(verdict.how == how for _, verdict in verdicts) for how in ("tests", "hangs", "types", "survived")
    }
    noticed = len(verdicts) - counts["survived"]
    sys.stdout.write(
        f"{noticed} of {len(verdicts)} noticed: {counts['tests']} by a test that fails, {counts['hangs']} by one that "
        f"hangs, {counts['types']} by types alone\n"
    )
    for mutant, verdict in verdicts:
        if verdict.how == "survived":
            sys.stdout.write(f"survived ({verdict.told}): {mutant}\n")
    return 0 if noticed >= least * len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
