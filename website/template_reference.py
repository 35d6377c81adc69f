"""The reference of the stack's parameters and outputs, from `template.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # the package ships no types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEMPLATE = Path(__file__).parents[1] / "template.yaml"

HEAD = """\
# Parameters and outputs of the stack

<!-- Written by `python -m website.references` from template.yaml. -->

`sam deploy --guided` asks for each parameter; each has a default, so none has to be given. What the parameters that
secure the stack are for stands in [security](security.md), which step needs which on its [page](steps/), and how to
change them in [upgrading](upgrading.md).
"""


CHANGES = """\
## Changes while instances wait

| a change of | does to actions in flight | so |
|---|---|---|
| a parameter that a step needs, to `off` | such steps lose their permission and fail | wait until `ps` lists none |
| `RolePath` | executions on older versions lose their roles | only while nothing is in flight |
| `KmsKeyArn` | they need the key that they began with | keep the old key for two days and two hours |
| `SubnetIds`, `SecurityGroupIds` | new versions run in the network | try it with one group first |
| `HookNamePrefix` | hooks that no longer match get no new actions | make new hooks first |
| any other that reaches the function | nothing: a new version begins with the next action | |
"""


class Parameter(msgspec.Struct, frozen=True, rename="pascal"):
    """A parameter as the template declares it. The attributes are CloudFormation's."""

    type: str
    description: str
    default: str | int
    allowed_values: list[str | int] = msgspec.field(default_factory=list)
    allowed_pattern: str | None = None
    min_value: int | None = None
    max_value: int | None = None


class Output(msgspec.Struct, frozen=True, rename="pascal"):
    """An output as the template declares it. The attributes are CloudFormation's."""

    description: str
    condition: str | None = None


class Label(msgspec.Struct, frozen=True):
    """The title of a group of parameters."""

    default: str


class Group(msgspec.Struct, frozen=True, rename="pascal"):
    """A group of parameters, as whoever deploys is shown them."""

    label: Label
    parameters: list[str]


class Interface(msgspec.Struct, frozen=True, rename="pascal"):
    """`AWS::CloudFormation::Interface`."""

    parameter_groups: list[Group] = msgspec.field(default_factory=list)


class Metadata(msgspec.Struct, frozen=True):
    """The template's metadata, as far as it is shown."""

    interface: Interface = msgspec.field(name="AWS::CloudFormation::Interface", default_factory=Interface)


class Template(msgspec.Struct, frozen=True, rename="pascal"):
    """The parts of the template that are shown."""

    parameters: dict[str, Parameter]
    outputs: dict[str, Output]
    metadata: Metadata = msgspec.field(default_factory=Metadata)


def read() -> Template:
    """Return the template, as far as it is shown."""
    return msgspec.convert(yaml_parse(TEMPLATE.read_text(encoding="utf-8")), Template)


def page() -> str:
    """Return the page, as Markdown."""
    return page_of(read())


def page_of(template: Template) -> str:
    """Return the page of a template, as Markdown."""
    return "\n".join(_page(template)) + "\n"


def _page(template: Template) -> Iterator[str]:
    yield HEAD
    groups = template.metadata.interface.parameter_groups
    grouped = {name for group in groups for name in group.parameters}
    for group in groups:
        yield from _table(group.label.default, {name: template.parameters[name] for name in group.parameters})
    others = {name: each for name, each in template.parameters.items() if name not in grouped}
    if others:
        yield from _table("Other parameters" if groups else "Parameters", others)
    yield CHANGES
    yield "## Outputs"
    yield ""
    yield "An output with a condition is there where the condition of the template holds."
    yield ""
    yield "| output | what | condition |"
    yield "|---|---|---|"
    for name, output in template.outputs.items():
        yield f"| `{name}` | {output.description} | {f'`{output.condition}`' if output.condition else ''} |"


def _table(title: str, parameters: Mapping[str, Parameter]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield "| parameter | takes | default | what |"
    yield "|---|---|---|---|"
    for name, parameter in parameters.items():
        default = f"`{parameter.default}`" if parameter.default != "" else "empty"
        yield f"| `{name}` | {_takes(parameter)} | {default} | {_cell(parameter.description)} |"
    yield ""


def _takes(parameter: Parameter) -> str:
    if parameter.allowed_values:
        return ", ".join(f"`{value}`" for value in parameter.allowed_values)
    if parameter.min_value is not None:
        return f"{parameter.min_value} to {parameter.max_value}"
    return f"text like `{_cell(parameter.allowed_pattern)}`" if parameter.allowed_pattern else parameter.type


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
