"""Makes the requests of a step of what its plan says: placeholders are replaced, each as its place wants it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.durations import seconds
from asg_lifecycle.model.http_exchanges import HttpRequest
from asg_lifecycle.model.http_texts import in_header, in_plain_text, in_url, parse_url
from asg_lifecycle.model.placeholders import CannotFillError, fill_found
from asg_lifecycle.steps.support.http_options import KEY_HEADER

if TYPE_CHECKING:
    from asg_lifecycle.model.placeholders import Quote
    from asg_lifecycle.steps.support.http_options import Body, FindOptions, HttpRequestOptions, PollOptions


class Values(Struct, frozen=True, kw_only=True):
    """What stands for the placeholders of a step.

    Attributes:
        values: by the names of the placeholders.
        found: what the step has looked up, None where it looks nothing up.
    """

    values: Mapping[str, str]
    found: str | None = None

    def fill(self, text: str, quote: Quote | None = None) -> str:
        """Return a text with its placeholders replaced.

        Raises:
            CannotFillError: a placeholder has no value, or `quote` refuses it.
        """
        return fill_found(text, self.values, self.found, quote)

    def fill_json(self, plain: object) -> object:
        """Return JSON values with the placeholders in their texts replaced; names of fields stay as they are.

        Raises:
            CannotFillError: a placeholder has no value.
        """
        if isinstance(plain, str):
            return self.fill(plain)
        if isinstance(plain, list):
            return [self.fill_json(each) for each in plain]
        if isinstance(plain, dict):
            return {name: self.fill_json(each) for name, each in plain.items()}
        return plain


def find_request(options: HttpRequestOptions, find: FindOptions, values: Values) -> HttpRequest:
    """Return the request by which something is looked up.

    Raises:
        CannotFillError: a placeholder has no value, or one that cannot be put in safely.
    """
    return _filled(options, values, "GET", find.url, options.headers, None)


def first_request(options: HttpRequestOptions, values: Values) -> HttpRequest:
    """Return the request that is sent once.

    Raises:
        CannotFillError: see `find_request`; or it would go to another server than that where something was looked up.
    """
    headers = dict(options.headers)
    if options.idempotency_key is not None:
        headers[KEY_HEADER] = options.idempotency_key
    request = _filled(options, values, options.method, options.url, headers, options.body)
    if options.find is not None:
        _refuse_another(request, find_request(options, options.find, values), "url")
    return request


def poll_request(options: HttpRequestOptions, poll: PollOptions, values: Values) -> HttpRequest:
    """Return the request that is repeated.

    Raises:
        CannotFillError: see `find_request`; or it would go to another server than the first.
    """
    headers = options.headers if poll.headers is None else poll.headers
    request = _filled(options, values, poll.method, poll.url or options.url, headers, poll.body)
    _refuse_another(request, first_request(options, values), "poll.url")
    return request


def _refuse_another(request: HttpRequest, other: HttpRequest, name: str) -> None:
    """Refuse what the values of placeholders may do: lead a secret to another server.

    Raises:
        CannotFillError: they have done it.
    """
    if request.url.origin != other.url.origin:
        raise CannotFillError(f"{name} is {request.url}, which is another server than {other.url}")


def _filled(  # noqa: PLR0913, PLR0917 - the parts of a request
    options: HttpRequestOptions, values: Values, method: str, url: str, headers: Mapping[str, str], body: Body | None
) -> HttpRequest:
    try:
        where = parse_url(values.fill(url, in_url))
    except ValueError as error:
        raise CannotFillError(str(error)) from error
    sent: bytes | None = None
    ours = {"Accept": "application/json"}
    if isinstance(body, str):
        sent, ours["Content-Type"] = values.fill(body, in_plain_text).encode(), "text/plain; charset=utf-8"
    elif body is not None:
        sent, ours["Content-Type"] = json.dumps(values.fill_json(body)).encode(), "application/json"
    given = {name: values.fill(text, in_header) for name, text in headers.items()}
    names = {name.lower() for name in given}
    return HttpRequest(
        method=method,
        url=where,
        headers={name: text for name, text in ours.items() if name.lower() not in names} | given,
        body=sent,
        seconds=seconds(options.timeout),
        certificate_authority=options.certificate_authority,
    )
