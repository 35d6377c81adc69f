"""What is sent to an HTTP API, and what it answers."""

from __future__ import annotations

from msgspec import Struct

from asg_lifecycle.model.http_texts import HttpUrl

LARGEST_ANSWER = 1024 * 1024
"""Bytes of an answer that are read at most."""

NOT_ALLOWED = "HostNotAllowed"
NO_CONNECTION = "NoConnection"
NOT_TRUSTED = "CertificateNotTrusted"
"""Codes of failures: nothing was sent."""

NO_ANSWER = "NoAnswer"
"""The code of a failure after something was sent: whether it had its effect is not known."""


class HttpRequest(Struct, frozen=True, kw_only=True):
    """A request, complete but for its secrets.

    Attributes:
        method: in capital letters.
        url: where it goes.
        headers: by name.
        body: what is sent; None for nothing.
        seconds: that it may take from the connection to the end of the answer.
        certificate_authority: PEM of the only authority that is trusted, None for those that everybody trusts.
    """

    method: str
    url: HttpUrl
    headers: dict[str, str]
    body: bytes | None = None
    seconds: float = 10.0
    certificate_authority: str | None = None

    @property
    def action(self) -> str:
        """The request as failures and outages name it: without what differs from instance to instance."""
        return f"http: {self.method} {self.url.authority}"

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.method} {self.url}"


class HttpAnswer(Struct, frozen=True, kw_only=True):
    """An answer.

    Attributes:
        status: its status.
        body: at most `LARGEST_ANSWER` bytes.
        whole: whether these are all; not where they are too many, or did not come in time.
        retry_after: seconds after which the server wants to be asked again, None where it does not say.
    """

    status: int
    body: bytes = b""
    whole: bool = True
    retry_after: float | None = None

    @property
    def first_line(self) -> str:
        """The first line of the body that is not empty, printable."""
        text = self.body[:4096].decode(errors="replace")
        line = next((line.strip() for line in text.splitlines() if line.strip()), "")
        return "".join(character if character.isprintable() else " " for character in line)
