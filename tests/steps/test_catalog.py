"""What holds for every kind of step, those that are written later included."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.model.plans import PlannedStep
from asg_lifecycle.plans.validation import build, find_problems
from asg_lifecycle.steps.catalog import CATALOG

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Step

BUSY = {"namespace": "Workers", "name": "Busy", "dimensions": {"InstanceId": "{instance}"}}
AUTHORITY = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()
MORE_EXAMPLES: dict[str, list[dict[str, Any]]] = {
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
    "drain-ecs": [{}, {"cluster": "production", "standalone": "stop", "orphaned_tasks": "ignore"}],
    "move-address": [
        {"what": "network-interface", "pool": "{group}", "device_index": 2, "force": True},
        {"what": "private-ip", "addresses": ["10.0.0.50", "10.0.0.51"]},
    ],
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
    "wait-for-signal": [{}, {"name": "drained"}, {"name": "drained", "word": True}],
    "register-targets": [
        {"names": ["web"]},
        {
            "arns": ["arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/73e2d6bc24d8a067"],
            "port": 8080,
            "until_healthy": False,
        },
    ],
    "attach-volume": [
        {"volumes": ["vol-0123456789abcdef0", "vol-01234567"], "devices": ["/dev/sdf", "/dev/xvd[b-c]", "xvdh"]},
        {"tag": {"key": "data", "value": "{group}-{tag:Name}"}, "count": 3},
    ],
    "detach-volume": [
        {"volumes": ["vol-0123456789abcdef0"], "force": True, "snapshot": {"wait": False}},
        {"tag": {"key": "data", "value": ""}, "snapshot": {}},
    ],
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
        {"document": "drain", "version": "3"},
    ],
}
"""Options as a plan gives them, beside the example of each kind."""

every_kind = pytest.mark.parametrize("step", CATALOG, ids=lambda step: step.kind)


def examples(step: type[Step]) -> list[dict[str, Any]]:
    return [step.example, *MORE_EXAMPLES.get(step.kind, [])]


@every_kind
def test_the_examples_build(step: type[Step]) -> None:
    clients = Clients()
    services = compose_services(clients, LifecycleActions(clients, time.time), time.time)
    for options in examples(step):
        plan = {"steps": [{"kind": step.kind, "options": json.loads(json.dumps(options))}]}
        assert find_problems(plan) == ()
        assert isinstance(build(PlannedStep(kind=step.kind, options=options), services), step)
    assert not {name for name in vars(clients) if not name.startswith("_")}, "a client was made"


@every_kind
def test_the_options_come_back_from_json(step: type[Step]) -> None:
    for given in examples(step):
        options = msgspec.convert(given, step.options)
        assert msgspec.json.decode(msgspec.json.encode(options), type=step.options) == options


@every_kind
def test_an_option_that_asks_for_a_parameter_is_one_and_the_parameter_grants_something(step: type[Step]) -> None:
    assert step.parameters_by_option.keys() <= set(step.options.__struct_fields__)
    assert set(step.parameters_by_option.values()) <= step.optional_permissions.keys()


@every_kind
def test_an_option_there_is_not_is_refused(step: type[Step]) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({**step.example, "no_such_option": 1}, step.options)


CHOICES = [
    ("invoke-function", {"function": "a"}, "wait_for", "answer, callback, nothing"),
    ("drain-ecs", {}, "standalone", "stop, wait"),
    ("wait-for-metric", {"metrics": {"a": BUSY}, "threshold": 0}, "comparison", "<, <=, ==, >, >="),
    ("remove-dns-records", {"zones": ["Z1"]}, "types", "A, AAAA, CNAME, PTR"),
    ("add-dns-record", {"zone": "Z1", "name": "a"}, "routing", "multivalue, simple, weighted"),
]


@pytest.mark.parametrize(("kind", "options", "name", "valid"), CHOICES, ids=[choice[0] for choice in CHOICES])
def test_a_wrong_choice_is_told_with_the_valid_ones(kind: str, options: dict[str, Any], name: str, valid: str) -> None:
    wrong = {**options, name: ["later"] if name == "types" else "later"}
    (problem,) = find_problems({"steps": [{"kind": kind, "options": wrong}]})
    place = f"{name}[0]" if name == "types" else name
    assert problem.sentence.startswith(f"step 1: {kind}: option {place!r}: is 'later'")
    assert problem.sentence.endswith(f"; valid: {valid}")
