"""What becomes of a step whose plan names something that does not exist: one rule for every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.wrappers import Response

from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.records import Status
from asg_lifecycle.plans.validation import find_problems
from asg_lifecycle.steps.catalog import CATALOG, KINDS
from tests.execution.test_every_step import SCENES

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

GROUP_ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/nowhere/0123456789abcdef"

ABSENT: dict[str, dict[str, Any]] = {
    "add-dns-record": {"zone": "Z0NOWHERE", "name": "web.example.com"},
    "attach-volume": {"tag": {"key": "data", "value": "nowhere"}},
    "create-snapshot": {"volumes": ["/dev/nowhere"]},
    "deregister-classic-elb": {"names": ["nowhere"]},
    "deregister-cloud-map": {"services": ["srv-nowhere"]},
    "deregister-targets": {"names": ["nowhere"]},
    "detach-volume": {"tag": {"key": "data", "value": "nowhere"}},
    "drain-ecs": {"cluster": "nowhere"},
    "drain-kubernetes": {"cluster": "nowhere"},
    "http-request": {
        "url": "http://runners.example.com/{found}",
        "find": {"url": "http://runners.example.com/?name=nowhere", "value": "[?name=='nowhere']"},
    },
    "invoke-function": {"function": "nowhere"},
    "move-address": {"what": "elastic-ip", "pool": "nowhere"},
    "publish-event": {"topic": "arn:aws:sns:eu-central-1:123456789012:nowhere"},
    "register-targets": {"names": ["nowhere"]},
    "remove-dns-records": {"zones": ["Z0NOWHERE"]},
    "run-automation": {"document": "nowhere"},
    "run-command": {"document": "nowhere"},
    "start-execution": {"state_machine": "nowhere"},
    "wait-for-capacity": {"target_group": "nowhere", "at_least": 1},
    "wait-for-ecs": {"cluster": "nowhere"},
    "wait-for-kubernetes": {"cluster": "nowhere"},
}
"""Options of each kind that name something that does not exist."""

OTHER_ABSENT: list[tuple[str, dict[str, Any]]] = [
    ("deregister-cloud-map", {"namespaces": ["nowhere.internal"]}),
    ("deregister-cloud-map", {"namespaces": ["ns-nowhere"]}),
    ("deregister-targets", {"arns": [GROUP_ARN]}),
    ("deregister-targets", {"tags": {"team": "nowhere"}}),
    ("publish-event", {"bus": "nowhere"}),
    ("register-targets", {"arns": [GROUP_ARN]}),
]

EVERY = [*ABSENT.items(), *OTHER_ABSENT]

every_absence = pytest.mark.parametrize(
    ("kind", "options"), EVERY, ids=[f"{kind} {options}" for kind, options in EVERY]
)


def test_every_kind_that_may_miss_something_is_tried() -> None:
    assert set(ABSENT) == {step.kind for step in CATALOG if step.may_be_missing is not None}


def started(testbed: Testbed, kind: str, options: dict[str, Any], **step: Any) -> str:
    planned = {"kind": kind, "options": options, **step}
    if KINDS[kind].transition is PlanTransition.LAUNCH:
        instance = testbed.launch({"steps": [planned]})
        wait_for_the_end(testbed)
        return instance
    (instance,) = testbed.group(plan={"steps": [planned]})
    if kind == "http-request":
        testbed.http_apis.serve("runners.example.com", Response("[]"), port=80, tls=False)
    if kind == "run-command":
        testbed.run_command.manage(instance)
    testbed.terminate(instance)
    wait_for_the_end(testbed)
    return instance


def wait_for_the_end(testbed: Testbed) -> None:
    """Let ten minutes pass, or fewer where the step has ended."""
    testbed.run(30)
    for _ in range(19):
        if testbed.record().status is not Status.WORKING:
            return
        testbed.run(30)


@pytest.mark.one_of(3)
@every_absence
def test_it_fails_the_step_and_says_what_to_do(testbed: Testbed, kind: str, options: dict[str, Any]) -> None:
    started(testbed, kind, options)
    record = testbed.record()
    assert record.status is Status.HELD
    assert record.problem is not None
    assert "nowhere" in record.problem.lower()
    assert "if_missing: done" in record.problem


@pytest.mark.one_of(2)
@every_absence
def test_it_is_done_where_the_plan_allows_that(testbed: Testbed, kind: str, options: dict[str, Any]) -> None:
    started(testbed, kind, options, if_missing="done")
    (outcome,) = testbed.record().step_outcomes
    assert outcome.outcome == "done"
    assert outcome.detail.endswith("the plan allows that (if_missing: done)")


def test_what_exists_is_worked_on_before_the_step_fails(testbed: Testbed) -> None:
    options = {"names": ["blue", "nowhere"]}
    (instance,) = testbed.group(plan={"steps": [{"kind": "deregister-targets", "options": options}]})
    testbed.target_group("blue", instance, delay=60)
    testbed.terminate(instance)
    testbed.run(300)
    record = testbed.record()
    assert record.status is Status.HELD
    assert record.problem is not None
    assert "there is no target group named nowhere; drained from blue" in record.problem


@pytest.mark.parametrize(("if_missing", "status"), [("fail", Status.HELD), ("done", Status.COMPLETED)])
def test_a_service_that_does_not_know_what_was_asked_for_counts_as_missing(
    testbed: Testbed, if_missing: str, status: Status
) -> None:
    testbed.region.faults.fail("ssm", "DescribeInstanceInformation", code="ResourceNotFoundException", status=400)
    started(testbed, "run-command", {"document": "AWS-RunShellScript"}, if_missing=if_missing)
    assert testbed.record().status is status
    testbed.run(600)
    assert testbed.record().status is status


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(ABSENT)))
def test_the_check_refuses_it_where_nothing_is_named(kind: str) -> None:
    options = KINDS[kind].example
    assert not find_problems({"steps": [{"kind": kind, "options": options}]})
    if KINDS[kind].may_be_missing is None:
        (problem,) = find_problems({"steps": [{"kind": kind, "options": options, "if_missing": "done"}]})
        assert "if_missing" in str(problem)


def test_scenes_and_absences_are_of_the_same_kinds() -> None:
    assert set(ABSENT) <= set(SCENES)
