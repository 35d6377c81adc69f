"""The command line, `asg-lifecycle`."""

from __future__ import annotations

from asg_lifecycle.cli.app import application

PROGRAM = "asg-lifecycle"


def main() -> None:
    """Run the command line and exit: 0 for success, 2 for wrong usage or input, 1 for everything else."""
    application(prog_name=PROGRAM)


if __name__ == "__main__":
    main()
