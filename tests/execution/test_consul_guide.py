"""The example plan for agents of Consul, against simulated servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.routing import Rule

from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.execution.http_api import answer
from tests.execution.routed_api import Routed, started

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from tests.execution.conftest import Testbed

ALIVE, LEFT, FAILED = 1, 3, 4
"""The states of a member, as Serf has them."""


class Servers(Routed):
    """The servers of Consul.

    Attributes:
        members: the states of the nodes by name; one that has left stays in the list for days.
        checks: the checks in the catalogue by node.
        instance: the one that goes.
    """

    rules = (
        Rule("/v1/agent/members", methods=["GET"], endpoint="listed"),
        Rule("/v1/agent/force-leave/<node>", methods=["PUT"], endpoint="forced"),
        Rule("/v1/health/node/<node>", methods=["GET"], endpoint="health"),
    )
    secret = "5f3c-consul"  # noqa: S105 - planted
    instance: Instance

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.members = {"i-0other": ALIVE}
        self.checks: dict[str, dict[str, str]] = {"i-0other": {"serfHealth": "passing"}}

    def authorized(self, request: Request) -> bool:
        return request.headers.get("X-Consul-Token") == self.secret

    def joins(self, node: str, state: int = ALIVE) -> None:
        self.members[node] = state
        self.checks[node] = {"serfHealth": "passing" if state == ALIVE else "critical"}

    def leaves(self, node: str) -> None:
        self.members[node] = LEFT
        # The leader takes it out of the catalogue a little later.
        self.testbed.timeline.call_after(20, lambda: self._strike(node))

    def _strike(self, node: str) -> None:
        del self.checks[node]

    def listed(self, _: Request) -> Response:
        return answer([{"Name": node, "Status": state} for node, state in self.members.items()])

    def health(self, _: Request, node: str) -> Response:
        self.instance.look()
        checks = self.checks.get(node, {})
        return answer([{"Node": node, "CheckID": check, "Status": state} for check, state in checks.items()])

    def forced(self, _: Request, node: str) -> Response:
        self.instance.look()
        if node not in self.members:
            return answer(f"agent: No node found with name '{node}'", 500)
        # One that is alive says so, and stays.
        if self.members[node] == FAILED:
            self.leaves(node)
        return answer("")


class Instance:
    """The instance: what its commands do to its agent, when they end well."""

    def __init__(self, testbed: Testbed, servers: Servers, instance: str, node: str) -> None:
        self.testbed, self.servers, self.instance, self.node = testbed, servers, instance, node
        self.did: dict[str, float] = {}

    def look(self) -> None:
        """Do what the commands that have ended since the last time do."""
        for run in self.testbed.run_command.runs(self.instance):
            (line,) = run.command.parameters["commands"]
            word = line.split()[1]
            if run.status == "Success" and run.ended_at is not None and word not in self.did:
                self.did[word] = run.ended_at
                if word == "maint":
                    assert "-enable" in line
                    self.servers.checks[self.node]["_node_maintenance"] = "critical"
                else:
                    self.servers.leaves(self.node)


def consul(testbed: Testbed, *, node: str | None = None) -> tuple[Servers, Instance]:
    """Return the servers, and an instance whose node has its name or another."""
    servers = Servers(testbed)
    secret = ("/asg-lifecycle/prod/http/consul", servers.secret)
    instance = started(testbed, "consul-agent", servers, host="consul.example.com", port=8501, secret=secret)
    servers.instance = Instance(testbed, servers, instance, node or instance)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=2))
    servers.joins(servers.instance.node)
    return servers, servers.instance


def test_an_agent_of_consul_is_in_maintenance_before_it_leaves(testbed: Testbed) -> None:
    servers, it = consul(testbed)
    testbed.terminate(it.instance)
    testbed.finish()
    assert testbed.record().status == "completed"
    assert (servers.members[it.instance], servers.members["i-0other"]) == (LEFT, ALIVE)
    assert list(servers.checks) == ["i-0other"]
    assert it.did["leave"] - it.did["maint"] >= 60
    assert testbed.elapsed < 600


def test_an_answer_of_consul_that_is_lost_is_asked_for_again(testbed: Testbed) -> None:
    servers, it = consul(testbed)
    servers.loses = {"forced", "health"}
    testbed.terminate(it.instance)
    testbed.finish()
    assert testbed.record().status == "completed"
    assert list(servers.checks) == ["i-0other"]


def test_a_dead_agent_of_consul_is_made_to_leave(testbed: Testbed) -> None:
    servers, it = consul(testbed)
    servers.joins(it.instance, FAILED)
    testbed.run_command.forget(it.instance)
    testbed.terminate(it.instance)
    testbed.finish()
    assert testbed.record().status == "completed"
    assert servers.members[it.instance] == LEFT
    assert list(servers.checks) == ["i-0other"]
    assert it.did == {}


def test_an_agent_of_consul_that_stays_holds_its_instance(testbed: Testbed) -> None:
    servers, it = consul(testbed)
    testbed.terminate(it.instance)
    testbed.run(30)
    testbed.run_command.behave(Behaviour(duration=2, exit_code=1, standard_error="Permission denied"))
    testbed.run(3000)
    assert testbed.completions() == []
    assert str(testbed.record().detail).endswith("the servers have 2 checks of it")
    testbed.run(3000)
    assert (testbed.record().status, servers.members[it.instance]) == ("held", ALIVE)


def test_an_agent_of_consul_that_is_not_put_into_maintenance_does_not_leave(testbed: Testbed) -> None:
    servers, it = consul(testbed)
    testbed.run_command.behave(Behaviour(duration=2, exit_code=1, standard_error="Permission denied"))
    testbed.terminate(it.instance)
    testbed.run(4000)
    assert (testbed.record().status, servers.members[it.instance]) == ("held", ALIVE)
    assert len(testbed.run_command.runs(it.instance)) == 1


def test_an_agent_of_consul_with_another_name_is_held(testbed: Testbed) -> None:
    servers, it = consul(testbed, node="ip-10-0-0-5")
    testbed.terminate(it.instance)
    testbed.run(300)
    assert (testbed.record().status, testbed.completions()) == ("held", [])
    assert "fail_when holds" in str(testbed.record().problem)
    assert servers.members["ip-10-0-0-5"] == ALIVE


def test_servers_of_consul_that_are_down_are_waited_for(testbed: Testbed) -> None:
    servers, it = consul(testbed)
    servers.down = True
    testbed.terminate(it.instance)
    testbed.run(900)
    assert (testbed.completions(), "502" in str(testbed.record().detail)) == ([], True)
    servers.down = False
    testbed.finish()
    assert testbed.record().status == "completed"
    assert list(servers.checks) == ["i-0other"]
