"""The messages to people: short enough for SNS, and text that means nothing to a chat."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.action_event_messages import chat, subject, text
from asg_lifecycle.model.action_events import ActionEvent, EventKind, Told, action_event, event_number
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.records import Status

EXECUTION = "arn:{}:lambda:{}:123456789012:function:stack-Function:7/durable-execution/name/id"
ACTION = LifecycleAction(
    token="87654321-4321-4321-4321-210987654321",  # noqa: S106 - a lifecycle action token
    group="web",
    hook="asg-lifecycle-launch",
    instance="i-0123456789abcdef0",
    transition=Transition.LAUNCHING,
    time=1_000.0,
)


def told(
    kind: EventKind = EventKind.HELD, *, partition: str = "aws", region: str = "eu-west-1", **more: Any
) -> ActionEvent:
    action = msgspec.structs.replace(ACTION, group=more.pop("group", "web"))
    said = Told(kind=kind, number="1", status=Status.HELD, reason=more.pop("reason", "why"), **more)
    return action_event(action, EXECUTION.format(partition, region), said, stack="stack", record=None)


@given(group=st.text(min_size=1, max_size=255), reason=st.text(max_size=5_000), kind=st.sampled_from(EventKind))
def test_whatever_is_told_sns_accepts_it(group: str, reason: str, kind: EventKind) -> None:
    event = told(kind, group=group, reason=reason)
    title = subject(kind, event)
    assert 0 < len(title) <= 100
    assert title.isascii()
    assert title.isprintable()
    said = text(kind, event, 2_000.0) + chat(kind, event, 2_000.0)
    assert len(said.encode(errors="replace")) < 64_000


def test_a_subject_begins_with_what_happened_and_to_whom() -> None:
    assert subject(EventKind.HELD, told()) == "Held: i-0123456789abcdef0 in web"
    long = subject(EventKind.STEP_FAILED, told(group="g" * 255))
    assert long.startswith("Step failed: i-0123456789abcdef0 in ggg")
    assert long.endswith("~")


def test_what_a_chat_takes_for_markup_is_escaped() -> None:
    notification = json.loads(chat(EventKind.HELD, told(group="<!channel>", reason="a & b <https://x|y>"), 1_000.0))
    shown = notification["content"]["title"] + notification["content"]["description"]
    assert "<" not in shown
    assert "&lt;!channel&gt;" in shown
    assert "a &amp; b &lt;https://x|y&gt;" in shown
    # A group's name cannot leave the address of a link either.
    assert "<!channel>" not in notification["content"]["nextSteps"][1]


def test_a_reason_of_several_lines_is_one_line() -> None:
    assert len(text(EventKind.HELD, told(reason="one\ntwo\nthree"), 1_000.0).splitlines()) == 4


def test_blockers_beyond_five_are_counted() -> None:
    blockers = tuple(Blocker(kind=BlockerKind.POD, name=f"web-{number}", reason="runs") for number in range(7))
    third = text(EventKind.HELD, told(blockers=blockers), 1_000.0).splitlines()[2]
    assert third.startswith("It is kept by pod web-0 (runs), ")
    assert third.endswith("pod web-4 (runs) and 2 more.")


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_links_lead_to_the_console_of_the_partition(partition: str, region: str, host: str) -> None:
    links = told(partition=partition, region=region, group="my group/a&b").links
    assert links.group == (
        f"https://{host}/ec2/home?region={region}#AutoScalingGroupDetails:id=my%20group%2Fa%26b;view=details"
    )
    assert links.function == f"https://{host}/lambda/home?region={region}#/functions/stack-Function"


def test_each_execution_has_numbers_of_its_own() -> None:
    one, other = (event_number(EXECUTION.format("aws", region), 2, 1) for region in ("a", "b"))
    assert one != other
    assert one == event_number(EXECUTION.format("aws", "a"), 2, 1)
    assert one.endswith("-2-1")
