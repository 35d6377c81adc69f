"""The page about events is that of the code, and the rules beside it match what is published."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from moto.events.models import EventPattern
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # the package ships no types

from asg_lifecycle.cli.explain import explain_text
from asg_lifecycle.model.action_events import SOURCE, EventKind
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.replay.testbed import RecordingTestbed
from tests.event_reference import reference
from tests.template.expanded import Expanded, expand, source
from tests.template.linting import lint

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "event-rules" / "template.yaml"
HOLDING = {"steps": [{"kind": "deregister-targets", "options": {"names": ["there-is-none"]}}]}


@cache
def published() -> tuple[str, ...]:
    """Return the events of an action that is held and then abandoned, each as JSON."""
    with RecordingTestbed(Deployment) as testbed:
        testbed.drain(HOLDING)
        testbed.run(200)
        testbed.send_message(Finish(ActionResult.ABANDON, by="ann"))
        testbed.finish()
        events = [event for event in testbed.region.events.emitted if event["source"] == SOURCE]
        return tuple(msgspec.json.encode(event).decode() for event in events)


def example() -> Expanded:
    return Expanded(yaml_parse(EXAMPLE.read_text()))


def matched(pattern: Any) -> list[str]:
    """Return the kinds of the events that a rule's pattern matches."""
    found = EventPattern.load(json.dumps(pattern))
    return [event["detail-type"] for event in map(json.loads, published()) if found.matches_event(event)]


def test_the_page_is_that_of_the_code() -> None:
    assert (ROOT / "docs" / "events.md").read_text() == reference(), "python -m tests.event_reference > docs/events.md"


def test_an_event_of_each_kind_is_published() -> None:
    assert {json.loads(event)["detail-type"] for event in published()} == set(EventKind)


def test_explain_says_that_they_are_ignored() -> None:
    for text in published():
        (decision,) = explain_text(text, "").decisions
        assert decision == {"decision": "ignore", "reason": f"source {SOURCE!r} is not 'aws.autoscaling'"}


def test_no_rule_of_ours_matches_them() -> None:
    expanded = expand(source())
    rules = expanded.of("AWS::Events::Rule")
    patterns = {name: expanded.resolve(it["EventPattern"]) for name, it in rules.items() if "EventPattern" in it}
    assert len(patterns) >= 5
    assert {name: matched(pattern) for name, pattern in patterns.items() if matched(pattern)} == {}


def test_nothing_is_to_be_said_about_the_example() -> None:
    assert lint(example()) == []


def test_the_rules_of_the_example_match_what_they_say() -> None:
    rules = example().of("AWS::Events::Rule")
    patterns = {name: example().resolve(rule["EventPattern"]) for name, rule in rules.items()}
    assert {name: matched(pattern) for name, pattern in patterns.items()} == {
        "NeedsSomebodyRule": ["Lifecycle Action Held"],
        "AbandonedRule": ["Lifecycle Action Ended"],
    }


def test_what_the_rules_of_the_example_take_from_an_event_is_there() -> None:
    event = json.loads(published()[-1])
    for rule in example().of("AWS::Events::Rule").values():
        for target in rule["Targets"]:
            paths = [*target.get("InputTransformer", {}).get("InputPathsMap", {}).values()]
            for path in [*paths, *([target["InputPath"]] if "InputPath" in target else [])]:
                found = event
                for name in path.removeprefix("$.").split("."):
                    found = found[name]
                assert found
