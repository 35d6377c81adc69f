"""The example plans that ask APIs, when the function dies between what an API does and the record of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.execution.test_ci_guides import gitlab, jenkins
from tests.execution.test_configuration_guides import salt
from tests.execution.test_consul_guide import consul
from tests.execution.test_http_guides import github, search
from tests.execution.test_kafka_guide import kafka
from tests.execution.test_tailscale_guide import tailscale

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.execution.conftest import Testbed
    from tests.execution.routed_api import Routed

Play: TypeAlias = "tuple[Routed, Callable[[], bool]]"
"""The API, and what returns whether the work is done, by the API's own account."""


def loses_its_shards(testbed: Testbed) -> Play:
    api, instance = search(testbed)
    api.shards[instance] = 3
    testbed.terminate(instance)
    return api, lambda: api.excluded == () and len(testbed.run_command.runs(instance)) == 1


def leaves_github(testbed: Testbed) -> Play:
    api, _ = github(testbed, busy=600)
    return api, lambda: list(api.runners) == [7]


def leaves_consul(testbed: Testbed) -> Play:
    servers, it = consul(testbed)
    testbed.terminate(it.instance)
    return servers, lambda: list(servers.checks) == ["i-0other"]


def finishes_its_job(testbed: Testbed) -> Play:
    api, _ = gitlab(testbed)
    ends_at = api.runners[7].ends_at
    return api, lambda: list(api.runners) == [6] and api.deleted_at[7] >= ends_at


def finishes_its_builds(testbed: Testbed) -> Play:
    api, _ = jenkins(testbed)
    return api, lambda: list(api.nodes) == ["i-0other"] and api.lost_builds == []


def loses_its_partitions(testbed: Testbed) -> Play:
    api = kafka(testbed)
    # In what is tried, too, which is tried again; the other requests come after it.
    api.kills = {"removed"}
    for _ in range(120):
        if len(api.tasks) < 2:
            testbed.run(1)
    return api, lambda: api.left() == 0


def leaves_its_tailnet(testbed: Testbed) -> Play:
    api = tailscale(testbed, "{}")
    return api, lambda: list(api.devices) == ["nOther", "nExternal"]


def loses_its_key(testbed: Testbed) -> Play:
    api, instance = salt(testbed)
    testbed.terminate(instance)
    return api, lambda: (api.accepted, api.waiting) == (["i-0other"], [])


@pytest.mark.one_of(3)
@pytest.mark.parametrize(
    "begin",
    [
        loses_its_shards,
        leaves_github,
        leaves_consul,
        finishes_its_job,
        finishes_its_builds,
        loses_its_partitions,
        leaves_its_tailnet,
        loses_its_key,
    ],
)
def test_the_work_is_done_though_the_function_dies_in_each_request(
    testbed: Testbed, begin: Callable[[Testbed], Play]
) -> None:
    api, is_done = begin(testbed)
    api.kills = {str(rule.endpoint) for rule in api.rules} - {"load"}
    testbed.finish()
    assert (testbed.record().status, is_done()) == ("completed", True), testbed.record()
    assert (api.kills, testbed.completions()) == (set(), ["CONTINUE CompleteLifecycleAction"])
    # Not because time has run out.
    assert testbed.elapsed < 3600
    assert {outcome.outcome for outcome in testbed.record().step_outcomes} == {"done"}
