"""Starts of executions: their names are unique in an account and Region, which several stacks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.executions import Executions
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "takeover-0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def testbed() -> Iterator[Testbed[Deployment]]:
    with Testbed(Deployment) as made:
        yield made


def started(testbed: Testbed[Deployment]) -> list[str]:
    return [execution.name for execution in testbed.deployment.executions]


def test_a_repeated_name_starts_nothing(testbed: Testbed[Deployment]) -> None:
    executions = Executions(Clients(), testbed.deployment.service.alias_arn)
    assert executions.start({}, name=NAME)
    assert executions.start({}, name=NAME)
    assert not executions.start({"another": "event"}, name=NAME)
    assert len(started(testbed)) == 1


def test_two_stacks_start_executions_of_one_name(testbed: Testbed[Deployment]) -> None:
    # The alias and the version lead to one function here; the names are made of what a stack calls its own.
    service = testbed.deployment.service
    assert Executions(Clients(), service.alias_arn).start({}, name=NAME)
    assert Executions(Clients(), service.function_arn).start({}, name=NAME)
    one, other = started(testbed)

    assert one != other
    for name in (one, other):
        assert name.startswith("takeover-")
        assert len(name) == len(NAME)
