"""Which plans the hooks of an account have, what their steps need, and whether what they name exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.aws.instances import Instances
from asg_lifecycle.aws.plan_store import TAG, PlanStore, StoredPlan
from asg_lifecycle.model.actions import LifecycleAction
from asg_lifecycle.model.conditions import Condition
from asg_lifecycle.model.doctor.facts import AskedHost, StepNeed, StoredPlanFacts
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES, NEEDING_TAGS
from asg_lifecycle.plans.decisions import decide_text
from asg_lifecycle.plans.selection import Planning
from asg_lifecycle.steps.catalog import KINDS
from asg_lifecycle.steps.support.answer_conditions import SAMPLE
from asg_lifecycle.steps.support.http_options import sample_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.composition.doctor_reading import Reader
    from asg_lifecycle.model.doctor.facts import GroupFacts, HookFacts, StackFacts
    from asg_lifecycle.model.plans import PlanDecision, PlanTransition

SIGNAL_KIND = "wait-for-signal"
SIGNAL_PARAMETER = "Signals"
"""What has to be on for that kind, which needs no permission of its own."""

REACHABILITY = (("StatusCheckSteps", "ec2:DescribeInstanceStatus"), ("CommandSteps", "ssm:DescribeInstanceInformation"))
"""Parameters that let be found out whether an instance can be reached, and the permissions for that."""

REQUEST_KIND = "http-request"

STORE_CHECKS = ("plan-unusable", "stored-plan-unusable", "plan-without-hook", "hook-shorter-than-plan")
TAG_CHECKS = ("plan-unusable",)


class LoadedPlans(PlanStore):
    """The plans and tags as they were read at once, for many groups."""

    def __init__(self, clients: Clients, path: str, plans: Sequence[StoredPlan], tags: Mapping[str, str]) -> None:
        super().__init__(clients, path, lambda: 0.0)
        self._plans = tuple(plans)
        self._tag_of = tags

    def texts(self, transition: PlanTransition, *names: str) -> dict[str, str]:
        """Return the texts of those of the named plans that there are."""
        return {plan.name: plan.text for plan in self._plans if plan.transition is transition and plan.name in names}

    def tag_of(self, group: str) -> str | None:
        """Return the tag of a group that names a plan, None for none."""
        return self._tag_of.get(group)

    def plans(self) -> tuple[StoredPlan, ...]:
        """Return every plan."""
        return self._plans


class LoadedInstances(Instances):
    """The tags of instances as they were read at once."""

    def __init__(self, clients: Clients, tags: Mapping[str, dict[str, str]]) -> None:
        super().__init__(clients)
        self._tags_of = tags

    def tags(self, instance: str, *, launching: bool = False) -> dict[str, str]:
        """Return the tags of an instance; none when EC2 has forgotten it."""
        del launching
        return self._tags_of.get(instance, {})


def first_instance(group: GroupFacts) -> str:
    """Return the instance that a group's plans are tried with, empty where it has none."""
    return next(iter(sorted(group.states)), "")


def read_plans(clients: Clients, path: str, reader: Reader) -> tuple[StoredPlan, ...] | None:
    """Return the stored plans, None when they could not be read."""
    store = PlanStore(clients, path, lambda: 0.0)
    return reader.read(f"the plans below {path}", STORE_CHECKS, store.plans)


def stored_plan(plan: StoredPlan) -> StoredPlanFacts:
    """Return a stored plan with everything that is wrong with it."""
    if plan.transition is None:
        return StoredPlanFacts(name=plan.name, transition=None)
    decision = decide_text(plan.text, plan.transition, source="", why="", name=plan.name)
    return StoredPlanFacts(name=plan.name, transition=plan.transition, problems=decision.problems)


def make_planning(
    clients: Clients, stack: StackFacts, plans: Sequence[StoredPlan], groups: Sequence[GroupFacts], reader: Reader
) -> Planning | None:
    """Return what chooses the plans of these groups, from what is read here at once; None when it cannot be told."""
    told = stack.outputs.get("BuiltInFeatures")
    features = DEFAULT_FEATURES if told is None else frozenset(filter(None, told.split(",")))
    tags: dict[str, dict[str, str]] | None = {}
    instances = [instance for group in groups if (instance := first_instance(group))]
    if features & NEEDING_TAGS and instances:
        tags = reader.read("the tags of instances", TAG_CHECKS, lambda: Instances(clients).tags_of(instances))
    if tags is None:
        return None
    of_groups = {group.name: group.tags[TAG] for group in groups if TAG in group.tags}
    path = stack.outputs.get("PlanPath", "")
    return Planning(LoadedPlans(clients, path, plans, of_groups), LoadedInstances(clients, tags), features)


def with_decisions(group: GroupFacts, planning: Planning, is_ours: Callable[[HookFacts], bool]) -> GroupFacts:
    """Return a group whose hooks of ours have their plans."""
    hooks = tuple(
        msgspec.structs.replace(hook, decision=_decision(planning, group, hook)) if is_ours(hook) else hook
        for hook in group.hooks or ()
    )
    return msgspec.structs.replace(group, hooks=hooks)


def _decision(planning: Planning, group: GroupFacts, hook: HookFacts) -> PlanDecision | None:
    instance = first_instance(group)
    action = LifecycleAction(
        token=None,
        group=group.name,
        hook=hook.name,
        instance=instance,
        transition=hook.transition,
        time=0.0,
        metadata=hook.metadata,
    )
    decision = planning.plan_for(action)
    # What a group without instances would get depends on tags that nobody has.
    return None if decision.source == "built-in" and decision.problems and not instance else decision


def plan_in_words(decision: PlanDecision) -> str:
    """Return how a sentence names a plan."""
    return f"plan {decision.name}" if decision.name is not None else f"the plan from {decision.source}"


def step_needs(hooks: Sequence[tuple[GroupFacts, HookFacts]], stack: StackFacts) -> Iterator[StepNeed]:
    """Yield what the steps of the hooks' plans need, each kind of a plan once."""
    for group, hook in hooks:
        decision = hook.decision
        if decision is None or decision.plan is None:
            continue
        given: dict[str, set[str]] = {}
        for leaf in decision.plan.leaves():
            given.setdefault(leaf.kind, set()).update(name for name, value in leaf.options.items() if value is not None)
        for kind, options in given.items():
            step = KINDS[kind]
            asked = {parameter for option, parameter in step.parameters_by_option.items() if option in options}
            optional = [
                (parameter, permissions)
                for parameter, permissions in step.optional_permissions.items()
                if parameter in asked or stack.switched_on(parameter)
            ]
            own = SIGNAL_PARAMETER if kind == SIGNAL_KIND else step.template_parameter
            for parameter, permissions in ((own, step.permissions), *optional):
                yield StepNeed(
                    group=group.name,
                    hook=hook.name,
                    plan=plan_in_words(decision),
                    kind=kind,
                    parameter=parameter,
                    permissions=permissions,
                )
        if Condition.UNREACHABLE in decision.plan.conditions:
            # Without these it is never known, and the step always runs.
            for parameter, permission in REACHABILITY:
                yield StepNeed(
                    group=group.name,
                    hook=hook.name,
                    plan=plan_in_words(decision),
                    kind=f"with the condition {Condition.UNREACHABLE}",
                    parameter=parameter,
                    permissions=(permission,),
                )


def asked_hosts(hooks: Sequence[tuple[GroupFacts, HookFacts]]) -> Iterator[AskedHost]:
    """Yield the hosts that the hooks' plans send requests to. One that is known of an action alone is left out."""
    for group, hook in hooks:
        decision = hook.decision
        if decision is None or decision.plan is None:
            continue
        for leaf in decision.plan.leaves():
            if leaf.kind != REQUEST_KIND:
                continue
            url = sample_url(leaf.options["url"])
            # What it finds, and what it polls, is of the same server.
            if not isinstance(url, str) and url.host != SAMPLE:
                yield AskedHost(group=group.name, hook=hook.name, plan=plan_in_words(decision), host=url.host)
