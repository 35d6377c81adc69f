"""What the account says, as far as it could be read: what the checks of `asg-lifecycle doctor` look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from asg_lifecycle.model import hooks
from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.plans import PlanDecision, PlanTransition
from asg_lifecycle.model.timing import HookTimeouts


class HookFacts(Struct, frozen=True, kw_only=True):
    """A lifecycle hook.

    Attributes:
        name: of the hook.
        transition: what it holds.
        timeouts: its timers, seconds.
        default_result: `CONTINUE` or `ABANDON`.
        metadata: its `NotificationMetadata`, None when absent.
        target: its `NotificationTargetARN`, None when absent.
        decision: the plan that its actions have; None where it could not be found out.
    """

    name: str
    transition: Transition
    timeouts: HookTimeouts
    default_result: str
    metadata: str | None = None
    target: str | None = None
    decision: PlanDecision | None = None


class GroupFacts(Struct, frozen=True, kw_only=True):
    """An Auto Scaling group.

    Attributes:
        name: of the group.
        arn: its ARN.
        desired: desired capacity.
        states: the `LifecycleState` of each instance, those of the warm pool included, by instance id.
        has_pool: whether there are instances in its warm pool.
        tags: its tags.
        hooks: its hooks, whoever owns them; None when they could not be read.
    """

    name: str
    arn: str
    desired: int
    states: Mapping[str, str]
    has_pool: bool = False
    tags: Mapping[str, str] = {}
    hooks: tuple[HookFacts, ...] | None = None

    @property
    def size(self) -> int:
        """How many instances it can lose at once: those that it has, or wants."""
        return max(self.desired, len(self.states))


class RuleFacts(Struct, frozen=True, kw_only=True):
    """A rule on the default event bus.

    Attributes:
        name: of the rule.
        arn: its ARN.
        enabled: whether it passes events on.
        pattern: its pattern as JSON values, None for a schedule.
        targets: the ARNs of its targets; None when they were not read.
    """

    name: str
    arn: str
    enabled: bool
    pattern: dict[str, Any] | None = None
    targets: tuple[str, ...] | None = None


class AlarmFacts(Struct, frozen=True, kw_only=True):
    """An alarm: its name, whether its actions are switched on, and the ARNs of these."""

    name: str
    actions_enabled: bool
    actions: tuple[str, ...]


class TopicFacts(Struct, frozen=True, kw_only=True):
    """A topic that alarms are sent to: its ARN, and how many subscriptions are confirmed, and wait to be."""

    arn: str
    confirmed: int
    pending: int


class StepNeed(Struct, frozen=True, kw_only=True):
    """What a step of a plan in use needs.

    Attributes:
        group: the group whose actions have the plan.
        hook: the hook.
        plan: how a sentence names the plan.
        kind: of the step.
        parameter: the parameter of the template that grants it, None when none has to.
        permissions: the IAM actions.
    """

    group: str
    hook: str
    plan: str
    kind: str
    parameter: str | None
    permissions: tuple[str, ...]


class AskedHost(Struct, frozen=True, kw_only=True):
    """A host that a plan in use sends requests to.

    Attributes:
        group: the group whose actions have the plan.
        hook: the hook.
        plan: how a sentence names the plan.
        host: a DNS name, or an address without brackets; `sample` stands for what is known of an action alone.
    """

    group: str
    hook: str
    plan: str
    host: str


class MissingName(Struct, frozen=True, kw_only=True):
    """Something that a plan in use names and that does not exist.

    Attributes:
        group: the group whose actions have the plan.
        hook: the hook.
        plan: how a sentence names the plan.
        kind: of the step that names it.
        what: what kind of thing it would be, `target group`.
        name: its name.
    """

    group: str
    hook: str
    plan: str
    kind: str
    what: str
    name: str


class StoredPlanFacts(Struct, frozen=True, kw_only=True):
    """A plan in the store.

    Attributes:
        name: its name.
        transition: its hooks; None for a parameter that is where no plan is read from.
        problems: everything that is wrong with it.
    """

    name: str
    transition: PlanTransition | None
    problems: tuple[str, ...] = ()


class Unread(Struct, frozen=True, kw_only=True):
    """What could not be read.

    Attributes:
        what: what was to be read.
        permission: the IAM action that is needed.
        reason: why it could not be.
        denied: whether that permission is missing.
        checks: names of the checks that could not do their work, or not all of it.
    """

    what: str
    permission: str
    reason: str
    denied: bool
    checks: tuple[str, ...]


class StackFacts(Struct, frozen=True, kw_only=True):
    """The deployed stack.

    Attributes:
        name: of the stack.
        outputs: its outputs by key.
        parameters: its parameters by key.
    """

    name: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    @property
    def prefix(self) -> str:
        """What the names of our hooks begin with."""
        return self.parameters.get("HookNamePrefix", hooks.DEFAULT_HOOK_NAME_PREFIX)

    @property
    def sweep_interval(self) -> float:
        """Seconds between two sweeps."""
        minutes = self.parameters.get("SweepMinutes", "")
        return 60.0 * float(minutes if minutes.isdecimal() else 5)

    @property
    def function(self) -> str:
        """Qualified ARN of the durable function."""
        return self.outputs.get("FunctionAlias", "")

    def switched_on(self, parameter: str) -> bool | None:
        """Return whether a feature of steps is on; None where nothing says so."""
        if parameter in self.parameters:
            return self.parameters[parameter] not in {"off", ""}
        return None


class AccountFacts(Struct, frozen=True, kw_only=True):
    """The account in one Region. A fact that is None could not be read, and `unread` says why.

    Attributes:
        stack: the stack.
        version: of the command line, None where it is not installed.
        group: the only group to look at, None for every group that is ours.
        groups: the groups that are looked at.
        group_count: how many groups the account has.
        rules: the rules on the default event bus.
        alarms: those of the stack; the names of alarms that are gone are in `missing_alarms`.
        missing_alarms: alarms that the stack made and that are not there any more.
        topics: the topics that these alarms are sent to.
        dead_letters: how many messages each dead-letter queue holds, by its URL.
        failed: executions that have failed lately, by ARN, each with its status.
        paused: executions that somebody has paused, by ARN.
        needs: what the steps of the plans in use need.
        refused: the IAM actions that the function's role is refused, of all that were asked about; None when that could
            not be asked.
        missing_names: what the plans in use name and that does not exist.
        asked_hosts: the hosts that the plans in use send requests to.
        stored_plans: the plans in the store.
        unread: what could not be read.
    """

    stack: StackFacts
    version: str | None
    group: str | None
    groups: tuple[GroupFacts, ...] | None
    group_count: int = 0
    rules: tuple[RuleFacts, ...] | None = None
    alarms: tuple[AlarmFacts, ...] | None = None
    missing_alarms: tuple[str, ...] = ()
    topics: tuple[TopicFacts, ...] | None = None
    dead_letters: Mapping[str, int] = {}
    failed: Mapping[str, str] | None = None
    paused: tuple[str, ...] | None = None
    needs: tuple[StepNeed, ...] = ()
    refused: frozenset[str] | None = None
    missing_names: tuple[MissingName, ...] = ()
    asked_hosts: tuple[AskedHost, ...] = ()
    stored_plans: tuple[StoredPlanFacts, ...] | None = None
    unread: tuple[Unread, ...] = ()

    @property
    def rule(self) -> str | None:
        """ARN of the rule that passes the events of our hooks on, None where the stack does not tell it."""
        return self.stack.outputs.get("RuleArn")

    def is_ours(self, hook: HookFacts) -> bool:
        """Return whether the function answers a hook."""
        return hooks.refuse(hook.name, self.stack.prefix) is None

    def our_hooks(self) -> tuple[tuple[GroupFacts, HookFacts], ...]:
        """Return the hooks of the groups that the function answers."""
        return tuple((group, hook) for group in self.groups or () for hook in group.hooks or () if self.is_ours(hook))
