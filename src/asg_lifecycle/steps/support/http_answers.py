"""What the answer of an HTTP API means for a step: an error by its consequence, with no secret in what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.progress import Failed
from asg_lifecycle.steps.support.answer_conditions import CannotApplyError, parse_answer

if TYPE_CHECKING:
    from asg_lifecycle.http_apis.http_apis import Sent
    from asg_lifecycle.model.http_exchanges import HttpRequest

TOO_MANY_REQUESTS, SERVER_ERROR, UNAVAILABLE = 429, 500, 503

SHOWN = 300
"""Characters of an answer that a sentence repeats."""

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 3_600.0
"""Seconds that a server is given, whatever it asks for."""

NOT_USABLE = "AnswerNotUsable"
"""The code of an answer that has not what the plan asks of it."""


def is_success(sent: Sent, expected: tuple[int, ...] = ()) -> bool:
    """Return whether the status is one of those expected; of those from 200 to 299 where none is."""
    status = sent.answer.status
    return status in expected if expected else 200 <= status < 300  # noqa: PLR2004 - the statuses of success


def is_asked_to_wait(sent: Sent) -> bool:
    """Return whether the server has not taken the request, and wants to be asked again."""
    answer = sent.answer
    return answer.status == TOO_MANY_REQUESTS or (answer.status == UNAVAILABLE and answer.retry_after is not None)


def pause_of(sent: Sent) -> float | None:
    """Return the seconds that the server asks for, None when it asks for none."""
    if not is_asked_to_wait(sent) or sent.answer.retry_after is None:
        return None
    return min(max(sent.answer.retry_after, SHORTEST_PAUSE), LONGEST_PAUSE)


def may_have_had_its_effect(sent: Sent) -> bool:
    """Return whether a server that failed may have done what it was asked for before."""
    return sent.answer.status >= SERVER_ERROR and not is_asked_to_wait(sent)


def shown(sent: Sent, text: object) -> str:
    """Return a text with something of an answer in it for people: on one line, short, and without secrets."""
    # In this order: what is cut off in the midst of a secret, or changed in it, would not be found.
    return " ".join(sent.redact(str(text)).split())[:SHOWN]


def in_words(sent: Sent) -> str:
    """Return the status of an answer, with the first line of its body."""
    line = shown(sent, sent.answer.first_line)
    return f"{sent.answer.status}: {line}" if line else f"{sent.answer.status}"


def parsed(sent: Sent) -> Any:  # noqa: ANN401 - JSON of somebody else's
    """Return an answer as JSON values.

    Raises:
        CannotApplyError: it is none, or not whole.
    """
    if not sent.answer.whole:
        raise CannotApplyError(f"the answer breaks off, or is too long: {len(sent.answer.body)} bytes were read")
    return parse_answer(sent.answer.body)


def refused(request: HttpRequest, sent: Sent) -> CallFailed:
    """Return what an answer that is not expected means: only a server that does not work may work later."""
    passing = is_asked_to_wait(sent) or sent.answer.status >= SERVER_ERROR
    return CallFailed(
        Failure(
            consequence=Consequence.TRANSIENT if passing else Consequence.REFUSED,
            action=request.action,
            code=f"HTTP {sent.answer.status}",
            message=f"{request.url} answered {in_words(sent)}",
            retry_after=pause_of(sent),
        )
    )


def not_usable(request: HttpRequest, sent: Sent, why: object) -> CallFailed:
    """Return that an answer has not what the plan asks of it."""
    message = f"{request.url}: {shown(sent, why)}"
    return CallFailed(Failure(consequence=Consequence.REFUSED, action=request.action, code=NOT_USABLE, message=message))


def effect_open(request: HttpRequest | str, why: str) -> Failed:
    """Return that a request may have had its effect, and that it is not sent again."""
    return Failed(
        f"{request} may have had its effect: {why}. It is not sent again, as that could do it twice: look what has "
        "come of it, then skip the step, or resume the action, which sends it again; an idempotency_key, where the API "
        "honours it, makes it repeatable"
    )


def blocker(request: HttpRequest, reason: str) -> Blocker:
    """Return the API as what keeps an instance."""
    return Blocker(kind=BlockerKind.HTTP_API, name=request.url.authority, reason=reason)


def asked_to_wait_by(request: HttpRequest, sent: Sent) -> Blocker:
    """Return the API as a dependency that has no time."""
    return Blocker(kind=BlockerKind.DEPENDENCY, name=request.action, reason=in_words(sent))
