"""The parts of an action's story, see `model/action_story.py`. Times are seconds since the epoch, money dollars."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from asg_lifecycle.model.action_summary import Standing
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.history_entries import EntryKind as EntryKind  # noqa: PLC0414 - a part of stories, too
from asg_lifecycle.model.records import Status

LATEST = 32_503_680_000.0
"""The beginning of the year 3000: no calendar of any machine ends before."""

Moment = Annotated[float, Meta(ge=0, le=LATEST)]
Seconds = Annotated[float, Meta(ge=0, le=LATEST)]
Dollars = Annotated[float, Meta(ge=0, le=1e12)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
CONSOLE_PAGE = r"\Ahttps://[a-z0-9-]+\.console\.(aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)/[!-~]*\Z"
Address = Annotated[str, Meta(pattern=CONSOLE_PAGE, max_length=8_000)]
"""Of a page of the AWS console: a story that somebody else wrote leads nowhere else."""


class StepState(StrEnum):
    """How far a step is. A step that ended has the outcome that the record gives it, which may be another word."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    OBSERVED = "observed"
    """The plan only observes: the step said what it would have done."""
    UNDER_WAY = "under way"
    HELD = "held"
    """It has failed, and an operator or the deadline decides."""
    TO_COME = "to come"
    UNFINISHED = "unfinished"
    """The action ended while it was under way."""
    NOT_BEGUN = "not begun"
    """The action ended before it began."""


class Source(StrEnum):
    """What a story is told from."""

    RECORD = "record"
    """The record in DynamoDB alone."""
    HISTORY = "history"
    """Lambda's durable execution history, too."""
    SIMULATOR = "simulator"
    """The log of the simulator, too."""


class StoryLink(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of the AWS console.

    Attributes:
        what: `group`, `instance`, `execution`, `logs`, `command`, `task`, `target group`, `function`.
        name: which one.
        address: of the page.
    """

    what: str
    name: str
    address: Address


class StoryBlocker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that keeps the instance, see `Blocker`; `address` is its page in the AWS console, None without one."""

    kind: str
    name: str
    reason: str
    since: Moment | None
    address: Address | None


class StoryIdentity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which action it is; see `Record` for what is not said here.

    Attributes:
        account: AWS account id, None where the execution's ARN does not say it; likewise Region and partition.
        region: the Region.
        partition: `aws`, `aws-cn`, `aws-us-gov`.
        stack: name of the CloudFormation stack of the application, None where it is not known.
        transition: `launch` or `terminate`.
    """

    account: str | None
    region: str | None
    partition: str | None
    stack: str | None
    group: str
    hook: str
    instance: str
    transition: str
    origin: str | None
    destination: str | None
    operation: str | None
    token: str | None
    execution: str


class StoryBeginning(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it began.

    Attributes:
        at: when the wait began; where it was found by the sweep, when it was found.
        by_event: an event brought the token; without one, the wait was found by the sweep or the work began early.
        claimed_at: when the execution that owns it took it.
        early_reason: why the work began before the instance waited, None where it waited.
        queued_since: since when it waited for a drain slot, None where it did not have to.
        work_began_at: when its work began; moved on by the time for which dependencies kept it waiting.
    """

    at: Moment
    by_event: bool
    claimed_at: Moment
    early_reason: str | None
    queued_since: Moment | None
    work_began_at: Moment | None


class StoryPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The plan.

    Attributes:
        source: where it came from: `hook metadata`, `group tag`, `group name`, `default`, `built-in`.
        name: its name in the plan store, None for one from elsewhere.
        version: of that name; None where it is not known, and a record does not keep it.
        why: why it was chosen, a sentence.
        problems: why it cannot be used.
        observes: it only says what it would do.
    """

    source: str
    name: str | None
    version: Count | None
    why: str
    problems: tuple[str, ...]
    observes: bool


class StoryStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of the plan.

    Attributes:
        kind: its kind.
        state: see `StepState`.
        detail: its last sentence, None before it said anything.
        began_at: when it may first have had an effect.
        ended_at: when it ended.
        blockers: what keeps it at present.
    """

    kind: str
    state: str
    detail: str | None
    began_at: Moment | None
    ended_at: Moment | None
    blockers: tuple[StoryBlocker, ...]


class StoryMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message that was heard.

    Attributes:
        what: what it asked for.
        who: who sent it: for an operator an ARN; None where it does not say.
        at: when it was sent, None where it does not say.
        why: the reason that was given, None without one.
    """

    what: str
    who: str | None
    at: Moment | None
    why: str | None


class StorySignal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signal that came, see `Signal`."""

    name: str
    succeeded: bool
    message: str
    at: Moment


class StoryTakeovers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many executions in a row failed while the work stood at one place, and since when none works on it."""

    count: Count
    position: str
    unowned_since: Moment | None


class StoryTimes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of the wait.

    Attributes:
        heartbeat_timeout: of the hook, seconds.
        global_timeout: of the hook, seconds from the beginning of the wait (R4).
        deadline: when the plan's `on_timeout` decides.
        extended_seconds: by how much operators have moved the timeouts that ran when they said so: the plan's, and that
            of the step under way.
    """

    heartbeat_timeout: Seconds | None
    global_timeout: Seconds | None
    deadline: Moment | None
    extended_seconds: Seconds = 0.0


class StoryPresent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it stands, or ended.

    Attributes:
        standing: as operators say it.
        status: as the record says it.
        detail: what it waits for, a sentence.
        detail_at: when that was written.
        problem: what is wrong, None when nothing is.
        paused_since: since when its execution is paused.
        hold: who put it on hold, when and why; None where nobody has.
        result: what it was, or is being, completed with.
        reason: why that result, or how it ended.
        ended_at: when it ended.
    """

    standing: Standing
    status: Status
    detail: str | None
    detail_at: Moment | None
    problem: str | None
    paused_since: Moment | None
    result: ActionResult | None
    reason: str | None
    ended_at: Moment | None
    hold: str | None = None


class StoryPrice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the wait has cost so far.

    Attributes:
        dollars: for the operations alone.
        operations: metered operations of Lambda.
        at_least: these are the fewest that there can have been.
        instance_dollars: what an instance that waits costs in this time.
        basis: how it was computed, sentences.
    """

    dollars: Dollars
    operations: Count
    at_least: bool
    instance_dollars: Dollars
    basis: str


class ToldEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that happened, from elsewhere than the record.

    Attributes:
        at: when.
        kind: what it was.
        detail: a sentence.
        succeeded: whether it was; None where that is no question.
    """

    at: Moment
    kind: EntryKind
    detail: str
    succeeded: bool | None = None


class StorySource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the story is told from, and what that adds to the record.

    Attributes:
        told_from: what it is told from.
        why: why from no more, or how that came, a sentence.
        entries: what is known from elsewhere, in the order of time. A message that the record keeps is shown once.
    """

    told_from: Source
    why: str
    entries: tuple[ToldEntry, ...] = ()
