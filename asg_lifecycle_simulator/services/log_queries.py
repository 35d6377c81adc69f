"""The part of the query language of CloudWatch Logs Insights that our queries use, run on log lines.

What it does not know it refuses, so that a query with a mistake in it is found out: an unknown command, function or
operator, a field that does not exist after a `stats`, a sort by something that is not there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row: TypeAlias = "dict[str, Any]"
"""A log line, or a line of a result: values by field."""

TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"[^"]*"|'[^']*')
    | (?P<pattern>/(?:[^/\\]|\\.)+/)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[@A-Za-z_][\w.]*)
    | (?P<sign>!=|>=|<=|[=<>(),*\[\]|])
    )""",
    re.VERBOSE,
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
AGGREGATES = frozenset({"avg", "count", "latest", "max", "min", "pct", "sum"})


class QueryRefusedError(ValueError):
    """CloudWatch Logs would refuse a query, or it is more than is known here."""


@dataclass
class Query:
    """A query that has been read.

    Attributes:
        steps: what it does to the rows, one command after the other.
        fields: the fields of log lines that it reads.
        columns: the names in its results; None for those of the log lines.
    """

    steps: list[Callable[[list[Row]], list[Row]]] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    columns: list[str] | None = None

    def run(self, lines: Iterable[Row]) -> list[Row]:
        """Return the rows of the result.

        Args:
            lines: the log lines as JSON, with `@timestamp` in seconds and `@message`, oldest first.
        """
        rows = list(lines)
        for step in self.steps:
            rows = step(rows)
        return rows


def read_query(text: str) -> Query:
    """Return a query that can be run.

    Raises:
        QueryRefusedError: there is a mistake in it.
    """
    return _Reader(text).read()


class _Reader:
    """Reads one query, command by command."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._query = Query()
        self._aggregated = False

    def read(self) -> Query:
        while True:
            command = self._take("name").lower()
            reader = getattr(self, f"_read_{command}", None)
            if reader is None:
                raise QueryRefusedError(f"there is no command {command}")
            reader()
            if self._at == len(self._tokens):
                return self._query
            self._expect("|")

    def _read_source(self) -> None:
        self._take("text")

    def _read_fields(self) -> None:
        names = self._names()
        if not self._aggregated:
            self._query.columns = names
        self._query.steps.append(lambda rows: [{**row, **{name: row.get(name) for name in names}} for row in rows])

    def _read_filter(self) -> None:
        condition = self._either()
        self._query.steps.append(lambda rows: [row for row in rows if condition(row)])

    def _read_limit(self) -> None:
        number = int(self._take("number"))
        self._query.steps.append(lambda rows: rows[:number])

    def _read_sort(self) -> None:
        name = self._field()
        backwards = self._peek().lower() == "desc"
        if backwards or self._peek().lower() == "asc":
            self._take("name")

        def ordered(rows: list[Row]) -> list[Row]:
            known = [row for row in rows if row.get(name) is not None]
            return sorted(known, key=lambda row: row[name], reverse=backwards) + [
                row for row in rows if row.get(name) is None
            ]

        self._query.steps.append(ordered)

    def _read_stats(self) -> None:
        values: dict[str, Callable[[list[Row]], Any]] = {}
        while True:
            name, value = self._aggregate()
            values[name] = value
            if self._peek() != ",":
                break
            self._expect(",")
        keys: list[str] = []
        if self._peek().lower() == "by":
            self._take("name")
            keys = self._names()
        self._aggregated, self._query.columns = True, [*keys, *values]

        def grouped(rows: list[Row]) -> list[Row]:
            groups: dict[tuple[Any, ...], list[Row]] = {}
            for row in rows:
                groups.setdefault(tuple(row.get(key) for key in keys), []).append(row)
            return [
                {**dict(zip(keys, group, strict=True)), **{name: value(found) for name, value in values.items()}}
                for group, found in groups.items()
            ]

        self._query.steps.append(grouped)

    def _aggregate(self) -> tuple[str, Callable[[list[Row]], Any]]:
        function = self._take("name").lower()
        if function not in AGGREGATES:
            raise QueryRefusedError(f"there is no function {function} for stats")
        self._expect("(")
        what, percent = None, 0.0
        if function == "count" and self._peek() == "*":
            self._expect("*")
        else:
            what = self._field()
        if function == "pct":
            self._expect(",")
            percent = float(self._take("number"))
        self._expect(")")
        name = f"{function}({what or '*'})"
        if self._peek().lower() == "as":
            self._take("name")
            name = self._take("name")
        return name, lambda rows: _aggregated(function, what, percent, rows)

    def _either(self) -> Callable[[Row], bool]:
        parts = [self._both()]
        while self._peek().lower() == "or":
            self._take("name")
            parts.append(self._both())
        return lambda row: any(part(row) for part in parts)

    def _both(self) -> Callable[[Row], bool]:
        parts = [self._comparison()]
        while self._peek().lower() == "and":
            self._take("name")
            parts.append(self._comparison())
        return lambda row: all(part(row) for part in parts)

    def _comparison(self) -> Callable[[Row], bool]:
        if self._peek() == "(":
            self._expect("(")
            inner = self._either()
            self._expect(")")
            return inner
        if self._peek().lower() == "ispresent":
            self._take("name")
            self._expect("(")
            present = self._field()
            self._expect(")")
            return lambda row: row.get(present) is not None
        name = self._field()
        wanted = self._peek().lower() != "not"
        if not wanted:
            self._take("name")
        operator = self._take().lower()
        if operator == "like":
            pattern = re.compile(self._take("pattern")[1:-1])
            return lambda row: (pattern.search(str(row.get(name) or "")) is not None) == wanted
        if operator == "in":
            values = self._values()
            return lambda row: (row.get(name) in values) == wanted
        if operator not in COMPARISONS or not wanted:
            raise QueryRefusedError(f"there is no operator {operator}")
        compare, other = COMPARISONS[operator], self._value()
        return lambda row: row.get(name) is not None and compare(row[name], other)

    def _values(self) -> list[Any]:
        self._expect("[")
        values = [self._value()]
        while self._peek() == ",":
            self._expect(",")
            values.append(self._value())
        self._expect("]")
        return values

    def _value(self) -> Any:  # noqa: ANN401 - a text or a number
        taken = self._take("text", "number")
        return taken[1:-1] if taken[0] in "\"'" else float(taken)

    def _names(self) -> list[str]:
        names = [self._field()]
        while self._peek() == ",":
            self._expect(",")
            names.append(self._field())
        return names

    def _field(self) -> str:
        name = self._take("name")
        if not self._aggregated:
            self._query.fields.add(name)
        elif name not in (self._query.columns or ()):
            raise QueryRefusedError(f"after stats there is no field {name}")
        return name

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, *kinds: str) -> str:
        if self._at == len(self._tokens):
            raise QueryRefusedError("the query ends too soon")
        kind, text = self._tokens[self._at]
        if kinds and kind not in kinds:
            raise QueryRefusedError(f"expected a {' or a '.join(kinds)}, found {text}")
        self._at += 1
        return text

    def _expect(self, sign: str) -> None:
        if (found := self._peek()) != sign:
            raise QueryRefusedError(f"expected {sign}, found {found or 'the end'}")
        self._at += 1


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise QueryRefusedError(f"cannot be read: {text[at : at + 20]}")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    return tokens


def _aggregated(function: str, what: str | None, percent: float, rows: Sequence[Row]) -> Any:  # noqa: ANN401 - a value
    if what is None:
        return len(rows)
    values = [row[what] for row in rows if row.get(what) is not None]
    if function == "count" or not values:
        return len(values) if function == "count" else None
    if function == "latest":
        known = [row for row in rows if row.get(what) is not None]
        # Of several at the same moment, the last one that was written.
        return max(reversed(known), key=lambda row: row["@timestamp"])[what]
    if function == "pct":
        return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]
    simple: dict[str, Callable[[list[Any]], Any]] = {"max": max, "min": min, "sum": sum}
    return sum(values) / len(values) if function == "avg" else simple[function](values)
