"""Dashboard, queries and alarms of the template show what the application writes, and lead to the handbook."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.cli.metric_reference import reference
from asg_lifecycle.model.log_keys import ENDED_KEYS
from asg_lifecycle.model.metrics import DEFINITIONS
from asg_lifecycle_simulator.services.log_queries import QueryRefusedError, read_query
from benchmarks.dashboard.body import NAMES, dashboard, queries
from benchmarks.dashboard.checks import LOG_KEYS, problems_of, query_problems
from benchmarks.dashboard.fleet import Day, play
from benchmarks.dashboard.metric_data import lines_of
from benchmarks.dashboard.picture import draw
from tests.template.expanded import ROOT, source

if TYPE_CHECKING:
    from pathlib import Path

QUERIES = queries()
HANDBOOK = ROOT / "docs" / "operations.md"
REMEDY = re.compile(r"^    (asg-lifecycle|aws) ", re.MULTILINE)
BODY = dashboard()
WIDGETS = BODY["widgets"]


@pytest.fixture(scope="module")
def day() -> Day:
    return play(hours=1, seed=4)


def alarms() -> dict[str, str]:
    """Return the description of each alarm."""
    return {
        name: resource["Properties"]["AlarmDescription"]["Fn::Sub"]
        for name, resource in source()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def sections(handbook: str) -> dict[str, str]:
    """Return the sections of the handbook by the anchors that their titles have on GitHub."""
    parts = re.split(r"^## ", handbook, flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0].lower().replace(" ", "-"): part for part in parts}


def without_section(descriptions: dict[str, str], handbook: str) -> list[str]:
    """Return the alarms that lead to no section of theirs which says what to do."""
    found = sections(handbook)
    linked = {name: text.partition("${HandbookUrl}#")[2] for name, text in descriptions.items()}
    return [
        name
        for name, anchor in linked.items()
        if f"`{name}`" not in found.get(anchor, "") or not (REMEDY.search(found[anchor]) or "query" in found[anchor])
    ]


def test_every_alarm_leads_to_its_section_of_the_handbook() -> None:
    assert without_section(alarms(), HANDBOOK.read_text()) == []
    about_alarms = [text for text in sections(HANDBOOK.read_text()).values() if "Alarm`" in text]
    assert len(about_alarms) == len(alarms())


def test_an_alarm_without_a_section_or_with_another_ones_is_found_out() -> None:
    text = HANDBOOK.read_text()
    assert without_section(alarms(), text.replace("## Held actions", "## Held")) == ["HeldActionsAlarm"]
    assert without_section(alarms() | {"SweepAlarm": "${HandbookUrl}#held-actions"}, text) == ["SweepAlarm"]


def test_the_dashboard_shows_what_is_written() -> None:
    assert problems_of(BODY) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"ActionsInFlight"', '"ActionInFlight"'),
        ('"stack", "local"', '"stack", "other"'),
        ('"service", "asg-lifecycle", "stack"', '"group", "asg-lifecycle", "stack"'),
        ("{AsgLifecycle,service,stack,cause}", "{AsgLifecycle,stack,cause}"),
        ("ActionsWaitingNow", "ActionsWaiting"),
        ('"Throttles"', '"Throttle"'),
        ("by group, instance, hook", "by groups, instance, hook"),
        ("pct(seconds, 90)", "percentile(seconds, 90)"),
        ("operations * 0.000008", "operation * 0.000008"),
        ('"x": 12', '"x": 11'),
    ],
)
def test_a_mistake_in_the_dashboard_is_found_out(right: str, wrong: str) -> None:
    text = json.dumps(BODY)
    assert right in text
    assert problems_of(json.loads(text.replace(right, wrong, 1))) != []


def test_there_are_five_queries() -> None:
    assert len(QUERIES) == 5


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_reads_fields_that_lines_have_and_finds_something(name: str, day: Day) -> None:
    assert query_problems(QUERIES[name]) == []
    instance = next(line["instance"] for line in day.log if "instance" in line)
    rows = read_query(QUERIES[name].replace("i-0123456789abcdef0", instance)).run(day.log)
    assert rows != []
    assert all(value is not None for value in rows[0].values())


def test_the_lines_of_a_fleet_have_the_keys_that_are_documented(day: Day) -> None:
    lines = [line for line in day.log if "_aws" not in line]
    assert {key for line in lines for key in line} - LOG_KEYS == set()
    assert {key for line in lines for key in line} >= set(ENDED_KEYS)


def test_the_held_are_those_whose_last_word_was_that_they_are(day: Day) -> None:
    rows = read_query(QUERIES["HeldQuery"]).run(day.log)
    held = {line["instance"] for line in day.log if str(line.get("message", "")).startswith("held")}
    ended = {line["instance"] for line in day.log if "seconds" in line}
    assert {row["instance"] for row in rows} == held - ended


def test_most_widgets_have_something_to_show(day: Day) -> None:
    empty = [
        widget["properties"]["title"]
        for widget in WIDGETS
        if widget["type"] == "metric" and not any(line.values for line in lines_of(widget["properties"], day.metrics))
    ]
    assert empty == []


def test_the_picture_is_drawn(day: Day, tmp_path: Path) -> None:
    draw(BODY, day, tmp_path / "dashboard.png")
    assert (tmp_path / "dashboard.png").stat().st_size > 50_000


@pytest.mark.parametrize(
    "query",
    [
        "filtr level = 'x'",
        "filter level == 'x'",
        "stats count(*) by level | sort lines",
        "stats median(seconds) by group",
        "filter level in ['x'",
        "fields level limit 3",
        "",
    ],
)
def test_a_query_with_a_mistake_is_refused(query: str) -> None:
    with pytest.raises(QueryRefusedError):
        read_query(query)


def test_the_reference_of_metrics_is_the_one_of_the_code() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    assert page == reference(), "python -m asg_lifecycle.cli.metric_reference > docs/metrics.md"


def test_the_price_of_metrics_by_group_is_the_one_that_the_parameter_states() -> None:
    described = source()["Parameters"]["MetricsByGroup"]["Description"]
    count = sum(definition.by_group for definition in DEFINITIONS.values())
    assert f"{count} more metrics for each group, ${count * 0.30:.2f} a month" in described


def test_every_name_that_the_dashboard_is_given_is_used() -> None:
    text = json.dumps(source()["Resources"]["OperationsDashboard"])
    assert [name for name in NAMES if f"${{{name}}}" not in text] == []


def test_the_handbook_is_where_the_parameter_says_by_default() -> None:
    assert ROOT / source()["Parameters"]["HandbookUrl"]["Default"] == HANDBOOK
