"""Which tests concern a change, and in which order they tell soonest."""

from __future__ import annotations

import ast
import hashlib
import json
from collections import defaultdict
from itertools import zip_longest
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from benchmarks.mutants.operators import Mutant

SOURCE = "src"


class RecordedTest(Struct, frozen=True, kw_only=True):
    """One test.

    Attributes:
        name: its node id.
        seconds: how long it took when it was recorded.
    """

    name: str
    seconds: float


class Coverage(Struct, frozen=True, kw_only=True):
    """Which tests run what.

    Attributes:
        tests: every test that was recorded.
        digests: SHA-256 of the text of each module at that time, by path.
        lines: indices of the tests that run a line, by path and line.
        functions: indices of the tests that run a line of a function, by path and function.
    """

    tests: tuple[RecordedTest, ...]
    digests: dict[str, str]
    lines: dict[str, dict[int, list[int]]]
    functions: dict[str, dict[str, list[int]]]

    def only(self, names: set[str]) -> Coverage:
        """Return it for the tests with these names alone."""
        kept = {index for index, test in enumerate(self.tests) if test.name in names}
        return msgspec.structs.replace(
            self,
            lines={
                file: {line: [*filter(kept.__contains__, ran)] for line, ran in by_line.items()}
                for file, by_line in self.lines.items()
            },
            functions={
                file: {name: [*filter(kept.__contains__, ran)] for name, ran in by_name.items()}
                for file, by_name in self.functions.items()
            },
        )


def digest(text: str) -> str:
    """Return what tells a module's text from another."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_recordings(folder: Path, root: Path) -> Coverage:
    """Return what `recorder` has written into `folder` about the tree at `root`."""
    tests: list[RecordedTest] = []
    lines: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*.json")):
        for name, (seconds, ran) in json.loads(path.read_text(encoding="utf-8")).items():
            for file, line in ran:
                lines[file][line].append(len(tests))
            tests.append(RecordedTest(name=name, seconds=seconds))
    digests: dict[str, str] = {}
    functions: dict[str, dict[str, list[int]]] = {}
    for file, by_line in lines.items():
        text = (root / file).read_text(encoding="utf-8")
        digests[file] = digest(text)
        functions[file] = _by_function(text, by_line)
    return Coverage(tests=tuple(tests), digests=digests, lines={**lines}, functions=functions)


def _by_function(text: str, lines: dict[int, list[int]]) -> dict[str, list[int]]:
    return {
        name: sorted({index for line in range(first, last + 1) for index in lines.get(line, ())})
        for name, first, last in _functions(ast.parse(text), "")
    }


def _functions(node: ast.AST, outside: str) -> Iterable[tuple[str, int, int]]:
    for child in ast.iter_child_nodes(node):
        name = outside
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{outside}.{child.name}".lstrip(".")
            yield name, child.lineno, child.end_lineno or child.lineno
        yield from _functions(child, name)


def concerned_by(mutant: Mutant, text: str, coverage: Coverage, importers: dict[str, set[str]]) -> list[RecordedTest]:
    """Return the tests that concern a change, the quickest of each test file first.

    They run the line that is changed; where none does (code that runs on import), they run its function or class, its
    module, or a module that imports it. The last is also where everything ends that has been edited since.

    Args:
        mutant: the change.
        text: what stands in its module.
        coverage: what was recorded.
        importers: the modules that import a module, by path.
    """
    file = mutant.file
    indices: set[int] = set()
    if coverage.digests.get(file) == digest(text):
        last = mutant.line + mutant.old.count("\n")
        indices = {index for line in range(mutant.line, last + 1) for index in coverage.lines[file].get(line, ())}
    if not indices and mutant.function:
        indices = {*coverage.functions.get(file, {}).get(mutant.function, ())}
    if not indices:
        for module in (file, *importers.get(file, ())):
            indices |= {index for ran in coverage.lines.get(module, {}).values() for index in ran}
    return in_turn([coverage.tests[index] for index in indices])


def in_turn(tests: Iterable[RecordedTest]) -> list[RecordedTest]:
    """Return the tests so that the quickest of each file come first, then the second of each, and so on."""
    by_file: dict[str, list[RecordedTest]] = defaultdict(list)
    for test in sorted(tests, key=lambda test: (test.seconds, test.name)):
        by_file[test.name.partition("::")[0]].append(test)
    rows = zip_longest(*by_file.values())
    return [test for row in rows for test in sorted(filter(None, row), key=lambda test: (test.seconds, test.name))]


def within(tests: Iterable[RecordedTest], seconds: float) -> list[RecordedTest]:
    """Return those of the tests, in order, that fit into `seconds` together."""
    chosen, left = [], seconds
    for test in tests:
        if test.seconds <= left:
            chosen.append(test)
            left -= test.seconds
    return chosen


def named_after(file: str, tests: Iterable[RecordedTest]) -> tuple[list[RecordedTest], list[RecordedTest]]:
    """Return the tests in files that bear the module's name, and the others: the first tell soonest, most of the time.

    Args:
        file: the module's path.
        tests: the tests, in order; that is kept.
    """
    stem = file.rpartition("/")[2].removesuffix(".py")
    own: list[RecordedTest] = []
    others: list[RecordedTest] = []
    for test in tests:
        (own if stem in test.name.partition("::")[0] else others).append(test)
    return own, others


def imported_by(root: Path) -> dict[str, set[str]]:
    """Return, for each module below `src` of the tree at `root`, the modules there that import it, by path."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((root / SOURCE).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                for name in names:
                    imported = f"{SOURCE}/{name.replace('.', '/')}.py"
                    if (root / imported).exists():
                        found[imported].add(str(path.relative_to(root)))
    return {**found}
