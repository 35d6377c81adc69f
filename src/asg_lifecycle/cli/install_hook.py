"""`asg-lifecycle install-hook`: lifecycle hooks with settings that agree with their plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.confirmation import is_interactive
from asg_lifecycle.cli.console import (
    ExitCode,
    fail,
    on_one_line,
    reporting_failed_calls,
    warn,
    with_what_to_do,
    write,
)
from asg_lifecycle.cli.hook_access import FormOfTool, PrefixOfStack, Way, find_group, open_hook_tools
from asg_lifecycle.cli.hook_list import COLUMNS, DETAILS, warn_about, write_changes, write_difference, write_snippet
from asg_lifecycle.cli.options import THE_ONLY_STACK, DryRun, StackName, Yes
from asg_lifecycle.cli.output import Output, OutputForm, write_list
from asg_lifecycle.model.durations import seconds
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.hook_proposal import HookRequest, unlike
from asg_lifecycle.model.lifecycle_hooks import LONGEST_HEARTBEAT, SHORTEST_HEARTBEAT
from asg_lifecycle.model.plans import PlanTransition, plan_transition

if TYPE_CHECKING:
    from asg_lifecycle.aws.groups import Group
    from asg_lifecycle.composition.hook_tools import HookTools
    from asg_lifecycle.plans.hook_planning import GroupProposal


GroupName = Annotated[str, typer.Option(metavar="NAME", help="The Auto Scaling group.")]
AllGroups = Annotated[bool, typer.Option("--all-groups", help="Every group with the tags of --tag.")]
Tags = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="With --all-groups: a tag of the groups; several are all required."),
]
HookName = Annotated[
    str, typer.Option(metavar="NAME", help="Of the hook; else the one of ours that there is, or our usual name.")
]
PlanName = Annotated[str, typer.Option(metavar="NAME", help="The plan that the hook's metadata is to name.")]
Timeout = Annotated[
    str, typer.Option(metavar="DURATION", help="Its heartbeat timeout, from 30s to 2h; else as the plan needs it.")
]
Retain = Annotated[
    bool, typer.Option("--retain", help="Let the group retain instances whose termination is abandoned.")
]


def install_hook(  # noqa: PLR0913 - one parameter for each option
    *,
    group: GroupName = "",
    all_groups: AllGroups = False,
    tag: Tags = None,
    launch: Way = None,
    name: HookName = "",
    plan: PlanName = "",
    timeout: Timeout = "",
    retain: Retain = False,
    form: FormOfTool = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    hook_name_prefix: PrefixOfStack = None,
    stack: StackName = THE_ONLY_STACK,
    output: OutputForm = Output.TABLE,
) -> None:
    """Make a group's lifecycle hook, or change it, with settings that agree with its plan. Shows first what changes.

    For example: `asg-lifecycle install-hook --group web --terminate --plan web`
    """
    wanted_tags = _tags(group, tag or [], all_groups=all_groups)
    heartbeat = _heartbeat(timeout)
    tools = open_hook_tools(stack, hook_name_prefix)
    with reporting_failed_calls():
        transition = _transition(tools, group, name, plan, launch=launch)
    if retain and transition is PlanTransition.LAUNCH:
        fail(
            "--retain goes with terminate hooks: an abandoned launch is terminated whatever it says", ExitCode.BAD_INPUT
        )
    request = HookRequest(transition=transition, name=name, plan=plan, heartbeat=heartbeat, retain=retain)
    groups = [find_group(tools, group)] if group else _tagged(tools, wanted_tags)
    proposals = [tools.planning.try_group(each, request) for each in groups]
    if form is not None:
        warn_about(proposals, snippet_is_offered=False)
        write_snippet(proposals, form)
    else:
        _show(proposals, output, alone=bool(group))
        if not _change(tools, proposals, request, output, yes=yes, dry_run=dry_run):
            raise typer.Exit(ExitCode.FAILED)
    if any(each.refusal is not None for each in proposals):
        raise typer.Exit(ExitCode.FAILED)


def _tags(group: str, tags: list[str], *, all_groups: bool) -> dict[str, str]:
    if bool(group) == all_groups:
        fail("name a group with --group, or many with --all-groups and --tag", ExitCode.BAD_INPUT)
    if all_groups != bool(tags):
        fail("--all-groups and --tag go together: say which groups are meant", ExitCode.BAD_INPUT)
    wanted: dict[str, str] = {}
    for each in tags:
        key, equals, value = each.partition("=")
        if not key or not equals:
            fail(f"--tag takes KEY=VALUE, and {each!r} is none", ExitCode.BAD_INPUT)
        if wanted.get(key, value) != value:
            fail(f"no group has two values of tag {key}: {wanted[key]} and {value}", ExitCode.BAD_INPUT)
        wanted[key] = value
    return wanted


def _heartbeat(timeout: str) -> int | None:
    if not timeout:
        return None
    try:
        length = int(seconds(timeout))
    except ValueError as error:
        fail(f"--timeout: {error}", ExitCode.BAD_INPUT)
    if not SHORTEST_HEARTBEAT <= length <= LONGEST_HEARTBEAT:
        limits = f"from {SHORTEST_HEARTBEAT} to {LONGEST_HEARTBEAT} s"
        fail(f"--timeout {timeout} is {length} s, and a hook's heartbeat timeout is {limits}", ExitCode.BAD_INPUT)
    return length


def _transition(tools: HookTools, group: str, name: str, plan: str, *, launch: bool | None) -> PlanTransition:
    """Return what the hook is to hold: as it was said, or as the plan or the hook that was named has it."""
    if launch is not None:
        return PlanTransition.LAUNCH if launch else PlanTransition.TERMINATE
    if plan:
        ways = tools.planning.transitions_of(plan)
        if not ways:
            fail(f"there is no plan named {plan}: see `asg-lifecycle plan list`")
    else:
        present = tools.hooks.of_group(group) if group and name else ()
        ways = tuple(plan_transition(hook.transition) for hook in present if hook.name == name)
    if len(ways) != 1:
        fail("say what the hook holds: --launch or --terminate", ExitCode.BAD_INPUT)
    return ways[0]


def _tagged(tools: HookTools, tags: dict[str, str]) -> list[Group]:
    with reporting_failed_calls():
        found = [each for each in tools.groups.all() if tags.items() <= each.tags.items()]
    if not found:
        said = ", ".join(f"{key}={value}" for key, value in tags.items())
        fail(f"no Auto Scaling group has the tags {said}")
    return found


def _show(proposals: list[GroupProposal], output: Output, *, alone: bool) -> None:
    if alone and output is Output.TABLE:
        for each in proposals:
            write_difference(each)
    else:
        columns = COLUMNS if output is Output.TABLE else (*COLUMNS, *DETAILS)
        write_list(proposals, columns, output, none="there are no groups")
        if output is Output.TABLE:
            write_changes(proposals)
    warn_about(proposals, snippet_is_offered=True)


def _change(  # noqa: PLR0913 - what is to be done, and how it was asked for
    tools: HookTools, proposals: list[GroupProposal], request: HookRequest, output: Output, *, yes: bool, dry_run: bool
) -> bool:
    """Change what differs, once somebody has agreed; return whether everything that was changed is as it should be."""
    say = write if output is Output.TABLE else warn
    changing = [each for each in proposals if each.refusal is None and each.differences]
    if not changing:
        if any(each.refusal is None for each in proposals):
            say("nothing to change")
        return True
    if dry_run:
        say("dry run: nothing was done")
        return True
    if not yes:
        _confirm(changing)
    problems = {each.group.name: _apply(tools, each, request) for each in changing}
    for each in changing:
        if problem := problems[each.group.name]:
            warn(f"group {each.group.name}: hook {each.hook}: {problem}")
        else:
            say(f"group {each.group.name}: hook {each.hook} is as it should be")
    return not any(problems.values())


def _confirm(changing: list[GroupProposal]) -> None:
    if not is_interactive():
        fail("nobody can be asked here: say --yes to change hooks", ExitCode.BAD_INPUT)
    owners = [each.owner for each in changing if each.owner is not None]
    if len(changing) == 1:
        past = f" past {owners[0].kind}, which owns it" if owners else ""
        typer.confirm(on_one_line(f"change group {changing[0].group.name}{past}?"), abort=True)
        return
    past = f", {len(owners)} of them past the tool that owns it" if owners else ""
    typer.confirm(f"change {len(changing)} groups{past}?", abort=True)


def _apply(tools: HookTools, each: GroupProposal, request: HookRequest) -> str | None:
    """Change one group, and return what is not as it should be then; None when everything is."""
    again = tools.planning.try_group(each.group, request)
    if again.refusal is not None or again.differences != each.differences or again.proposal is None:
        return f"it changed meanwhile, and nothing was done{f': {again.refusal}' if again.refusal else ''}"
    try:
        if again.retains is not None:
            tools.groups.retain_abandoned(each.group.name)
            found = tools.groups.named(each.group.name)
            if found is None or not found.retains:
                return "the group does not say that it retains abandoned instances, and the hook was left alone"
        if again.proposal.differences:
            return unlike(again.proposal.wanted, tools.hooks.put(each.group.name, again.proposal.wanted))
    except CallFailed as failed:
        return with_what_to_do(failed)
    return None
