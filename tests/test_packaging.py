from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements"
SETS = ("runtime", "dev", "sam")
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^ ;\\]+)(?P<marker> ;[^\\]+)?(?P<hashes>( \\\n.*)*)$")
HASH = re.compile(r" \\\n    --hash=sha256:[0-9a-f]{64}")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(name: str) -> dict[str, str]:
    """Return the whole entry, hashes and all, of each distribution of a requirements file."""
    text = (REQUIREMENTS / f"{name}.txt").read_text().rstrip("\n")
    entries = [PIN.match(entry) for entry in re.split(r"\n(?=\S)", text)]
    assert all(entries), f"{name}.txt has a line that pins nothing"
    return {entry["name"]: entry[0] for entry in entries if entry}


def declared(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in requirements}


@pytest.mark.parametrize("name", SETS)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    for entry in pins(name).values():
        head, *hashes = re.split(r"(?= \\\n)", entry)
        assert hashes, f"{head} has no hash"
        assert all(HASH.fullmatch(each) for each in hashes), head


@pytest.mark.parametrize("name", SETS)
def test_no_requirement_says_where_it_came_from(name: str) -> None:
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    assert re.search(r"://|(?m:^\s*(-|.*@ ))(?!-hash=)", text) is None


def test_the_function_carries_what_the_project_needs_and_no_command_line() -> None:
    runtime = pins("runtime").keys()
    assert runtime >= declared(PROJECT["project"]["dependencies"])
    assert runtime.isdisjoint(declared(PROJECT["project"]["optional-dependencies"]["cli"]))
    assert runtime.isdisjoint(declared(PROJECT["dependency-groups"]["dev"]))


def test_what_is_tested_is_what_is_packaged() -> None:
    dev = pins("dev")
    assert {name: dev.get(name) for name in pins("runtime")} == pins("runtime")
    assert dev.keys() >= declared(PROJECT["project"]["optional-dependencies"]["cli"])
    assert dev.keys() >= declared(PROJECT["dependency-groups"]["dev"])


def test_sam_packages_the_runtime_requirements() -> None:
    assert (ROOT / "src" / "requirements.txt").read_bytes() == (REQUIREMENTS / "runtime.txt").read_bytes()


def test_the_command_is_installed() -> None:
    (command,) = entry_points(group="console_scripts", name="asg-lifecycle")
    assert command.value == PROJECT["project"]["scripts"]["asg-lifecycle"]
    answer = subprocess.run(  # noqa: S603 - our own command
        [Path(sys.executable).with_name("asg-lifecycle"), "explain", ROOT / "events" / "terminate.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert '"decision": "handle"' in answer.stdout


def test_continuous_integration_can_run_its_script() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
