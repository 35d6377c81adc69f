"""Checks of what passes the events of hooks on: our rule, the rules of others, and the targets of hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.doctor import commands
from asg_lifecycle.model.doctor.findings import Check, Observation, Severity
from asg_lifecycle.model.event_patterns import VARYING, Match, match

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asg_lifecycle.model.doctor.facts import AccountFacts, GroupFacts, HookFacts, RuleFacts, StackFacts

DETAIL_TYPES = {
    Transition.LAUNCHING: "EC2 Instance-launch Lifecycle Action",
    Transition.TERMINATING: "EC2 Instance-terminate Lifecycle Action",
}
TARGET_OUTPUTS = ("NotificationFunctionArn", "NotificationQueueArn", "NotificationTopicArn", "FunctionAlias")
"""The outputs of the stack that name targets of hooks."""

ONLY_KEEPING = frozenset({"firehose", "kinesis", "logs"})
"""Services as targets of a rule that keep events and answer none."""


def event_of(stack: StackFacts, group: GroupFacts, hook: HookFacts) -> dict[str, object]:
    """Return the event of an action under a hook, as far as all of them are alike (R1, R21)."""
    _, _, _, region, account, *_ = (*stack.function.split(":"), "", "", "", "", "", "")
    detail: dict[str, object] = {
        "LifecycleActionToken": VARYING,
        "AutoScalingGroupName": group.name,
        "LifecycleHookName": hook.name,
        "EC2InstanceId": VARYING,
        "LifecycleTransition": hook.transition.value,
        "Origin": VARYING,
        "Destination": VARYING,
    }
    return {
        "version": "0",
        "id": VARYING,
        "detail-type": DETAIL_TYPES[hook.transition],
        "source": "aws.autoscaling",
        "account": account,
        "time": VARYING,
        "region": region,
        "resources": [group.arn],
        "detail": detail if hook.metadata is None else detail | {"NotificationMetadata": hook.metadata},
    }


def our_rule(facts: AccountFacts) -> RuleFacts | None:
    """Return the stack's rule, None where it is not there, or could not be read."""
    return next((rule for rule in facts.rules or () if rule.arn == facts.rule), None)


def rule_missing(facts: AccountFacts) -> Iterator[Observation]:
    """Yield that the rule is not on the bus."""
    if facts.rule is None:
        yield Observation(
            evidence=f"stack {facts.stack.name} has no output RuleArn: it names no rule that passes the events of "
            "our hooks on",
            command=commands.deploy(facts.stack),
        )
    if facts.rules is not None and facts.rule is not None and our_rule(facts) is None:
        yield Observation(
            evidence=f"there is no rule {facts.rule.rpartition('/')[2]} on the default event bus, which is to pass the "
            f"events of our hooks on: only sweeps find actions ({len(facts.our_hooks())} hooks)",
            command=commands.deploy(facts.stack),
        )


def rule_disabled(facts: AccountFacts) -> Iterator[Observation]:
    """Yield that the rule is disabled."""
    rule = our_rule(facts)
    if rule is not None and not rule.enabled:
        yield Observation(
            evidence=f"rule {rule.name} is disabled: only sweeps find actions ({len(facts.our_hooks())} hooks)",
            command=commands.shell("aws", "events", "enable-rule", "--name", rule.name),
        )


def rule_without_target(facts: AccountFacts) -> Iterator[Observation]:
    """Yield that the rule does not invoke the function."""
    rule = our_rule(facts)
    if rule is None or rule.targets is None or facts.stack.function in rule.targets:
        return
    found = f"has the targets {', '.join(rule.targets)}" if rule.targets else "has no target"
    yield Observation(
        evidence=f"rule {rule.name} {found}, and not the function {facts.stack.function}",
        command=commands.deploy(facts.stack),
    )


def rule_does_not_match(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks whose events the rule does not pass on."""
    yield from _compared(facts, Match.NO, "does not match the events of hook {hook} of group {group}: {pattern}")


def rule_not_compared(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks of which it cannot be told whether the rule passes their events on."""
    said = "has a pattern that cannot be compared with the events of hook {hook} of group {group}: {pattern}"
    yield from _compared(facts, Match.UNKNOWN, said)


def rules_with_our_events(facts: AccountFacts) -> Iterator[tuple[RuleFacts, Match, GroupFacts, HookFacts]]:
    """Yield the other rules that pass events of our hooks on, or may: how sure that is, and one such hook."""
    for rule in facts.rules or ():
        if rule.arn == facts.rule or not rule.enabled or rule.pattern is None:
            continue
        found = {match(rule.pattern, event_of(facts.stack, *each)): each for each in facts.our_hooks()}
        for sure in (Match.YES, Match.UNKNOWN):
            if sure in found:
                yield rule, sure, *found[sure]
                break


def other_rules(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the other rules that pass the events of our hooks on to something that may answer them."""
    for rule, sure, group, hook in rules_with_our_events(facts):
        targets = [arn for arn in rule.targets or () if _may_answer(arn)]
        if targets or rule.targets is None:
            passes = "passes" if sure is Match.YES else "may pass"
            yield Observation(
                evidence=f"rule {rule.name} {passes} the events of our hooks, {hook.name} of group {group.name} for "
                "one, "
                f"on to {', '.join(targets) or 'targets that could not be read'}: whatever answers first ends the "
                "action",
                command=commands.shell("aws", "events", "disable-rule", "--name", rule.name),
                group=group.name,
                hook=hook.name,
            )


def targets_of_others(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks of ours that notify something that is not ours."""
    ours = _own_targets(facts)
    for group, hook in facts.our_hooks():
        if hook.target is not None and hook.target not in ours:
            yield Observation(
                evidence=f"hook {hook.name} of group {group.name} notifies {hook.target}, which is not of stack "
                f"{facts.stack.name}: whatever answers first ends the action",
                command=commands.forget_target(group.name, hook.name),
                group=group.name,
                hook=hook.name,
            )


def target_and_rule(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks of ours whose actions arrive twice."""
    ours, rule = _own_targets(facts), our_rule(facts)
    if rule is None or not rule.enabled or rule.pattern is None:
        return
    for group, hook in facts.our_hooks():
        if hook.target in ours and match(rule.pattern, event_of(facts.stack, group, hook)) is Match.YES:
            yield Observation(
                evidence=f"hook {hook.name} of group {group.name} notifies {hook.target}, and rule {rule.name} "
                "passes its "
                "events on, too: each action arrives twice and begins two executions, of which one ends at once (R19)",
                command=commands.forget_target(group.name, hook.name),
                group=group.name,
                hook=hook.name,
            )


def _compared(facts: AccountFacts, wanted: Match, said: str) -> Iterator[Observation]:
    rule = our_rule(facts)
    if rule is None:
        return
    pattern: Mapping[str, object] | None = rule.pattern
    for group, hook in facts.our_hooks():
        found = match(pattern, event_of(facts.stack, group, hook)) if pattern is not None else Match.NO
        if found is wanted:
            text = str(pattern) if pattern is not None else "it has no pattern"
            yield Observation(
                evidence=f"rule {rule.name} {said.format(hook=hook.name, group=group.name, pattern=text)}",
                command=commands.deploy(facts.stack),
                group=group.name,
                hook=hook.name,
            )


def _own_targets(facts: AccountFacts) -> set[str]:
    return {facts.stack.outputs[name] for name in TARGET_OUTPUTS if name in facts.stack.outputs}


def _may_answer(target: str) -> bool:
    """Return whether a target of a rule may do something about an event, and not only keep it."""
    parts = target.split(":")
    # The archives of a bus are rules whose target is EventBridge itself, without an account.
    return len(parts) > 4 and parts[2] not in ONLY_KEEPING and not (parts[2] == "events" and not parts[4])  # noqa: PLR2004 - the parts of an ARN


CHECKS = (
    Check(name="rule-missing", severity=Severity.ERROR, find=rule_missing),
    Check(name="rule-disabled", severity=Severity.ERROR, find=rule_disabled),
    Check(name="rule-without-target", severity=Severity.ERROR, find=rule_without_target),
    Check(name="rule-does-not-match", severity=Severity.ERROR, find=rule_does_not_match),
    Check(name="rule-not-compared", severity=Severity.WARNING, find=rule_not_compared),
    Check(name="other-rule", severity=Severity.WARNING, find=other_rules),
    Check(name="target-of-others", severity=Severity.WARNING, find=targets_of_others),
    Check(name="target-and-rule", severity=Severity.NOTE, find=target_and_rule),
)
