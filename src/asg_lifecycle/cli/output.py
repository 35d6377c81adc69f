"""How commands write lists: as a table that fits the terminal, or as JSON, YAML or CSV with everything."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from asg_lifecycle.cli.console import write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType

WIDE = 110
"""Columns of a terminal from which on a table shows all of its columns."""

ItemT = TypeVar("ItemT")


class Output(StrEnum):
    """The forms of a list."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


OutputForm = Annotated[
    Output, typer.Option("--output", "-o", help="The form of the list. Only a table leaves anything out.")
]


@dataclass(frozen=True, kw_only=True)
class Column(Generic[ItemT]):
    """One column of a list.

    Attributes:
        name: its heading, and its key in JSON.
        value: what JSON, YAML and CSV hold: text, a number, None or a list of these.
        text: what the table shows; `value` as text where it is None.
        always: a narrow terminal shows it, too.
        may_be_cut: it takes what the others leave, and its end is left out where that is too little.
    """

    name: str
    value: Callable[[ItemT], Any]
    text: Callable[[ItemT], str] | None = None
    always: bool = True
    may_be_cut: bool = False

    def shown(self, item: ItemT) -> str:
        """Return what the table shows of an item."""
        if self.text is not None:
            return self.text(item)
        value = self.value(item)
        return "-" if value is None else str(value)


def write_list(items: Sequence[ItemT], columns: Sequence[Column[ItemT]], output: Output, *, none: str) -> None:
    """Write a list to standard output.

    Args:
        items: the entries.
        columns: of the list.
        output: its form.
        none: what a table says in place of an empty one.
    """
    if output is Output.TABLE:
        if not items:
            write(none)
        elif sys.stdout.isatty():
            Console().print(table_of(items, columns, Console().width))
        else:
            write(_aligned(items, columns), end="")
        return
    values = [{column.name: column.value(item) for column in columns} for item in items]
    if output is Output.JSON:
        write(json.dumps(values, ensure_ascii=False, indent=2))
    elif output is Output.YAML:
        import yaml  # noqa: PLC0415 - few commands need YAML

        write(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), end="")
    else:
        write(_csv(values, columns), end="")


def table_of(items: Sequence[ItemT], columns: Sequence[Column[ItemT]], width: int) -> RenderableType:
    """Return a table for a terminal of so many columns: no line of it is broken, and no name is cut."""
    shown = [column for column in columns if column.always or width >= WIDE]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=False)
    for column in shown:
        table.add_column(column.name, no_wrap=True, overflow="ellipsis" if column.may_be_cut else "ignore")
        if column.may_be_cut:
            table.columns[-1].ratio = 1
    table.expand = any(column.may_be_cut for column in shown)
    for item in items:
        table.add_row(*(Text(column.shown(item)) for column in shown))
    return table


def _aligned(items: Sequence[ItemT], columns: Sequence[Column[ItemT]]) -> str:
    rows = [[column.name for column in columns], *([column.shown(item) for column in columns] for item in items)]
    widths = [max(len(row[number]) for row in rows) for number in range(len(columns))]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _csv(values: list[dict[str, Any]], columns: Sequence[Column[ItemT]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in values:
        writer.writerow([_cell(value) for value in row.values()])
    return text.getvalue()


def _cell(value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
