"""The JSON Schema of plans, for editors: made from the types that the application reads plans into."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from asg_lifecycle.model.plans import Plan, PlannedStep
from asg_lifecycle.plans.validation import GROUP_FIELDS
from asg_lifecycle.steps.catalog import CATALOG

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEMPLATE = "#/$defs/{name}"


def plan_schema() -> dict[str, Any]:
    """Return the schema of a plan."""
    structs: list[type[Struct]] = [Plan, PlannedStep, *(step.options for step in CATALOG)]
    _, definitions = msgspec.json.schema_components(structs, ref_template=TEMPLATE)
    for schema in definitions.values():
        schema.pop("title", None)
    plan, planned = definitions.pop("Plan"), definitions.pop("PlannedStep")["properties"]
    common = {name: planned[name] for name in planned if name not in {"kind", "options", "parallel"}}
    for step in CATALOG:
        name = step.options.__name__
        properties = {"kind": {"const": step.kind}, "options": {"$ref": TEMPLATE.format(name=name)}, **common}
        if step.may_be_missing is None:
            del properties["if_missing"]
        required = ["kind", "options"] if definitions[name]["required"] else ["kind"]
        definitions[step.kind] = _object(properties, required, step.purpose())
    definitions["step"] = {"anyOf": [{"$ref": TEMPLATE.format(name=step.kind)} for step in CATALOG]}
    members = {"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1}
    group = {name: planned[name] for name in planned if name in GROUP_FIELDS} | {
        "parallel": {**members, "description": planned["parallel"]["description"]}
    }
    definitions["parallel"] = _object(group, ["parallel"], "Steps that run side by side.")
    plan["properties"]["steps"]["items"] = {"anyOf": [{"$ref": "#/$defs/step"}, {"$ref": "#/$defs/parallel"}]}
    return {"$schema": DIALECT, "title": "asg-lifecycle plan", **plan, "$defs": dict(sorted(definitions.items()))}


def _object(properties: dict[str, Any], required: list[str], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
