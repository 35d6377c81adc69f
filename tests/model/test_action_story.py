from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from asg_lifecycle.cli.console import json_text
from asg_lifecycle.model.action_story import ActionStory, StoryError, read_story, story_values
from asg_lifecycle.model.action_timeline import length_of, orders_in_force, timeline_of
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.console_links import (
    command_link,
    execution_link,
    group_link,
    log_group_link,
    target_group_link,
    task_link,
)
from asg_lifecycle.model.history_entries import EntryKind
from asg_lifecycle.model.messages import Finish, Nudge, Wake, describe
from asg_lifecycle.model.plans import PlanDecision
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.records import Record, Status, Takeovers
from asg_lifecycle.model.step_memory import StepMemory, StepOutcome
from asg_lifecycle.model.story_parts import Source, StorySource, ToldEntry
from asg_lifecycle.model.story_telling import message_in, story_of
from tests.model.stories import stories

BEGAN = 1_800_000_000.0
COMMAND = "e3e70682-c209-4cac-a29f-6fbed82c07cd"
TARGET_GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/099f181ec3cbf108"
TASK = "arn:aws:ecs:eu-west-1:123456789012:task/prod/0123456789abcdef"
PERSON = "arn:aws:sts::123456789012:assumed-role/on-call/maria"


def record(**fields: Any) -> Record:
    """Return the record of an action that works on its second of three steps."""
    given_fields: dict[str, Any] = {
        "wait": "w",
        "group": "web",
        "hook": "asg-lifecycle-terminate",
        "instance": "i-0123456789abcdef0",
        "transition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "execution": "arn:aws:lambda:eu-west-1:123456789012:function:lifecycle:7/durable-execution/a/b",
        "event_time": BEGAN,
        "claimed_at": BEGAN + 2,
        "status": Status.WORKING,
        "in_flight": "yes",
        "expires_at": 0,
        "token": "87654321-4321-4321-4321-210987654321",
        "plan_source": "group tag",
        "plan_why": "the group's tag names it",
        "plan_decision": msgspec.json.encode(PlanDecision(source="group tag", why="", name="web")).decode(),
        "plan_kinds": ("run-command", "deregister-targets", "wait"),
        "heartbeat_timeout": 600.0,
        "global_timeout": 60_000.0,
        "deadline": BEGAN + 59_000,
        "inbox": "callback",
        "step_outcomes": (
            StepOutcome(
                kind="run-command",
                outcome="done",
                detail=f"command {COMMAND} (X) ended well; it said: {COMMAND[::-1]}",
                began_at=BEGAN + 3,
                ended_at=BEGAN + 63,
            ),
        ),
        "present_steps": (
            StepMemory(
                began_at=BEGAN + 63,
                begun=True,
                progress=Waiting(
                    "waiting",
                    blockers=(
                        Blocker(kind=BlockerKind.TARGET_GROUP, name=TARGET_GROUP, reason="it drains", since=BEGAN + 64),
                        Blocker(kind=BlockerKind.TASK, name=TASK, reason="web:17 runs"),
                        Blocker(kind=BlockerKind.SIGNAL, name="drained", reason="it has not come"),
                    ),
                ),
            ),
        ),
        "detail": "deregister-targets: waiting",
    }
    return Record(**given_fields | fields)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(stories())
def test_a_story_is_read_back_as_it_was_written(story: ActionStory) -> None:
    assert read_story(json_text(story_values(story)).decode()) == story


def test_a_record_is_told_whole() -> None:
    story = story_of(record(), BEGAN + 300, stack="asg", log_group="logs")

    assert read_story(json_text(story_values(story)).decode()) == story
    assert [(step.kind, step.state, step.began_at, step.ended_at) for step in story.steps] == [
        ("run-command", "done", BEGAN + 3, BEGAN + 63),
        ("deregister-targets", "under way", BEGAN + 63, None),
        ("wait", "to come", None, None),
    ]
    assert story.plan is not None
    assert (story.plan.name, story.plan.source) == ("web", "group tag")
    identity = story.identity
    assert (identity.account, identity.region, identity.partition) == ("123456789012", "eu-west-1", "aws")
    assert [(link.what, link.name) for link in story.links] == [
        ("group", "web"),
        ("instance", "i-0123456789abcdef0"),
        ("executions", "lifecycle"),
        ("logs", "logs"),
        ("target group", "web"),
        ("task", "0123456789abcdef"),
        ("command", COMMAND),
    ]
    assert [blocker.address is not None for blocker in story.steps[1].blockers] == [True, True, False]


@pytest.mark.parametrize(
    ("progress", "in_flight", "state", "took"),
    [
        (Failed("it broke"), "yes", "held", 237),
        (Failed("it broke"), None, "failed", None),
        (Done("it is done"), "yes", "done", None),
        (None, "yes", "under way", 237),
        (Waiting("it waits"), None, "unfinished", 237),
    ],
)
def test_how_far_a_step_is(progress: Progress | None, in_flight: str | None, state: str, took: float | None) -> None:
    memory = StepMemory(began_at=BEGAN + 63, begun=True, progress=progress)
    story = story_of(record(present_steps=(memory,), in_flight=in_flight), BEGAN + 300)
    assert story.steps[1].state == state
    assert length_of(story, story.steps[1]) == took


def test_what_ended_is_told_to_its_end() -> None:
    ended = record(
        status=Status.COMPLETED, in_flight=None, result=ActionResult.ABANDON, reason="told", ended_at=BEGAN + 200
    )
    story = story_of(ended, BEGAN + 9_999)
    assert [step.state for step in story.steps] == ["done", "unfinished", "not begun"]
    assert story.until == BEGAN + 200
    last = timeline_of(story)[-1]
    assert (last.what, last.detail, last.lasted) == ("ended", "completed with ABANDON: told", 200)


@pytest.mark.parametrize(
    ("message", "who", "at", "why"),
    [
        (Nudge(by=f"{PERSON} at 2027-01-15T08:00:00Z: it is: at last"), PERSON, BEGAN, "it is: at last"),
        (Finish(ActionResult.CONTINUE, by=f"{PERSON} at 2027-01-15T08:00:00Z"), PERSON, BEGAN, None),
        (Nudge(by="an event"), "an event", None, None),
        (Nudge(by="me at 2027-13-15T08:00:00Z"), None, None, None),
        (Wake(by="signal ready has come"), None, None, None),
    ],
)
def test_who_sent_a_message_when_and_why(
    message: Nudge | Finish | Wake, who: str | None, at: float | None, why: str | None
) -> None:
    found = message_in(describe(message))
    assert (found.who, found.at, found.why) == (who, at, why)
    assert describe(message).startswith(found.what)


def test_a_message_stands_at_its_time() -> None:
    said = describe(Nudge(by=f"{PERSON} at 2027-01-15T08:00:30Z: now"))
    timeline = timeline_of(story_of(record(messages=(said,)), BEGAN + 300))
    assert [entry.what for entry in timeline] == ["waiting", "claimed", "plan", "step", "message", "step", "now"]


def test_a_delivery_stands_before_what_it_brought_about() -> None:
    delivered = ToldEntry(at=BEGAN + 2, kind=EntryKind.DELIVERY, detail="it came")
    source = StorySource(told_from=Source.HISTORY, why="it was read", entries=(delivered,))
    timeline = timeline_of(story_of(record(), BEGAN + 300, source=source))
    assert [entry.what for entry in timeline][:3] == ["waiting", "delivery", "claimed"]


def test_nobody_works_on_it_is_told() -> None:
    taken = record(takeovers=Takeovers(count=3, position="step 2", attempt="x"), unowned_since=BEGAN + 90)
    story = story_of(taken, BEGAN + 300)
    (entry,) = (entry for entry in timeline_of(story) if entry.what == "taken over")
    assert (entry.at, entry.detail) == (
        BEGAN + 90,
        "3 times in a row while step 2; no execution works on it any more",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "this is no JSON"),
        ("[" * 100_000, "this is no JSON"),
        ("[]", "this is no story: expected an object"),
        ('{"format": "asg-lifecycle story"}', "a story of version null, and this asg-lifecycle reads 1"),
        ('{"format": "asg-lifecycle story", "version": 2}', "a story of version 2, and this asg-lifecycle reads 1"),
        ('{"format": "asg-lifecycle story", "version": true}', "a story of version true"),
        ('{"format": "asg-lifecycle story", "version": 1}', "no whole story: Object missing required field `read_at`"),
        ('{"format": "asg-lifecycle story", "version": NaN}', "NaN is no number"),
    ],
)
def test_what_is_no_story_is_refused(text: str, words: str) -> None:
    with pytest.raises(StoryError, match=words.replace("(", r"\(")) as refused:
        read_story(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("read_at",), 1e300, r"\$\.read_at"),
        (("read_at",), -1, r"\$\.read_at"),
        (("present", "status"), "asleep", r"\$\.present\.status"),
        (("identity", "surname"), "x", "surname"),
        (("links", 0, "address"), "javascript:alert(1)", r"\$\.links\[0\]\.address"),
        (("links", 0, "address"), "https://console.aws.amazon.com.example.com/", r"\$\.links\[0\]\.address"),
        (("links", 0, "address"), "http://a.console.aws.amazon.com/", r"\$\.links\[0\]\.address"),
        (("links", 0, "address"), "https://a.console.aws.amazon.com.example.com/", r"\$\.links\[0\]\.address"),
        (("links", 0, "address"), "https://a.console.aws.amazon.com/\n", r"\$\.links\[0\]\.address"),
    ],
)
def test_a_wrong_value_is_refused_by_its_place(path: tuple[Any, ...], value: object, words: str) -> None:
    values = story_values(story_of(record(), BEGAN + 300))
    at = values = json.loads(json.dumps(values))
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(StoryError, match=words):
        read_story(json.dumps(values))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            group_link("cn-north-1", "a b", "aws-cn"),
            (
                "https://cn-north-1.console.amazonaws.cn/ec2/home?region=cn-north-1#AutoScalingGroupDetails:id=a%20b;"
                "view=details"
            ),
        ),
        (
            execution_link("us-gov-west-1", "f", "aws-us-gov"),
            (
                "https://us-gov-west-1.console.amazonaws-us-gov.com/lambda/home?region=us-gov-west-1#/functions/f"
                "?tab=durable"
            ),
        ),
        (
            log_group_link("eu-west-1", "/aws/lambda/f"),
            (
                "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/"
                "$252Faws$252Flambda$252Ff"
            ),
        ),
        (
            command_link("eu-west-1", COMMAND, "i-1"),
            f"https://eu-west-1.console.aws.amazon.com/systems-manager/run-command/{COMMAND}/i-1?region=eu-west-1",
        ),
        (
            task_link("eu-west-1", "prod", "0a"),
            "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/prod/tasks/0a?region=eu-west-1",
        ),
        (
            target_group_link("eu-west-1", "arn:x"),
            "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#TargetGroup:targetGroupArn=arn%3Ax",
        ),
    ],
)
def test_the_addresses_of_the_console(address: str, expected: str) -> None:
    assert address == expected


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_links_are_of_the_partition_and_the_region_of_the_execution(partition: str) -> None:
    execution = f"arn:{partition}:lambda:xx-far-1:123456789012:function:f:1/durable-execution/a/b"
    story = story_of(record(execution=execution), BEGAN + 1, log_group="l")
    homes = {link.address.split("/")[2] for link in story.links}
    domain = {"aws": "console.aws.amazon.com", "aws-cn": "console.amazonaws.cn"}.get(
        partition, "console.amazonaws-us-gov.com"
    )
    assert homes == {f"xx-far-1.{domain}"}
    assert read_story(json_text(story_values(story)).decode()) == story


def test_an_execution_that_says_no_region_leads_nowhere() -> None:
    story = story_of(record(execution="who knows"), BEGAN + 1)
    assert story.links == ()
    assert [blocker.address for blocker in story.steps[1].blockers] == [None] * 3


def test_what_operators_said_holds_as_long_as_it_does() -> None:
    held = record(hold=f"{PERSON} at 2027-01-15T08:00:00Z: an audit: today", extended_seconds=5400.0)

    def told(found: Record) -> tuple[str, ...]:
        return orders_in_force(story_of(found, BEGAN + 300), lambda at: f"<{at:.0f}>")

    assert told(held) == (
        f"on hold since <{BEGAN:.0f}>, said {PERSON}: an audit: today",
        "timeouts moved by 1h30m, said operators",
    )
    assert told(record(hold="a script")) == ("on hold, said a script",)
    assert told(record()) == ()
    ended = msgspec.structs.replace(held, in_flight=None, status=Status.COMPLETED, ended_at=BEGAN + 200)
    assert told(ended) == ("timeouts moved by 1h30m, said operators",)


def test_a_story_that_was_saved_before_is_read() -> None:
    values = story_values(story_of(record(), BEGAN + 300))
    del values["times"]["extended_seconds"]

    assert read_story(json.dumps(values)).times.extended_seconds == 0.0
