"""Text that a page can hold, whatever it is, and times as a page shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import NewType

from asg_lifecycle.model.durations import readable, roughly

Markup = NewType("Markup", str)
"""Text in which everything that is not ours is escaped."""


def escaped(text: str) -> Markup:
    """Return a text as it may stand between tags, and in an attribute.

    What does not print, and what turns the direction of writing, shows as its escape: it can neither break the page nor
    make a sentence look like another.
    """
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    return Markup(escape(shown, quote=True))


def element(name: str, content: Markup, **attributes: str | float | None) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        content: what is between its tags.
        attributes: each is escaped; an underscore in a name stands for a hyphen, one at the end is left out, and those
            that are None are, too.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{content}</{name}>")


def joined(*parts: Markup) -> Markup:
    """Return one markup after the other."""
    return Markup("".join(parts))


def clock(at: float) -> str:
    """Return a time of day with its date, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def time_element(at: float | None) -> Markup:
    """Return a time for people and machines, in UTC; a hyphen where it is not known."""
    if at is None:
        return Markup("-")
    return element("time", escaped(clock(at)), datetime=f"{clock(at).replace(' ', 'T')}Z")


def after(seconds: float) -> str:
    """Return how long after the beginning something was: `+2m10s`, `start`."""
    if round(seconds) == 0:
        return "start"
    return f"+{readable(seconds)}" if seconds > 0 else f"-{readable(-seconds)}"


def length(seconds: float | None) -> str:
    """Return a duration, a dash where it is not known."""
    return "-" if seconds is None else roughly(max(0.0, seconds))


def dollars(amount: float) -> str:
    """Return an amount of money to two digits that count, or to the cent from a dollar on."""
    if amount >= 1:
        return f"${amount:.2f}"
    return f"${amount:.6f}".rstrip("0").rstrip(".") if amount >= 1e-6 else "$0"  # noqa: PLR2004 - a millionth


def short_name(name: str) -> str:
    """Return what tells a thing from others of its kind: of an ARN what follows the account, without the kind."""
    if not name.startswith("arn:"):
        return name
    resource = name.split(":", 5)[-1]
    return resource.partition("/")[2] or resource


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
