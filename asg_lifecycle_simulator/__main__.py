"""The command `asg-lifecycle-simulator`, and `python -m asg_lifecycle_simulator`.

A plain install has the command without what it needs, so nothing else is imported before that is known.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a region until SIGINT or SIGTERM; return the exit code.

    Args:
        arguments: the command line, that of the process when None.
    """
    try:
        from asg_lifecycle_simulator.server import command_line  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        sys.stderr.write(f"asg-lifecycle-simulator needs asg-lifecycle with its extra `simulator`: {error}\n")
        return 2
    return command_line.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
