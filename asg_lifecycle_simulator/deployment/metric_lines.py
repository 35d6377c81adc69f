"""The lines in which the application writes its metrics, read as CloudWatch reads them: the embedded metric format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MARK = "_aws"
"""The key by which CloudWatch knows such a line."""


@dataclass(frozen=True, kw_only=True)
class Datum:
    """Values of one metric under one set of dimensions, of one line.

    Attributes:
        namespace: of the metric.
        name: of the metric.
        unit: of the values.
        dimensions: names and values.
        values: at least one.
    """

    namespace: str
    name: str
    unit: str
    dimensions: frozenset[tuple[str, str]]
    values: tuple[float, ...]


def data_of(lines: Iterable[str]) -> Iterator[Datum]:
    """Return what CloudWatch takes from log lines; lines without metrics are passed over."""
    for line in lines:
        if line.startswith("{") and MARK in (read := json.loads(line)):
            yield from data_in(read)


def data_in(line: Mapping[str, Any]) -> Iterator[Datum]:
    """Return the metrics of one line, read as JSON."""
    for directive in line[MARK]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, line[name]) for name in names)
            for metric in directive["Metrics"]:
                found = line[metric["Name"]]
                yield Datum(
                    namespace=directive["Namespace"],
                    name=metric["Name"],
                    unit=metric["Unit"],
                    dimensions=dimensions,
                    values=tuple(found) if isinstance(found, list) else (found,),
                )
