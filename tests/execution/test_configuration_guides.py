"""The example plans that remove keys of Salt, Chef and Puppet, each against a simulated server of its kind."""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from asg_lifecycle_simulator.services.certificates import certificates
from asg_lifecycle_simulator.services.loopback_servers import serve
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.execution.http_api import answer
from tests.execution.routed_api import Routed, plan_of, started
from tests.execution.shell_instance import ShellInstance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.execution.conftest import Testbed

CA = "puppet.example.com"


class Salt(Routed):
    """salt-api: a master that accepts every key; a minion that runs sends its key again.

    Attributes:
        accepted: the keys of minions.
        running: whether the minion of the instance runs.
        refuses: the wheel function fails.
        session_is_over: nobody is known by the token any more.
    """

    rules = (
        Rule("/keys", methods=["GET"], endpoint="listed"),
        Rule("/", methods=["POST"], endpoint="run"),
    )
    secret = "6d1b722e"  # noqa: S105 - planted

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.accepted = ["i-0other"]
        self.waiting: list[str] = []
        self.refuses = False
        self.session_is_over = False
        self.running: Callable[[], bool] = lambda: False

    def authorized(self, request: Request) -> bool:
        return request.headers.get("X-Auth-Token") == self.secret and not self.session_is_over

    def listed(self, _: Request) -> Response:
        keys = {"local": ["master.pem"], "minions": self.accepted, "minions_pre": self.waiting, "minions_rejected": []}
        return answer({"return": keys})

    def run(self, request: Request) -> Response:
        (low,) = request.get_json()
        assert (low["client"], low["fun"]) == ("wheel", "key.delete")
        if not self.refuses:
            self.accepted = [key for key in self.accepted if key != low["match"]]
            self.waiting = [low["match"]] if self.running() else []
        told = {"fun": "wheel.key.delete", "return": {}, "success": not self.refuses}
        return answer({"return": [{"tag": "salt/wheel/1", "data": told}]})


def salt(testbed: Testbed, *, known: bool = True) -> tuple[Salt, str]:
    api = Salt(testbed)
    secret = ("/asg-lifecycle/prod/http/salt", api.secret)
    instance = started(testbed, "salt-minion", api, host="salt.example.com", port=8000, secret=secret)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=2))
    api.running = lambda: not any(run.status == "Success" for run in testbed.run_command.runs(instance))
    api.accepted.append(instance if known else "ip-10-0-0-5")
    return api, instance


@pytest.mark.parametrize("lost", [None, "run", "listed"])
def test_the_key_of_a_minion_is_deleted_once_the_minion_is_stopped(testbed: Testbed, lost: str | None) -> None:
    api, instance = salt(testbed)
    api.loses = {lost} if lost else set()
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.record().status == "completed"
    assert testbed.elapsed < 600
    assert (api.accepted, api.waiting, api.loses) == (["i-0other"], [], set())


def test_a_minion_that_still_runs_sends_its_key_again_and_is_held_up(testbed: Testbed) -> None:
    _, instance = salt(testbed)
    testbed.run_command.behave(Behaviour(duration=2, exit_code=1))
    testbed.terminate(instance)
    testbed.run(900)
    assert testbed.completions() == []
    assert str(testbed.record().detail).endswith("the master has 1 accepted keys, and 1 that wait")


def test_a_dead_minion_loses_its_key(testbed: Testbed) -> None:
    api, instance = salt(testbed)
    testbed.run_command.forget(instance)
    api.running = lambda: False
    testbed.terminate(instance)
    testbed.finish()
    assert (testbed.record().status, api.accepted) == ("completed", ["i-0other"])


def test_a_minion_that_the_master_does_not_know_is_held(testbed: Testbed) -> None:
    api, instance = salt(testbed, known=False)
    testbed.terminate(instance)
    testbed.run(600)
    assert (testbed.record().status, api.accepted) == ("held", ["i-0other", "ip-10-0-0-5"])


def test_a_session_of_salt_that_is_over_holds_the_instance(testbed: Testbed) -> None:
    api, instance = salt(testbed)
    api.session_is_over = True
    testbed.terminate(instance)
    testbed.run(600)
    assert (testbed.record().status, "401" in str(testbed.record().problem)) == ("held", True)


def test_a_master_that_cannot_delete_a_key_holds_the_instance(testbed: Testbed) -> None:
    api, instance = salt(testbed)
    api.refuses = True
    testbed.terminate(instance)
    testbed.run(600)
    assert (testbed.record().status, instance in api.accepted) == ("held", True)
    assert "expect.condition does not hold" in str(testbed.record().problem)


KNIFE = """
import pathlib, sys, urllib.error, urllib.request
words = sys.argv[1:]
assert words[3:] == ["--yes", "--config", "/etc/chef/client.rb"], words
url = f"http://127.0.0.1:{port}/organizations/shop/{{words[0]}}s/{{words[2]}}"
request = urllib.request.Request(url, method="DELETE", headers={{"X-Ops-Userid": {client!r}}})
try:
    urllib.request.urlopen(request)
except urllib.error.URLError as error:
    sys.exit(f"ERROR: {{error}}")
"""


class Chef(Routed):
    """Chef Infra Server: only who has a client may ask, and what each client may delete is a matter of its ACL."""

    rules = (
        Rule("/organizations/shop/nodes/<name>", methods=["DELETE"], endpoint="node"),
        Rule("/organizations/shop/clients/<name>", methods=["DELETE"], endpoint="client"),
    )

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.nodes, self.clients = ["i-0other"], ["i-0other"]
        self.may_delete_clients = True

    def authorized(self, request: Request) -> bool:
        return request.headers.get("X-Ops-Userid") in self.clients

    def node(self, request: Request, name: str) -> Response:
        if request.headers["X-Ops-Userid"] != name:
            return answer({"error": ["missing delete permission"]}, 403)
        self.nodes.remove(name)
        return answer({"name": name})

    def client(self, request: Request, name: str) -> Response:
        if request.headers["X-Ops-Userid"] != name or not self.may_delete_clients:
            return answer({"error": ["missing delete permission"]}, 403)
        self.clients.remove(name)
        return answer({"name": name})


@pytest.fixture
def serving() -> Iterator[ExitStack]:
    with ExitStack() as until:
        yield until


def chef(testbed: Testbed, serving: ExitStack, folder: Path) -> tuple[Chef, ShellInstance, str]:
    api = Chef(testbed)
    (instance,) = testbed.group(plan=plan_of("chef-node"), heartbeat=900)
    it = ShellInstance(testbed, instance, folder)
    it.has("knife", KNIFE.format(port=serve(api, serving), client=instance))
    api.nodes.append(instance)
    api.clients.append(instance)
    return api, it, instance


def test_a_node_of_chef_removes_itself(testbed: Testbed, serving: ExitStack, tmp_path: Path) -> None:
    api, it, instance = chef(testbed, serving, tmp_path)
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.record().status == "completed"
    assert (api.nodes, api.clients) == (["i-0other"], ["i-0other"])
    assert it.asked()[0] == "systemctl disable --now chef-client.timer chef-client.service"


def test_a_node_that_may_not_delete_its_client_is_held(testbed: Testbed, serving: ExitStack, tmp_path: Path) -> None:
    api, _, instance = chef(testbed, serving, tmp_path)
    api.may_delete_clients = False
    testbed.terminate(instance)
    testbed.run(600)
    assert (testbed.record().status, instance in api.clients) == ("held", True)
    assert "403" in str(testbed.record().problem)


def test_a_server_of_chef_that_is_down_holds_the_instance(testbed: Testbed, serving: ExitStack, tmp_path: Path) -> None:
    api, _, instance = chef(testbed, serving, tmp_path)
    api.down = True
    testbed.terminate(instance)
    testbed.run(600)
    assert (testbed.record().status, instance in api.nodes, instance in api.clients) == ("held", True, True)
    assert "502" in str(testbed.record().problem)


PUPPET = """
assert sys.argv[1:3] + sys.argv[4:] == ["config", "print", "--section", "agent"], sys.argv
print({settings!r}[sys.argv[3]])
"""


class PuppetCa(Routed):
    """The CA of Puppet: who asks is known by a certificate, and may revoke that alone, where a rule says so."""

    rules = (Rule("/puppet-ca/v1/certificate_status/<name>", methods=["PUT"], endpoint="changed"),)

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.states = {"i-0other": "signed"}
        self.has_rule = True

    def authorized(self, _: Request) -> bool:
        return True

    def changed(self, request: Request, name: str) -> Response:
        named = request.environ["werkzeug.socket"].getpeercert()["subjectAltName"]
        if not self.has_rule or named != (("DNS", name),):
            return answer(f"Forbidden request: {named} access to {request.path} (method :put)", 403)
        self.states[name] = request.get_json()["desired_state"]
        return Response(status=204)


def puppet(
    testbed: Testbed, serving: ExitStack, folder: Path, *, certname: str | None = None
) -> tuple[PuppetCa, ShellInstance, str]:
    """Return the CA, and an instance with a certificate of its own; its configuration has that name, or another."""
    api = PuppetCa(testbed)
    context = certificates(CA).context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=certificates(CA).authority.decode())
    port = serve(api, serving, context)
    (instance,) = testbed.group(plan=plan_of("puppet-node"), heartbeat=900)
    api.states[instance] = "signed"
    it = ShellInstance(testbed, instance, folder)
    own = certificates(instance)
    files = {"localcacert": own.authority, "hostcert": own.server, "hostprivkey": own.key}
    for name, text in files.items():
        (folder / f"{name}.pem").write_bytes(text)
    settings = {name: str(folder / f"{name}.pem") for name in files} | {
        "ca_server": CA,
        "certname": certname or instance,
    }
    it.has("puppet", "import sys" + PUPPET.format(settings=settings))
    # The name of the CA leads to the server of this test.
    (folder / ".curlrc").write_text(f'connect-to = "{CA}:8140:127.0.0.1:{port}"\n')
    return api, it, instance


def test_a_node_of_puppet_revokes_its_certificate(testbed: Testbed, serving: ExitStack, tmp_path: Path) -> None:
    api, it, instance = puppet(testbed, serving, tmp_path)
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.record().status == "completed"
    assert api.states == {"i-0other": "signed", instance: "revoked"}
    assert it.asked()[0] == "systemctl disable --now puppet"


@pytest.mark.parametrize("case", ["no rule", "another's"])
def test_a_ca_of_puppet_that_refuses_holds_the_instance(
    testbed: Testbed, serving: ExitStack, tmp_path: Path, case: str
) -> None:
    api, _, instance = puppet(testbed, serving, tmp_path, certname="i-0other" if case == "another's" else None)
    api.has_rule = case != "no rule"
    testbed.terminate(instance)
    testbed.run(600)
    assert (testbed.record().status, set(api.states.values())) == ("held", {"signed"})
    assert "403" in str(testbed.record().problem)
