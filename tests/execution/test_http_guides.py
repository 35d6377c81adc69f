"""The example plans that ask HTTP APIs, as they are, each against a simulated API of its kind.

What these APIs do is taken from the sources that the guides name; what is not known for sure, the guides say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.execution import routed_api
from tests.execution.http_api import answer
from tests.execution.routed_api import PLANS, Routed, plan_of, started

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed


class Search(Routed):
    """Elasticsearch: excluded nodes lose a shard a minute; `_name` is a comma-separated list."""

    rules = (
        Rule("/_cluster/settings", methods=["PUT"], endpoint="settings"),
        Rule("/_cat/allocation", methods=["GET"], endpoint="allocation"),
    )
    secret = "drainer"  # noqa: S105 - planted

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.shards: dict[str, int] = {"i-0other": 5}
        self.excluded: tuple[str, ...] = ()
        self.since = 0.0

    def authorized(self, request: Request) -> bool:
        sent = request.authorization
        return sent is not None and (sent.username, sent.password) == ("drain", self.secret)

    def settings(self, request: Request) -> Response:
        (changed,) = request.get_json()["persistent"].items()
        assert changed[0] == "cluster.routing.allocation.exclude._name"
        self.excluded, self.since = tuple((changed[1] or "").split(",")) if changed[1] else (), self.now
        return answer({"acknowledged": True, "persistent": {}, "transient": {}})

    def left(self, node: str) -> int:
        moved = int((self.now - self.since) // 60) if node in self.excluded else 0
        return max(0, self.shards[node] - moved)

    def allocation(self, request: Request) -> Response:
        assert request.args["format"] == "json"
        return answer([{"node": node, "shards": str(self.left(node))} for node in self.shards])


def search(testbed: Testbed) -> tuple[Search, str]:
    api = Search(testbed)
    secret = ("/asg-lifecycle/prod/http/search", api.secret)
    instance = started(testbed, "search-cluster", api, host="search.example.com", port=9200, secret=secret)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=5))
    return api, instance


def test_shards_leave_a_node_of_elasticsearch_before_it_goes(testbed: Testbed) -> None:
    api, instance = search(testbed)
    api.shards[instance] = 3
    testbed.terminate(instance)
    testbed.run(100)
    assert testbed.record().detail == "http-request: waiting for search.example.com:9200: 2 shards left"
    assert api.excluded == (instance,)
    testbed.finish()
    assert testbed.record().status == "completed"
    assert not api.excluded
    assert api.left(instance) == 3
    (run,) = testbed.run_command.runs(instance)
    # The service is stopped before shards may come back.
    assert run.command.requested_at < api.since
    assert [each for each in api.said if each.startswith("PUT")] == ["PUT /_cluster/settings 200"] * 2


def test_a_node_that_elasticsearch_does_not_know_is_held(testbed: Testbed) -> None:
    _, instance = search(testbed)
    testbed.terminate(instance)
    testbed.run(100)
    assert testbed.record().status == "held"
    assert "fail_when holds: unknown shards left" in str(testbed.record().problem)


class GitHub(Routed):
    """GitHub Actions: a runner is removed by its id, and not while it runs a job."""

    rules = (
        Rule("/orgs/example/actions/runners", methods=["GET"], endpoint="listed"),
        Rule("/orgs/example/actions/runners/<int:runner>/labels", methods=["DELETE"], endpoint="unlabelled"),
        Rule("/orgs/example/actions/runners/<int:runner>", methods=["DELETE"], endpoint="removed"),
    )
    secret = "github_pat_11ABC"  # noqa: S105 - planted

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.runners: dict[int, dict[str, Any]] = {7: {"name": "i-0other", "labels": ["linux"]}}
        self.busy_until = 0.0

    def listed(self, request: Request) -> Response:
        assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"
        found = [{"id": runner, **it} for runner, it in self.runners.items() if it["name"] == request.args["name"]]
        return answer({"total_count": len(found), "runners": found})

    def unlabelled(self, _: Request, runner: int) -> Response:
        self.runners[runner]["labels"] = []
        return answer({"total_count": 1, "labels": [{"name": "self-hosted", "type": "read-only"}]})

    def removed(self, _: Request, runner: int) -> Response:
        if runner not in self.runners:
            return answer({"message": "Not Found"}, 404)
        if self.now < self.busy_until:
            return answer({"message": "Runner is currently running a job and cannot be deleted."}, 422)
        del self.runners[runner]
        return Response(status=204)


def github(testbed: Testbed, *, busy: float, known: bool = True) -> tuple[GitHub, str]:
    api = GitHub(testbed)
    secret = ("asg-lifecycle/prod/http/github", f'{{"token": "{api.secret}"}}')
    instance = started(testbed, "github-runner", api, host="api.github.com", port=443, secret=secret)
    if known:
        api.runners[42] = {"name": instance, "labels": ["gpu"]}
    api.busy_until = api.now + busy
    testbed.terminate(instance)
    return api, instance


def test_a_runner_of_github_finishes_its_job(testbed: Testbed) -> None:
    api, _ = github(testbed, busy=1800)
    testbed.run(600)
    assert "cannot be deleted" in str(testbed.record().detail)
    assert (api.runners[42]["labels"], testbed.completions()) == ([], [])
    testbed.finish()
    assert testbed.record().status == "completed"
    assert list(api.runners) == [7]
    assert 1800 <= testbed.elapsed < 1900
    assert api.said.count("DELETE /orgs/example/actions/runners/42/labels 200") == 1


def test_a_runner_that_has_removed_itself_is_done(testbed: Testbed) -> None:
    api, _ = github(testbed, busy=0, known=False)
    testbed.finish()
    assert testbed.record().status == "completed"
    assert list(api.runners) == [7]


def test_a_job_that_does_not_end_lets_the_instance_go_when_the_plan_says_so(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of("github-runner")
    assert plan["timeout"] == "6h"
    # As it is, but for waiting less.
    monkeypatch.setattr(routed_api, "plan_of", lambda _: {**plan, "timeout": "1h"})
    github(testbed, busy=80_000)
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert 3600 - 60 <= testbed.elapsed < 3600 + 400


class Buildkite(Routed):
    """Buildkite: an agent that is told to stop ends its job first."""

    rules = (
        Rule("/v2/organizations/example/agents", methods=["GET"], endpoint="listed"),
        Rule("/v2/organizations/example/agents/<agent>", methods=["GET"], endpoint="shown"),
        Rule("/v2/organizations/example/agents/<agent>/stop", methods=["PUT"], endpoint="stopped"),
    )
    secret = "bkua_abc"  # noqa: S105 - planted

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.name = ""
        self.ends_at: float | None = None

    @property
    def agent(self) -> dict[str, Any]:
        stopping = self.ends_at is not None
        ended = self.ends_at is not None and self.now >= self.ends_at
        state = "disconnected" if ended else "stopping" if stopping else "connected"
        return {"id": "0b46", "name": self.name, "connection_state": state, "job": None if ended else {"name": "rspec"}}

    def listed(self, _: Request) -> Response:
        return answer([{"id": "ffff", "name": "i-0other"}, self.agent])

    def shown(self, _: Request, agent: str) -> Response:
        assert agent == "0b46"
        return answer(self.agent)

    def stopped(self, request: Request, agent: str) -> Response:
        assert (agent, request.get_json()) == ("0b46", {"force": False})
        if self.ends_at is not None:
            return answer({"message": "Agent is already stopping"}, 422)
        self.ends_at = self.now + 1200
        return Response(status=204)


@pytest.mark.parametrize("already", [False, True])
def test_an_agent_of_buildkite_finishes_its_job(testbed: Testbed, *, already: bool) -> None:
    api = Buildkite(testbed)
    secret = ("asg-lifecycle/prod/http/buildkite", api.secret)
    api.name = instance = started(testbed, "buildkite-agent", api, host="api.buildkite.com", port=443, secret=secret)
    api.ends_at = api.now + 1200 if already else None
    testbed.terminate(instance)
    testbed.run(600)
    assert str(testbed.record().detail).endswith("the agent is stopping, with job rspec")
    testbed.finish()
    assert testbed.record().status == "completed"
    assert 1200 <= testbed.elapsed < 1300


@dataclass
class Node:
    """A node of Nomad."""

    name: str
    status: str = "ready"
    drain: dict[str, Any] | None = None
    ends_at: float = field(default=0.0)
    eligible: bool = True


class Nomad(Routed):
    """Nomad: a drain makes a node ineligible, and its strategy is gone when the drain has ended."""

    rules = (
        Rule("/v1/nodes", methods=["GET"], endpoint="listed"),
        Rule("/v1/node/<node>", methods=["GET"], endpoint="shown"),
        Rule("/v1/node/<node>/drain", methods=["POST"], endpoint="drained"),
    )
    secret = "5e2f-nomad"  # noqa: S105 - planted

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.nodes: dict[str, Node] = {}

    def authorized(self, request: Request) -> bool:
        return request.headers.get("X-Nomad-Token") == self.secret

    def stub(self, node: str) -> dict[str, Any]:
        it = self.nodes[node]
        eligible = "eligible" if it.eligible else "ineligible"
        return {"ID": node, "Name": it.name, "Status": it.status, "SchedulingEligibility": eligible}

    def listed(self, _: Request) -> Response:
        return answer([self.stub(node) for node in self.nodes])

    def shown(self, _: Request, node: str) -> Response:
        it = self.nodes[node]
        return answer(self.stub(node) | {"DrainStrategy": it.drain if self.now < it.ends_at else None})

    def drained(self, request: Request, node: str) -> Response:
        it = self.nodes[node]
        it.drain, it.eligible, it.ends_at = request.get_json()["DrainSpec"], False, self.now + 900
        return answer({"NodeModifyIndex": 1})


def test_a_node_of_nomad_is_drained(testbed: Testbed) -> None:
    api = Nomad(testbed)
    secret = ("/asg-lifecycle/prod/http/nomad", api.secret)
    instance = started(testbed, "nomad-node", api, host="nomad.example.com", port=4646, secret=secret)
    api.nodes = {"aaaa": Node("i-0other"), "bbbb": Node(instance, "down"), "cccc": Node(instance)}
    testbed.terminate(instance)
    testbed.run(300)
    assert str(testbed.record().detail).endswith("the node is ready and ineligible")
    testbed.finish()
    assert testbed.record().status == "completed"
    assert 900 <= testbed.elapsed < 1100
    assert [node.drain is not None for node in api.nodes.values()] == [False, False, True]
    assert api.nodes["cccc"].drain == {"Deadline": 3_600_000_000_000, "IgnoreSystemJobs": False}


def test_the_plans_that_ask_apis_are_all_played() -> None:
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*guide*.py"))
    asking = [file.stem for file in PLANS.glob("*.yaml") if "kind: http-request" in file.read_text()]
    assert len(asking) > 4
    assert [name for name in asking if f'"{name}"' not in tests] == []
