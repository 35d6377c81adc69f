"""Reads through the ways in which URLs, JSON and HTML write characters, and remembers where each was written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = r"(?P<url>(?:%[0-9a-fA-F]{2})+)|(?P<plus>\+)"
JSON = r"(?P<json>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4})|\\(?P<character>[\s\S])"
HTML = r"(?P<html>&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);)"
EACH_WAY = (re.compile(URL), re.compile(JSON), re.compile(HTML))
EVERY_WAY = re.compile(f"{URL}|{JSON}|{HTML}")
LARGEST_CHARACTER = 0x10FFFF
IN_HTML = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

MOST_LEVELS = 4
"""How often a text that was written into another text is read through."""


class Reading(Struct, frozen=True):
    """A text as it reads, and where each of its characters begins and ends in the text that was written.

    Attributes:
        text: as it reads.
        spans: of each character.
    """

    text: str
    spans: tuple[tuple[int, int], ...]


def readings(text: str) -> Iterator[Reading]:
    """Yield a text as it is written, as it reads in each of the ways, and in all of them until nothing is left to read.

    In each of the ways, as a `%` that is only one may stand before what looks like a part of it.
    """
    reading = Reading(text, tuple((at, at + 1) for at in range(len(text))))
    yield reading
    if EVERY_WAY.search(text) is None:
        return
    for way in EACH_WAY:
        yield _read(reading, way)
    for _ in range(MOST_LEVELS):
        following = _read(reading, EVERY_WAY)
        if following.text == reading.text:
            return
        reading = following
        yield reading


def _read(reading: Reading, way: re.Pattern[str]) -> Reading:
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for found in way.finditer(reading.text):
        pieces.append(reading.text[at : found.start()])
        spans.extend(reading.spans[at : found.start()])
        for character, begin, end in _characters(found):
            pieces.append(character)
            spans.append((reading.spans[begin][0], reading.spans[end - 1][1]))
        at = found.end()
    pieces.append(reading.text[at:])
    spans.extend(reading.spans[at:])
    return Reading("".join(pieces), tuple(spans))


def _characters(found: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    """Yield the characters that an escape stands for, each with where it begins and ends."""
    begin, end = found.span()
    what, written = found.lastgroup, found[0]
    if what == "url":
        octets = bytes.fromhex(written.replace("%", ""))
        for character in octets.decode(errors="surrogateescape"):
            length = 3 * len(character.encode(errors="surrogateescape"))
            yield character, begin, begin + length
            begin += length
    elif what == "json":
        yield bytes.fromhex(written.replace("\\u", "")).decode("utf-16-be", errors="replace"), begin, end
    elif what == "html":
        yield _html_character(written[1:-1]), begin, end
    elif what == "plus":
        # A form writes a space so.
        yield " ", begin, end
    else:
        yield CONTROL.get(written[1], written[1]), begin, end


def _html_character(name: str) -> str:
    if not name.startswith("#"):
        return IN_HTML[name]
    number = int(f"0{name[1:]}", 0) if name[1] in "xX" else int(name[1:])
    return chr(number) if number <= LARGEST_CHARACTER else "\N{REPLACEMENT CHARACTER}"
