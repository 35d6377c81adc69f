"""What people have written in plans, and what the check says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from asg_lifecycle.cli.plan_files import LARGEST_FILE, read_plan
from asg_lifecycle.cli.step_reference import page
from asg_lifecycle.plans.validation import LARGEST_NUMBER, find_problems
from asg_lifecycle.steps.catalog import KINDS

FOLDER = Path(__file__).parent / "field_cases"

EXPECTED: dict[str, list[tuple[int, tuple[str, ...]]]] = {
    "p04-sexagesimal": [
        (1, ("timeout", "'1:30' without quotes", "a duration such as")),
        (4, ("steps[0].options.duration", "'12:30:45' without quotes", "a duration such as")),
    ],
    "p06-onoff": [
        (1, ("dry_run is 'true'", "true or false")),
        (2, ("'off' without quotes", "abandon, continue, hold")),
        (3, ("on_timeout is 'Continue'", "abandon, continue, hold")),
        (4, ("result is 'CONTINUE'", "abandon, continue")),
        (7, ("steps[0].options.standalone", "'yes'", "stop, wait")),
    ],
    "p10-star": [(5, ("'*' begins an alias", "in quotes"))],
    "p13-scalarlist": [
        (6, ("steps[0].options.parameters.commands", "'systemctl stop worker'", "a list")),
        (7, ("steps[0].options.parameters.executionTimeout", "3600", "a list")),
    ],
    "p14-bool-in-list": [
        (6, ("steps[0].options.parameters.commands[1]", "'yes' without quotes", "a string")),
        (6, ("steps[0].options.parameters.commands[2]", "'no' without quotes", "a string")),
        (6, ("steps[0].options.parameters.commands[3]", "'5' without quotes", "a string")),
        (7, ("steps[0].options.parameters.executionTimeout[0]", "'3600' without quotes", "a string")),
    ],
    "p16-recursive": [(1, ("alias contains itself",))],
    "p18-template": [(5, ("'{{' begins an object", "in quotes"))],
    "p21-arnname": [
        (4, ("steps[0].options.names[0]", "the name of a target group", "belongs under arns")),
        (5, ("steps[0].options.arns[0]", "'web'", "the ARN of a target group", "belongs under names")),
    ],
    "p40-bomb": [(10, ("once its aliases are written out",))],
    "p43-nan": [(3, ("steps[0].options.threshold is nan", "finite"))],
    "p48-dns-name": [
        (5, ("steps[1].options.name", "#instanceid", "a DNS name")),
        (5, ("steps[1].options.ttl", "60", "a duration such as")),
    ],
    "p50-k8s-cluster-arn": [(3, ("steps[0].options.cluster", "the name of an EKS cluster", "not its ARN"))],
    "p61-lattice": [
        # The first is the ARN of a target group of VPC Lattice, which the step works on.
        (5, ("steps[1].options.arns[0]", "loadbala", "of Elastic Load Balancing", "or of VPC Lattice")),
    ],
}


@pytest.mark.parametrize("case", EXPECTED)
def test_what_people_have_written_is_refused_line_by_line_in_their_words(case: str) -> None:
    found = read_plan((FOLDER / f"{case}.yaml").read_text(encoding="utf-8"))
    assert found.plan is None
    assert [line for line, _ in found.problems] == [line for line, _ in EXPECTED[case]], found.problems
    for (_, sentence), (_, words) in zip(found.problems, EXPECTED[case], strict=True):
        assert [word for word in words if word not in sentence] == [], sentence


def test_every_field_case_has_its_expectation() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), LARGEST_NUMBER + 1, -LARGEST_NUMBER - 1])
def test_a_number_that_json_readers_read_differently_is_refused_wherever_it_stands(number: float) -> None:
    plan = {"steps": [{"kind": "invoke-function", "options": {"function": "f", "payload": {"a": [{"b": number}]}}}]}
    (problem,) = find_problems(plan)
    assert problem.path == ("steps", 0, "options", "payload", "a", 0, "b")


def test_the_largest_number_and_a_repeated_alias_are_fine() -> None:
    text = (
        "transition: launch\nsteps:\n"
        f"- {{kind: invoke-function, options: {{function: f, payload: &p {{n: {LARGEST_NUMBER}}}}}}}\n"
        "- {kind: publish-event, options: {detail: *p}}"
    )
    assert read_plan(text).problems == ()


def test_a_file_that_takes_long_to_read_is_refused_before_it_is_read() -> None:
    ((line, sentence),) = read_plan("#" * (LARGEST_FILE + 1)).problems
    assert (line, str(LARGEST_FILE) in sentence) == (1, True)


@pytest.mark.parametrize(
    ("kind", "option", "takes"),
    [
        ("invoke-function", "function", "string"),
        ("drain-kubernetes", "cluster", "string or nothing"),
        ("add-dns-record", "name", "string"),
        ("add-dns-record", "ttl", "duration"),
        ("drain-kubernetes", "grace", "duration or nothing"),
    ],
)
def test_the_reference_says_duration_only_of_durations(kind: str, option: str, takes: str) -> None:
    assert f"| `{option}` | {takes} |" in page(KINDS[kind])


@pytest.mark.parametrize("kind", ["deregister-targets", "register-targets"])
def test_the_arn_of_another_resource_of_the_same_service_is_refused(kind: str) -> None:
    arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:truststore/web/73e2d6bc24d8a067"
    (problem,) = find_problems({"steps": [{"kind": kind, "options": {"arns": [arn]}}]})
    assert problem.path == ("steps", 0, "options", "arns", 0)
