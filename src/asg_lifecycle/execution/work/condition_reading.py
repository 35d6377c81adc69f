"""Finds out whether the conditions of a step hold. Only reads; what cannot be read is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.conditions import CAUSES, Condition, ConditionAnswer
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.instances import GONE_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.model.instances import InstanceFacts

ONLINE = "Online"
IMPAIRED, PASSED = "impaired", "ok"
SPOT = "spot"


class ConditionReader:
    """Answers the conditions of one step, at the moment when it would begin.

    Args:
        action_context: the action and the execution that works on it.
        facts: what EC2 knew of the instance when the work was set up.
        earlier_failed: whether a step before has failed, None where that is not known.
    """

    def __init__(self, action_context: ActionContext, facts: InstanceFacts, *, earlier_failed: bool | None) -> None:
        self._dependencies = action_context.dependencies
        self._action = action_context.action
        self._facts = facts
        self._earlier_failed = earlier_failed

    def answers(self, conditions: Iterable[Condition]) -> dict[Condition, ConditionAnswer]:
        """Return what is known of each condition. Never raises for what AWS answers."""
        return {condition: self._answer(condition) for condition in conditions}

    def _answer(self, condition: Condition) -> ConditionAnswer:
        try:
            return self._read(condition)
        except CallFailed as failed:
            self._dependencies.observer.warning(f"whether the condition {condition} holds is not known: {failed}")
            return ConditionAnswer(None, f"whether it holds is not known: {failed}")

    def _read(self, condition: Condition) -> ConditionAnswer:
        match condition:
            case Condition.UNREACHABLE:
                return self._unreachable()
            case Condition.GONE:
                return self._gone()
            case Condition.SURVIVES:
                survives = self._action.survives
                return ConditionAnswer(survives, f"the instance {'survives' if survives else 'does not survive'}")
            case Condition.SPOT:
                return self._spot()
            case Condition.EARLIER_STEP_FAILED:
                said = "an earlier step has failed" if self._earlier_failed else "no earlier step has failed"
                return ConditionAnswer(self._earlier_failed, said)
            case _:
                return self._cause(condition)

    def _gone(self) -> ConditionAnswer:
        facts = self._facts
        if not facts.gone:
            facts = self._dependencies.instances.facts(self._action.instance, launching=self._action.launching)
        known = facts.gone if facts.state is not None else None
        return ConditionAnswer(known, f"the instance is {facts.state}")

    def _spot(self) -> ConditionAnswer:
        # EC2 tells nothing of an instance that it has forgotten.
        if self._facts.state is None or self._facts.availability_zone is None:
            return ConditionAnswer(None, "EC2 does not tell whether the instance is a Spot Instance")
        spot = self._facts.purchase == SPOT
        return ConditionAnswer(spot, f"the instance is {'a Spot Instance' if spot else 'on-demand'}")

    def _unreachable(self) -> ConditionAnswer:
        if self._facts.gone:
            return ConditionAnswer(True, f"the instance is {self._facts.state}")  # noqa: FBT003 - what the answer is
        checks = self._dependencies.services.instances.status_checks(self._action.instance)
        if checks is None:
            return ConditionAnswer(None, "the instance has no status checks")
        if checks.state in GONE_STATES:
            return ConditionAnswer(True, f"the instance is {checks.state}")  # noqa: FBT003 - what the answer is
        both = {checks.system, checks.instance}
        if both == {PASSED}:
            return ConditionAnswer(False, "its status checks pass")  # noqa: FBT003 - what the answer is
        ping = self._dependencies.services.commands.ping_status(self._action.instance)
        if ping == ONLINE:
            return ConditionAnswer(False, "its agent of Systems Manager is online")  # noqa: FBT003 - likewise
        agent = "its agent of Systems Manager is " + (ping if ping is not None else "not known")
        said = f"{agent}, and its status checks are {checks.system} (system) and {checks.instance} (instance)"
        return ConditionAnswer(True if IMPAIRED in both else None, said)

    def _cause(self, condition: Condition) -> ConditionAnswer:
        facts = self._facts
        possible = CAUSES if facts.causes is None else frozenset(facts.causes)
        holds = None if condition in possible and len(possible) > 1 else condition in possible
        return ConditionAnswer(holds, f"Auto Scaling says: {facts.cause}" if facts.cause else "the cause is not known")
