"""A small CloudWatch: the values of a simulated fleet, and what a metric widget makes of them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle_simulator.deployment.metric_lines import Datum

Key: TypeAlias = "tuple[str, str, frozenset[tuple[str, str]]]"
"""Namespace, name and dimensions of a metric."""

Series: TypeAlias = "dict[float, float]"
"""Values by the beginning of their period."""

SEARCH = re.compile(r"SEARCH\('\{([^}]+)\} MetricName=\"(\w+)\" stack=\"([\w-]+)\"', '(\w+)', (\d+)\)")
OPTIONS = frozenset({"color", "id", "label", "stat", "visible", "yAxis"})
FILLED = re.compile(r"FILL\((\w+), 0\)")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a widget.

    Attributes:
        label: as the widget's legend has it.
        values: by time.
        color: as the widget gives it, None where it does not.
    """

    label: str
    values: Series
    color: str | None = None


class MetricData:
    """Values of metrics with their times, seconds."""

    def __init__(self) -> None:
        self._values: dict[Key, list[tuple[float, float]]] = defaultdict(list)

    def add(self, data: Iterable[tuple[float, Datum]]) -> None:
        """Keep what metric lines hold."""
        for time, datum in data:
            key = (datum.namespace, datum.name, datum.dimensions)
            self._values[key] += [(time, value) for value in datum.values]

    def put(self, namespace: str, name: str, dimension: tuple[str, str], time: float, value: float) -> None:
        """Keep one value of a metric that AWS writes itself."""
        self._values[namespace, name, frozenset({dimension})].append((time, value))

    def series(self, key: Key, stat: str, period: float) -> Series:
        """Return the statistic of each period that has values."""
        periods: dict[float, list[float]] = defaultdict(list)
        for time, value in self._values.get(key, ()):
            periods[time // period * period].append(value)
        return {start: statistic(values, stat) for start, values in sorted(periods.items())}

    def search(self, expression: str) -> list[Line]:
        """Return the lines that a search finds.

        Raises:
            ValueError: it is written in another way than ours are.
        """
        found = SEARCH.search(expression)
        if found is None:
            raise ValueError(f"cannot be read: {expression}")
        namespace, *names = found[1].split(",")
        lines = []
        for key in sorted(self._values, key=lambda key: sorted(key[2])):
            dimensions = dict(key[2])
            if key[:2] == (namespace, found[2]) and set(dimensions) == set(names) and dimensions["stack"] == found[3]:
                values = self.series(key, found[4], float(found[5]))
                label = dimensions[names[-1]]
                factor = evaluated(f"one{expression[found.end() :]}", {"one": {0.0: 1.0}})[0.0]
                lines.append(Line(label=label, values={at: value * factor for at, value in values.items()}))
        return lines


def statistic(values: list[float], stat: str) -> float:
    """Return one statistic of values, as CloudWatch names it.

    Raises:
        ValueError: there is no such statistic.
    """
    if stat.startswith("p"):
        ordered = sorted(values)
        return ordered[min(len(ordered) - 1, int(len(ordered) * float(stat[1:]) / 100))]
    simple = {"Sum": sum, "Maximum": max, "Minimum": min, "SampleCount": len}
    if stat not in simple:
        raise ValueError(f"there is no statistic {stat}")
    return float(simple[stat](values))  # type: ignore[operator]  # each takes a list


def evaluated(expression: str, known: dict[str, Series]) -> Series:
    """Return metric math over series: arithmetic with numbers, ids and `FILL(id, 0)`.

    Raises:
        ValueError: it holds anything else.
    """
    filled = set(FILLED.findall(expression))
    text = FILLED.sub(r"\1", expression)
    names = set(re.findall(r"[a-z]\w*", text))
    if re.sub(r"[a-z]\w*|[\d.\s()+*/-]", "", text) or names - set(known):
        raise ValueError(f"cannot be read: {expression}")
    times = sorted({time for name in names for time in known[name]})
    code = compile(text, "expression", "eval")
    result: Series = {}
    for time in times:
        if all(time in known[name] or name in filled for name in names):
            values = {name: known[name].get(time, 0.0) for name in names}
            result[time] = float(eval(code, {"__builtins__": {}}, values))  # noqa: S307 - only arithmetic, see above
    return result


def lines_of(properties: dict[str, Any], data: MetricData) -> list[Line]:
    """Return the lines of a metric widget that are visible.

    Raises:
        ValueError: an expression or an option cannot be read.
    """
    known: dict[str, Series] = {}
    lines: list[Line] = []
    for entry in properties["metrics"]:
        options = entry[-1] if isinstance(entry[-1], dict) else {}
        expression = options.get("expression")
        if expression is not None and "SEARCH" in expression:
            lines += data.search(expression)
            continue
        if expression is not None:
            values = evaluated(expression, known)
        else:
            if unknown := set(options) - OPTIONS:
                raise ValueError(f"unknown options {sorted(unknown)}")
            stat = options.get("stat", properties.get("stat", "Average"))
            values = data.series(key_of(entry), stat, properties["period"])
        if "id" in options:
            known[options["id"]] = values
        if options.get("visible", True):
            lines.append(Line(label=options["label"], values=values, color=options.get("color")))
    return lines


def key_of(entry: list[Any]) -> Key:
    """Return the metric that an entry of a widget names."""
    namespace, name, *rest = [part for part in entry if isinstance(part, str)]
    return namespace, name, frozenset(zip(rest[::2], rest[1::2], strict=True))
