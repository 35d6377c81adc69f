"""Which plan an action follows: what the hook says, what the group says, or what is built in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.plans import PlanDecision, plan_transition
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES, FEATURES_USED, NEEDING_TAGS, built_in_plan, why_empty
from asg_lifecycle.plans.decisions import decide_text
from asg_lifecycle.plans.metadata import SOURCE, read_metadata
from asg_lifecycle.plans.validation import find_problems
from asg_lifecycle.plans.value_problems import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.aws.plan_store import PlanStore
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.plans import PlanTransition

DEFAULT_PLAN = "default"
"""The name of the plan for every group that has none of its own."""


class Planning:
    """Chooses plans: the hook's metadata, the group's tag, the group's name, `default`; the first that there is.

    Names are looked up for the transition of the action. A hook or a tag that names a plan of the other transition
    alone is a mistake, and the action is held; a group's name and `default` mean only the plans that are there.

    Args:
        store: the named plans.
        instances: the instances, whose tags say more where nobody names a plan.
        features: the features that are switched on.
    """

    def __init__(self, store: PlanStore, instances: Instances, features: frozenset[str]) -> None:
        self._store = store
        self._instances = instances
        self._features = features

    def plan_for(self, action: LifecycleAction) -> PlanDecision:
        """Return the plan of `action`, and why it is that one.

        Whatever was meant for us and cannot be used is a problem, and no other plan takes its place.

        Raises:
            CallFailed: the plans could not be read, and may be at the next try.
        """
        chosen = read_metadata(action)
        if isinstance(chosen, PlanDecision):
            return chosen
        try:
            if chosen is None:
                return self._of_group(action)
            why = f"the NotificationMetadata of hook {action.hook} names it"
            return self._named(chosen, plan_transition(action.transition), source=SOURCE, why=why)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.TRANSIENT:
                raise
            why = f"what to do with instance {action.instance} of group {action.group} could not be found out"
            return PlanDecision(source="plan store", why=why, problems=(f"{why}: {failed}",))

    def _named(self, name: str, transition: PlanTransition, *, source: str, why: str) -> PlanDecision:
        text = self._store.texts(transition, name).get(name)
        if text is not None:
            return decide_text(text, transition, source=source, why=why, name=name)
        known = [(plan.name, plan.transition) for plan in self._store.plans() if plan.transition is not None]
        if (name, transition.other) in known:
            problem = (
                f"plan {name!r} is for {transition.other} hooks, and there is none of this name for {transition} hooks"
            )
        else:
            there_are = listed(f"{each} ({way})" for each, way in known) or "none"
            where = f"below {self._store.path}" if self._store.path else "because there is no plan store"
            problem = f"there is no plan named {name!r} {where}; there are: {there_are}"
        return PlanDecision(source=source, why=why, problems=(problem,), name=name)

    def _of_group(self, action: LifecycleAction) -> PlanDecision:
        group, transition = action.group, plan_transition(action.transition)
        tagged = self._store.tag_of(group)
        if tagged is not None:
            return self._named(tagged, transition, source="group tag", why=f"a tag of group {group} names it")
        texts = self._store.texts(transition, group, DEFAULT_PLAN)
        if group in texts:
            why = f"it has the name of group {group} and is for {transition} hooks"
            return decide_text(texts[group], transition, source="group name", why=why, name=group)
        if DEFAULT_PLAN in texts:
            why = f"hook {action.hook} and group {group} name no plan of their own for {transition} hooks"
            return decide_text(texts[DEFAULT_PLAN], transition, source="default", why=why, name=DEFAULT_PLAN)
        # An instance that could not be asked is not taken for one that has nothing to drain.
        asks = action.instance and self._features & {*FEATURES_USED[action.transition]} & NEEDING_TAGS
        return built_in(action, self._features, self._instances.tags(action.instance) if asks else {})


def built_in(action: LifecycleAction, features: frozenset[str], tags: Mapping[str, str]) -> PlanDecision:
    """Return the decision where nobody names a plan."""
    transition = plan_transition(action.transition)
    named = f"there is no plan named {action.group} or {DEFAULT_PLAN} for {transition} hooks"
    why = f"hook {action.hook} and group {action.group} name no plan, and {named}"
    plan = built_in_plan(action, features, tags)
    if not plan.steps:
        # Nobody wrote that there is nothing to do.
        return PlanDecision(source="built-in", why=why, problems=(why_empty(action, features),))
    # What tags say is checked like what a file says.
    problems = tuple(str(problem) for problem in find_problems(json.loads(msgspec.json.encode(plan))))
    return PlanDecision(source="built-in", why=why, plan=None if problems else plan, problems=problems)


def plan_offline(action: LifecycleAction) -> PlanDecision:
    """Return as much of the decision as can be told without the plan store."""
    chosen = read_metadata(action)
    if isinstance(chosen, PlanDecision):
        return chosen
    if chosen is not None:
        why = f"the NotificationMetadata of hook {action.hook} names it; the plan store was not asked"
        return PlanDecision(source=SOURCE, why=why, name=chosen)
    decision = built_in(action, DEFAULT_FEATURES, {})
    why = (
        f"hook {action.hook} names no plan, and the plan store was not asked: a plan that a tag of group "
        f"{action.group} names, or one named {action.group} or {DEFAULT_PLAN}, comes before the built-in one"
    )
    return msgspec.structs.replace(decision, why=why)
