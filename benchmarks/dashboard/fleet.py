"""A simulated fleet at work for some hours, with what goes wrong on a bad day, and the metrics and lines it leaves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish
from asg_lifecycle.model.records import Status
from asg_lifecycle_simulator.deployment.deployment import FUNCTION, Deployment
from asg_lifecycle_simulator.deployment.parameters import TABLE, Parameters
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.deployment.written_lines import WrittenLines
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from benchmarks.dashboard.metric_data import MetricData

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.kubernetes.cluster import Cluster

HOUR = 3600.0
HOOK = "asg-lifecycle-terminate"
SWEEP_EVERY = 300.0
WRITES = frozenset({"DeleteItem", "PutItem", "UpdateItem"})
BUSY_MILLISECONDS = 90.0
"""How long an invocation is taken to be busy."""
COMMAND = {"document": "AWS-RunShellScript", "parameters": {"commands": ["systemctl stop worker"]}}
DOWN = Fault(FaultKind.REFUSED, "InternalFailure", "InternalFailure", 500)

PLANS: dict[str, dict[str, Any]] = {
    "web": {"steps": [{"kind": "deregister-targets", "options": {"names": ["web"]}}]},
    "checkout": {
        "drains_per_group": 2,
        "steps": [{"kind": "deregister-targets", "options": {"names": ["checkout"]}}],
    },
    "workers": {"steps": [{"kind": "run-command", "options": COMMAND}]},
    "render": {"on_failure": "abandon", "steps": [{"kind": "run-command", "options": COMMAND}]},
    "database": {"steps": [{"kind": "drain-kubernetes", "options": {"cluster": "production"}}]},
}
"""The plan of each group."""

EACH_HOUR = {"web": 6, "checkout": 4, "workers": 5, "render": 2, "database": 1}
"""How many instances of each group terminate in an hour."""


@dataclass(kw_only=True)
class Day:
    """What a fleet leaves behind.

    Attributes:
        began: virtual seconds.
        ended: likewise.
        metrics: what CloudWatch holds.
        log: the log lines, with `@timestamp` in virtual seconds.
    """

    began: float
    ended: float
    metrics: MetricData = field(default_factory=MetricData)
    log: list[dict[str, Any]] = field(default_factory=list)


def play(*, hours: float = 12.0, seed: int = 1, by_group: bool = False) -> Day:
    """Run the fleet and return what it leaves behind.

    Args:
        hours: virtual hours.
        seed: of what happens when.
        by_group: the stack's parameter `MetricsByGroup`.
    """
    random = Random(seed)  # noqa: S311 - a play, no secret
    parameters = Parameters(sweep_every=SWEEP_EVERY, metrics_by_group=by_group)
    deploy = partial(Deployment, parameters=parameters, chance=random.random)
    with Testbed(deploy, seed=seed) as testbed:
        lines = WrittenLines(testbed.timeline)
        began = testbed.timeline.now()
        # On AWS the other functions have environments of their own, and with them keys of their own.
        testbed.deployment.intake.observer.logger = Logger(service="asg-lifecycle-intake")
        with lines.of(testbed.deployment.observer.logger, testbed.deployment.intake.observer.logger):
            _Fleet(testbed, random, hours * HOUR).arrange()
            testbed.run(hours * HOUR)
        day = Day(began=began, ended=testbed.timeline.now(), log=lines.log)
        day.metrics.add(lines.metrics)
        _put_metrics_of_aws(testbed, day.metrics)
    return day


class _Fleet:
    """Arranges what happens to the fleet."""

    def __init__(self, testbed: Testbed[Deployment], random: Random, seconds: float) -> None:
        self._testbed = testbed
        self._random = random
        self._seconds = seconds
        self._began = testbed.timeline.now()

    def arrange(self) -> None:
        cluster = self._testbed.kubernetes.cluster()
        for group, plan in PLANS.items():
            count = max(2, int(EACH_HOUR[group] * self._seconds / HOUR))
            instances = self._testbed.autoscaling.create_group(group, capacity=count)
            metadata = json.dumps({"plan": plan})
            self._testbed.autoscaling.put_hook(
                group, HOOK, "TERMINATING", HeartbeatTimeout=600, NotificationMetadata=metadata
            )
            self._prepare(group, instances, cluster)
            for instance in instances:
                self._later(self._random.random() * self._seconds * 0.9, "termination", self._terminates(instance))
        self._arrange_trouble()
        for hour in range(1, int(self._seconds / HOUR) + 1):
            self._later(hour * HOUR - 900, "operator", self._finish_held)

    def _prepare(self, group: str, instances: list[str], cluster: Cluster) -> None:
        if group in {"web", "checkout"}:
            self._testbed.target_group(group, *instances, delay=300 if group == "web" else 120)
        for number, instance in enumerate(instances):
            if group == "database":
                app = f"database-{number}"
                cluster.run(cluster.join(instance), app, takes=60)
                budget = cluster.budget(app, app, min_available=1)
                self._later((number + 1) * HOUR * 1.5, "budget", partial(setattr, budget, "min_available", 0))
            if group in {"workers", "render"}:
                self._testbed.run_command.manage(instance)
                fails = self._random.random() < (0.4 if group == "render" else 0.15)
                runs = self._random.uniform(300, 2700)
                behaviour = Behaviour(duration=runs, exit_code=int(fails))
                self._testbed.run_command.behave(behaviour, instance=instance)

    def _arrange_trouble(self) -> None:
        """Let a permission be missing for a while, Auto Scaling be down for minutes, and some events get lost."""
        faults, at = self._testbed.region.faults, self._seconds
        self._later(0.35 * at, "fault", lambda: faults.deny("elbv2", "DeregisterTargets"))
        self._later(0.41 * at, "fault", lambda: faults.allow("elbv2", "DeregisterTargets"))
        self._later(0.5 * at, "fault", lambda: faults.stand("ssm", "SendCommand", DOWN))
        self._later(0.55 * at, "fault", lambda: faults.allow("ssm", "SendCommand"))
        heartbeat = "RecordLifecycleActionHeartbeat"
        self._later(0.62 * at, "fault", lambda: faults.stand("autoscaling", heartbeat, DOWN))
        self._later(0.62 * at + 400, "fault", lambda: faults.allow("autoscaling", heartbeat))
        events = self._testbed.region.events
        self._later(0.75 * at, "fault", lambda: setattr(events, "deliveries", lambda _: ()))
        self._later(0.79 * at, "fault", lambda: setattr(events, "deliveries", lambda _: (1.0,)))

    def _terminates(self, instance: str) -> Any:  # noqa: ANN401 - a callback
        return lambda: self._testbed.autoscaling.terminate(instance)

    def _finish_held(self) -> None:
        held = [record for record in self._testbed.deployment.records() if record.status is Status.HELD]
        # Three wait for the next hour.
        for record in held[:-3]:
            self._testbed.deployment.send_message(record, Finish(ActionResult.CONTINUE, by="anna: stopped by hand"))

    def _later(self, seconds: float, name: str, callback: Any) -> None:  # noqa: ANN401 - a callback
        self._testbed.timeline.call_at(self._began + seconds, callback, name=name)


def _put_metrics_of_aws(testbed: Testbed[Deployment], data: MetricData) -> None:
    """Keep what Lambda and DynamoDB would have written of themselves."""
    invoked = [run.started_at for execution in testbed.deployment.executions for run in execution.runs]
    swept = [testbed.timeline.now() - number * SWEEP_EVERY for number in range(len(testbed.deployment.sweeps))]
    for function, times in ((FUNCTION, invoked), ("sweep", swept)):
        for time in times:
            data.put("AWS/Lambda", "Invocations", ("FunctionName", function), time, 1)
            data.put("AWS/Lambda", "Duration", ("FunctionName", function), time, BUSY_MILLISECONDS)
            data.put("AWS/Lambda", "Errors", ("FunctionName", function), time, 0)
            data.put("AWS/Lambda", "Throttles", ("FunctionName", function), time, 0)
    for call in testbed.region.requests:
        if call.service == "dynamodb":
            kind = "ConsumedWriteCapacityUnits" if call.operation in WRITES else "ConsumedReadCapacityUnits"
            data.put("AWS/DynamoDB", kind, ("TableName", TABLE), call.time, 1)
