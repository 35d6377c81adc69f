"""Which hook a group should have for the plan that its actions follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from asg_lifecycle.aws.groups import Group
from asg_lifecycle.aws.plan_store import NAME
from asg_lifecycle.model.actions import ActionResult, LifecycleAction, Transition
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.group_owner import GroupOwner, owner_of
from asg_lifecycle.model.hook_proposal import (
    Difference,
    HookProposal,
    HookRequest,
    StackParameters,
    ends_anyway,
    propose,
)
from asg_lifecycle.model.lifecycle_hooks import SHORTEST_HEARTBEAT, HookChoice, HookSettings, choose_hook
from asg_lifecycle.model.plans import PlanDecision, PlanTransition
from asg_lifecycle.plans.metadata_change import name_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.lifecycle_hooks import LifecycleHooks
    from asg_lifecycle.aws.plan_store import PlanStore
    from asg_lifecycle.plans.selection import Planning

TRANSITIONS = {PlanTransition.LAUNCH: Transition.LAUNCHING, PlanTransition.TERMINATE: Transition.TERMINATING}


class GroupProposal(Struct, frozen=True, kw_only=True):
    """What would be done to a group.

    Attributes:
        group: the group.
        owner: the other tool that owns it, None where its tags name none.
        hook: name of the hook, empty where none could be chosen.
        proposal: the hook as it should be, None where that is refused.
        decision: the plan and why it is that one, None where it was not looked for.
        retains: the group's policy for abandoned instances, where it changes.
        warnings: what an operator should know before.
        refusal: why nothing is done, None where something is or everything is as it should be.
    """

    group: Group
    owner: GroupOwner | None
    hook: str = ""
    proposal: HookProposal | None = None
    decision: PlanDecision | None = None
    retains: Difference | None = None
    warnings: tuple[str, ...] = ()
    refusal: str | None = None

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Everything that changes, of the group and of the hook."""
        of_group = () if self.retains is None else (self.retains,)
        return (*of_group, *(self.proposal.differences if self.proposal is not None else ()))


class HookPlanning:
    """Says which hook a group should have.

    Args:
        planning: chooses the plan of an action.
        store: the named plans.
        hooks: the lifecycle hooks.
        parameters: of the stack.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        planning: Planning,
        store: PlanStore,
        hooks: LifecycleHooks,
        parameters: StackParameters,
        clock: Callable[[], float],
    ) -> None:
        self._planning = planning
        self._store = store
        self._hooks = hooks
        self._parameters = parameters
        self._clock = clock

    def transitions_of(self, plan: str) -> tuple[PlanTransition, ...]:
        """Return the hooks that there are plans of a name for.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return tuple(each for each in PlanTransition if plan in self._store.texts(each, plan))

    def try_group(self, group: Group, request: HookRequest) -> GroupProposal:
        """Return what would be done to a group; a call that fails is a refusal."""
        try:
            return self.of_group(group, request)
        except CallFailed as failed:
            return GroupProposal(group=group, owner=owner_of(group.tags), refusal=str(failed))

    def of_group(self, group: Group, request: HookRequest) -> GroupProposal:
        """Return what would be done to a group.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        result = GroupProposal(group=group, owner=owner_of(group.tags))
        present = self._hooks.of_group(group.name)
        prefix = self._parameters.hook_name_prefix
        choice = choose_hook(present, request.transition, name=request.name, prefix=prefix)
        if choice.refusal is not None:
            return structs.replace(result, refusal=choice.refusal)
        result = structs.replace(result, hook=choice.name)
        action = self._action(group, choice, request)
        if request.plan:
            change = _named(action, request.plan)
            if isinstance(change, str):
                return structs.replace(result, refusal=change)
            action = change
        decision = self._planning.plan_for(action)
        if decision.plan is None:
            problems = "; ".join(decision.problems)
            refusal = f"its plan cannot be used ({decision.why}), so its instances would be held: {problems}"
            return structs.replace(result, decision=decision, refusal=refusal)
        proposal = propose(
            choice.present,
            _wanted(choice.name, action),
            decision.plan,
            self._parameters,
            heartbeat=request.heartbeat,
        )
        return structs.replace(
            result,
            proposal=proposal,
            decision=decision,
            retains=_retention(group, request),
            warnings=(*_warnings(choice, request), *proposal.warnings, *_retained(group, proposal, request)),
        )

    def _action(self, group: Group, choice: HookChoice, request: HookRequest) -> LifecycleAction:
        return LifecycleAction(
            token=None,
            group=group.name,
            hook=choice.name,
            instance=next((member.instance for member in group.members), ""),
            transition=TRANSITIONS[request.transition],
            time=self._clock(),
            metadata=choice.present.metadata if choice.present is not None else None,
        )


def _named(action: LifecycleAction, plan: str) -> LifecycleAction | str:
    """Return the action with a plan named in its hook's metadata, or why that cannot be."""
    if NAME.fullmatch(plan) is None:
        return f"{plan!r} cannot name a plan: letters, digits, '_', '.' and '-', 128 at most"
    change = name_plan(action, plan)
    return change.problem if change.problem is not None else structs.replace(action, metadata=change.text)


def _wanted(name: str, action: LifecycleAction) -> HookSettings:
    return HookSettings(
        name=name,
        transition=action.transition,
        heartbeat=SHORTEST_HEARTBEAT,
        default_result=ActionResult.ABANDON,
        metadata=action.metadata,
    )


def _retention(group: Group, request: HookRequest) -> Difference | None:
    if not request.retain or group.retains:
        return None
    return Difference(
        field="InstanceLifecyclePolicy",
        current="terminate",
        wanted="retain",
        why="of the group: whatever terminate hook abandons, the instance stays until somebody terminates it",
    )


def _warnings(choice: HookChoice, request: HookRequest) -> list[str]:
    if not choice.beside:
        return []
    others = ", ".join(choice.beside)
    return [f"the group has other hooks of ours for {request.transition}: {others}; each instance waits at all of them"]


def _retained(group: Group, proposal: HookProposal, request: HookRequest) -> list[str]:
    if request.retain and not group.retains:
        return ["retained instances run and are billed until somebody terminates them"]
    if ends_anyway(proposal.wanted, retains=group.retains):
        return ["an abandoned termination ends the instance all the same, its work undone or not; --retain keeps it"]
    return []
