"""`asg-lifecycle plan` as the tests call it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.testing import CliRunner

from asg_lifecycle.cli.app import application
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH

if TYPE_CHECKING:
    from typer.testing import Result


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(application, ["plan", *arguments], input=text)


def at_path(*arguments: str, text: str | None = None) -> Result:
    return run(*arguments, "--path", PLAN_PATH, text=text)
