"""What each alarm, each finding of `doctor` and each status means and what to do, from the template and the code."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # the package ships no types

from asg_lifecycle.model.action_summary import Standing
from asg_lifecycle.model.doctor.registry import CHECKS
from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum

ROOT = Path(__file__).parents[1]

DO_AT_STANDING = {
    Standing.STARTING: "Nothing. If it stays so for minutes, Lambda is throttled or the function fails: see its log.",
    Standing.QUEUED: "Nothing: it has its turn. `nudge` looks again; `drains_per_group` of the plan sets the limit.",
    Standing.EARLY: "Nothing: the work began at a warning of EC2, before the hook.",
    Standing.WORKING: "Nothing. `why` names what it waits for; `extend` gives it more time.",
    Standing.HELD: "Decide: see [held actions](../operations.md#held-actions).",
    Standing.COMPLETING: "Nothing. If it stays so, Auto Scaling refuses or throttles it: `show` has its answer.",
    Standing.ENDED: "Nothing: `history` and `show` tell how it ended.",
}
"""What to do about an action that stands so, as `ps` shows it."""

DO_AT_STATUS = {
    Status.CLAIMED: "As `starting` above.",
    Status.WORKING: "As `working` above.",
    Status.HELD: "As `held` above.",
    Status.COMPLETING: "As `completing` above.",
    Status.COMPLETED: "Nothing. A result of `ABANDON` has its reason in the record.",
    Status.OVER: "See who ended it, in the `reason`: another handler, a person, or the end of the instance.",
    Status.OBSERVED: "Read what each step would have done; take `observe` out of the plan when it is right.",
    Status.LOST: "See [lost actions](../operations.md#lost-actions): the instance went on without its work.",
}
"""What to do about a record with this status."""

HEAD = """\
# Operations at a glance

<!-- Written by `python -m website.references` from template.yaml and the code. -->

Each alarm, each finding of `asg-lifecycle doctor` and each status: what it means, and where it says what to do. The
[handbook](../operations.md) has the details of the alarms, [findings](doctor.md) those of `doctor`, and
[permissions](permissions.md) who may do what.
"""


def page() -> str:
    """Return the page, as Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield HEAD
    yield "## Alarms"
    yield ""
    yield "| alarm | means | what to do |"
    yield "|---|---|---|"
    for name, (meaning, anchor) in alarms().items():
        title = anchor.replace("-", " ")
        yield f"| `{name}` | {meaning} | [{title}](../operations.md#{anchor}) |"
    yield ""
    yield "## Findings of doctor"
    yield ""
    yield "The command of each finding mends it; the name leads to what it means and what to look at first."
    yield ""
    yield "| finding | severity | what was found |"
    yield "|---|---|---|"
    for check in CHECKS:
        found = inspect.cleandoc(check.find.__doc__ or "").partition("\n")[0].removeprefix("Yield ").partition(" (R")[0]
        text = found.removeprefix("that ").rstrip(".")
        yield f"| [{check.name}](doctor.md#{check.name}) | {check.severity.value} | {text[0].upper()}{text[1:]}. |"
    yield ""
    yield "## Where an action stands"
    yield ""
    yield "As `ps` shows it, and `ps --status` takes it."
    yield ""
    yield from _statuses(Standing, {each.value: do for each, do in DO_AT_STANDING.items()})
    yield ""
    yield "## Statuses of records"
    yield ""
    yield "As records, [events](../events.md) and `history` have them."
    yield ""
    yield from _statuses(Status, {each.value: do for each, do in DO_AT_STATUS.items()})


def alarms() -> dict[str, tuple[str, str]]:
    """Return what each alarm of the template means, and its section of the handbook."""
    found = {}
    for name, resource in yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Resources"].items():
        if resource["Type"] != "AWS::CloudWatch::Alarm":
            continue
        described = str(resource["Properties"]["AlarmDescription"]["Fn::Sub"])
        meaning, _, anchor = described.partition(" ${HandbookUrl}#")
        found[name] = (meaning, anchor)
    return found


def _statuses(kind: type[StrEnum], what_to_do: dict[str, str]) -> Iterator[str]:
    yield "| status | means | what to do |"
    yield "|---|---|---|"
    meanings = meanings_of(kind)
    for each in kind:
        yield f"| `{each.value}` | {meanings[each.name]} | {what_to_do[each.value]} |"


def meanings_of(kind: type[StrEnum]) -> dict[str, str]:
    """Return what the code says below each member of an enumeration, in one line."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    if not isinstance(body, ast.ClassDef):
        raise TypeError(f"{kind.__name__} is no class")
    meanings = {}
    for member, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(member, ast.Assign)
            and isinstance(member.targets[0], ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            meanings[member.targets[0].id] = re.sub(r"\s+", " ", str(text.value.value)).strip()
    return meanings
