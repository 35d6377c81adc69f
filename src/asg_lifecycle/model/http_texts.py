"""The texts of an HTTP request in a plan: how values of placeholders are put in, and what such a text may be.

Whoever may tag an instance must not lead a request elsewhere, nor add to it: a value stays inside the part of the URL,
the header, the text or the condition that it stands in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

from asg_lifecycle.model.addresses import is_address
from asg_lifecycle.model.fields import shown
from asg_lifecycle.model.placeholders import CannotFillError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORTS = {"http": 80, "https": 443}
LARGEST_PORT = 65_535

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!-~]*)?(?P<query>\?[!-~]*)?"
)
_NUMBERS = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)")
"""What a resolver may read as an address, or a part of one: `2130706433`, `0177`, `0x7f`."""

_HOST_VALUE = re.compile(r"[A-Za-z0-9._-]+")
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_.:@/ -]+")


class HttpUrl(Struct, frozen=True, kw_only=True):
    """A URL in its parts.

    Attributes:
        scheme: `http` or `https`.
        host: a DNS name, or an address without brackets.
        port: the port, that of the scheme where the URL has none.
        target: path and query, as they are sent.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What has to be the same for two URLs to be of one server."""
        return self.scheme, self.host.lower(), self.port

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def path(self) -> str:
        """The path without its query."""
        return self.target.partition("?")[0]

    def __str__(self) -> str:
        """Return it without its query, for people."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_url(text: str) -> HttpUrl:
    """Return a URL in its parts.

    Raises:
        ValueError: it is none that a request can be sent to, and why.
    """
    if (found := _URL.fullmatch(text)) is None or "#" in text or "\\" in text:
        raise ValueError(
            f"url is {shown(text)}; expected https://HOST/PATH or http://HOST/PATH in ASCII, without user and fragment"
        )
    host, port = found["host"], int(found["port"] or DEFAULT_PORTS[found["scheme"]])
    host = host.removeprefix("[").removesuffix("]")
    last = host.rstrip(".").rpartition(".")[2]
    if (":" in host or _NUMBERS.fullmatch(last)) and not is_address(host):
        raise ValueError(f"url has the host {shown(host)}; expected a DNS name, or an address in its usual form")
    if not 0 < port <= LARGEST_PORT:
        raise ValueError(f"url has the port {port}; expected one from 1 to {LARGEST_PORT}")
    path = found["path"] or "/"
    if any(part in {".", ".."} for part in path.partition("?")[0].split("/")):
        raise ValueError(f"url has the path {shown(path)}; expected one without '.' and '..'")
    return HttpUrl(scheme=found["scheme"], host=host, port=port, target=path + (found["query"] or ""))


def in_url(name: str, value: str, before: str) -> str:
    """Return a value as a part of a URL: percent-encoded behind the host, as it is in the host.

    Raises:
        CannotFillError: the host, or the path, would become another one.
    """
    scheme, found, rest = before.partition("://")
    if not found or not scheme:
        raise _refused(name, value, "a URL begins with https:// or http://")
    if not any(sign in rest for sign in "/?"):
        if ":" in value and is_address(value) and rest == "":
            return f"[{value}]"
        if not _HOST_VALUE.fullmatch(value) or ":" in rest.rpartition("]")[2]:
            raise _refused(name, value, "it cannot be part of a host's name")
        return value
    if value in {".", ".."}:
        raise _refused(name, value, "as part of a path it leads elsewhere")
    return quote(value, safe="")


def in_header(name: str, value: str, before: str) -> str:
    """Return a value as a part of a header.

    Raises:
        CannotFillError: it has characters that no header has.
    """
    del before
    if not (value.isascii() and value.isprintable()):
        raise _refused(name, value, "a header takes printable ASCII characters alone")
    return value


def in_plain_text(name: str, value: str, before: str) -> str:
    """Return a value as a part of a text whose language is not known.

    Raises:
        CannotFillError: it may mean something there.
    """
    del before
    if not _PLAIN_VALUE.fullmatch(value):
        raise _refused(name, value, "a text takes letters, digits, spaces and '_.:@/-' alone; JSON takes every value")
    return value


def in_condition(name: str, value: str, before: str) -> str:
    """Return a value as a part of a JMESPath expression: between single quotes, where it is a text and nothing else.

    Raises:
        CannotFillError: it stands elsewhere, or would end the text.
    """
    if before.replace("\\'", "").count("'") % 2 == 0:
        raise _refused(name, value, "in a condition it stands between single quotes: `name == '{instance}'`")
    if not value.isprintable() or any(sign in value for sign in "'\\`"):
        raise _refused(name, value, "it has quotes or backslashes")
    return value


def header_problem(headers: Mapping[str, str], reserved: Mapping[str, str]) -> str | None:
    """Return what is wrong with the headers of a plan, None when nothing is.

    Args:
        headers: by name.
        reserved: names in small letters that a plan does not give, each with what to do instead.
    """
    for name in headers:
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            return f"headers has the name {shown(name)}; expected letters, digits and hyphens"
        if name.lower() in reserved:
            return f"headers has {name}: {reserved[name.lower()]}"
        if not (headers[name].isascii() and headers[name].isprintable()):
            return f"headers has for {name} {shown(headers[name])}; expected printable ASCII characters"
    names = [name.lower() for name in headers]
    twice = next((name for name in headers if names.count(name.lower()) > 1), None)
    return f"headers has {twice} twice" if twice is not None else None


def _refused(name: str, value: str, why: str) -> CannotFillError:
    return CannotFillError(f"{{{name}}} is {shown(value)}, which cannot be put in safely: {why}")
