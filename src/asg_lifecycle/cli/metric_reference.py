"""The reference of metrics and log keys, written from their definitions.

python -m asg_lifecycle.cli.metric_reference > docs/metrics.md
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from asg_lifecycle.model.blockers import BlockerKind
from asg_lifecycle.model.log_keys import ACTION_KEYS, ENDED_KEYS, LINE_KEYS, STEP_KEYS
from asg_lifecycle.model.metrics import DEFINITIONS, NAMESPACE, SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

METRIC_PRICE = 0.30
"""Dollars a month for a metric, of the first 10,000 of an account (us-east-1), for hours in which it has values."""


def reference() -> str:
    """Return the page, as Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Metrics and log keys"
    yield ""
    yield "<!-- Written by `python -m asg_lifecycle.cli.metric_reference`. -->"
    yield ""
    yield (
        f"All metrics are in the namespace `{NAMESPACE}` of CloudWatch, with the dimensions `service` (`{SERVICE}`) "
        "and `stack` (the name of the stack). They are written as log lines in the embedded metric format: that is no "
        "call. What to do when an alarm goes off stands in the [handbook](operations.md)."
    )
    yield ""
    yield from _prices()
    yield from _counting()
    yield from _metrics()
    yield from _log_keys()


def _prices() -> Iterator[str]:
    grouped = sum(definition.by_group for definition in DEFINITIONS.values())
    caused = sum(definition.by_cause for definition in DEFINITIONS.values())
    plain = len(DEFINITIONS) - caused
    yield "## How many there are, and what they cost"
    yield ""
    yield (
        f"CloudWatch bills each metric with each value of its dimensions as a metric of its own, about "
        f"${METRIC_PRICE:.2f} a month, for the hours in which it has values (us-east-1; ten are free)."
    )
    yield ""
    yield "| | metrics at most | dollars a month at most |"
    yield "|---|---|---|"
    yield f"| without a group or a cause | {plain} | {plain * METRIC_PRICE:.2f} |"
    most = caused * len(BlockerKind)
    yield f"| by cause: {caused} metrics, {len(BlockerKind)} causes | {most} | {most * METRIC_PRICE:.2f} |"
    yield (
        f"| by group, where the stack's parameter `MetricsByGroup` is `on`: for each group | {grouped} | "
        f"{grouped * METRIC_PRICE:.2f} |"
    )
    yield f"| so for 50 groups | {50 * grouped} | {50 * grouped * METRIC_PRICE:.2f} |"
    yield ""
    yield (
        "Without `MetricsByGroup` the log lines still tell times by group: see the query `durations-by-group` of the "
        "stack. A group whose name is not ASCII has no metrics of its own, because CloudWatch takes none. A cause is a "
        "kind of blocker: " + ", ".join(f"`{kind}`" for kind in sorted(BlockerKind)) + "."
    )
    yield ""


def _counting() -> Iterator[str]:
    yield "## How exact they are"
    yield ""
    yield (
        "A metric is written when the invocation ends in which it was counted. Where a Lambda environment is killed, "
        "by its timeout or for want of memory, what that invocation had counted is missing. Where the result of an "
        "operation could not be kept, the operation is run again: a metric that *may* be counted twice is then counted "
        "again. Those that are not are written on the first closing of a record, or by a sweep, which measures anew."
    )
    yield ""
    yield "A gauge by cause or by group has no value where there is nothing to count: read a gap as 0."
    yield ""


def _metrics() -> Iterator[str]:
    yield "## Metrics"
    yield ""
    yield "| metric | unit, statistic | also by | twice? | what it tells | worry when |"
    yield "|---|---|---|---|---|---|"
    for metric, definition in DEFINITIONS.items():
        unit = "seconds" if metric.is_time else "number"
        also = "group" if definition.by_group else "only by cause" if definition.by_cause else ""
        yield (
            f"| `{metric.value}` | {unit}, {definition.statistic} | {also} | {definition.repeats} | "
            f"{definition.meaning} | {definition.worry} |"
        )
    yield ""


def _log_keys() -> Iterator[str]:
    yield "## Log keys"
    yield ""
    yield "Each log line is a JSON object. CloudWatch Logs Insights knows its keys as fields."
    yield ""
    yield "| key | on | what it holds |"
    yield "|---|---|---|"
    yield from _keys("each line", LINE_KEYS)
    yield from _keys("lines about an action", ACTION_KEYS)
    yield from _keys("lines that the application words itself", STEP_KEYS)
    yield from _keys("the line that tells the end of an action", ENDED_KEYS)


def _keys(where: str, keys: Mapping[str, str]) -> Iterator[str]:
    yield from (f"| `{key}` | {where} | {meaning} |" for key, meaning in keys.items())


if __name__ == "__main__":
    sys.stdout.write(reference())
