"""The defaults of options that an operator keeps in a file: `~/.config/asg-lifecycle/config.toml`."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from asg_lifecycle.cli.console import ExitCode, fail
from asg_lifecycle.cli.input_files import file_name

OutputName = Literal["table", "json", "yaml", "csv"]
OUTPUTS: tuple[str, ...] = get_args(OutputName)


class Configuration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the file can hold. An option on the command line and the environment come before it.

    Attributes:
        stack: in place of `--stack`.
        region: in place of `--region`.
        profile: in place of `--profile`.
        output: in place of `--output`.
    """

    stack: str | None = None
    region: str | None = None
    profile: str | None = None
    output: OutputName | None = None

    def defaults(self) -> dict[str, str]:
        """Return the defaults by the name of their option."""
        values = msgspec.structs.asdict(self)
        return {name: value for name, value in values.items() if value is not None}


def configuration_file() -> Path:
    """Return where the file is: `asg-lifecycle/config.toml` in `XDG_CONFIG_HOME`, or else in `~/.config`."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification has a relative path ignored.
    folder = Path(home) if Path(home).is_absolute() else Path("~/.config").expanduser()
    return folder / "asg-lifecycle" / "config.toml"


def read_configuration() -> Configuration:
    """Return what the file holds, nothing where there is no file.

    Raises:
        typer.Exit: it cannot be read, or holds something else.
    """
    path = configuration_file()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Configuration)
    except (FileNotFoundError, NotADirectoryError):
        return Configuration()
    except msgspec.ValidationError as wrong:
        valid = ", ".join(Configuration.__struct_fields__)
        of_output = f"; output is one of {', '.join(OUTPUTS)}"
        fail(f"{file_name(str(path))}: {wrong}; it can hold: {valid}{of_output}", ExitCode.BAD_INPUT)
    except (OSError, ValueError, RecursionError) as wrong:
        fail(f"{file_name(str(path))} cannot be read: {' '.join(str(wrong).split())}", ExitCode.BAD_INPUT)
