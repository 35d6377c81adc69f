"""A program in a terminal, forked from a process that has imported it: nearly all of its time went into imports.

What it does to a terminal needs a process of its own. That the installed program starts is shown in `test_main.py`.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from functools import cache
from typing import TYPE_CHECKING

from asg_lifecycle.cli.__main__ import PROGRAM
from asg_lifecycle.cli.app import application
from tests.cli.terminal_program import main

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.context import ForkServerContext
    from multiprocessing.process import BaseProcess
    from pathlib import Path


@cache
def forkserver() -> ForkServerContext:
    """Return what starts processes that have imported the program and the simulator; its process ends with this one."""
    server = multiprocessing.get_context("forkserver")
    # There is one for all of a process, so it has to have imported what any of them runs.
    simulator = ["asg_lifecycle_simulator.demo.play", "asg_lifecycle_simulator.server.server"]
    server.set_forkserver_preload(["tests.cli.forked_program", "tests.cli.forked_module", *simulator])
    return server


def start(terminal: str, words: tuple[str, ...], environment: Mapping[str, str], folder: Path) -> BaseProcess:
    """Start the program in a terminal, whose session it leads.

    Args:
        terminal: path of the terminal's device.
        words: the scene, empty for the command line itself, and the words of the command line.
        environment: all of it.
        folder: where it runs.
    """
    process = forkserver().Process(target=_run, args=(terminal, words, dict(environment), str(folder)))
    process.start()
    return process


def _run(terminal: str, words: tuple[str, ...], environment: dict[str, str], folder: str) -> None:
    os.setsid()
    opened = os.open(terminal, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(opened, descriptor)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the streams that a program has
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - likewise
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115 - likewise
    scene, *others = words
    if scene:
        main(scene, others)
    else:
        application(others, prog_name=PROGRAM)
