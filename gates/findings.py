"""What checkov and cdk-nag find in the template, and what explains it.

A finding is mended or explained. It is explained beside its resource, below the `Metadata` key of its tool:

    Metadata:
      checkov: {skip: [{id: CKV_AWS_116, comment: why}]}
      cdk_nag: {rules_to_suppress: [{id: AwsSolutions-SQS3, reason: why}]}

These are the places where the tools themselves look. A resource that SAM makes has no Metadata: its findings are
explained in `generated_resources.yaml`. What explains nothing that is found is a mistake, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Tool = Literal["checkov", "cdk_nag"]

SHORTEST_REASON = 20
"""Characters. Less explains nothing."""


class Finding(msgspec.Struct, frozen=True, order=True):
    """What a tool finds in one resource.

    Attributes:
        tool: the tool.
        rule: as the tool calls it, without what it found: `AwsSolutions-IAM5`.
        resource: logical id.
        text: what the tool says.
        detail: what it found where one rule finds several things in a resource: `Resource::*`.
    """

    tool: Tool
    rule: str
    resource: str
    text: str
    detail: str = ""


class Explanation(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """Why what a rule finds in a resource is as it has to be.

    Attributes:
        tool: the tool.
        rule: as the tool calls it.
        resource: logical id.
        reason: a sentence for the security reviewer.
    """

    tool: Tool
    rule: str
    resource: str
    reason: str

    def explains(self, finding: Finding) -> bool:
        """Return whether it is about a finding."""
        return (self.tool, self.rule, self.resource) == (finding.tool, finding.rule, finding.resource)


class _Skip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    comment: str


class _Skips(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    skip: list[_Skip]


class _Suppression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    reason: str


class _Suppressions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules_to_suppress: list[_Suppression]


class _FailedCheck(msgspec.Struct, frozen=True):
    check_id: str
    check_name: str
    resource: str


class _Results(msgspec.Struct, frozen=True):
    failed_checks: list[_FailedCheck]


class _Summary(msgspec.Struct, frozen=True):
    passed: int
    parsing_errors: int


class _CheckovReport(msgspec.Struct, frozen=True):
    results: _Results
    summary: _Summary


class _NagFinding(msgspec.Struct, frozen=True):
    rule: str
    resource: str
    text: str


def read_checkov(report: bytes) -> list[Finding]:
    """Return the findings of a report of checkov in JSON.

    Raises:
        ValueError: it is no report, or checkov could not read the template or looked at nothing in it.
    """
    read = msgspec.json.decode(report, type=_CheckovReport)
    if read.summary.parsing_errors or not read.summary.passed:
        raise ValueError(f"checkov has looked at nothing: {read.summary}")
    return [
        # `AWS::SQS::Queue.NAME`
        Finding("checkov", check.check_id, check.resource.rpartition(".")[2], check.check_name)
        for check in read.results.failed_checks
    ]


def read_cdk_nag(report: bytes) -> list[Finding]:
    """Return the findings that `cdk_nag/check.mjs` has written.

    Raises:
        ValueError: it has written something else.
    """
    found = []
    for each in msgspec.json.decode(report, type=list[_NagFinding]):
        rule, _, detail = each.rule.partition("[")
        found.append(Finding("cdk_nag", rule, each.resource, each.text, detail.removesuffix("]")))
    return found


def explained_in_metadata(template: dict[str, Any]) -> Iterator[Explanation]:
    """Yield what the resources of a template explain themselves.

    Args:
        template: the one that is written. SAM copies the Metadata of a function to some of what it makes.

    Raises:
        ValueError: an explanation has another form than the tools know.
    """
    for resource, properties in template["Resources"].items():
        metadata = properties.get("Metadata", {})
        if "checkov" in metadata:
            for skip in msgspec.convert(metadata["checkov"], _Skips).skip:
                yield Explanation("checkov", skip.id, resource, skip.comment)
        if "cdk_nag" in metadata:
            for each in msgspec.convert(metadata["cdk_nag"], _Suppressions).rules_to_suppress:
                yield Explanation("cdk_nag", each.id, resource, each.reason)


def explained_in_file(text: bytes, template: dict[str, Any], written: dict[str, Any]) -> Iterator[Explanation]:
    """Yield what is explained for the resources that SAM makes.

    Args:
        text: the file, a list of explanations in YAML.
        template: the expanded one.
        written: the template as it is written.

    Raises:
        ValueError: an entry is no explanation, or its resource is not made by SAM: then it has Metadata.
    """
    for entry in msgspec.yaml.decode(text, type=list[Explanation]):
        if entry.resource in written["Resources"]:
            raise ValueError(f"{entry.resource} is written in the template: explain {entry.rule} in its Metadata")
        if entry.resource not in template["Resources"]:
            raise ValueError(f"SAM makes no {entry.resource}")
        yield entry


def unsettled(findings: Iterable[Finding], explanations: Iterable[Explanation]) -> Iterator[str]:
    """Yield a sentence for each finding without explanation, and for each explanation without finding or reason."""
    findings = sorted(findings)
    explanations = sorted(explanations)
    for finding in findings:
        if not any(it.explains(finding) for it in explanations):
            detail = f" [{finding.detail}]" if finding.detail else ""
            yield f"{finding.tool} {finding.rule}{detail} {finding.resource}: {finding.text}"
    for number, explanation in enumerate(explanations):
        place = f"{explanation.tool} {explanation.rule} {explanation.resource}"
        if not any(explanation.explains(it) for it in findings):
            yield f"{place}: explained, but not found"
        if len(explanation.reason) < SHORTEST_REASON:
            yield f"{place}: the reason is too short to explain anything: {explanation.reason!r}"
        if any(
            (it.tool, it.rule, it.resource) == (explanation.tool, explanation.rule, explanation.resource)
            for it in explanations[:number]
        ):
            yield f"{place}: explained twice"
