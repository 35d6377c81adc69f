"""The reference pages are those of the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.plan_files import read_plan
from asg_lifecycle.steps.catalog import KINDS

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(application, ["plan", "steps", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_on_the_page_can_be_used(kind: str) -> None:
    _, _, rest = run(kind).partition("## Example\n\n")
    example, _, _ = rest.partition("\n\n")
    found = read_plan("\n".join(line[4:] for line in example.splitlines()))
    assert found.problems == ()
    assert found.plan is not None
    assert found.plan["steps"][0]["kind"] == kind


def test_all_kinds_are_listed_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    assert [line.split()[0] for line in run().splitlines()[1:]] == list(KINDS)
    run("--write", str(tmp_path))
    assert {page.stem for page in tmp_path.iterdir()} == set(KINDS)
    wrong = CliRunner().invoke(application, ["plan", "steps", "drain"])
    assert wrong.exit_code == 2
    assert "deregister-targets" in wrong.stderr
