from __future__ import annotations

import json
from typing import Any

import pytest

from gates.check_template import GENERATED
from gates.findings import (
    Explanation,
    Finding,
    explained_in_file,
    explained_in_metadata,
    read_cdk_nag,
    read_checkov,
    unsettled,
)
from gates.template import with_every_switch_on, without_explanations
from tests.template.expanded import expand, source

FINDING = Finding("cdk_nag", "AwsSolutions-SQS4", "Queue", "no TLS")
REASON = "Nobody can send to it from outside."
EXPLANATION = Explanation("cdk_nag", "AwsSolutions-SQS4", "Queue", REASON)
TEMPLATE: dict[str, Any] = {"Resources": {"Queue": {}, "QueueMade": {}}}
WRITTEN: dict[str, Any] = {"Resources": {"Queue": {}}}


def test_what_is_found_and_explained_is_settled() -> None:
    assert list(unsettled([FINDING], [EXPLANATION])) == []


@pytest.mark.parametrize(
    ("findings", "explanations", "expected"),
    [
        ([FINDING], [], ["cdk_nag AwsSolutions-SQS4 Queue: no TLS"]),
        (
            [Finding("cdk_nag", "AwsSolutions-IAM5", "Role", "wildcards", "Resource::*")],
            [EXPLANATION],
            [
                "cdk_nag AwsSolutions-IAM5 [Resource::*] Role: wildcards",
                "cdk_nag AwsSolutions-SQS4 Queue: explained, but not found",
            ],
        ),
        (
            [FINDING],
            [Explanation("checkov", "AwsSolutions-SQS4", "Queue", REASON)],
            [
                "cdk_nag AwsSolutions-SQS4 Queue: no TLS",
                "checkov AwsSolutions-SQS4 Queue: explained, but not found",
            ],
        ),
        (
            [FINDING],
            [Explanation("cdk_nag", "AwsSolutions-SQS4", "Queue", "It is fine.")],
            ["cdk_nag AwsSolutions-SQS4 Queue: the reason is too short to explain anything: 'It is fine.'"],
        ),
        ([FINDING], [EXPLANATION, EXPLANATION], ["cdk_nag AwsSolutions-SQS4 Queue: explained twice"]),
    ],
)
def test_what_is_not_settled_is_said(
    findings: list[Finding], explanations: list[Explanation], expected: list[str]
) -> None:
    assert list(unsettled(findings, explanations)) == expected


def test_a_resource_explains_itself_in_the_places_where_the_tools_look() -> None:
    metadata = {
        "checkov": {"skip": [{"id": "CKV_AWS_27", "comment": REASON}]},
        "cdk_nag": {"rules_to_suppress": [{"id": "AwsSolutions-SQS4", "reason": REASON}]},
    }
    template = {"Resources": {"Queue": {"Metadata": metadata}, "Other": {}}}
    assert list(explained_in_metadata(template)) == [
        Explanation("checkov", "CKV_AWS_27", "Queue", REASON),
        EXPLANATION,
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        {"checkov": {"skip": [{"id": "CKV_AWS_27"}]}},
        {"checkov": {"skips": []}},
        {"cdk_nag": {"rules_to_suppress": [{"id": "AwsSolutions-SQS4", "reason": REASON, "appliesTo": ["*"]}]}},
    ],
)
def test_an_explanation_of_another_form_is_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Object"):
        list(explained_in_metadata({"Resources": {"Queue": {"Metadata": metadata}}}))


def test_the_file_explains_what_sam_makes() -> None:
    text = f"[{{tool: cdk_nag, rule: R, resource: QueueMade, reason: {REASON}}}]".encode()
    assert list(explained_in_file(text, TEMPLATE, WRITTEN)) == [Explanation("cdk_nag", "R", "QueueMade", REASON)]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{tool: cdk_nag, rule: R, resource: Queue, reason: why}", "Queue is written in the template: explain R"),
        ("{tool: cdk_nag, rule: R, resource: Gone, reason: why}", "SAM makes no Gone"),
        ("{tool: nag, rule: R, resource: QueueMade, reason: why}", "Invalid enum value 'nag'"),
        ("{tool: cdk_nag, rule: R, reason: why}", "missing required field `resource`"),
        ("{tool: cdk_nag, rule: R, resource: QueueMade, reason: why, until: never}", "unknown field `until`"),
    ],
)
def test_a_wrong_entry_of_the_file_is_refused(entry: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(explained_in_file(f"[{entry}]".encode(), TEMPLATE, WRITTEN))


def test_the_file_of_the_repository_is_about_what_sam_makes() -> None:
    written = source()
    assert list(explained_in_file(GENERATED.read_bytes(), expand(written).template, written))


def checkov(**summary: int) -> bytes:
    failed = [{"check_id": "CKV_AWS_27", "check_name": "encrypted", "resource": "AWS::SQS::Queue.Queue"}]
    return json.dumps(
        {"results": {"failed_checks": failed}, "summary": {"passed": 1, "parsing_errors": 0, **summary}}
    ).encode()


def test_findings_of_checkov_are_read() -> None:
    assert read_checkov(checkov()) == [Finding("checkov", "CKV_AWS_27", "Queue", "encrypted")]


@pytest.mark.parametrize("report", [checkov(passed=0), checkov(parsing_errors=1), b"", b"[]"])
def test_a_checkov_that_has_looked_at_nothing_is_no_success(report: bytes) -> None:
    with pytest.raises(ValueError, match=r"looked at nothing|Input data|Expected"):
        read_checkov(report)


def test_findings_of_cdk_nag_are_read_with_what_they_are_about() -> None:
    report = [
        {"rule": "AwsSolutions-IAM5[Resource::arn:[x]]", "resource": "Role", "text": "wildcards"},
        {"rule": "AwsSolutions-SQS4", "resource": "Queue", "text": "no TLS"},
    ]
    assert read_cdk_nag(json.dumps(report).encode()) == [
        Finding("cdk_nag", "AwsSolutions-IAM5", "Role", "wildcards", "Resource::arn:[x]"),
        FINDING,
    ]


def test_every_tool_sees_the_template_without_its_explanations_and_with_every_switch_on() -> None:
    expanded = with_every_switch_on().template
    bare = without_explanations(expanded)
    assert bare["Resources"].keys() == expand(source()).template["Resources"].keys()
    text = json.dumps(bare)
    assert "rules_to_suppress" in json.dumps(expanded)
    assert [it for it in ("rules_to_suppress", "skip", "Fn::If", "AWS::NoValue") if f'"{it}"' in text] == []
    assert bare["Resources"]["SweepFunction"]["Metadata"] == {"BuildMethod": "makefile"}


def test_a_condition_that_no_switch_meets_is_found_out() -> None:
    template = source()
    template["Conditions"]["HasMore"] = {"Fn::Equals": [{"Ref": "LogLevel"}, "TRACE"]}
    with pytest.raises(ValueError, match="HasMore"):
        with_every_switch_on(template=template)
