"""The reference of the steps, written from their code."""

from __future__ import annotations

import inspect
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console
from rich.markdown import Markdown

from asg_lifecycle.cli.console import write
from asg_lifecycle.cli.output import Column, Output, write_plain
from asg_lifecycle.model.durations import PATTERN, POSITIVE_PATTERN
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.plans.json_schema import plan_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.steps.base import Step


COLUMNS: tuple[Column[type[Step]], ...] = (
    Column(name="kind", value=lambda step: step.kind),
    Column(name="purpose", value=lambda step: step.purpose(), may_be_folded=True),
)


def write_page(step: type[Step], output: Output) -> None:
    """Write the reference page of one kind: as text on a terminal, as Markdown elsewhere, or in a JSON object."""
    if output is not Output.TABLE:
        write_plain({"kind": step.kind, "purpose": step.purpose(), "page": page(step)}, output)
    elif sys.stdout.isatty():
        Console().print(Markdown(page(step)))
    else:
        write(page(step), end="")


def page(step: type[Step]) -> str:
    """Return the reference page of one kind, as Markdown."""
    return "\n".join(_page(step)) + "\n"


def _page(step: type[Step]) -> Iterator[str]:
    yield f"# {step.kind}"
    yield ""
    yield "<!-- Written by `asg-lifecycle plan steps`. -->"
    yield ""
    yield inspect.getdoc(step) or ""
    yield ""
    yield "## Options"
    yield ""
    yield from _options(step)
    yield ""
    yield "## Example"
    yield ""
    planned = {"kind": step.kind} | ({"options": step.example} if step.example else {})
    said = {"transition": PlanTransition.TERMINATE.value} if step.transition is None else {}
    example = yaml.safe_dump({**said, "steps": [planned]}, sort_keys=False, default_flow_style=None)
    yield from (f"    {line}" for line in example.splitlines())
    yield ""
    yield "## Good to know"
    yield ""
    yield from _notes(step)


@cache
def _definitions() -> dict[str, Any]:
    definitions: dict[str, Any] = plan_schema()["$defs"]
    return definitions


def _options(step: type[Step]) -> Iterator[str]:
    definitions = _definitions()
    schema = definitions[step.options.__name__]
    if not schema["properties"]:
        yield "None."
        return
    yield "| option | takes | default | |"
    yield "|---|---|---|---|"
    yield from _rows(schema, definitions, "")


def _rows(schema: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[str]:
    """Yield a row for each field of an object, with those of the objects inside behind it."""
    for field, described in schema["properties"].items():
        name = f"{path}{field}"
        yield _row(name, described, required=field in schema["required"])
        inner = described.get("additionalProperties")
        if isinstance(inner, dict) and "$ref" in inner:
            # An object with names of the plan's own, each with an object of these fields.
            yield from _rows(definitions[inner["$ref"].rpartition("/")[2]], definitions, f"{name}.*.")
        for each in described.get("anyOf", (described,)):
            if "$ref" in each:
                yield from _rows(definitions[each["$ref"].rpartition("/")[2]], definitions, f"{name}.")


def _row(name: str, field: dict[str, Any], *, required: bool) -> str:
    default = "required" if required else f"`{_plain(field.get('default'))}`"
    return f"| `{name}` | {_takes(field)} | {default} | {field['description']} |"


def _notes(step: type[Step]) -> Iterator[str]:
    if step.transition is not None:
        yield f"- It is for {step.transition} hooks alone."
    if step.template_parameter is None:
        yield "- It needs no permission."
    else:
        granted = ", ".join(f"`{permission}`" for permission in step.permissions)
        yield f"- It needs {granted}: parameter `{step.template_parameter}` of the stack."
    for parameter, permissions in step.optional_permissions.items():
        asked = "".join(
            f", for `{option}`" for option, named in step.parameters_by_option.items() if named == parameter
        )
        granted = ", ".join(f"`{each}`" for each in permissions)
        yield f"- Parameter `{parameter}` of the stack grants {granted} besides{asked}."
    if step.needs_instance_alive:
        yield "- It is skipped when EC2 has terminated the instance already."
    if step.may_be_missing is not None:
        yield (
            f"- It fails when {step.may_be_missing} that the plan names do not exist, after the work on those that do; "
            "with `if_missing: done` it is done."
        )
    if step.skip_if_instance_survives:
        leaving = "" if step.transition is not None else " on its way out"
        skipped = f"It is skipped when the instance survives{leaving}"
        yield f"- {skipped}, unless the plan says `when_instance_survives: run`."
    if step.at_most_once:
        yield (
            "- It is never begun twice for one action, unless it can be repeated or its beginning came to nothing."
            if step.raises_before_effect
            else "- It is never begun twice for one action."
        )


def _takes(field: dict[str, Any]) -> str:  # noqa: PLR0911 - one line a type
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(_takes(each) for each in field["anyOf"])
    match field.get("type"):
        case "array":
            return f"list of {_takes(field['items'])}" if field.get("items") else "list"
        case "object":
            inner = field.get("additionalProperties")
            return f"names with {_takes(inner)}" if isinstance(inner, dict) and inner else "object"
        case "null":
            return "nothing"
        case "string" if field.get("pattern") in {PATTERN, POSITIVE_PATTERN}:
            return "duration"
        case "integer" if "minimum" in field:
            return f"number from {field['minimum']} to {field['maximum']}"
        case None if "$ref" in field:
            return "object"
        case str(kind):
            return kind
        case _:
            return "anything"


def _plain(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True).partition("\n")[0]
