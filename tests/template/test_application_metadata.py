"""What the template tells people who deploy it: its parameters in groups, and what an application repository shows."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests.template.expanded import ROOT, source

TEMPLATE = source()
INTERFACE: dict[str, Any] = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
APPLICATION: dict[str, Any] = TEMPLATE["Metadata"]["AWS::ServerlessRepo::Application"]
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]

PATTERNS = {
    "Name": r"[a-zA-Z0-9\-]{1,140}",
    "Author": r"(?=.{1,127}$)[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?",
    "Description": r".{1,256}",
    "SemanticVersion": r"\d+\.\d+\.\d+",
}
"""What `sam publish` accepts: AWS SAM Developer Guide, "Metadata section properties"."""


def test_every_parameter_is_in_exactly_one_group() -> None:
    grouped = [name for group in INTERFACE["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS)


def test_every_parameter_and_group_has_a_label_of_its_own() -> None:
    assert INTERFACE["ParameterLabels"].keys() == PARAMETERS.keys()
    labels = [label["default"] for label in INTERFACE["ParameterLabels"].values()]
    titles = [group["Label"]["default"] for group in INTERFACE["ParameterGroups"]]
    for texts in (labels, titles):
        assert len(set(texts)) == len(texts)
        assert all(text.strip() and len(text) <= 60 for text in texts)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_description_is_a_sentence_that_a_prompt_can_show(name: str) -> None:
    description = PARAMETERS[name]["Description"]
    # A colon or an angle bracket is how notes look, not sentences.
    assert re.fullmatch(r"[A-Z0-9*][^:;<>{}]{10,170}\.", re.sub("asg-lifecycle:(pool|stack)", "", description)), (
        description
    )


def test_a_repository_of_applications_can_show_it() -> None:
    for field, pattern in PATTERNS.items():
        assert re.fullmatch(pattern, APPLICATION[field]), field
    assert len(APPLICATION["Labels"]) <= 10
    for label in APPLICATION["Labels"]:
        assert re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label)


def test_what_it_names_is_what_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert APPLICATION["SpdxLicenseId"] == project["license"]
    assert [APPLICATION["LicenseUrl"]] == project["license-files"]
    assert APPLICATION["ReadmeUrl"] == project["readme"]
    assert APPLICATION["SemanticVersion"] == project["version"] == TEMPLATE["Outputs"]["Version"]["Value"]
    assert "Apache License" in (ROOT / APPLICATION["LicenseUrl"]).read_text()
    assert (ROOT / APPLICATION["ReadmeUrl"]).is_file()
