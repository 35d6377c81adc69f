"""What holds for every kind of step, those that are written later included."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import TYPE_CHECKING, Any

import botocore.session
import msgspec
import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.model.plans import PlannedStep
from asg_lifecycle.plans.validation import build, find_problems
from asg_lifecycle.steps.catalog import CATALOG, KINDS

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Step

BUSY = {"namespace": "Workers", "name": "Busy", "dimensions": {"InstanceId": "{instance}"}}
AUTHORITY = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "add-dns-record": [
        {"zone": "Z1D633PJN98FT9", "name": "{instance}.example.com"},
        {
            "zone": "Z1D633PJN98FT9",
            "name": "web.example.com",
            "type": "AAAA",
            "address": "public",
            "ttl": "5m",
            "routing": "weighted",
            "weight": 0,
        },
    ],
    "deregister-cloud-map": [
        {"services": ["srv-e4anhexample0004"]},
        {
            "services": ["arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-e4anhexample0004"],
            "namespaces": ["shop.internal", "ns-e4anhexample0004"],
        },
    ],
    "deregister-targets": [
        {},
        {"of_group": True},
        {"names": ["web"], "tags": {"drain": "yes"}},
        {"arns": ["arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/73e2d6bc24d8a067"]},
    ],
    "drain-ecs": [{}, {"cluster": "production", "standalone": "stop"}],
    "publish-event": [
        {},
        {"detail_type": "Drained", "detail": {"team": "blue", "numbers": [1, 2.5, None]}, "bus": "mine"},
        {"topic": "arn:aws:sns:eu-central-1:123456789012:drained"},
    ],
    "wait-for-metric": [
        {
            "metrics": {"busy": BUSY},
            "comparison": "<=",
            "threshold": 0,
        },
        {
            "metrics": {
                "a": BUSY,
                "b": {"namespace": "Workers", "name": "All", "statistic": "p99"},
            },
            "expression": "a / b",
            "comparison": "<",
            "threshold": 0.5,
            "periods": 3,
            "period": "5m",
            "without_values": "met",
        },
    ],
    "wait-for-ecs": [{}, {"cluster": "production", "activate": False}],
    "invoke-function": [
        {"function": "archive"},
        {
            "function": "arn:aws:lambda:eu-central-1:123456789012:function:archive:live",
            "payload": {"bucket": "logs", "days": [1, None]},
            "wait_for": "callback",
            "timeout": "6h",
            "heartbeat_timeout": "10m",
        },
    ],
    "drain-kubernetes": [
        {},
        {"cluster": "production", "grace": "2m", "force_after": "6h", "delete_node": True},
        {
            "endpoint": "https://k8s",
            "certificate_authority": AUTHORITY,
            "token_parameter": "/asg-lifecycle/asg-lifecycle/kubernetes/a",
        },
    ],
    "wait-for-kubernetes": [{}, {"cluster": "production", "startup_taints": ["a/b"], "uncordon": False}],
    "deregister-classic-elb": [{}, {"names": ["web", "api"], "of_group": True}],
    "wait-for-signal": [{}, {"name": "drained"}],
    "register-targets": [
        {"names": ["web"]},
        {
            "arns": ["arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/73e2d6bc24d8a067"],
            "port": 8080,
            "until_healthy": False,
        },
    ],
    "wait": [{"duration": "90s"}],
    "wait-for-managed": [{}],
    "wait-for-status-checks": [{}],
    "remove-dns-records": [
        {"zones": ["Z1D633PJN98FT9"]},
        {
            "zones": ["Z1D633PJN98FT9", "Z2"],
            "names": ["web.example.com", "{instance}.example.com"],
            "types": ["A", "AAAA", "CNAME"],
            "wait_for_ttl": False,
        },
    ],
    "run-command": [
        {"document": "AWS-RunShellScript", "parameters": {"commands": ["systemctl stop web"]}},
        {"document": "drain", "version": "3"},
    ],
}
"""Options of each kind as a plan gives them."""

SERVICE_OF_PREFIX = {
    "elasticloadbalancing": ("elbv2", "elb"),
    "tag": ("resourcegroupstaggingapi",),
}
"""The boto3 names of the services behind an IAM prefix, where they differ from it."""

IAM_NAMES = {"InvokeFunction": "Invoke"}
"""The API's name of an operation that IAM calls otherwise."""

every_kind = pytest.mark.parametrize("step", CATALOG, ids=lambda step: step.kind)


def test_each_kind_is_there_once() -> None:
    assert [KINDS[step.kind] for step in CATALOG] == list(CATALOG)


def test_each_kind_has_an_example() -> None:
    assert set(EXAMPLES) == set(KINDS)


@every_kind
def test_the_kind_is_kebab_case_and_names_the_module(step: type[Step]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", step.kind)
    assert step.__module__ == f"asg_lifecycle.steps.{step.kind.replace('-', '_')}"


@every_kind
def test_the_class_says_what_it_is(step: type[Step]) -> None:
    assert (step.__doc__ or "").startswith(f"`{step.kind}`")


@every_kind
def test_the_options_are_closed(step: type[Step]) -> None:
    assert step.options.__struct_config__.frozen
    assert step.options.__struct_config__.forbid_unknown_fields
    # With a name or a tag changed on the way, the docstring would not say what a plan has to say.
    assert step.options.__struct_fields__ == step.options.__struct_encode_fields__


@every_kind
def test_each_option_is_documented_and_no_other(step: type[Step]) -> None:
    _, _, attributes = (step.options.__doc__ or "").partition("Attributes:\n")
    documented = re.findall(r"^ {4,8}(\w+): \S", attributes, flags=re.MULTILINE)
    assert documented == list(step.options.__struct_fields__)


@every_kind
def test_the_permissions_are_iam_actions_in_order(step: type[Step]) -> None:
    assert bool(step.permissions) == (step.template_parameter is not None)
    assert list(step.permissions) == sorted(set(step.permissions))
    for permission in step.permissions:
        assert re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]+", permission)


@every_kind
def test_each_permission_is_for_an_operation_there_is(step: type[Step]) -> None:
    session = botocore.session.get_session()
    for permission in step.permissions:
        prefix, _, operation = permission.partition(":")
        services = map(session.get_service_model, SERVICE_OF_PREFIX.get(prefix, (prefix,)))
        assert any(IAM_NAMES.get(operation, operation) in each.operation_names for each in services), permission


@every_kind
def test_the_flags_are_said_one_way_or_the_other(step: type[Step]) -> None:
    for flag in (step.skip_if_instance_survives, step.needs_instance_alive, step.at_most_once):
        assert isinstance(flag, bool)


@every_kind
def test_the_examples_build(step: type[Step]) -> None:
    clients = Clients()
    services = compose_services(clients, LifecycleActions(clients, time.time), time.time)
    for options in EXAMPLES[step.kind]:
        plan = {"steps": [{"kind": step.kind, "options": json.loads(json.dumps(options))}]}
        assert find_problems(plan) == ()
        assert isinstance(build(PlannedStep(kind=step.kind, options=options), services), step)
    assert not {name for name in vars(clients) if not name.startswith("_")}, "a client was made"


@every_kind
def test_the_options_come_back_from_json(step: type[Step]) -> None:
    for given in EXAMPLES[step.kind]:
        options = msgspec.convert(given, step.options)
        assert msgspec.json.decode(msgspec.json.encode(options), type=step.options) == options


@every_kind
def test_an_option_there_is_not_is_refused(step: type[Step]) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({**EXAMPLES[step.kind][0], "no_such_option": 1}, step.options)


CHOICES = [
    ("invoke-function", {"function": "a"}, "wait_for", "answer, callback, nothing"),
    ("drain-ecs", {}, "standalone", "stop, wait"),
    ("wait-for-metric", {"metrics": {"a": BUSY}, "threshold": 0}, "comparison", "<, <=, ==, >, >="),
    ("remove-dns-records", {"zones": ["Z1"]}, "types", "A, AAAA, CNAME"),
    ("add-dns-record", {"zone": "Z1", "name": "a"}, "routing", "multivalue, simple, weighted"),
]


@pytest.mark.parametrize(("kind", "options", "name", "valid"), CHOICES, ids=[choice[0] for choice in CHOICES])
def test_a_wrong_choice_is_told_with_the_valid_ones(kind: str, options: dict[str, Any], name: str, valid: str) -> None:
    wrong = {**options, name: ["later"] if name == "types" else "later"}
    (problem,) = find_problems({"steps": [{"kind": kind, "options": wrong}]})
    assert problem.sentence.startswith(f"step 1: {kind}: option {name!r}: Invalid enum value 'later'")
    assert problem.sentence.endswith(f"; valid: {valid}")
