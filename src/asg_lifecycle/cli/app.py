"""The commands of `asg-lifecycle`, put together: one module for each command or group of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from asg_lifecycle.cli.check_delete import check_delete
from asg_lifecycle.cli.doctor import doctor
from asg_lifecycle.cli.drain import drain
from asg_lifecycle.cli.every_command import CommandTree
from asg_lifecycle.cli.explain import explain
from asg_lifecycle.cli.history import history
from asg_lifecycle.cli.install_hook import install_hook
from asg_lifecycle.cli.plan import plan
from asg_lifecycle.cli.plan_examples import examples
from asg_lifecycle.cli.plan_versions import diff, restore, versions
from asg_lifecycle.cli.ps import ps
from asg_lifecycle.cli.redrive import redrive
from asg_lifecycle.cli.remove_hook import remove_hook
from asg_lifecycle.cli.retained import terminate_retained
from asg_lifecycle.cli.show import show as show_action
from asg_lifecycle.cli.signal import signal
from asg_lifecycle.cli.stored_plans import delete, list_plans, put, show
from asg_lifecycle.cli.verbs import abandon, extend, finish, hold, nudge, resume, skip
from asg_lifecycle.cli.version import DISTRIBUTION, installed_version, version
from asg_lifecycle.cli.why import why

application = typer.Typer(
    cls=CommandTree,
    help="See and decide what happens to the instances that wait at our lifecycle hooks.",
    no_args_is_help=True,
    rich_markup_mode="markdown",  # joins the lines of a docstring's paragraph
    # An unexpected error shows as Python shows it: that is what a bug report needs.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
application.command()(ps)
application.command()(why)
application.command("show")(show_action)
application.command()(history)
for verb in (finish, abandon, skip, hold, resume, extend, nudge):
    application.command()(verb)
application.command()(install_hook)
application.command()(remove_hook)
application.command()(drain)
application.command("terminate-retained")(terminate_retained)
application.command()(doctor)
application.command("check-delete")(check_delete)
application.command()(explain)
application.command()(signal)
application.command("version")(version)
plan.command()(examples)
plan.command("list")(list_plans)
for about_stored_plans in (show, diff, put, delete, versions, restore):
    plan.command()(about_stored_plans)
application.add_typer(plan, name="plan")
application.add_typer(redrive, name="redrive")


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer hands the option's value to its callback by position
    if wanted:
        typer.echo(f"{DISTRIBUTION} {installed_version()}")
        raise typer.Exit


@application.callback()
def _every_command(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
