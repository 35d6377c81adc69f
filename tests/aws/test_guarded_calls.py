"""Every guarded call names the operation inside it: what `calling` is told is what a missing permission is called."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import boto3
import pytest

SOURCE = Path(__file__).parents[2] / "src" / "asg_lifecycle"

IAM_PREFIXES = {
    "asked_functions": "lambda",
    "asked_stepfunctions": "states",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "functions": "lambda",
    "stepfunctions": "states",
    "tagging": "tag",
    "vpc_lattice": "vpc-lattice",
}
"""IAM's name of a service, by the client in `Clients`; the client's own name where it is not here."""

BOTO_SERVICES = {
    "asked_functions": "lambda",
    "asked_stepfunctions": "stepfunctions",
    "functions": "lambda",
    "tagging": "resourcegroupstaggingapi",
    "vpc_lattice": "vpc-lattice",
}

OTHER_NAMES = {"lambda:Invoke": "lambda:InvokeFunction"}
"""Where IAM calls an operation something else (Service Authorization Reference)."""

VERBS = {"create": "create", "get": "get", "list": "list", "patch": "patch", "delete_exactly": "delete"}
RESOURCES = {
    "DeploymentResource": "deployments",
    "NodeResource": "nodes",
    "PodResource": "pods",
    "eviction": "pods/eviction",
}


@cache
def operation(client: str, method: str) -> str:
    boto = boto3.client(BOTO_SERVICES.get(client, client), region_name="eu-west-1")  # type: ignore[call-overload]
    name = f"{IAM_PREFIXES.get(client, client)}:{boto.meta.method_to_api_mapping[method]}"
    return OTHER_NAMES.get(name, name)


def calls(tree: ast.AST) -> list[tuple[int, str]]:
    """Return what is called below `tree`: the line, and the operation as IAM names it."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="_clients"), attr="signed_identity")):
                found.append((node.lineno, "sts:GetCallerIdentity"))
            case (
                ast.Call(
                    func=ast.Attribute(
                        value=ast.Attribute(value=ast.Attribute(attr="_clients"), attr=client), attr=method
                    )
                )
                | ast.Call(
                    func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="clients"), attr=client), attr=method)
                )
            ):
                paginated = node.args[0] if method == "get_paginator" else None
                assert paginated is None or isinstance(paginated, ast.Constant)
                found.append((node.lineno, operation(client, str(paginated.value) if paginated else method)))
            case _:
                pass
    return found


def asked(block: ast.With) -> set[str]:
    """Return what is asked of the Kubernetes API inside, as RBAC names it."""
    found = set()
    for node in ast.walk(block):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="_client"), attr=method), args=[ast.Name(id=resource), *_]
            ):
                found.add(f"{VERBS[method]} {RESOURCES[resource]}")
            case _:
                pass
    return found


def guarded(guard: str, *folders: str) -> list[tuple[str, str, ast.With]]:
    """Return every block under `guard`: where it is, what the guard is told, and the block."""
    found = []
    for path in (path for folder in folders for path in sorted((SOURCE / folder).glob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.With):
                continue
            match node.items[0].context_expr:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=told)]) if (
                    name == guard
                ):
                    found.append((f"{path.name}:{node.lineno}", str(told), node))
                case _:
                    pass
    return found


CALLS = guarded("calling", "aws", "store")
REQUESTS = guarded("_asking", "kubernetes")


@pytest.mark.parametrize(("told", "block"), [it[1:] for it in CALLS], ids=[it[0] for it in CALLS])
def test_what_is_called_is_what_the_guard_names(told: str, block: ast.With) -> None:
    assert {name for _, name in calls(block)} == {told}


@pytest.mark.parametrize(("told", "block"), [it[1:] for it in REQUESTS], ids=[it[0] for it in REQUESTS])
def test_what_is_asked_of_kubernetes_is_what_the_guard_names(told: str, block: ast.With) -> None:
    assert asked(block) == {told}


def test_no_call_is_unguarded() -> None:
    modules = [path for folder in ("aws", "store") for path in sorted((SOURCE / folder).glob("*.py"))]
    made = [(path.name, *it) for path in modules for it in calls(ast.parse(path.read_text(encoding="utf-8")))]
    inside = [(where.partition(":")[0], *it) for where, _, block in CALLS for it in calls(block)]
    assert sorted(made) == sorted(inside)
    assert len(made) > len(CALLS) > 60
