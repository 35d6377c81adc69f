"""One change in a copy of the tree, and what the tests and the type checker say of it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from benchmarks.mutants.selection import RecordedTest, concerned_by, named_after, within

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.mutants.operators import Mutant
    from benchmarks.mutants.selection import Coverage

BUDGET = 120.0
"""Seconds of tests that are run for one change at most, as long as they took when they were recorded."""

ONE_TEST = 90
"""Seconds after which a test hangs. The longest takes a third of that, and two run side by side."""

OVER_ALL = (
    "tests/aws/test_guarded_calls.py",
    "tests/steps/test_nothing_is_missing.py",
    "tests/template/test_permissions.py",
)
"""Tests that read modules as text, or tables made on import, and so run none of the lines they are about."""

START_SECONDS = 120.0
SLOWER = 4.0
"""How much longer than recorded the tests may take together before they hang."""

TYPES_SECONDS = 600.0
HANGING = "Timeout ("
"""How the report of a test that hangs begins."""

FAILED = 1
CRASHES = frozenset({-9, -11, -6})
"""Out of memory: a change that makes a simulated day endless is noticed that way."""

MEMORY = 6 * 1024**3


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of a change.

    Attributes:
        how: `tests`: one fails; `hangs`: one does not end; `types`: the type checker alone objects; `survived`.
        told: by what, or how many tests ran.
    """

    how: Literal["tests", "hangs", "types", "survived"]
    told: str


class Trial:
    """A copy of the tree in which changes are tried, one after the other.

    Args:
        copy: the root of the copy.
        coverage: which tests run what.
        importers: the modules that import a module, by path.
    """

    def __init__(self, copy: Path, coverage: Coverage, importers: dict[str, set[str]]) -> None:
        self._copy = copy
        self._coverage = coverage
        self._importers = importers
        python_path = os.pathsep.join(str(path) for path in (copy / "src", copy))
        self._environment = os.environ | {"PYTHONPATH": python_path}

    def verdict(self, mutant: Mutant) -> Verdict:
        """Make a change, try it, and undo it."""
        path = self._copy / mutant.file
        text = path.read_text(encoding="utf-8")
        try:
            self._write(path, mutant.apply(text))
            chosen, concerned = self._chosen(mutant, text)
            told = f"{len(chosen)} of the {concerned} tests that concern it pass"
            over_all = [RecordedTest(name=name, seconds=0.0) for name in OVER_ALL]
            for tests in (*named_after(mutant.file, chosen), over_all):
                # To collect all of the files takes longer than most of the tests.
                if tests and (failed := self._tests(tests)) is not None:
                    return failed
            return self._types(told)
        finally:
            self._write(path, text)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        # A change of the same length in the same second would be taken for what was compiled before.
        compiled = importlib.util.cache_from_source(str(path))
        if os.path.exists(compiled):  # noqa: PTH110 - importlib speaks in strings
            os.unlink(compiled)  # noqa: PTH108 - likewise

    def _chosen(self, mutant: Mutant, text: str) -> tuple[list[RecordedTest], int]:
        concerned = concerned_by(mutant, text, self._coverage, self._importers)
        return within(concerned, BUDGET), len(concerned)

    def _tests(self, chosen: Sequence[RecordedTest]) -> Verdict | None:
        names = self._copy / "mutant-tests"
        names.write_text("\n".join(test.name for test in chosen), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "--no-header", "--tb=no"]
        command += ["-p", "no:cacheprovider", "-o", f"faulthandler_timeout={ONE_TEST}"]
        command += ["-o", "faulthandler_exit_on_timeout=true", f"@{names}"]
        limit = START_SECONDS + SLOWER * sum(test.seconds for test in chosen)
        try:
            ran = self._run(command, limit)
        except subprocess.TimeoutExpired:
            return Verdict(how="hangs", told=f"after {limit:.0f} s")
        if ran.returncode == 0:
            return None
        hangs = ran.returncode in CRASHES or HANGING in ran.stderr
        last = " ".join(ran.stdout.strip().splitlines()[-3:])[-300:]
        return Verdict(how="hangs" if hangs else "tests", told=last)

    def _types(self, told: str) -> Verdict:
        ran = self._run([sys.executable, "-m", "mypy", "--no-error-summary", "src"], TYPES_SECONDS)
        if ran.returncode == FAILED:
            return Verdict(how="types", told=ran.stdout.strip().splitlines()[0])
        return Verdict(how="survived", told=told)

    def _run(self, command: Sequence[str], limit: float) -> subprocess.CompletedProcess[str]:
        limited = ["prlimit", f"--as={MEMORY}", *command] if shutil.which("prlimit") else list(command)
        return subprocess.run(  # noqa: S603 - this module's own commands
            limited, cwd=self._copy, env=self._environment, capture_output=True, text=True, check=False, timeout=limit
        )


def tree_files(root: Path) -> list[str]:
    """Return the files of the tree, those that are ignored left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)  # noqa: S603 - as it stands
    return sorted(file for file in listed.stdout.splitlines() if (root / file).is_file())


def tree_digest(root: Path) -> str:
    """Return what tells the tree, as it is now, from another."""
    whole = hashlib.sha256()
    for file in tree_files(root):
        whole.update(file.encode() + b"\0" + (root / file).read_bytes())
    return whole.hexdigest()


def copy_tree(root: Path, copy: Path, files: Sequence[str]) -> None:
    """Copy `files` of the tree, and what the type checker remembers of it."""
    for file in files:
        target = copy / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / file, target)
    if (root / ".mypy_cache").exists():
        shutil.copytree(root / ".mypy_cache", copy / ".mypy_cache")
