"""The example plans can be used as they are, and editors know the language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.plan_files import read_plan
from asg_lifecycle.plans.json_schema import plan_schema

FOLDER = Path(__file__).parents[1] / "plans"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))
every_example = pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)

WRONG = [
    {"steps": "none"},
    {"stepz": []},
    {"timeout": "5 minutes"},
    {"on_timeout": "wait"},
    {"drains_per_group": 0},
    {"steps": [{"kind": "drain"}]},
    {"steps": [{"kind": "run-command"}]},
    {"steps": [{"kind": "run-command", "options": {"document": "d", "parameter": {}}}]},
    {"steps": [{"parallel": []}]},
    {"steps": [{"parallel": [{"parallel": [{"kind": "deregister-targets"}]}]}]},
]


@every_example
def test_an_example_can_be_used_and_fits_the_schema(file: Path) -> None:
    found = read_plan(file.read_text(encoding="utf-8"))
    assert found.problems == ()
    Draft202012Validator(plan_schema()).validate(found.plan)


@every_example
def test_an_example_says_what_it_is_for_and_points_editors_to_the_schema(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    assert (read_plan(text).plan or {}).get("description")


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


def test_the_schema_is_the_one_that_the_command_line_prints() -> None:
    kept = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
    assert json.loads(CliRunner().invoke(application, ["plan", "schema"]).stdout) == kept
    Draft202012Validator.check_schema(kept)


@pytest.mark.parametrize("plan", WRONG, ids=json.dumps)
def test_the_schema_refuses_what_the_code_refuses(plan: object) -> None:
    assert read_plan(json.dumps(plan)).problems
    assert not Draft202012Validator(plan_schema()).is_valid(plan)
