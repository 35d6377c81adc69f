"""The example plan for brokers of Kafka, against a simulated Cruise Control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from werkzeug.routing import Rule

from tests.execution.http_api import answer
from tests.execution.routed_api import Routed, started

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from tests.execution.conftest import Testbed

BROKER, OTHER = 3, 4
A_MINUTE = 60.0


@dataclass
class Task:
    """A task of a user, as `user_tasks` lists it.

    Attributes:
        began: when it began.
        takes: seconds until it has found out what to move.
        fails: it cannot be done.
    """

    url: str
    began: float
    takes: float
    fails: bool

    def status(self, now: float) -> str:
        if now < self.began + self.takes:
            return "Active"
        return "CompletedWithError" if self.fails else "Completed"


class CruiseControl(Routed):
    """Cruise Control: what takes long is answered with 202; a removal moves a replica a minute, one at a time.

    Attributes:
        replicas: by broker.
        room: whether the other brokers have room.
        leaderless: partitions without a leader, which no broker's count has.
    """

    rules = (
        Rule("/kafkacruisecontrol/load", methods=["GET"], endpoint="load"),
        Rule("/kafkacruisecontrol/remove_broker", methods=["POST"], endpoint="removed"),
        Rule("/kafkacruisecontrol/user_tasks", methods=["GET"], endpoint="listed"),
        Rule("/kafkacruisecontrol/kafka_cluster_state", methods=["GET"], endpoint="state"),
    )
    secret = "pr0pos4l"  # noqa: S105 - planted

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.hosts = {OTHER: "10.0.0.9"}
        self.replicas = {BROKER: 12, OTHER: 30}
        self.room = True
        self.leaderless = 0
        self.tasks: list[Task] = []
        self.moving_since: float | None = None

    def authorized(self, request: Request) -> bool:
        sent = request.authorization
        return sent is not None and (sent.username, sent.password) == ("asg-lifecycle", self.secret)

    def left(self) -> int:
        moved = int((self.now - self.moving_since) // A_MINUTE) if self.moving_since is not None else 0
        return max(0, self.replicas[BROKER] - moved)

    def load(self, request: Request) -> Response:
        assert request.args["json"] == "true"
        if len(self.said) < 3:
            return answer({"progress": [{"operation": "LOAD"}], "version": 1}, 202)
        return answer({"brokers": [{"Broker": broker, "Host": host} for broker, host in self.hosts.items()]})

    def removed(self, request: Request) -> Response:
        dry, broker = request.args["dryrun"] == "true", int(request.args["brokerid"])
        if not dry and self.moving_since is not None and self.left() > 0:
            return answer({"errorMessage": "Cannot execute new proposals while there is an ongoing execution."}, 500)
        url = f"{request.method} {request.full_path}"
        self.tasks.append(Task(url, self.now, A_MINUTE, fails=not self.room))
        if not dry and broker == BROKER and self.room:
            self.moving_since = self.now
        return answer({"progress": [{"operation": "REMOVE_BROKER"}], "version": 1}, 202)

    def listed(self, request: Request) -> Response:
        assert request.args["endpoints"] == "REMOVE_BROKER"
        tasks = [
            {"RequestURL": it.url, "StartMs": str(int(it.began * 1000)), "Status": it.status(self.now)}
            for it in self.tasks
        ]
        return answer({"userTasks": tasks, "version": 1})

    def state(self, _: Request) -> Response:
        counted = {str(BROKER): self.left(), "33": 7, str(OTHER): 42 - self.left()}
        offline = [{"topic": "t", "partition": number} for number in range(self.leaderless)]
        return answer(
            {
                "KafkaBrokerState": {"ReplicaCountByBrokerId": counted},
                "KafkaPartitionState": {"offline": offline, "urp": []},
            }
        )


def kafka(testbed: Testbed, *, host: str | None = None) -> CruiseControl:
    """Return the API, when an instance goes; its broker runs on its address, or on another host."""
    api = CruiseControl(testbed)
    secret = ("/asg-lifecycle/prod/http/cruise", api.secret)
    instance = started(testbed, "kafka-broker", api, host="cruise.example.com", port=9090, secret=secret)
    with testbed.region.unobserved():
        ec2 = testbed.region.client("ec2")
        ec2.create_tags(Resources=[instance], Tags=[{"Key": "kafka-broker-id", "Value": str(BROKER)}])
        (reservation,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    api.hosts[BROKER] = host or str(reservation["Instances"][0]["PrivateIpAddress"])
    testbed.terminate(instance)
    return api


def removals(api: CruiseControl) -> list[str]:
    """Return what was removed, or only tried."""
    return ["dryrun=true" if "dryrun=true" in task.url else "dryrun=false" for task in api.tasks]


def test_the_partitions_of_a_broker_are_moved_before_it_goes(testbed: Testbed) -> None:
    api = kafka(testbed)
    testbed.run(400)
    assert '"3": ' in str(testbed.record().detail)
    assert testbed.completions() == []
    testbed.finish()
    assert testbed.record().status == "completed"
    assert (api.left(), removals(api)) == (0, ["dryrun=true", "dryrun=false"])
    assert 12 * 60 <= testbed.elapsed < 20 * 60


def test_a_removal_whose_answer_is_lost_is_not_done_twice_at_once(testbed: Testbed) -> None:
    api = kafka(testbed)
    testbed.run(20)
    api.loses = {"removed"}
    testbed.run(60)
    api.loses = {"removed", "state"}
    testbed.finish()
    assert testbed.record().status == "completed"
    assert (api.left(), api.loses) == (0, set())


def test_brokers_without_room_hold_the_instance_before_anything_moves(testbed: Testbed) -> None:
    api = kafka(testbed)
    api.room = False
    testbed.run(900)
    assert (testbed.record().status, removals(api)) == ("held", ["dryrun=true"])
    assert "fail_when holds" in str(testbed.record().problem)


@pytest.mark.parametrize("host", ["10.9.9.9", "ip-10-0-0-5.ec2.internal"])
def test_a_tag_that_names_the_broker_of_another_host_moves_nothing(testbed: Testbed, host: str) -> None:
    api = kafka(testbed, host=host)
    testbed.run(600)
    assert (testbed.record().status, removals(api)) == ("held", [])


def test_partitions_without_a_leader_hold_the_instance(testbed: Testbed) -> None:
    api = kafka(testbed)
    api.leaderless = 2
    testbed.run(1800)
    assert (api.left(), testbed.completions()) == (0, [])
    api.leaderless = 0
    testbed.finish()
    assert testbed.record().status == "completed"


def test_a_cruise_control_that_is_down_is_waited_for(testbed: Testbed) -> None:
    api = kafka(testbed)
    testbed.run(400)
    api.down = True
    testbed.run(1500)
    assert (testbed.completions(), "502" in str(testbed.record().detail)) == ([], True)
    api.down = False
    testbed.finish()
    assert (testbed.record().status, api.left()) == ("completed", 0)
