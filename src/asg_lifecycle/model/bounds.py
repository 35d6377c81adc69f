"""Bounds of values in plans, each with words that say what is expected."""

from __future__ import annotations

from typing import Any

from msgspec import Meta

EXPECTED = "expected"
"""The key under which a `Meta` carries the words."""


def matching(pattern: str, expected: str) -> Meta:
    """Return the bound of a text that has to match a pattern.

    Args:
        pattern: a regular expression that Python and JSON Schema read the same way.
        expected: what the text has to be, as it follows "expected" in a sentence.
    """
    return Meta(pattern=pattern, extra={EXPECTED: expected})


def expected_by(meta: Any) -> str | None:  # noqa: ANN401 - an annotation may be anything
    """Return the words that an annotation of a type carries, None when it carries none."""
    return (meta.extra or {}).get(EXPECTED) if isinstance(meta, Meta) else None
