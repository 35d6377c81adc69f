"""What disturbs a run: late and lost events, faults, crashes, incidents and operators' messages."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from aws_durable_execution_sdk_python_testing.exceptions import AwsApiException
from botocore.exceptions import ClientError

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Extend, Finish, Hold, Nudge, Resume, Skip
from asg_lifecycle_simulator.campaign.history import FOREIGN_HOOK, GROUP, OUR_HOOK
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash, CrashPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle.model.messages import Message
    from asg_lifecycle_simulator.campaign.history import RunHistory
    from asg_lifecycle_simulator.campaign.scenario import Incident, InjectedFault, LambdaCrash, OperatorMessage
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

FAULT_OF = {
    "throttle": Fault(FaultKind.REFUSED, "Throttling", "Rate exceeded", 400),
    "contend": Fault(FaultKind.REFUSED, "ResourceContention", "You already have a pending update", 500),
    "server error": Fault(FaultKind.REFUSED, "InternalFailure", "An internal error occurred", 500),
    "request lost": Fault(FaultKind.REQUEST_LOST),
    "response lost": Fault(FaultKind.RESPONSE_LOST),
    "denied": Fault(FaultKind.REFUSED, "AccessDenied", "not authorized to perform this", 403),
}

MESSAGES: dict[str, Message | bytes] = {
    "finish CONTINUE": Finish(ActionResult.CONTINUE),
    "finish ABANDON": Finish(ActionResult.ABANDON),
    "skip": Skip(),
    "hold": Hold(),
    "resume": Resume(),
    "extend": Extend(seconds=300),
    "nudge": Nudge(),
    "garbage": b"{nothing of ours",
}

LATE = 5.0
"""Seconds after which an event counts as delivered late."""

PATIENCE = 600.0
"""Seconds for which an incident waits for an instance or execution that it can happen to."""


class Nemesis:
    """Disturbs a run as its scenario says, and records in the run's history what it did.

    Args:
        testbed: what the scenario runs on.
        history: the history of the run, which names the scenario.
    """

    def __init__(self, testbed: Testbed[Deployment], history: RunHistory) -> None:
        self._testbed = testbed
        self._timeline, self._region = testbed.timeline, testbed.region
        self._deployment = testbed.deployment
        self._history = history

    def arrange(self) -> None:
        """Set the timers of all disturbances; their times count from now."""
        scenario = self._history.scenario
        self._region.events.deliveries = self._deliveries(iter(scenario.deliveries))
        for fault in scenario.faults:
            self._at(fault.at, partial(self._begin_fault, fault))
        for crash in scenario.crashes:
            self._add_crash(crash)
        for incident in scenario.incidents:
            until = self._timeline.now() + incident.at + PATIENCE
            self._at(incident.at, partial(self._attempt, incident, until))
        for message in scenario.messages:
            self._at(message.at, partial(self._send, message))

    def complete_foreign_hooks(self, after: float) -> None:
        """Complete each action under the foreign hook, as its owner would, `after` seconds after it was found."""
        seen: set[str] = set()

        def complete(token: str) -> None:
            with self._region.unobserved(), contextlib.suppress(ClientError):
                self._region.client("autoscaling").complete_lifecycle_action(
                    AutoScalingGroupName=GROUP,
                    LifecycleHookName=FOREIGN_HOOK,
                    LifecycleActionToken=token,
                    LifecycleActionResult=self._history.scenario.foreign_result,
                )

        def poll() -> None:
            for entry in self._region.log.of(LogKind.WAIT_STARTED):
                if entry.hook == FOREIGN_HOOK and entry.token not in seen:
                    seen.add(entry.token)
                    self._at(after, partial(complete, entry.token))
            self._at(60.0, poll)

        self._at(1.0, poll)

    def _at(self, seconds: float, then: Callable[[], None]) -> None:
        self._timeline.call_after(seconds, then, name="campaign")

    def _deliveries(self, drawn: Iterator[tuple[float, ...]]) -> Callable[[object], tuple[float, ...]]:
        met = self._region.faults.met

        def deliveries(_: object) -> tuple[float, ...]:
            delays = next(drawn, (1.0,))
            if not delays:
                met["event lost"] += 1
            elif len(delays) > 1:
                met["event tripled"] += 1
            elif delays[0] > LATE:
                met["event late"] += 1
            return delays

        return deliveries

    def _begin_fault(self, injected: InjectedFault) -> None:
        faults, key, fault = self._region.faults, (injected.service, injected.operation), FAULT_OF[injected.kind]
        if injected.times:
            faults.put(*key, fault, times=injected.times)
        else:
            faults.stand(*key, fault)
            self._at(injected.lasting, lambda: faults.allow(*key))

    def _add_crash(self, crash: LambdaCrash) -> None:
        service = self._deployment.service
        if crash.at_call:
            service.call_crashes.append(CallCrash(invocation=crash.invocation, call=crash.number, after=crash.after))
        else:
            service.crash_points.append(
                CrashPoint(invocation=crash.invocation, checkpoint=crash.number, after=crash.after)
            )

    def _attempt(self, incident: Incident, until: float) -> None:
        """Let an incident happen; try again each second while there is nothing that it can happen to."""
        happen = {
            "redeployed": self._redeploy,
            "hook deleted": self._delete_hook,
            "instance gone": self._terminate_underneath,
            "execution stopped": self._stop_execution,
        }[incident.kind]
        if happen():
            self._region.faults.met[incident.kind] += 1
        elif self._timeline.now() < until:
            self._at(1.0, partial(self._attempt, incident, until))

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
        instance = next(iter(self._testbed.autoscaling.instances(GROUP)), None)
        if instance is None:
            return False
        self._history.gone_at.setdefault(instance, self._timeline.now())
        with self._region.unobserved():
            self._region.client("ec2").terminate_instances(InstanceIds=[instance])
        return True

    def _stop_execution(self) -> bool:
        running = [each for each in self._deployment.executions if not each.is_complete]
        if not running:
            return False
        self._history.stopped.add(running[0].arn)
        self._deployment.service.stop(running[0].arn)
        return True

    def _send(self, message: OperatorMessage) -> None:
        for record in self._deployment.records():
            if record.inbox is None or record.in_flight is None:
                continue
            with contextlib.suppress(AwsApiException):
                self._deployment.send_message(record, MESSAGES[message.what])
                self._history.said.append((self._timeline.now(), message.what, record.instance, record.hook))
                self._region.faults.met["operator's word"] += 1
            return
