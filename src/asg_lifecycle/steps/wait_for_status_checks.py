"""Wait until EC2's status checks of the instance pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.steps.polling_step import PollingStep

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

LOOK_AGAIN = 15.0
"""EC2 checks once a minute."""

PASSED = "ok"
NEVER = frozenset({"not-applicable"})
"""What a check says that is not done for this instance: it is stopped."""


class WaitForStatusChecksOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to choose."""


class WaitForStatusChecks(PollingStep):
    """`wait-for-status-checks`: both of EC2's checks, of the system and of the instance.

    A check that fails may pass again, so the step goes on waiting; give it a timeout.
    """

    kind: ClassVar[str] = "wait-for-status-checks"
    options: ClassVar[type[Struct]] = WaitForStatusChecksOptions
    example: ClassVar[dict[str, Any]] = {}
    permissions: ClassVar[tuple[str, ...]] = ("ec2:DescribeInstanceStatus",)
    template_parameter: ClassVar[str | None] = "StatusCheckSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = True
    at_most_once: ClassVar[bool] = False

    def __init__(self, instances: Instances) -> None:
        self._instances = instances

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step."""
        del options
        return cls(services.instances)

    def preview(self, target: Target) -> str:
        """Say how the checks are now."""
        checks = self._instances.status_checks(target.action.instance)
        now = "none yet" if checks is None else f"system {checks.system}, instance {checks.instance}"
        return f"would wait for the status checks of instance {target.action.instance}; now: {now}"

    def begin(self, target: Target) -> Progress:
        """Look at the checks."""
        instance = target.action.instance
        checks = self._instances.status_checks(instance)
        if checks is None:
            return Waiting(f"waiting for the first status checks of instance {instance}", again_after=LOOK_AGAIN)
        if {checks.system, checks.instance} & NEVER:
            return Failed(f"instance {instance} has no status checks: it is {checks.state}, expected running")
        if checks.system == checks.instance == PASSED:
            return Done("both status checks passed")
        left = [
            f"{name} is {found}"
            for name, found in (("system", checks.system), ("instance", checks.instance))
            if found != PASSED
        ]
        return Waiting(f"waiting for the status checks of instance {instance}: {', '.join(left)}", LOOK_AGAIN)
