"""The example for many accounts and Regions: linted, and the parts agree with each other."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from moto.events.models import EventPattern
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # the package ships no types

from asg_lifecycle.cli.exit_codes import ExitCode
from asg_lifecycle.model.action_events import SOURCE
from release.expanded_template import CODE_BUCKET, PARAMETER
from tests.cli.action_commands import run
from tests.template.expanded import ROOT, Expanded, source
from tests.template.linting import lint

EXAMPLE = ROOT / "examples" / "stackset"
README = (EXAMPLE / "README.md").read_text()
NAMES = sorted(path.name for path in EXAMPLE.glob("*.yaml"))


def template(name: str) -> Expanded:
    return Expanded(yaml_parse((EXAMPLE / name).read_text()))


@pytest.mark.parametrize("name", NAMES)
def test_cloudformation_has_nothing_to_say(name: str) -> None:
    assert lint(template(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_arn_names_a_partition(name: str) -> None:
    assert "arn:aws:" not in (EXAMPLE / name).read_text()


def test_the_readme_is_one_screen_and_names_every_file() -> None:
    assert len(README.splitlines()) <= 50
    assert [name for name in NAMES if f"`{name}`" not in README] == []
    shown = set(re.findall(r"([A-Z]\w+)=\S", README))
    declared = {parameter for name in NAMES for parameter in template(name).template["Parameters"]}
    assert shown <= declared


def test_the_commands_that_it_names_are_there() -> None:
    named = [line.split() for line in re.findall(r"`asg-lifecycle ([^`]+)`", README)]
    assert {words[0] for words in named} == {"ps", "check-delete"}
    for words in named:
        assert run(*words, "--help").exit_code == ExitCode.SUCCESS, words


def test_the_stackset_gives_parameters_that_the_expanded_template_has() -> None:
    _, properties = template("stackset.yaml").only("AWS::CloudFormation::StackSet")
    given = {each["ParameterKey"] for each in properties["Parameters"]}
    assert given <= {CODE_BUCKET, *source()["Parameters"]}
    assert CODE_BUCKET in given
    assert properties["Capabilities"] == ["CAPABILITY_IAM"]
    assert properties["AutoDeployment"]["RetainStacksOnAccountRemoval"] is True


def test_the_bucket_is_the_one_that_the_expanded_template_names() -> None:
    bucket = template("code-bucket.yaml")
    _, properties = bucket.only("AWS::S3::Bucket")
    assert properties["BucketName"] == {"Fn::Sub": f"${{{CODE_BUCKET}}}-${{AWS::Region}}"}
    for name in ("code-bucket.yaml", "stackset.yaml"):
        declared = template(name).template["Parameters"][CODE_BUCKET]
        assert declared["AllowedPattern"] == PARAMETER["AllowedPattern"], name


def test_only_the_organization_may_read_the_code_and_nobody_may_change_it() -> None:
    _, properties = template("code-bucket.yaml").only("AWS::S3::BucketPolicy")
    (allowed,) = [each for each in properties["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert allowed["Action"] == "s3:GetObject"
    assert allowed["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}}}


def test_only_events_about_actions_come_to_the_central_bus() -> None:
    _, policy = template("central-bus.yaml").only("AWS::Events::EventBusPolicy")
    conditions = policy["Statement"]["Condition"]["StringEquals"]
    assert conditions == {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}, "events:source": SOURCE}
    _, rule = template("central-events.yaml").only("AWS::Events::Rule")
    pattern = EventPattern.load(json.dumps(rule["EventPattern"]))
    event: Any = {"source": SOURCE, "detail-type": "Lifecycle Action Held", "detail": {}}
    assert pattern.matches_event(event)
    foreign: Any = {**event, "source": "aws.autoscaling"}
    assert not pattern.matches_event(foreign)
