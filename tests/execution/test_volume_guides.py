"""The example plans about data volumes, played from event to completed action."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

PLANS = Path(__file__).parents[2] / "plans"


def plan(name: str) -> Any:
    return yaml.safe_load((PLANS / f"{name}.yaml").read_text(encoding="utf-8"))


def database(testbed: Testbed, *, capacity: int) -> None:
    """Make a group with both plans on its hooks; launched instances are managed, ."""
    testbed.autoscaling.create_group("database", capacity=0, max_size=10)
    for name, transition, hook in (
        ("volume-launch", "LAUNCHING", "asg-lifecycle-launch"),
        ("data-volume", "TERMINATING", "asg-lifecycle-terminate"),
    ):
        metadata = json.dumps({"plan": plan(name)})
        testbed.autoscaling.put_hook("database", hook, transition, HeartbeatTimeout=900, NotificationMetadata=metadata)

    def follow(entry: Any) -> None:
        if entry.kind is LogKind.WAIT_STARTED and entry.hook == "asg-lifecycle-launch":
            testbed.run_command.manage(entry.instance)

    testbed.region.log.on_entry.append(follow)
    testbed.autoscaling.scale("database", capacity)


def unmount_where_told_to(testbed: Testbed, instance: str, volumes: list[str]) -> None:
    """Let a command that has ended have unmounted what its instance has."""
    ended = [run for run in testbed.run_command.runs(instance) if run.ended_at is not None]
    if any("umount" in str(run.command.parameters) for run in ended):
        for volume in volumes:
            testbed.volumes.unmount(volume)


def test_a_volume_goes_from_a_server_to_the_one_that_replaces_it(testbed: Testbed) -> None:
    volumes = [testbed.volumes.make(tags={"data": "database"}) for _ in range(2)]
    database(testbed, capacity=2)
    testbed.run(300)
    servers = testbed.autoscaling.instances("database")
    assert {testbed.autoscaling.instance_state(each) for each in servers} == {"InService"}
    had = {server: testbed.volumes.of_instance(server) for server in servers}
    assert sorted(volume for each in had.values() for volume in each) == sorted(volumes)
    for volume in volumes:
        testbed.volumes.mount(volume)

    leaving = servers[0]
    testbed.terminate(leaving)
    # Its replacement waits for the volume that it has.
    testbed.autoscaling.scale("database", 2)
    for _ in range(60):
        testbed.run(10)
        unmount_where_told_to(testbed, leaving, list(had[leaving]))
    assert testbed.completions().count("CONTINUE CompleteLifecycleAction") == 4
    (replacement,) = set(testbed.autoscaling.instances("database")) - set(servers)
    assert testbed.autoscaling.instance_state(replacement) == "InService"
    assert testbed.volumes.of_instance(replacement).keys() == had[leaving].keys()
