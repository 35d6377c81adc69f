"""Checks of lifecycle hooks: that they are there, and go with their plans and with the sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.doctor import commands
from asg_lifecycle.model.doctor.findings import Check, Observation, Severity
from asg_lifecycle.model.doctor.simulated_resources import GROUP_TAG, NAMED_BY, TAG_PARAMETER, is_matched
from asg_lifecycle.model.durations import readable, seconds
from asg_lifecycle.model.plans import PlanTransition, plan_transition, timeout_result
from asg_lifecycle.model.timing import GLOBAL_TIMEOUT_CAP, HookTimeouts, finish_reserve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.model.doctor.facts import AccountFacts, GroupFacts, HookFacts
    from asg_lifecycle.model.plans import Plan

PLAN_TAG = "asg-lifecycle:plan"
LONGEST_HEARTBEAT = 7_200
"""Seconds (R3)."""

LONGEST_WORK = GLOBAL_TIMEOUT_CAP - finish_reserve(
    HookTimeouts(heartbeat=LONGEST_HEARTBEAT, overall=GLOBAL_TIMEOUT_CAP)
)
"""Seconds that the longest hook there is leaves a plan."""


def time_given(plan: Plan) -> tuple[float, str] | None:
    """Return how long a plan says that its work may take, seconds, and which of its fields says so; None for none."""
    if plan.timeout is not None:
        return seconds(plan.timeout), "its timeout"
    longest = [
        max((seconds(each.timeout) for each in (entry, *entry.parallel) if each.timeout is not None), default=0.0)
        for entry in plan.steps
    ]
    return (sum(longest), "the timeouts of its steps together") if any(longest) else None


def named_plan(facts: AccountFacts, group: GroupFacts) -> tuple[str, tuple[PlanTransition, ...]] | None:
    """Return the stored plan that a group has by its tag or its name, and for which hooks; None where it has none."""
    name = group.tags.get(PLAN_TAG, group.name)
    transitions = tuple(
        plan.transition for plan in facts.stored_plans or () if plan.name == name and plan.transition is not None
    )
    return (name, transitions) if transitions else None


def is_meant(facts: AccountFacts, group: GroupFacts) -> bool:
    """Return whether a group is meant to have hooks of ours: it is asked about, or a tag or a plan is for it."""
    return facts.group == group.name or PLAN_TAG in group.tags or named_plan(facts, group) is not None


def groups_without_hook(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the groups that are meant to have a hook of ours and have none."""
    for group in facts.groups or ():
        if group.hooks is None or any(map(facts.is_ours, group.hooks)) or not is_meant(facts, group):
            continue
        others = f"; it has hooks of others: {', '.join(hook.name for hook in group.hooks)}" if group.hooks else ""
        named = named_plan(facts, group)
        why = f"plan {named[0]} is for it" if named is not None else f"it has the tag {PLAN_TAG}"
        if facts.group == group.name:
            why = "it was asked about"
        yield Observation(
            evidence=f"group {group.name} has no hook whose name begins with {facts.stack.prefix!r}, and {why}{others}",
            command=commands.make_hook(facts.stack, group.name, PlanTransition.TERMINATE),
            group=group.name,
        )


def plans_without_hook(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the plans of groups that have a hook of ours, but not for the transition that the plan is for."""
    for group in facts.groups or ():
        ours = {plan_transition(hook.transition) for hook in group.hooks or () if facts.is_ours(hook)}
        named = named_plan(facts, group)
        if not ours or named is None:
            continue
        name, transitions = named
        for transition in transitions:
            if transition not in ours:
                yield Observation(
                    evidence=f"plan {name} for {transition} hooks is for group {group.name}, which has no such hook",
                    command=commands.make_hook(facts.stack, group.name, transition),
                    group=group.name,
                )


def groups_not_allowed(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the groups with a hook of ours whose actions the stack may not keep alive nor complete."""
    parameters = facts.stack.parameters
    names, tag = parameters.get(NAMED_BY["group"], "*"), parameters.get(TAG_PARAMETER, "")
    for group in dict.fromkeys(group.name for group, _ in facts.our_hooks()):
        (tags,) = [each.tags for each in facts.groups or () if each.name == group]
        if not is_matched(group, names):
            why = f"its name is not {names}, as the parameter {NAMED_BY['group']} of stack {facts.stack.name} asks for"
            command = f"deploy the stack with {NAMED_BY['group']} that match it, or take the hook away"
        elif tag and tags.get(GROUP_TAG) != tag:
            has = f"is {tags[GROUP_TAG]!r}" if GROUP_TAG in tags else "is absent"
            why = f"its tag {GROUP_TAG} {has}, and the parameter {TAG_PARAMETER} of stack {facts.stack.name} is {tag!r}"
            command = commands.tag_group(group, GROUP_TAG, tag)
        else:
            continue
        yield Observation(
            evidence=f"group {group} has a hook of ours, and the stack may not answer its actions: {why}; they get no "
            "heartbeat, and the hook's DefaultResult ends them",
            command=command,
            group=group,
        )


def heartbeats_below_sweep(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks that lapse before two sweeps have come by."""
    needed = 2 * facts.stack.sweep_interval
    for group, hook in facts.our_hooks():
        if hook.timeouts.heartbeat < needed:
            yield _about(
                group,
                hook,
                f"HeartbeatTimeout is {hook.timeouts.heartbeat:g} s, less than two sweeps ({needed:g} s): an action "
                "whose event is lost, or whose execution dies, may lapse before a sweep finds it",
                # It chooses a timeout that it does not warn of itself.
                commands.change_hook(facts.stack, group.name, hook),
            )


def hooks_shorter_than_plan(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks whose `GlobalTimeout` is shorter than their plan, and that can be longer."""
    for group, hook, given, field in _plans_with_times(facts):
        left = hook.timeouts.overall - finish_reserve(hook.timeouts)
        if left < given <= LONGEST_WORK:
            yield _about(
                group,
                hook,
                f"its plan may take {readable(given)} ({field}), but GlobalTimeout ({readable(hook.timeouts.overall)}, "
                f"of HeartbeatTimeout {hook.timeouts.heartbeat:g} s) leaves {readable(left)}",
                commands.change_hook(facts.stack, group.name, hook),
            )


def plans_longer_than_any_hook(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks whose plan is longer than any hook can be."""
    for group, hook, given, field in _plans_with_times(facts):
        if given > LONGEST_WORK:
            yield _about(
                group,
                hook,
                f"its plan may take {readable(given)} ({field}), but no GlobalTimeout is longer than "
                f"{readable(GLOBAL_TIMEOUT_CAP)}, which leaves {readable(LONGEST_WORK)}",
                _edit_plan(facts, hook),
            )


def default_results_against_plan(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks whose `DefaultResult` is not what their plan says for the case that time runs out."""
    for group, hook in facts.our_hooks():
        plan = hook.decision.plan if hook.decision is not None else None
        if plan is None or plan.observe:
            continue
        wanted = timeout_result(plan).value
        if hook.default_result != wanted:
            yield _about(
                group,
                hook,
                f"DefaultResult is {hook.default_result}, but its plan says on_timeout: {plan.on_timeout}, which ends "
                f"in {wanted}: an action that is lost would end in another way than one that is late",
                commands.change_hook(facts.stack, group.name, hook),
            )


def several_hooks(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the groups with several hooks of ours on one transition."""
    for group in facts.groups or ():
        for transition in Transition:
            ours = [hook for hook in group.hooks or () if hook.transition is transition and facts.is_ours(hook)]
            if len(ours) > 1:
                names = ", ".join(hook.name for hook in ours)
                yield Observation(
                    evidence=f"group {group.name} has {len(ours)} hooks of ours for {plan_transition(transition)}: "
                    f"{names}; each instance gets an action for each of them, and a plan is run for each (R2)",
                    command=commands.remove_hook(facts.stack, group.name, ours[-1].name),
                    group=group.name,
                )


def hooks_of_others(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks of others that hold the same instances as ours."""
    for group, hook in facts.our_hooks():
        others = [
            each.name for each in group.hooks or () if each.transition is hook.transition and not facts.is_ours(each)
        ]
        if others:
            yield _about(
                group,
                hook,
                f"hooks of others hold the same instances: {', '.join(others)}; an ABANDON at one of them skips the "
                "rest (R8, R9)",
                commands.shell(
                    "aws", "autoscaling", "describe-lifecycle-hooks", "--auto-scaling-group-name", group.name
                ),
            )


def _plans_with_times(facts: AccountFacts) -> Iterator[tuple[GroupFacts, HookFacts, float, str]]:
    for group, hook in facts.our_hooks():
        plan = hook.decision.plan if hook.decision is not None else None
        given = time_given(plan) if plan is not None else None
        if given is not None:
            yield group, hook, *given


def _edit_plan(facts: AccountFacts, hook: HookFacts) -> str:
    if hook.decision is not None and hook.decision.name is not None:
        which = f"--{plan_transition(hook.transition)}"
        return commands.ours(facts.stack, "plan", "show", hook.decision.name, which)
    return commands.ours(facts.stack, "plan", "list")


def _about(group: GroupFacts, hook: HookFacts, said: str, command: str) -> Observation:
    return Observation(
        evidence=f"hook {hook.name} of group {group.name}: {said}", command=command, group=group.name, hook=hook.name
    )


CHECKS = (
    Check(name="group-without-hook", severity=Severity.WARNING, find=groups_without_hook),
    Check(name="plan-without-hook", severity=Severity.WARNING, find=plans_without_hook),
    Check(name="group-not-allowed", severity=Severity.ERROR, find=groups_not_allowed),
    Check(name="heartbeat-below-sweep", severity=Severity.WARNING, find=heartbeats_below_sweep),
    Check(name="hook-shorter-than-plan", severity=Severity.WARNING, find=hooks_shorter_than_plan),
    Check(name="plan-longer-than-any-hook", severity=Severity.WARNING, find=plans_longer_than_any_hook),
    Check(name="default-result-contradicts-plan", severity=Severity.WARNING, find=default_results_against_plan),
    Check(name="several-hooks-on-one-transition", severity=Severity.WARNING, find=several_hooks),
    Check(name="hook-of-others", severity=Severity.NOTE, find=hooks_of_others),
)
