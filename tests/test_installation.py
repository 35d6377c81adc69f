"""What `pip install`, `pipx install` and `uv tool install` of a checkout or a wheel give: a working `asg-lifecycle`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*")])
EXAMPLE = ROOT / "plans" / "web-service.yaml"
FOREIGN = ROOT / "examples" / "foreign-handler"
UNREACHABLE = re.compile(r"error sending request|failed to (fetch|lookup)|dns error|network|connect", re.IGNORECASE)
"""What uv says when it cannot ask the index."""

FROM_OUTSIDE = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
"""What an environment of its own does not get: another's modules, and the order to compile all of its own each time."""

IMPORT_EVERYTHING = """
import contextlib, importlib, importlib.abc, io, json, pkgutil, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"a plain install has no {name}", name=name)

refused = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Refuse())
import asg_lifecycle.cli
for module in pkgutil.iter_modules(asg_lifecycle.cli.__path__, "asg_lifecycle.cli."):
    importlib.import_module(module.name)
for tools in ("action_tools", "command_line", "dead_letter_tools", "plan_tools"):
    importlib.import_module(f"asg_lifecycle.composition.{tools}")
from asg_lifecycle.cli.app import application

def ran(arguments):
    output, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            application(arguments)
        except SystemExit as ended:
            output.flush(), errors.flush()
            return [ended.code, *(each.buffer.getvalue().decode() for each in (output, errors))]

found = {" ".join(arguments): ran(arguments) for arguments in json.loads(sys.argv[2])}
print(json.dumps({"file": asg_lifecycle.cli.__file__, "ran": found}))
"""

IMPORTED_FROM = """
import importlib, pkgutil
import asg_lifecycle_simulator as simulator

def test_everything_can_be_imported():
    assert simulator.__file__.startswith({folder!r})
    for module in pkgutil.walk_packages(simulator.__path__, simulator.__name__ + "."):
        importlib.import_module(module.name)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the files that the build backend makes, by their suffix: what `python -m build` calls, and offline."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(  # noqa: S603 - the build backend, from this environment
        [sys.executable, "-m", "hatchling", "build", "--directory", folder], cwd=ROOT, capture_output=True, check=True
    )
    return {file.suffix: file for file in folder.iterdir()}


@pytest.fixture(scope="module")
def unpacked(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(built[".whl"]) as wheel:
        wheel.extractall(folder)  # noqa: S202 - made a moment ago
    return folder


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


def test_the_wheel_holds_two_packages_and_the_plans_with_their_schema(built: dict[str, Path]) -> None:
    names = names_in(built[".whl"])
    assert {name.partition("/")[0] for name in names} == {
        "asg_lifecycle",
        "asg_lifecycle_simulator",
        f"asg_lifecycle-{PROJECT['version']}.dist-info",
    }
    plans = {f"asg_lifecycle/example_plans/{file.name}" for file in (ROOT / "plans").iterdir()}
    assert {name for name in names if "/example_plans/" in name} == plans
    assert names >= {"asg_lifecycle/py.typed", "asg_lifecycle/cli/__main__.py", *plans}


def test_the_wheel_has_of_the_simulator_what_needs_no_checkout(built: dict[str, Path]) -> None:
    found = {name.split("/")[1] for name in names_in(built[".whl"]) if name.startswith("asg_lifecycle_simulator/")}
    assert found == {
        *("__init__.py", "__main__.py", "foreign", "py.typed", "pytest_plugin.py"),
        *("region", "server", "services", "testing.py"),
    }
    assert "asg_lifecycle_simulator/services/durable_executions/service.py" not in names_in(built[".whl"])


def test_the_source_distribution_makes_the_same_wheel(built: dict[str, Path], tmp_path: Path) -> None:
    with tarfile.open(built[".gz"]) as sources:
        sources.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel"], cwd=unpacked, capture_output=True, check=True
    )
    (wheel,) = (unpacked / "dist").iterdir()
    assert names_in(wheel) == names_in(built[".whl"])


def plain_install() -> set[str]:
    """Return the names of the distributions that a plain install brings along."""
    found: set[str] = set()
    left = [Requirement(each) for each in PROJECT["dependencies"]]
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        left += [Requirement(each) for each in distribution(name).requires or ()]
    return found


COMMANDS = [
    (["--version"], f"asg-lifecycle {PROJECT['version']}"),
    (["--help"], "redrive"),
    (["plan", "check", str(EXAMPLE)], "can be used for terminate hooks"),
    (["plan", "examples"], "web-service"),
    (["plan", "examples", "web-service"], "kind: deregister-targets"),
    (["plan", "steps", "drain-kubernetes"], "drain-kubernetes"),
]


@pytest.fixture(scope="module")
def ran_in_plain_install(unpacked: Path) -> dict[str, tuple[int, str, str]]:
    """Import all that the command line may import, then run it, where only a plain install's packages are there.

    Returns:
        The exit code and what was written to standard output and standard error, by command line.
    """
    allowed = plain_install()
    refused = {
        module
        for module, owners in packages_distributions().items()
        if allowed.isdisjoint(map(canonicalize_name, owners)) and module != "asg_lifecycle"
    }
    assert refused >= {"aws_lambda_powertools", "aws_durable_execution_sdk_python", "lightkube"}
    called = json.dumps([arguments for arguments, _ in COMMANDS])
    done = subprocess.run(  # noqa: S603 - this interpreter, with arguments of ours
        [sys.executable, "-c", IMPORT_EVERYTHING, ",".join(sorted(refused)), called],
        cwd=unpacked,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answered = json.loads(done.stdout)
    assert answered["file"].startswith(str(unpacked)), "what was run is not what the wheel holds"
    return {line: tuple(ended) for line, ended in answered["ran"].items()}


@pytest.mark.parametrize(
    ("arguments", "says"), COMMANDS, ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else None
)
def test_a_plain_install_has_all_that_the_command_line_imports(
    ran_in_plain_install: dict[str, tuple[int, str, str]], arguments: list[str], says: str
) -> None:
    code, output, errors = ran_in_plain_install[" ".join(arguments)]
    assert (code, errors) == (0, "")
    assert says in output


UV = (sys.executable, "-m", "uv", "--quiet")


class Environment:
    """A virtual environment, and what is installed and run there: outside of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bin = folder / "environment" / "bin"
        self._pins = folder / "pins.txt"
        self._pins.write_text(
            "\n".join(re.findall(r"^\S+==[^\\\n]+", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE))
        )
        made = [*UV, "venv", "--python", sys.executable, str(self._bin.parent)]
        subprocess.run(made, check=True)  # noqa: S603 - from this environment

    def install(self, wheel: Path, *others: str, extra: str = "") -> None:
        """Install the wheel, and other packages."""
        package = f"asg-lifecycle{extra} @ {wheel.as_uri()}"
        installed = subprocess.run(  # noqa: S603 - from the environment of the tests
            [*UV, "pip", "install", "--python", self._bin / "python", "--constraint", self._pins, package, *others],
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode and UNREACHABLE.search(installed.stderr):
            pytest.skip("needs a package index")
        assert (installed.returncode, installed.stderr) == (0, "")

    def start(self, program: str, *arguments: str | Path, folder: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - what was installed
            [self._bin / program, *arguments],
            cwd=folder or self.folder,
            env={name: value for name, value in os.environ.items() if name not in FROM_OUTSIDE},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, program: str, *arguments: str | Path, folder: Path | None = None) -> tuple[int, str, str]:
        """Return the exit code and what was written to standard output and standard error."""
        with self.start(program, *arguments, folder=folder) as started:
            output, error = started.communicate()
        return started.returncode, output, error


@pytest.mark.waits
def test_the_wheel_works_in_an_environment_of_its_own(built: dict[str, Path], tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.install(built[".whl"])
    for arguments in (["--help"], ["--version"], ["plan", "check", EXAMPLE], ["plan", "examples", "web-service"]):
        code, output, error = environment.run("asg-lifecycle", *arguments)
        assert (code, error) == (0, ""), arguments
        assert output
    find = (
        "import importlib.util; print(*filter(importlib.util.find_spec, ('handlers', 'moto', 'lightkube', 'pytest')))"
    )
    assert environment.run("python", "-c", find) == (0, "\n", "")
    code, output, error = environment.run("asg-lifecycle-simulator", "--help")
    assert (code, output) == (2, "")
    assert "needs asg-lifecycle with its extra `simulator`" in error

    # In the same environment, as somebody would who reads that.
    environment.install(built[".whl"], "pytest", extra="[simulator]")
    example = shutil.copytree(FOREIGN, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__"))
    (example / "test_everything.py").write_text(IMPORTED_FROM.format(folder=str(tmp_path)))
    code, output, error = environment.run("python", "-m", "pytest", "-q", folder=example)
    assert (code, error) == (0, ""), output
    with environment.start("asg-lifecycle-simulator", "--port", "0", "--json") as server:
        assert server.stdout is not None
        held = json.loads(server.stdout.readline())
        server.terminate()
        assert (held["tables"], [group["name"] for group in held["groups"]]) == ([], ["web"])
    assert server.returncode == 0


def test_the_function_asks_for_the_same_of_what_the_command_line_carries_too() -> None:
    function, plain = (
        {Requirement(each).name: str(Requirement(each).specifier) for each in requirements}
        for requirements in (PROJECT["optional-dependencies"]["function"], PROJECT["dependencies"])
    )
    assert function.keys() & plain.keys() >= {"boto3", "msgspec"}
    assert {name for name in function.keys() & plain.keys() if function[name] != plain[name]} == set()


def test_a_plain_install_brings_nothing_of_the_simulators() -> None:
    assert plain_install().isdisjoint({"moto", "flask", "werkzeug", "cryptography", "pytest"})


def test_no_text_installs_the_tool_from_an_index_by_name() -> None:
    # The name is nobody's there yet: whoever takes it would run code on the machines of operators.
    by_name = re.compile(r"(?:pip|pipx|uv|uvx)\b[^\n`]*?\b(?:install|run|add|uvx)\s+(?:-\S+\s+)*['\"]?asg-lifecycle\b")
    by_name_at_once = re.compile(r"\b(?:uvx|pipx run)\s+asg-lifecycle\b")
    texts = [*DOCUMENTS, ROOT / "Makefile", *ROOT.glob("src/**/*.py"), *ROOT.glob("asg_lifecycle_simulator/**/*.py")]
    found = [
        path
        for path in texts
        if path.is_file() and any(each.search(path.read_text(errors="replace")) for each in (by_name, by_name_at_once))
    ]
    assert by_name.search("pip install asg-lifecycle[cli]")
    assert found == []


def test_documents_call_the_tool_in_one_way() -> None:
    # The modules below it write references.
    another_way = re.compile(r"python -m asg_lifecycle\.cli\b(?!\.)")
    assert [path for path in DOCUMENTS if path.suffix == ".md" and another_way.search(path.read_text())] == []
