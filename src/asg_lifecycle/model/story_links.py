"""The pages of the AWS console that a story leads to: whatever its record names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.console_links import (
    command_link,
    execution_link,
    group_link,
    instance_link,
    log_group_link,
    target_group_link,
    task_link,
)
from asg_lifecycle.model.progress import Waiting
from asg_lifecycle.model.story_parts import StoryLink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.model.records import Record

REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
COMMAND = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
TASK = re.compile(r"arn:[a-z-]+:ecs:[a-z0-9-]+:[0-9]{12}:task/([^/\s]+)/([^/\s]+)")
TARGET_GROUP = re.compile(r"arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/([^/\s]+)/[0-9a-f]+")
RUN_COMMAND = "run-command"
"""The kind of the steps whose sentences name a command by its id."""


class Place(Struct, frozen=True, kw_only=True):
    """Where an execution runs, as its ARN says it; None for what it does not say.

    Attributes:
        partition: `aws`, `aws-cn`, `aws-us-gov`.
        region: its Region.
        account: the account.
        function: name of the function.
    """

    partition: str | None = None
    region: str | None = None
    account: str | None = None
    function: str | None = None


def place_of(execution: str) -> Place:
    """Return where an execution runs.

    Args:
        execution: `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME:VERSION/durable-execution/…`.
    """
    head, partition, service, region, account, kind, function, *_ = [*execution.split(":"), *[""] * 7]
    if (head, service, kind) != ("arn", "lambda", "function") or not REGION.fullmatch(region):
        return Place()
    return Place(partition=partition, region=region, account=account, function=function)


def blocker_address(blocker: Blocker, record: Record) -> str | None:
    """Return the page of what keeps the instance, None where the console has none or its address is not known."""
    place = place_of(record.execution)
    if place.region is None or place.partition is None:
        return None
    match blocker.kind:
        case BlockerKind.COMMAND if COMMAND.fullmatch(blocker.name):
            return command_link(place.region, blocker.name, record.instance, place.partition)
        case BlockerKind.TASK if found := TASK.fullmatch(blocker.name):
            return task_link(place.region, found[1], found[2], place.partition)
        case BlockerKind.TARGET_GROUP if TARGET_GROUP.fullmatch(blocker.name):
            return target_group_link(place.region, blocker.name, place.partition)
        case BlockerKind.INSTANCE if blocker.name == record.instance:
            return instance_link(place.region, record.instance, place.partition)
        case _:
            return None


def links_of(record: Record, log_group: str | None) -> tuple[StoryLink, ...]:
    """Return the pages that a record leads to, each once; none where its execution says no Region.

    Args:
        record: the action's.
        log_group: where the application logs, None where that is not known.
    """
    found = {link.address: link for link in _links(record, log_group)}
    return tuple(found.values())


def _links(record: Record, log_group: str | None) -> Iterator[StoryLink]:
    place = place_of(record.execution)
    if place.region is None or place.partition is None or place.function is None:
        return
    region, partition = place.region, place.partition
    yield StoryLink(what="group", name=record.group, address=group_link(region, record.group, partition))
    yield StoryLink(what="instance", name=record.instance, address=instance_link(region, record.instance, partition))
    yield StoryLink(what="executions", name=place.function, address=execution_link(region, place.function, partition))
    if log_group:
        yield StoryLink(what="logs", name=log_group, address=log_group_link(region, log_group, partition))
    for sentence in _sentences(record):
        for arn in TARGET_GROUP.finditer(sentence):
            yield StoryLink(what="target group", name=arn[1], address=target_group_link(region, arn[0], partition))
        for arn in TASK.finditer(sentence):
            yield StoryLink(what="task", name=arn[2], address=task_link(region, arn[1], arn[2], partition))
    for command in _commands(record):
        yield StoryLink(what="command", name=command, address=command_link(region, command, record.instance, partition))


def _sentences(record: Record) -> Iterator[str]:
    """Yield what the record's steps say, with the names and the states that they keep."""
    for outcome in record.step_outcomes:
        yield outcome.detail
    for memory in record.present_steps:
        if isinstance(memory.progress, Waiting):
            yield memory.progress.detail
            yield from (blocker.name for blocker in memory.progress.blockers)
            yield from _texts(memory.progress.state)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _commands(record: Record) -> Iterator[str]:
    # Of other kinds of steps such a number may be anything.
    for outcome in record.step_outcomes:
        if outcome.kind == RUN_COMMAND:
            # The command's own output comes later in the sentence.
            yield from COMMAND.findall(outcome.detail)[:1]
    for memory in record.present_steps:
        if isinstance(memory.progress, Waiting):
            yield from (
                blocker.name
                for blocker in memory.progress.blockers
                if blocker.kind is BlockerKind.COMMAND and COMMAND.fullmatch(blocker.name)
            )
