"""The one place that knows what the errors of boto3 mean."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER_ERROR = 500
TOO_MANY_REQUESTS = 429

TRANSIENT_CODES = frozenset(
    {
        "AuthFailure",
        "AutomationExecutionLimitExceededException",
        "BandwidthLimitExceeded",
        "ConcurrentModification",
        "ConcurrentSnapshotLimitExceeded",
        "EC2ThrottledException",
        "ExecutionLimitExceeded",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalError",
        "InvalidClientTokenId",
        "InternalFailure",
        "InternalServerError",
        "KmsThrottlingException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ResourceContention",
        "ServiceUnavailable",
        "SlowDown",
        "SnapshotCreationPerVolumeRateExceeded",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
        "TransientError",
        "Unavailable",
        "UnrecognizedClientException",
    }
)
"""Throttling, contention (R14, R15), faults of the service, and credentials that are about to be renewed."""

DENIED_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "NotAuthorized",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
    }
)

NOT_FOUND_CODES = frozenset(
    {
        "AutomationDefinitionNotFoundException",
        "AutomationDefinitionVersionNotFoundException",
        "AutomationExecutionNotFoundException",
        "ExecutionDoesNotExist",
        "InvalidDocument",
        "InvalidInstanceID.Malformed",
        "InvalidInstanceID.NotFound",
        "InvalidVolume.NotFound",
        "LoadBalancerNotFound",
        "NotFound",
        "ResourceNotFoundException",
        "StateMachineDoesNotExist",
        "TargetGroupNotFound",
    }
)


class UnusableConfigurationError(BotoCoreError):
    """What a client is made of cannot be used: an address that is none, a `credential_process` that is not there."""

    fmt = "{reason}"


def classify(error: ClientError | BotoCoreError | ResponseParserError, action: str) -> Failure:
    """Return what `error`, raised by the call `action`, means.

    Args:
        error: what boto3 raised.
        action: the call as an IAM action, `autoscaling:CompleteLifecycleAction`.
    """
    if not isinstance(error, ClientError):
        # No answer at all: no route, no name, a timeout, no credentials yet, an answer cut short. Only a request that
        # boto3 itself finds malformed fails again each time.
        consequence = Consequence.REFUSED if isinstance(error, ParamValidationError) else Consequence.TRANSIENT
        return Failure(consequence=consequence, action=action, code=type(error).__name__, message=redacted(str(error)))
    answer = error.response.get("Error", {})
    code = answer.get("Code", "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return Failure(
        consequence=_consequence(code, status),
        action=action,
        code=code,
        message=redacted(answer.get("Message") or "") or "no message",
    )


def _consequence(code: str, status: int) -> Consequence:
    if code in DENIED_CODES:
        return Consequence.DENIED
    if code in NOT_FOUND_CODES:
        return Consequence.NOT_FOUND
    if code in TRANSIENT_CODES or status == TOO_MANY_REQUESTS or status >= SERVER_ERROR:
        return Consequence.TRANSIENT
    return Consequence.REFUSED


@contextmanager
def configuring() -> Iterator[None]:
    """Turn what boto3 raises of a configuration, and has no error of its own for, into one of its errors.

    Raises:
        UnusableConfigurationError: a client could not be made.
    """
    try:
        yield
    except BotoCoreError:
        # Some of them are a ValueError, too.
        raise
    except (OSError, ValueError) as error:
        raise UnusableConfigurationError(reason=error) from error


@contextmanager
def calling(action: str) -> Iterator[None]:
    """Turn the errors of boto3 that are raised inside into `CallFailed`.

    Args:
        action: the call made inside, as an IAM action.

    Raises:
        CallFailed: the call failed; its `failure` says what that means.
    """
    try:
        yield
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        raise CallFailed(classify(error, action)) from error
