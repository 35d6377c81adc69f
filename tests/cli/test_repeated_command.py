"""The line that a drain which stops prints goes on with the same drain."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, cast

from hypothesis import given

from asg_lifecycle.cli.drain import NOT_REPEATED
from asg_lifecycle.cli.repeated_command import command_again
from tests.cli.every_option import command_named, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

DRAIN = command_named("drain")
LEFT = ["--instance", "i-0123456789abcdef0", "--instance", "i-0123456789abcdef1"]
INSTANCES = ["i-0123456789abcdef0", "i-0123456789abcdef1"]


def parsed(words: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Return what the drain that is called so is told, and the line that is printed when it stops."""
    with DRAIN.make_context("asg-lifecycle drain", list(words)) as context:
        return dict(context.params), command_again(cast("typer.Context", context), without=NOT_REPEATED, added=LEFT)


@given(words=words_of(DRAIN, always=("group",)))
def test_what_a_stopped_drain_prints_goes_on_with_the_same_options(words: list[str]) -> None:
    told, line = parsed(words)
    program, command, *again = shlex.split(line)
    assert (program, command) == ("asg-lifecycle", "drain")
    told_again, line_again = parsed(again)
    assert told_again.pop("instance") == INSTANCES
    assert told_again == {name: told[name] for name in told_again} | {"every": False, "yes": False}
    assert line_again == line


def test_what_was_not_typed_is_not_printed() -> None:
    _, line = parsed(["--group", "web", "--all", "--shrink", "--yes"])
    assert line == shlex.join(["asg-lifecycle", "drain", "--group", "web", "--shrink", *LEFT])
    _, line = parsed(["--group", "two words", "--all", "--keep-capacity", "--region", "eu-west-1", "-q"])
    assert line.startswith("asg-lifecycle drain --group 'two words' --keep-capacity --region eu-west-1 --quiet --inst")
