from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from asg_lifecycle.aws.classic_load_balancers import ClassicLoadBalancers, Membership
from asg_lifecycle.aws.clients import Clients
from asg_lifecycle_simulator.region.environment import region_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTANCE = "i-1234567890abcdef0"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with region_environment("eu-central-1", "123456789012"):
        yield


def answered(operation: str, answer: dict[str, Any]) -> ClassicLoadBalancers:
    clients = Clients()
    stubber = Stubber(clients.elb)
    stubber.add_response(operation, answer)
    stubber.activate()
    return ClassicLoadBalancers(clients, lambda: 0.0)


@pytest.mark.parametrize(
    ("draining", "seconds"),
    [
        ({"Enabled": True, "Timeout": 60}, 60),
        ({"Enabled": True}, 300),
        ({"Enabled": False, "Timeout": 300}, 0),
        (None, 0),
    ],
)
def test_the_timeout_of_connection_draining(draining: dict[str, Any] | None, seconds: float) -> None:
    attributes = {"ConnectionDraining": draining} if draining is not None else {}
    answer = {"LoadBalancerAttributes": attributes}
    assert answered("describe_load_balancer_attributes", answer).draining_timeout("web") == seconds


# Every message of the API reference's InstanceState, and how it is read.
REGISTERED, UNTOLD, OUT = Membership.REGISTERED, Membership.UNTOLD, Membership.OUT
MESSAGES = [
    ("InService", "N/A", REGISTERED),
    ("Unknown", "A transient error occurred. Please try again later.", UNTOLD),
    (
        "OutOfService",
        "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
        REGISTERED,
    ),
    (
        "OutOfService",
        "Instance has not passed the configured HealthyThreshold number of health checks consecutively.",
        REGISTERED,
    ),
    ("OutOfService", "Instance registration is still in progress.", REGISTERED),
    (
        "OutOfService",
        "Instance is in the EC2 Availability Zone for which LoadBalancer is not configured to route traffic to.",
        REGISTERED,
    ),
    ("OutOfService", "Instance is not currently registered with the LoadBalancer.", OUT),
    ("InService", "Instance deregistration currently in progress.", Membership.DRAINING),
    ("OutOfService", "Disable Availability Zone is currently in progress.", REGISTERED),
    ("OutOfService", "Instance is in pending state.", REGISTERED),
    ("OutOfService", "Instance is in stopped state.", REGISTERED),
    ("OutOfService", "Instance is in terminated state.", OUT),
    ("Unknown", "", UNTOLD),
]


@pytest.mark.parametrize(("state", "description", "membership"), MESSAGES)
def test_what_a_message_means(state: str, description: str, membership: Membership) -> None:
    shown = {"InstanceId": INSTANCE, "State": state, "Description": description}
    answer = {"InstanceStates": [shown]}
    assert answered("describe_instance_health", answer).membership("web", INSTANCE) is membership
