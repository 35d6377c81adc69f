"""The metrics that the application writes: what each means, in which unit, with which dimensions, and when to worry."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias

from msgspec import Struct

Statistic: TypeAlias = Literal["Sum", "Maximum", "Minimum", "p90"]
"""How the values of a metric are put together to a number worth looking at."""

Repeats: TypeAlias = Literal["may", "no"]
"""Whether an occurrence may be counted twice: an operation whose result Lambda could not keep is run again."""


class Metric(StrEnum):
    """The names of all metrics. Names that end in `Seconds` are times in seconds, all others are numbers."""

    ABANDONED = "ActionsAbandoned"
    BLOCKED_NOW = "ActionsBlockedNow"
    BLOCKED_SECONDS = "BlockedSeconds"
    CLAIMED = "ActionsClaimed"
    COMPLETED = "ActionsCompleted"
    DEPENDENCY_OUTAGE = "DependencyOutages"
    DRAINED_TO_COMPLETED = "DrainedToCompletedSeconds"
    DUPLICATE = "DuplicateEvents"
    DURATION = "ActionSeconds"
    EVENT_UNPUBLISHED = "ActionEventsUnpublished"
    FIRST_STEP = "FirstStepSeconds"
    HANDED_OVER = "ActionsHandedOver"
    HEARTBEAT = "Heartbeats"
    HEARTBEAT_FAILED = "HeartbeatsFailed"
    HEARTBEAT_MARGIN = "HeartbeatMarginSeconds"
    HELD = "ActionsHeld"
    HELD_NOW = "ActionsHeldNow"
    IGNORED = "EventsIgnored"
    INTERNAL_ERROR = "InternalErrors"
    INVALID = "EventsInvalid"
    IN_FLIGHT = "ActionsInFlight"
    JOINED = "ActionsJoined"
    LOST = "ActionsLost"
    OPERATIONS = "DurableOperations"
    OLDEST = "OldestActionSeconds"
    OVER = "ActionsOver"
    PERMISSION_MISSING = "PermissionsMissing"
    RETAINED_NOW = "InstancesRetainedNow"
    SIGNAL_MISSED = "SignalsMissed"
    SIGNAL_REFUSED = "SignalsRefused"
    STEP_FAILED = "StepsFailed"
    SWEEP_PROBLEM = "SweepProblems"
    SWEEP_STARTED = "SweepStarts"
    TAKEN_OVER = "ActionsTakenOver"
    WAITING_NOW = "ActionsWaitingNow"

    @property
    def is_time(self) -> bool:
        """Whether its values are seconds."""
        return self.value.endswith("Seconds")


class MetricDefinition(Struct, frozen=True, kw_only=True):
    """One metric.

    Attributes:
        statistic: the statistic worth looking at.
        meaning: what it counts or measures, a sentence.
        worry: when to worry, a sentence.
        by_group: it is written for each group as well where the stack's parameter `MetricsByGroup` is on.
        by_cause: it is written for each cause, a value of `BlockerKind`, and not without one.
        repeats: whether one occurrence may be counted twice.
    """

    statistic: Statistic = "Sum"
    meaning: str
    worry: str
    by_group: bool = False
    by_cause: bool = False
    repeats: Repeats = "may"


DEFINITIONS: dict[Metric, MetricDefinition] = {
    Metric.CLAIMED: MetricDefinition(
        meaning="Actions that an execution has begun to work on.",
        worry="It is 0 while instances come and go: no event arrives. See the rule, its dead letters and the sweep.",
        by_group=True,
    ),
    Metric.COMPLETED: MetricDefinition(
        meaning="Actions that were completed, with `CONTINUE` or `ABANDON`.",
        worry="It stays behind `ActionsClaimed` for longer than your longest plan takes.",
        by_group=True,
    ),
    Metric.ABANDONED: MetricDefinition(
        meaning="Of the completed actions, those that were completed with `ABANDON`.",
        worry="Launching instances are replaced again and again: the plan fails on every one of them.",
        by_group=True,
    ),
    Metric.HELD: MetricDefinition(
        meaning="Actions that were put on hold because a step failed or the plan cannot be used.",
        worry="Always: each waits for a person, and costs the price of an instance until then.",
        by_group=True,
    ),
    Metric.OVER: MetricDefinition(
        meaning="Actions that ended without us: somebody else completed them, or their hook or instance is gone.",
        worry="It is more than the few that people end by hand: another program answers the same hook.",
        by_group=True,
    ),
    Metric.LOST: MetricDefinition(
        meaning="Actions whose wait Auto Scaling ended before they could be completed.",
        worry="Always: the instance went on with what the hook says by default.",
        by_group=True,
    ),
    Metric.DURATION: MetricDefinition(
        statistic="p90",
        meaning="Time from the event of an action to its end, whatever the end. One value for each action that ends.",
        worry="It comes near the timeout of the plan or the global timeout of the hook, 48 hours at most.",
        by_group=True,
        repeats="no",
    ),
    Metric.FIRST_STEP: MetricDefinition(
        statistic="p90",
        meaning="Time from the event to the beginning of the first step, written at the end. Not for work that began "
        "before the instance waited.",
        worry="It is more than a minute where no drain slots are given out: events are delivered late, Lambda is "
        "throttled, or only the sweep finds the instances.",
        by_group=True,
        repeats="no",
    ),
    Metric.DRAINED_TO_COMPLETED: MetricDefinition(
        statistic="p90",
        meaning="Time from the end of the last step to the completion, of actions whose plan was carried out to its "
        "end.",
        worry="It is more than a few seconds: `CompleteLifecycleAction` is throttled, refused or not permitted.",
        by_group=True,
    ),
    Metric.OPERATIONS: MetricDefinition(
        meaning="Durable operations that an execution had used when its action ended, or a few more: $8 per million. "
        "Not those of an execution that handed its action over.",
        worry="One action has hundreds: its plan polls often and for long. Lambda allows an execution 3,000.",
        by_group=True,
        repeats="no",
    ),
    Metric.HEARTBEAT_MARGIN: MetricDefinition(
        statistic="Minimum",
        meaning="Time that was left of the hook's timeout when a heartbeat was accepted, from the second heartbeat of "
        "an execution on, and not of the first after a message or a hold. Its minimum is the closest that any action "
        "came to being lost.",
        worry="Its minimum is less than twice the time between two sweeps, or falls towards 0.",
        by_group=True,
    ),
    Metric.BLOCKED_SECONDS: MetricDefinition(
        meaning="Time for which a cause kept steps waiting. A stretch of time is written when its cause goes or the "
        "action ends; one of several causes at once is written for each of them.",
        worry="One cause takes most of the time: shorten that, not the others.",
        by_cause=True,
    ),
    Metric.SIGNAL_REFUSED: MetricDefinition(
        meaning="Signals that were dropped because they had not the word that their instance has given itself.",
        worry="Any: a script lacks its word, or somebody signals for an instance that is not theirs.",
    ),
    Metric.STEP_FAILED: MetricDefinition(
        meaning="Steps that failed.",
        worry="It rises with a deployment of yours, or one group has nearly all of them.",
        by_group=True,
    ),
    Metric.HEARTBEAT: MetricDefinition(
        meaning="Heartbeats that Auto Scaling accepted.",
        worry="It is 0 while actions are in flight for longer than their hooks' timeouts.",
    ),
    Metric.HEARTBEAT_FAILED: MetricDefinition(
        meaning="Heartbeats that were not answered or not permitted.",
        worry="It stays above 0: see `HeartbeatMarginSeconds` for the time that is left.",
    ),
    Metric.PERMISSION_MISSING: MetricDefinition(
        meaning="Calls that AWS denied.",
        worry="Always: the log line names the permission and the parameter of the stack that grants it.",
    ),
    Metric.DEPENDENCY_OUTAGE: MetricDefinition(
        meaning="Outages: the same error of a dependency stops several drains. Each is counted once.",
        worry="Always: drains wait until it ends. Nothing is released because of it.",
    ),
    Metric.INTERNAL_ERROR: MetricDefinition(
        meaning="Faults of this program. The action is held.",
        worry="Always: report the log line with its traceback.",
    ),
    Metric.SIGNAL_MISSED: MetricDefinition(
        meaning="Waits of more than three minutes whose end no event told of, so that a poll had to find it.",
        worry="More than a few in an hour: the rules of the signal function do not deliver.",
    ),
    Metric.TAKEN_OVER: MetricDefinition(
        meaning="Actions that another execution went on with, because theirs was dead.",
        worry="More than one now and then: see the dead letters for the error that ends executions.",
    ),
    Metric.HANDED_OVER: MetricDefinition(
        meaning="Actions that an execution with nearly all its operations used handed over to a fresh one.",
        worry="Never by itself; an action that does so often costs as much as its operations.",
    ),
    Metric.JOINED: MetricDefinition(
        meaning="Actions whose work had begun before the instance waited, after a warning of EC2.",
        worry="Never.",
    ),
    Metric.DUPLICATE: MetricDefinition(
        meaning="Events of actions that an execution works on already.",
        worry="It is as high as `ActionsClaimed`: hooks notify the function and the rule matches them, too.",
    ),
    Metric.EVENT_UNPUBLISHED: MetricDefinition(
        meaning="Events and notifications about actions that could not be sent; the drains went on.",
        worry="More than a few: nobody is told; the log line says which call failed and why.",
    ),
    Metric.IGNORED: MetricDefinition(
        meaning="Events that are not ours, or not for us.",
        worry="Never by itself; the log line says why each was ignored.",
    ),
    Metric.INVALID: MetricDefinition(
        meaning="Events that cannot be understood.",
        worry="Always: somebody sends what is not an event of a lifecycle hook.",
    ),
    Metric.IN_FLIGHT: MetricDefinition(
        statistic="Maximum",
        meaning="Actions in flight, counted by each sweep.",
        worry="It rises and does not fall: instances are waiting for something that does not come.",
        by_group=True,
        repeats="no",
    ),
    Metric.RETAINED_NOW: MetricDefinition(
        statistic="Maximum",
        meaning="Abandoned instances that their groups have retained, counted by each sweep.",
        worry="Any: they run and are paid for until somebody ends them, see `asg-lifecycle ps --retained`.",
        repeats="no",
    ),
    Metric.HELD_NOW: MetricDefinition(
        statistic="Maximum",
        meaning="Of those in flight, the actions on hold or whose execution is paused.",
        worry="It is not 0: each waits for a person.",
        by_group=True,
        repeats="no",
    ),
    Metric.BLOCKED_NOW: MetricDefinition(
        statistic="Maximum",
        meaning="Of those in flight, the actions that go on and have a problem, such as a missing permission.",
        worry="It stays above 0 from sweep to sweep.",
        by_group=True,
        repeats="no",
    ),
    Metric.WAITING_NOW: MetricDefinition(
        statistic="Maximum",
        meaning="Of those in flight, the actions that a cause keeps waiting. An action with several causes counts for "
        "each of them.",
        worry="A cause that is not work of the instance's own, such as `permission`, `dependency` or "
        "`internal-error`, has any.",
        by_cause=True,
        repeats="no",
    ),
    Metric.OLDEST: MetricDefinition(
        statistic="Maximum",
        meaning="Age of the oldest action in flight.",
        worry="It is more than your longest plan may take.",
        repeats="no",
    ),
    Metric.SWEEP_STARTED: MetricDefinition(
        meaning="Sweep repairs: actions for which a sweep started an execution, because their event was lost or their "
        "execution was dead.",
        worry="It is not 0 for long: events get lost. See `HookNamePrefix`, the rule and its dead letters.",
    ),
    Metric.SWEEP_PROBLEM: MetricDefinition(
        meaning="Groups, records and executions that a sweep could not read or act on.",
        worry="It is not 0 in sweep after sweep.",
    ),
}
"""Every metric, in the order in which the reference names them."""

NAMESPACE = "AsgLifecycle"
"""The namespace of all metrics in CloudWatch."""

SERVICE = "asg-lifecycle"
"""The value of the dimension `service`."""


def dimension_sets(metric: Metric, *, by_group: bool) -> tuple[tuple[str, ...], ...]:
    """Return the sets of dimensions under which `metric` is written.

    Args:
        metric: the metric.
        by_group: the stack writes metrics for each group.
    """
    definition = DEFINITIONS[metric]
    if definition.by_cause:
        return (("service", "stack", "cause"),)
    every = ("service", "stack")
    return (every, (*every, "group")) if by_group and definition.by_group else (every,)
