"""`python -m asg_lifecycle_simulator.demo` is `make demo`."""

from __future__ import annotations

import os
import signal
import sys

INTERRUPTED = 130
SHOW_CURSOR = b"\r\x1b[?25h\n"


def end_at_once(*_: object) -> None:
    """End the process: nothing is left behind, and no thread can make a traceback of it."""
    if sys.__stdout__ is not None and sys.__stdout__.isatty():
        os.write(sys.__stdout__.fileno(), SHOW_CURSOR)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    # Before anything else is imported, which takes seconds.
    signal.signal(signal.SIGINT, end_at_once)
    from asg_lifecycle_simulator.demo.demo import main

    sys.exit(main())
