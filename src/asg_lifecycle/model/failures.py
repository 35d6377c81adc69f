"""What a failed AWS call means for the action: classified once, by consequence."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Consequence(StrEnum):
    """What has to happen when a call fails."""

    TRANSIENT = "passing"
    """The dependency is down, throttles or cannot be reached: wait and call again, however long it takes."""
    DENIED = "denied"
    """A permission is missing: calling again cannot help until somebody grants it."""
    REFUSED = "refused"
    """The request itself is wrong: calling again cannot help."""
    NOT_FOUND = "missing"
    """The thing the call is about does not exist (any more)."""


THROTTLED_CODES = frozenset(
    {
        "ConcurrentSnapshotLimitExceeded",
        "RequestLimitExceeded",
        "SnapshotCreationPerVolumeRateExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Codes with which AWS says that a call came too soon after others (R15)."""


class Failure(Struct, frozen=True, kw_only=True):
    """One failed call.

    Attributes:
        consequence: what it means.
        action: the call as an IAM action, `elasticloadbalancing:DeregisterTargets`.
        code: the error code in AWS's answer, or the class of the error when there was no answer.
        message: the message of AWS.
    """

    consequence: Consequence
    action: str
    code: str
    message: str

    @property
    def effect_is_open(self) -> bool:
        """Whether the call may have had its effect all the same: not when AWS answered that it refused the call."""
        return self.consequence is Consequence.TRANSIENT and self.code not in THROTTLED_CODES

    def __str__(self) -> str:
        """Return one sentence with what to do about it."""
        if self.consequence is Consequence.DENIED:
            return f"{missing(self)}; grant it to the function's role"
        return f"{self.action} failed: {self.message} ({self.code})"


def missing(failure: Failure) -> str:
    """Return which permission a call that was denied lacked, without who lacks it: the function, or an operator."""
    return f"permission {failure.action} is missing: {failure.message} ({failure.code})"


class CallFailed(Exception):  # noqa: N818 - the name says what happened; `failure` says what that means
    """An AWS call failed; `failure` says what that means. Raised by `asg_lifecycle.aws` only."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure
