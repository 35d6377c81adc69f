"""Every struct type is ready before a second thread uses it: msgspec dies where two use one for the first time at once.

Each test runs in a process of its own: what is ready stays ready for as long as a process lives.
"""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.coldstart import environment

if TYPE_CHECKING:
    from collections.abc import Iterator


SOURCE = Path(__file__).parents[2] / "src"

COLD_START = "from handlers.lifecycle_action import lifecycle_dependencies\n"
COMPOSED = f"{COLD_START}lifecycle_dependencies()\n"

TWO_THREADS = """
import resource, sys, threading
import msgspec
from asg_lifecycle.model.plans import Plan

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a process that dies here leaves no dump of its memory
asked = 0
half_way, other_is_done = threading.Event(), threading.Event()

def stop_half_way(frame, event, _):
    # msgspec asks for the fields of the plan, and then for those of its steps: there the plan's type is half ready.
    global asked
    if event == "call" and frame.f_code.co_name == "get_class_annotations":
        asked += 1
        if asked == 2:
            half_way.set()
            other_is_done.wait(10)

def first():
    sys.setprofile(stop_half_way)
    msgspec.convert({"steps": [{"kind": "wait"}]}, Plan)
    sys.setprofile(None)
    half_way.set()

thread = threading.Thread(target=first)
thread.start()
half_way.wait()
msgspec.convert({"steps": [{"kind": "wait"}]}, Plan)
other_is_done.set()
thread.join()
print(asked)
"""
"""Two threads use a plan's type; the second while the first has it half ready, if it is not ready before."""

NOT_READY = """
import gc, importlib, json, sys
from asg_lifecycle.composition.struct_types import struct_types

for name in json.loads(sys.argv[1]):
    importlib.import_module(name)

def is_ready(struct):
    return any(type(held).__name__ == "StructInfo" for held in gc.get_referents(struct))

found = list(struct_types())
forgotten = [f"{struct.__module__}.{struct.__qualname__}" for struct in found if not is_ready(struct)]
print(json.dumps({"types": len(found), "forgotten": sorted(forgotten)}))
"""
"""Lists the types that are not ready when every module is loaded that the function may load."""

DEFINED_LATE = """
import sys, types

late = types.ModuleType("asg_lifecycle.late")
sys.modules[late.__name__] = late
exec("import msgspec\\nclass Late(msgspec.Struct):\\n    number: int", vars(late))
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - this interpreter, on a program written here
        [sys.executable, "-c", program, *arguments],
        env={**environment(), "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_two_threads_may_use_a_type_for_the_first_time_at_once() -> None:
    ran = run(COMPOSED + TWO_THREADS)
    assert (ran.returncode, ran.stdout.strip()) == (0, "0"), ran.stderr


def test_without_composition_they_kill_the_process() -> None:
    # When this fails, msgspec has been mended: then `composition/struct_types.py` may go.
    assert run(COLD_START + TWO_THREADS).returncode == -signal.SIGSEGV


def test_no_type_is_forgotten() -> None:
    modules = sorted(modules_loaded_by("handlers.lifecycle_action"))
    assert "asg_lifecycle.kubernetes.cluster" in modules, "it is loaded in a branch, so this test has to know it"
    ran = run(COMPOSED + NOT_READY, json.dumps(modules))
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    assert found["types"] > 100
    assert found["forgotten"] == [], (
        "these struct types are defined in modules that are loaded after composition, where another thread may be the"
        " first to use them: import the modules in src/asg_lifecycle/composition/struct_types.py"
    )


def test_a_type_that_is_defined_after_composition_is_found_out() -> None:
    ran = run(COMPOSED + DEFINED_LATE + NOT_READY, "[]")
    assert json.loads(ran.stdout)["forgotten"] == ["asg_lifecycle.late.Late"]


def test_no_struct_type_is_defined_inside_a_function() -> None:
    # It would be a new type at each call, which nobody can make ready before.
    inside = [
        f"{path.relative_to(SOURCE)}:{struct.lineno}"
        for path in sorted(SOURCE.rglob("*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for struct in ast.walk(function)
        if isinstance(struct, ast.ClassDef) or (isinstance(struct, ast.Attribute) and struct.attr == "defstruct")
    ]
    assert inside == []


def modules_loaded_by(name: str) -> set[str]:
    """Return the names of our modules that a module imports, those inside functions and of its imports included."""
    found: set[str] = set()
    left = [name]
    while left:
        name = left.pop()
        path = SOURCE / f"{name.replace('.', '/')}.py"
        if name not in found and path.exists():
            found.add(name)
            left += imports_of(ast.parse(path.read_text()))
    return found


def imports_of(node: ast.AST) -> Iterator[str]:
    """Yield the names of modules that code imports when it runs; of `from a import b` both `a` and `a.b`."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Import():
            yield from (each.name for each in node.names)
        case ast.ImportFrom(module=str() as module):
            yield module
            yield from (f"{module}.{each.name}" for each in node.names)
    for child in ast.iter_child_nodes(node):
        yield from imports_of(child)


LIBRARY = """
import gc, json, sys
import msgspec
import pytest
import asg_lifecycle.kubernetes.cluster

def ready():
    left, found = [msgspec.Struct], set()
    while left:
        for struct in left.pop().__subclasses__():
            left.append(struct)
            if any(type(held).__name__ == "StructInfo" for held in gc.get_referents(struct)):
                found.add(f"{struct.__module__}.{struct.__qualname__}")
    return found

before = ready()
code = pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", "-k", " or ".join(sys.argv[2:]), sys.argv[1]])
late = sorted(name for name in ready() - before if name.startswith("lightkube"))
print(json.dumps({"code": int(code), "late": late}))
"""
"""Drains nodes, and lists what types of the Kubernetes library became ready only then."""

EVERY_REQUEST = (
    "pods_are_gone_and_not",
    "deleted_whatever_its_budget_says",
    "a_budget_that_blocks",
    "a_right_that_is_missing",
    "the_node_is_deleted",
    "instance_that_is_gone",
)
"""Tests of `drain-kubernetes` that make every request there is, answered and refused."""


def test_the_types_of_the_kubernetes_library_are_ready_once_a_cluster_can_be_used() -> None:
    tests = Path(__file__).parents[1] / "execution" / "test_drain_kubernetes.py"
    answered = subprocess.run(  # noqa: S603 - this interpreter, on the program above
        [sys.executable, "-c", LIBRARY, str(tests), *EVERY_REQUEST],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert json.loads(answered.stdout.splitlines()[-1]) == {"code": 0, "late": []}
