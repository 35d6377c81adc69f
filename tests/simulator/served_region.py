"""A region that a server of its own serves, and an operator who calls commands in the environment that it prints."""

from __future__ import annotations

import os
import shlex
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore.session
from typer.testing import CliRunner

from asg_lifecycle.cli.app import application
from asg_lifecycle_simulator.region.repeated_work import LOADER
from tests.cli.forked_module import ForkedModule

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from typer.testing import Result

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, *options: str) -> Iterator[str]:
    """Serve a region, enter the environment that it prints, and yield its address.

    Args:
        monkeypatch: what the environment is entered with.
        options: of the server.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    arguments = ("--port", "0", *options)
    with ForkedModule("asg_lifecycle_simulator", *arguments, environment=os.environ, folder=ROOT) as server:
        assert server.stdout is not None
        printed: list[str] = []
        while not printed or not printed[-1].startswith("end it"):
            printed.append(server.stdout.readline())
            assert printed[-1], server.communicate()
        (line,) = [line for line in printed if line.startswith("export ")]
        for variable in shlex.split(line)[1:]:
            monkeypatch.setenv(*variable.split("=", 1))
        # boto3 keeps a session, and with it the credentials of whoever made it.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        # Each command makes sessions of its own, and each session would read the models of the services anew.
        monkeypatch.setattr(botocore.session, "create_loader", LOADER)
        try:
            yield os.environ["AWS_ENDPOINT_URL"]
        finally:
            server.send_signal(signal.SIGINT)
            rest, errors = server.communicate(timeout=PATIENCE)
    assert (server.returncode, rest, errors) == (0, "", "")


class Operator:
    """Calls commands, and keeps which."""

    def __init__(self) -> None:
        self.called: set[str] = set()

    def __call__(self, line: str, *, says: str = "", code: int = 0) -> Result:
        words = shlex.split(line)
        self.called |= {words[0], " ".join(words[:2])}
        result = CliRunner().invoke(application, words)
        assert result.exit_code == code, f"{line}: {result.output}"
        assert says in result.output, line
        return result

    def until(self, line: str, *, says: str) -> Result:
        """Call it until it says so."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            result = self(line)
            if says in result.output:
                return result
            time.sleep(0.1)
        raise TimeoutError(line)
