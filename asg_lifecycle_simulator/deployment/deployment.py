"""The application deployed in a simulated region: its table, its rule and its durable function, in virtual time."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import msgspec

from asg_lifecycle.composition.intake import compose_intake
from asg_lifecycle.composition.lifecycle_action import compose
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.messages import Message, encode
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.records import CURRENT, Record, wait_key
from asg_lifecycle.model.wake_events import READERS
from asg_lifecycle.settings import IntakeSettings, Settings
from asg_lifecycle.store.records import decode
from asg_lifecycle_simulator.deployment.parameters import SWEEP_EVERY, Parameters
from asg_lifecycle_simulator.deployment.queue_poller import QueuePoller
from asg_lifecycle_simulator.deployment.table import create_table
from asg_lifecycle_simulator.services.durable_executions.function import ALIAS
from asg_lifecycle_simulator.services.durable_executions.invocation_queue import InvocationQueue
from asg_lifecycle_simulator.services.durable_executions.requests import DurableRequests
from asg_lifecycle_simulator.services.durable_executions.service import DurableService
from asg_lifecycle_simulator.services.http_apis import network_of
from handlers import interruption, lifecycle_action, notification, signal_received, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from asg_lifecycle.execution.dependencies import Dependencies
    from asg_lifecycle.observer import Observer
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timeline import Timeline
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution

RETRIES = (60.0, 120.0)
"""Seconds until Lambda tries a failed asynchronous invocation again, and again."""

NOT_INVOKED = {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "not authorized to invoke", "RULE_ARN": "-"}
DETAIL_TYPES = frozenset({"EC2 Instance-launch Lifecycle Action", "EC2 Instance-terminate Lifecycle Action"})
FUNCTION = "lifecycle-action"
PLAN_PATH = "/asg-lifecycle/asg-lifecycle/plans"
WARNING = "EC2 Spot Instance Interruption Warning"
RECOMMENDATION = "EC2 Instance Rebalance Recommendation"
EARLY_DRAIN: dict[str, frozenset[str]] = {
    "off": frozenset(),
    "spot-interruptions": frozenset({WARNING}),
    "spot-interruptions-and-rebalance": frozenset({WARNING, RECOMMENDATION}),
}
"""What the rule of each value of `EarlyDrain` passes on."""


def without_jitter() -> float:
    """Return the chance that leaves every interval at its longest."""
    return 0.0


class Deployment:
    """What `sam deploy` would make, in a region that has been entered.

    Attributes:
        parameters: those of the template.
        service: the durable executions.
        requests: what Lambda answers about them.
        rule_fails: the rule cannot invoke the function: its events go to the rule's dead-letter queue.
        queues: URLs of the queues by name: `rule`, `function` and `notification-dead` for dead letters,
            `notification` for the hooks.
        topic: ARN of the topic for the hooks.
        sweeps: what each sweep answered.
        heard: what `signal_received` answered to each event.
        deleted: the stack has been deleted.
    """

    def __init__(
        self,
        region: Region,
        timeline: Timeline,
        parameters: Parameters | None = None,
        *,
        chance: Callable[[], float] = without_jitter,
    ) -> None:
        self.parameters = parameters or Parameters()
        self._region = region
        self._timeline = timeline
        self._chance = chance
        self._application = self._compose()
        self.service = DurableService(
            timeline,
            self._handler(self._application),
            function_name=FUNCTION,
            region=region.name,
            account=region.account,
            execution_timeout=self.parameters.execution_timeout,
        )
        self.service.on_failure = self._keep_failure
        self._invocations = InvocationQueue(region, self.service)
        self.requests = region.add(DurableRequests(region, self.service))
        self.intake = compose_intake(
            IntakeSettings(
                table=self.parameters.table,
                function=self.service.alias_arn,
                hook_name_prefix=self.parameters.prefix,
                sweep_interval=self.parameters.sweep_every or SWEEP_EVERY,
                metrics_by_group=self.parameters.metrics_by_group,
                action_events=self.parameters.action_events,
                action_topic=self.parameters.action_topic,
            ),
            clock=timeline.now,
            chance=chance,
            pause=region.pauses.sleep,
        )
        self.rule_fails = False
        self.queues: dict[str, str] = {}
        self.topic = ""
        self.sweeps: list[dict[str, Any]] = []
        self.heard: list[dict[str, Any]] = []
        self.deleted = False

    def _compose(self) -> Dependencies:
        settings = Settings(
            table=self.parameters.table,
            hook_name_prefix=self.parameters.prefix,
            record_retention=86_400.0,
            drains_per_group=self.parameters.drains_per_group,
            plan_path=PLAN_PATH,
            signals=self.parameters.signals,
            built_in_features=self.parameters.features,
            sweep_interval=self.parameters.sweep_every or SWEEP_EVERY,
            function=f"{FUNCTION}:{ALIAS}",
            hand_over_at=self.parameters.hand_over_at,
            action_events=self.parameters.action_events,
            action_topic=self.parameters.action_topic,
            metrics_by_group=self.parameters.metrics_by_group,
        )
        return compose(settings, clock=self._timeline.now, chance=self._chance, network=network_of(self._region))

    def _handler(self, application: Dependencies) -> Callable[..., Any]:
        return partial(lifecycle_action.handle, dependencies=application)

    def redeploy(self) -> None:
        """Publish a new version. Executions under way stay on theirs."""
        self._application = self._compose()
        self.service.redeploy(self._handler(self._application))

    def delete(self) -> None:
        """Delete the stack, not its table: nothing is passed on, nothing sweeps, no execution is invoked again."""
        self.deleted = True
        self.service.on_failure = lambda _: None
        for execution in self.executions:
            self.service.stop(execution.arn)

    def hand_over_at(self, operations: int) -> None:
        """Publish a version whose executions hand over at so many operations, so that no test needs thousands."""
        self.parameters = replace(self.parameters, hand_over_at=operations)
        self.redeploy()

    def open_queues(self, autoscaling: AutoScaling) -> None:
        """Make the dead-letter queues, and the queue and topic that hooks may notify, where there is no stack."""
        with self._region.unobserved():
            sqs, sns = self._region.client("sqs"), self._region.client("sns")
            for name in ("rule", "function", "notification", "notification-dead"):
                self.queues[name] = sqs.create_queue(QueueName=f"asg-lifecycle-{name}")["QueueUrl"]
            self.topic = sns.create_topic(Name="asg-lifecycle")["TopicArn"]
        self.take_notifications(autoscaling)

    def take_notifications(self, autoscaling: AutoScaling) -> None:
        """Start executions for what hooks put on the queue `notification` and on the topic."""
        with self._region.unobserved():
            self._region.client("sns").subscribe(
                TopicArn=self.topic, Protocol="sqs", Endpoint=self.queue_arn("notification")
            )
        poller = QueuePoller(
            self._region,
            queue=self.queues["notification"],
            dead_letters=self.queues["notification-dead"],
            handler=lambda event, _: notification.handle(event, self.intake),
        )
        autoscaling.on_notification = poller.sent

    def queue_arn(self, name: str) -> str:
        """Return the ARN of one of `queues`."""
        return f"arn:aws:sqs:{self._region.name}:{self._region.account}:{self.queues[name].rpartition('/')[2]}"

    def sweep(self) -> dict[str, Any]:
        """Sweep now, and return what the function answers."""
        answer = sweep.handle(self.intake)
        self.sweeps.append(answer)
        return answer

    def _sweep_and_again(self, every: float) -> None:
        if self.deleted:
            return
        self._invoke(self.sweep)
        self._timeline.call_after(every, lambda: self._sweep_and_again(every), name="sweep")

    def _invoke(self, function: Callable[[], object], delays: Sequence[float] = RETRIES) -> None:
        """Invoke a function asynchronously: what it raises is tried again."""
        try:
            function()
        except CallFailed:
            if delays:
                again = partial(self._invoke, function, delays[1:])
                self._timeline.call_after(delays[0], again, name="invocation retry")

    def _keep_failure(self, execution: SimulatedExecution) -> None:
        if "function" in self.queues:
            attributes = {"RequestID": execution.name, "ErrorCode": "200", "ErrorMessage": str(execution.error)}
            self._dead_letter("function", execution.payload, attributes)

    def _dead_letter(self, name: str, body: str, attributes: Mapping[str, str]) -> None:
        with self._region.unobserved():
            self._region.client("sqs").send_message(
                QueueUrl=self.queues[name],
                MessageBody=body,
                MessageAttributes={
                    key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()
                },
            )

    @property
    def observer(self) -> Observer:
        """The application's logs and metrics."""
        return self._application.observer

    def __enter__(self) -> Self:
        """Make the table and let the region's events start executions."""
        create_table(self._region, self.parameters.table)
        self._region.subscribe(self._deliver)
        if self.parameters.sweep_every is not None:
            every = self.parameters.sweep_every
            self._timeline.call_after(every, lambda: self._sweep_and_again(every), name="sweep")
        return self

    def __exit__(self, *_: object) -> None:
        """Leave; the region takes everything with it."""

    @property
    def executions(self) -> list[SimulatedExecution]:
        """The executions so far, in the order they were started."""
        return list(self.service.executions)

    def start(self, event: Mapping[str, Any]) -> SimulatedExecution:
        """Start an execution with `event`, as a direct asynchronous invocation would."""
        return self.service.start(event)

    def record(self, group: str, hook: str, instance: str) -> Record | None:
        """Return the current record of the instance's wait under the hook, None when there is none."""
        key = {"wait": {"S": wait_key(group, hook, instance)}, "entry": {"S": CURRENT}}
        with self._region.unobserved():
            item = (
                self._region.client("dynamodb")
                .get_item(TableName=self.parameters.table, Key=key, ConsistentRead=True)
                .get("Item")
            )
        return decode(item) if item else None

    def records(self) -> list[Record]:
        """Return all records."""
        with self._region.unobserved():
            items = self._region.client("dynamodb").scan(TableName=self.parameters.table, ConsistentRead=True)["Items"]
        # Turns and outages share the table.
        return [decode(item) for item in items if "status" in item]

    def put_plan(self, name: str, plan: object, transition: PlanTransition = PlanTransition.TERMINATE) -> None:
        """Keep a plan for hooks of `transition` in the plan store, as an operator would; text is kept as it is."""
        text = plan if isinstance(plan, str) else json.dumps(plan)
        with self._region.unobserved():
            self._region.client("ssm").put_parameter(
                Name=f"{PLAN_PATH}/{transition}/{name}", Value=text, Type="String", Overwrite=True
            )

    def send_message(self, record: Record, message: Message | bytes) -> None:
        """Send `message` to the inbox that `record` names, as an operator would."""
        payload = message if isinstance(message, bytes) else encode(message)
        if record.inbox is None:
            raise ValueError(f"the action of {record.instance} has no inbox: it is {record.status}")
        self.service.callbacks.succeed(record.inbox, payload)

    def _deliver(self, event: Mapping[str, Any]) -> None:
        # The rules of template.yaml; the hook's name is matched again by the code.
        if self.deleted:
            return
        if event["source"] == "aws.autoscaling" and event["detail-type"] in DETAIL_TYPES:
            plain = json.loads(msgspec.json.encode(event))
            if self.rule_fails:
                self._dead_letter("rule", json.dumps(plain), NOT_INVOKED)
            else:
                self._invocations.put(plain)
        elif event["source"] == "aws.ec2" and event["detail-type"] in EARLY_DRAIN[self.parameters.early_drain]:
            plain = json.loads(msgspec.json.encode(event))
            self._invoke(lambda: interruption.handle(plain, self.intake))
        elif self.parameters.signals and (event["source"], event["detail-type"]) in READERS:
            heard = json.loads(msgspec.json.encode(event))
            self._invoke(lambda: self.heard.append(signal_received.handle(heard, self.intake)))
