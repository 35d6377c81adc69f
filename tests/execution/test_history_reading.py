"""What the histories of executions tell, against what the simulated Region saw: in every recorded scenario, and in
invocations that die."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.execution_histories import ExecutionHistories
from asg_lifecycle.model.execution_history import ActionHistory
from asg_lifecycle.model.history_counts import counts_of
from asg_lifecycle.model.history_entries import EntryKind
from asg_lifecycle.model.history_reading import entries_of
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.replay.scenarios import SCENARIOS
from asg_lifecycle_simulator.replay.testbed import TWO_STEPS, RecordingTestbed
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CrashPoint

if TYPE_CHECKING:
    from asg_lifecycle.model.history_entries import HistoryEntry
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution


def history_of(testbed: RecordingTestbed[Deployment], execution: SimulatedExecution) -> ActionHistory:
    return ExecutionHistories(Clients(), testbed.timeline.run_for).of_action(execution.arn)


def alone(history: ActionHistory) -> ActionHistory:
    """Return the last execution of a history, without those that it took its action over from."""
    return ActionHistory(executions=history.executions[-1:])


def told(history: ActionHistory, kind: EntryKind) -> list[HistoryEntry]:
    return [entry for entry in entries_of(history) if entry.kind is kind]


@pytest.mark.one_of(5)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_history_tells_what_was_metered_and_leaves_nothing_untold(name: str) -> None:
    with RecordingTestbed(Deployment) as testbed:
        SCENARIOS[name](testbed)
        beats: set[float] = set()
        for execution in testbed.deployment.executions:
            history = history_of(testbed, execution)
            counts = counts_of(alone(history))
            assert counts.branches == len(execution.branches)
            assert counts.operations + counts.branches == execution.metered_operations
            assert (counts.bytes_written, counts.data_left_out) == (execution.written_bytes, False)
            assert counts.invocations == len(execution.runs)
            assert told(history, EntryKind.NOT_UNDERSTOOD) == []
            beats |= {entry.at for entry in told(history, EntryKind.BEAT) if entry.succeeded}
        # A branch that lost the race may have sent one and not lived to say so.
        sent = {entry.time for entry in testbed.region.log.of(LogKind.HEARTBEAT)}
        assert beats <= sent
        assert len(sent - beats) <= 1


def test_every_attempt_after_an_invocation_that_died_is_metered() -> None:
    with RecordingTestbed(Deployment) as testbed:
        testbed.deployment.service.crash_points.extend(
            [CrashPoint(invocation=number, checkpoint=1, after=number == 2) for number in (1, 2, 5)]
        )
        testbed.drain(TWO_STEPS, heartbeat=60)
        testbed.finish()
        (execution,) = testbed.deployment.executions
        history = history_of(testbed, execution)
        counts = counts_of(history)
        assert counts.operations + counts.branches == execution.metered_operations
        died = [entry.detail for entry in told(history, EntryKind.FAILURE)]
        assert len(died) == 3
        assert died[0].startswith(f"invocation 1 of {execution.name} failed: CRASHED: ")


def test_looks_heartbeats_and_messages_have_their_times() -> None:
    with RecordingTestbed(Deployment) as testbed:
        SCENARIOS["finished-by-an-operator"](testbed)
        (execution,) = testbed.deployment.executions
        history = history_of(testbed, execution)
        began = execution.runs[0].started_at
        (message,) = told(history, EntryKind.MESSAGE)
        assert (message.at - began, message.detail) == (39.0, "finish CONTINUE, said anna")
        looks = told(history, EntryKind.LOOK)
        assert [look.at for look in looks] == sorted(look.at for look in looks)
        assert looks[0].at == began
        assert "step 1 deregister-targets done: " in "; ".join(look.detail for look in looks)
        (completion,) = told(history, EntryKind.COMPLETION)
        assert completion.succeeded


def test_a_takeover_is_told_with_what_was_before() -> None:
    with RecordingTestbed(Deployment) as testbed:
        SCENARIOS["taken-over"](testbed)
        first, second = testbed.deployment.executions
        history = history_of(testbed, second)
        assert [each.execution for each in history.executions] == [first.arn, second.arn]
        (takeover,) = told(history, EntryKind.TAKEOVER)
        assert takeover.detail.startswith(f"{second.name} was started to take over: the execution before it had failed")
        steps = "; ".join(look.detail for look in told(history, EntryKind.LOOK))
        assert Counter(steps.split())["done:"] == 2, "each step ends once, though both executions know of the first"


def test_a_handover_is_told_from_both_sides() -> None:
    with RecordingTestbed(Deployment) as testbed:
        SCENARIOS["handed-over"](testbed)
        history = history_of(testbed, testbed.deployment.executions[-1])
        said = [entry.detail for entry in told(history, EntryKind.TAKEOVER)]
        assert len(history.executions) == 2
        assert len(said) == 2
        assert "may have no more operations" in said[0]
        assert said[1] == "handed over to another execution"
        assert any("hand-on-reply" in entry.detail for entry in told(history, EntryKind.MESSAGE))
        assert any("a reply to callback-1-round-2: archived" in e.detail for e in told(history, EntryKind.MESSAGE))
