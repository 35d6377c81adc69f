"""`GetDurableExecutionHistory` as Lambda answers it: what is told, in which order, in pages, and for how long."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_durable_execution_sdk_python import CallbackError, DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration, JitterStrategy, StepConfig
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VIRTUAL_START, VirtualTimeline
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CrashPoint
from asg_lifecycle_simulator.services.durable_executions.function import RETENTION_DAYS
from asg_lifecycle_simulator.services.durable_executions.requests import DurableRequests
from asg_lifecycle_simulator.services.durable_executions.service import DurableService

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400.0
TEMPLATE = Path(__file__).parents[2] / "template.yaml"


class Errand:
    """A durable function that polls three times, tries a step twice, and waits for a message."""

    def __init__(self, region: Region, timeline: VirtualTimeline) -> None:
        self.timeline = timeline
        self.region = region
        self.callback_id = ""
        self.tries = 0
        self.service = DurableService(timeline, durable_execution(self._run))
        self.requests = region.add(DurableRequests(region, self.service))
        self.client = region.client("lambda")

    def _run(self, event: dict[str, Any], context: DurableContext) -> str:
        retry = create_retry_strategy(
            RetryStrategyConfig(max_attempts=2, initial_delay=Duration(seconds=7), jitter_strategy=JitterStrategy.NONE)
        )
        context.step(lambda _: self._second_time(), name="twice", config=StepConfig(retry_strategy=retry))
        context.wait_for_condition(
            lambda polls, _: polls + 1,
            WaitForConditionConfig(wait_strategy=_three_times, initial_state=0),
            name="poll",
        )
        context.wait(Duration(seconds=20), name="rest")
        callback = context.create_callback("mailbox")
        self.callback_id = callback.callback_id
        try:
            return f"{event['group']}: {callback.result()}"
        except CallbackError as error:
            return f"failed: {error}"

    def _second_time(self) -> str:
        self.tries += 1
        if self.tries == 1:
            raise ValueError("not yet")
        return "done"

    def run(self) -> str:
        """Let it run to its end; return its ARN."""
        execution = self.service.start({"group": "web"}, name="drain-1")
        self.timeline.run_for(100)
        self.service.callbacks.succeed(self.callback_id, b"go on")
        self.timeline.run_for(0)
        assert execution.status == "SUCCEEDED"
        return execution.arn

    def events(self, arn: str, **request: Any) -> list[Any]:
        pages = self.client.get_paginator("get_durable_execution_history")
        return [event for page in pages.paginate(DurableExecutionArn=arn, **request) for event in page["Events"]]


def _three_times(polls: int, attempts: int) -> WaitForConditionDecision:
    del attempts
    return (
        WaitForConditionDecision.stop_polling()
        if polls == 3
        else WaitForConditionDecision.continue_waiting(Duration(seconds=10))
    )


@pytest.fixture
def errand() -> Iterator[Errand]:
    timeline = VirtualTimeline()
    with Region(timeline) as region:
        yield Errand(region, timeline)


def kinds(events: list[Any]) -> list[str]:
    return [" ".join(filter(None, (event["EventType"], event.get("Name")))) for event in events]


def test_a_history_tells_every_attempt_every_poll_and_every_invocation_in_order(errand: Errand) -> None:
    told = errand.events(errand.run())

    poll = ["StepStarted poll", "StepSucceeded poll"]
    assert kinds(told) == [
        "ExecutionStarted",
        "StepStarted twice",
        "StepFailed twice",
        "InvocationCompleted",
        "StepStarted twice",
        "StepSucceeded twice",
        *poll,
        "InvocationCompleted",
        *poll,
        "InvocationCompleted",
        *poll,
        "WaitStarted rest",
        "InvocationCompleted",
        "WaitSucceeded rest",
        "CallbackStarted mailbox",
        "InvocationCompleted",
        "CallbackSucceeded mailbox",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert [event["EventId"] for event in told] == list(range(1, len(told) + 1))
    times = [event["EventTimestamp"] for event in told]
    assert times == sorted(times)
    assert times[0].timestamp() == VIRTUAL_START
    assert {event["SubType"] for event in told if event.get("Name") == "poll"} == {"WaitForCondition"}


def test_attempts_are_counted_from_zero_and_zero_is_left_out(errand: Errand) -> None:
    told = errand.events(errand.run())
    retries = [event["StepSucceededDetails"] for event in told if kinds([event]) == ["StepSucceeded poll"]]

    assert [each["RetryDetails"].get("CurrentAttempt") for each in retries] == [None, 1, 2]
    assert [each["RetryDetails"].get("NextAttemptDelaySeconds") for each in retries] == [10, 10, None]
    assert [each["Result"]["Payload"] for each in retries] == ["1", "2", "3"]
    failed = next(event["StepFailedDetails"] for event in told if event["EventType"] == "StepFailed")
    assert failed["Error"]["Payload"]["ErrorMessage"] == "not yet"
    assert failed["RetryDetails"]["NextAttemptDelaySeconds"] == 7


def test_data_are_told_unless_they_are_declined(errand: Errand) -> None:
    arn = errand.run()
    with_data, without = errand.events(arn), errand.events(arn, IncludeExecutionData=False)

    assert kinds(with_data) == kinds(without)
    assert with_data[0]["ExecutionStartedDetails"]["Input"] == {"Payload": '{"group": "web"}'}
    assert without[0]["ExecutionStartedDetails"]["Input"] == {"Truncated": True}
    assert "Payload" not in str(without)


def test_pages_make_up_the_whole_in_both_directions(errand: Errand) -> None:
    arn = errand.run()
    whole = errand.events(arn)
    errand.region.page_size = 2
    errand.region.calls.clear()

    assert errand.events(arn) == whole
    assert errand.region.calls["lambda", "GetDurableExecutionHistory"] == (len(whole) + 1) // 2
    assert errand.events(arn, ReverseOrder=True) == whole[::-1]


def test_a_page_has_a_hundred_events_unless_another_number_is_asked_for(errand: Errand) -> None:
    arn = errand.run()
    ask = errand.client.get_durable_execution_history

    assert len(ask(DurableExecutionArn=arn, MaxItems=0)["Events"]) == len(errand.events(arn)) < 100
    assert len(ask(DurableExecutionArn=arn, MaxItems=3)["Events"]) == 3
    with pytest.raises(ClientError) as refused:
        ask(DurableExecutionArn=arn, Marker="here")
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_a_history_is_known_while_the_execution_runs_and_some_days_longer(errand: Errand) -> None:
    arn = errand.run()
    running = errand.service.start({"group": "api"}, name="drain-2")
    errand.timeline.run_for(RETENTION_DAYS * DAY - 1)
    assert kinds(errand.events(arn))[-1] == "ExecutionSucceeded"
    errand.timeline.run_for(1)

    assert kinds(errand.events(running.arn))[-1] == "InvocationCompleted"
    for operation in ("get_durable_execution_history", "get_durable_execution", "stop_durable_execution"):
        with pytest.raises(ClientError) as refused:
            getattr(errand.client, operation)(DurableExecutionArn=arn)
        assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
    listed = errand.client.list_durable_executions_by_function(FunctionName="lifecycle-action")["DurableExecutions"]
    assert [each["DurableExecutionArn"] for each in listed] == [running.arn]


def test_the_days_are_those_of_the_template() -> None:
    assert f"RetentionPeriodInDays: {RETENTION_DAYS}\n" in TEMPLATE.read_text()


def test_an_event_may_be_told_late(errand: Errand) -> None:
    arn = errand.run()
    errand.requests.histories_late = 5.0
    assert errand.client.get_durable_execution(DurableExecutionArn=arn)["Status"] == "SUCCEEDED"
    assert kinds(errand.events(arn))[-1] == "InvocationCompleted"
    errand.timeline.run_for(5)
    assert kinds(errand.events(arn))[-1] == "ExecutionSucceeded"


def test_an_invocation_that_died_is_told_with_its_error(errand: Errand) -> None:
    errand.service.crash_points.append(CrashPoint(invocation=1, checkpoint=1))
    arn = errand.run()
    errors = [
        event["InvocationCompletedDetails"].get("Error", {}).get("Payload", {}).get("ErrorType")
        for event in errand.events(arn)
        if event["EventType"] == "InvocationCompleted"
    ]
    assert Counter(errors) == {None: len(errors) - 1, "CRASHED": 1}
    assert errors[0] == "CRASHED"


def test_pauses_and_a_stop_are_told(errand: Errand) -> None:
    execution = errand.service.start({"group": "web"}, name="drain-1")
    errand.timeline.run_for(10)
    errand.service.pause(execution.arn)
    errand.service.pause(execution.arn)
    errand.timeline.run_for(10)
    errand.service.resume_paused(execution.arn)
    errand.timeline.run_for(1)
    errand.client.stop_durable_execution(DurableExecutionArn=execution.arn, Error={"ErrorMessage": "enough"})
    told = errand.events(execution.arn)

    own = [kind for kind in kinds(told) if kind.startswith("Execution")]
    assert own == ["ExecutionStarted", "ExecutionPaused", "ExecutionResumed", "ExecutionStopped"]
    assert told[-1]["ExecutionStoppedDetails"]["Error"]["Payload"] == {"ErrorMessage": "enough"}
