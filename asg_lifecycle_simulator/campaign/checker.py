"""The invariants of every run, checked against the region's own log and never against the application's alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.campaign.history import BYSTANDER_POOL, FOREIGN_HOOK
from asg_lifecycle_simulator.campaign.waits import Wait, waits
from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.campaign.history import RunHistory
    from asg_lifecycle_simulator.services.run_command.model import Invocation

BY_US = "CompleteLifecycleAction"

LEARNT_LATE = 90.0
"""Seconds in which "No active Lifecycle Action" may still be taken for "not yet"."""

SLACK = 5.0
"""Seconds that a clock, a rounding up or an event's time without milliseconds may cost."""

HELD_48_HOURS = 900
"""Metered operations of one execution that holds an action for 48 hours, at most."""

HANDED_OVER_WITHIN = 100
"""Metered operations that an execution may need to hand its action over, late messages included."""

FINISHING = ("finish CONTINUE", "finish ABANDON")


def released_only_when_done(history: RunHistory) -> Iterator[str]:
    """(a) No CONTINUE before the work was done, unless the plan or an operator said so."""
    for wait in waits(history):
        if wait.result == "CONTINUE" and wait.by == BY_US and not _may_continue(history, wait):
            yield from (f"{wait.instance} was released before {what}" for what in _undone(history, wait))


def _may_continue(history: RunHistory, wait: Wait) -> bool:
    """Return whether the plan, an operator or the instance's end allow a CONTINUE whatever was done."""
    ended_at, scenario = wait.ended_at or 0.0, history.scenario
    plan = scenario.plan or {}
    # What an operator says of one of two hooks leaves the other one alone with what its execution found done.
    said = [what for _, what, instance, _ in history.said if instance == wait.instance]
    late = ended_at >= wait.began_at + 0.95 * scenario.overall
    return (
        "finish CONTINUE" in said
        or "skip" in said
        or history.gone_at.get(wait.instance, ended_at + 1) <= ended_at
        or (scenario.usable and plan.get("on_failure") == "continue" and _has_failed(history, wait))
        or (scenario.usable and plan.get("on_timeout") == "continue" and late)
    )


def _has_failed(history: RunHistory, wait: Wait) -> bool:
    """Return whether something happened at which a step fails: a command, a permission, a refusal."""
    failed = any(run.ended and run.status != "Success" for run in _runs(history, wait))
    # One that took the place of another is not under Systems Manager.
    failed = failed or not _is_settled(history, wait)
    failed = failed or history.scenario.hurried or history.scenario.fails
    return failed or any(fault.kind == "denied" for fault in history.scenario.faults)


def _is_settled(history: RunHistory, wait: Wait) -> bool:
    """Return whether the instance was in its target groups, and managed, when the wait began."""
    return history.settled_at.get(wait.instance, float("inf")) <= wait.began_at + SLACK


def _undone(history: RunHistory, wait: Wait) -> Iterator[str]:
    if not history.scenario.usable:
        yield "anybody could read its plan"
    yield from history.undone.get(wait.token, ())


def _runs(history: RunHistory, wait: Wait) -> list[Invocation]:
    ended_at = wait.ended_at if wait.ended_at is not None else float("inf")
    # An instance may wait again a second later: what is sent then belongs to that wait.
    following = [
        each.began_at for each in waits(history) if each.instance == wait.instance and each.began_at > ended_at
    ]
    until = min([ended_at + SLACK, *following])
    return [
        run
        for run in history.commands
        if run.instance == wait.instance and wait.began_at <= run.command.requested_at <= until
    ]


def kept_alive(history: RunHistory) -> Iterator[str]:
    """(b) No wait of ours ended by a timeout while our function was able to run."""
    if not history.scenario.protected:
        return
    for wait in waits(history):
        if wait.by in {"heartbeat timeout", "global timeout"}:
            age = (wait.ended_at or 0.0) - wait.began_at
            yield f"{wait.instance} under {wait.hook} ran into its {wait.by} after {age:.0f} s"
        elif wait.ended_at is None:
            yield f"{wait.instance} under {wait.hook} still waits"


def silent_after_the_end(history: RunHistory) -> Iterator[str]:
    """(c) Never a heartbeat after the end, nor past the bound."""
    for wait in waits(history):
        mine = [entry for entry in history.log if entry.token == wait.token]
        beats = [entry for entry in mine if entry.kind in {LogKind.HEARTBEAT, LogKind.HEARTBEAT_REFUSED}]
        bound = wait.began_at + history.scenario.overall
        yield from (
            f"{wait.instance} had a heartbeat {beat.time - bound:.0f} s past its bound"
            for beat in beats
            if beat.time > bound + SLACK
        )
        if wait.ended_at is None:
            continue
        if wait.by == BY_US:
            late = [beat for beat in beats if beat.time > wait.ended_at + SLACK]
            # An answer that was lost leaves open whether there is an end.
            if late and not _answer_was_lost(history):
                yield f"{wait.instance} had a heartbeat {late[0].time - wait.ended_at:.0f} s after we completed it"
        refused = [beat.time for beat in beats if beat.kind is LogKind.HEARTBEAT_REFUSED and beat.time > wait.ended_at]
        if refused and refused[-1] - refused[0] > _patience(history):
            yield f"{wait.instance} had refused heartbeats for {refused[-1] - refused[0]:.0f} s after its end"


def _answer_was_lost(history: RunHistory) -> bool:
    scenario = history.scenario
    return bool(scenario.crashes or history.stopped) or any(
        fault.operation == "CompleteLifecycleAction" and fault.kind != "throttle" for fault in scenario.faults
    )


def _patience(history: RunHistory) -> float:
    """Return how long an end may stay unlearnt: longer while the instance's state cannot be read, or nobody asks."""
    scenario = history.scenario
    asked = [fault for fault in scenario.faults if fault.service == "autoscaling"]
    # Duplicate and late events of an ended wait come with heartbeats of their own.
    late = max((delay for delays in scenario.deliveries for delay in delays), default=0.0)
    more = max((fault.lasting + 60.0 * fault.times for fault in asked), default=0.0)
    return LEARNT_LATE + 60.0 + more + late + (1000.0 if history.stopped or scenario.crashes else 0.0)


def begun_once(history: RunHistory) -> Iterator[str]:
    """(d) One execution did each step's `begin` effects: a command is sent, a runbook started once for an action."""
    hooks = 2 if history.scenario.second else 1
    for wait in waits(history):
        runs = _runs(history, wait)
        steps = history.scenario.kinds.count("run-command")
        # A command that has failed is sent again when an operator resumes the action.
        resumed = sum(what == "resume" for _, what, instance, _ in history.said if instance == wait.instance)
        if len(runs) > steps * hooks * (1 + resumed):
            yield f"{wait.instance} got {len(runs)} commands for {steps * hooks} steps, resumed {resumed} times"
    comments = [run.command.comment for run in history.commands]
    yield from (f"{comment!r} was sent twice" for comment in sorted({c for c in comments if comments.count(c) > 1}))
    tokens = [entry.detail.split()[-1] for entry in history.log if entry.detail.startswith("ssm automation Pending ")]
    yield from (f"a runbook was started twice with {token}" for token in sorted({*tokens}) if tokens.count(token) > 1)


def recorded_truly(history: RunHistory) -> Iterator[str]:
    """(e) The record says what the log says."""
    for record in history.records:
        of_record = [wait for wait in waits(history) if (wait.hook, wait.instance) == (record.hook, record.instance)]
        if record.in_flight is not None or record.ended_at is None:
            if history.scenario.protected:
                yield f"the record of {record.instance} under {record.hook} is still {record.status}"
            continue
        current = [wait for wait in of_record if record.token in {None, wait.token}]
        if not current:
            yield f"there is a record of {record.instance} under {record.hook}, which never waited"
            continue
        yield from _compared(record, current[-1], history)
    known = {(record.hook, record.instance) for record in history.records}
    if history.scenario.protected:
        for wait in waits(history):
            # The application need not learn of waits that others ended.
            if wait.by == BY_US and (wait.hook, wait.instance) not in known:
                yield f"nothing is known of {wait.instance} under {wait.hook}"


def _compared(record: Record, wait: Wait, history: RunHistory) -> Iterator[str]:
    named = f"the record of {record.instance} under {record.hook}"
    by_us = wait.by == BY_US
    # A completion that was lost on its way there, not back, leaves that open, and the record says so.
    open_to_doubt = not by_us and _answer_was_lost(history) and "answer was lost" in (record.reason or "")
    if record.status == "completed" and not (by_us and wait.result == record.result) and not open_to_doubt:
        yield f"{named} says completed with {record.result}, the log {wait.result} by {wait.by}"
    if record.status in {"over", "lost"} and by_us and not history.stopped:
        yield f"{named} says {record.status}, the log {wait.result} by {wait.by}"
    for step in record.step_outcomes:
        claims = step.kind == "run-command" and step.outcome == "done" and "gone" not in step.detail
        succeeded = any(run.status == "Success" for run in history.commands if run.instance == record.instance)
        if claims and not succeeded:
            yield f"{named} says that its command succeeded: {step.detail}"


def left_alone(history: RunHistory) -> Iterator[str]:
    """(f) Nothing that is not ours was touched."""
    deregistering = [step for step in history.scenario.steps if step.kind == "deregister-targets"]
    named = {name for step in deregistering for name in step.options.get("names", ())}
    # EC2 takes a terminated instance out of its target groups, and that is nothing of ours.
    ended = {entry.instance: entry.time for entry in history.log if entry.detail in {"Terminated", "Detached"}}
    for entry in history.log:
        if entry.hook == FOREIGN_HOOK and entry.kind in {LogKind.HEARTBEAT, LogKind.HEARTBEAT_REFUSED}:
            yield f"there was a heartbeat for {FOREIGN_HOOK}"
        if entry in history.disturbed:
            continue
        gone = entry.time >= min(
            ended.get(entry.instance, float("inf")), history.gone_at.get(entry.instance, float("inf"))
        )
        if entry.kind is LogKind.SERVICE and entry.detail.startswith("elbv2 deregistered") and not gone:
            name = entry.detail.split()[2].partition(":")[0]
            by_address = ":" in entry.instance and name in named
            if (entry.instance not in history.registered and not by_address) or name == BYSTANDER_POOL:
                yield f"{entry.instance} was deregistered from {name}"
            elif name not in named:
                yield f"{entry.instance} was deregistered from {name}, which the plan does not name"
    foreign = [entry for entry in history.log if entry.hook == FOREIGN_HOOK and entry.kind is LogKind.COMPLETED]
    wanted = f"{history.scenario.foreign_result} {BY_US}"
    yield from (
        f"{FOREIGN_HOOK} was completed with {entry.detail}"
        for entry in foreign
        if entry.detail.endswith(BY_US) and entry.detail != wanted
    )
    yield from (
        f"a command ran on {run.instance}" for run in history.commands if run.instance not in history.registered
    )


def came_to_an_end(history: RunHistory) -> Iterator[str]:
    """(g) Every execution ends, none by an error of ours, and none needs many durable operations."""
    if history.unfinished:
        yield f"{history.unfinished} executions still run"
    if '"InternalErrors"' in history.sampled:
        yield "there was an internal error"
    handed_over = history.scenario.hand_over_at
    most = HELD_48_HOURS if handed_over is None else handed_over + HANDED_OVER_WITHIN
    for execution in history.executions:
        status = execution.status
        if status == "FAILED" and history.scenario.protected:
            yield f"an execution failed: {execution.error}"
        if execution.metered_operations > most:
            yield f"an execution has {execution.metered_operations} metered operations"


def held_back(history: RunHistory) -> Iterator[str]:
    """(h) What is on hold is not completed before it is resumed, or an operator or the deadline ends it."""
    for record in history.records:
        if "hold, said an operator" not in record.messages or history.stopped:
            continue
        said = [(at, what) for at, what, *whom in history.said if whom == [record.instance, record.hook]]
        for wait in waits(history):
            ended_at = wait.ended_at if wait.ended_at is not None else 0.0
            if wait.token != record.token or wait.by != BY_US:
                continue
            if ended_at >= wait.began_at + 0.95 * history.scenario.overall:
                continue
            last = [what for at, what in said if at <= ended_at and what in {"hold", "resume", *FINISHING}]
            if last and last[-1] == "hold":
                yield f"{wait.instance} was completed with {wait.result} while it was on hold"


INVARIANTS: dict[str, Callable[[RunHistory], Iterator[str]]] = {
    "a": released_only_when_done,
    "b": kept_alive,
    "c": silent_after_the_end,
    "d": begun_once,
    "e": recorded_truly,
    "f": left_alone,
    "g": came_to_an_end,
    "h": held_back,
}


def violations(history: RunHistory) -> list[str]:
    """Return everything that is not as it has to be, each with the letter of its invariant."""
    return [f"({letter}) {found}" for letter, check in INVARIANTS.items() for found in check(history)]
