"""The plays whose histories are kept, each short, each for another way through an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish, Nudge, Skip
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import Start, StartReason, payload
from asg_lifecycle_simulator.replay.testbed import COMMAND, DEREGISTER, GROUP, HOOK, TWO_STEPS, PlayStage
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable

Play = PlayStage[Any]


def nothing_to_drain(stage: Play) -> None:
    """The plan has no steps."""
    stage.drain({"steps": []})
    stage.finish()


def two_steps(stage: Play) -> None:
    """A target group is left, then a command is run."""
    stage.drain(TWO_STEPS)
    stage.finish()


def nudged(stage: Play) -> None:
    """The target group is looked at again because somebody says so."""
    instance = stage.drain(TWO_STEPS)
    stage.run(3)
    stage.target_groups.connections_end_after(instance, 1)
    stage.run(2)
    stage.say(Nudge())
    stage.finish()


def woken(stage: Play) -> None:
    """The end of the command is heard of."""
    stage.hear("aws.ssm")
    stage.drain(TWO_STEPS, command=Behaviour(duration=60))
    stage.finish()


def skipped(stage: Play) -> None:
    """A command that does not end is skipped by an operator."""
    stage.drain(TWO_STEPS, command=Behaviour(never_ends=True))
    stage.run(40)
    stage.say(Skip())
    stage.finish()


def finished_by_an_operator(stage: Play) -> None:
    """An operator ends the action while a command runs."""
    stage.drain(TWO_STEPS, command=Behaviour(never_ends=True))
    stage.run(40)
    stage.say(Finish(ActionResult.CONTINUE, by="anna"))
    stage.finish()


def bad_plan(stage: Play) -> None:
    """The plan cannot be used: the action is held until an operator abandons it."""
    stage.drain({"steps": [{"kind": "no-such-step"}]})
    stage.run(200)
    stage.say(Finish(ActionResult.ABANDON))
    stage.finish()


def failed_step(stage: Play) -> None:
    """A step fails and holds the action; a nudge begins it again, an operator skips it."""
    stage.drain({"steps": [COMMAND]}, command=Behaviour(duration=5, exit_code=1))
    stage.run(60)
    stage.say(Nudge())
    stage.run(60)
    stage.say(Skip())
    stage.finish()


def deadline(stage: Play) -> None:
    """The command outlasts the wait: the plan's `on_timeout` decides."""
    slow = {"steps": [{**COMMAND, "options": {"document": "wait"}}], "on_timeout": "continue"}
    stage.drain(slow, heartbeat=30, command=Behaviour(never_ends=True))
    stage.finish()


def over(stage: Play) -> None:
    """Somebody else completes the action while the work is going on."""
    instance = stage.drain(TWO_STEPS, command=Behaviour(never_ends=True))
    stage.run(60)
    with stage.region.unobserved():
        stage.region.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName=GROUP, LifecycleHookName=HOOK, InstanceId=instance, LifecycleActionResult="CONTINUE"
        )
    stage.finish()


def duplicate(stage: Play) -> None:
    """The event is delivered twice."""
    stage.region.events.deliveries = lambda _: (1.0, 2.0)
    stage.drain({"steps": [DEREGISTER]})
    stage.finish()


def ignored(stage: Play) -> None:
    """The hook is not ours."""
    (instance,) = stage.group({}, hook="somebody-elses")
    stage.region.terminate(instance)
    stage.finish()


def invalid(stage: Play) -> None:
    """The payload cannot be understood."""
    stage.deployment.start({"source": "asg-lifecycle", "start": {}})
    stage.finish()


def found_by_the_sweep(stage: Play) -> None:
    """The event was lost, and the sweep found the instance waiting."""
    stage.region.events.deliveries = lambda _: ()
    instance = stage.drain(TWO_STEPS)
    stage.run(60)
    stage.found(instance, StartReason.SWEEP)
    stage.finish()


def taken_over(stage: Play) -> None:
    """The execution was stopped while a command ran, and another one goes on."""
    stage.drain(TWO_STEPS, command=Behaviour(duration=100))
    stage.run(40)
    dead = stage.record().execution
    stage.deployment.service.stop(dead)
    start = Start(reason=StartReason.TAKEOVER, action=action_of(stage.record()), takes_over=dead)
    stage.deployment.start(payload(start))
    stage.finish()


def taken_away(stage: Play) -> None:
    """The record was given to another execution: this one completes nothing."""
    stage.drain(TWO_STEPS, command=Behaviour(duration=100))
    stage.run(40)
    record = stage.record()
    with stage.region.unobserved():
        stage.region.client("dynamodb").update_item(
            TableName="asg-lifecycle",
            Key={"wait": {"S": record.wait}, "entry": {"S": record.entry}},
            UpdateExpression="SET execution = :other",
            ExpressionAttributeValues={":other": {"S": "another execution"}},
        )
    stage.finish()


def joined(stage: Play) -> None:
    """Work began at a rebalance recommendation; the hook's event joins it in the middle."""
    (instance,) = stage.group(TWO_STEPS)
    stage.run_command.behave(Behaviour(duration=100))
    stage.found(instance, StartReason.REBALANCE)
    stage.run(40)
    stage.region.terminate(instance)
    stage.finish()


def joined_after_the_work(stage: Play) -> None:
    """Work that began at a Spot interruption warning is done before the hook's event comes."""
    (instance,) = stage.group(TWO_STEPS)
    stage.run_command.behave(Behaviour(duration=15))
    stage.found(instance, StartReason.SPOT_INTERRUPTION, until=stage.timeline.now() + 120)
    stage.run(130)
    stage.region.terminate(instance)
    stage.finish()


def never_announced(stage: Play) -> None:
    """Work began at a Spot interruption warning, and the hook's event never came."""
    (instance,) = stage.group({"steps": [DEREGISTER]})
    stage.found(instance, StartReason.SPOT_INTERRUPTION, until=stage.timeline.now() + 120)
    stage.finish()


def turn(stage: Play) -> None:
    """Two instances drain, one at a time; the second is nudged while it waits for its turn."""
    first, second = stage.group({"steps": [COMMAND], "drains_per_group": 1}, capacity=2)
    stage.run_command.behave(Behaviour(duration=60))
    stage.region.terminate(first)
    stage.run(5)
    stage.region.terminate(second)
    stage.run(10)
    waiting = next(record for record in stage.deployment.records() if record.instance == second)
    stage.deployment.say(waiting, Nudge())
    stage.finish()


PLAYS: dict[str, Callable[[Play], None]] = {
    play.__name__.replace("_", "-"): play
    for play in (
        nothing_to_drain,
        two_steps,
        nudged,
        woken,
        skipped,
        finished_by_an_operator,
        bad_plan,
        failed_step,
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
        turn,
    )
}
"""By name, as the histories' files are called."""
