"""As much of HCL as a snippet needs: resources whose attributes are texts and numbers. Anything else is an error."""

from __future__ import annotations

import re

RESOURCE = re.compile(r'resource "([a-z_]+)" "([A-Za-z_][A-Za-z0-9_-]*)" \{')
ATTRIBUTE = re.compile(r'  ([a-z_]+) += (?:([0-9]+)|"((?:[^"\\\n]|\\.)*)")')
ESCAPE = re.compile(r'\$\$\{|%%\{|\\(?:U([0-9A-F]{8})|(["\\nrt]))')
PLAIN = {'"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t"}


def blocks_of(text: str) -> dict[tuple[str, str], dict[str, str | int]]:
    """Return the attributes of each resource, by its type and name.

    Raises:
        ValueError: a line is none of HCL, a resource is not closed, or there are two of one name.
    """
    found: dict[tuple[str, str], dict[str, str | int]] = {}
    inside: dict[str, str | int] | None = None
    for line in text.removesuffix("\n").split("\n"):
        opening, attribute = RESOURCE.fullmatch(line), ATTRIBUTE.fullmatch(line)
        if inside is None and opening is not None and opening.groups() not in found:
            inside = found[opening[1], opening[2]] = {}
        elif inside is not None and attribute is not None and attribute[1] not in inside:
            inside[attribute[1]] = int(attribute[2]) if attribute[2] else _read(attribute[3])
        elif inside is not None and line == "}":
            inside = None
        elif inside is not None or (line and not line.startswith("#")):
            raise ValueError(f"{line!r} is no line of HCL here")
    if inside is not None:
        raise ValueError("the last resource is not closed")
    return found


def _read(quoted: str) -> str:
    left = ESCAPE.sub("", quoted)
    if "\\" in left or "${" in left or "%{" in left or not quoted.isprintable():
        raise ValueError(f"{quoted!r} has an escape, a template or a character that HCL does not take")
    return ESCAPE.sub(_plain, quoted)


def _plain(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return PLAIN[match[2]] if match[2] else match[0][1:]
