"""The command line, `asg-lifecycle` or `python -m asg_lifecycle.cli`. Its packages are the extra `cli`."""

from __future__ import annotations

import sys

PROGRAM = "asg-lifecycle"


def main() -> None:
    """Run the command line and exit: 0 for success, 2 for wrong usage or input, 1 for everything else."""
    try:
        # Here, so that a plain install, which lacks the extra, says what to install.
        from asg_lifecycle.cli.app import application  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        if error.name not in {"rich", "typer"}:
            raise
        sys.exit(f"{PROGRAM}: the package {error.name!r} is not installed: pip install asg-lifecycle[cli]")
    application(prog_name=PROGRAM)


if __name__ == "__main__":
    main()
