"""Patterns of rules are compared with events as EventBridge does it, and never guessed."""

from __future__ import annotations

from typing import Any

import pytest

from asg_lifecycle.model.event_patterns import VARYING, Match, match

EVENT: dict[str, Any] = {
    "source": "aws.autoscaling",
    "id": VARYING,
    "resources": ["arn:one", "arn:two"],
    "none": [],
    "detail": {"LifecycleHookName": "asg-lifecycle-terminate", "EC2InstanceId": VARYING, "count": 3},
}
YES, NO, UNKNOWN = Match.YES, Match.NO, Match.UNKNOWN


def hook(condition: object) -> dict[str, Any]:
    return {"detail": {"LifecycleHookName": [condition]}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({}, YES),
        ({"source": ["aws.autoscaling"]}, YES),
        ({"source": ["aws.ec2", "aws.autoscaling"]}, YES),
        ({"source": ["aws.ec2"]}, NO),
        ({"source": [{"prefix": "aws."}]}, YES),
        ({"resources": ["arn:two"]}, YES),
        ({"resources": ["arn:three"]}, NO),
        ({"none": ["x"]}, NO),
        ({"account": ["1"]}, NO),
        (hook({"prefix": "asg-lifecycle"}), YES),
        (hook({"prefix": "other"}), NO),
        (hook({"prefix": {"equals-ignore-case": "ASG"}}), YES),
        (hook({"suffix": "terminate"}), YES),
        (hook({"suffix": "launch"}), NO),
        (hook({"equals-ignore-case": "ASG-LIFECYCLE-TERMINATE"}), YES),
        (hook({"wildcard": "asg-*-term*"}), YES),
        (hook({"wildcard": "asg-*-launch"}), NO),
        (hook({"wildcard": "asg.lifecycle-terminate"}), NO),
        (hook({"anything-but": "asg-lifecycle-terminate"}), NO),
        (hook({"anything-but": ["Launch-LC-Hook", "Terminate-LC-Hook"]}), YES),
        (hook({"anything-but": {"prefix": "asg"}}), NO),
        (hook({"anything-but": {"prefix": ["x", "asg"]}}), NO),
        (hook({"anything-but": {"suffix": "launch"}}), YES),
        (hook({"exists": True}), YES),
        (hook({"exists": False}), NO),
        ({"detail": {"Other": [{"exists": False}]}}, YES),
        ({"detail": {"Other": [{"anything-but": "x"}]}}, NO),
        ({"detail": {"count": [3]}}, YES),
        ({"detail": {"count": [{"prefix": "3"}]}}, NO),
        ({"detail": {"count": [{"numeric": [">", 2]}]}}, UNKNOWN),
        (hook({"cidr": "10.0.0.0/8"}), UNKNOWN),
        (hook({"prefix": "a", "suffix": "b"}), UNKNOWN),
        (hook({"prefix": 3}), UNKNOWN),
        ({"detail": {"EC2InstanceId": ["i-1"]}}, UNKNOWN),
        ({"detail": {"EC2InstanceId": [{"prefix": "i-"}]}}, UNKNOWN),
        ({"detail": {"EC2InstanceId": [{"exists": True}]}}, YES),
        ({"id": {"x": ["y"]}}, UNKNOWN),
        ({"source": {"x": ["y"]}}, NO),
        ({"source": "aws.autoscaling"}, UNKNOWN),
        ({"detail": {"EC2InstanceId": ["i-1"]}, "source": ["aws.ec2"]}, NO),
        ({"$or": [{"source": ["aws.ec2"]}, {"source": ["aws.autoscaling"]}]}, YES),
        ({"$or": [{"source": ["aws.ec2"]}, {"source": ["aws.ecs"]}]}, NO),
        ({"$or": [{"source": ["aws.ec2"]}, {"id": ["x"]}]}, UNKNOWN),
        ({"source": ["aws.autoscaling"], "$or": [{"source": ["aws.ec2"]}]}, NO),
    ],
    ids=str,
)
def test_a_pattern_matches_or_not_or_cannot_be_told(pattern: dict[str, Any], expected: Match) -> None:
    assert match(pattern, EVENT) is expected
