"""The options of `http-request`: what is sent, what has to be answered, and what is polled then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, to_builtins

from asg_lifecycle.model.bounds import matching
from asg_lifecycle.model.durations import PositiveDuration, seconds
from asg_lifecycle.model.http_auth import HttpAuth
from asg_lifecycle.model.http_texts import header_problem, in_header, in_plain_text, in_url, parse_url
from asg_lifecycle.model.placeholders import FOUND, CannotFillError, fill_found
from asg_lifecycle.steps.support.answer_conditions import (
    SAMPLE,
    Condition,
    Samples,
    condition_problem,
    sentence_problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.model.http_texts import HttpUrl

Method: TypeAlias = Literal["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"]

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""The methods that may be repeated (RFC 9110, 9.2.2)."""

LONGEST_REQUEST = 60.0
"""Seconds: an invocation of the function has two minutes for everything."""

KEY_HEADER = "Idempotency-Key"

_OURS = "it is set for you"
RESERVED = {
    **dict.fromkeys(
        ("host", "content-length", "transfer-encoding", "connection", "accept-encoding", "user-agent", "te", "upgrade"),
        _OURS,
    ),
    **dict.fromkeys(
        ("authorization", "proxy-authorization", "cookie", "x-amz-security-token"),
        "a plan is no place for secrets; name one under auth",
    ),
    KEY_HEADER.lower(): "write it as idempotency_key",
}
"""Headers that a plan does not give, each with why."""

Url: TypeAlias = Annotated[
    str,
    matching("^https?://[^\\s#]+$", "a URL, 'https://HOST/PATH', with placeholders"),
]
Status: TypeAlias = Annotated[int, Meta(ge=200, le=599)]
Body: TypeAlias = dict[str, Any] | list[Any] | str
HeaderTexts: TypeAlias = dict[str, str]


class Expectation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the answer has to be."""

    status: Annotated[
        tuple[Status, ...], Meta(description="The statuses of success; every one from 200 to 299 without it.")
    ] = ()
    condition: Annotated[
        Condition | None,
        Meta(description="What the answer has to meet: an expression of JMESPath, or JSON that it has to hold."),
    ] = None


class FindOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is looked up before anything is sent: an id that the API has made."""

    url: Annotated[Url, Meta(description="Asked with `GET`; of the same server.")]
    value: Annotated[
        Annotated[str, Meta(min_length=1, max_length=2000)],
        Meta(
            description="JMESPath that finds one text or number, `runners[?name=='{instance}'].id`: `{found}` in url, "
            "headers, body and poll. The step fails where it finds several."
        ),
    ]


class PollOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request that is repeated until a condition holds."""

    until: Annotated[
        Condition | None,
        Meta(description="The condition that ends the wait: JMESPath, or JSON that the answer has to hold."),
    ] = None
    until_status: Annotated[
        tuple[Status, ...], Meta(description="Statuses that end the wait, too: 404 where something is to be gone.")
    ] = ()
    wait_status: Annotated[
        tuple[Status, ...], Meta(description="Statuses that mean not yet: 422 where something cannot be deleted yet.")
    ] = ()
    fail_when: Annotated[
        Condition | None, Meta(description="The condition that fails the step; it is looked at first.")
    ] = None
    progress: Annotated[
        Annotated[str, Meta(min_length=1, max_length=500)] | None,
        Meta(
            description="What is shown while it waits, with JMESPath in braces: `{remaining} shards left`, "
            "`{length(jobs)} jobs`."
        ),
    ] = None
    method: Annotated[Method, Meta(description="`GET`, or another that may be repeated.")] = "GET"
    url: Annotated[Url | None, Meta(description="Of the same server; that of the request without it.")] = None
    headers: Annotated[
        HeaderTexts | None, Meta(description="By name, with placeholders; those of the request without it.")
    ] = None
    body: Annotated[Body | None, Meta(description="JSON, or text, with placeholders.")] = None
    every: Annotated[
        PositiveDuration | None, Meta(description="The time between two; without it as long as suits the wait.")
    ] = None


class HttpRequestOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to send where, and what has to come of it."""

    url: Annotated[
        Url,
        Meta(
            description="`https://` or, without `auth`, `http://`. Placeholders are percent-encoded. The parameter "
            "`HttpHosts` has to have its host."
        ),
    ]
    method: Annotated[Method, Meta(description="`GET`, `HEAD`, `PUT`, `DELETE`, `POST` or `PATCH`.")] = "GET"
    headers: Annotated[HeaderTexts, Meta(description="By name, with placeholders; no secrets.")] = {}
    body: Annotated[
        Body | None,
        Meta(description="An object or a list is sent as JSON, a string as text; placeholders in all of its texts."),
    ] = None
    auth: Annotated[HttpAuth | None, Meta(description="Who sends it, with secrets by their names.")] = None
    expect: Annotated[Expectation, Meta(description="What the answer has to be.")] = Expectation()
    idempotency_key: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)] | None,
        Meta(
            description="Sent as `Idempotency-Key`, `{token}-drain` for one: where the API honours it, a `POST` or "
            "`PATCH` may be repeated."
        ),
    ] = None
    find: Annotated[FindOptions | None, Meta(description="What is looked up first.")] = None
    poll: Annotated[PollOptions | None, Meta(description="What is asked then, again and again.")] = None
    timeout: Annotated[PositiveDuration, Meta(description="How long one request may take, up to a minute.")] = "10s"
    certificate_authority: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="The only authority whose certificates are trusted, PEM; the public ones without it."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse what could never be sent.

        Raises:
            ValueError: what is wrong.
        """
        if (problem := next(self._problems(), None)) is not None:
            raise ValueError(problem)

    @property
    def repeatable(self) -> bool:
        """Whether the request may be sent again when it may have had its effect."""
        return self.method in IDEMPOTENT or self.idempotency_key is not None

    def _problems(self) -> Iterator[str]:
        reserved = dict(RESERVED)
        if self.auth is not None:
            reserved |= dict.fromkeys(self.auth.headers, "auth sends it")
        url = sample_url(self.url)
        if isinstance(url, str):
            yield url
            return
        if self.auth is not None and self.auth.headers[0] in RESERVED.keys() - {"authorization"}:
            yield f"auth.header has the name of {self.auth.headers[0]}, which is no header for secrets"
        if self.auth is not None and url.scheme != "https":
            yield "auth needs https: a secret is not sent where everybody can read it"
        if self.certificate_authority is not None and "-----BEGIN CERTIFICATE-----" not in self.certificate_authority:
            yield "certificate_authority is not PEM, which begins with -----BEGIN CERTIFICATE-----"
        if seconds(self.timeout) > LONGEST_REQUEST:
            yield f"timeout is {self.timeout!r}; expected a minute at most: poll what takes longer"
        yield from _header_problems(self.headers, reserved)
        if self.idempotency_key is not None:
            yield from _header_problems({KEY_HEADER: self.idempotency_key}, {})
        yield from _body_problems(self.method, self.body, "")
        yield from _condition_problems("expect.condition", self.expect.condition)
        if self.expect.condition is not None and self.method == "HEAD":
            yield "expect.condition needs a body, which HEAD has not"
        yield from self._find_problems(url)
        if self.poll is not None:
            yield from self._poll_problems(self.poll, url, reserved)

    def _find_problems(self, url: HttpUrl) -> Iterator[str]:
        if self.find is not None:
            yield from _server_problems("find.url", self.find.url, url)
            yield from _condition_problems("find.value", self.find.value)
        elif FOUND in repr(to_builtins(self)):
            yield f"{FOUND} stands for what find finds, and there is no find"

    @staticmethod
    def _poll_problems(poll: PollOptions, url: HttpUrl, reserved: dict[str, str]) -> Iterator[str]:
        if poll.method == "HEAD" and (poll.until or poll.fail_when or poll.progress):
            yield "poll has conditions on a body, which HEAD has not"
        if poll.until is None and not poll.until_status:
            yield "poll has neither until nor until_status: it would never end"
        if poll.url is not None:
            yield from _server_problems("poll.url", poll.url, url)
        twice = {*poll.until_status} & {*poll.wait_status}
        if twice:
            yield f"poll has {', '.join(map(str, sorted(twice)))} in until_status and in wait_status"
        yield from (f"poll.{problem}" for problem in _header_problems(poll.headers or {}, reserved))
        yield from _body_problems(poll.method, poll.body, "poll.")
        yield from _condition_problems("poll.until", poll.until)
        yield from _condition_problems("poll.fail_when", poll.fail_when)
        if poll.progress is not None and (problem := sentence_problem(poll.progress)) is not None:
            yield f"poll.progress: {problem}"


def sample_url(text: str) -> HttpUrl | str:
    """Return a URL with `SAMPLE` for each of its placeholders, or what is wrong with it."""
    try:
        return parse_url(fill_found(text, Samples(), SAMPLE, in_url))
    except (ValueError, CannotFillError) as error:
        return str(error)


def _server_problems(place: str, text: str, url: HttpUrl) -> Iterator[str]:
    other = sample_url(text)
    if isinstance(other, str):
        yield f"{place}: {other}"
    elif other.origin != url.origin:
        yield f"{place} is of another server; write a step of its own for that"


def _header_problems(headers: HeaderTexts, reserved: dict[str, str]) -> Iterator[str]:
    filled = {name: fill_found(text, Samples(), SAMPLE, in_header) for name, text in headers.items()}
    if (problem := header_problem(filled, reserved)) is not None:
        yield problem


def _body_problems(method: str, body: Body | None, place: str) -> Iterator[str]:
    if body is not None and method in {"GET", "HEAD"}:
        yield f"{place}body is for PUT, DELETE, POST and PATCH; the method is {method}"
    if isinstance(body, str):
        fill_found(body, Samples(), SAMPLE, in_plain_text)


def _condition_problems(place: str, condition: Condition | None) -> Iterator[str]:
    if condition is None:
        return
    if (problem := condition_problem(condition)) is not None:
        yield f"{place}: {problem}"
