"""The kinds that start what others have written: runbooks of Systems Manager, state machines of Step Functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import ABSENT, EITHER, CampaignKind, Shape
from asg_lifecycle_simulator.services.automations import Runbook
from asg_lifecycle_simulator.services.state_machines import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT = "Shop-Archive"
MACHINE = "decommission"


class RunAutomation(CampaignKind):
    """`run-automation`."""

    kind = "run-automation"
    transitions = EITHER
    shapes: ClassVar[Mapping[str, Shape]] = {
        "succeeds": Shape(weight=4),
        "is approved": Shape(),
        "fails": Shape(fails=True),
        "never ends": Shape(endless=True),
    }
    absent: ClassVar[Mapping[str, Any]] = {"document": ABSENT}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ssm": ("StartAutomationExecution", "GetAutomationExecution", "DescribeAutomationExecutions"),
    }

    @classmethod
    def drawn_options(cls, random: Any) -> dict[str, Any]:  # noqa: ANN401 - the overridden signature
        """Name the runbook."""
        del random
        return {"document": DOCUMENT, "parameters": {"InstanceId": "{instance}"}}

    def arrange(self) -> None:
        """Publish the runbook."""
        shape = self.step.shape
        runbook = Runbook(
            duration=None if shape == "never ends" else self.step.takes,
            status="Failed" if shape == "fails" else "Success",
            approval=shape == "is approved",
        )
        self.testbed.automations.publish(DOCUMENT, runbook)
        # The worst that Systems Manager may do: for how long it remembers a token it does not say.
        self.testbed.automations.token_life = 0.0
        if runbook.approval:
            self._approve()

    def _approve(self) -> None:
        for automation in self.testbed.automations.automations.values():
            self.testbed.automations.approve(automation)
        self.after(60.0, self._approve)

    def undone(self, instance: str, since: float) -> str | None:
        """Return that no runbook has succeeded for it."""
        if self.replaced_by_absent:
            return None
        of_instance = self.testbed.automations.of(instance)
        done = any(each.status == "Success" and each.started_at >= since for each in of_instance)
        return None if done else "its runbook had succeeded"


class StartExecution(CampaignKind):
    """`start-execution` with standard state machines: an express one fails whenever its answer is lost."""

    kind = "start-execution"
    transitions = EITHER
    shapes: ClassVar[Mapping[str, Shape]] = {
        "succeeds": Shape(weight=4),
        "fails": Shape(fails=True),
        "never ends": Shape(endless=True),
    }
    absent: ClassVar[Mapping[str, Any]] = {"state_machine": ABSENT}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "stepfunctions": ("DescribeStateMachine", "StartExecution", "DescribeExecution"),
    }

    @classmethod
    def drawn_options(cls, random: Any) -> dict[str, Any]:  # noqa: ANN401 - the overridden signature
        """Name the state machine."""
        del random
        return {"state_machine": MACHINE, "input": {"instance": "{instance}"}}

    def arrange(self) -> None:
        """Make the state machine."""
        shape = self.step.shape
        machine = Machine(
            duration=None if shape == "never ends" else self.step.takes,
            status="FAILED" if shape == "fails" else "SUCCEEDED",
        )
        self.testbed.state_machines.make(MACHINE, machine)

    def undone(self, instance: str, since: float) -> str | None:
        """Return that no execution has succeeded for it."""
        if self.replaced_by_absent:
            return None
        of_instance = self.testbed.state_machines.of(instance)
        done = any(each.status == "SUCCEEDED" and each.started_at >= since for each in of_instance)
        return None if done else "its state machine had succeeded"
