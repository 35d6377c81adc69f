"""What a hook's plan would do with an instance, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from asg_lifecycle.cli.console import with_what_to_do
from asg_lifecycle.model.actions import LifecycleAction
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.placeholders import CannotFillError
from asg_lifecycle.plans.validation import build
from asg_lifecycle.steps.base import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.aws.groups import Hook
    from asg_lifecycle.composition.plan_tools import PlanTools
    from asg_lifecycle.model.instances import InstanceFacts
    from asg_lifecycle.model.plans import Plan, PlannedStep

KUBERNETES_CLIENT = "lightkube"


class Trial(Struct, frozen=True, kw_only=True):
    """What one hook's plan would do.

    Attributes:
        hook: the hook.
        transition: `autoscaling:EC2_INSTANCE_TERMINATING` or `…_LAUNCHING`.
        instance: the instance it was tried with, empty for none.
        name: of the plan in the store, None for one that is not from there.
        source: where the plan comes from.
        why: why it is that one.
        problems: why it cannot be used; empty when it can.
        steps: each step's number, kind, and what it would do.
    """

    hook: str
    transition: str
    instance: str
    name: str | None
    source: str
    why: str
    problems: tuple[str, ...]
    steps: tuple[tuple[str, str, str], ...]

    @property
    def plain(self) -> dict[str, Any]:
        """The trial as JSON values."""
        steps = [{"step": number, "kind": kind, "would": would} for number, kind, would in self.steps]
        return {name: getattr(self, name) for name in self.__struct_fields__ if name != "steps"} | {"steps": steps}

    @property
    def text(self) -> str:
        """The trial for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        plan = f"plan {self.name}" if self.name is not None else "plan"
        yield f"hook {self.hook} ({self.transition.rpartition('_')[2].lower()}): {plan} from {self.source}: {self.why}"
        yield from (f"  cannot be used, its actions would be held: {problem}" for problem in self.problems)
        if self.problems:
            return
        on = f"with instance {self.instance}" if self.instance else "the group has no instance to try it with"
        yield f"  {on}"
        yield from (f"  {number}. {kind}: {would}" for number, kind, would in self.steps)
        if not self.steps:
            yield "  no steps: the action is completed at once"


def try_hook(tools: PlanTools, group: str, hook: Hook, instance: str) -> Trial:
    """Return what the plan of one hook would do with an instance.

    Args:
        tools: the plans, groups and instances.
        group: the Auto Scaling group.
        hook: the hook.
        instance: the instance, empty when the group has none.

    Raises:
        CallFailed: the plan or the instance could not be read.
    """
    action = LifecycleAction(
        token=None,
        group=group,
        hook=hook.name,
        instance=instance,
        transition=hook.transition,
        time=tools.clock(),
        metadata=hook.metadata,
    )
    decision = tools.planning.plan_for(action)
    facts = tools.instances.facts(instance) if instance and decision.plan is not None else None
    steps = _steps(tools, decision.plan, action, facts) if decision.plan is not None else ()
    return Trial(
        hook=hook.name,
        transition=hook.transition.value,
        instance=instance,
        name=decision.name,
        source=decision.source,
        why=decision.why,
        problems=decision.problems,
        steps=tuple(steps),
    )


def _steps(
    tools: PlanTools, plan: Plan, action: LifecycleAction, facts: InstanceFacts | None
) -> Iterator[tuple[str, str, str]]:
    position = 0
    for index, entry in enumerate(plan.steps, start=1):
        for member, planned in enumerate(entry.parallel or (entry,), start=1):
            number = f"{index}.{member}" if entry.parallel else str(index)
            said = f"{planned.conditions.said}: " if planned.conditions.said else ""
            yield number, planned.kind, said + _preview(tools, planned, action, facts, position)
            position += 1


def _preview(
    tools: PlanTools, planned: PlannedStep, action: LifecycleAction, facts: InstanceFacts | None, position: int
) -> str:
    if facts is None:
        return "not tried"
    now = tools.clock()
    target = Target(action=action, facts=facts, position=position, began_at=now, now=now, execution=tools.function)
    redact = tools.services.known_secrets
    try:
        return redact(build(planned, tools.services).preview(target))
    except CallFailed as failed:
        return f"could not be found out: {with_what_to_do(failed)}"
    except CannotFillError as cannot:
        return f"would fail: {redact(str(cannot))}"
    except ModuleNotFoundError as missing:
        # A plain install carries no Kubernetes client: this is all of the command line that has a use for it.
        if missing.name is None or missing.name.partition(".")[0] != KUBERNETES_CLIENT:
            raise
        return (
            f"could not be found out: the package {KUBERNETES_CLIENT} is not installed; it comes with the extra "
            "`function`, in a checkout of this project: pip install '.[function]'"
        )
