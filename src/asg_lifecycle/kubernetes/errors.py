"""The one place that knows what the errors of the Kubernetes API mean."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2
from lightkube.core.exceptions import ApiError

from asg_lifecycle.model.failures import CallFailed, Consequence, Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightkube.models.meta_v1 import Status

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, GONE, TOO_MANY_REQUESTS, SERVER_ERROR = 401, 403, 404, 409, 410, 429, 500

TRANSIENT_CODES = frozenset({CONFLICT, GONE, TOO_MANY_REQUESTS})
"""Somebody else's change came first, a list's next page is too old, too many requests."""

UNAUTHORIZED_CODE = "Unauthorized"
"""How a refused token reads in `Failure.code`."""

GRANT = "give the function's role an access entry of the cluster, with the RBAC rights for it"
"""What is said where nobody may do it."""

BUDGET = "disruption budget"
"""What an answer speaks of when it is a budget that forbids; too many requests have the same code."""

SEVERAL_BUDGETS = "more than one PodDisruptionBudget"
"""What the API server says, as an error of its own, of a pod that several budgets are for."""

MEND_BUDGETS = "leave it one budget: none of several is asked"


@contextmanager
def asking(action: str) -> Iterator[None]:
    """Turn what lightkube raises inside into `CallFailed`.

    Args:
        action: verb and resource as RBAC names them, `create pods/eviction`.

    Raises:
        CallFailed: the call failed; its `failure` says what that means.
    """
    try:
        yield
    except ApiError as error:
        raise CallFailed(_failure(error, action)) from error
    # No answer at all, or one that is not the API server's. lightkube raises the KeyError where an answer has no type.
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError) as error:
        raise CallFailed(
            Failure(
                consequence=Consequence.TRANSIENT,
                action=f"kubernetes: {action}",
                code=type(error).__name__,
                message=str(error) or "no answer",
            )
        ) from error


def is_gone(error: ApiError, uid: str) -> bool:
    """Return whether the object of that UID is no more, be it that another one has its name."""
    status = error.status
    return _code(error) == NOT_FOUND or (status.reason == "Conflict" and uid in (status.message or ""))


def what_keeps(error: ApiError) -> str | None:
    """Return what keeps a pod that was asked to leave, None when the error is not about the pod."""
    status, code = error.status, _code(error)
    message = status.message or "no reason is given"
    if code == TOO_MANY_REQUESTS and BUDGET in f"{message} {_causes(status)}":
        return _causes(status) or message
    if code >= SERVER_ERROR and SEVERAL_BUDGETS in message:
        return f"{message} {MEND_BUDGETS}"
    # A budget whose state is out of order, or an admission webhook; who lacks the right is told so in other words.
    if code == FORBIDDEN and not _lacks_right(message):
        return message
    return None


def _causes(status: Status) -> str:
    return "; ".join(cause.message for cause in (status.details and status.details.causes) or [] if cause.message)


def _lacks_right(message: str) -> bool:
    return " cannot " in message and " resource " in message


def _code(error: ApiError) -> int:
    return error.status.code or error.response.status_code


def _failure(error: ApiError, action: str) -> Failure:
    code = _code(error)
    message = error.status.message or "no message"
    consequence = Consequence.REFUSED
    if code in {UNAUTHORIZED, FORBIDDEN}:
        consequence, message = Consequence.DENIED, f"{message}; {GRANT}"
    elif code == NOT_FOUND and not action.startswith("list "):
        # A list is always there: what has none is not an API server.
        consequence = Consequence.NOT_FOUND
    elif code in TRANSIENT_CODES or code >= SERVER_ERROR:
        consequence = Consequence.TRANSIENT
    return Failure(
        consequence=consequence,
        action=f"kubernetes: {action}",
        code=UNAUTHORIZED_CODE if code == UNAUTHORIZED else error.status.reason or str(code),
        message=message,
    )
