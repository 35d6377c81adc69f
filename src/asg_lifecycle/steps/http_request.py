"""The step kind `http-request`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from asg_lifecycle.model.durations import seconds
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.http_exchanges import NO_ANSWER
from asg_lifecycle.model.http_texts import in_condition
from asg_lifecycle.model.placeholders import CannotFillError
from asg_lifecycle.model.progress import Done, Failed, Missing, StepAnswer, Waiting
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support import http_answers as answers
from asg_lifecycle.steps.support.answer_conditions import CannotApplyError, holds, search, sentence_from
from asg_lifecycle.steps.support.http_building import Values, find_request, first_request, poll_request
from asg_lifecycle.steps.support.http_options import HttpRequestOptions

if TYPE_CHECKING:
    from asg_lifecycle.http_apis.http_apis import Sent
    from asg_lifecycle.model.http_exchanges import HttpRequest
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.support.http_options import FindOptions, PollOptions

UNKNOWN = "FOUND"
"""What stands for what has not been looked up yet."""

FIRST_POLL = 1.0
"""Seconds from the request to the first poll: what takes no time is done by then."""


class HttpRequestState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the request: what follows are polls.

    Attributes:
        status: of its answer.
        found: what was looked up before it, None where nothing was.
    """

    status: int
    found: str | None = None


class SendHttpRequest(StatefulStep[HttpRequestOptions, HttpRequestState]):
    """Send a request to an HTTP API, and wait until the API says that what it began is done.

    What has `poll` is asked again and again once the request has succeeded, until `until` holds. Conditions are
    JMESPath (`status == 'idle'`), true as JMESPath has it, or JSON that the answer has to hold (`{status: idle}`).
    In a condition a placeholder stands between single quotes.

    A request that could not be sent, and one that was answered with 429, or with 503 and `Retry-After`, is sent again,
    however long that takes. So is one whose answer was another 5xx or got lost, where that does no harm: with `GET`,
    `HEAD`, `PUT`, `DELETE`, or an `idempotency_key`. With `POST` and `PATCH` the step fails then, and says that the
    request may have had its effect; so it does when the function itself was interrupted. Every other status that is not
    expected fails the step, redirects too: none is followed.

    The name of the host is resolved once, and the request goes to an address that was looked at: never to loopback,
    link-local and metadata addresses; private ones are allowed. Answers are read up to 1 MB. Secrets are named, and
    nothing shows their values.
    """

    kind = "http-request"
    example: ClassVar[dict[str, object]] = {
        "method": "POST",
        "url": "https://runners.example.com/agents/{instance}/drain",
        "auth": {"bearer": "/asg-lifecycle/prod/http/runners"},
        "body": {"reason": "{group} scales in"},
        "poll": {
            "url": "https://runners.example.com/agents/{instance}",
            "until": "jobs == `0`",
            "progress": "{jobs} jobs left",
        },
    }
    permissions = ("secretsmanager:GetSecretValue", "ssm:GetParameters")
    template_parameter = "HttpHosts"
    may_be_missing = "things for `find`"
    at_most_once = True
    raises_before_effect = True

    def preview(self, target: Target) -> str:
        """Say what would be sent, and what would be polled."""
        options, looked = self._options, ""
        values = Values(values=target.values, found=UNKNOWN if options.find is not None else None)
        if options.find is not None:
            looked = f"look up {UNKNOWN} with {find_request(options, options.find, values)}, then "
        request = first_request(options, values)
        if (why := self._services.http_apis.refusal(request)) is not None:
            return f"would fail: {why}"
        then = f", then {poll_request(options, options.poll, values)} until it is done" if options.poll else ""
        return f"would {looked}send {request}{then}"

    def begin(self, target: Target) -> StepAnswer:
        """Send the request, unless it may have been sent and must not be sent twice."""
        options = self._options
        if target.began_before is not None and not options.repeatable:
            return answers.effect_open(self._named(target), "the function was interrupted")
        found = None
        if options.find is not None:
            # Before the secret is sent anywhere: it is for one server.
            first_request(options, Values(values=target.values, found=UNKNOWN))
            looked_up = self._find(target, options.find)
            if not isinstance(looked_up, str):
                return looked_up
            found = looked_up
        values = Values(values=target.values, found=found)
        request = first_request(options, values)
        if options.poll is not None:
            # What cannot be polled is not begun.
            poll_request(options, options.poll, values)
        try:
            sent = self._services.http_apis.send(request, options.auth, with_body=options.expect.condition is not None)
        except CallFailed as failed:
            if failed.failure.code != NO_ANSWER or options.repeatable:
                raise
            return answers.effect_open(request, failed.failure.message)
        return self._after_request(request, sent, values)

    def _after_request(self, request: HttpRequest, sent: Sent, values: Values) -> StepAnswer:
        """Return what the answer to the request means.

        Raises:
            CallFailed: it is an error, and the request has had no effect or may be repeated.
        """
        options = self._options
        if not answers.is_success(sent, options.expect.status):
            pause = answers.pause_of(sent)
            if pause is not None and options.repeatable:
                said = f"kept: {request} was answered {answers.in_words(sent)}"
                return Waiting(
                    said, again_after=pause, blocked=True, blockers=(answers.asked_to_wait_by(request, sent),)
                )
            if answers.may_have_had_its_effect(sent) and not options.repeatable:
                return answers.effect_open(request, f"it was answered {answers.in_words(sent)}")
            raise answers.refused(request, sent)
        status, condition = sent.answer.status, options.expect.condition
        if condition is not None:
            try:
                if not holds(condition, answers.parsed(sent), values):
                    return Failed(f"{request} was answered {answers.in_words(sent)}: expect.condition does not hold")
            except CannotApplyError as error:
                return Failed(f"{request} was answered {status}: {answers.shown(sent, error)}")
        if options.poll is None:
            return Done(f"{request} was answered {status}")
        return self._waiting(
            f"{request} was answered {status}, waiting for {request.url.authority}",
            HttpRequestState(status=status, found=values.found),
            again_after=FIRST_POLL,
            blockers=(answers.blocker(request, "it has not been asked yet"),),
        )

    def poll(self, target: Target, state: HttpRequestState) -> StepAnswer:
        """Ask whether what the request began is done."""
        options, poll = self._options, self._options.poll
        values = Values(values=target.values, found=state.found)
        if poll is None:
            return Done(f"{first_request(options, values)} was answered {state.status}")
        request = poll_request(options, poll, values)
        sent = self._services.http_apis.send(request, options.auth, with_body=True)
        if sent.answer.status in poll.until_status:
            return Done(f"{request} was answered {sent.answer.status}")
        if sent.answer.status in poll.wait_status:
            return self._not_yet(request, poll, state, answers.in_words(sent))
        if answers.is_success(sent):
            try:
                return self._judged(poll, request, sent, values, state)
            except CannotApplyError as error:
                raise answers.not_usable(request, sent, error) from error
        if (pause := answers.pause_of(sent)) is None:
            raise answers.refused(request, sent)
        return self._waiting(
            f"kept: {request} was answered {answers.in_words(sent)}",
            state,
            again_after=pause,
            blocked=True,
            blockers=(answers.asked_to_wait_by(request, sent),),
        )

    def stop(self, target: Target, state: HttpRequestState | None) -> str | None:
        """Say that what the request began is not undone."""
        return f"{self._named(target, state)} is not undone, it may still be at work" if state is not None else None

    def _find(self, target: Target, find: FindOptions) -> str | StepAnswer:
        """Return what is looked up, or that there is none.

        Raises:
            CallFailed: no answer, an error, or more than one.
        """
        values = Values(values=target.values)
        request = find_request(self._options, find, values)
        sent = self._services.http_apis.send(request, self._options.auth, with_body=True)
        if not answers.is_success(sent):
            raise answers.refused(request, sent)
        try:
            found = search(values.fill(find.value, in_condition), answers.parsed(sent))
        except CannotApplyError as error:
            raise answers.not_usable(request, sent, error) from error
        several = found if isinstance(found, list) else [found]
        several = [each for each in several if each is not None and each != ""]
        if not several:
            wanted = values.fill(find.value, in_condition)
            return Missing(f"{request} was answered {sent.answer.status}, and there is no {wanted} in it")
        if len(several) > 1:
            raise answers.not_usable(request, sent, f"find.value finds {len(several)} values, expected one")
        if isinstance(several[0], bool) or not isinstance(several[0], str | int):
            raise answers.not_usable(request, sent, "find.value finds neither a text nor a whole number")
        return str(several[0])

    def _judged(
        self, poll: PollOptions, request: HttpRequest, sent: Sent, values: Values, state: HttpRequestState
    ) -> StepAnswer:
        """Return what a good answer to a poll means.

        Raises:
            CannotApplyError: it has not what the conditions ask for.
        """
        if poll.until is None and poll.fail_when is None and poll.progress is None:
            return self._not_yet(request, poll, state, answers.in_words(sent))
        answer = answers.parsed(sent)
        said = sentence_from(poll.progress, answer, values) if poll.progress is not None else ""
        said = answers.shown(sent, said)
        if poll.fail_when is not None and holds(poll.fail_when, answer, values):
            return Failed(f"{request}: fail_when holds" + (f": {said}" if said else ""))
        if poll.until is not None and holds(poll.until, answer, values):
            return Done(f"{request}: until holds" + (f": {said}" if said else ""))
        return self._not_yet(request, poll, state, said or "until does not hold yet")

    def _not_yet(self, request: HttpRequest, poll: PollOptions, state: HttpRequestState, reason: str) -> Waiting:
        return self._waiting(
            f"waiting for {request.url.authority}: {reason}",
            state,
            again_after=seconds(poll.every) if poll.every is not None else None,
            blockers=(answers.blocker(request, reason),),
        )

    def _named(self, target: Target, state: HttpRequestState | None = None) -> str:
        """Return the request for people, also where it can no longer be made."""
        found = state.found if state is not None else None
        values = Values(values=target.values, found=found or (UNKNOWN if self._options.find else None))
        try:
            return str(first_request(self._options, values))
        except CannotFillError:
            return f"{self._options.method} {self._options.url.partition('?')[0]}"
