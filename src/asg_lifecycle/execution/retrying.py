"""How long a durable step is tried again when the table does not answer."""

from __future__ import annotations

from aws_durable_execution_sdk_python.config import Duration
from aws_durable_execution_sdk_python.retries import RetryDecision

from asg_lifecycle.execution.claim import NotSettledError
from asg_lifecycle.model.failures import CallFailed

LONGEST_DELAY = 60
CLAIM_TRIES = 12
"""With delays of 1, 2, 4, … 60 s about seven minutes; then the execution fails and the dead-letter queue keeps
the event."""


def claiming(error: Exception, attempts: int) -> RetryDecision:
    """Try again for some minutes."""
    passes = isinstance(error, CallFailed | NotSettledError)
    return _after(attempts) if passes and attempts < CLAIM_TRIES else RetryDecision.no_retry()


def while_the_race_lasts(error: Exception, attempts: int) -> RetryDecision:
    """Try again for ever: the deadline ends the race, and with it this."""
    return _after(attempts) if isinstance(error, CallFailed) else RetryDecision.no_retry()


def _after(attempts: int) -> RetryDecision:
    return RetryDecision.retry(Duration(min(LONGEST_DELAY, 2 ** min(attempts - 1, 10))))
