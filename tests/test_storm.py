"""A storm small enough for the suite: the benchmark's own, with a twentieth of its limits and fewer instances."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.storm import Result, Storm, let_loose, main, on_paper

STORM = Storm(instances=30, steady=1.0, burst=5.0)
EMPTY = Result(
    completed=0,
    early=0,
    lost=0,
    slack=0.0,
    median=0.0,
    last=0.0,
    calls={},
    throttled={},
    invocations=0.0,
    checkpoints=0.0,
    operations=0,
)


@pytest.fixture(scope="module")
def result() -> Result:
    return let_loose(STORM)


def test_nothing_is_lost_and_nothing_released_early(result: Result) -> None:
    assert (result.completed, result.early, result.lost) == (STORM.instances, 0, 0)
    assert result.calm


def test_no_heartbeat_comes_close_to_its_timer(result: Result) -> None:
    assert result.slack > STORM.heartbeat_timeout / 4


def test_the_limits_were_felt_and_the_calls_stayed_few(result: Result) -> None:
    assert result.throttled["elbv2"] > 1
    auto_scaling = sum(calls for name, calls in result.calls.items() if name.startswith("autoscaling:"))
    assert auto_scaling < 8
    assert result.calls["elbv2:DescribeTargetHealth"] < 30
    assert result.operations <= 45
    assert result.calls["events:PutEvents"] == 2
    assert sum(result.calls.values()) <= 27


def test_on_paper_each_limit_needs_the_time_that_its_calls_take() -> None:
    calls = {"autoscaling:CompleteLifecycleAction": 1.0, "autoscaling:RecordLifecycleActionHeartbeat": 1.5}
    calls |= {"elbv2:DescribeTargetHealth": 0.001, "elbv2:DeregisterTargets": 9.0, "ec2:DescribeInstances": 1.0}
    needed = on_paper(1_000, replace(EMPTY, calls=calls, checkpoints=20.0), Storm())

    assert needed == {
        "autoscaling:*": (2_500 - 100) / 20,
        "elbv2:Describe*": 0.0,
        "lambda:StartDurableExecution": (1_000 - 300) / 300,
        "lambda:CheckpointDurableExecution": (20_000 - 10_000) / 10_000,
    }


def test_the_drain_is_not_much_longer_than_the_limits_make_it(result: Result) -> None:
    assert result.last < 900


def test_the_command_line_reports(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--instances", "3", "--within", "1"]) == 0
    assert "completed after the drain 3, released early 0, lost 0" in capsys.readouterr().out
