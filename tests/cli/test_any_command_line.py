"""Random command lines: each ends with an exit code of the table and a sentence, none with a traceback."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asg_lifecycle.cli.exit_codes import ExitCode
from asg_lifecycle.composition import action_tools, command_line, hook_tools
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.action_commands import COMMAND, HOOK, MISSPELT, SIGNAL, run, waiting
from tests.cli.every_option import COMMANDS, arguments_of, values_of, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

EXAMPLES, THOROUGH_EXAMPLES = 240, 1_000
PARTS = 4
MOST_PAUSES = 5
"""So often a command may wait before Ctrl-C is pressed: `show --follow` would wait for days."""

ANYTHING = st.text(st.characters(exclude_characters="/~\0", exclude_categories=["Cs"]), max_size=8)
"""No path: a command that writes files writes them into the present folder."""

ODD = ["", " ", "-", "--", "30m", "1e400", "-5", "999999999999h", "a=b", "default", "web", "plan.yaml", "*", "{tag:x}"]


@st.composite
def command_lines(draw: st.DrawFn, names: list[str], known: Mapping[str, list[str]]) -> list[str]:
    """Draw a command line: mostly options that the command has, with values that may be right."""
    name = draw(st.sampled_from(names))
    text = st.sampled_from([*(each for some in known.values() for each in some), *ODD]) | ANYTHING

    def values(parameter: Any) -> st.SearchStrategy[str]:
        likely = known.get(parameter.name)
        wrong = values_of(parameter, text)
        return wrong if likely is None else st.integers(0, 7).flatmap(lambda n: st.sampled_from(likely) if n else wrong)

    command = COMMANDS[name]
    often = [each.name or "" for each in command.params if each.required or each.name in {"reason", "yes"}]
    always = [each for each in often if draw(st.integers(0, 7))]
    seldom = [each.name or "" for each in command.params if each.name not in often]
    words = draw(words_of(command, always=always, seldom=seldom, values=values))
    words += draw(arguments_of(command, values=values))
    if draw(st.integers(0, 15)) == 15:
        words.insert(draw(st.integers(0, len(words))), draw(ANYTHING))
    return [*name.split(), *words]


@pytest.fixture
def known(stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mapping[str, list[str]]:
    """Let some instances wait, let nothing wait for ever, and return what may be typed, by parameter."""
    pauses = 0

    def pause(seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses % MOST_PAUSES == 0:
            raise KeyboardInterrupt
        stack.run(min(seconds, 60.0))

    for module, name in ((action_tools, "compose_action_tools"), (hook_tools, "compose_hook_tools")):
        made = getattr(module, name)
        monkeypatch.setattr(module, name, partial(made, pause=pause))
    monkeypatch.setattr(command_line, "enabled_regions", lambda: ("eu-west-1", "us-west-2"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text("steps: [{kind: wait-for-signal, options: {name: ready}}]")
    stack.run_command.behave(Behaviour(duration=4_000))
    instances = [
        *waiting(stack, "web", SIGNAL, SIGNAL, count=3),
        *waiting(stack, "other", COMMAND, count=2, drains_per_group=1),
        *waiting(stack, "broken", MISSPELT),
    ]
    tokens = [record.token or "" for record in stack.deployment.records()]
    groups = ["web", "other", "broken"]
    return {
        "targets": [*instances, *tokens],
        "target": [*instances, *tokens],
        "instance": instances,
        "instances": instances,
        "group": groups,
        "hook": [HOOK],
        "stack": ["asg-lifecycle"],
        "region": ["eu-west-1"],
        "name": ["web", "drained", HOOK],
        "plan": groups,
        "file": ["plan.yaml"],
        "files": ["plan.yaml"],
        "since": ["12h"],
        "timeout": ["30m"],
        "kind": ["deregister-targets"],
    }


@pytest.mark.parametrize("part", range(PARTS))
def test_any_command_line_ends_in_a_way_that_is_meant(
    known: Mapping[str, list[str]], part: int, *, thorough: bool
) -> None:
    examples = (THOROUGH_EXAMPLES if thorough else EXAMPLES) // PARTS
    codes = {int(code) for code in ExitCode}
    seen: Counter[int] = Counter()

    @settings(max_examples=examples, deadline=None, suppress_health_check=[*HealthCheck], database=None)
    @given(words=command_lines(sorted(COMMANDS)[part::PARTS], known))
    def try_it(words: list[str]) -> None:
        done = run(*words)
        assert done.exception is None or isinstance(done.exception, SystemExit), (words, done.exception)
        assert done.exit_code in codes, words
        assert "Traceback" not in done.output, words
        if done.exit_code in {ExitCode.FAILED, ExitCode.BAD_INPUT}:
            assert done.output, words
        seen[done.exit_code] += 1

    try_it()
    assert seen.total() >= examples
    # Few examples may hold no success, but not only what is refused for its words.
    assert {0, 1, 2} <= set(seen) if thorough else seen.keys() > {2}, seen
