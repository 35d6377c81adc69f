"""What every command writes."""

from __future__ import annotations

import json
import sys
import textwrap
from contextlib import contextmanager
from contextvars import ContextVar
from shutil import get_terminal_size
from typing import TYPE_CHECKING, NoReturn

import typer

from asg_lifecycle.aws.permissions import policy_output
from asg_lifecycle.cli.exit_codes import ExitCode as ExitCode  # noqa: PLC0414 - every command ends with one of them
from asg_lifecycle.model.failures import CallFailed, Consequence, missing
from asg_lifecycle.model.fields import shown

if TYPE_CHECKING:
    from collections.abc import Iterator


_quiet: ContextVar[bool] = ContextVar("quiet", default=False)

WHAT_TO_DO = {
    "NoRegionError": "name the Region with --region or AWS_REGION",
    "ProfileNotFound": "name another with --profile, or none",
    "NoCredentialsError": "log in, or name a profile with --profile",
    "TokenRetrievalError": "log in again, for example with aws sso login",
    "SSOTokenLoadError": "log in again, for example with aws sso login",
    "UnauthorizedSSOTokenError": "log in again, for example with aws sso login",
    "CredentialRetrievalError": "log in again, or see what credential_process of the profile says",
    "ConfigParseError": "mend this file, or name another with AWS_CONFIG_FILE",
    "UnusableConfigurationError": "see the profile, and the variables of the environment whose names begin with AWS_",
    "ExpiredToken": "log in again",
    "ExpiredTokenException": "log in again",
    "EndpointConnectionError": "see whether the name of the Region is right, and whether there is a network",
    "ProxyConnectionError": "see HTTPS_PROXY and NO_PROXY",
    "InvalidClientTokenId": "see whether these credentials are right, or log in again",
    "UnrecognizedClientException": "see whether these credentials are right, or log in again",
    "InvalidRegionError": "name another Region with --region",
    "SignatureDoesNotMatch": "see whether the name of the Region and the credentials are right",
}
"""What mends a call that failed, by the code of its error."""


@contextmanager
def keeping_quiet(*, quiet: bool) -> Iterator[None]:
    """Let `say` write nothing inside, where `quiet` is true."""
    token = _quiet.set(quiet)
    try:
        yield
    finally:
        _quiet.reset(token)


def write(text: str, *, end: str = "\n") -> None:
    """Write to standard output, in UTF-8 whatever the locale.

    What a terminal would obey in place of showing it is escaped for a terminal alone: a file gets the text as it is.
    """
    typer.echo(_encoded(f"{harmless(text) if sys.stdout.isatty() else text}{end}"), nl=False)


def write_sentences(text: str, *, hanging: bool = True) -> None:
    """Write lines of sentences to standard output, each broken between words where the terminal is narrower.

    Args:
        text: the lines.
        hanging: what is broken off a line is indented by two columns more.
    """
    shown = harmless(text)
    write(_broken(shown, hanging=hanging) if sys.stdout.isatty() else shown)


def _broken(text: str, *, hanging: bool) -> str:
    """Return lines, each broken between words where the terminal is narrower."""
    width = get_terminal_size().columns
    return "\n".join(
        textwrap.fill(
            line,
            width,
            subsequent_indent=" " * (len(line) - len(line.lstrip()) + (2 if hanging else 0)),
            break_on_hyphens=False,
        )
        for line in text.splitlines()
    )


def is_quiet() -> bool:
    """Return whether only what was asked for is to be written."""
    return _quiet.get()


def say(sentence: str) -> None:
    """Write what is good to know and was not asked for to standard output, unless the command is to be quiet."""
    if not _quiet.get():
        write_sentences(sentence)


def write_json(value: object, *, indent: int | None = None) -> None:
    """Write JSON to standard output, on one line unless it is indented."""
    typer.echo(json_text(value, indent=indent))


def json_text(value: object, *, indent: int | None = None) -> bytes:
    """Return `value` as JSON in UTF-8, whatever the locale.

    What cannot be printed is a JSON escape, and so is half a surrogate pair, which UTF-8 cannot carry.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _encoded("".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text))


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def warn(sentence: str) -> None:
    """Write a line to standard error, broken between words where that is a terminal and narrower."""
    shown = harmless(sentence)
    typer.echo(_encoded(_broken(shown, hanging=True) if sys.stderr.isatty() else shown), err=True)


def warn_with_command(label: str, command: str) -> None:
    """Write a command that helps to standard error, in one piece, so that it can be copied from a terminal."""
    typer.echo(_encoded(harmless(f"{label}: {command}")), err=True)


def fail(sentence: str, code: ExitCode = ExitCode.FAILED) -> NoReturn:
    """Write a line to standard error and end the command.

    Raises:
        typer.Exit: always.
    """
    warn(f"asg-lifecycle: {on_one_line(sentence)}")
    raise typer.Exit(code)


def harmless(text: str) -> str:
    """Return lines that do nothing to a terminal, whoever wrote what they repeat: what does not print is escaped.

    Output of commands, names of groups and reasons are of others: an escape sequence in them could clear the screen or
    rename the window, and a character that turns the direction of writing make a sentence look like another.
    """
    return "\n".join(map(on_one_line, text.expandtabs().split("\n")))


def on_one_line(text: str) -> str:
    """Return a text as one line that does nothing to a terminal, whatever was typed or answered that it repeats."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def fail_for_unknown_group(group: str) -> NoReturn:
    """End the command because there is no group of a name.

    Raises:
        typer.Exit: always.
    """
    fail(unknown_group(group))


def unknown_group(group: str) -> str:
    """Return the sentence about a name that no group has."""
    return f"there is no Auto Scaling group {shown(group)} in this account and Region"


@contextmanager
def reporting_failed_calls() -> Iterator[None]:
    """End the command when AWS does not answer a call inside, throttles it or denies it."""
    try:
        yield
    except CallFailed as failed:
        fail(with_what_to_do(failed))


def _granted_by(action: str) -> str:
    output = policy_output(action)
    return f", and the managed policy of the stack's output {output} grants it" if output is not None else ""


def with_what_to_do(failed: CallFailed) -> str:
    """Return what is said of a call that failed, on one line, and what mends it where that is known."""
    failure = failed.failure
    sentence = " ".join(str(failed).split())
    if failure.consequence is Consequence.DENIED:
        return " ".join(f"{missing(failure)}; your own identity lacks it{_granted_by(failure.action)}".split())
    hint = WHAT_TO_DO.get(failure.code)
    return f"{sentence}; {hint}" if hint else sentence
