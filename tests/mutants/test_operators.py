"""What changes are drawn from, and which tests are chosen for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks.mutants.__main__ import ROOT, draw
from benchmarks.mutants.operators import is_program, mutants_of
from benchmarks.mutants.selection import (
    Coverage,
    RecordedTest,
    concerned_by,
    digest,
    in_turn,
    named_after,
    read_recordings,
    within,
)

if TYPE_CHECKING:
    from pathlib import Path

FILE = "src/asg_lifecycle/example.py"


def changes(text: str) -> set[str]:
    return {mutant.apply(text) for mutant in mutants_of(FILE, text)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a < b", "a <= b"),
        ("a >= b", "a > b"),
        ("a == b", "a != b"),
        ("a not in b", "a in b"),
        ("a is not b", "a is b"),
        ("(a) <\\\n  (b)", "(a) <=\\\n  (b)"),
        ("a and b", "a or b"),
        ("not a", "(a)"),
        ("x = True", "x = False"),
        ("x = 3", "x = 4"),
        ("x = 3", "x = 2"),
        ("x = 60.0", "x = 120.0"),
        ("x = 60.0", "x = 30.0"),
        ("x = -a", "x = a"),
        ("a + b", "a - b"),
        ("x = 'key'", "x = 'keyx'"),
        ("x = 'key'", 'x = ""'),
        ("x = 'é' + 'key'", "x = 'é' + 'keyx'"),
        ("x = a if b else c", "x = (c if b else a)"),
        ("f(a, b=c)", "f(a, )"),
        ("f(b=c, d=e)", "f( d=e)"),
        ("f(a)", "pass"),
        ("x += a", "pass"),
        ("x = min(a)", "x = max(a)"),
        ("x = any(a)", "x = all(a)"),
        ("raise a", "pass"),
        ("x = [a for a in b if c]", "x = [a for a in b if not (c)]"),
        ("if a:\n    g", "if not (a):\n    g"),
        ("def f():\n    return a", "def f():\n    return None"),
        ("def f(x: int = 3) -> None:\n    g", "def f(x: int = 4) -> None:\n    g"),
        ("for a in b:\n    continue", "for a in b:\n    break"),
        ("match a:\n    case 'one':\n        g", "match a:\n    case 'onex':\n        g"),
        ("match a:\n    case b if c:\n        g", "match a:\n    case b if not (c):\n        g"),
        ("@f(a=1)\ndef g():\n    h", "@f()\ndef g():\n    h"),
        ("x = f'for {a + b} seconds'", "x = f'for {a - b} seconds'"),
    ],
)
def test_a_change_that_can_be_drawn(before: str, after: str) -> None:
    assert after in changes(before)


@pytest.mark.parametrize(
    "text",
    [
        '"""What it is."""',
        "import a\nfrom b import c",
        "def f(x: Literal['a']) -> 'b':\n    '''What it does.'''\n    g",
        "class A(Struct, frozen=True, kw_only=True):\n    x: int\n    '''What it is.'''",
        "if TYPE_CHECKING:\n    x = 1",
        "x = 'a sentence for people'",
        "return None",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert changes(text) == set()


def test_a_change_tells_where_it_is() -> None:
    text = "class A:\n    def f(self):\n        return [\n            1 < self.é,\n        ]\n"
    mutant = next(mutant for mutant in mutants_of(FILE, text) if mutant.old == "<")
    assert (mutant.line, mutant.function, mutant.context) == (4, "A.f", "1 < self.é,")
    assert str(mutant) == f"{FILE}:4: < → <=    [1 < self.é,]"
    assert is_program(mutant.apply(text))
    assert not is_program("f(")


def test_a_draw_is_repeated_by_its_seed() -> None:
    only = ["src/asg_lifecycle/model/hooks.py", "src/asg_lifecycle/store"]
    first = draw(ROOT, only, 12, 7)
    assert first == draw(ROOT, only, 12, 7)
    assert first != draw(ROOT, only, 12, 8)
    assert len({*first}) == 12
    assert all(
        mutant.file.startswith(("src/asg_lifecycle/model/hooks.py", "src/asg_lifecycle/store/")) for mutant in first
    )


TEXT = "LIMIT = 2\n\n\ndef f(a):\n    if a < LIMIT:\n        return a + 1\n    return 7\n"


def recorded(tmp_path: Path) -> Coverage:
    module = tmp_path / FILE
    module.parent.mkdir(parents=True)
    module.write_text(TEXT, encoding="utf-8")
    (tmp_path / "1.json").write_text(
        json.dumps({"t.py::slow": [3.0, [[FILE, 5], [FILE, 6]]], "t.py::quick": [0.1, [[FILE, 5], [FILE, 7]]]}),
        encoding="utf-8",
    )
    (tmp_path / "2.json").write_text('{"u.py::other": [0.2, [["src/asg_lifecycle/user.py", 1]]]}', encoding="utf-8")
    (tmp_path / "src/asg_lifecycle/user.py").write_text("f(1)\n", encoding="utf-8")
    return read_recordings(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("old", "line", "edited", "names"),
    [
        ("<", 5, False, ["t.py::quick", "t.py::slow"]),
        ("+", 6, False, ["t.py::slow"]),
        ("+", 6, True, ["t.py::quick", "t.py::slow"]),  # lines have moved: what runs the function
        ("2", 1, False, ["t.py::quick", "u.py::other", "t.py::slow"]),  # runs on import: what uses the module
    ],
)
def test_the_tests_of_a_change(tmp_path: Path, old: str, line: int, *, edited: bool, names: list[str]) -> None:
    coverage = recorded(tmp_path)
    mutant = next(mutant for mutant in mutants_of(FILE, TEXT) if (mutant.old, mutant.line) == (old, line))
    importers = {FILE: {"src/asg_lifecycle/user.py"}}
    found = concerned_by(mutant, TEXT + ("# edited\n" if edited else ""), coverage, importers)
    assert [test.name for test in found] == names
    gone = coverage.only({"t.py::slow"})
    assert {test.name for test in concerned_by(mutant, TEXT, gone, importers)} == {*names} & {"t.py::slow"}


def test_the_quickest_of_each_file_come_first_as_far_as_time_goes() -> None:
    tests = [
        RecordedTest(name=name, seconds=seconds)
        for name, seconds in (("a::2", 2.0), ("a::1", 1.0), ("b::9", 9.0), ("c::3", 3.0))
    ]
    ordered = in_turn(tests)
    assert [test.name for test in ordered] == ["a::1", "c::3", "b::9", "a::2"]
    assert [test.name for test in within(ordered, 7.0)] == ["a::1", "c::3", "a::2"]


def test_tests_that_bear_the_name_of_the_module_come_before_the_others() -> None:
    tests = [RecordedTest(name=f"tests/{name}.py::t", seconds=1.0) for name in ("a", "model/test_hooks", "b")]
    own, others = named_after("src/asg_lifecycle/model/hooks.py", tests)
    assert (own, others) == ([tests[1]], [tests[0], tests[2]])


def test_a_text_is_told_from_another() -> None:
    assert digest("a") == digest("a") != digest("b")
