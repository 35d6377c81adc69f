"""Which plan an action follows: what the hook says, what the group says, or what is built in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.plans import PlanDecision, plan_transition
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES, FEATURES_USED, NEEDING_TAGS, built_in_plan, why_empty
from asg_lifecycle.plans.validation import PLAN_FIELDS, find_problems, kind_of, parse
from asg_lifecycle.plans.value_problems import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.aws.plan_store import PlanStore
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.plans import PlanTransition

PLAN_KEY = "plan"
OBSERVE_KEY = "observe"
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

        Metadata that is no JSON object, or one without `plan`, belongs to somebody else and is left alone. Whatever
        was meant for us and cannot be used is a problem, and no other plan takes its place.

        Raises:
            CallFailed: the plans could not be read, and may be at the next try.
        """
        chosen = from_metadata(action)
        if isinstance(chosen, PlanDecision):
            return chosen
        try:
            if chosen is None:
                return self._of_group(action)
            why = f"the NotificationMetadata of hook {action.hook} names it"
            return self._named(chosen, plan_transition(action.transition), source="hook metadata", why=why)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.TRANSIENT:
                raise
            why = f"what to do with instance {action.instance} of group {action.group} could not be found out"
            return PlanDecision(source="plan store", why=why, problems=(f"{why}: {failed}",))

    def _named(self, name: str, transition: PlanTransition, *, source: str, why: str) -> PlanDecision:
        text = self._store.texts(transition, name).get(name)
        if text is not None:
            return decided(text, transition, source=source, why=why, name=name)
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
            return decided(texts[group], transition, source="group name", why=why, name=group)
        if DEFAULT_PLAN in texts:
            why = f"hook {action.hook} and group {group} name no plan of their own for {transition} hooks"
            return decided(texts[DEFAULT_PLAN], transition, source="default", why=why, name=DEFAULT_PLAN)
        # An instance that could not be asked is not taken for one that has nothing to drain.
        asks = action.instance and self._features & {*FEATURES_USED[action.transition]} & NEEDING_TAGS
        return built_in(action, self._features, self._instances.tags(action.instance) if asks else {})


def built_in(action: LifecycleAction, features: frozenset[str], tags: Mapping[str, str]) -> PlanDecision:
    """Return the decision where nobody names a plan."""
    transition = plan_transition(action.transition)
    named = f"there is no plan named {DEFAULT_PLAN} for {transition} hooks"
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
    chosen = from_metadata(action)
    if isinstance(chosen, PlanDecision):
        return chosen
    if chosen is not None:
        why = f"the NotificationMetadata of hook {action.hook} names it; the plan store was not asked"
        return PlanDecision(source="hook metadata", why=why, name=chosen)
    return built_in(action, DEFAULT_FEATURES, {})


def decided(text: str, transition: PlanTransition, *, source: str, why: str, name: str | None = None) -> PlanDecision:
    """Return the decision for a plan given as the text of a JSON document, for hooks of `transition`."""
    try:
        plan = json.loads(text)
    except (ValueError, RecursionError) as error:
        return PlanDecision(source=source, why=why, name=name, problems=(f"the plan is not JSON: {error}",))
    return _decided(plan, transition, source=source, why=why, name=name)


def from_metadata(action: LifecycleAction) -> PlanDecision | str | None:
    """Return what the hook's `NotificationMetadata` says: an inline plan, the name of one, or None for nothing.

    Needs nothing of AWS.
    """
    why = f"the NotificationMetadata of hook {action.hook} carries it"
    if action.metadata is None:
        return None
    try:
        parsed = json.loads(action.metadata)
    except (ValueError, RecursionError) as error:
        meant = action.metadata.lstrip().startswith("{") and f'"{PLAN_KEY}"' in action.metadata
        problem = f"the NotificationMetadata seems to hold a plan but is not JSON: {error}"
        return PlanDecision(source="hook metadata", why=why, problems=(problem,)) if meant else None
    plan = parsed.get(PLAN_KEY) if isinstance(parsed, dict) else None
    if plan is None or isinstance(plan, str):
        return plan
    return _decided(plan, plan_transition(action.transition), source="hook metadata", why=why)


def _decided(
    plan: object, transition: PlanTransition, *, source: str, why: str, name: str | None = None
) -> PlanDecision:
    if not isinstance(plan, dict):
        problem = f"the plan is {kind_of(plan)}; expected an object with {listed(PLAN_FIELDS)}"
        return PlanDecision(source=source, why=why, name=name, problems=(problem,))
    # Whoever writes the field in any way wants nothing to be touched, above all by a plan with mistakes.
    observe = plan.get(OBSERVE_KEY, False) is not False
    problems = tuple(map(str, find_problems(plan, transition)))
    if problems:
        return PlanDecision(source=source, why=why, name=name, problems=problems, observe=observe)
    return PlanDecision(source=source, why=why, name=name, plan=parse(plan), observe=observe)
