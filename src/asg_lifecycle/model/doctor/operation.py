"""Checks of what runs: dead letters, executions, alarms, retained instances, storms, versions; and what is unread."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.doctor import commands
from asg_lifecycle.model.doctor.findings import Check, Observation, Severity
from asg_lifecycle.model.doctor.hooks import LONGEST_HEARTBEAT
from asg_lifecycle.model.doctor.plans import SIMULATION
from asg_lifecycle.model.lifecycle_states import is_retained
from asg_lifecycle.model.timing import heartbeat_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asg_lifecycle.model.doctor.facts import AccountFacts

SHOWN = 3
"""Names that a sentence gives of many."""

CALLS_A_SECOND = 20.0
BURST = 100.0
"""What Auto Scaling takes of one account and Region. AWS publishes no numbers: these are the ones that the storms of
`docs/performance.md` are played with."""

STARTS_A_SECOND = 300.0
"""Durable executions that Lambda starts for one account and Region."""

CALLS_OF_AN_ACTION = 2
"""The heartbeat and the completion, without which none ends."""

STORM_HEARTBEAT = 900
"""Seconds of `HeartbeatTimeout` that a storm of five thousand passes with."""

PARTS = 3
"""Numbers of a version; those that are left out are 0."""


def some(names: Iterable[str]) -> str:
    """Return the first of some names, and how many more there are."""
    listed = sorted(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more


def dead_letters(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the dead-letter queues that hold messages."""
    for queue, count in sorted(facts.dead_letters.items()):
        if count:
            yield Observation(
                evidence=f"queue {queue.rpartition('/')[2]} holds {count} dead "
                f"{'letter' if count == 1 else 'letters'}: events that were not delivered, or whose execution failed",
                command=commands.ours(facts.stack, "redrive", "list"),
            )


def failed_executions(facts: AccountFacts) -> Iterator[Observation]:
    """Yield that executions have failed lately."""
    if facts.failed:
        told = (f"{arn} ({status})" for arn, status in facts.failed.items())
        yield Observation(
            evidence=f"{len(facts.failed)} of the executions that began within the last two days have failed: "
            f"{some(told)}",
            command=commands.ours(facts.stack, "redrive", "list"),
        )


def paused_executions(facts: AccountFacts) -> Iterator[Observation]:
    """Yield that executions are paused."""
    if facts.paused:
        yield Observation(
            evidence=f"{len(facts.paused)} executions are paused and send no heartbeats, so their actions lapse: "
            f"{some(facts.paused)}",
            command="resume them in the Lambda console, or end them there: the next sweep then takes the actions over",
        )


def alarms_missing(facts: AccountFacts) -> Iterator[Observation]:
    """Yield that alarms of the stack are not there any more."""
    if facts.missing_alarms:
        yield Observation(
            evidence=f"{len(facts.missing_alarms)} alarms of stack {facts.stack.name} are gone: "
            f"{some(facts.missing_alarms)}",
            command=commands.deploy(facts.stack),
        )


def alarms_without_action(facts: AccountFacts) -> Iterator[Observation]:
    """Yield that alarms tell nobody."""
    alarms = facts.alarms or ()
    mute = [alarm.name for alarm in alarms if not alarm.actions or not alarm.actions_enabled]
    if mute:
        yield Observation(
            evidence=f"{len(mute)} of {len(alarms)} alarms of stack {facts.stack.name} have no action, or it is "
            f"switched off: {some(mute)}",
            command=commands.deploy(facts.stack, "AlarmTopicArn=TOPIC_ARN"),
        )


def topics_without_subscriber(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the topics of alarms that nobody is subscribed to."""
    for topic in facts.topics or ():
        if not topic.confirmed:
            waiting = f"; {topic.pending} wait for their confirmation" if topic.pending else ""
            yield Observation(
                evidence=f"alarms are sent to topic {topic.arn}, which has no confirmed subscription{waiting}",
                command=commands.shell(
                    *("aws", "sns", "subscribe", "--topic-arn", topic.arn),
                    *("--protocol", "email", "--notification-endpoint", "ADDRESS"),
                ),
            )


def storms(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks whose group is too large for Auto Scaling and Lambda to bear the end of all of it at once."""
    for group, hook in facts.our_hooks():
        if hook.transition is not Transition.TERMINATING:
            continue
        size, timeout = group.size, hook.timeouts.heartbeat
        interval = heartbeat_interval(hook.timeouts, 0.0, sweep_interval=facts.stack.sweep_interval)
        begins, busy = size / STARTS_A_SECOND, max(0.0, CALLS_OF_AN_ACTION * size - BURST) / CALLS_A_SECOND
        rate = size / interval
        reasons = []
        if rate > CALLS_A_SECOND:
            reasons.append(f"a heartbeat every {interval:g} s makes {rate:.0f} calls a second, of {CALLS_A_SECOND:g}")
        if busy > timeout:
            reasons.append(f"one heartbeat and one completion each keep Auto Scaling busy for {busy:.0f} s")
        if begins > timeout:
            reasons.append(f"Lambda begins their executions within {begins:.0f} s")
        if reasons:
            longer = min(LONGEST_HEARTBEAT, max(STORM_HEARTBEAT, 60 * math.ceil(1.5 * max(busy, begins) / 60)))
            yield Observation(
                evidence=f"hook {hook.name} of group {group.name}: should its {size} instances end at once, they "
                f"are too many for HeartbeatTimeout {timeout:g} s: {'; '.join(reasons)}",
                command=commands.change_hook(facts.stack, group.name, hook, heartbeat=longer),
                group=group.name,
                hook=hook.name,
            )


def retained_instances(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the groups with instances that were abandoned and retained (R10)."""
    for group in facts.groups or ():
        retained = [instance for instance, state in group.states.items() if is_retained(state)]
        if retained:
            yield Observation(
                evidence=f"group {group.name} has {len(retained)} retained "
                f"{'instance' if len(retained) == 1 else 'instances'}, which run and bill until somebody ends them: "
                f"{some(retained)}",
                command=commands.ours(facts.stack, "terminate-retained", "--group", group.name),
                group=group.name,
            )


def stack_older(facts: AccountFacts) -> Iterator[Observation]:
    """Yield that the stack is of an older version than the command line."""
    deployed, own = facts.stack.outputs.get("Version"), version_numbers(facts.version)
    if facts.version is None or own is None:
        return
    if deployed is None:
        found = "does not say its version, so it is of one before it did"
    elif (numbers := version_numbers(deployed)) is None:
        found = f"says that its version is {deployed!r}, which is none"
    elif numbers < own:
        found = f"is of version {deployed}"
    else:
        return
    yield Observation(
        evidence=f"stack {facts.stack.name} {found}; this command line is of version {facts.version}",
        command=commands.deploy(facts.stack),
    )


def stack_newer(facts: AccountFacts) -> Iterator[Observation]:
    """Yield that the command line is of an older version than the stack."""
    deployed, own = version_numbers(facts.stack.outputs.get("Version")), version_numbers(facts.version)
    if deployed is not None and own is not None and own < deployed:
        yield Observation(
            evidence=f"this command line is of version {facts.version}, stack {facts.stack.name} is of version "
            f"{facts.stack.outputs['Version']}: it may not know everything that it finds",
            command="install the command line of the version that is deployed",
        )


def version_numbers(version: str | None) -> tuple[int, ...] | None:
    """Return the numbers of a version, without what follows them; None where there are none."""
    found = re.match(r"[0-9]+(\.[0-9]+)*", version or "")
    if found is None:
        return None
    numbers = [int(part) for part in found[0].split(".")]
    return (*numbers, *[0] * (PARTS - len(numbers)))


def not_checked(facts: AccountFacts) -> Iterator[Observation]:
    """Yield what could not be read, and what was not checked for that reason."""
    for unread in facts.unread:
        if unread.permission == SIMULATION:
            continue
        grant = f"grant {unread.permission} to whoever runs this, as the policy of the output ReadOnlyPolicyArn does"
        mend = grant if unread.denied else "run this again"
        yield Observation(
            evidence=f"{unread.what} could not be read: {unread.reason}; not checked: {', '.join(unread.checks)}",
            command=mend,
        )


CHECKS = (
    Check(name="dead-letters", severity=Severity.WARNING, find=dead_letters),
    Check(name="failed-executions", severity=Severity.WARNING, find=failed_executions),
    Check(name="paused-executions", severity=Severity.ERROR, find=paused_executions),
    Check(name="alarm-missing", severity=Severity.WARNING, find=alarms_missing),
    Check(name="alarm-without-action", severity=Severity.WARNING, find=alarms_without_action),
    Check(name="topic-without-subscriber", severity=Severity.WARNING, find=topics_without_subscriber),
    Check(name="storm-beyond-quotas", severity=Severity.WARNING, find=storms),
    Check(name="retained-instances", severity=Severity.WARNING, find=retained_instances),
    Check(name="stack-older", severity=Severity.WARNING, find=stack_older),
    Check(name="stack-newer", severity=Severity.NOTE, find=stack_newer),
    Check(name="not-checked", severity=Severity.WARNING, find=not_checked),
)
