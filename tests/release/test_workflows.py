"""The workflows: pinned, with the least permissions, and calling what is there."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from tests.template.expanded import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}
MAKEFILE = (ROOT / "Makefile").read_text()
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
TAG_CHECK = "The tag is the version"


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOWS[name])["jobs"]
    return found


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in jobs(name).values() for step in job["steps"]]


def commands(name: str) -> list[str]:
    return [step["run"] for step in steps(name) if "run" in step]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is(name: str) -> None:
    used = re.findall(r"uses: (.+)", WORKFLOWS[name])
    assert used
    assert [each for each in used if not PINNED.fullmatch(each)] == []


def test_one_action_is_of_one_version_everywhere() -> None:
    used = {each for text in WORKFLOWS.values() for each in re.findall(r"uses: (.+)", text)}
    assert len({each.partition("@")[0] for each in used}) == len(used)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_permissions_are_the_least_and_no_job_runs_for_hours(name: str) -> None:
    assert yaml.safe_load(WORKFLOWS[name])["permissions"] == {}
    writing = {job for job, it in jobs(name).items() if "write" in it["permissions"].values()}
    assert writing == ({"draft"} if name == "release" else set())
    assert all(set(it["permissions"]) == {"contents"} and it["timeout-minutes"] <= 60 for it in jobs(name).values())
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_who_may_write_runs_nothing_of_the_repository() -> None:
    draft = jobs("release")["draft"]
    assert draft["needs"] == "build"
    assert [step for step in draft["steps"] if "checkout" in step.get("uses", "")] == []
    assert [run for run in (step.get("run", "") for step in draft["steps"]) if "make" in run or ".ci" in run] == []


def test_both_run_what_everybody_runs_and_the_release_after_its_tests() -> None:
    assert commands("ci") == [".ci/run $PYTEST_ARGS"]
    (on_mondays,) = [step["env"]["PYTEST_ARGS"] for step in steps("ci") if step.get("run", "").startswith(".ci/run")]
    assert "'schedule' && '--thorough'" in on_mondays
    release = commands("release")
    assert release.index(".ci/run --thorough") < release.index("make distributions")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_what_is_built_is_what_is_released() -> None:
    recipe = re.search(r"^distributions:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None
    assert re.search(r"^distributions: expanded sbom ", MAKEFILE, re.MULTILINE)
    for part in ("uv build", "$(SBOM)", "build/expanded.yaml", "build/asg-lifecycle-*.zip", "> SHA256SUMS"):
        assert part in recipe[1], part
    (uploaded,) = [step["with"]["path"] for step in steps("release") if "upload-artifact" in step.get("uses", "")]
    assert f"cd {uploaded.rstrip('/')} " in recipe[1]


@pytest.mark.parametrize(("tag", "code"), [(f"v{VERSION}", 0), (VERSION, 1), ("v99.0.0", 1), ("v", 1)])
def test_only_the_tag_of_the_version_is_released(tag: str, code: int) -> None:
    (script,) = [step["run"] for step in steps("release") if step.get("name") == TAG_CHECK]
    checked = subprocess.run(  # noqa: S603 - a step of the workflow
        ["/bin/bash", "-e", "-o", "pipefail", "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TAG": tag},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == code, checked.stderr
