"""The example plans for runners of GitLab and agents of Jenkins, each against a simulated API of its kind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from tests.execution.http_api import answer
from tests.execution.routed_api import Routed, started

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed


@dataclass
class Runner:
    """A runner of GitLab.

    Attributes:
        ends_at: when its last job ends.
        machines: those that use it: one token may be on several.
    """

    description: str
    paused: bool = False
    ends_at: float = 0.0
    machines: int = 1


class GitLab(Routed):
    """GitLab: a paused runner keeps its job, and one is deleted even while its job runs."""

    rules = (
        Rule("/api/v4/groups/42/runners", methods=["GET"], endpoint="listed"),
        Rule("/api/v4/runners/<int:runner>/managers", methods=["GET"], endpoint="managers"),
        Rule("/api/v4/runners/<int:runner>", methods=["PUT"], endpoint="changed"),
        Rule("/api/v4/runners/<int:runner>", methods=["DELETE"], endpoint="deleted"),
        Rule("/api/graphql", methods=["POST"], endpoint="graphql"),
    )
    secret = "glpat-abc"  # noqa: S105 - planted

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.runners = {6: Runner("i-0other")}
        self.deleted_at: dict[int, float] = {}

    def listed(self, request: Request) -> Response:
        assert request.args["type"] == "group_type"
        wanted = request.args["tag_list"]
        return answer(
            [
                {"id": number, "description": it.description, "paused": it.paused, "status": "online"}
                for number, it in self.runners.items()
                if it.description == wanted
            ]
        )

    def managers(self, _: Request, runner: int) -> Response:
        return answer([{"id": number, "status": "online"} for number in range(self.runners[runner].machines)])

    def changed(self, request: Request, runner: int) -> Response:
        self.runners[runner].paused = request.get_json()["paused"]
        return answer({"id": runner, "paused": self.runners[runner].paused})

    def deleted(self, _: Request, runner: int) -> Response:
        if self.runners.pop(runner, None) is None:
            return answer({"message": "404 Runner Not Found"}, 404)
        self.deleted_at[runner] = self.now
        return Response(status=204)

    def graphql(self, request: Request) -> Response:
        asked = request.get_json()
        assert "jobExecutionStatus" in asked["query"]
        kind, _, number = asked["variables"]["id"].rpartition("/")
        assert kind == "gid://gitlab/Ci::Runner"
        it = self.runners.get(int(number))
        if it is None:
            return answer({"data": {"runner": None}})
        state = "ACTIVE" if self.now < it.ends_at else "IDLE"
        return answer({"data": {"runner": {"paused": it.paused, "jobExecutionStatus": state}}})


def gitlab(testbed: Testbed, **runner: Any) -> tuple[GitLab, str]:
    """Return the API, and an instance that goes; its runner has the number 7 and a job for half an hour."""
    api = GitLab(testbed)
    secret = ("asg-lifecycle/prod/http/gitlab", api.secret)
    instance = started(testbed, "gitlab-runner", api, host="gitlab.example.com", port=443, secret=secret)
    api.runners[7] = replace(Runner(instance, ends_at=api.now + 1800), **runner)
    testbed.terminate(instance)
    return api, instance


def test_a_runner_of_gitlab_finishes_its_job(testbed: Testbed) -> None:
    api, _ = gitlab(testbed)
    ends_at = api.runners[7].ends_at
    testbed.run(600)
    assert str(testbed.record().detail).endswith("the runner is ACTIVE")
    assert (api.runners[7].paused, api.runners[6].paused) == (True, False)
    testbed.finish()
    assert testbed.record().status == "completed"
    assert list(api.runners) == [6]
    assert ends_at <= api.deleted_at[7] < ends_at + 60


@pytest.mark.parametrize("lost", ["changed", "graphql", "deleted"])
def test_an_answer_of_gitlab_that_is_lost_is_asked_for_again(testbed: Testbed, lost: str) -> None:
    api, _ = gitlab(testbed, ends_at=testbed.timeline.now() + 400)
    api.loses = {lost}
    testbed.finish()
    assert testbed.record().status == "completed"
    assert testbed.elapsed < 1000
    assert (list(api.runners), api.loses) == ([6], set())


def test_a_runner_of_gitlab_that_several_machines_share_is_not_paused(testbed: Testbed) -> None:
    api, _ = gitlab(testbed, machines=3)
    testbed.run(600)
    assert (testbed.record().status, api.runners[7].paused) == ("held", False)
    assert "expect.condition does not hold" in str(testbed.record().problem)


def test_a_runner_that_gitlab_does_not_know_holds_its_instance(testbed: Testbed) -> None:
    api, instance = gitlab(testbed, description="runner-7")
    testbed.run(600)
    assert (testbed.record().status, testbed.completions()) == ("held", [])
    assert f"[?description=='{instance}'].id" in str(testbed.record().problem)
    assert list(api.runners) == [6, 7]


def test_a_runner_of_gitlab_that_takes_jobs_again_holds_its_instance(testbed: Testbed) -> None:
    api, _ = gitlab(testbed)
    testbed.run(600)
    api.runners[7].paused = False
    testbed.run(300)
    assert (testbed.record().status, list(api.runners)) == ("held", [6, 7])
    assert "fail_when holds" in str(testbed.record().problem)


def test_a_gitlab_that_is_down_is_waited_for(testbed: Testbed) -> None:
    api, _ = gitlab(testbed)
    testbed.run(60)
    api.down = True
    testbed.run(1900)
    assert (testbed.completions(), "502" in str(testbed.record().detail)) == ([], True)
    api.down = False
    testbed.finish()
    assert (testbed.record().status, list(api.runners)) == ("completed", [6])


@dataclass
class Agent:
    """An agent of Jenkins.

    Attributes:
        builds: when they end, by name.
    """

    offline: bool = False
    builds: dict[str, float] = field(default_factory=dict)


class Jenkins(Routed):
    """Jenkins: a node that is offline finishes its builds; forms are answered with a redirect."""

    rules = (
        Rule("/computer/<node>/changeOfflineCause", methods=["POST"], endpoint="offline"),
        Rule("/computer/<node>/doDelete", methods=["POST"], endpoint="deleted"),
        Rule("/computer/<node>/api/json", methods=["GET"], endpoint="shown"),
    )
    secret = "11ab-token"  # noqa: S105 - planted

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.nodes = {"i-0other": Agent()}
        self.lost_builds: list[str] = []

    def authorized(self, request: Request) -> bool:
        sent = request.authorization
        return sent is not None and (sent.username, sent.password) == ("asg-lifecycle", self.secret)

    def running(self, node: str) -> list[str]:
        return [name for name, ends_at in self.nodes[node].builds.items() if self.now < ends_at]

    def offline(self, request: Request, node: str) -> Response:
        if node not in self.nodes:
            return answer("No such agent", 404)
        assert request.args["offlineMessage"] == "asg-lifecycle: web"
        self.nodes[node].offline = True
        return answer("", 302, Location=".")

    def deleted(self, _: Request, node: str) -> Response:
        if node not in self.nodes:
            return answer("No such agent", 404)
        self.lost_builds += self.running(node)
        del self.nodes[node]
        return answer("", 302, Location="..")

    def shown(self, _: Request, node: str) -> Response:
        if node not in self.nodes:
            return answer("No such agent", 404)
        running = self.running(node)
        executors: list[dict[str, Any]] = [{"currentExecutable": {"fullDisplayName": name}} for name in running]
        return answer(
            {
                "displayName": node,
                "idle": not running,
                "temporarilyOffline": self.nodes[node].offline,
                "executors": executors or [{"currentExecutable": None}],
                "oneOffExecutors": [],
            }
        )


def jenkins(
    testbed: Testbed, *, offline: bool = False, known: bool = True, builds_for: float = 1200
) -> tuple[Jenkins, str]:
    """Return the API, and an instance that goes; its agent has a build for twenty minutes."""
    api = Jenkins(testbed)
    secret = ("asg-lifecycle/prod/http/jenkins", api.secret)
    instance = started(testbed, "jenkins-agent", api, host="jenkins.example.com", port=443, secret=secret)
    if known:
        api.nodes[instance] = Agent(offline, {"app #12": api.now + builds_for, "lib #3": api.now + 300})
    testbed.terminate(instance)
    return api, instance


@pytest.mark.parametrize("offline", [False, True])
def test_an_agent_of_jenkins_finishes_its_builds(testbed: Testbed, *, offline: bool) -> None:
    api, instance = jenkins(testbed, offline=offline)
    testbed.run(600)
    assert str(testbed.record().detail).endswith('builds: ["app #12"]')
    assert (api.nodes[instance].offline, api.nodes["i-0other"].offline) == (True, False)
    testbed.finish()
    assert testbed.record().status == "completed"
    assert (list(api.nodes), api.lost_builds) == (["i-0other"], [])
    assert 1200 <= testbed.elapsed < 1400


@pytest.mark.parametrize("lost", ["offline", "shown", "deleted"])
def test_an_answer_of_jenkins_that_is_lost_is_asked_for_again(testbed: Testbed, lost: str) -> None:
    api, _ = jenkins(testbed, builds_for=400)
    api.loses = {lost}
    testbed.finish()
    assert testbed.record().status == "completed"
    assert testbed.elapsed < 1600
    assert (list(api.nodes), api.lost_builds, api.loses) == (["i-0other"], [], set())


def test_a_node_that_jenkins_does_not_know_is_held(testbed: Testbed) -> None:
    api, _ = jenkins(testbed, known=False)
    testbed.run(600)
    assert (testbed.record().status, testbed.completions()) == ("held", [])
    assert "404" in str(testbed.record().problem)
    assert list(api.nodes) == ["i-0other"]


def test_a_node_that_is_brought_back_holds_its_instance(testbed: Testbed) -> None:
    api, instance = jenkins(testbed)
    testbed.run(600)
    api.nodes[instance].offline = False
    testbed.run(300)
    assert (testbed.record().status, list(api.nodes)) == ("held", ["i-0other", instance])


def test_a_jenkins_that_is_down_is_waited_for(testbed: Testbed) -> None:
    api, _ = jenkins(testbed)
    testbed.run(60)
    api.down = True
    testbed.run(1300)
    assert (testbed.completions(), "502" in str(testbed.record().detail)) == ([], True)
    api.down = False
    testbed.finish()
    assert (testbed.record().status, list(api.nodes), api.lost_builds) == ("completed", ["i-0other"], [])
