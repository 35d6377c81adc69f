"""What is wrong with a dashboard: metrics that nobody writes, queries that cannot be read, widgets that overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.log_keys import ACTION_KEYS, ENDED_KEYS, LINE_KEYS, STEP_KEYS
from asg_lifecycle.model.metrics import NAMESPACE, SERVICE, Metric, dimension_sets
from asg_lifecycle_simulator.services.log_queries import QueryRefusedError, read_query
from benchmarks.dashboard.body import NAMES
from benchmarks.dashboard.metric_data import SEARCH, MetricData, key_of, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = 24
LOG_KEYS = {*ACTION_KEYS, *ENDED_KEYS, *LINE_KEYS, *STEP_KEYS, "@timestamp", "@message"}
OF_AWS = {
    "AWS/DynamoDB": ("TableName", {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"}, {"RecordsTable"}),
    "AWS/Lambda": (
        "FunctionName",
        {"Duration", "Errors", "Invocations", "Throttles"},
        {"LifecycleActionFunction", "SweepFunction"},
    ),
}
"""The metrics of AWS that widgets may name: their dimension, their names, and the resources whose they are."""


def problems_of(body: dict[str, Any]) -> list[str]:
    """Return a sentence for each thing that is wrong with a dashboard."""
    return [*_placement(body["widgets"]), *(found for widget in body["widgets"] for found in _widget(widget))]


def query_problems(text: str) -> list[str]:
    """Return what is wrong with a query: mistakes in it, and fields that no log line has."""
    try:
        query = read_query(text)
    except QueryRefusedError as refused:
        return [f"{refused}: {text}"]
    return [f"no log line has {name}: {text}" for name in sorted(query.fields - LOG_KEYS)]


def _placement(widgets: list[dict[str, Any]]) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for widget in widgets:
        title = widget["properties"].get("title", widget["type"])
        if widget["x"] + widget["width"] > COLUMNS:
            yield f"{title}: beyond the {COLUMNS} columns"
        for x in range(widget["x"], widget["x"] + widget["width"]):
            for y in range(widget["y"], widget["y"] + widget["height"]):
                if taken.setdefault((x, y), title) != title:
                    yield f"{title}: over {taken[x, y]}"
                    return


def _widget(widget: dict[str, Any]) -> Iterator[str]:
    properties = widget["properties"]
    if widget["type"] == "log":
        yield from query_problems(properties["query"])
    if widget["type"] != "metric":
        return
    for entry in properties["metrics"]:
        expression = entry[-1].get("expression", "") if isinstance(entry[-1], dict) else ""
        if "SEARCH" in expression:
            yield from _search(expression)
        elif not expression:
            yield from _metric(entry)
    try:
        lines_of(properties, MetricData())
    except (KeyError, ValueError) as error:
        yield f"{properties['title']}: {error}"


def _search(expression: str) -> Iterator[str]:
    found = SEARCH.search(expression)
    if found is None:
        yield f"cannot be read: {expression}"
        return
    namespace, *names = found[1].split(",")
    if namespace != NAMESPACE or found[3] != NAMES["AWS::StackName"] or not _is_written(found[2], set(names)):
        yield f"nobody writes what this looks for: {expression}"


def _metric(entry: list[Any]) -> Iterator[str]:
    namespace, name, dimensions = key_of(entry)
    values = dict(dimensions)
    if namespace == NAMESPACE:
        ours = {"service": SERVICE, "stack": NAMES["AWS::StackName"]}
        if not _is_written(name, set(values)) or values != ours:
            yield f"nobody writes {name} with {sorted(values.items())}"
        return
    dimension, names, resources = OF_AWS.get(namespace, ("", set(), set()))
    if name not in names or set(values) != {dimension} or values[dimension] not in {NAMES[each] for each in resources}:
        yield f"AWS writes no {namespace} {name} with {sorted(values.items())}"


def _is_written(name: str, dimensions: set[str]) -> bool:
    return name in set(Metric) and any(
        dimensions == set(names) for names in dimension_sets(Metric(name), by_group=False)
    )
