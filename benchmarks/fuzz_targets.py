"""Random input for everything that reads input from outside, and the checks that hold for any input.

Half of the input is a sample payload with some of its parts replaced, also inside of JSON texts; half is any JSON.
"""

# ruff: noqa: S101 - Hypothesis runs it, and searches for input that fails an assertion
from __future__ import annotations

import copy
import json
import math
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st

from asg_lifecycle.cli.story_page.page import story_page
from asg_lifecycle.model import messages, start_requests
from asg_lifecycle.model.action_story import ActionStory, StoryError, read_story, story_values
from asg_lifecycle.model.action_timeline import timeline_of
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.events import Decision, Handle, Ignore, Invalid, decide, decisions_in_text
from asg_lifecycle.model.hooks import refuse
from asg_lifecycle.model.interruptions import Interruption, interruption
from asg_lifecycle.model.records import Status, claim_record
from asg_lifecycle.model.start_requests import StartReason, StartRequest
from asg_lifecycle.model.step_memory import StepOutcome
from asg_lifecycle.model.story_telling import story_of
from asg_lifecycle.plans.selection import plan_offline
from asg_lifecycle_simulator.deployment.parameters import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

EVENTS = Path(__file__).parents[1] / "events"
INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
PartPath = tuple[str | int, ...]
INSIDE = "in the JSON of the text"
"""The part of a path that leads into a text that is JSON."""

ACTION = LifecycleAction(
    token=None,
    group="web",
    hook=f"{PREFIX}-terminate",
    instance="i-0123456789abcdef0",
    transition=Transition.TERMINATING,
    time=1_800_000_000.0,
    metadata='{"plan": {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}}',
)
SAMPLES: list[Any] = [json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))]
SAMPLES += [
    start_requests.payload(
        StartRequest(reason=reason, action=ACTION, takes_over="arn:aws:lambda:x", until=1_800_000_120.0)
    )
    for reason in StartReason
]

any_text = st.text(st.characters(exclude_categories=()), max_size=40)
near_texts = st.sampled_from(
    [
        "",
        " ",
        "\ud800",
        "null",
        "{}",
        "[]",
        "{",
        '{"a": 1}',
        "i-0123456789abcdef0",
        PREFIX,
        "aws.autoscaling",
        "x" * 300,
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | any_text | near_texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4), max_leaves=10
)


@st.composite
def mutated(draw: st.DrawFn, samples: Sequence[Any] = tuple(SAMPLES)) -> Any:  # noqa: ANN401 - any JSON
    """Draw a sample with up to three of its parts replaced, removed or put into a text."""
    payload = copy.deepcopy(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(paths(payload))))
        way = draw(st.sampled_from(["value", "value", "sample", "text", "list", "removed"]))
        payload = replaced(payload, path, partial(_changed, draw, way))
    return payload


def _changed(draw: st.DrawFn, way: str, part: Any) -> Any:  # noqa: ANN401 - any JSON
    match way:
        case "value":
            return draw(values)
        case "sample":
            return copy.deepcopy(draw(st.sampled_from(SAMPLES)))
        case "text":
            return json.dumps(part)
        case "list":
            return [part, part]
        case _:
            return REMOVED


REMOVED = object()


def paths(value: object, here: PartPath = ()) -> Iterator[PartPath]:
    """Yield the path of every part of a JSON value, also of those inside of texts that are JSON."""
    yield here
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*here, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*here, index))
    elif isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            yield from paths(json.loads(value), (*here, INSIDE))
        except ValueError:
            return


def replaced(value: Any, path: PartPath, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return `value` with the part at `path` changed; a part that becomes `REMOVED` is left out."""
    if not path:
        changed = change(value)
        return None if changed is REMOVED else changed
    first, rest = path[0], path[1:]
    if first == INSIDE and isinstance(value, str):
        return json.dumps(replaced(json.loads(value), rest, change))
    if not rest:
        changed = change(value[first])
        if changed is REMOVED:
            del value[first]
        else:
            value[first] = changed
    else:
        value[first] = replaced(value[first], rest, change)
    return value


payloads = mutated() | values
texts = any_text | near_texts | payloads.map(json.dumps)


def check_decisions(payload: object) -> None:
    """Check the decision about an event, a notification or a start request."""
    for prefix in ("", PREFIX):
        direct = decide(payload, hook_name_prefix=prefix, with_starts=True)
        for decision in (direct, *decisions_in_text(json.dumps(payload), hook_name_prefix=prefix)):
            _check_decision(decision, prefix)


def check_text(text: str) -> None:
    """Check the decisions about a text."""
    found = decisions_in_text(text, hook_name_prefix=PREFIX)
    assert found, "no decision"
    for decision in found:
        _check_decision(decision, PREFIX)


def check_interruption(payload: object) -> None:
    """Check the decision about an event of EC2."""
    found = interruption(payload)
    if isinstance(found, Interruption):
        assert INSTANCE_ID.fullmatch(found.instance)
        assert math.isfinite(found.time)
        assert found.until is None or found.until > found.time
    else:
        _check_reason(found)


def check_message(payload: bytes) -> None:
    """Check how a message to the inbox is read."""
    assert messages.describe(messages.decode(payload))


def check_plan(metadata: str) -> None:
    """Check the plan that a hook's metadata leads to."""
    decision = plan_offline(msgspec.structs.replace(ACTION, metadata=metadata))
    assert (decision.plan is None) == bool(decision.problems)
    # It is written to a checkpoint and to the record.
    assert msgspec.json.decode(msgspec.json.encode(decision), type=type(decision)) == decision


def check_story(text: str) -> None:
    """Check how a saved story is read: it is refused on one line, or can be shown in every form."""
    story = _read(text)
    if isinstance(story, str):
        assert "\n" not in story
        return
    assert read_story(json.dumps(story_values(story))) == story
    assert timeline_of(story)
    assert story_page(story).encode()


def _read(text: str) -> ActionStory | str:
    try:
        return read_story(text)
    except StoryError as refused:
        return str(refused)


def _saved_stories() -> Iterator[Any]:
    """Yield the story of an action in flight, and of one that has ended."""
    claimed = claim_record(
        ACTION, execution="arn:aws:lambda:eu-west-1:123456789012:function:f:1/x", now=0.0, retention=0
    )
    working = msgspec.structs.replace(
        claimed,
        status=Status.WORKING,
        plan_source="default",
        plan_why="it is the default",
        plan_kinds=("wait", "wait"),
        step_outcomes=(StepOutcome(kind="wait", outcome="done", detail="waited", began_at=1.0, ended_at=2.0),),
        messages=("skip the current step, said somebody at 2027-01-15T08:00:00Z: why not",),
        deadline=1_800_100_000.0,
    )
    ended = msgspec.structs.replace(working, status=Status.LOST, in_flight=None, ended_at=1_800_000_100.0)
    for record in (working, ended):
        yield json.loads(json.dumps(story_values(story_of(record, 1_800_000_200.0, log_group="logs"))))


def _check_decision(decision: Decision, prefix: str) -> None:
    if not isinstance(decision, Handle):
        _check_reason(decision)
        return
    action = decision.action
    assert refuse(action.hook, prefix) is None
    assert isinstance(action.transition, Transition)
    # It goes into the record and into checkpoints.
    assert msgspec.json.decode(msgspec.json.encode(action), type=LifecycleAction) == action
    if decision.start is not None:
        assert decision.start.action == action
        return
    assert action.token is not None
    assert len(action.token) == 36  # noqa: PLR2004 - R2
    assert INSTANCE_ID.fullmatch(action.instance)
    assert 0 < len(action.group) <= 255  # noqa: PLR2004 - R29
    assert 0 < len(action.hook) <= 255  # noqa: PLR2004 - R29
    assert math.isfinite(action.time)


def _check_reason(decision: Ignore | Invalid) -> None:
    assert decision.reason
    assert decision.reason.isprintable(), decision.reason


@dataclass(frozen=True)
class FuzzTarget:
    """Code that reads input from outside: its random inputs, the check of its result, how many are tried in a row."""

    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    batch: int = 200


FUZZ_TARGETS = {
    "event": FuzzTarget(payloads, check_decisions),
    "text": FuzzTarget(texts, check_text),
    "interruption": FuzzTarget(payloads, check_interruption),
    "message": FuzzTarget(
        st.binary(max_size=60) | texts.map(lambda text: text.encode(errors="replace")), check_message
    ),
    "plan": FuzzTarget(texts, check_plan),
    "story": FuzzTarget(mutated(tuple(_saved_stories())).map(json.dumps) | texts, check_story),
}
"""Those that are pure functions. The handler of notifications needs a region, see `fuzz_queue.py`."""

BODIES = st.lists(texts, max_size=4)
