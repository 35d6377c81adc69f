"""Plays one scenario in a simulated region, in virtual time, and keeps what the judges need."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from aws_durable_execution_sdk_python_testing.exceptions import AwsApiException
from botocore.exceptions import ClientError

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish, Nudge, Skip
from asg_lifecycle_simulator.campaign.scenario import SWEEP_EVERY
from asg_lifecycle_simulator.deployment.deployment import Deployment, Parameters
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.silence import without_logging
from asg_lifecycle_simulator.server.presets import instance_ids
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash, CrashPoint
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.model.messages import Message
    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.campaign.scenario import Incident, InjectedFault, OperatorMessage, Scenario
    from asg_lifecycle_simulator.region.log import LogEntry
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
    from asg_lifecycle_simulator.services.run_command.model import Invocation

GROUP = "web"
OUR_HOOK = "asg-lifecycle-main"
OUR_SECOND_HOOK = "asg-lifecycle-second"
FOREIGN_HOOK = "somebody-elses"
BYSTANDER_GROUP = "bystanders"
BYSTANDER_POOL = "bystanders"

TRANSITIONS = {
    "terminate": "TERMINATING",
    "launch": "LAUNCHING",
    "pool-return": "TERMINATING",
    "pool": "LAUNCHING",
    "root-volume": "TERMINATING",
}

FAULT = {
    "throttle": Fault(FaultKind.REFUSED, "Throttling", "Rate exceeded", 400),
    "contend": Fault(FaultKind.REFUSED, "ResourceContention", "You already have a pending update", 500),
    "server error": Fault(FaultKind.REFUSED, "InternalFailure", "An internal error occurred", 500),
    "request lost": Fault(FaultKind.REQUEST_LOST),
    "response lost": Fault(FaultKind.RESPONSE_LOST),
    "denied": Fault(FaultKind.REFUSED, "AccessDenied", "not authorized to perform this", 403),
}

MOST_INSTANCES = 2000
"""More than a run ever launches."""

AFTERMATH = 700.0
"""Seconds that are history after everything has ended: beats after the end would show."""

PATIENCE = 600.0
"""Seconds for which an incident waits for somebody whom it can happen to."""

MARGIN = 4000.0
"""Seconds after the last possible end of an action by which every execution must have ended."""


@dataclass(kw_only=True)
class RunHistory:
    """What happened in one run.

    Attributes:
        scenario: what was history.
        started_at: when, seconds since the epoch.
        log: the region's own log.
        records: the current record of each wait.
        executions: all executions.
        commands: how each command went on each instance.
        registered: target group names, by instance, in which it was put.
        settled_at: when that was, and it came under Systems Manager.
        gone_at: when EC2 terminated an instance underneath, by instance.
        said: what an operator said to which instance and hook, and when.
        sampled: the metrics that were written, as text.
        faults: faults that were met, by kind.
        stopped: ARNs of executions that were stopped from outside.
        unfinished: executions still running at the end.
    """

    scenario: Scenario
    started_at: float
    log: list[LogEntry] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    executions: list[SimulatedExecution] = field(default_factory=list)
    commands: list[Invocation] = field(default_factory=list)
    registered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settled_at: dict[str, float] = field(default_factory=dict)
    gone_at: dict[str, float] = field(default_factory=dict)
    said: list[tuple[float, str, str, str]] = field(default_factory=list)
    sampled: str = ""
    faults: dict[str, int] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    unfinished: int = 0


def run_scenario(scenario: Scenario) -> RunHistory:
    """Play `scenario` and return what happened."""
    output = io.StringIO()
    with without_logging(), contextlib.redirect_stdout(output):
        history = _ScenarioRunner(scenario).run_scenario()
    history.sampled = output.getvalue()
    return history


class _ScenarioRunner:
    def __init__(self, scenario: Scenario) -> None:
        parameters = Parameters(
            sweep_every=SWEEP_EVERY if scenario.sweep else None,
            drains_per_group=scenario.drains_per_group,
            signals=scenario.signals,
        )
        self._scenario = scenario
        self._testbed = Testbed(partial(Deployment, parameters=parameters, chance=self._chance), seed=scenario.seed)
        self._timeline, self._region = self._testbed.timeline, self._testbed.region
        self._autoscaling = self._testbed.autoscaling
        self._deployment = self._testbed.deployment
        self._autoscaling.timings.not_yet = scenario.not_yet
        self._target_groups = self._testbed.target_groups
        self._run_command = self._testbed.run_command
        self._played = RunHistory(scenario=scenario, started_at=0.0)
        self._arns: dict[str, str] = {}
        self._closed = False
        self._open_records: tuple[int, bool] | None = None
        """Whether a record is open, after so many writes."""

    def _chance(self) -> float:
        # Of the moment alone: branches ask for it from threads, in no order.
        digest = hashlib.sha256(f"{self._scenario.seed} {self._timeline.now()}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32

    def run_scenario(self) -> RunHistory:
        scenario, region, timeline = self._scenario, self._region, self._timeline
        # moto draws ids from a source that what it loads once in a process draws from, too.
        drawn = Random(scenario.seed)  # noqa: S311 - reproducible, no secrets
        ids = [f"i-{drawn.getrandbits(68):017x}" for _ in range(MOST_INSTANCES)]
        with self._testbed, instance_ids(ids):
            self._build()
            self._played.started_at = timeline.now()
            self._arrange()
            self._begin()
            self._run()
            self._played.log = list(region.log)
            self._played.records = [each for each in self._deployment.records() if each.entry == "current"]
            self._played.executions = self._deployment.executions
            self._played.commands = self._run_command.invocations()
            self._played.unfinished = sum(not each.is_complete for each in self._deployment.executions)
            self._played.faults = dict(region.faults.met)
            deaths = sum(run.crashed for each in self._deployment.executions for run in each.runs)
            for kind, count in (("Lambda died", deaths), ("refused too early", self._too_early())):
                self._played.faults |= {kind: count} if count else {}
        return self._played

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
        terminating = TRANSITIONS[scenario.move] == "TERMINATING"
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
        scenario, verb = self._scenario, TRANSITIONS[self._scenario.move]
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
        self._played.registered[instance] = pools
        self._played.settled_at[instance] = self._timeline.now()
        ending = next((pool.connections for pool in self._scenario.pools if pool.connections is not None), None)
        if ending is not None:
            self._target_groups.connections_end_after(instance, ending)
        self._run_command.manage(instance)

    def _arrange(self) -> None:
        scenario = self._scenario
        fates = iter(scenario.deliveries)
        counted = self._region.faults.met

        def deliveries(_: object) -> tuple[float, ...]:
            fate = next(fates, (1.0,))
            kind = {0: "event lost", 1: "event late" if fate and fate[0] > 5.0 else ""}.get(len(fate), "event tripled")  # noqa: PLR2004 - later than usual
            if kind:
                counted[kind] += 1
            return fate

        self._region.events.deliveries = deliveries
        for trouble in scenario.troubles:
            self._at(trouble.at, self._trouble(trouble))
        for death in scenario.deaths:
            service = self._deployment.service
            if death.at_call:
                service.call_crashes.append(
                    CallCrash(invocation=death.invocation, call=death.number, after=death.after)
                )
            else:
                service.crash_points.append(
                    CrashPoint(invocation=death.invocation, checkpoint=death.number, after=death.after)
                )
        for incident in scenario.incidents:
            self._at(incident.at, self._incident(incident))
        for word in scenario.words:
            self._at(word.at, self._word(word))

    def _at(self, seconds: float, then: Callable[[], None]) -> None:
        self._timeline.call_after(seconds, then, name="campaign")

    def _trouble(self, trouble: InjectedFault) -> Callable[[], None]:
        faults, key, fault = self._region.faults, (trouble.service, trouble.operation), FAULT[trouble.kind]

        def begin() -> None:
            if trouble.times:
                faults.put(*key, fault, times=trouble.times)
            else:
                faults.stand(*key, fault)
                self._at(trouble.lasting, lambda: faults.allow(*key))

        return begin

    def _incident(self, incident: Incident) -> Callable[[], None]:
        happen = {
            "redeployed": self._redeploy,
            "hook deleted": self._delete_hook,
            "instance gone": self._terminate_underneath,
            "execution stopped": self._stop_execution,
        }[incident.kind]
        until = self._timeline.now() + incident.at + PATIENCE

        def attempt() -> None:
            if happen():
                self._region.faults.met[incident.kind] += 1
            elif self._timeline.now() < until:
                self._at(1.0, attempt)

        return attempt

    def _redeploy(self) -> bool:
        self._deployment.redeploy()
        return True

    def _delete_hook(self) -> bool:
        with self._region.unobserved(), contextlib.suppress(ClientError):
            self._region.client("autoscaling").delete_lifecycle_hook(
                AutoScalingGroupName=GROUP, LifecycleHookName=OUR_HOOK
            )
        return True

    def _terminate_underneath(self) -> bool:
        instance = next(iter(self._instances()), None)
        if instance is None:
            return False
        self._played.gone_at.setdefault(instance, self._timeline.now())
        with self._region.unobserved():
            self._region.client("ec2").terminate_instances(InstanceIds=[instance])
        return True

    def _stop_execution(self) -> bool:
        running = [each for each in self._deployment.executions if not each.is_complete]
        if not running:
            return False
        self._played.stopped.add(running[0].arn)
        self._deployment.service.stop(running[0].arn)
        return True

    def _word(self, word: OperatorMessage) -> Callable[[], None]:
        messages: dict[str, Message | bytes] = {
            "finish CONTINUE": Finish(ActionResult.CONTINUE),
            "finish ABANDON": Finish(ActionResult.ABANDON),
            "skip": Skip(),
            "nudge": Nudge(),
            "garbage": b"{nothing of ours",
        }

        def send_message() -> None:
            for record in self._deployment.records():
                if record.inbox is None or record.in_flight is None:
                    continue
                with contextlib.suppress(AwsApiException):
                    self._deployment.send_message(record, messages[word.what])
                    now = self._timeline.now()
                    self._played.said.append((now, word.what, record.instance, record.hook))
                    self._region.faults.met["operator's word"] += 1
                return

        return send_message

    def _instances(self) -> list[str]:
        return self._autoscaling.instances(GROUP)

    def _begin(self) -> None:
        scenario = self._scenario
        for number in range(scenario.instances):
            self._at(number * scenario.apart, self._move(number))
        if scenario.foreign is not None:
            self._watch_foreign(scenario.foreign)
        # What is abandoned on its way in is replaced, and replaced again, while there is demand.
        last = scenario.instances * scenario.apart + 1.0
        if scenario.move == "launch":
            self._at(last, lambda: self._autoscaling.scale(GROUP, 0))
        elif scenario.move.startswith("pool"):
            for look in range(60):
                self._at(last + 35.0 * look, self._end_a_loop)
            self._at(2100.0 + last, self._close_pool)

    def _move(self, number: int) -> Callable[[], None]:
        scenario, region = self._scenario, self._region

        def move() -> None:
            if self._closed:
                return
            members = self._instances()
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
        for instance in self._instances():
            # Without its hook an instance is stopped at once, and cannot be registered.
            is_running = self._autoscaling.instance_state(instance) != "Warmed:Stopped"
            if instance not in self._played.registered and instance not in self._played.gone_at and is_running:
                self._settle(instance)

    def _watch_foreign(self, after: float) -> None:
        def complete(entry: LogEntry) -> Callable[[], None]:
            def end() -> None:
                with self._region.unobserved(), contextlib.suppress(ClientError):
                    self._region.client("autoscaling").complete_lifecycle_action(
                        AutoScalingGroupName=GROUP,
                        LifecycleHookName=FOREIGN_HOOK,
                        LifecycleActionToken=entry.token,
                        LifecycleActionResult=self._scenario.foreign_result,
                    )

            return end

        seen: set[str] = set()

        def look() -> None:
            for entry in self._region.log.of(LogKind.WAIT_STARTED):
                if entry.hook == FOREIGN_HOOK and entry.token not in seen:
                    seen.add(entry.token)
                    self._at(after, complete(entry))
            self._at(60.0, look)

        self._at(1.0, look)

    def _run(self) -> None:
        """Let time pass until nothing of ours is under way, and a while longer."""
        scenario, timeline = self._scenario, self._timeline
        settled_after = timeline.now() + max(
            [
                2100.0 if scenario.move == "pool" else 0.0,
                *(trouble.at for trouble in scenario.troubles),
                *(incident.at for incident in scenario.incidents),
                *(word.at for word in scenario.words),
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
