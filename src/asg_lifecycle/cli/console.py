"""What every command writes, and how it ends."""

from __future__ import annotations

import json
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn

import typer

from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Iterator


class ExitCode(IntEnum):
    """How a command ends that does not succeed."""

    FAILED = 1
    """Something could not be done, or was found to be wrong."""

    BAD_INPUT = 2
    """The command was used wrongly, or its input cannot be read."""


def write(text: str, *, end: str = "\n") -> None:
    """Write to standard output."""
    typer.echo(f"{text}{end}", nl=False)


def write_json(value: object, *, indent: int | None = None) -> None:
    """Write JSON to standard output, on one line unless it is indented."""
    typer.echo(json_text(value, indent=indent))


def json_text(value: object, *, indent: int | None = None) -> bytes:
    """Return `value` as JSON in UTF-8, whatever the locale.

    Half a surrogate pair, which UTF-8 cannot carry, becomes the JSON escape it came from.
    """
    return json.dumps(value, ensure_ascii=False, indent=indent).encode(errors="backslashreplace")


def warn(sentence: str) -> None:
    """Write a line to standard error."""
    typer.echo(sentence, err=True)


def fail(sentence: str, code: ExitCode = ExitCode.FAILED) -> NoReturn:
    """Write a line to standard error and end the command.

    Raises:
        typer.Exit: always.
    """
    warn(f"asg-lifecycle: {sentence}")
    raise typer.Exit(code)


@contextmanager
def reporting_failed_calls() -> Iterator[None]:
    """End the command when AWS does not answer a call inside, throttles it or denies it."""
    try:
        yield
    except CallFailed as failed:
        fail(str(failed))
