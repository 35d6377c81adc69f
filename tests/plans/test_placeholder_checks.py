"""What the check says of placeholders: an unknown one is refused in a name, and told where it may be something else."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from asg_lifecycle.cli.app import application
from asg_lifecycle.plans.validation import find_problems, find_warnings

METRIC = {"comparison": "<", "threshold": 1}


def metric(**fields: Any) -> dict[str, Any]:
    return {**METRIC, "metrics": {"busy": {"namespace": "Workers", "name": "Busy", **fields}}}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("add-dns-record", {"zone": "Z1", "name": "{instanse}.example.com"}),
        ("remove-dns-records", {"zones": ["Z1"], "names": ["{ip}.example.com"]}),
        ("wait-for-metric", metric(dimensions={"InstanceId": "{instance-id}"})),
        ("wait-for-metric", metric(name="{foo}")),
        ("wait-for-metric", metric(namespace="{}")),
        ("publish-event", {"detail_type": "{Group} drained"}),
        ("deregister-targets", {"tags": {"drain": "{groop}"}}),
    ],
)
def test_a_name_with_an_unknown_placeholder_is_refused_with_the_known_ones(kind: str, options: dict[str, Any]) -> None:
    (problem,) = find_problems({"steps": [{"kind": kind, "options": options}]})
    for known in ("{instance}", "{private_ip}", "{tag:NAME}"):
        assert known in str(problem)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("add-dns-record", {"zone": "Z1", "name": "{instance}.{tag:role}.example.com"}),
        ("wait-for-metric", metric(dimensions={"InstanceId": "{instance}", "Literal": "{{instance}}"})),
        ("publish-event", {"detail_type": "{group} drained", "detail": {"a": "{anything}"}}),
        ("invoke-function", {"function": "f", "payload": {"a": ["{", "{b}"]}}),
        ("run-command", {"document": "d", "parameters": {"commands": ["echo ${x} {{ssm:name}} {print $1}"]}}),
    ],
)
def test_known_placeholders_and_every_other_brace_are_fine(kind: str, options: dict[str, Any]) -> None:
    plan = {"steps": [{"kind": kind, "options": options}]}
    assert find_problems(plan) == ()
    assert list(find_warnings(plan)) == []


PLAN = """\
steps:
  - kind: drain-ecs
  - parallel:
      - kind: run-command
        options:
          document: AWS-RunShellScript
          parameters:
            commands:
              - echo ok
              - echo {instnace} {private-ip}
"""


def test_what_is_one_letter_away_is_a_warning_and_no_problem() -> None:
    result = CliRunner().invoke(application, ["plan", "check", "-"], input=PLAN)
    assert result.exit_code == 0
    assert "can be used" in result.stdout
    place = "(at steps[1].parallel[0].options.parameters.commands[1])"
    told = "standard input:10: warning: {%s} is no placeholder and stays as it is; {%s} is one %s"
    expected = [told % (*pair, place) for pair in (("instnace", "instance"), ("private-ip", "private_ip"))]
    assert sorted(result.stderr.splitlines()) == expected
