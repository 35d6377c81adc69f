"""The scenarios whose histories are kept: each is short and takes another way through an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Extend, Finish, Hold, Nudge, Resume, Skip, Wake
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.replay.testbed import COMMAND, DEREGISTER, GROUP, HOOK, TWO_STEPS, RecordingTestbed
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable

AnyTestbed = RecordingTestbed[Any]

CALL_BACK = {"kind": "invoke-function", "options": {"function": "archive", "wait_for": "callback"}}


def nothing_to_drain(testbed: AnyTestbed) -> None:
    """The plan has no steps."""
    testbed.drain({"steps": []})
    testbed.finish()


def two_steps(testbed: AnyTestbed) -> None:
    """A target group is left, then a command is run."""
    testbed.drain(TWO_STEPS)
    testbed.finish()


def nudged(testbed: AnyTestbed) -> None:
    """The target group is looked at again because somebody says so."""
    instance = testbed.drain(TWO_STEPS)
    testbed.run(3)
    testbed.target_groups.connections_end_after(instance, 1)
    testbed.run(2)
    testbed.send_message(Nudge())
    testbed.finish()


def woken(testbed: AnyTestbed) -> None:
    """The end of the command is heard of."""
    testbed.hear("aws.ssm")
    testbed.drain(TWO_STEPS, command=Behaviour(duration=60))
    testbed.finish()


def skipped(testbed: AnyTestbed) -> None:
    """A command that does not end is skipped by an operator."""
    testbed.drain(TWO_STEPS, command=Behaviour(never_ends=True))
    testbed.run(40)
    testbed.send_message(Skip())
    testbed.finish()


def finished_by_an_operator(testbed: AnyTestbed) -> None:
    """An operator ends the action while a command runs."""
    testbed.drain(TWO_STEPS, command=Behaviour(never_ends=True))
    testbed.run(40)
    testbed.send_message(Finish(ActionResult.CONTINUE, by="anna"))
    testbed.finish()


def bad_plan(testbed: AnyTestbed) -> None:
    """The plan cannot be used: the action is held until an operator abandons it."""
    testbed.drain({"steps": [{"kind": "no-such-step"}]})
    testbed.run(200)
    testbed.send_message(Finish(ActionResult.ABANDON))
    testbed.finish()


def plan_chosen_again(testbed: AnyTestbed) -> None:
    """A plan that cannot be used is read again when the action is resumed; it is as wrong as before."""
    testbed.drain({"steps": [{"kind": "no-such-step"}]})
    testbed.run(60)
    testbed.send_message(Resume())
    testbed.run(60)
    testbed.send_message(Finish(ActionResult.ABANDON))
    testbed.finish()


def called_back(testbed: AnyTestbed) -> None:
    """A function is invoked, and its callback ends the step after a message has ended a round."""
    testbed.functions.deploy("archive", lambda _: None)
    testbed.drain({"steps": [CALL_BACK]})
    testbed.run(20)
    testbed.send_message(Nudge())
    testbed.run(20)
    testbed.deployment.service.callbacks.succeed(testbed.functions.events["archive"][-1]["callback"], b"archived")
    testbed.finish()


def failed_step(testbed: AnyTestbed) -> None:
    """A step fails and holds the action; it begins again when it is resumed, and is skipped when that fails."""
    testbed.drain({"steps": [COMMAND]}, command=Behaviour(duration=5, exit_code=1))
    testbed.run(60)
    testbed.send_message(Resume())
    testbed.run(60)
    testbed.send_message(Skip())
    testbed.finish()


def on_hold(testbed: AnyTestbed) -> None:
    """An operator gives a step more time, holds the action while it ends, and resumes it."""
    testbed.drain(TWO_STEPS, command=Behaviour(duration=5))
    testbed.run(3)
    testbed.send_message(Extend(seconds=300))
    testbed.run(3)
    testbed.send_message(Hold())
    testbed.run(120)
    testbed.send_message(Resume())
    testbed.finish()


def deadline(testbed: AnyTestbed) -> None:
    """The command outlasts the wait: the plan's `on_timeout` decides."""
    slow = {"steps": [{**COMMAND, "options": {"document": "wait"}}], "on_timeout": "continue"}
    testbed.drain(slow, heartbeat=30, command=Behaviour(never_ends=True))
    testbed.finish()


def over(testbed: AnyTestbed) -> None:
    """Somebody else completes the action while the work is going on."""
    instance = testbed.drain(TWO_STEPS, command=Behaviour(never_ends=True))
    testbed.run(60)
    with testbed.region.unobserved():
        testbed.region.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName=GROUP, LifecycleHookName=HOOK, InstanceId=instance, LifecycleActionResult="CONTINUE"
        )
    testbed.finish()


def duplicate(testbed: AnyTestbed) -> None:
    """The event is delivered twice."""
    testbed.region.events.deliveries = lambda _: (1.0, 2.0)
    testbed.drain({"steps": [DEREGISTER]})
    testbed.finish()


def ignored(testbed: AnyTestbed) -> None:
    """The hook is not ours."""
    (instance,) = testbed.group({}, hook="somebody-elses")
    testbed.autoscaling.terminate(instance)
    testbed.finish()


def invalid(testbed: AnyTestbed) -> None:
    """The payload cannot be understood."""
    testbed.deployment.start({"source": "asg-lifecycle", "start": {}})
    testbed.finish()


def found_by_the_sweep(testbed: AnyTestbed) -> None:
    """The event was lost, and the sweep found the instance waiting."""
    testbed.region.events.deliveries = lambda _: ()
    instance = testbed.drain(TWO_STEPS)
    testbed.run(60)
    testbed.found(instance, StartReason.SWEEP)
    testbed.finish()


def taken_over(testbed: AnyTestbed) -> None:
    """The execution was stopped while a command ran, and another one goes on."""
    testbed.drain(TWO_STEPS, command=Behaviour(duration=100))
    testbed.run(40)
    dead = testbed.record().execution
    testbed.deployment.service.stop(dead)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(testbed.record()), takes_over=dead)
    testbed.deployment.start(payload(start))
    testbed.finish()


def taken_away(testbed: AnyTestbed) -> None:
    """The record was given to another execution: this one completes nothing."""
    testbed.drain(TWO_STEPS, command=Behaviour(duration=100))
    testbed.run(40)
    record = testbed.record()
    with testbed.region.unobserved():
        testbed.region.client("dynamodb").update_item(
            TableName="asg-lifecycle",
            Key={"wait": {"S": record.wait}, "entry": {"S": record.entry}},
            UpdateExpression="SET execution = :other",
            ExpressionAttributeValues={":other": {"S": "another execution"}},
        )
    testbed.finish()


def joined(testbed: AnyTestbed) -> None:
    """Work began at a rebalance recommendation; the hook's event joins it in the middle."""
    (instance,) = testbed.group(TWO_STEPS)
    testbed.run_command.behave(Behaviour(duration=100))
    testbed.found(instance, StartReason.REBALANCE)
    testbed.run(40)
    testbed.autoscaling.terminate(instance)
    testbed.finish()


def joined_after_the_work(testbed: AnyTestbed) -> None:
    """Work that began at a Spot interruption warning is done before the hook's event comes."""
    (instance,) = testbed.group(TWO_STEPS)
    testbed.run_command.behave(Behaviour(duration=15))
    testbed.found(instance, StartReason.SPOT_INTERRUPTION, until=testbed.timeline.now() + 120)
    testbed.run(130)
    testbed.autoscaling.terminate(instance)
    testbed.finish()


def never_announced(testbed: AnyTestbed) -> None:
    """Work began at a Spot interruption warning, and the hook's event never came."""
    (instance,) = testbed.group({"steps": [DEREGISTER]})
    testbed.found(instance, StartReason.SPOT_INTERRUPTION, until=testbed.timeline.now() + 120)
    testbed.finish()


def drain_slot(testbed: AnyTestbed) -> None:
    """Two instances drain, one at a time; the second is nudged while it waits for its turn."""
    first, second = testbed.group({"steps": [COMMAND], "drains_per_group": 1}, capacity=2)
    testbed.run_command.behave(Behaviour(duration=60))
    testbed.autoscaling.terminate(first)
    testbed.run(5)
    testbed.autoscaling.terminate(second)
    testbed.run(10)
    waiting = next(record for record in testbed.deployment.records() if record.instance == second)
    testbed.deployment.send_message(waiting, Nudge())
    testbed.finish()


def handed_over(testbed: AnyTestbed) -> None:
    """A sender that does not stop uses the operations up; the callback that a function holds stays behind."""
    testbed.deployment.hand_over_at(60)
    testbed.functions.deploy("archive", lambda _: None)
    testbed.drain({"steps": [CALL_BACK, DEREGISTER]})
    testbed.run(5)
    (invoked,) = testbed.functions.events["archive"]
    before = testbed.record()
    while testbed.record().execution == before.execution:
        inbox = testbed.record().inbox
        testbed.deployment.send_message(testbed.record(), Nudge())
        while testbed.record().inbox == inbox:
            testbed.timeline.advance()
        before = testbed.record()
        testbed.run(5)
    testbed.deployment.send_message(before, Wake(by="an event that was sent to the inbox before"))
    testbed.run(90)
    testbed.deployment.service.callbacks.succeed(invoked["callback"], b"archived")
    testbed.finish()


SCENARIOS: dict[str, Callable[[AnyTestbed], None]] = {
    scenario.__name__.replace("_", "-"): scenario
    for scenario in (
        nothing_to_drain,
        two_steps,
        nudged,
        woken,
        skipped,
        finished_by_an_operator,
        bad_plan,
        plan_chosen_again,
        called_back,
        failed_step,
        on_hold,
        deadline,
        over,
        duplicate,
        ignored,
        invalid,
        found_by_the_sweep,
        taken_over,
        taken_away,
        joined,
        joined_after_the_work,
        never_announced,
        drain_slot,
        handed_over,
    )
}
"""By name, as the histories' files are called."""
