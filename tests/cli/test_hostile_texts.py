"""Texts of others do nothing to the terminal of whoever reads them: reasons, names of groups, outputs of commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.cli import console
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.action_commands import COMMAND, HOOK, SIGNAL, run, waiting

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

TITLE = "\x1b]0;mine\x07"
"""Gives the window another title."""

HOSTILE = f"{TITLE}\x1b[2J\x9b31m\u202edone\rall is well"
GROUP = "gr\x9b2Joup \u202eweb"


def unprintable(text: str) -> set[str]:
    return {each for each in text if not each.isprintable() and each != "\n"}


@pytest.mark.parametrize(
    "command",
    [
        ("why", "{instance}"),
        ("show", "{instance}"),
        ("ps",),
        ("ps", "--output", "json"),
        ("history",),
        ("finish", "{instance}", "--dry-run", "--reason", HOSTILE),
        ("hold", "{instance}", "--yes", "--reason", HOSTILE),
        ("remove-hook", "--group", GROUP, "--dry-run"),
    ],
    ids=lambda words: " ".join(words[:1] + words[2:3]),
)
def test_no_command_lets_it_through(command: tuple[str, ...], stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, GROUP, SIGNAL)
    assert run("hold", instance, "--yes", "--reason", HOSTILE).exit_code == 0
    stack.run(30)
    record = stack.deployment.record(GROUP, HOOK, instance)
    assert record is not None
    assert record.hold is not None
    assert TITLE in record.hold, "the record has it as it was said"
    said = run(*(word.format(instance=instance) for word in command))
    assert said.output
    assert unprintable(said.output) == set()


def test_the_output_of_a_command_is_shown_escaped(stack: Testbed[Deployment]) -> None:
    stack.run_command.behave(Behaviour(exit_code=1, standard_error=f"disk\n{TITLE}full"))
    (instance,) = waiting(stack, "web", COMMAND, on_failure="hold")
    stack.run(120)
    said = run("why", instance)
    assert "\\x1b]0;mine\\x07full" in said.output
    assert unprintable(said.output) == set()


def test_json_has_it_as_an_escape_and_loses_nothing() -> None:
    text = f"{HOSTILE}\U000e0001 tab\t, line\n, é, 猫"
    written = console.json_text({"reason": text}, indent=2).decode()
    assert unprintable(written) == set()
    assert "é, 猫" in written
    assert json.loads(written) == {"reason": text}


def test_only_a_terminal_gets_a_document_escaped(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    console.write("a: \x1b[2J\tb")
    assert capsysbinary.readouterr().out == b"a: \x1b[2J\tb\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    console.write("a: \x1b[2J\n\tb")
    assert capsysbinary.readouterr().out == b"a: \\x1b[2J\n        b\n"
