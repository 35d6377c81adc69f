"""The door of the command line, `asg-lifecycle`. It opens, and says what is missing, without the `cli` extra too."""

from __future__ import annotations

import sys

PROGRAM = "asg-lifecycle"

_EXTRA = frozenset({"rich", "typer"})


def main() -> None:
    """Run the command line and exit: 0 for success, 2 for wrong usage or input, 1 for everything else."""
    try:
        # The packages behind it are an extra that the Lambda function does not carry.
        from asg_lifecycle.cli.app import application  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.exit(f"{PROGRAM}: the package {error.name!r} is not installed: pip install asg-lifecycle[cli]")
    application(prog_name=PROGRAM)
