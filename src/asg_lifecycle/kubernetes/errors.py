"""The one place that knows what the errors of the Kubernetes API mean."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2
from lightkube.core.exceptions import ApiError

from asg_lifecycle.model.failures import CallFailed, Consequence, Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, TOO_MANY_REQUESTS, SERVER_ERROR = 401, 403, 404, 409, 429, 500

GRANT = "give the function's role an access entry of the cluster, with the RBAC rights for it"
"""What is said where nobody may do it."""


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
    except (httpx2.HTTPError, ValueError) as error:
        # No answer at all, or one that is not the API server's.
        raise CallFailed(
            Failure(
                consequence=Consequence.PASSING,
                action=f"kubernetes: {action}",
                code=type(error).__name__,
                message=str(error) or "no answer",
            )
        ) from error


def _failure(error: ApiError, action: str) -> Failure:
    code = error.status.code or error.response.status_code
    message = error.status.message or "no message"
    consequence = Consequence.REFUSED
    if code in {UNAUTHORIZED, FORBIDDEN}:
        consequence, message = Consequence.DENIED, f"{message}; {GRANT}"
    elif code == NOT_FOUND:
        consequence = Consequence.MISSING
    elif code in {CONFLICT, TOO_MANY_REQUESTS} or code >= SERVER_ERROR:
        consequence = Consequence.PASSING
    return Failure(
        consequence=consequence,
        action=f"kubernetes: {action}",
        code=error.status.reason or str(code),
        message=message,
    )
