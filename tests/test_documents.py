"""Every command a document shows is run here, or its section says what it needs that is not here."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.plan_files import read_plan
from asg_lifecycle.model.records import Record
from asg_lifecycle.plans.validation import PLAN_FIELDS, STEP_FIELDS
from asg_lifecycle.steps.catalog import CATALOG
from tests.execution.test_histories import INTERFACE, RARE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SHOWING = sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "guides").glob("*.md")])
COMMANDS = ("asg-lifecycle ", "aws ", "sam ", "make ", ".venv/")
OFFLINE = [["explain"], ["plan", "check"], ["plan", "examples"], ["plan", "schema"], ["plan", "steps"]]
"""The commands that need no AWS."""
BASES = [
    ROOT / base for base in (".", "src", "src/asg_lifecycle", "src/asg_lifecycle/execution", "asg_lifecycle_simulator")
]
"""The folders from which documents name files."""
INVENTED = {"src/asg_lifecycle/steps/wait_for_moon.py", "asg-lifecycle/STACK/http/NAME"}
"""The file that CONTRIBUTING has the reader write, and the name of a secret."""
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def sections() -> list[tuple[str, list[str]]]:
    """Return each section's text and the commands it shows, continued lines joined."""
    shown = "".join([README, *(path.read_text() for path in SHOWING)])
    parts = re.split(r"^## ", shown, flags=re.MULTILINE)[1:]
    return [
        (
            part,
            [
                line.strip()
                for line in re.sub(r"\\\n\s*", "", part).splitlines()
                if line.startswith("    ") and line.strip().startswith(COMMANDS)
            ],
        )
        for part in parts
    ]


SHOWN = [(text, command) for text, commands in sections() for command in commands]


def is_offline(words: list[str]) -> bool:
    """Return whether a command needs nothing that is not here: no AWS, and no file that the reader writes."""
    if words[0] != "asg-lifecycle" or not any(words[1 : 1 + len(offline)] == offline for offline in OFFLINE):
        return False
    return all((ROOT / word).exists() for word in words if "." in word)


def test_the_commands_that_need_nothing_are_run() -> None:
    assert sum(is_offline(command.split()) for _, command in SHOWN) >= 4


@pytest.mark.parametrize(("text", "command"), SHOWN, ids=[command[:40] for _, command in SHOWN])
def test_every_command_is_run_or_says_what_it_needs(text: str, command: str) -> None:
    words = command.partition("#")[0].split()
    if words[0] == "make":
        assert words[1] in TARGETS
    elif is_offline(words):
        done = subprocess.run(  # noqa: S603 - the command the README shows
            [sys.executable, "-m", "asg_lifecycle.cli", *words[1:]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout
        if words[1] == "explain":
            assert textwrap.indent(done.stdout, "    ") in text
    else:
        assert re.search(r"[Nn]eeds (AWS|Docker)", text), "the section does not say what the command needs"


def test_the_plan_shown_can_be_used() -> None:
    shown = re.search(r"^    steps:\n(?:    .*\n)+", README, re.MULTILINE)
    assert shown is not None
    found = read_plan(textwrap.dedent(shown[0]))
    assert found.problems == ()
    assert found.plan is not None
    assert len(found.plan["steps"]) > 1


def test_the_fields_of_plans_and_steps_are_documented() -> None:
    described = (ROOT / "docs" / "plans.md").read_text()
    assert [name for name in (*PLAN_FIELDS, *STEP_FIELDS) if f"`{name}`" not in described] == []
    features = {parameter for step in CATALOG for parameter in step.permissions_by_parameter()}
    assert [template_parameter for template_parameter in features if f"`{template_parameter}`" not in described] == []


def test_the_commands_shown_exist() -> None:
    shown = {
        command
        for document in DOCUMENTS
        for command in re.findall(r"^ {4}(?:\.venv/bin/)?asg-lifecycle ([a-z-]+)", document.read_text(), re.MULTILINE)
    }
    assert shown >= {"ps", "why", "finish", "redrive", "explain", "plan"}
    assert {command for command in shown if CliRunner().invoke(application, [command, "--help"]).exit_code} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_named_in_documents_exist(document: Path) -> None:
    quoted = re.findall(r"`(?:…/)?(?!AWS/)([\w-]+(?:/[\w.-]*)+|[\w-]+\.py)`", document.read_text())
    unknown = [
        path
        for path in quoted
        if not any((base / path).exists() or (base / f"{path}.py").exists() for base in BASES)
        and ("/" in path or not any(ROOT.glob(f"src/**/{path}")))
    ]
    assert [path for path in unknown if path not in INVENTED] == []


def test_the_interfaces_are_listed_whole() -> None:
    listed = set(
        re.findall(r"`([a-zA-Z_-]+)`", (ROOT / "docs" / "architecture.md").read_text().split("## Interfaces")[1])
    )

    assert INTERFACE | RARE | set(Record.__struct_fields__) <= listed
