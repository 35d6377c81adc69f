from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError

from asg_lifecycle.aws.clients import PROMPT, Clients
from asg_lifecycle_simulator.region.environment import region_environment
from tests.store.shared_session import shared_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.awsrequest import AWSPreparedRequest

CALLS: dict[str, Callable[[Any], object]] = {
    "asked_functions": lambda client: client.list_functions(),
    "asked_stepfunctions": lambda client: client.list_state_machines(),
    "autoscaling": lambda client: client.describe_auto_scaling_instances(),
    "cloudformation": lambda client: client.describe_stacks(),
    "cloudwatch": lambda client: client.list_metrics(),
    "dynamodb": lambda client: client.list_tables(),
    "ec2": lambda client: client.describe_instances(),
    "ecs": lambda client: client.list_clusters(),
    "eks": lambda client: client.list_clusters(),
    "sts": lambda client: client.get_caller_identity(),
    "events": lambda client: client.list_event_buses(),
    "functions": lambda client: client.list_functions(),
    "elb": lambda client: client.describe_load_balancers(),
    "elbv2": lambda client: client.describe_target_groups(),
    "iam": lambda client: client.list_roles(),
    "route53": lambda client: client.list_hosted_zones(),
    "secretsmanager": lambda client: client.get_secret_value(SecretId="a"),
    "servicediscovery": lambda client: client.list_services(),
    "tagging": lambda client: client.get_resources(),
    "sns": lambda client: client.list_topics(),
    "sqs": lambda client: client.list_queues(),
    "stepfunctions": lambda client: client.list_state_machines(),
    "ssm": lambda client: client.list_commands(),
    "vpc_lattice": lambda client: client.list_services(),
}
"""A call by the client's attribute."""

SENT_ONCE = {
    "asked_functions",
    "asked_stepfunctions",
    "autoscaling",
    "cloudwatch",
    "ec2",
    "ecs",
    "eks",
    "sts",
    "elb",
    "elbv2",
    "events",
    "route53",
    "secretsmanager",
    "servicediscovery",
    "sns",
    "ssm",
    "stepfunctions",
    "tagging",
    "vpc_lattice",
}
"""Whose calls are repeated by the durable engine alone."""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with region_environment("eu-central-1", "123456789012"):
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", shared_session())
        yield


def test_no_client_is_made_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make: Callable[..., object] = boto3.client

    def note_and_make(service: str, **rest: object) -> object:
        made.append(service)
        return make(service, **rest)

    monkeypatch.setattr(boto3, "client", note_and_make)
    clients = Clients()
    assert made == []
    assert clients.autoscaling is clients.autoscaling
    assert made == ["autoscaling"]


@pytest.mark.parametrize("name", CALLS)
def test_a_client_is_made_once_with_its_timeouts(name: str) -> None:
    clients = Clients()
    client = getattr(clients, name)
    assert client is getattr(clients, name)
    # A heartbeat that hangs leaves time for two more; a function that is asked may take its time.
    timeouts = {"autoscaling": (3, 4), "functions": (3, 4), "asked_functions": (3, 60), "asked_stepfunctions": (3, 60)}
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == timeouts.get(name, (3, 10))
    assert client.meta.region_name == ("aws-global" if name in {"iam", "route53"} else "eu-central-1")


@pytest.mark.parametrize("name", CALLS)
def test_how_often_a_request_is_sent(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", waited.append)
    sent: list[str] = []

    def lose_the_connection(request: AWSPreparedRequest, **_: object) -> None:
        sent.append(request.url)
        raise ConnectionClosedError(endpoint_url=request.url)

    client = getattr(Clients(), name)
    client.meta.events.register("before-send", lose_the_connection)
    with pytest.raises(ConnectionClosedError):
        CALLS[name](client)
    assert len(sent) == (1 if name in SENT_ONCE else 2)
    assert all(seconds <= 1 for seconds in waited)


@pytest.mark.parametrize("name", ["events", "sns"])
def test_what_is_told_to_others_delays_nothing(name: str) -> None:
    config = getattr(Clients(publishing=PROMPT), name).meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (1, 2, 1)


def test_every_client_has_a_call_here() -> None:
    offered = {name for name, value in vars(Clients).items() if isinstance(value, cached_property)}
    assert offered == set(CALLS)


def test_branches_in_threads_can_ask_at_once() -> None:
    clients = Clients()
    together = threading.Barrier(len(CALLS))
    made: dict[str, object] = {}

    def ask(name: str) -> None:
        together.wait(timeout=10)
        made[name] = getattr(clients, name)

    threads = [threading.Thread(target=ask, args=(name,)) for name in CALLS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert {name: client is getattr(clients, name) for name, client in made.items()} == dict.fromkeys(CALLS, True)
