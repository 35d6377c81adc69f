"""Random command lines of operators, and the check that holds for each of them.

The commands and their options are those of the application, so a new command is tried without a change here.
"""

# ruff: noqa: S101 - Hypothesis runs it, and searches for input that fails an assertion
from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from hypothesis import strategies as st
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.every_command import commands_of
from asg_lifecycle.cli.exit_codes import ExitCode
from asg_lifecycle.composition import action_tools
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH, Deployment
from asg_lifecycle_simulator.deployment.parameters import PREFIX, TABLE
from asg_lifecycle_simulator.deployment.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.core import TyperCommand

ROOT = Path(__file__).parents[1]
HOOK = f"{PREFIX}-terminate"
MOST_PAUSES = 10
"""Pauses after which the operator presses Ctrl-C: a command may follow an action for two days."""

SIGNAL = {"plan": {"steps": [{"kind": "wait-for-signal", "options": {"name": "drained"}}]}}
HELD = {"plan": {"steps": [{"kind": "wait-for-moon"}]}}
PLAN = {"steps": [{"kind": "deregister-targets"}]}
UNKNOWN = "i-0123456789abcdef0"

# A process gets any bytes but NUL as its arguments. No '/', so that nothing is written outside of the folder.
any_words = st.text(st.characters(exclude_characters="\x00/", exclude_categories=()), max_size=12).filter(
    lambda text: not any("\ud800" <= each < "\udc80" or each > "\udcff" for each in text if "\ud800" <= each < "\ue000")
)


@dataclass(frozen=True)
class CommandLine:
    """What an operator types, and what standard input holds."""

    words: list[str]
    given: str


class OperatorsRegion:
    """A simulated region with a stack, actions and plans, and the command line in it.

    Attributes:
        lines: draws command lines.
    """

    def __init__(self, testbed: Testbed[Deployment]) -> None:
        self._testbed = testbed
        self._pauses = 0
        instances = [self._waiting("web", SIGNAL), self._waiting("api", HELD)]
        tokens = [record.token for record in testbed.deployment.records() if record.token is not None]
        files = sorted(str(path) for path in Path().iterdir())
        actions = [*instances, *tokens]
        numbers, lengths = ["1", "2", "7", "30"], ["5m", "1h30m", "2d"]
        self._likely: dict[str | None, list[str]] = {
            "targets": actions,
            "target": actions,
            "instance": [*instances, UNKNOWN],
            "file": files,
            "files": files,
            "group": ["web", "api"],
            "hook": [HOOK],
            "stack": ["asg-lifecycle"],
            "name": ["web", "drained"],
            "path": [PLAN_PATH],
            "table": [TABLE],
            "since": lengths,
            "duration": lengths,
            "version": numbers,
            "wait": numbers,
            "reason": ["drained by hand"],
            "kind": ["run-command", "wait"],
            # moto knows no region that AWS does not know, and says so with an error of its own.
            "region": ["eu-west-1", "us-west-2", "no region"],
        }
        known = {value for values in self._likely.values() for value in values}
        self._values = st.one_of(
            st.sampled_from(sorted({*known, "", "-", "0", "-1", "99999999999999999999", "nobody"})), any_words
        )
        root = get_command(application)
        assert isinstance(root, TyperGroup)
        self._commands = list(commands_of(root))
        self.lines: st.SearchStrategy[CommandLine] = self._lines()

    def check(self, line: CommandLine) -> None:
        """Check that a command line ends with an exit code of the table, and says what is wrong without a traceback."""
        self._pauses = 0
        done = CliRunner().invoke(application, line.words, input=line.given)
        assert done.exception is None or isinstance(done.exception, SystemExit), (line, done.exception)
        assert done.exit_code in set(ExitCode), (line, done.exit_code)
        assert "Traceback" not in done.output, (line, done.output)

    def pause(self, seconds: float) -> None:
        """Let time pass in the region, until the operator has seen enough."""
        self._pauses += 1
        if self._pauses > MOST_PAUSES:
            raise KeyboardInterrupt
        self._testbed.timeline.run_for(min(seconds, 60.0))

    def _waiting(self, group: str, metadata: dict[str, Any]) -> str:
        (instance,) = self._testbed.autoscaling.create_group(group, capacity=1)
        self._testbed.autoscaling.put_hook(
            group, HOOK, "TERMINATING", HeartbeatTimeout=3600, NotificationMetadata=json.dumps(metadata)
        )
        self._testbed.autoscaling.terminate(instance)
        self._testbed.run(5)
        return instance

    def _lines(self) -> st.SearchStrategy[CommandLine]:
        words = st.integers(0, 9).flatmap(
            lambda number: (
                st.sampled_from(self._commands).flatmap(self._words) if number else st.lists(self._values, max_size=3)
            )
        )
        return st.builds(CommandLine, words, st.sampled_from(["", "y\n", "{}", json.dumps(PLAN), "\x00"]) | any_words)

    @st.composite
    @staticmethod
    def _drawn(draw: st.DrawFn, region: OperatorsRegion, path: tuple[str, ...], command: TyperCommand) -> list[str]:
        words = list(path)
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        words += [draw(region._value(each)) for each in arguments]
        for each in command.params:
            if each.param_type_name == "option" and each.required:
                words += draw(region._option(each))
        options = [each for each in command.params if each.param_type_name == "option" and each.name != "profile"]
        for option in draw(st.lists(st.sampled_from(options), max_size=4, unique=True)):
            words += draw(region._option(option))
        if draw(st.integers(0, 9)) == 0:
            words += draw(st.lists(region._values, max_size=2))
        if draw(st.integers(0, 19)) == 0:
            words += ["--profile", draw(any_words)]
        return words

    def _words(self, chosen: tuple[tuple[str, ...], TyperCommand]) -> st.SearchStrategy[list[str]]:
        return self._drawn(self, *chosen)

    def _value(self, parameter: Any) -> st.SearchStrategy[str]:  # noqa: ANN401 - a parameter of typer
        choices = [str(getattr(each, "value", each)) for each in parameter.type_descriptor.choices or ()]
        likely = choices or self._likely.get(parameter.name, [])
        if parameter.name == "region":
            return st.sampled_from(likely)
        if not likely:
            return self._values
        return st.integers(0, 9).flatmap(lambda number: st.sampled_from(likely) if number else self._values)

    def _option(self, option: Any) -> st.SearchStrategy[list[str]]:  # noqa: ANN401 - an option of typer
        names = st.sampled_from([*option.opts, *option.secondary_opts])
        if option.is_flag:
            return names.map(lambda name: [name])
        return st.tuples(names, self._value(option)).map(list)


@contextlib.contextmanager
def operators_region() -> Iterator[OperatorsRegion]:
    """Give out a region, with files in a folder of its own as the present one."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), Testbed(Deployment) as testbed:
        for path in (*sorted((ROOT / "events").glob("s*.json")), *sorted((ROOT / "plans").glob("w*.yaml"))):
            shutil.copy(path, folder)
        with testbed.region.unobserved():
            values = {"FunctionAlias": testbed.deployment.service.alias_arn, "Table": TABLE, "PlanPath": PLAN_PATH}
            template = {
                "Resources": {"Any": {"Type": "AWS::SQS::Queue"}},
                "Outputs": {key: {"Value": value} for key, value in values.items()},
            }
            client = testbed.region.client("cloudformation")
            client.create_stack(StackName="asg-lifecycle", TemplateBody=json.dumps(template))
        testbed.deployment.put_plan("web", PLAN)
        region = OperatorsRegion(testbed)
        in_time = partial(action_tools.compose_action_tools, clock=testbed.timeline.now, pause=region.pause)
        with (
            mock.patch.object(action_tools, "compose_action_tools", in_time),
            mock.patch.object(time, "sleep", region.pause),
        ):
            yield region
