"""The kinds of steps there are. A new one is added here, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.steps.deregister_targets import DeregisterTargets
from asg_lifecycle.steps.run_command import RunCommand

if TYPE_CHECKING:
    from asg_lifecycle.steps.protocol import Step

CATALOG: tuple[type[Step], ...] = (DeregisterTargets, RunCommand)

KINDS: dict[str, type[Step]] = {step.kind: step for step in CATALOG}
