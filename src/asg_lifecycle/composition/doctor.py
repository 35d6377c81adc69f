"""Reads what `asg-lifecycle doctor` looks at: one list of each kind, page by page, and the hooks of each group."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.aws.alarms import Alarms
from asg_lifecycle.aws.clients import SEARCH, Clients
from asg_lifecycle.aws.event_rules import EventRules
from asg_lifecycle.aws.executions import Executions, Liveness
from asg_lifecycle.aws.groups import Groups
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.aws.lifecycle_hooks import LifecycleHooks
from asg_lifecycle.aws.permissions import CORE_PERMISSIONS
from asg_lifecycle.aws.queues import Queues
from asg_lifecycle.aws.role_policies import RolePolicies
from asg_lifecycle.aws.stacks import Stacks
from asg_lifecycle.aws.topics import Topics
from asg_lifecycle.composition.doctor_groups import group_facts, hook_facts, with_pool
from asg_lifecycle.composition.doctor_names import NameFinder
from asg_lifecycle.composition.doctor_plans import make_planning, read_plans, step_needs, stored_plan, with_decisions
from asg_lifecycle.composition.doctor_reading import Reader
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.model.doctor.facts import AccountFacts, StackFacts
from asg_lifecycle.model.doctor.hooks import is_meant
from asg_lifecycle.model.doctor.rules import rules_with_our_events
from asg_lifecycle.model.doctor.simulated_resources import by_resources, context_of
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from asg_lifecycle.aws.stacks import StackResource
    from asg_lifecycle.model.doctor.facts import GroupFacts, RuleFacts, TopicFacts

ROLE = "LifecycleActionFunctionRole"
"""The logical id of the durable function's role."""

ALARM = "AWS::CloudWatch::Alarm"
QUEUES = ("RuleDeadLetterQueueUrl", "FunctionDeadLetterQueueUrl", "NotificationDeadLetterQueueUrl")
"""The outputs that name dead-letter queues."""

LATELY = 172_800.0
"""Seconds back that failed executions are looked for: no wait is older (R4)."""

GROUP_CHECKS = ("group-without-hook", "retained-instances", "storm-beyond-quotas")
HOOK_CHECKS = ("group-without-hook", "heartbeat-below-sweep", "hook-shorter-than-plan", "plan-unusable", "other-rule")
RULE_CHECKS = ("rule-missing", "rule-disabled", "rule-does-not-match", "other-rule", "target-and-rule")
PERMISSION_CHECKS = ("permission-missing", "core-permission-missing")


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Reads an account.

    Attributes:
        clients: the AWS clients.
        stack: name of the stack.
        clock: seconds since the epoch.
    """

    clients: Clients
    stack: str
    clock: Callable[[], float]

    def read(self, group: str | None, version: str | None) -> AccountFacts:
        """Return what the account says, as far as it can be read.

        Args:
            group: the only group to look at, None for every one that is ours.
            version: of the command line, None where it is not installed.

        Raises:
            CallFailed: the stack could not be read: nothing can be told without it.
        """
        deployed = Stacks(self.clients).deployed(self.stack)
        stack = StackFacts(name=self.stack, outputs=deployed.outputs, parameters=deployed.parameters)
        reader = Reader()
        facts = AccountFacts(stack=stack, version=version, group=group, groups=None)
        facts = self._with_groups(facts, reader)
        facts = self._with_plans(facts, reader)
        facts = self._with_rules(facts, reader)
        facts = self._with_operation(facts, reader)
        return msgspec.structs.replace(facts, unread=reader.unread)

    def _with_groups(self, facts: AccountFacts, reader: Reader) -> AccountFacts:
        groups, name = Groups(self.clients), facts.group

        def described() -> tuple[GroupFacts, ...]:
            if name is None:
                return tuple(map(group_facts, groups.all()))
            found = groups.named(name)
            return (group_facts(found),) if found is not None else ()

        every = reader.read("the Auto Scaling groups", GROUP_CHECKS, described)
        plans = read_plans(self.clients, facts.stack.outputs.get("PlanPath", ""), reader)
        facts = msgspec.structs.replace(
            facts,
            group_count=len(every or ()),
            stored_plans=None if plans is None else tuple(map(stored_plan, plans)),
        )
        if every is None:
            return facts
        hooked = [self._with_hooks(group, reader) for group in every]
        ours = [
            self._with_pool(group, reader)
            for group in hooked
            if any(map(facts.is_ours, group.hooks or ())) or is_meant(facts, group)
        ]
        planning = None
        if plans is not None:
            planning = make_planning(self.clients, facts.stack, plans, ours, reader)
        decided = [with_decisions(it, planning, facts.is_ours) if planning and it.hooks else it for it in ours]
        return msgspec.structs.replace(facts, groups=tuple(decided))

    def _with_hooks(self, group: GroupFacts, reader: Reader) -> GroupFacts:
        hooks = LifecycleHooks(self.clients, time.sleep)
        found = reader.read(f"the hooks of group {group.name}", HOOK_CHECKS, lambda: hooks.of_group(group.name))
        return msgspec.structs.replace(group, hooks=None if found is None else tuple(map(hook_facts, found)))

    def _with_pool(self, group: GroupFacts, reader: Reader) -> GroupFacts:
        if not group.has_pool:
            return group
        what = f"the warm pool of group {group.name}"
        pool = reader.read(what, ("retained-instances",), lambda: Groups(self.clients).pool(group.name))
        return with_pool(group, pool or ())

    def _with_plans(self, facts: AccountFacts, reader: Reader) -> AccountFacts:
        hooks = facts.our_hooks()
        services = compose_services(self.clients, LifecycleActions(self.clients, self.clock), self.clock)
        finder = NameFinder(self.clients, services, reader, self.clock)
        return msgspec.structs.replace(
            facts,
            needs=tuple(step_needs(hooks, facts.stack)),
            missing_names=tuple(dict.fromkeys(finder.missing(hooks))),
        )

    def _with_rules(self, facts: AccountFacts, reader: Reader) -> AccountFacts:
        rules = reader.read("the rules on the default event bus", RULE_CHECKS, EventRules(self.clients).all)
        if rules is None:
            return facts
        facts = msgspec.structs.replace(facts, rules=rules)
        looked_at = {facts.rule, *(rule.arn for rule, *_ in rules_with_our_events(facts))}
        return msgspec.structs.replace(
            facts, rules=tuple(self._with_targets(rule, reader) if rule.arn in looked_at else rule for rule in rules)
        )

    def _with_targets(self, rule: RuleFacts, reader: Reader) -> RuleFacts:
        targets = reader.read(
            f"the targets of rule {rule.name}",
            ("rule-without-target", "other-rule"),
            lambda: EventRules(self.clients).targets(rule.name),
        )
        return msgspec.structs.replace(rule, targets=targets)

    def _with_operation(self, facts: AccountFacts, reader: Reader) -> AccountFacts:
        executions, since = Executions(self.clients, facts.stack.function), self.clock() - LATELY
        failed = reader.read("the executions", ("failed-executions",), lambda: executions.failed(since))
        alive = reader.read("the executions under way", ("paused-executions",), executions.under_way)
        resources = reader.read(
            "the resources of the stack",
            ("alarm-missing", "alarm-without-action", "topic-without-subscriber", *PERMISSION_CHECKS),
            lambda: Stacks(self.clients).resources(self.stack),
        )
        facts = msgspec.structs.replace(
            facts,
            dead_letters=self._dead_letters(facts.stack, reader),
            failed=failed,
            paused=None if alive is None else tuple(arn for arn, it in alive.items() if it is Liveness.PAUSED),
        )
        if resources is None:
            return facts
        facts = self._with_alarms(facts, [each.physical for each in resources if each.kind == ALARM], reader)
        return msgspec.structs.replace(facts, refused=self._refused(facts, resources, reader))

    def _dead_letters(self, stack: StackFacts, reader: Reader) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for output in QUEUES:
            if (url := stack.outputs.get(output)) is not None:
                what = f"queue {url.rpartition('/')[2]}"
                count = reader.read(what, ("dead-letters",), lambda url=url: Queues(self.clients).count(url))  # type: ignore[misc]  # mypy infers no type of a bound default
                found |= {} if count is None else {url: count}
        return found

    def _with_alarms(self, facts: AccountFacts, names: list[str], reader: Reader) -> AccountFacts:
        checks = ("alarm-missing", "alarm-without-action", "topic-without-subscriber")
        alarms = reader.read("the alarms of the stack", checks, lambda: Alarms(self.clients).named(names))
        if alarms is None:
            return facts
        topics = [self._topic(arn, reader) for arn in sorted({arn for alarm in alarms for arn in alarm.actions})]
        return msgspec.structs.replace(
            facts,
            alarms=alarms,
            missing_alarms=tuple(sorted({*names} - {alarm.name for alarm in alarms})),
            topics=tuple(topic for topic in topics if topic is not None),
        )

    def _topic(self, arn: str, reader: Reader) -> TopicFacts | None:
        # An alarm can act in other ways: it can scale, or invoke a function.
        if ":sns:" not in arn:
            return None
        what = f"who is subscribed to topic {arn}"
        return reader.read(what, ("topic-without-subscriber",), lambda: Topics(self.clients).subscriptions(arn))

    def _refused(
        self, facts: AccountFacts, resources: tuple[StackResource, ...], reader: Reader
    ) -> frozenset[str] | None:
        """Return the actions that the function's role is refused, of all that plans in use and it itself need."""
        role = reader.read("the function's role", PERMISSION_CHECKS, lambda: _role(resources), kind="role")
        parts = facts.stack.function.split(":")
        if role is None:
            return None
        needed = {permission for need in facts.needs for permission in need.permissions}
        outputs = facts.stack.outputs
        tried = by_resources(
            needed | {*CORE_PERMISSIONS},
            function=facts.stack.function,
            stack=self.stack,
            table=outputs.get("Table", ""),
            plans=outputs.get("PlanPath", ""),
        )
        policies, arn = RolePolicies(self.clients), f"arn:{parts[1]}:iam::{parts[4]}:role/{role}"
        context = context_of(facts.stack.parameters)
        refused: list[str] = []
        for on, actions in tried.items():
            answer = reader.read(
                "what the function's role is allowed",
                PERMISSION_CHECKS,
                lambda on=on, actions=actions: policies.refused(arn, actions, on, context),  # type: ignore[misc]  # likewise
            )
            if answer is None:
                return None
            refused += answer
        return frozenset(refused)


def _role(resources: Iterable[StackResource]) -> str:
    """Return the name of the durable function's role.

    Raises:
        CallFailed: the stack has none of that logical id.
    """
    for each in resources:
        if each.logical == ROLE:
            return each.physical
    message = f"the stack has no resource {ROLE}"
    raise CallFailed(
        Failure(
            consequence=Consequence.NOT_FOUND,
            action="cloudformation:ListStackResources",
            code="NoSuchResource",
            message=message,
        )
    )


def compose_doctor(stack: str, clock: Callable[[], float] = time.time) -> Doctor:
    """Return what reads an account. Nothing is called yet.

    Args:
        stack: name of the stack.
        clock: seconds since the epoch.
    """
    return Doctor(clients=Clients(SEARCH), stack=stack, clock=clock)
