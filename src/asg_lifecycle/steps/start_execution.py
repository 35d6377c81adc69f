"""The step kind `start-execution`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.aws.state_machines import NOT_SENT
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.placeholders import fill_values
from asg_lifecycle.model.progress import Done, Failed, Missing, Progress, StepAnswer, Waiting
from asg_lifecycle.model.resource_names import StateMachine
from asg_lifecycle.model.signals import execution_ended
from asg_lifecycle.model.step_names import execution_name
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.kept_output import kept_end

if TYPE_CHECKING:
    from asg_lifecycle.aws.state_machines import MachineExecution
    from asg_lifecycle.steps.base import Target

STANDARD, EXPRESS = "STANDARD", "EXPRESS"

RUNNING = frozenset({"PENDING_REDRIVE", "RUNNING"})
SUCCEEDED = frozenset({"SUCCEEDED"})
NOT_SUCCEEDED = frozenset({"ABORTED", "FAILED", "TIMED_OUT"})
"""What the statuses of an execution mean. One that stands nowhere here is waited out, and said."""

MAY_HAVE_HAD_ITS_EFFECT = (
    "it may have had its effect, and may still run: a standard state machine can be waited for and found again"
)


class StartExecutionOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to execute."""

    state_machine: Annotated[
        StateMachine,
        Meta(description="ARN of the state machine, or its name in this account and Region; its latest revision runs."),
    ]
    input: Annotated[dict[str, Any], Meta(description="Its input, a JSON object, with placeholders in its texts.")] = {}


class StartExecutionState(Struct, frozen=True, kw_only=True):
    """The ARN of the execution."""

    execution: str


class StartExecution(StatefulStep[StartExecutionOptions, StartExecutionState]):
    """Execute a state machine of Step Functions and wait for it to end.

    An execution of a standard state machine is named after the action and the step. So it is started once: a second
    start finds the first, and when that has ended, its end counts. It is another one when the execution has failed and
    an operator says `resume`.

    An express state machine, whose executions nobody can find again, is executed at most once, and has to end within a
    minute. When its answer gets lost, or the function itself is interrupted, the step fails and says that the execution
    may have had its effect.
    """

    kind = "start-execution"
    example: ClassVar[dict[str, object]] = {
        "state_machine": "arn:aws:states:us-east-1:123456789012:stateMachine:decommission",
        "input": {"instance": "{instance}", "group": "{group}"},
    }
    permissions = (
        "states:DescribeExecution",
        "states:DescribeStateMachine",
        "states:StartExecution",
        "states:StartSyncExecution",
        "states:StopExecution",
    )
    template_parameter = "StateMachines"
    may_be_missing = "state machines"
    at_most_once = True
    raises_before_effect = True

    def preview(self, target: Target) -> str:
        """Say what would be executed, and whether it is there."""
        machine = self._machine(target)
        kind = self._services.state_machines.kind(machine)
        told = self._input(target)
        if kind is None:
            return f"would find no state machine {machine}"
        return f"would start {kind.lower()} state machine {machine} with {told}"

    def begin(self, target: Target) -> StepAnswer:
        """Start the execution, or find the one that was started."""
        machine = self._machine(target)
        kind = self._services.state_machines.kind(machine)
        if kind is None:
            return Missing(f"there is no state machine {machine}")
        if kind == STANDARD:
            return self._start(target, machine)
        if kind == EXPRESS:
            return self._ask(target, machine)
        return Failed(f"state machine {machine} is of the type {kind}, expected {STANDARD} or {EXPRESS}")

    def poll(self, target: Target, state: StartExecutionState) -> StepAnswer:
        """Ask for the status of the execution."""
        del target
        found = self._services.state_machines.get(state.execution)
        if found is None:
            return self._running(state.execution, "Step Functions tells nothing of it")
        return self._judged(state.execution, found)

    def stop(self, target: Target, state: StartExecutionState | None) -> str | None:
        """Stop the execution if it still runs."""
        execution = state.execution if state is not None else self._execution(target, self._machine(target))
        found = self._services.state_machines.get(execution)
        if found is None and state is None:
            return None
        if found is not None and found.status in SUCCEEDED | NOT_SUCCEEDED:
            return None
        said = f"execution {_name_in(execution)} of {self._options.state_machine}"
        if not self._services.state_machines.stop(execution):
            return f"{said} was started, and could not be stopped: Step Functions does not know it yet"
        return f"{said} was asked to stop"

    def _start(self, target: Target, machine: str) -> StepAnswer:
        execution = self._execution(target, machine)
        if target.began_before is not None and (found := self._services.state_machines.get(execution)) is not None:
            return self._judged(execution, found)
        try:
            self._services.state_machines.start(machine, _name_in(execution), self._input(target))
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return Missing(f"there is no state machine {machine} ({failed.failure.code})")
            raise
        return self._running(execution)

    def _ask(self, target: Target, machine: str) -> Progress:
        said = f"express state machine {machine}"
        if target.began_before is not None:
            return Failed(f"{said} was interrupted: {MAY_HAVE_HAD_ITS_EFFECT}")
        name = _name_in(self._execution(target, machine))
        try:
            answer = self._services.state_machines.ask(machine, name, self._input(target))
        except CallFailed as failed:
            if not failed.failure.effect_is_open or failed.failure.code in NOT_SENT:
                raise
            return Failed(f"{said} did not answer within a minute: {MAY_HAVE_HAD_ITS_EFFECT} ({failed.failure})")
        if answer.status in SUCCEEDED:
            return Done(f"{said} succeeded{kept_end('output', answer.output)}")
        return Failed(f"{said} ended {answer.status}{_why(answer)}")

    def _judged(self, execution: str, found: MachineExecution) -> Progress:
        said = f"execution {_name_in(execution)} of {self._options.state_machine}"
        if found.status in SUCCEEDED:
            return Done(f"{said} succeeded{kept_end('output', found.output)}")
        if found.status in NOT_SUCCEEDED:
            return Failed(f"{said} ended {found.status}{_why(found)}")
        unknown = "" if found.status in RUNNING else ", which nobody knows here"
        return self._running(execution, f"it is {found.status}{unknown}")

    def _running(self, execution: str, reason: str = "it has not ended") -> Waiting:
        name, machine = _name_in(execution), self._options.state_machine
        return self._waiting(
            f"waiting for execution {name} of {machine}: {reason}",
            StartExecutionState(execution=execution),
            wake_on=execution_ended(name),
            blockers=(Blocker(kind=BlockerKind.STATE_MACHINE, name=execution, reason=reason),),
        )

    def _machine(self, target: Target) -> str:
        """Return the ARN of the state machine.

        Raises:
            CannotFillError: it has a name, and the Region is not known here.
        """
        machine = self._options.state_machine
        if machine.startswith("arn:"):
            return machine
        partition = target.execution.split(":")[1:2] or ["aws"]
        return target.fill(f"arn:{partition[0]}:states:{{region}}:{{account}}:stateMachine:{machine}")

    @staticmethod
    def _execution(target: Target, machine: str) -> str:
        """Return the ARN of this step's execution."""
        action = target.action
        name = execution_name(action.instance, action.reference, target.position, target.attempt)
        return f"{machine.replace(':stateMachine:', ':execution:', 1)}:{name}"

    def _input(self, target: Target) -> str:
        """Return the input, the same text each time.

        Raises:
            CannotFillError: a placeholder has no value.
        """
        return json.dumps(fill_values(self._options.input, target.values), sort_keys=True)


def _name_in(execution: str) -> str:
    return execution.rpartition(":")[2]


def _why(found: MachineExecution) -> str:
    return kept_end(found.error or "it said", found.cause) or kept_end("error", found.error)
