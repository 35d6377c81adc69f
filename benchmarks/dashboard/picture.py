"""Draws a dashboard as its console would, near enough to judge what it says."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import dates
from matplotlib import pyplot as plt
from matplotlib.transforms import Bbox

from asg_lifecycle_simulator.services.log_queries import read_query
from benchmarks.dashboard.metric_data import MetricData, lines_of

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.dashboard.fleet import Day

COLUMNS = 24
INCH = 0.75
"""Of a column; a row is as high."""
MOST_ROWS = 7
"""Of a table."""
SECONDS_PER_DAY = 86_400.0
"""Matplotlib's dates are days since the epoch."""


def draw(body: dict[str, Any], day: Day, path: Path) -> None:
    """Write the picture of a dashboard as a PNG file."""
    widgets = body["widgets"]
    rows = max(widget["y"] + widget["height"] for widget in widgets)
    figure = plt.figure(figsize=(COLUMNS * INCH, rows * INCH), facecolor="#f2f3f3")
    for widget in widgets:
        margin = (0.055, 0.85, 0.1, 0.75)
        left, bottom = widget["x"] + margin[1], rows - widget["y"] - widget["height"] + margin[3]
        width, height = widget["width"] - margin[1] - 0.3, widget["height"] - margin[3] - 0.65
        axes = figure.add_axes((left / COLUMNS, bottom / rows, width / COLUMNS, height / rows))
        _draw_widget(axes, widget, day)
    figure.savefig(path, dpi=75)
    plt.close(figure)


def _draw_widget(axes: Axes, widget: dict[str, Any], day: Day) -> None:
    properties = widget["properties"]
    axes.set_title(properties.get("title", ""), loc="left", fontsize=11, fontweight="bold")
    match widget["type"], properties.get("view"):
        case "text", _:
            axes.axis("off")
            text = properties["markdown"].replace("**", "").replace("`", "")
            axes.text(0, 0.5, "\n".join(wrap(text, 190)), fontsize=11, va="center")
        case "log", "bar":
            _draw_bars(axes, _rows(properties, day))
        case "log", _:
            _draw_table(axes, *_table(properties, day), widest=6 * widget["width"])
        case _, "singleValue":
            _draw_number(axes, properties, day.metrics)
        case _:
            _draw_lines(axes, properties, day)


def _rows(properties: dict[str, Any], day: Day) -> list[dict[str, Any]]:
    return read_query(properties["query"]).run(day.log)


def _table(properties: dict[str, Any], day: Day) -> tuple[list[str], list[dict[str, Any]]]:
    query = read_query(properties["query"])
    return query.columns or ["@timestamp", "@message"], query.run(day.log)


def _draw_table(axes: Axes, columns: list[str], rows: list[dict[str, Any]], *, widest: int) -> None:
    axes.axis("off")
    if not rows:
        axes.text(0, 0.8, "no results", fontsize=10, color="#687078")
        return
    cells = [[_cell(name, row.get(name), widest) for name in columns] for row in rows[:MOST_ROWS]]
    widths = [max(len(name), *(len(row[number]) for row in cells)) + 2 for number, name in enumerate(columns)]
    high = (len(cells) + 1) / (MOST_ROWS + 2)
    table = axes.table(
        cellText=cells,
        colLabels=columns,
        cellLoc="left",
        colLoc="left",
        bbox=Bbox.from_bounds(0.0, 1.0 - high, 1.0, high),
        colWidths=[width / sum(widths) for width in widths],
        edges="horizontal",
    )
    table.auto_set_font_size(value=False)
    table.set_fontsize(8)
    if len(rows) > MOST_ROWS:
        axes.text(0, 0.0, f"and {len(rows) - MOST_ROWS} more, further down in the widget", fontsize=8)


def _cell(name: str, value: object, widest: int) -> str:
    if isinstance(value, float) and (name.startswith("@") or name == "since"):
        return f"{datetime.fromtimestamp(value, UTC):%H:%M:%S}"
    text = str(value) if value is not None else ""
    return text if len(text) <= widest else f"{text[: widest - 1]}…"


def _draw_bars(axes: Axes, rows: list[dict[str, Any]]) -> None:
    names = [str(next(iter(row.values()))) for row in rows]
    values = [float(list(row.values())[1]) for row in rows]
    axes.barh(names[::-1], values[::-1], color="#1f77b4")
    axes.tick_params(labelsize=9)


def _draw_number(axes: Axes, properties: dict[str, Any], data: MetricData) -> None:
    axes.axis("off")
    (line,) = lines_of(properties, data)
    values = list(line.values.values())
    axes.plot(range(len(values)), values, color="#aab7b8", linewidth=1)
    text = f"{values[-1]:.0f}" if values else "--"
    axes.text(0.02, 0.5, text, transform=axes.transAxes, fontsize=26, va="center", fontweight="bold")
    axes.text(0.02, 0.02, line.label, transform=axes.transAxes, fontsize=9, color="#687078")


def _draw_lines(axes: Axes, properties: dict[str, Any], day: Day) -> None:
    lines = lines_of(properties, day.metrics)
    if properties.get("stacked"):
        times = sorted({time for line in lines for time in line.values})
        stacks = [[line.values.get(time, 0.0) for time in times] for line in lines]
        if lines:
            labels = [line.label for line in lines]
            axes.stackplot([_time(time) for time in times], stacks, labels=labels, alpha=0.8, step="post")
    else:
        for line in lines:
            times = [_time(time) for time in line.values]
            axes.plot(times, list(line.values.values()), label=line.label, color=line.color, marker=".", markersize=3)
    axes.set_xlim(_time(day.began), _time(day.ended))
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]  # untyped there
    axes.xaxis.set_major_locator(dates.HourLocator(interval=2))  # type: ignore[no-untyped-call]  # likewise
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    if lines:
        axes.legend(fontsize=8, ncols=min(5, len(lines)), loc="upper left", framealpha=0.7)


def _time(seconds: float) -> float:
    return seconds / SECONDS_PER_DAY
