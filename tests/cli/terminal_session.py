"""An operator's session in a terminal, against the simulator's server: `python -m tests.cli.terminal_session FILE`.

It writes what the terminal shows to the document; `tests/simulator/test_terminal_session.py` fails when the tool shows
something else by now. To add a command, add it to `play`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from msgspec import Struct

from asg_lifecycle_simulator.server.presets import GROUP, INSTANCES, TERMINATE_HOOK
from tests.cli.forked_module import ForkedModule
from tests.cli.pseudo_terminal import PATIENCE, ROOT, PseudoTerminal

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = ((80, 24), (140, 40))
DOCUMENT = ROOT / "docs" / "command-line-session.md"
INSTANCE = INSTANCES[1]
DELAY = 10
"""Seconds of deregistration delay: the first step takes as long."""

PLAN = {
    "steps": [
        {"kind": "deregister-targets", "options": {"names": ["web"]}},
        {"kind": "wait-for-signal", "options": {"name": "backup-done"}},
        {"kind": "wait-for-signal", "options": {"name": "approved"}},
    ]
}

HEAD = """\
# A session at the command line

What a terminal shows of an operator's session: a drain is watched, looked into, and helped along. The first step of the
plan takes the instance out of its target group; the other two wait for signals that nobody sends. This page is written
by `python -m tests.cli.terminal_session docs/command-line-session.md` against the simulator, and a test fails when the
tool shows something else; times differ from run to run.
"""


class Screen(Struct, frozen=True):
    """What a terminal shows at one moment: why it is looked at, what was typed, and the lines below."""

    caption: str
    command: str
    shown: str


class Session:
    """The screens of a session in a terminal of so many columns and lines."""

    def __init__(self, columns: int, lines: int, environment: dict[str, str]) -> None:
        self.screens: list[Screen] = []
        self._size = {"columns": columns, "lines": lines}
        self._environment = environment

    @contextmanager
    def running(self, line: str) -> Iterator[PseudoTerminal]:
        """Run a command, and let it be watched while it does."""
        with PseudoTerminal("", *shlex.split(line), **self._size, **self._environment) as terminal:  # type: ignore[arg-type]
            yield terminal

    def keep(self, caption: str, line: str, terminal: PseudoTerminal) -> None:
        """Keep what a terminal shows now."""
        columns = self._size["columns"]
        broken = [
            part.rstrip()
            for shown in terminal.shown.splitlines()
            for part in ([shown[at : at + columns] for at in range(0, len(shown), columns)] or [""])
        ]
        self.screens.append(Screen(caption, line, "\n".join(broken).strip("\n")))

    def run(self, caption: str, line: str, *, answer: str = "", code: int = 0) -> None:
        """Run a command until it ends, and keep what the terminal shows."""
        with self.running(line) as terminal:
            if answer:
                terminal.read(lambda shown: shown.endswith(": "))
                terminal.press(f"{answer}\n")
            ended = terminal.wait()
            assert ended == code, (line, terminal.shown)
            self.keep(caption, line, terminal)


def play(session: Session) -> None:
    """Let an operator watch a drain, and help it along."""
    reason = '--reason "{}"'
    watch, drain = "ps --watch --interval 2", f"drain --group {GROUP} --instance {INSTANCE} --shrink --yes"
    with session.running(watch) as watched, session.running(drain) as draining:
        watched.read(lambda shown: "1/3" in shown and " to drain " in shown)
        session.keep("A drain begins in another terminal, and is watched.", watch, watched)
        watched.read(lambda shown: "2/3" in shown)
        session.keep("The same screen some seconds later. `q` ends it.", watch, watched)
        watched.press("q")
        assert watched.wait() == 0
        session.run("What does it wait for?", f"why {INSTANCE}")
        hold = f"hold {INSTANCE} {reason.format('an audit wants to look at it')} --yes"
        session.run("Somebody wants to look at the instance before it goes: no further step is to begin.", hold)
        assert draining.wait() == 1
        session.keep("In the other terminal the drain has stopped.", drain, draining)
        session.run("", f"why {INSTANCE}")
        session.run("The audit is over.", f"resume {INSTANCE} --yes")
        skip = f"skip {INSTANCE} {reason.format('the backup was made by hand')}"
        session.run("The signal never comes: the step is left.", skip, answer=INSTANCE)
        session.run("", "ps")
        finish = f"finish {INSTANCE} {reason.format('approved on the phone')}"
        session.run("Nothing else is needed, and the instance goes.", finish, answer=INSTANCE)
    session.run("", "ps")
    session.run("What happened is kept.", "history")
    again = f"finish {INSTANCE} {reason.format('once more')} --yes"
    session.run("Nothing is done twice.", again, code=1)


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """Serve a region whose terminate hook has the plan of the session; give the environment that the server prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    arguments = ("--port", "0", "--deregistration-delay", str(DELAY))
    with ForkedModule("asg_lifecycle_simulator", *arguments, environment=kept, folder=ROOT) as server:
        try:
            assert server.stdout is not None
            printed = [server.stdout.readline()]
            while printed[-1] and not printed[-1].startswith("end it"):
                printed.append(server.stdout.readline())
            (line,) = [line for line in printed if line.startswith("export ")]
            environment = dict(variable.split("=", 1) for variable in shlex.split(line)[1:])
            put_plan(environment)
            yield environment
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=PATIENCE)


def put_plan(environment: dict[str, str]) -> None:
    """Let the terminate hook of the group carry the plan of the session."""
    session = boto3.Session(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    session.client("autoscaling", endpoint_url=environment["AWS_ENDPOINT_URL"]).put_lifecycle_hook(
        AutoScalingGroupName=GROUP, LifecycleHookName=TERMINATE_HOOK, NotificationMetadata=json.dumps({"plan": PLAN})
    )


def play_at(columns: int, lines: int) -> list[Screen]:
    """Return the screens of the session in a terminal of this size."""
    with served() as environment:
        session = Session(columns, lines, environment)
        play(session)
    return session.screens


def document(played: dict[tuple[int, int], list[Screen]]) -> str:
    """Return the document that shows the sessions."""
    parts = [HEAD]
    for (columns, lines), screens in played.items():
        parts.append(f"## {columns} columns, {lines} lines\n")
        for screen in screens:
            caption = f"{screen.caption}\n\n" if screen.caption else ""
            parts.append(f"{caption}```console\n$ asg-lifecycle {screen.command}\n{screen.shown}\n```\n")
    return "\n".join(parts)


LENGTH = r"\b\d+ ?(?:d|h|min|m|s)(?: ?\d+ ?(?:h|min|m|s))?\b"
DIFFERS = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)? UTC|\d\d:\d\d:\d\d UTC|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"(.*(?:\d/\d|metadata|\d[hms]) {2,})[^\n]*…", r"\1…"),
    (LENGTH, "LENGTH"),
    (r"\s+", " "),
    (r"begun waiting: .*? (\S+: completed)", r"begun \1"),
)
"""What differs from run to run: times and lengths, so where lines break or are cut, and what a drain saw meanwhile."""


def comparable(text: str) -> str:
    """Return a text without what differs from run to run."""
    for pattern, name in DIFFERS:
        text = re.sub(pattern, name, text)
    return text


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document({size: play_at(*size) for size in SIZES}), encoding="utf-8")
