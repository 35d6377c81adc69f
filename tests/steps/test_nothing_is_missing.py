"""What belongs to a kind of step. Whoever adds one runs this file alone, and reads everything that is still missing.

python -m pytest tests/steps/test_nothing_is_missing.py
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import msgspec
import yaml

from asg_lifecycle.cli.step_reference import page
from asg_lifecycle.model.plans import Plan
from asg_lifecycle.plans.json_schema import plan_schema
from asg_lifecycle.plans.validation import find_problems
from asg_lifecycle.steps.base import StatefulStep, Step
from asg_lifecycle.steps.catalog import CATALOG
from asg_lifecycle_simulator.campaign.kinds.catalog import CAMPAIGN_KINDS
from tests.execution.test_every_step import SCENES
from tests.template.checks import LISTS, RESOURCES, steps_are_granted_by_their_feature
from tests.template.expanded import Expanded, expand, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Struct


ROOT = Path(__file__).parents[2]
STEPS = ROOT / "src" / "asg_lifecycle" / "steps"
NO_KINDS = {"__init__", "base", "catalog", "services"}

SERVICE_OF_PREFIX = {
    "elasticloadbalancing": ("elbv2", "elb"),
    "states": ("stepfunctions",),
    "tag": ("resourcegroupstaggingapi",),
}
"""The boto3 names of the services behind an IAM prefix, where they differ from it."""

IAM_NAMES = {"InvokeFunction": "Invoke"}
"""The API's name of an operation that IAM calls otherwise."""


def test_nothing_is_missing_of_any_kind() -> None:
    missing = [f"{step.kind}: {each}" for step in (*CATALOG, *outside_the_catalog()) for each in missing_of(step)]
    missing += missing_of_all()
    assert not missing, "\n" + "\n".join(missing)


def outside_the_catalog() -> Iterator[type[Step]]:
    cataloged = {step.__module__.rpartition(".")[2] for step in CATALOG}
    for path in sorted(STEPS.glob("*.py")):
        if path.stem not in cataloged | NO_KINDS:
            module = importlib.import_module(f"asg_lifecycle.steps.{path.stem}")
            found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Step)]
            yield from (each for each in found if each.__module__ == module.__name__)


def missing_of(step: type[Step]) -> Iterator[str]:
    yield from names_of(step)
    yield from options_of(step)
    yield from example_of(step)
    if issubclass(step, StatefulStep) and not step.state.__struct_config__.frozen:
        yield f"{step.state.__name__} is not frozen"
    yield from permissions_of(step)
    if step.kind not in SCENES:
        yield "tests/execution/test_every_step.py has no scene in which it has something to do"
    if step.kind not in CAMPAIGN_KINDS:
        yield "asg_lifecycle_simulator/campaign/kinds/ has no entry that says when its work is done"
    if step not in CATALOG:
        yield "it is not in steps/catalog.py; what it lacks in docs, schema and template is told once it is there"
        return
    reference = ROOT / "docs" / "steps" / f"{step.kind}.md"
    if not reference.exists() or reference.read_text(encoding="utf-8") != page(step):
        yield "its reference page is not up to date: asg-lifecycle plan steps --write docs/steps"
    described = (ROOT / "docs" / "plans.md").read_text()
    for parameter in step.permissions_by_parameter():
        if f"`{parameter}`" not in described:
            yield f"docs/plans.md does not say what {parameter} grants"
    if not any(step.kind in kinds for kinds in example_plans().values()):
        yield "no example plan in plans/ uses it"


def names_of(step: type[Step]) -> Iterator[str]:
    if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", step.kind):
        yield "its kind is not in kebab case"
    if step.__module__ != (module := f"asg_lifecycle.steps.{step.kind.replace('-', '_')}"):
        yield f"it is in {step.__module__}, expected {module}"
    lines = inspect.cleandoc(step.__doc__ or "").splitlines()
    if not lines or not lines[0].endswith(".") or any(lines[1:2]):
        yield "the docstring of its class does not begin with a line that says what it is for"


def options_of(step: type[Step]) -> Iterator[str]:
    config = step.options.__struct_config__
    name = step.options.__name__
    if not config.frozen:
        yield f"{name} is not frozen"
    if not config.forbid_unknown_fields:
        yield f"{name} does not forbid unknown fields"
    if step.options.__struct_fields__ != step.options.__struct_encode_fields__:
        yield f"{name} renames a field: its reference would show the wrong name"
    if "\n" in (step.options.__doc__ or "\n"):
        yield f"the docstring of {name} is not one line"
    for struct, schema in schemas_of(step.options):
        for field, described in schema["properties"].items():
            if not described.get("description"):
                yield f"option {struct}.{field} has no Meta(description=…)"


def example_of(step: type[Step]) -> Iterator[str]:
    if step.options.__struct_fields__ and not step.example:
        yield "it has options and no example"
    if step not in CATALOG:
        return
    for problem in find_problems({"steps": [{"kind": step.kind, "options": json.loads(json.dumps(step.example))}]}):
        yield f"its example cannot be used: {problem}"


def schemas_of(options: type[Struct]) -> Iterator[tuple[str, dict[str, dict[str, dict[str, str]]]]]:
    _, definitions = msgspec.json.schema_components([options])
    yield from ((name, schema) for name, schema in definitions.items() if "properties" in schema)


def permissions_of(step: type[Step]) -> Iterator[str]:
    if step.permissions and step.template_parameter is None:
        yield "it has permissions and no template_parameter that grants them"
    if step.template_parameter is not None and not step.permissions:
        yield "it has a template_parameter and no permissions"
    if list(step.permissions) != sorted(set(step.permissions)):
        yield "its permissions are not in alphabetical order, each once"
    for permission in step.permissions:
        prefix, _, operation = permission.partition(":")
        services = SERVICE_OF_PREFIX.get(prefix, (prefix,))
        if not any(IAM_NAMES.get(operation, operation) in operations_of(each) for each in services):
            yield f"{permission} is not an operation of AWS"
        if permission not in RESOURCES:
            yield f"tests/template/checks.py does not say on which resources {permission} may be allowed"


@cache
def operations_of(service: str) -> frozenset[str]:
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return frozenset()
    return frozenset(session.get_service_model(service).operation_names)


def missing_of_all() -> Iterator[str]:
    if len({step.kind for step in CATALOG}) != len(CATALOG):
        yield "a kind is in steps/catalog.py twice"
    yield from (f"template.yaml: {each}" for each in steps_are_granted_by_their_feature(expanded_template()))
    kept = json.loads((ROOT / "plans" / "schema.json").read_text(encoding="utf-8"))
    if kept != json.loads(json.dumps(plan_schema())):
        yield "plans/schema.json is not up to date: asg-lifecycle plan schema > plans/schema.json"
    kinds = {step.kind for step in CATALOG}
    for page_of in sorted((ROOT / "docs" / "steps").glob("*.md")):
        if page_of.stem not in kinds:
            yield f"docs/steps/{page_of.name} is the page of a kind that is gone"
    for kind in sorted(SCENES.keys() - kinds):
        yield f"tests/execution/test_every_step.py has a scene of {kind}, which is gone"
    for name, kinds_of_plan in example_plans().items():
        yield from missing_of_guide(name, kinds_of_plan)


def missing_of_guide(name: str, kinds: set[str]) -> Iterator[str]:
    guide = ROOT / "docs" / "guides" / f"{name}.md"
    if not guide.exists():
        yield f"plans/{name}.yaml has no guide docs/guides/{name}.md"
        return
    on = {name for name, it in expanded_template().template["Parameters"].items() if it.get("Default") == "on"}
    needed = {step.template_parameter for step in CATALOG if step.kind in kinds and step.template_parameter} - on
    said = guide.read_text(encoding="utf-8")
    for parameter in sorted(needed):
        written = f"`{parameter}=" if parameter in LISTS else f"`{parameter}=on`"
        if written not in said:
            yield f"docs/guides/{name}.md does not say {written}, which its plan needs"


@cache
def expanded_template() -> Expanded:
    return expand(source())


@cache
def example_plans() -> dict[str, set[str]]:
    """Return the kinds that each example plan uses, by the plan's name."""
    files = sorted((ROOT / "plans").glob("*.yaml"))
    plans = {file.stem: msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), Plan) for file in files}
    return {name: {step.kind for step in plan.leaves()} for name, plan in plans.items()}
