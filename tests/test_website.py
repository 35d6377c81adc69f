"""The documentation site: what is made from the code is current, and its links lead somewhere."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.model.action_summary import Standing
from asg_lifecycle.model.doctor.registry import CHECKS
from asg_lifecycle.model.records import Status
from website import diagrams, links, operations_reference, price_reference, template_reference
from website.references import PAGES

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("path", "page"), PAGES.items(), ids=list(PAGES))
def test_the_pages_made_from_the_code_are_current(path: str, page: Callable[[], str]) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == page(), "write them with make references"


def test_every_parameter_and_output_is_described() -> None:
    template = template_reference.read()
    page = template_reference.page()
    assert len(template.parameters) > 30
    assert [name for name in (*template.parameters, *template.outputs) if f"| `{name}` |" not in page] == []


def test_parameters_stand_in_their_groups_and_none_is_left_out() -> None:
    parameter = template_reference.Parameter(type="String", description="What.", default="")
    group = template_reference.Group(label=template_reference.Label("First"), parameters=["One"])
    template = template_reference.Template(
        parameters={"One": parameter, "Two": parameter},
        outputs={},
        metadata=template_reference.Metadata(template_reference.Interface([group])),
    )

    page = template_reference.page_of(template)

    assert re.findall(r"^## (.+)|^\| `(\w+)`", page, re.MULTILINE) == [
        ("First", ""),
        ("", "One"),
        ("Other parameters", ""),
        ("", "Two"),
        ("Changes while instances wait", ""),
        ("", "RolePath"),
        ("", "KmsKeyArn"),
        ("", "SubnetIds"),
        ("", "HookNamePrefix"),
        ("Outputs", ""),
    ]


def test_every_alarm_finding_and_status_is_explained() -> None:
    page = operations_reference.page()
    handbook = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)", handbook, re.MULTILINE)}
    findings = (ROOT / "docs" / "operations" / "doctor.md").read_text(encoding="utf-8")

    assert len(operations_reference.alarms()) > 10
    assert {anchor for _, anchor in operations_reference.alarms().values()} <= anchors
    assert re.findall(r"^## (.+)", findings, re.MULTILINE) == [check.name for check in CHECKS]
    assert [each for each in (*Standing, *Status) if f"| `{each.value}` |" not in page] == []


@pytest.mark.parametrize("length", price_reference.LENGTHS)
def test_the_calculator_gives_what_was_measured(length: str) -> None:
    usage = price_reference.measured(length)
    number = price_reference.looks(usage)
    measured = price_reference.dollars(usage)

    # Early looks find their environment, late ones do not: a wait is between the two.
    lowest, highest = (price_reference.price(number, cold=cold) for cold in (False, True))
    assert lowest - 1e-9 <= measured <= highest
    if length in {"2 min", "10 min"}:
        assert measured == pytest.approx(lowest)
    if length in {"20 h", "48 h"}:
        assert measured == pytest.approx(highest, rel=0.1)


def test_a_look_that_begins_an_environment_is_the_dearer_one() -> None:
    early, late = (price_reference.look(cold=cold) for cold in (False, True))
    assert price_reference.PRICES.durable_operation < early < late < 5 * price_reference.PRICES.durable_operation


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("docs/plans.md", "plans.md"),
        ("docs/guides", "guides/README.md"),
        ("docs/steps", "steps/index.md"),
        ("CHANGELOG.md", "repository/CHANGELOG.md"),
        ("plans", "repository/plans/index.md"),
        ("plans/web-service.yaml", "repository/plans/web-service.yaml.md"),
        ("plans/schema.json", "repository/plans/schema.json"),
        ("benchmarks/results/price-of-waiting.png", "repository/benchmarks/results/price-of-waiting.png"),
    ],
)
def test_files_and_folders_have_their_places_on_the_site(path: str, place: str) -> None:
    assert links.place(ROOT, path) == place


def test_a_link_that_leads_nowhere_has_no_place() -> None:
    with pytest.raises(FileNotFoundError):
        links.place(ROOT, "docs/nowhere.md")


def test_only_relative_links_are_changed_and_anchors_stay() -> None:
    text = "[a](b.md#c) [d](#e) [f](https://g/h.md)\n\n```\n[i](j.md)\n```\n\n    [k](l/)\n"

    changed = links.rewritten(text, lambda link: f"to/{link}")

    assert changed == "[a](to/b.md#c) [d](#e) [f](https://g/h.md)\n\n```\n[i](j.md)\n```\n\n    [k](to/l/)\n"
    assert list(links.links(text)) == ["b.md", "l/"]


def test_what_the_documents_lead_to_is_found_with_its_own_links(tmp_path: Path) -> None:
    for path, text in {
        "docs/a.md": "[b](../b.md) [c](c.md)",
        "docs/c.md": "",
        "b.md": "[d](d/)",
        "d/README.md": "[e](../e.yaml)",
        "d/f.sh": "true",
        "e.yaml": "{}",
        "g.md": "",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)

    assert links.outside(tmp_path) == {
        "b.md": "repository/b.md",
        "d": "repository/d/README.md",
        "d/README.md": "repository/d/README.md",
        "d/f.sh": "repository/d/f.sh.md",
        "e.yaml": "repository/e.yaml.md",
    }


def test_a_folder_without_a_page_lists_its_files() -> None:
    listed = links.listing(ROOT, "docs/steps")
    assert listed.startswith("# Steps\n")
    assert "- [wait-for-managed](wait-for-managed.md): Wait until the instance's Systems Manager agent is" in listed


def test_another_archive_than_the_expected_one_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "mermaid.tgz"
    with tarfile.open(archive, "w:gz") as files:
        member = tarfile.TarInfo(diagrams.MEMBER)
        member.size = 7
        files.addfile(member, io.BytesIO(b"program"))

    assert diagrams.program(archive, hashlib.sha256(archive.read_bytes()).hexdigest()) == b"program"
    with pytest.raises(ValueError, match="has the digest"):
        diagrams.program(archive)


def test_every_rule_that_is_named_is_explained() -> None:
    explained = re.findall(r"^\| (R\d+) \|", (ROOT / "docs" / "rules.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert explained == [f"R{number}" for number in range(1, 33)]
    sources = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(file for folder in ("src", "asg_lifecycle_simulator", "tests") for file in (ROOT / folder).rglob("*.py")),
    ]
    named = {
        (rule, file.relative_to(ROOT).as_posix())
        for file in sources
        for rule in re.findall(r"(?<![\w-])R\d{1,2}(?![\w.-])", file.read_text(encoding="utf-8"))
    }
    assert {rule for rule, _ in named} >= {"R4", "R26"}
    assert {(rule, file) for rule, file in named if rule not in explained} == set()
