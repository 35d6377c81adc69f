"""Bounds of values in plans, each with words that say what is expected."""

from __future__ import annotations

from typing import Any

from msgspec import Meta

EXPECTED = "expected"
"""The key under which a `Meta` carries the words."""


HIDDEN = "hidden"
"""The key under which a `Meta` says that a wrong value is not repeated: it may be the secret that it should name."""


def matching(pattern: str, expected: str, *, hidden: bool = False) -> Meta:
    """Return the bound of a text that has to match a pattern.

    Args:
        pattern: a regular expression that Python and JSON Schema read the same way.
        expected: what the text has to be, as it follows "expected" in a sentence.
        hidden: a wrong value is not repeated.
    """
    return Meta(pattern=pattern, extra={EXPECTED: expected} | ({HIDDEN: True} if hidden else {}))


def is_hidden(meta: Any) -> bool:  # noqa: ANN401 - an annotation may be anything
    """Return whether an annotation of a type says that a wrong value is not repeated."""
    return isinstance(meta, Meta) and HIDDEN in (meta.extra or {})


def expected_by(meta: Any) -> str | None:  # noqa: ANN401 - an annotation may be anything
    """Return the words that an annotation of a type carries, None when it carries none."""
    return (meta.extra or {}).get(EXPECTED) if isinstance(meta, Meta) else None
