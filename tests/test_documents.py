"""Every command a document shows is run here, or its section says what it needs that is not here."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.plan_files import read_plan
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.records import Record
from asg_lifecycle.model.wake_events import SignalSent, happening
from asg_lifecycle.plans.metadata import read_metadata
from asg_lifecycle.plans.validation import PLAN_FIELDS, STEP_FIELDS
from asg_lifecycle.steps.catalog import CATALOG
from tests.execution.test_histories import INTERFACE, RARE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SHOWING = sorted(file for folder in (".", "guides", "operations") for file in (ROOT / "docs" / folder).glob("*.md"))
COMMANDS = ("asg-lifecycle ", "aws ", "sam ", "make ", ".venv/")
OFFLINE = [["explain"], ["plan", "check"], ["plan", "examples"], ["plan", "schema"], ["plan", "steps"]]
"""The commands that need no AWS."""
BASES = [
    ROOT / base for base in (".", "src", "src/asg_lifecycle", "src/asg_lifecycle/execution", "asg_lifecycle_simulator")
]
"""The folders from which documents name files."""
INVENTED = {"src/asg_lifecycle/steps/wait_for_moon.py", "asg-lifecycle/STACK/http/NAME", "conftest.py", "build/site"}
"""Files that readers have or write, the name of a secret, and a folder that make makes."""
SHORTEST_ADVISED = 900
"""Seconds of a heartbeat timeout, in all documents: two sweeps, and time to act."""
ACTION = LifecycleAction(
    token=None,
    group="web",
    hook="asg-lifecycle-terminate",
    instance="i-1234567890abcdef0",
    transition=Transition.TERMINATING,
    time=0.0,
)
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def sections() -> list[tuple[str, list[str]]]:
    """Return each section's text and the commands it shows, continued lines joined."""
    shown = [README, *(path.read_text() for path in SHOWING)]
    parts = [part for text in shown for part in re.split(r"^## ", text, flags=re.MULTILINE)]
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
def test_every_command_is_run_or_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, text: str, command: str) -> None:
    words = command.partition("#")[0].split()
    if words[0] == "make":
        assert words[1] in TARGETS
    elif text.startswith("Play with it\n"):
        # tests/simulator/test_start_page.py runs all of that section.
        assert text in (ROOT / "docs" / "start.md").read_text()
    elif is_offline(words):
        # In this process: that the program starts, and answers alike, is shown in tests/cli/test_main.py.
        monkeypatch.chdir(ROOT)
        done = CliRunner().invoke(application, words[1:])
        assert done.exit_code == 0, done.output
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


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_anchor_leads_to_a_heading(document: Path) -> None:
    found = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text())
    assert [
        (link, anchor)
        for link, anchor in found
        if anchor not in anchors((document.parent / link).resolve() if link else document)
    ] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_shows_a_hook_that_the_others_warn_of(document: Path) -> None:
    shown = re.findall(r"--heartbeat-timeout (\d+)", document.read_text())
    assert [seconds for seconds in shown if int(seconds) < SHORTEST_ADVISED] == []


@pytest.mark.parametrize("document", [*SHOWING, ROOT / "README.md"], ids=lambda path: path.name)
def test_a_dry_run_is_said_to_complete_the_action(document: Path) -> None:
    text = document.read_text()
    # `dry_run` of a plan; the option `--dry-run` of the command line does nothing at all.
    assert "`dry_run" not in text or re.search(r"`dry_run[^.|]*(\|[^|]*)?complete", text)


def blocks() -> list[tuple[str, str]]:
    """Return the blocks of code that the documents show, each with its document's name."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        indented = re.findall(r"(?:^|\n\n)((?:    .*\n|\n(?=    ))+)", text)
        name = document.relative_to(ROOT).as_posix()
        found += [(name, block) for block in [*fenced, *(textwrap.dedent(block) for block in indented)]]
    return found


PLANS_SHOWN = [
    (name, block if re.search(r"^steps:", block, re.MULTILINE) else "steps:\n" + textwrap.indent(block, "  "))
    for name, block in blocks()
    if re.search(r"^(steps:|- kind:)", block, re.MULTILINE)
]
PAYLOADS_SHOWN = [(name, block) for name, block in blocks() if '"detail-type"' in block]


@pytest.mark.parametrize(("name", "plan"), PLANS_SHOWN, ids=[name for name, _ in PLANS_SHOWN])
def test_every_plan_shown_can_be_used(name: str, plan: str) -> None:
    assert read_plan(plan, transition_of(name)).problems == ()


def transition_of(name: str) -> PlanTransition | None:
    """Return the transition of a plan that a document shows in part, None for one that is whole."""
    return PlanTransition.TERMINATE if name == "docs/signals.md" else None


def test_plans_are_shown() -> None:
    assert {name for name, _ in PLANS_SHOWN} >= {"README.md", "docs/signals.md", "docs/steps/run-command.md"}


@pytest.mark.parametrize(("name", "payload"), PAYLOADS_SHOWN, ids=[name for name, _ in PAYLOADS_SHOWN])
def test_every_payload_shown_is_understood(name: str, payload: str) -> None:
    assert isinstance(happening(json.loads(payload)), SignalSent), name


def test_the_payload_of_a_signal_is_shown() -> None:
    assert {name for name, _ in PAYLOADS_SHOWN} == {"docs/signals.md"}


METADATA_SHOWN = sorted(
    {shown for document in SHOWING for shown in re.findall(r"`(\{\"plan\".*?\})`", document.read_text())}
)


@pytest.mark.parametrize("metadata", METADATA_SHOWN)
def test_every_metadata_shown_names_or_carries_a_plan(metadata: str) -> None:
    found = read_metadata(replace(ACTION, metadata=metadata.replace("[…]", '[{"kind": "drain-ecs"}]')))
    assert isinstance(found, str) or (found is not None and found.problems == ())


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
