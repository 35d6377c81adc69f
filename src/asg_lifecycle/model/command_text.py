"""Values in commands: quoted for the shell that runs them, or refused.

Whoever may tag an instance must not run commands on it. A value of harmless characters is put in as it is; any other
is quoted where a quoted word can stand, and refused everywhere else.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from asg_lifecycle.model.fields import shown
from asg_lifecycle.model.placeholders import TAG, CannotFillError

if TYPE_CHECKING:
    from asg_lifecycle.model.placeholders import Quote

HARMLESS = re.compile(r"[A-Za-z0-9_.:/][A-Za-z0-9_.:/-]*")
"""What means nothing in any shell, quoted or not."""

PARENT = re.compile(r"(^|/)\.\.?(/|$)")
"""A path that leads elsewhere than it seems."""

EVALUATING = re.compile(
    r"`|<<|\(\(|\[\[|\$'|(?:^|[\s;|&(/])(?:\.|source|eval|let|trap|alias|bash|sh|zsh|dash|ssh|su|xargs|parallel|watch"
    r"|find|sed|awk|perl|python3?|ruby|node|php)\s"
)
"""What reads its words once more, or reads quotes in its own way. No list of commands is whole: what a command makes of
a word that it is given, whoever writes the plan has to know."""

_BEGINS_A_COMMAND = re.compile(
    r"(^|[\n;|&({!])\s*$|(?:^|[\s;|&(])(?:sudo|exec|then|do|else|env|nohup|time|command)\s+$"
)
"""Text behind which a shell takes the next word for the name of a command."""

_SINGLE_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
"""Everything that PowerShell takes for a single quote."""


_QUOTING_IN_POWERSHELL = re.compile("[\"'\u2018\u2019\u201a\u201b\u201c\u201d\u201e`#]|--%")

HYPHENS = "-\u2013\u2014\u2015"
"""What PowerShell takes for the beginning of an option."""


def quoting_of(document: str, parameter: str) -> Quote:
    """Return how values are put into a parameter of a document of Systems Manager.

    Args:
        document: its name or ARN.
        parameter: the name of the parameter.
    """
    if parameter == "commands":
        match document.rpartition("/")[2]:
            case "AWS-RunShellScript":
                return in_shell
            case "AWS-RunPowerShellScript":
                return in_powershell
            case _:
                pass
    return as_it_is


def as_it_is(name: str, value: str, before: str) -> str:
    """Return a harmless value, for a parameter of which nobody knows where the document puts it.

    Raises:
        CannotFillError: it is not harmless.
    """
    del before
    if _is_harmless(name, value):
        return value
    raise _refused(name, value, "a parameter whose language is not known takes letters, digits and '_.:/-' alone")


def in_shell(name: str, value: str, before: str) -> str:
    """Return a value as one word of a shell's command.

    Args:
        name: of the placeholder.
        value: the value.
        before: the text before it, lines before its own included.

    Raises:
        CannotFillError: no quotes make it safe there.
    """
    if _is_plain(name, value, before):
        return value
    if (found := EVALUATING.search(before)) is not None:
        raise _refused(name, value, f"it cannot be quoted safely after {found[0]!r}")
    if _is_in_quotes(before):
        raise _refused(name, value, "it stands in quotes; leave the quotes out, it is quoted as it needs")
    return shlex.quote(value)


def in_powershell(name: str, value: str, before: str) -> str:
    """Return a value as one word of a command of PowerShell.

    Raises:
        CannotFillError: no quotes make it safe there.
    """
    if _is_plain(name, value, before):
        return value
    if _QUOTING_IN_POWERSHELL.search(before):
        raise _refused(name, value, "it cannot be quoted safely behind quotes, backticks or comments")
    return f"'{_SINGLE_QUOTES.sub(lambda quote: quote[0] * 2, value)}'"


def _is_plain(name: str, value: str, before: str) -> bool:
    """Return whether a value can be put into a command as it is.

    Raises:
        CannotFillError: not even quotes would make it safe.
    """
    harmless = _is_harmless(name, value)
    if _BEGINS_A_COMMAND.search(before) is not None and (name.startswith(TAG) or not harmless):
        raise _refused(name, value, "it stands where a command begins")
    return harmless


def _is_harmless(name: str, value: str) -> bool:
    """Return whether a value means nothing in any shell.

    Raises:
        CannotFillError: it is not even safe in quotes.
    """
    if not value.isprintable():
        raise _refused(name, value, "it has characters that cannot be printed")
    if value[0] in HYPHENS:
        raise _refused(name, value, "it begins with a hyphen, so a command takes it for an option")
    if "{{" in value:
        raise _refused(name, value, "Systems Manager puts something else in the place of what stands in two braces")
    if PARENT.search(value):
        raise _refused(name, value, "as part of a path it leads elsewhere")
    return HARMLESS.fullmatch(value) is not None


def _is_in_quotes(before: str) -> bool:
    """Return whether a shell that has read a text is inside quotes."""
    quote, escaped, comment, word_begins = "", False, False, True
    for character in before:
        if comment:
            comment = character != "\n"
        elif escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and word_begins:
            comment = True
        word_begins = character in " \t\n;|&("
    # A backslash right before it would quote the quotes that are put in.
    return bool(quote) or escaped


def _refused(name: str, value: str, why: str) -> CannotFillError:
    return CannotFillError(f"{{{name}}} is {shown(value)}, which cannot be put into a command safely: {why}")
