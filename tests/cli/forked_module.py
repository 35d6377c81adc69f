"""What `python -m MODULE` runs, forked from a process that has imported it: most of its time went into imports.

It has a process of its own all the same, with its standard streams, environment and signals. That a module starts from
nothing is shown where it is tested; these are for what it does then.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from multiprocessing import reduction
from subprocess import TimeoutExpired
from threading import Thread
from typing import TYPE_CHECKING, Any, Self, TextIO

from tests.cli.forked_program import forkserver

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PATIENCE = 60.0


class Handed:
    """A file descriptor of this process for one that is forked elsewhere, where it arrives as a number."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[object, ...]:
        return _received, (reduction.DupFd(self._descriptor),)


def _received(duplicate: Any) -> int:
    number: int = duplicate.detach()
    return number


class ForkedModule:
    """A module that runs, with what the tests use of `subprocess.Popen`.

    Args:
        module: its name.
        arguments: its command line.
        environment: all of it.
        folder: where it runs.
        stream: file descriptor of a terminal or a file that its streams are; without, they are pipes.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        folder: Path,
        stream: int | None = None,
    ) -> None:
        self.stdout: TextIO | None = None
        self._stderr: TextIO | None = None
        ends: tuple[int, ...] = ()
        if stream is None:
            (out, out_end), (errors, errors_end) = os.pipe(), os.pipe()
            self.stdout, self._stderr = os.fdopen(out, encoding="utf-8"), os.fdopen(errors, encoding="utf-8")
            ends = out_end, errors_end
            streams = [Handed(each) for each in ends]
        else:
            streams = [Handed(stream), Handed(stream)]
        self._process = forkserver().Process(
            target=_run, args=(module, arguments, dict(environment), str(folder), *streams)
        )
        self._process.start()
        for each in ends:
            os.close(each)
        self._errors: list[str] = []
        self._reader = Thread(target=self._read_errors)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.join()
        self._reader.join()
        for each in (self.stdout, self._stderr):
            if each is not None:
                each.close()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self._process.is_alive() and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float = PATIENCE) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired("forked module", timeout)
        return self._process.exitcode

    def communicate(self, timeout: float = PATIENCE) -> tuple[str, str]:
        """Return what is left of its output, and all of its errors, when it has ended."""
        output: list[str] = []
        reader = Thread(target=lambda: output.append(self.stdout.read() if self.stdout is not None else ""))
        reader.start()
        try:
            self.wait(timeout)
        except TimeoutExpired:
            self.kill()
            raise
        finally:
            reader.join()
            self._reader.join()
        return "".join(output), "".join(self._errors)

    def _read_errors(self) -> None:
        if self._stderr is not None:
            self._errors.append(self._stderr.read())


def _run(  # noqa: PLR0913, PLR0917 - what a process is started with
    module: str, arguments: tuple[str, ...], environment: dict[str, str], folder: str, out: int, errors: int
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, out, errors)):
        os.dup2(descriptor, number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        # By lines, so that what is written is seen at once.
        opened = open(number, "w" if number else "r", buffering=1, closefd=False)  # noqa: SIM115 - what a program has
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
