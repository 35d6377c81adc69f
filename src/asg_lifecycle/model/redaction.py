"""Takes secrets out of text that somebody else wrote, before anybody reads it."""

from __future__ import annotations

import base64
import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"

SHORTEST = 4
"""Characters. A shorter secret would be found in every text."""


class Redaction:
    """Hides secrets, also where a text repeats them as URLs, JSON or HTML write them, or in base64.

    Each character may be written in any of these ways: a URL may leave some as they are.

    Args:
        secrets: what must not be read.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        texts = {text for secret in secrets if len(secret) >= SHORTEST for text in (secret, *_in_base64(secret))}
        # The longest first: one secret may be a part of another.
        ordered = sorted(texts, key=lambda text: (-len(text), text))
        self._pattern = re.compile("|".join("".join(map(_written, text)) for text in ordered)) if ordered else None

    def __call__(self, text: str) -> str:
        """Return the text with every secret hidden."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)


def _in_base64(secret: str) -> tuple[str, str]:
    encoded = base64.b64encode(secret.encode()).decode()
    return encoded, encoded.rstrip("=")


def _written(character: str) -> str:
    """Return a regular expression for the ways in which a character may be written."""
    code = ord(character)
    ways = {
        re.escape(character),
        "".join(f"(?i:%{byte:02x})" for byte in character.encode()),
        rf"(?i:\\u{code:04x})",
        rf"\\{re.escape(character)}",
        f"&#0*{code};",
        f"(?i:&#x0*{code:x};)",
        re.escape(html.escape(character)),
    }
    if character == " ":
        ways.add(r"\+")
    return f"(?:{'|'.join(sorted(ways, key=len, reverse=True))})"
