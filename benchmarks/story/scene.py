"""A drain of a simulated group that has something of everything: failed, begun again, and kept by what it waits for."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.messages import Nudge, Skip
from asg_lifecycle.model.story_telling import story_of
from asg_lifecycle.model.wake_events import SIGNAL_DETAIL_TYPE, SIGNAL_SOURCE, signal_detail
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.deployment.told_entries import told_by_simulator
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from asg_lifecycle.model.action_story import ActionStory

GROUP = "checkout-blue"
HOOK = "asg-lifecycle-terminate"
STEPS: list[dict[str, Any]] = [
    {
        "kind": "run-command",
        "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["systemctl stop checkout"]}},
    },
    {"kind": "run-command", "options": {"document": "Checkout-ShipLogs", "parameters": {"bucket": ["logs"]}}},
    {"kind": "wait-for-signal", "options": {"name": "ledger-written"}},
    {"kind": "deregister-targets", "options": {"names": ["checkout", "checkout-internal"]}},
    {"kind": "wait", "options": {"duration": "1m"}},
]
PERSON = "arn:aws:sts::123456789012:assumed-role/on-call/maria"


def play(*, finished: bool = False) -> ActionStory:
    """Return the story: half an hour of it, or all of it.

    Args:
        finished: the action has ended.
    """
    with redirect_stdout(io.StringIO()), Testbed(Deployment) as testbed:
        (instance,) = testbed.autoscaling.create_group(GROUP, capacity=1)
        testbed.run_command.manage(instance)
        for name, delay in (("checkout", 1_500), ("checkout-internal", 900)):
            testbed.target_group(name, instance, delay=delay)
        plan = {"on_failure": "hold", "timeout": "45m", "steps": STEPS}
        testbed.autoscaling.put_hook(
            GROUP, HOOK, "TERMINATING", HeartbeatTimeout=360, NotificationMetadata=json.dumps({"plan": plan})
        )
        began = testbed.timeline.now()
        testbed.run_command.behave(Behaviour(duration=155))
        testbed.autoscaling.terminate(instance)
        testbed.run(120)
        testbed.run_command.behave(Behaviour(duration=45, exit_code=1, standard_error="no space is left"))
        testbed.run(500)
        _say(testbed, instance, Skip(by=_signed(testbed, "the logs were shipped by hand")))
        testbed.run(250)
        _say(testbed, instance, Nudge(by=_signed(testbed, "has it come?")))
        testbed.run(180)
        detail = signal_detail(
            instance=instance, name="ledger-written", succeeded=True, message="212 entries", hook=None
        )
        testbed.region.emit(SIGNAL_SOURCE, SIGNAL_DETAIL_TYPE, detail)
        testbed.run(750 + 1_200 * finished)
        record = testbed.deployment.record(GROUP, HOOK, instance)
        if record is None:
            raise RuntimeError(f"the action of {instance} has no record")
        told = [entry for entry in testbed.region.log.of(instance=instance) if entry.time >= began]
        return story_of(
            record,
            testbed.timeline.now(),
            stack="asg-lifecycle",
            log_group="asg-lifecycle-LogGroup-1X2Y3Z",
            source=told_by_simulator(told),
        )


def _say(testbed: Testbed[Deployment], instance: str, message: Nudge | Skip) -> None:
    record = testbed.deployment.record(GROUP, HOOK, instance)
    if record is None:
        raise RuntimeError(f"the action of {instance} has no record")
    testbed.deployment.send_message(record, message)


def _signed(testbed: Testbed[Deployment], reason: str) -> str:
    at = datetime.fromtimestamp(testbed.timeline.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{PERSON} at {at}: {reason}"
