"""The commands about actions as the tests call them, and actions for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from asg_lifecycle.cli.app import application

if TYPE_CHECKING:
    from typer.testing import Result

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

HOOK = "asg-lifecycle-terminate"
COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
SIGNAL = {"kind": "wait-for-signal", "options": {"name": "drained"}}
MISSPELT = {"kind": "run-comand"}


def run(*words: str) -> Result:
    return CliRunner().invoke(application, list(words))


def waiting(
    testbed: Testbed[Deployment], group: str, *steps: Any, heartbeat: int = 900, count: int = 1, **plan: Any
) -> list[str]:
    """Let the instances of a new group wait under a plan; return them."""
    instances = testbed.autoscaling.create_group(group, capacity=count)
    metadata = json.dumps({"plan": {"steps": list(steps), **plan}})
    testbed.autoscaling.put_hook(group, HOOK, "TERMINATING", HeartbeatTimeout=heartbeat, NotificationMetadata=metadata)
    for instance in instances:
        testbed.run_command.manage(instance)
        testbed.autoscaling.terminate(instance)
        testbed.run(5)
    return instances
