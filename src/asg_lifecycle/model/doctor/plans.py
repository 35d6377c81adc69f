"""Checks of plans: that they can be used, that what they name exists, and that the stack may do what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.doctor import commands
from asg_lifecycle.model.doctor.findings import Check, Observation, Severity
from asg_lifecycle.model.network_addresses import is_allowed_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asg_lifecycle.model.doctor.facts import AccountFacts

SIMULATION = "iam:SimulatePrincipalPolicy"

HOSTS_PARAMETER = "HttpHosts"

LIST_PARAMETERS: Mapping[str, str] = {
    "AutomationDocuments": "NAME-OF-RUNBOOK",
    "AutomationRoles": "ARN-OF-ROLE",
    HOSTS_PARAMETER: "NAME-OF-HOST",
    "StateMachines": "ARN-OF-STATE-MACHINE",
}
"""The parameters of the stack that grant steps what they need when they are not empty, and what is put into each."""


def plans_unusable(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks whose plan cannot be used: their actions are held."""
    for group, hook in facts.our_hooks():
        decision = hook.decision
        if decision is None or not decision.problems:
            continue
        named = f"plan {decision.name}" if decision.name is not None else "the plan"
        yield Observation(
            evidence=f"hook {hook.name} of group {group.name}: {named} from {decision.source} cannot be used, its "
            f"actions are held: {'; '.join(decision.problems)}",
            command=commands.ours(facts.stack, "plan", "explain", "--group", group.name, "--hook", hook.name),
            group=group.name,
            hook=hook.name,
        )


def plans_without_effect(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hooks whose plan does no work: it is a dry run, or only observes."""
    for group, hook in facts.our_hooks():
        plan = hook.decision.plan if hook.decision is not None else None
        if plan is None or hook.decision is None or not (plan.dry_run or plan.observe):
            continue
        named = f"plan {hook.decision.name}" if hook.decision.name is not None else "the plan"
        does = (
            "is a dry run, so each action is completed without the work"
            if plan.dry_run
            else f"only observes, so its actions are left to others, or end by the hook's timeout with "
            f"{hook.default_result}"
        )
        yield Observation(
            evidence=f"hook {hook.name} of group {group.name}: {named} from {hook.decision.source} {does}",
            command=commands.ours(facts.stack, "plan", "explain", "--group", group.name, "--hook", hook.name),
            group=group.name,
            hook=hook.name,
        )


def stored_plans_unusable(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the plans in the store that cannot be used, whether anybody has them or not."""
    for plan in facts.stored_plans or ():
        if plan.transition is not None and plan.problems:
            yield Observation(
                evidence=f"plan {plan.name} for {plan.transition} hooks cannot be used: {'; '.join(plan.problems)}",
                command=commands.ours(facts.stack, "plan", "show", plan.name, f"--{plan.transition}"),
            )


def parameters_without_use(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the parameters beside the plans that no plan is read from."""
    path = facts.stack.outputs.get("PlanPath", "")
    for plan in facts.stored_plans or ():
        if plan.transition is None:
            yield Observation(
                evidence=f"parameter {path}/{plan.name} is no plan: these are below {path}/launch and {path}/terminate",
                command=commands.shell("aws", "ssm", "delete-parameter", "--name", f"{path}/{plan.name}"),
            )


def names_missing(facts: AccountFacts) -> Iterator[Observation]:
    """Yield what plans in use name and that does not exist."""
    for missing in facts.missing_names:
        yield Observation(
            evidence=f"hook {missing.hook} of group {missing.group}: {missing.plan} names {missing.what} "
            f"{missing.name} in its step {missing.kind}, and there is none",
            command=commands.ours(facts.stack, "plan", "explain", "--group", missing.group, "--hook", missing.hook),
            group=missing.group,
            hook=missing.hook,
        )


def permissions_missing(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the steps of plans in use that the stack may not do, and what of the stack's own is refused."""
    for need in facts.needs:
        said = f"hook {need.hook} of group {need.group}: {need.plan} has a step {need.kind}"
        if need.parameter is not None and facts.stack.switched_on(need.parameter) is False:
            lacks = f": the function lacks the permissions {', '.join(need.permissions)}" if need.permissions else ""
            filled = LIST_PARAMETERS.get(need.parameter)
            off, on = ("off", "on") if filled is None else ("empty", filled)
            yield Observation(
                evidence=f"{said}, and parameter {need.parameter} of stack {facts.stack.name} is {off}{lacks}",
                command=commands.deploy(facts.stack, f"{need.parameter}={on}"),
                group=need.group,
                hook=need.hook,
            )
            continue
        refused = sorted(set(need.permissions) & (facts.refused or frozenset()))
        if refused:
            yield Observation(
                evidence=f"{said}, and the function's role is refused {', '.join(refused)}: a policy, a boundary or "
                "the organisation denies it",
                command=commands.deploy(facts.stack),
                group=need.group,
                hook=need.hook,
            )


def hosts_not_allowed(facts: AccountFacts) -> Iterator[Observation]:
    """Yield the hosts that plans in use send requests to and that the stack does not allow."""
    given = facts.stack.parameters.get(HOSTS_PARAMETER, "").split(",")
    allowed = tuple(host.strip() for host in given if host.strip())
    if not allowed:
        # That they are switched off altogether says `permission-missing`.
        return
    for asked in facts.asked_hosts:
        if is_allowed_host(asked.host, allowed):
            continue
        yield Observation(
            evidence=f"hook {asked.hook} of group {asked.group}: {asked.plan} sends requests to {asked.host}, and "
            f"parameter {HOSTS_PARAMETER} of stack {facts.stack.name} has {', '.join(allowed)}",
            command=commands.deploy(facts.stack, f"{HOSTS_PARAMETER}={','.join((*allowed, asked.host))}"),
            group=asked.group,
            hook=asked.hook,
        )


def core_permissions_missing(facts: AccountFacts) -> Iterator[Observation]:
    """Yield what the function needs whatever the plans say and its role is refused."""
    of_steps = {permission for need in facts.needs for permission in need.permissions}
    refused = sorted((facts.refused or frozenset()) - of_steps)
    if refused:
        yield Observation(
            evidence=f"the function's role is refused {', '.join(refused)}, which every action needs: a policy, a "
            "boundary or the organisation denies it",
            command=commands.deploy(facts.stack),
        )


def permissions_not_simulated(facts: AccountFacts) -> Iterator[Observation]:
    """Yield that the role's policies were not tried, only the stack's parameters compared with the plans."""
    for unread in facts.unread:
        if unread.permission == SIMULATION:
            yield Observation(
                evidence=f"the parameters of stack {facts.stack.name} were compared with the plans, but whether the "
                f"function's role is allowed what they need could not be asked: {unread.reason}",
                command=commands.shell("aws", "iam", "simulate-principal-policy", "help"),
            )


CHECKS = (
    Check(name="plan-unusable", severity=Severity.ERROR, find=plans_unusable),
    Check(name="plan-without-effect", severity=Severity.WARNING, find=plans_without_effect),
    Check(name="stored-plan-unusable", severity=Severity.WARNING, find=stored_plans_unusable),
    Check(name="parameter-is-no-plan", severity=Severity.NOTE, find=parameters_without_use),
    Check(name="plan-names-what-is-missing", severity=Severity.ERROR, find=names_missing),
    Check(name="permission-missing", severity=Severity.ERROR, find=permissions_missing),
    Check(name="host-not-allowed", severity=Severity.ERROR, find=hosts_not_allowed),
    Check(name="core-permission-missing", severity=Severity.ERROR, find=core_permissions_missing),
    Check(name="permission-not-simulated", severity=Severity.NOTE, find=permissions_not_simulated),
)
