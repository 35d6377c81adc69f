"""Files that commands read, and how messages name them."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path

from asg_lifecycle.cli.console import ExitCode, fail
from asg_lifecycle.model.fields import shown

STANDARD_INPUT = "-"

LARGEST_INPUT = 16 * 1024 * 1024
"""Bytes, more than AWS can deliver: an event has 1 MiB at most, a batch of ten SQS messages 10 MiB."""

_ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    # What PowerShell writes when it redirects.
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def file_name(file: str) -> str:
    """Return how messages name a file, on one line whatever its name holds."""
    if file == STANDARD_INPUT:
        return "standard input"
    return file if file.isprintable() else shown(file)


def read_text(file: str) -> str:
    """Return the text of a file; end the command when it cannot be read.

    Args:
        file: path of the file, or `-` for standard input.

    Raises:
        typer.Exit: it cannot be read, is no text, or is larger than `LARGEST_INPUT`.
    """
    try:
        content = _read(file)
    except OSError as error:
        fail(f"{file_name(file)}: {error.strerror or type(error).__name__}", ExitCode.BAD_INPUT)
    if len(content) > LARGEST_INPUT:
        fail(f"{file_name(file)}: larger than {LARGEST_INPUT} bytes", ExitCode.BAD_INPUT)
    encoding = next((encoding for mark, encoding in _ENCODINGS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        reason = f"found no {encoding} text: {error.reason} at byte {error.start}"
        fail(f"{file_name(file)}: {reason}", ExitCode.BAD_INPUT)


def _read(file: str) -> bytes:
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read(LARGEST_INPUT + 1)
    with Path(file).open("rb") as stream:
        return stream.read(LARGEST_INPUT + 1)
