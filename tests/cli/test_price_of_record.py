"""The least that a wait can have cost by its record alone is never more than Lambda's histories tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.composition.action_tools import compose_action_tools
from asg_lifecycle.model.history_counts import counts_of
from asg_lifecycle.model.story_price import price_of
from asg_lifecycle_simulator.deployment.parameters import TABLE
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.action_commands import COMMAND, MISSPELT, SIGNAL, run, waiting

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

NOTHING_TO_DO = {"kind": "deregister-targets"}


@pytest.mark.one_of(2)
@pytest.mark.parametrize("heartbeat", [60, 300, 900, 3600])
@pytest.mark.parametrize(
    "steps",
    [(NOTHING_TO_DO,), (COMMAND, COMMAND), (SIGNAL,), (MISSPELT,), (COMMAND, SIGNAL)],
    ids=["nothing-to-do", "commands", "signal", "held", "command-and-signal"],
)
def test_it_is_the_fewest_operations(stack: Testbed[Deployment], steps: tuple[Any, ...], heartbeat: int) -> None:
    stack.run_command.behave(Behaviour(duration=120))
    (instance,) = waiting(stack, "web", *steps, heartbeat=heartbeat)
    tools = compose_action_tools(TABLE, stack.timeline.now)
    for passed in (0.0, 30.0, 5.0 * heartbeat, 15.0 * heartbeat):
        stack.run(passed)
        (record,) = tools.history.of_target(instance)
        until = record.ended_at if record.ended_at is not None else stack.timeline.now()
        counted = counts_of(tools.history_of(record)).operations
        assert price_of(record, until).operations <= counted, passed
    assert run("show", instance).exit_code == 0
