"""The step kind `wait-for-status-checks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.steps.base import NoOptions, PollingStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.steps.base import Target

POLL_INTERVAL = 15.0
"""Seconds. EC2 itself checks once a minute."""

PASSED = "ok"
NEVER = frozenset({"not-applicable"})
"""The status of a check that EC2 does not make, because the instance is stopped."""


class WaitForStatusChecks(PollingStep[NoOptions]):
    """Wait until EC2's status checks of the instance pass.

    Both of EC2's checks, of the system and of the instance.

    A check that fails may pass again, so the step goes on waiting; give it a timeout.
    """

    kind = "wait-for-status-checks"
    transition = PlanTransition.LAUNCH
    permissions = ("ec2:DescribeInstanceStatus",)
    template_parameter = "StatusCheckSteps"
    needs_instance_alive = True

    def preview(self, target: Target) -> str:
        """Say how the checks are now."""
        checks = self._services.instances.status_checks(target.action.instance)
        now = "none yet" if checks is None else f"system {checks.system}, instance {checks.instance}"
        return f"would wait for the status checks of instance {target.action.instance}; now: {now}"

    def poll(self, target: Target) -> Progress:
        """Ask for both checks."""
        instance = target.action.instance
        checks = self._services.instances.status_checks(instance)
        if checks is None:
            return _waiting(f"waiting for the first status checks of instance {instance}", {"any": "not made yet"})
        if {checks.system, checks.instance} & NEVER:
            return Failed(f"instance {instance} has no status checks: it is {checks.state}, expected running")
        if checks.system == checks.instance == PASSED:
            return Done("both status checks passed")
        both = {"system": checks.system, "instance": checks.instance}
        left = {name: found for name, found in both.items() if found != PASSED}
        listed = ", ".join(f"{name} is {found}" for name, found in left.items())
        return _waiting(f"waiting for the status checks of instance {instance}: {listed}", left)


def _waiting(detail: str, left: Mapping[str, str]) -> Waiting:
    """Return a wait for the checks in `left`: their names, and how they are."""
    blockers = (
        Blocker(kind=BlockerKind.STATUS_CHECK, name=name, reason=f"it is {found}") for name, found in left.items()
    )
    return Waiting(detail, again_after=POLL_INTERVAL, blockers=tuple(blockers))
