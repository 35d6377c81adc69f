"""The JSON Schema of plans, for editors: made from the types that the application reads plans into."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from asg_lifecycle.model.plans import Plan, PlannedStep
from asg_lifecycle.plans.validation import GROUP_FIELDS, MOST_DRAINS
from asg_lifecycle.steps.catalog import CATALOG

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Step

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEMPLATE = "#/$defs/{name}"


def plan_schema() -> dict[str, Any]:
    """Return the schema of a plan."""
    structs: list[type[Struct]] = [Plan, PlannedStep, *(step.options for step in CATALOG)]
    _, definitions = msgspec.json.schema_components(structs, ref_template=TEMPLATE)
    definitions = {name: _documented(schema) for name, schema in definitions.items()}
    plan, planned = definitions.pop("Plan"), definitions.pop("PlannedStep")["properties"]
    common = {name: planned[name] for name in planned if name not in {"kind", "options", "parallel"}}
    for step in CATALOG:
        name = step.options.__name__
        properties = {"kind": {"const": step.kind}, "options": {"$ref": TEMPLATE.format(name=name)}, **common}
        required = ["kind", "options"] if definitions[name]["required"] else ["kind"]
        definitions[step.kind] = _object(properties, required, purpose(step))
    definitions["step"] = {"anyOf": [{"$ref": TEMPLATE.format(name=step.kind)} for step in CATALOG]}
    members = {"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1}
    group = {name: planned[name] for name in planned if name in GROUP_FIELDS} | {
        "parallel": {**members, "description": planned["parallel"]["description"]}
    }
    definitions["parallel"] = _object(group, ["parallel"], "Steps that run side by side.")
    properties = plan["properties"]
    properties["steps"]["items"] = {"anyOf": [{"$ref": "#/$defs/step"}, {"$ref": "#/$defs/parallel"}]}
    properties["drains_per_group"]["anyOf"][0] |= {"minimum": 1, "maximum": MOST_DRAINS}
    return {"$schema": DIALECT, "title": "asg-lifecycle plan", **plan, "$defs": dict(sorted(definitions.items()))}


def purpose(step: type[Step]) -> str:
    """Return what a kind of step is for, one sentence: what its module says of itself."""
    return summary(sys.modules[step.__module__].__doc__ or "")


def summary(docstring: str) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join(docstring.strip().partition("\n\n")[0].split())


def attributes(docstring: str) -> dict[str, str]:
    """Return what a docstring says of each attribute."""
    found: dict[str, list[str]] = {}
    name = ""
    # Python 3.13 takes the indentation off docstrings, older ones do not.
    for line in inspect.cleandoc(docstring).partition("Attributes:\n")[2].splitlines():
        head, separator, rest = line.strip().partition(": ")
        if separator and head.isidentifier() and _indent(line) <= FIELD_INDENT:
            name = head
            found[name] = [rest]
        elif name and line.strip():
            found[name].append(line.strip())
    return {name: " ".join(words) for name, words in found.items()}


FIELD_INDENT = 4
"""Columns before the name of an attribute in a docstring; what it goes on with stands deeper."""


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _documented(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a type with what its docstring says of it and of each field."""
    docstring = schema.get("description", "")
    said = attributes(docstring)
    documented = {**schema, "description": summary(docstring)}
    documented.pop("title", None)
    if "properties" in schema:
        fields = schema["properties"]
        documented["properties"] = {name: {**field, "description": said[name]} for name, field in fields.items()}
    return documented


def _object(properties: dict[str, Any], required: list[str], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
