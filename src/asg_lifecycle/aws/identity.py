"""The STS call: who calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients


def caller(clients: Clients) -> str:
    """Return the ARN of whoever calls: a role with the name of its session, or a user.

    Raises:
        CallFailed: no answer, no credentials.
    """
    with calling("sts:GetCallerIdentity"):
        return clients.sts.get_caller_identity()["Arn"]
