"""How commands write lists: as a table that fits the terminal, or as JSON, YAML or CSV with everything."""

from __future__ import annotations

import csv
import io
import json
import sys
import textwrap
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import typer
from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console
from rich.text import Text

from asg_lifecycle.cli.console import ExitCode, fail, say, write, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEAST_CUT = 10
"""Columns that a text which may be cut has at least."""

ENOUGH_CUT = 28
"""Columns that such a text has before the terminal has room for what a narrow one leaves out."""

LEAST_FOLDED = 12
"""Columns that a name has at least which takes several lines of a narrow terminal."""

GAP = 2
"""Columns between two columns of a table."""

ItemT = TypeVar("ItemT")
OtherT = TypeVar("OtherT")


class Output(StrEnum):
    """The forms of a list."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


OutputForm = Annotated[
    Output,
    typer.Option(
        "--output",
        "-o",
        envvar="ASG_LIFECYCLE_OUTPUT",
        help="The form of what is written. Only a table leaves anything out.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Column(Generic[ItemT]):
    """One column of a list.

    Attributes:
        name: its key in JSON, YAML and CSV; with spaces its heading in a table.
        value: what JSON, YAML and CSV hold: text, a number, None or a list of these.
        text: what the table shows; `value` as text where it is None.
        always: a narrow terminal shows it, too.
        may_be_cut: it takes what the others leave, and its end is left out where that is too little.
        may_be_folded: where the others leave too little it takes several lines, and nothing of it is left out.
        style: how the terminal shows it: `yellow`, `bold red`; empty for plain.
    """

    name: str
    value: Callable[[ItemT], Any]
    text: Callable[[ItemT], str] | None = None
    always: bool = True
    may_be_cut: bool = False
    may_be_folded: bool = False
    style: Callable[[ItemT], str] | None = None

    @property
    def heading(self) -> str:
        """What a table calls it."""
        return self.name.replace("_", " ")

    def shown(self, item: ItemT) -> str:
        """Return what the table shows of an item."""
        if self.text is not None:
            return self.text(item)
        value = self.value(item)
        return "-" if value is None else str(value)

    def of(self, part: Callable[[OtherT], ItemT]) -> Column[OtherT]:
        """Return the same column of something that has such an item as a part."""
        text, style = self.text, self.style
        return Column(
            name=self.name,
            value=lambda whole: self.value(part(whole)),
            text=None if text is None else lambda whole: text(part(whole)),
            always=self.always,
            may_be_cut=self.may_be_cut,
            may_be_folded=self.may_be_folded,
            style=None if style is None else lambda whole: style(part(whole)),
        )


def write_list(items: Sequence[ItemT], columns: Sequence[Column[ItemT]], output: Output, *, none: str) -> None:
    """Write a list to standard output.

    Args:
        items: the entries.
        columns: of the list.
        output: its form.
        none: what a table says in place of an empty one; empty for nothing.
    """
    if output is Output.TABLE:
        if not items:
            if none:
                say(none)
        elif sys.stdout.isatty():
            Console().print(table_of(items, columns, Console().width), crop=False)
        else:
            write(_aligned(items, columns), end="")
        return
    values = [{column.name: column.value(item) for column in columns} for item in items]
    if output is Output.CSV:
        write(_csv(values, columns), end="")
    else:
        write_plain(values, output)


def write_plain(value: object, output: Output) -> None:
    """Write JSON values as JSON or YAML to standard output.

    Raises:
        typer.Exit: `output` is a table or CSV, which hold lists alone.
    """
    if output is Output.JSON:
        write_json(value, indent=2)
    elif output is Output.YAML:
        import yaml  # noqa: PLC0415 - few commands need YAML

        write(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100), end="")
    else:
        fail(f"this is no list, and cannot be written as {output}; valid: json, yaml", ExitCode.BAD_INPUT)


def table_of(items: Sequence[ItemT], columns: Sequence[Column[ItemT]], width: int) -> Text:
    """Return a table for a terminal of so many columns: no line of it is broken, and no name is cut."""
    layout = _layout(items, columns, width)
    table = Text(no_wrap=True, overflow="ignore")
    _append_row(table, [([column.heading], "bold", space) for column, space in layout])
    for item in items:
        cells = [
            (_lines(column, item, space), column.style(item) if column.style else "", space) for column, space in layout
        ]
        table.append("\n")
        _append_row(table, cells)
    return table


def _append_row(table: Text, cells: list[tuple[list[str], str, int]]) -> None:
    """Append one row, of as many lines as its highest cell: the lines, style and width of each."""
    for number in range(max(len(lines) for lines, _, _ in cells)):
        if number:
            table.append("\n")
        for position, (lines, style, space) in enumerate(cells, start=1):
            shown = lines[number] if number < len(lines) else ""
            table.append(shown, style=style)
            if position < len(cells):
                table.append(" " * (space + GAP - cell_len(shown)))


def _lines(column: Column[ItemT], item: ItemT, space: int) -> list[str]:
    """Return what a cell shows, each of its lines no wider than its space."""
    text = _printable(column.shown(item))
    if cell_len(text) <= space:
        return [text]
    if column.may_be_cut:
        return [set_cell_size(text, space - 1).rstrip() + "…"]
    if " " in text:
        # Between words, as far as they are narrow enough.
        parts = [part for line in textwrap.wrap(text, space) for part in chop_cells(line, space)]
        return parts or [""]
    return chop_cells(text, space)


def _printable(text: str) -> str:
    # A line break would break the table, and what controls a terminal has no business in a name.
    return "".join(each if each.isprintable() else " " for each in text)


def _layout(items: Sequence[ItemT], columns: Sequence[Column[ItemT]], width: int) -> list[tuple[Column[ItemT], int]]:
    """Return which columns have a place on a terminal, and how wide each is."""
    natural = {column.name: _natural_width(items, column) for column in columns}
    least = {
        column.name: min(natural[column.name], LEAST_CUT) if column.may_be_cut else natural[column.name]
        for column in columns
    }
    # What may be cut gets this much before there is room for a column that a narrow terminal leaves out.
    wanted = sum(min(natural[column.name], ENOUGH_CUT) - least[column.name] for column in columns if column.may_be_cut)
    shown = {column.name for column in columns if column.always}

    def needed() -> int:
        return sum(least[name] + GAP for name in shown) - GAP

    for column in columns:
        if not column.always and needed() + wanted + GAP + least[column.name] <= width:
            shown.add(column.name)
    for column in columns:
        if column.may_be_folded and column.name in shown and needed() > width:
            least[column.name] = max(LEAST_FOLDED, least[column.name] - (needed() - width))
    for column in columns:
        if column.may_be_cut and column.name in shown:
            least[column.name] = min(natural[column.name], least[column.name] + max(0, width - needed()))
    return [(column, least[column.name]) for column in columns if column.name in shown]


def _natural_width(items: Sequence[ItemT], column: Column[ItemT]) -> int:
    return max([len(column.name), *(cell_len(_printable(column.shown(item))) for item in items)])


def _aligned(items: Sequence[ItemT], columns: Sequence[Column[ItemT]]) -> str:
    rows = [
        [column.heading for column in columns],
        *([_printable(column.shown(item)) for column in columns] for item in items),
    ]
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
