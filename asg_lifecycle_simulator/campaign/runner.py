"""Runs one scenario in a simulated region, in virtual time, and keeps what the checker needs."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from asg_lifecycle.model.actions import Transition
from asg_lifecycle.settings import HAND_OVER_AT
from asg_lifecycle_simulator.campaign.history import (
    BYSTANDER_POOL,
    FOREIGN_HOOK,
    GROUP,
    OUR_HOOK,
    OUR_SECOND_HOOK,
    RunHistory,
)
from asg_lifecycle_simulator.campaign.kinds.base import BYSTANDER_GROUP
from asg_lifecycle_simulator.campaign.nemesis import Nemesis
from asg_lifecycle_simulator.campaign.scenario import SWEEP_EVERY, TRANSITIONS
from asg_lifecycle_simulator.campaign.world import World
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import Parameters
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.silence import without_logging
from asg_lifecycle_simulator.server.presets import instance_ids
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.campaign.scenario import Scenario

MOST_INSTANCES = 2000
"""More than a run ever launches."""

AFTERMATH = 700.0
"""Seconds that the run goes on after everything has ended: heartbeats after the end would show."""

MARGIN = 4000.0
"""Seconds after the last possible end of an action by which every execution must have ended."""


def run_scenario(scenario: Scenario) -> RunHistory:
    """Run `scenario` and return what happened."""
    output = io.StringIO()
    with without_logging(), contextlib.redirect_stdout(output):
        history = _ScenarioRunner(scenario).run()
    history.sampled = output.getvalue()
    return history


class _ScenarioRunner:
    def __init__(self, scenario: Scenario) -> None:
        parameters = Parameters(
            sweep_every=SWEEP_EVERY if scenario.sweep else None,
            drains_per_group=scenario.drains_per_group,
            signals=scenario.signals,
            hand_over_at=scenario.hand_over_at or HAND_OVER_AT,
        )
        self._scenario = scenario
        self._testbed = Testbed(partial(Deployment, parameters=parameters, chance=self._chance), seed=scenario.seed)
        self._timeline, self._region = self._testbed.timeline, self._testbed.region
        self._autoscaling = self._testbed.autoscaling
        self._deployment = self._testbed.deployment
        self._autoscaling.timings.not_yet = scenario.not_yet
        self._target_groups = self._testbed.target_groups
        self._run_command = self._testbed.run_command
        self._history = RunHistory(scenario=scenario, started_at=0.0)
        self._nemesis = Nemesis(self._testbed, self._history)
        self._world = World(self._testbed, self._history)
        self._arns: dict[str, str] = {}
        self._closed = False
        self._open_records: tuple[int, bool] | None = None
        """Whether a record is open, after so many writes."""

    def _chance(self) -> float:
        # Of the moment alone: branches ask for it from threads, in no order.
        digest = hashlib.sha256(f"{self._scenario.seed} {self._timeline.now()}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32

    def run(self) -> RunHistory:
        scenario, region, timeline = self._scenario, self._region, self._timeline
        # moto draws ids from a source that what it loads once in a process draws from, too.
        drawn = Random(scenario.seed)  # noqa: S311 - reproducible, no secrets
        ids = [f"i-{drawn.getrandbits(68):017x}" for _ in range(MOST_INSTANCES)]
        with self._testbed, instance_ids(ids):
            self._build()
            self._history.started_at = timeline.now()
            self._nemesis.arrange()
            self._begin()
            self._wait_until_quiet()
            self._history.log = list(region.log)
            self._history.records = [each for each in self._deployment.records() if each.entry == "current"]
            self._history.executions = self._deployment.executions
            self._history.commands = self._run_command.invocations()
            self._history.unfinished = sum(not each.is_complete for each in self._deployment.executions)
            self._history.faults = dict(region.faults.met)
            crashes = sum(run.crashed for each in self._deployment.executions for run in each.runs)
            for kind, count in (("Lambda died", crashes), ("refused too early", self._too_early())):
                self._history.faults |= {kind: count} if count else {}
        return self._history

    def _too_early(self) -> int:
        refused = self._region.log.of(LogKind.HEARTBEAT_REFUSED)
        begun = {entry.token: entry.time for entry in self._region.log.of(LogKind.WAIT_STARTED)}
        return sum(entry.time < begun.get(entry.token, 0.0) + self._scenario.not_yet for entry in refused)

    def _build(self) -> None:
        scenario, region = self._scenario, self._region
        for pool in scenario.pools:
            self._arns[pool.name] = self._testbed.target_group(pool.name, delay=pool.delay)
        self._arns[BYSTANDER_POOL] = self._testbed.target_group(BYSTANDER_POOL, delay=60)
        bystanders = self._autoscaling.create_group(BYSTANDER_GROUP, capacity=1)
        terminating = TRANSITIONS[scenario.move] is Transition.TERMINATING
        ready = scenario.instances if terminating else 0
        present = self._autoscaling.create_group(GROUP, capacity=ready, max_size=ready + 6)
        if scenario.move.startswith("pool"):
            with region.unobserved():
                region.client("autoscaling").put_warm_pool(
                    AutoScalingGroupName=GROUP,
                    MinSize=0,
                    MaxGroupPreparedCapacity=scenario.instances if terminating else 0,
                    InstanceReusePolicy={"ReuseOnScaleIn": True},
                )
        if scenario.retains:
            self._autoscaling.retain(GROUP, on_terminate_abandon=True)
        # What is there already, EC2 knows.
        self._testbed.late_instances.known_after = scenario.known_after
        self._world.arrange()
        self._put_hooks()
        for instance in present:
            self._settle(instance)
        for instance in bystanders:
            self._run_command.manage(instance)
            for arn in self._arns.values():
                self._testbed.register(arn, instance)
        behaviour = Behaviour(duration=scenario.duration, exit_code=scenario.exit_code, never_ends=scenario.never_ends)
        self._run_command.behave(behaviour)

    def _put_hooks(self) -> None:
        scenario, verb = self._scenario, TRANSITIONS[self._scenario.move].name
        timing: dict[str, str | int] = {
            "HeartbeatTimeout": scenario.heartbeat,
            "DefaultResult": scenario.default_result,
        }
        plan = {} if scenario.plan is None else {"NotificationMetadata": json.dumps({"plan": scenario.plan})}
        self._autoscaling.put_hook(GROUP, OUR_HOOK, verb, **timing, **plan)
        if scenario.second:
            self._autoscaling.put_hook(GROUP, OUR_SECOND_HOOK, verb, **timing, **plan)
        if scenario.foreign is not None:
            self._autoscaling.put_hook(GROUP, FOREIGN_HOOK, verb, HeartbeatTimeout=7200)

    def _settle(self, instance: str) -> None:
        """Put an instance into all target groups, and under Systems Manager."""
        pools = tuple(pool.name for pool in self._scenario.pools)
        for pool in pools:
            self._testbed.register(self._arns[pool], instance)
        self._history.registered[instance] = pools
        self._history.settled_at[instance] = self._timeline.now()
        ending = next((pool.connections for pool in self._scenario.pools if pool.connections is not None), None)
        if ending is not None:
            self._target_groups.connections_end_after(instance, ending)
        self._run_command.manage(instance)

    def _at(self, seconds: float, then: Callable[[], None]) -> None:
        self._timeline.call_after(seconds, then, name="campaign")

    def _begin(self) -> None:
        scenario = self._scenario
        for number in range(scenario.instances):
            self._at(number * scenario.apart, self._move(number))
        if scenario.foreign is not None:
            self._nemesis.complete_foreign_hooks(scenario.foreign)
        # What is abandoned on its way in is replaced, and replaced again, while there is demand.
        last = scenario.instances * scenario.apart + 1.0
        if scenario.move == "launch":
            self._at(last, lambda: self._autoscaling.scale(GROUP, 0))
        elif scenario.move.startswith("pool"):
            for number in range(60):
                self._at(last + 35.0 * number, self._end_a_loop)
            self._at(2100.0 + last, self._close_pool)

    def _move(self, number: int) -> Callable[[], None]:
        scenario, region = self._scenario, self._region

        def move() -> None:
            if self._closed:
                return
            members = self._autoscaling.instances(GROUP)
            match scenario.move:
                case "launch":
                    self._autoscaling.scale(GROUP, number + 1)
                    self._settle_new()
                case "pool":
                    with region.unobserved():
                        region.client("autoscaling").put_warm_pool(
                            AutoScalingGroupName=GROUP, MinSize=0, MaxGroupPreparedCapacity=number + 1
                        )
                    self._settle_new()
                    self._at(2000.0, lambda: None if self._closed else self._autoscaling.scale(GROUP, number + 1))
                case "pool-return":
                    in_service = [each for each in members if self._autoscaling.instance_state(each) == "InService"]
                    self._autoscaling.scale(GROUP, max(0, len(in_service) - 1))
                case "root-volume":
                    if number < len(members) and self._autoscaling.instance_state(members[number]) == "InService":
                        self._autoscaling.replace_root_volume(members[number])
                case _:
                    in_service = [each for each in members if self._autoscaling.instance_state(each) == "InService"]
                    if in_service:
                        self._autoscaling.terminate(in_service[0])

        return move

    def _end_a_loop(self) -> None:
        begun = [entry for entry in self._region.log.of(LogKind.WAIT_STARTED) if entry.hook == OUR_HOOK]
        if len(begun) > 2 * self._scenario.instances:
            self._close_pool()

    def _close_pool(self) -> None:
        self._closed = True
        with self._region.lock:
            self._autoscaling.engine.put_warm_pool(GROUP, None)
        self._autoscaling.scale(GROUP, 0)

    def _settle_new(self) -> None:
        for instance in self._autoscaling.instances(GROUP):
            # Without its hook an instance is stopped at once, and cannot be registered.
            is_running = self._autoscaling.instance_state(instance) != "Warmed:Stopped"
            if instance not in self._history.registered and instance not in self._history.gone_at and is_running:
                self._settle(instance)

    def _wait_until_quiet(self) -> None:
        """Let time pass until nothing of ours is under way, and a while longer."""
        scenario, timeline = self._scenario, self._timeline
        settled_after = timeline.now() + max(
            [
                2100.0 if scenario.move == "pool" else 0.0,
                *(fault.at for fault in scenario.faults),
                *(incident.at for incident in scenario.incidents),
                *(message.at for message in scenario.messages),
                *(delay for delays in scenario.deliveries for delay in delays),
                scenario.instances * scenario.apart,
            ]
        )
        limit = timeline.now() + 2 * scenario.overall + MARGIN
        quiet_since: float | None = None
        while timeline.now() < limit:
            busy = timeline.now() < settled_after or self._is_busy()
            if busy:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = timeline.now()
            elif timeline.now() >= quiet_since + AFTERMATH:
                return
            due = timeline.next_due()
            if due is None or (not busy and quiet_since is not None and due > quiet_since + AFTERMATH):
                return
            timeline.advance()

    def _is_busy(self) -> bool:
        if any(not execution.is_complete for execution in self._deployment.executions):
            return True
        if any(action.hook.name != FOREIGN_HOOK for action in self._autoscaling.actions.active):
            return True
        # What a stopped execution left is for the sweep to find.
        return self._scenario.sweep and self._has_open_records()

    def _has_open_records(self) -> bool:
        calls = self._region.calls
        written = sum(calls["dynamodb", operation] for operation in ("PutItem", "UpdateItem"))
        if self._open_records is None or self._open_records[0] != written:
            left = any(record.in_flight is not None for record in self._deployment.records())
            self._open_records = written, left
        return self._open_records[1]
