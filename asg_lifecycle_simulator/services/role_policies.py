"""What policies allow: `iam:SimulatePrincipalPolicy` for those of a role, and managed ones.

moto does not have the operation, and checks no call. A denial from outside of the role, such as an organisation's, is
set with `refuse`.
Sources: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html.
"""

from __future__ import annotations

import json
import operator
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse

from asg_lifecycle_simulator.services.base import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Request, Response

RESULTS_A_PAGE = 100
ALLOWED = "allowed"
IMPLICIT = "implicitDeny"


def _is_like(text: str, pattern: str) -> bool:
    """Return whether a pattern of IAM matches: `*` stands for any text, `?` for one character, all else for itself."""
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
    return re.compile("".join(parts), re.DOTALL)


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "ArnLike": _is_like,
    "StringEquals": operator.eq,
    "StringLike": _is_like,
}
"""How a value of the request is compared with one of a condition."""


class RolePolicies(Service):
    """What the roles of an account are allowed.

    Attributes:
        refused: actions that something outside of the roles denies.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self.refused: set[str] = set()

    def install(self) -> None:
        """Answer what moto does not."""
        self.answer_query(IamResponse, {"simulate_principal_policy": self._simulate})

    def allows(self, policy: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Return whether somebody with one managed policy alone may do something.

        Args:
            policy: its ARN.
            action: IAM action.
            resource: ARN of what it is done to, `*` for an action that knows no resources.
            context: the values of condition keys that the request has.

        Raises:
            ValueError: a condition is not known here.
        """
        (version,) = iam_backends[self.region.account]["aws"].get_policy(policy).versions
        statements = json.loads(version.document)["Statement"]
        applicable = [statement for statement in statements if _is_met(statement, context)]
        return self._decision(action, resource, applicable) == ALLOWED

    def _simulate(self, request: Request) -> Response:
        name = str(request["PolicySourceArn"]).rpartition("/")[2]
        context = {
            str(each["ContextKeyName"]): str(_values(each["ContextKeyValues"])[0])
            for each in request.get("ContextEntries") or ()
        }
        statements = [each for each in self._statements(name) if _is_met(each, context)]
        resources = _values(request.get("ResourceArns")) or ["*"]
        results = [self._result(action, resources, statements) for action in _values(request["ActionNames"])]
        start = int(request.get("Marker") or 0)
        end = start + min(int(request.get("MaxItems") or RESULTS_A_PAGE), RESULTS_A_PAGE)
        rest = {"IsTruncated": True, "Marker": str(end)} if end < len(results) else {"IsTruncated": False}
        return {"EvaluationResults": results[start:end], **rest}

    def _statements(self, role: str) -> Iterator[dict[str, Any]]:
        # Those of a role that a stack made are values already, which moto's own answer garbles.
        found = iam_backends[self.region.account]["aws"].get_role(role)
        documents: list[Any] = list(found.policies.values())
        for managed in found.managed_policies.values():
            documents += [version.document for version in managed.versions if version.is_default]
        for document in documents:
            parsed = json.loads(document) if isinstance(document, str) else document
            yield from parsed["Statement"]

    def _result(self, action: str, resources: list[str], statements: list[dict[str, Any]]) -> Response:
        decisions = [self._decision(action, resource, statements) for resource in resources]
        return {
            "EvalActionName": action,
            "EvalResourceName": resources[0],
            "EvalDecision": decisions[0],
            "ResourceSpecificResults": [
                {"EvalResourceName": resource, "EvalResourceDecision": decision}
                for resource, decision in zip(resources, decisions, strict=True)
            ],
        }

    def _decision(self, action: str, resource: str, statements: list[dict[str, Any]]) -> str:
        if action in self.refused:
            return "explicitDeny"
        effects = {
            statement["Effect"]
            for statement in statements
            if any(_is_like(action, pattern) for pattern in _values(statement["Action"]))
            and any(_is_like(resource, pattern) for pattern in _values(statement["Resource"]))
        }
        return "explicitDeny" if "Deny" in effects else ALLOWED if "Allow" in effects else IMPLICIT


def _is_met(statement: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Return whether every condition of a statement is met; none is by a key that the request does not have.

    Raises:
        ValueError: a condition is not known here.
    """
    conditions = statement.get("Condition", {})
    return all(
        _meets(name, context.get(key), _values(wanted))
        for name, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _meets(condition: str, value: str | None, wanted: Iterable[str]) -> bool:
    """Return whether the value of a key, None where a request has none, meets a condition.

    Raises:
        ValueError: the condition is not known here.
    """
    if condition == "Null":
        return str(value is None).lower() in {each.lower() for each in wanted}
    for_all, _, name = condition.rpartition(":")
    if name not in OPERATORS or for_all not in {"", "ForAllValues"}:
        raise ValueError(f"the simulator does not know the condition {condition}")
    if value is None:
        return bool(for_all)
    return any(OPERATORS[name](value, each) for each in wanted)


def _values(value: object) -> list[str]:
    return [] if value is None else [str(each) for each in value] if isinstance(value, list) else [str(value)]
