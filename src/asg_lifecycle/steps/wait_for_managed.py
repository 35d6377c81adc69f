"""Wait until the instance's Systems Manager agent is online."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from asg_lifecycle.model.progress import Done, Progress, Waiting
from asg_lifecycle.steps.polling_step import PollingStep

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.commands import Commands
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

LOOK_AGAIN = 10.0


class WaitForManagedOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to choose."""


class WaitForManaged(PollingStep):
    """`wait-for-managed`: Systems Manager knows the instance and its agent is online, so commands can be sent."""

    kind: ClassVar[str] = "wait-for-managed"
    options: ClassVar[type[Struct]] = WaitForManagedOptions
    example: ClassVar[dict[str, Any]] = {}
    permissions: ClassVar[tuple[str, ...]] = ("ssm:DescribeInstanceInformation",)
    template_parameter: ClassVar[str | None] = "CommandSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = True
    at_most_once: ClassVar[bool] = False

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step."""
        del options
        return cls(services.commands)

    def preview(self, target: Target) -> str:
        """Say how the agent is now."""
        ping = self._commands.ping_status(target.action.instance) or "unknown to Systems Manager"
        return f"would wait for the agent of instance {target.action.instance}; now: {ping}"

    def begin(self, target: Target) -> Progress:
        """Look whether the agent is there."""
        ping = self._commands.ping_status(target.action.instance)
        if ping == "Online":
            return Done("the Systems Manager agent is online")
        how = f"it is {ping}" if ping is not None else "Systems Manager does not know the instance yet"
        return Waiting(f"waiting for the Systems Manager agent of instance {target.action.instance}: {how}", LOOK_AGAIN)
