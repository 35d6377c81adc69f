"""Takes secrets out of text that somebody else wrote, before it is kept or anybody reads it.

`redacted` knows a secret by its shape, or by the name that stands before it. `Redaction` knows the values themselves,
however a text writes them; `KnownSecrets` does both. None of them is a licence to print secrets: a word that has no
shape, no name and is known to nobody here is a word like any other.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from asg_lifecycle.model.credential_patterns import (
    BEARER,
    BEHIND_A_TAG,
    BEHIND_A_WORD,
    COOKIE,
    CUES,
    ELEMENT,
    FLAG,
    IN_ARN,
    IN_PEM,
    IN_URL,
    LONGEST_NAME,
    NAMED,
    NO_VALUE,
    OPEN_NAMES,
    PEM_END,
    PREFIX,
    SHAPES,
    USER_FLAG,
    UUID,
)
from asg_lifecycle.model.text_escapes import readings

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator

    from asg_lifecycle.model.text_escapes import Reading

HIDDEN = "[redacted]"
"""What stands in place of a secret."""

SHORTEST = 4
"""Characters. A shorter secret would be found in every text."""


def redacted(text: str) -> str:
    """Return a text without what looks like a secret, or stands behind the name of one."""
    lower = text.lower()
    if not any(cue in lower for cue in CUES):
        return text
    text = _without_cut_keys(SHAPES.sub(HIDDEN, text))
    text = IN_URL.sub(rf"\1{HIDDEN}", text)
    text = COOKIE.sub(rf"\1{HIDDEN}", text)
    text = USER_FLAG.sub(rf"\1{HIDDEN}", text)
    text = NAMED.sub(_named, text)
    text = ELEMENT.sub(rf"\1{HIDDEN}", text)
    text = FLAG.sub(lambda found: found[0] if _is_no_value(found[2]) else f"{found[1]}{HIDDEN}", text)
    return BEARER.sub(rf"\1{HIDDEN}", text)


def redacted_values(value: object, redact: Callable[[str], str] = redacted) -> object:
    """Return JSON values with each text redacted. The names in it are ours, and say nothing about the values.

    Args:
        value: the values.
        redact: hides secrets in a text.
    """
    match value:
        case str():
            return redact(value)
        case dict():
            return {name: redacted_values(inner, redact) for name, inner in value.items()}
        case list() | tuple():
            return [redacted_values(each, redact) for each in value]
        case _:
            return value


def _without_cut_keys(text: str) -> str:
    """Hide a private key whose beginning is cut off: the last lines of an output begin anywhere."""
    kept, begin = [], 0
    for end in PEM_END.finditer(text):
        kept.append(f"{text[begin : end.start()].rstrip(IN_PEM)} {HIDDEN}")
        begin = end.end()
    return "".join((*kept, text[begin:]))


def _named(found: re.Match[str]) -> str:
    head, value = found.string[found.start() : found.start("value")], found["value"]
    opening = found["quote"] or found["escaped"] or ""
    bare = value[len(opening) :]
    closing = "" if opening else bare[len(bare.rstrip(".,;:)]}")) :]
    bare = bare.removesuffix(closing)
    before = found.string[max(0, found.start() - LONGEST_NAME) : found.start()]
    name = PREFIX.findall(before)[0] + found["word"]
    if (
        IN_ARN.search(before) is not None
        or not _is_secret(name, bare)
        or _names_a_tag(found, name)
        or _gives_a_reason(found, name, bare)
    ):
        return f"{head}{opening}{NAMED.sub(_named, bare)}{closing}"
    return f"{head}{opening}{HIDDEN}{closing}"


def _is_secret(name: str, value: str) -> bool:
    if _is_no_value(value) or OPEN_NAMES.search(name) is not None:
        return False
    if (name.lower().endswith("tokens") or name.lower() == "pass") and value.isdecimal():
        return False
    # A lifecycle action token names an action: it opens nothing.
    return not (name.lower() == "token" and UUID.fullmatch(value))


def _names_a_tag(found: re.Match[str], name: str) -> bool:
    """Return whether a key is the name of a tag: `Key=Name,Value=web`."""
    return name.lower() == "key" and (
        ",value" in found["value"].lower() or BEHIND_A_TAG.match(found.string, found.end()) is not None
    )


def _gives_a_reason(found: re.Match[str], name: str, value: str) -> bool:
    """Return whether a colon in a sentence is followed by a reason: "could not read the token: AccessDenied"."""
    if found["separator"].strip() != ":" or not found["separator"].endswith(" ") or found["closing"]:
        return False
    if (found["quote"] or found["escaped"]) and name.lower() != "key":
        return False
    begins = found.start() - len(name) + len(found["word"])
    in_sentence = name.islower() and "_" not in name and BEHIND_A_WORD.search(found.string[max(0, begins - 2) : begins])
    # A secret has more than letters.
    is_word = value.replace("-", "").isalpha() or value.isdecimal()
    if name.lower() == "key":
        return bool(in_sentence) or is_word
    return bool(in_sentence) and is_word


def _is_no_value(value: str) -> bool:
    return not value or NO_VALUE.fullmatch(value) is not None


class Redaction:
    """Hides secrets whose values are known, also where URLs, JSON or HTML write them in their way, or in base64.

    Args:
        secrets: what must not be read.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        written = {text for secret in secrets if len(secret) >= SHORTEST for text in (secret, *_in_base64(secret))}
        # What looks like an escape inside of a secret is read through in the text, too.
        self._known = tuple(sorted({reading.text for text in written for reading in readings(text)}))

    def __call__(self, text: str) -> str:
        """Return the text with every secret hidden."""
        if not self._known:
            return text
        spans = sorted(span for reading in readings(text) for span in self._found(reading))
        kept, at = [], 0
        for begin, end in spans:
            if begin >= at:
                kept += [text[at:begin], HIDDEN]
            at = max(at, end)
        return "".join((*kept, text[at:]))

    def _found(self, reading: Reading) -> Iterator[tuple[int, int]]:
        for known in self._known:
            begin = reading.text.find(known)
            while begin >= 0:
                end = begin + len(known)
                yield reading.spans[begin][0], reading.spans[end - 1][1]
                begin = reading.text.find(known, begin + 1)


class KnownSecrets:
    """The secrets that this process has read so far; any thread may use it.

    Called with a text, it returns it without these and without what looks like a secret.
    """

    def __init__(self) -> None:
        self._values: frozenset[str] = frozenset()
        self._redaction = Redaction()

    def learn(self, value: str) -> None:
        """Remember a secret that was read."""
        if value not in self._values:
            self._values |= {value, value.strip()}
            self._redaction = Redaction(self._values)

    def __call__(self, text: str) -> str:
        """Return the text with every secret hidden."""
        return redacted(self._redaction(text))


def _in_base64(secret: str) -> tuple[str, str]:
    encoded = base64.b64encode(secret.encode()).decode()
    return encoded, encoded.rstrip("=")
