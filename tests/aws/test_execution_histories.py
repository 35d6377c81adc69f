"""The histories of executions are read whole in pages, or as far as they can be, and what is missing is said."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.execution_histories import MOST_EXECUTIONS, MOST_PAGES, ExecutionHistories, event_of
from asg_lifecycle.model.execution_history import KEPT_DAYS, ActionHistory, missing_parts
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.replay.scenarios import SCENARIOS
from asg_lifecycle_simulator.replay.testbed import COMMAND, RecordingTestbed
from asg_lifecycle_simulator.services.durable_executions.function import NAMES
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from collections.abc import Iterator

CALL = ("lambda", "GetDurableExecutionHistory")
DAY = 86_400.0


@pytest.fixture
def testbed() -> Iterator[RecordingTestbed[Deployment]]:
    with RecordingTestbed(Deployment) as made:
        yield made


def run(testbed: RecordingTestbed[Deployment], scenario: str = "two-steps") -> str:
    """Run a scenario; return the ARN of its last execution."""
    SCENARIOS[scenario](testbed)
    testbed.region.calls.clear()
    return testbed.deployment.executions[-1].arn


def read(
    testbed: RecordingTestbed[Deployment], execution: str, *, pages: int = MOST_PAGES, executions: int = MOST_EXECUTIONS
) -> ActionHistory:
    histories = ExecutionHistories(Clients(), testbed.timeline.run_for, pages=pages, executions=executions)
    return histories.of_action(execution)


def numbers(history: ActionHistory) -> list[int]:
    return [event.number for event in history.executions[-1].events]


def test_a_history_is_read_whole_in_pages(testbed: RecordingTestbed[Deployment]) -> None:
    execution = run(testbed)
    whole = read(testbed, execution)
    assert whole.is_whole
    assert missing_parts(whole) == ()
    assert testbed.region.calls[CALL] == 1
    testbed.region.page_size = 2
    testbed.region.calls.clear()

    assert read(testbed, execution) == whole
    count = len(numbers(whole))
    assert numbers(whole) == list(range(1, count + 1))
    assert testbed.region.calls[CALL] == (count + 1) // 2


def test_no_more_pages_are_read_than_there_may_be(testbed: RecordingTestbed[Deployment]) -> None:
    execution = run(testbed)
    testbed.region.page_size = 3
    history = read(testbed, execution, pages=2)

    assert testbed.region.calls[CALL] == 2
    assert numbers(history) == [1, 2, 3, 4, 5, 6]
    assert not history.is_whole
    assert missing_parts(history) == ("the execution history is cut off after 6 events",)


def test_the_pages_are_those_of_all_executions_together(testbed: RecordingTestbed[Deployment]) -> None:
    execution = run(testbed, "taken-over")
    whole = read(testbed, execution)
    assert [len(each.events) > 10 for each in whole.executions] == [True, True]
    testbed.region.page_size = 10
    pages = -(-len(whole.executions[-1].events) // 10)

    latest = read(testbed, execution, pages=pages)
    assert latest == ActionHistory(executions=whole.executions[-1:], earlier=True)
    assert missing_parts(latest) == ("the histories of the executions before the last 1 were not read",)
    more = read(testbed, execution, pages=pages + 1)
    (said,) = missing_parts(more)
    dead = testbed.deployment.executions[0].arn.rpartition("/")[2]
    assert said == f"the history of {dead} is cut off after 10 events"


def test_no_more_executions_are_read_than_there_may_be(testbed: RecordingTestbed[Deployment]) -> None:
    execution = run(testbed, "handed-over")
    assert len(read(testbed, execution).executions) == 2
    assert read(testbed, execution, executions=1).earlier
    assert not read(testbed, execution, executions=2).earlier


def test_an_event_on_two_pages_is_told_once(testbed: RecordingTestbed[Deployment]) -> None:
    execution = run(testbed)
    whole = read(testbed, execution)
    testbed.region.page_size = 4
    testbed.deployment.requests.histories_overlap = 2
    testbed.region.calls.clear()

    assert read(testbed, execution) == whole
    assert testbed.region.calls[CALL] > len(numbers(whole)) / 3


def test_an_execution_that_says_it_took_over_from_itself_is_read_once(testbed: RecordingTestbed[Deployment]) -> None:
    service = testbed.deployment.service
    number = uuid.uuid5(NAMES, "lifecycle-action 1")
    own = f"{service.function_arn}/durable-execution/loop/{number}"
    start = {"reason": "takeover", "action": {}, "takes_over": own}
    execution = service.start({"source": "asg-lifecycle", "start": start}, name="loop")
    testbed.finish()

    assert execution.arn == own
    history = read(testbed, own)
    assert (len(history.executions), history.earlier) == (1, False)


def test_throttled_it_is_asked_again_after_a_while(testbed: RecordingTestbed[Deployment]) -> None:
    execution = run(testbed)
    testbed.region.faults.fail(*CALL, code="TooManyRequestsException", status=429, times=5)
    before = testbed.timeline.now()

    assert read(testbed, execution).is_whole
    assert testbed.timeline.now() - before >= 1.0


def test_what_was_read_is_kept_when_the_next_page_is_throttled_again_and_again(
    testbed: RecordingTestbed[Deployment],
) -> None:
    execution = run(testbed)
    testbed.region.page_size = 5
    clients, throttled = Clients(), Fault(FaultKind.REFUSED, "TooManyRequestsException", "Rate exceeded", 429)

    def pause(seconds: float) -> None:
        testbed.region.faults.stand(*CALL, throttled)
        testbed.run(seconds)

    history = ExecutionHistories(clients, pause).of_action(execution)
    assert numbers(history) == [1, 2, 3, 4, 5]
    (said,) = missing_parts(history)
    assert said == (
        "the execution history is cut off after 5 events: lambda:GetDurableExecutionHistory is called too often in "
        "this account, try again later (TooManyRequestsException)"
    )


def test_a_denied_history_names_the_permission(testbed: RecordingTestbed[Deployment]) -> None:
    execution = run(testbed)
    testbed.region.faults.deny(*CALL)
    history = read(testbed, execution)

    assert history.is_empty
    (said,) = missing_parts(history)
    assert said == (
        "the execution history is not told: permission lambda:GetDurableExecutionHistory is missing, your own "
        "credentials need it (AccessDenied)"
    )


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("ServiceException", 500, "did not answer, try again later (ServiceException)"),
        ("KMSDisabledException", 400, "failed: the key is disabled (KMSDisabledException)"),
    ],
)
def test_another_error_is_said(testbed: RecordingTestbed[Deployment], code: str, status: int, said: str) -> None:
    execution = run(testbed)
    testbed.region.faults.fail(*CALL, code=code, message="the key is disabled", status=status, times=9)
    assert said in missing_parts(read(testbed, execution))[0]


def test_a_history_that_is_gone_is_said_to_be(testbed: RecordingTestbed[Deployment]) -> None:
    execution = run(testbed)
    testbed.run(KEPT_DAYS * DAY - 10)
    assert read(testbed, execution).is_whole
    testbed.run(20)

    assert missing_parts(read(testbed, execution)) == (
        "the execution history is not told: it is gone, Lambda keeps one for 14 days after its end",
    )


def test_the_earlier_history_may_be_gone_alone(testbed: RecordingTestbed[Deployment]) -> None:
    execution = run(testbed, "taken-over")
    dead = testbed.deployment.executions[0]
    started = dead.record.get_operation_execution_started()
    assert started.end_timestamp is not None
    testbed.timeline.run_for(started.end_timestamp.timestamp() + KEPT_DAYS * DAY - testbed.timeline.now())

    history = read(testbed, execution)
    assert [len(each.events) > 0 for each in history.executions] == [False, True]
    (said,) = missing_parts(history)
    assert said == (
        f"the history of {dead.arn.rpartition('/')[2]} is not told: it is gone, Lambda keeps one for 14 days after its "
        "end"
    )


def test_a_history_may_lack_its_end(testbed: RecordingTestbed[Deployment]) -> None:
    execution = run(testbed)
    testbed.deployment.requests.histories_late = 5.0
    history = read(testbed, execution)
    assert history.is_whole
    assert [event.kind for event in history.executions[0].events][-1] != "ExecutionSucceeded"


def test_a_long_drain_is_read_within_the_quota(testbed: RecordingTestbed[Deployment]) -> None:
    testbed.drain({"steps": [COMMAND]}, heartbeat=60, command=Behaviour(duration=1_500))
    testbed.finish()
    testbed.region.calls.clear()
    testbed.region.page_size = 4
    testbed.region.limits.throttled.clear()
    history = read(testbed, testbed.deployment.executions[0].arn, pages=200)

    assert history.is_whole
    assert testbed.region.calls[CALL] > 30
    assert testbed.region.limits.throttled == {}


def test_what_an_event_is_made_of() -> None:
    at, began = datetime(2026, 11, 30, 12, tzinfo=UTC), datetime(2026, 11, 30, 11, 59, tzinfo=UTC)
    step = event_of(
        {
            "EventType": "StepFailed",
            "EventId": 7,
            "Id": "a1",
            "Name": "claim",
            "SubType": "Step",
            "EventTimestamp": at,
            "StepFailedDetails": {
                "Error": {"Payload": {"ErrorType": "CallFailed", "ErrorMessage": "no table"}},
                "RetryDetails": {"CurrentAttempt": 2, "NextAttemptDelaySeconds": 4},
            },
        }
    )
    assert (step.number, step.at, step.error) == (7, at.timestamp(), "CallFailed: no table")
    assert (step.attempt, step.next_attempt_after) == (2, 4)
    invocation = event_of(
        {
            "EventType": "InvocationCompleted",
            "EventTimestamp": at,
            "InvocationCompletedDetails": {"StartTimestamp": began, "EndTimestamp": at, "RequestId": "r", "Error": {}},
        }
    )
    assert (invocation.number, invocation.began_at, invocation.error) == (0, began.timestamp(), None)
    left_out = event_of({"EventType": "StepSucceeded", "StepSucceededDetails": {"Result": {"Truncated": True}}})
    assert (left_out.payload, left_out.left_out) == (None, True)
    stopped = event_of({"EventType": "ExecutionStopped", "ExecutionStoppedDetails": {"Error": {}}})
    assert stopped.error == "no error was told"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
DETAILS = st.dictionaries(
    st.sampled_from(["Input", "Result", "Error", "RetryDetails", "Reason", "Duration", "StartTimestamp"]),
    st.dictionaries(st.sampled_from(["Payload", "Truncated", "CurrentAttempt"]), VALUES, max_size=3) | VALUES,
)


@given(
    told=st.dictionaries(st.sampled_from(["EventId", "Id", "Name", "SubType", "EventTimestamp", "ParentId"]), VALUES),
    kind=VALUES | st.sampled_from(["StepSucceeded", "StepFailed", "ExecutionPaused", "InvocationCompleted"]),
    details=DETAILS,
)
def test_no_event_is_too_strange_to_be_read(told: dict[str, Any], kind: Any, details: dict[str, Any]) -> None:
    event = event_of({**told, "EventType": kind, f"{kind}Details": details})
    assert event.kind == str(kind)
