"""Real processes in real time: started with logs, waited for with a deadline, ended by their ids."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.request import Request, urlopen

from tests.cli.forked_module import ForkedModule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOOPBACK = "127.0.0.1"
PATIENCE = 45.0
"""Seconds until waiting is given up."""
POLL_INTERVAL = 0.1
"""Seconds between two looks."""
END_WITHIN = 5.0
"""Seconds a process has to end before it is killed."""

Answer = TypeVar("Answer")


class Processes:
    """Processes that write their output to files, and end when this context does.

    Args:
        logs: folder of the output files.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def start_module(
        self, name: str, module: str, *arguments: str, environment: Mapping[str, str], folder: Path
    ) -> None:
        """Start what `python -m` runs of this environment, with these variables and nothing else in it."""
        with (self._logs / f"{name}.log").open("wb") as log:
            process = ForkedModule(module, *arguments, environment=environment, folder=folder, stream=log.fileno())
        self._running.callback(_end, process)

    def start(self, name: str, *command: str | Path, environment: Mapping[str, str], folder: Path) -> int:
        """Start a process with this environment and nothing else in it; return its id."""
        with (self._logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - programs of the pinned environments
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._running.callback(_end, process)
        return process.pid


def _end(process: subprocess.Popen[bytes] | ForkedModule) -> None:
    process.terminate()
    try:
        process.wait(END_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nothing listens on at present."""
    with ExitStack() as held:
        # Held together, so that no port is given twice.
        sockets = [held.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def until(what: str, look: Callable[[], Answer]) -> Answer:
    """Look until the answer is true, and return it.

    Raises:
        TimeoutError: it was not within `PATIENCE`.
    """
    deadline = time.monotonic() + PATIENCE
    while not (answer := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE:g} seconds: {what}")
        # The processes live in real time: there is no virtual clock to wait on.
        time.sleep(POLL_INTERVAL)
    return answer


def listens(port: int) -> bool:
    """Return whether something listens on the loopback port."""
    try:
        socket.create_connection((LOOPBACK, port)).close()
    except ConnectionRefusedError:
        return False
    return True


def request(address: str, body: object = None) -> Any:
    """Return the JSON that a GET, or with a body a POST, answers."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(address, data), timeout=PATIENCE) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def only_child(pid: int) -> int:
    """Return the id of the one process that a process has started."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    (child,) = (int(each) for thread in threads for each in (thread / "children").read_text().split())
    return child


def peak_memory(pid: int) -> float:
    """Return the most memory that a process has held so far, in megabytes (its peak resident set size)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.removesuffix("kB")) * 1024 / 1e6
    raise LookupError(f"process {pid} has no peak resident set size")
