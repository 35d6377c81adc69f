"""Every API call that the code makes names its IAM action, is declared, and nothing else is."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.permissions import (
    ACTION_EVENT_PERMISSIONS,
    CHANGE_PERMISSIONS,
    CORE_PERMISSIONS,
    ECS_SIGNAL_PERMISSIONS,
    INTERRUPTION_PERMISSIONS,
    NOTIFICATION_PERMISSIONS,
    PREVIEW_PERMISSIONS,
    READ_ONLY_PERMISSIONS,
    SIGNAL_PERMISSIONS,
    SWEEP_PERMISSIONS,
    policy_output,
)
from tests.template.checks import declared_permissions
from tests.template.expanded import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
"""IAM's name of a service, where it is not the one that requests are signed with."""
CALL_NOTHING = {"signed_identity", "signer"}
"""What clients can do without a call."""

ON_OUR_BEHALF = {
    "ec2:CreateTags",
    "route53:DeleteHealthCheck",
    "route53:GetHealthCheck",
    "route53:UpdateHealthCheck",
}
"""What no call of ours is: EC2 asks for the first where what is made is given tags, and Cloud Map does the others in
the name of whoever calls `DeregisterInstance`."""
MODULES = sorted((ROOT / "src" / "asg_lifecycle").rglob("*.py"))


@dataclass(frozen=True)
class Call:
    """One place in the code where an AWS API is called.

    Attributes:
        place: file and line.
        action: the IAM action that the call needs.
        named: the action that the code says it needs, for when it is denied.
    """

    place: str
    action: str
    named: str | None


class Calls(ast.NodeVisitor):
    """Finds the calls of `self._clients.SERVICE.METHOD(…)`, and where a client is used in another way."""

    def __init__(self, path: Path, clients: Clients) -> None:
        self._path = path
        self._clients = clients
        self._named: str | None = None
        self.found: list[Call] = []
        self.odd: list[str] = []

    def visit_With(self, node: ast.With) -> None:
        before = self._named
        for item in node.items:
            match item.context_expr:
                case ast.Call(func=ast.Name(id="calling"), args=[ast.Constant(value=str(action))]):
                    self._named = action
        self.generic_visit(node)
        self._named = before

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Attribute(value=client, attr=method) if service := _service(client):
                if method == "get_paginator":
                    (operation,) = node.args
                    assert isinstance(operation, ast.Constant)
                    method = str(operation.value)
                self.found.append(Call(self._place(node), self._action(service, method), self._named))
                for argument in (*node.args, *node.keywords):
                    self.visit(argument)
            case _:
                self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if (service := _service(node)) and service not in CALL_NOTHING:
            self.odd.append(self._place(node))
        self.generic_visit(node)

    def _place(self, node: ast.expr) -> str:
        return f"{self._path.relative_to(ROOT)}:{node.lineno}"

    def _action(self, service: str, method: str) -> str:
        meta = getattr(self._clients, service).meta
        signing = meta.service_model.signing_name
        return f"{PREFIXES.get(signing, signing)}:{meta.method_to_api_mapping[method]}"


def _service(node: ast.expr) -> str | None:
    match node:
        case ast.Attribute(value=ast.Attribute(attr="_clients"), attr=service):
            return service
        case _:
            return None


def visited(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    clients = Clients()
    for path in MODULES:
        calls = Calls(path, clients)
        calls.visit(ast.parse(path.read_text()))
        yield calls


def test_every_call_is_declared_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {call.action for calls in visited(monkeypatch) for call in calls.found}
    # The API's name differs from IAM's for this one.
    made = {"lambda:InvokeFunction" if action == "lambda:Invoke" else action for action in made}
    doors = {*SWEEP_PERMISSIONS, *NOTIFICATION_PERMISSIONS, *INTERRUPTION_PERMISSIONS}
    doors |= {*SIGNAL_PERMISSIONS, *ECS_SIGNAL_PERMISSIONS}
    operators = {*READ_ONLY_PERMISSIONS, *CHANGE_PERMISSIONS}
    assert made | ON_OUR_BEHALF == declared_permissions() | doors | operators


def test_every_call_names_its_own_action_for_when_it_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [call for calls in visited(monkeypatch) for call in calls.found]
    assert calls
    assert [call for call in calls if call.named != call.action.replace("lambda:Invoke", "lambda:InvokeFunction")] == []


def test_clients_are_used_in_no_way_that_hides_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [place for calls in visited(monkeypatch) for place in calls.odd] == []


@pytest.mark.parametrize(
    "permissions",
    [
        ACTION_EVENT_PERMISSIONS,
        CHANGE_PERMISSIONS,
        CORE_PERMISSIONS,
        SWEEP_PERMISSIONS,
        NOTIFICATION_PERMISSIONS,
        INTERRUPTION_PERMISSIONS,
        SIGNAL_PERMISSIONS,
        ECS_SIGNAL_PERMISSIONS,
        PREVIEW_PERMISSIONS,
        READ_ONLY_PERMISSIONS,
    ],
)
def test_each_permission_is_declared_once(permissions: tuple[str, ...]) -> None:
    assert list(permissions) == sorted(set(permissions))


@pytest.mark.parametrize(
    ("action", "output"),
    [
        ("dynamodb:Query", "ReadOnlyPolicyArn"),
        ("route53:ListResourceRecordSets", "ReadOnlyPolicyArn"),
        ("ssm:PutParameter", "OperatorPolicyArn"),
        ("ssm:GetParameter", None),
        ("ecs:StopTask", None),
    ],
)
def test_who_lacks_a_permission_is_told_which_policy_has_it(action: str, output: str | None) -> None:
    assert policy_output(action) == output
