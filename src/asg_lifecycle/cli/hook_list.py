"""How `install-hook` shows what it would change: field by field for one group, a table for many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from asg_lifecycle.cli.console import warn, write, write_sentences
from asg_lifecycle.cli.hook_access import warn_of_owner
from asg_lifecycle.cli.output import Column
from asg_lifecycle.model.group_owner import LOGICAL_ID_TAG, STACK_TAG
from asg_lifecycle.model.hook_snippets import SnippetForm, SnippetHook, snippet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asg_lifecycle.model.hook_proposal import Difference
    from asg_lifecycle.plans.hook_planning import GroupProposal


def change_of(each: GroupProposal) -> str:
    """Return in a word what would be done to a group."""
    if each.refusal is not None or each.proposal is None:
        return "refused"
    if not each.differences:
        return "nothing"
    return "make" if each.proposal.present is None else "change"


def _what(each: GroupProposal) -> str:
    if each.refusal is not None:
        return each.refusal
    return ", ".join(it.field for it in each.differences) or "-"


COLUMNS: tuple[Column[GroupProposal], ...] = (
    Column(name="group", value=lambda each: each.group.name),
    Column(name="hook", value=lambda each: each.hook or None),
    Column(name="change", value=change_of),
    Column(name="owner", value=lambda each: str(each.owner) if each.owner is not None else None, always=False),
    Column(
        name="what",
        value=lambda each: [{"field": it.field, "current": it.current, "wanted": it.wanted} for it in each.differences],
        text=_what,
        may_be_cut=True,
    ),
)

DETAILS: tuple[Column[GroupProposal], ...] = (
    Column(name="plan", value=lambda each: each.decision.name if each.decision is not None else None),
    Column(name="source", value=lambda each: each.decision.source if each.decision is not None else None),
    Column(name="refusal", value=lambda each: each.refusal),
    Column(name="warnings", value=lambda each: list(each.warnings)),
)


def write_changes(proposals: Sequence[GroupProposal]) -> None:
    """Write the changes of many groups, each kind of change once: a table has no room for them."""
    groups: dict[Difference, list[str]] = {}
    for each in proposals:
        for it in each.differences:
            groups.setdefault(structs.replace(it, why=""), []).append(each.group.name)
    for it, names in groups.items():
        write(f"{it.field} {_current(it)} -> {it.wanted}: {', '.join(names)}")


def write_difference(each: GroupProposal) -> None:
    """Write what would be done to one group, field by field."""
    for line in _lines(each):
        write_sentences(line)


def warn_about(proposals: Sequence[GroupProposal], *, snippet_is_offered: bool) -> None:
    """Write to standard error what an operator should know, each thing once, and why groups are refused."""
    told: dict[str, list[str]] = {}
    for each in proposals:
        warn_of_owner(each.group.name, each.owner)
        for sentence in each.warnings:
            told.setdefault(sentence, []).append(each.group.name)
        if each.refusal is not None:
            told.setdefault(each.refusal, []).append(each.group.name)
    for sentence, groups in told.items():
        warn(f"{'group' if len(groups) == 1 else 'groups'} {', '.join(groups)}: {sentence}")
    if snippet_is_offered and any(each.owner is not None for each in proposals):
        warn(f"--as {' or '.join(SnippetForm)} prints the hook for such a tool, and changes nothing")


def write_snippet(proposals: Sequence[GroupProposal], form: SnippetForm) -> None:
    """Write the hooks as another tool has them, and nothing else."""
    hooks = [
        SnippetHook(
            group=each.group.name,
            hook=each.proposal.wanted,
            retain=each.group.retains or each.retains is not None,
            exists=each.proposal.present is not None,
            stack=each.group.tags.get(STACK_TAG),
            logical_id=each.group.tags.get(LOGICAL_ID_TAG),
        )
        for each in proposals
        if each.proposal is not None
    ]
    if hooks:
        write(snippet(hooks, form), end="")


def _lines(each: GroupProposal) -> Iterator[str]:
    if each.proposal is None or each.decision is None:
        return
    is_there = "is new" if each.proposal.present is None else "is there"
    plan = f"plan {each.decision.name}" if each.decision.name is not None else "its plan"
    source = f"{each.decision.source}: {each.decision.why}"
    yield f"group {each.group.name}: hook {each.hook} {is_there}; {plan} is from {source}"
    width = max((len(it.field) for it in each.differences), default=0)
    yield from (_line(it, width) for it in each.differences)


def _line(it: Difference, width: int) -> str:
    return f"  {it.field.ljust(width)}  {_current(it)} -> {it.wanted}{f'  ({it.why})' if it.why else ''}"


def _current(it: Difference) -> str:
    return it.current if it.current is not None else "(none)"
