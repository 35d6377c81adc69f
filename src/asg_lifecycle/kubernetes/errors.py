"""The one place that knows what the errors of the Kubernetes API mean."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2
from lightkube.core.exceptions import ApiError

from asg_lifecycle.kubernetes.objects import Obstacle
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightkube.models.meta_v1 import Status

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, GONE, TOO_MANY_REQUESTS, SERVER_ERROR = 401, 403, 404, 409, 410, 429, 500

TRANSIENT_CODES = frozenset({CONFLICT, GONE, TOO_MANY_REQUESTS})
"""Another change came first, the next page of a list has expired, or there were too many requests."""

UNAUTHORIZED_CODE = "Unauthorized"
"""The `Failure.code` of a refused token."""

GRANT = "give the function's role an access entry of the cluster, with the RBAC rights for it"
"""Added to the message when access is denied."""

BUDGET = "disruption budget"
"""The cause in an answer when a budget forbids an eviction; too many requests have the same status code."""

BUDGET_NAMED = re.compile(r"The disruption budget (\S+) ")
"""How the API server names the budget in that cause."""

SEVERAL_BUDGETS = "more than one PodDisruptionBudget"
"""The API server's message for a pod that several budgets select; it answers with an internal error."""

MEND_BUDGETS = "leave the pod one budget: the API server evicts no pod that several select"


@contextmanager
def asking(action: str) -> Iterator[None]:
    """Turn the errors of lightkube that are raised inside into `CallFailed`.

    Args:
        action: verb and resource as RBAC names them, `create pods/eviction`.

    Raises:
        CallFailed: the call failed; its `failure` says what that means.
    """
    try:
        yield
    except ApiError as error:
        raise CallFailed(_failure(error, action)) from error
    # No answer at all, or one that is not the API server's: lightkube raises KeyError when an answer has no type.
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError) as error:
        raise CallFailed(
            Failure(
                consequence=Consequence.TRANSIENT,
                action=f"kubernetes: {action}",
                code=type(error).__name__,
                message=redacted(str(error)) or "no answer",
            )
        ) from error


def is_gone(error: ApiError, uid: str) -> bool:
    """Return whether the object with that UID is gone. Another one may have its name by now."""
    status = error.status
    return _code(error) == NOT_FOUND or (status.reason == "Conflict" and uid in (status.message or ""))


def what_keeps(error: ApiError) -> Obstacle | None:
    """Return what prevents the eviction of a pod, None when the error is not about the pod."""
    status, code = error.status, _code(error)
    message = redacted(status.message or "") or "no reason is given"
    if code == TOO_MANY_REQUESTS and BUDGET in f"{message} {_causes(status)}":
        causes = _causes(status) or message
        named = BUDGET_NAMED.search(causes)
        return Obstacle(reason=causes, of_budget=True, budget=named.group(1) if named is not None else None)
    if code >= SERVER_ERROR and SEVERAL_BUDGETS in message:
        return Obstacle(reason=f"{message} {MEND_BUDGETS}", of_budget=True)
    # A budget in a wrong state, or an admission webhook. A missing right has another message.
    if code == FORBIDDEN and not _lacks_right(message):
        return Obstacle(reason=message, of_budget=BUDGET in message.lower())
    return None


def _causes(status: Status) -> str:
    causes = (status.details and status.details.causes) or []
    return "; ".join(redacted(cause.message) for cause in causes if cause.message)


def _lacks_right(message: str) -> bool:
    return " cannot " in message and " resource " in message


def _code(error: ApiError) -> int:
    return error.status.code or error.response.status_code


def _failure(error: ApiError, action: str) -> Failure:
    code = _code(error)
    message = redacted(error.status.message or "") or "no message"
    consequence = Consequence.REFUSED
    if code in {UNAUTHORIZED, FORBIDDEN}:
        consequence, message = Consequence.DENIED, f"{message}; {GRANT}"
    elif code == NOT_FOUND and not action.startswith("list "):
        # Every API server has these lists, so a list that is not found is REFUSED.
        consequence = Consequence.NOT_FOUND
    elif code in TRANSIENT_CODES or code >= SERVER_ERROR:
        consequence = Consequence.TRANSIENT
    return Failure(
        consequence=consequence,
        action=f"kubernetes: {action}",
        code=UNAUTHORIZED_CODE if code == UNAUTHORIZED else error.status.reason or str(code),
        message=message,
    )
