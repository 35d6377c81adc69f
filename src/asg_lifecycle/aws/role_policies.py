"""The IAM call that says what a role is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_iam.type_defs import ContextEntryTypeDef, EvaluationResultTypeDef

    from asg_lifecycle.aws.clients import Clients

ALLOWED = "allowed"


class RolePolicies:
    """The policies of the roles of this account."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def refused(
        self, role: str, actions: Sequence[str], resources: Sequence[str], context: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Return those of some actions that a role is refused on one of some resources. Nothing is done.

        Args:
            role: ARN of the role.
            actions: IAM actions.
            resources: ARNs; they need not exist. `*` for actions that know no resources.
            context: the values of condition keys that the requests have.

        Raises:
            CallFailed: no answer, throttled, denied, no such role.
        """
        found: list[str] = []
        entries: list[ContextEntryTypeDef] = [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in (context or {}).items()
            if value
        ]
        with calling("iam:SimulatePrincipalPolicy"):
            for page in self._clients.iam.get_paginator("simulate_principal_policy").paginate(
                PolicySourceArn=role, ActionNames=list(actions), ResourceArns=list(resources), ContextEntries=entries
            ):
                found += [each["EvalActionName"] for each in page["EvaluationResults"] if not _is_allowed(each)]
        return tuple(found)


def _is_allowed(result: EvaluationResultTypeDef) -> bool:
    specific = [each["EvalResourceDecision"] for each in result.get("ResourceSpecificResults", ())]
    return {ALLOWED} == {*(specific or [result["EvalDecision"]])}
