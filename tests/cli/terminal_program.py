"""The program on a simulated region of its own, for a terminal: `python -m tests.cli.terminal_program SCENE WORD…`.

Every read of the list lets 20 s pass in the region, so that a drain goes through while it is watched.
"""

from __future__ import annotations

import builtins
import fcntl
import signal
import sys
import termios
import time
from functools import partial
from typing import TYPE_CHECKING
from unittest import mock

from asg_lifecycle.cli.__main__ import PROGRAM
from asg_lifecycle.cli.app import application
from asg_lifecycle.composition import action_tools
from asg_lifecycle.store.record_queries import RecordQueries
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.region.silence import without_logging
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.action_commands import COMMAND, MISSPELT, SIGNAL, waiting
from tests.cli.conftest import make_stack

if TYPE_CHECKING:
    from asg_lifecycle.model.read_records import ReadRecords

STEP = 20
HANGS = 3_600


def main(scene: str, words: list[str]) -> None:
    """Set a scene, and run the program with these words."""
    # Ctrl-C reaches only the processes whose terminal it is.
    fcntl.ioctl(sys.stdin.fileno(), termios.TIOCSCTTY, 0)
    # A test that was started in the background hands on that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The metrics of the simulated functions are printed, and a command line never prints.
    builtins.print = lambda *_, **__: None
    if scene == "offline":
        application(words, prog_name=PROGRAM)
    with Testbed(Deployment) as testbed, without_logging():
        make_stack(testbed, "asg-lifecycle")
        testbed.run_command.behave(Behaviour(duration=60))
        waiting(testbed, "orders-production-blue", COMMAND)
        waiting(testbed, "awseb-e-abcdefghij-stack-AWSEBAutoScalingGroup-1A2B3C4D5E6F7", SIGNAL, COMMAND, heartbeat=60)
        waiting(testbed, "billing", MISSPELT)
        if scene == "many":
            waiting(testbed, "fleet", SIGNAL, count=12)
        clock, reads = testbed.timeline, 0
        in_flight = RecordQueries.in_flight

        def read_later(queries: RecordQueries) -> ReadRecords:
            nonlocal reads
            reads += 1
            if scene == "hanging":
                time.sleep(HANGS)
            if scene == "broken" and reads == 2:
                testbed.region.faults.deny("dynamodb", "Query")
            clock.run_for(STEP)
            return in_flight(queries)

        in_time = partial(action_tools.compose_action_tools, clock=clock.now, pause=clock.run_for)
        with (
            mock.patch.object(RecordQueries, "in_flight", read_later),
            mock.patch.object(action_tools, "compose_action_tools", in_time),
        ):
            application(words, prog_name=PROGRAM)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
