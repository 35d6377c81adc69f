from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
GATES = [path.stem for path in sorted((REQUIREMENTS / "gates").glob("*.in"))]
"""The tools of `make gates`, each with an environment of its own."""
PINNED = ["runtime", "dev", "sam", *(f"gates/{name}" for name in GATES)]
CDK_NAG = ROOT / "gates" / "cdk_nag"
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^\s;]+)")

FUNCTION = PROJECT["project"]["optional-dependencies"]["function"]
SIMULATOR = PROJECT["project"]["optional-dependencies"]["simulator"]
COMMAND_LINE = PROJECT["project"]["dependencies"]
DEVELOPMENT = PROJECT["dependency-groups"]["dev"]
BUILD = PROJECT["build-system"]["requires"]


def entries(name: str) -> list[str]:
    """Return the entries of a compiled requirements file, each with its hashes."""
    return re.split(r"\n(?=\S)", (REQUIREMENTS / f"{name}.txt").read_text().strip())


def pins(name: str) -> dict[str, set[str]]:
    """Return the versions of each package of a compiled requirements file, one for each kind of machine."""
    versions: dict[str, set[str]] = {}
    for entry in entries(name):
        if match := PIN.match(entry):
            versions.setdefault(normalized(match["name"]), set()).add(match["version"])
    return versions


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", PINNED)
def test_every_requirement_is_pinned_with_hashes_and_says_nothing_of_where_it_came_from(name: str) -> None:
    found = entries(name)
    assert [entry for entry in found if not PIN.match(entry)] == []
    assert [entry for entry in found if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)] == []
    assert re.findall(r"https?:|--(?:extra-)?index-url|--find-links|file:|^#", "\n".join(found), re.MULTILINE) == []


@pytest.mark.parametrize("name", ["sam", *(f"gates/{name}" for name in GATES)])
def test_the_pins_of_a_tool_are_of_what_it_is_asked_for(name: str) -> None:
    (wanted,) = map(Requirement, (REQUIREMENTS / f"{name}.in").read_text().split())
    assert all(map(wanted.specifier.contains, pins(name)[normalized(wanted.name)]))


def test_the_lock_of_cdk_nag_pins_with_hashes_and_says_nothing_of_where_it_came_from() -> None:
    packages: dict[str, Any] = json.loads((CDK_NAG / "package-lock.json").read_text())["packages"]
    asked = json.loads((CDK_NAG / "package.json").read_text())["dependencies"]
    assert packages.pop("")["dependencies"] == asked
    assert {packages[f"node_modules/{name}"]["version"] for name in asked} == set(asked.values())
    # What another package brings along in itself is covered by that one's.
    fetched = {name: it for name, it in packages.items() if not it.get("inBundle")}
    assert [name for name, it in fetched.items() if not it.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, it in packages.items() if "resolved" in it] == []
    assert "omit-lockfile-registry-resolved=true" in (CDK_NAG / ".npmrc").read_text().split()


@pytest.mark.parametrize(
    ("name", "wanted"), [("runtime", FUNCTION), ("dev", [*FUNCTION, *SIMULATOR, *COMMAND_LINE, *DEVELOPMENT, *BUILD])]
)
def test_the_pins_are_of_the_projects_own_requirements(name: str, wanted: list[str]) -> None:
    pinned = pins(name)
    for requirement in map(Requirement, wanted):
        versions = pinned[normalized(requirement.name)]
        assert all(map(requirement.specifier.contains, versions)), f"{requirement}: run `make requirements`"


def test_what_is_tested_is_what_is_packaged() -> None:
    assert pins("runtime").items() <= pins("dev").items()
    assert (ROOT / "src" / "requirements.txt").read_text() == (REQUIREMENTS / "runtime.txt").read_text()


def test_the_command_line_and_development_stay_out_of_the_package() -> None:
    others = {normalized(Requirement(it).name) for it in {*COMMAND_LINE, *DEVELOPMENT} - {*FUNCTION}}
    others.remove("pyyaml")  # comes with lightkube
    assert others >= {"typer", "rich"}
    assert others & pins("runtime").keys() == set()
    assert "boto3" in pins("runtime"), "the one that Lambda brings along knows no durable executions"


def test_the_simulator_is_developed_with_what_its_extra_asks_for() -> None:
    assert {*SIMULATOR} <= {*DEVELOPMENT}
    assert {normalized(Requirement(each).name) for each in SIMULATOR} & pins("runtime").keys() == set()


def test_the_plugin_of_pytest_can_be_loaded() -> None:
    # Under the name of its module, so that `-p` and this are one plugin.
    for name, module in PROJECT["project"]["entry-points"]["pytest11"].items():
        assert name == module
        assert "lifecycle_region" in vars(import_module(module))


def test_every_console_script_can_be_called() -> None:
    assert PROJECT["project"]["scripts"]
    for target in PROJECT["project"]["scripts"].values():
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(module), function))


def test_the_licence_is_the_one_that_is_declared() -> None:
    assert PROJECT["project"]["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert re.match(r"\s*Apache License\s+Version 2\.0, January 2004", text)
    assert "END OF TERMS AND CONDITIONS" in text


def test_make_tells_what_it_can_do() -> None:
    told = subprocess.run(
        ["make", "--no-print-directory", "help"],  # noqa: S607 - the one these tests are run by
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    described = dict(line.split(maxsplit=1) for line in told.splitlines())
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(described) == set(phony.split())
    assert described.keys() >= {"test", "demo", "build", "deploy", "local-invoke", "bench-coldstart", "requirements"}


def test_continuous_integration_makes_what_developers_make() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert lines[-3:] == ['make test PYTEST_ARGS="$*"', "make gates", "make site"]
