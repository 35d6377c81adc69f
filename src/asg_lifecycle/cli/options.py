"""The options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

THE_ONLY_STACK = ""
"""In place of a stack's name: the one there is in this account and Region."""

StackName = Annotated[
    str,
    typer.Option(
        "--stack",
        metavar="NAME",
        envvar="ASG_LIFECYCLE_STACK",
        help="The deployed stack. Found by itself where there is only one.",
    ),
]
HookNamePrefix = Annotated[
    str,
    typer.Option(
        "--hook-name-prefix",
        metavar="PREFIX",
        help="What the names of our hooks begin with. Empty: every hook but the known ones of other systems.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record and the log. Has to be given.")]
ReasonInOutput = Annotated[str, typer.Option(metavar="TEXT", help="Why: repeated in the output, kept nowhere else.")]
OptionalReason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record and the log.")]
