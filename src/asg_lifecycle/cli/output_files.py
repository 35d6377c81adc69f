"""Files that commands write: whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from asg_lifecycle.cli.console import ExitCode, fail, write
from asg_lifecycle.cli.input_files import STANDARD_INPUT, file_name

STANDARD_OUTPUT = STANDARD_INPUT


def write_file(file: str, text: str) -> None:
    """Write a text in UTF-8; end the command when that cannot be done. A file that was there is replaced.

    Args:
        file: path of the file, or `-` for standard output.
        text: its content.

    Raises:
        typer.Exit: it cannot be written, or there is something that is no file. What was there is as it was.
    """
    if file == STANDARD_OUTPUT:
        write(text, end="")
        return
    try:
        # A link stays one.
        path = Path(file).resolve()
        if path.exists() and not path.is_file():
            fail(f"{file_name(file)}: it is no file; '-' is standard output", ExitCode.BAD_INPUT)
        _replace(path, text.encode(errors="backslashreplace"))
    except (OSError, ValueError) as error:
        _refuse(file, error)


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name[:100]}.{os.getpid()}.part")
    # The mode of a file that was there is kept, as it is when a program writes into it.
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            beside.chmod(mode)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _refuse(file: str, error: OSError | ValueError) -> NoReturn:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    fail(f"{file_name(file)}: {reason or type(error).__name__}", ExitCode.BAD_INPUT)
