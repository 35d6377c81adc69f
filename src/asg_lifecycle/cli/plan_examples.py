"""`asg-lifecycle plan examples`: the plans that come with the tool, to begin with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct

from asg_lifecycle.cli.console import ExitCode, fail, write
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list
from asg_lifecycle.model.fields import shown

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SCHEMA = "schema.json"
IN_PACKAGE = "example_plans"
IN_SOURCE_TREE = Path(__file__).parents[3] / "plans"


class ExamplePlan(Struct, frozen=True, kw_only=True):
    """A plan that comes with the tool.

    Attributes:
        name: its name, that of its file without the suffix.
        hooks: the transition of the hooks it is for.
        description: its own.
    """

    name: str
    hooks: str
    description: str


COLUMNS: tuple[Column[ExamplePlan], ...] = (
    Column(name="name", value=lambda each: each.name),
    Column(name="hooks", value=lambda each: each.hooks),
    Column(name="description", value=lambda each: each.description, may_be_cut=True),
)


def examples(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The plan to print; else all, a line each.")] = "",
    *,
    folder: Annotated[
        str, typer.Option("--write", metavar="FOLDER", help="Write them, and the schema for editors, into this folder.")
    ] = "",
    output: OutputForm = Output.TABLE,
) -> None:
    """Print the plans that come with this tool. Asks nothing of AWS.

    For example: `asg-lifecycle plan examples web-service`
    """
    texts = example_plans()
    if name and name not in texts:
        fail(f"there is no example {shown(name)}; there are: {', '.join(texts)}", ExitCode.BAD_INPUT)
    if folder:
        _write_into(Path(folder), {name: texts[name]} if name else texts)
    elif name:
        write(texts[name], end="")
    else:
        write_list([_described(each, text) for each, text in texts.items()], COLUMNS, output, none="there are none")


def example_plans() -> dict[str, str]:
    """Return the text of each example plan by its name, in the order of the names."""
    found = {each.name: each for each in example_folder().iterdir() if each.name.endswith(".yaml")}
    return {name.removesuffix(".yaml"): found[name].read_text(encoding="utf-8") for name in sorted(found)}


def example_folder() -> Traversable:
    """Return the folder of the example plans and their schema: an installed tool's own, else the source tree's."""
    installed = files("asg_lifecycle").joinpath(IN_PACKAGE)
    return installed if installed.is_dir() else IN_SOURCE_TREE


def _described(name: str, text: str) -> ExamplePlan:
    from asg_lifecycle.cli.plan_files import read_plan  # noqa: PLC0415 - few commands need YAML

    found = read_plan(text)
    return ExamplePlan(name=name, hooks=str(found.transition or ""), description=(found.plan or {})["description"])


def _write_into(folder: Path, texts: dict[str, str]) -> None:
    wanted = {f"{name}.yaml": text for name, text in texts.items()}
    wanted[SCHEMA] = example_folder().joinpath(SCHEMA).read_text(encoding="utf-8")
    try:
        others = [file for file, text in wanted.items() if _holds_another(folder / file, text)]
        if others:
            fail(f"{folder} holds another {', '.join(others)}; nothing was written")
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in wanted.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"the examples could not be written into {folder}: {error.strerror}")
    write(f"wrote {', '.join(wanted)} into {folder}")


def _holds_another(file: Path, text: str) -> bool:
    return file.exists() and file.read_bytes() != text.encode()
