"""Keeps signals for the actions they are meant for, and wakes the executions whose wait an event may end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.ecs import ContainerInstance
from asg_lifecycle.model.events import Ignore, Invalid
from asg_lifecycle.model.messages import Wake, encode
from asg_lifecycle.model.signal_words import asks_for_word, proves
from asg_lifecycle.model.signals import (
    DRAINED,
    REGISTERED,
    Signal,
    automation_ended,
    command_ended,
    execution_ended,
    signal_came,
)
from asg_lifecycle.model.wake_events import (
    AutomationEnded,
    CommandEnded,
    ContainerInstanceChanged,
    ExecutionEnded,
    SignalSent,
    TaskStopped,
    happening,
)
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asg_lifecycle.aws.automations import Automations
    from asg_lifecycle.aws.container_instances import ContainerInstances
    from asg_lifecycle.aws.executions import Executions
    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.model.records import Record
    from asg_lifecycle.observer import Observer
    from asg_lifecycle.store.record_queries import RecordQueries
    from asg_lifecycle.store.signals import Signals


class SignalIntake:
    """Wakes executions, each only for an event that can end its wait: every wake-up costs durable operations."""

    def __init__(  # noqa: PLR0913 - each part by its name
        self,
        *,
        records: RecordQueries,
        signals: Signals,
        executions: Executions,
        instances: Instances,
        container_instances: ContainerInstances,
        automations: Automations,
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        self._records = records
        self._signals = signals
        self._executions = executions
        self._instances = instances
        self._container_instances = container_instances
        self._automations = automations
        self._observer = observer
        self._clock = clock

    def receive(self, event: object) -> dict[str, Any]:
        """Return what became of one event: JSON values.

        Raises:
            CallFailed: the records could not be read, or an execution could not be woken. Lambda tries the event again.
        """
        match happening(event):
            case Ignore(reason):
                return {"outcome": "ignored", "reason": reason}
            case Invalid(reason):
                self._observer.count(Metric.INVALID)
                self._observer.error(f"invalid event, a retry cannot help: {reason}")
                return {"outcome": "invalid", "reason": reason}
            case SignalSent() as sent:
                return self._signal(sent)
            case TaskStopped() as stopped:
                return self._task_stopped(stopped)
            case ContainerInstanceChanged() as changed:
                return self._container_instance_changed(changed)
            case CommandEnded() | AutomationEnded() | ExecutionEnded() as ended:
                return self._ended(ended)

    def _signal(self, sent: SignalSent) -> dict[str, Any]:
        described = f"signal {sent.name} of instance {sent.instance}"
        records = [it for it in self._records.of_instance(sent.instance) if sent.hook in {None, it.hook}]
        proved = bool(records) and self._is_proved(sent)
        signal = Signal(name=sent.name, succeeded=sent.succeeded, message=sent.message, at=self._clock(), proved=proved)
        refused = _refusal(sent, records, proved=proved)
        if refused is not None:
            self._observer.count(Metric.SIGNAL_REFUSED)
            self._observer.warning(f"{described} was dropped: {refused}")
            return {"outcome": "dropped", "reason": refused}
        kept = [record for it in records if (record := self._signals.keep(it, signal)) is not None]
        if not kept:
            where = f" under hook {sent.hook}" if sent.hook is not None else ""
            reason = f"no action of it is in flight{where}" if not records else "its action keeps no more signals"
            self._observer.info(f"{described} was dropped: {reason}")
            return {"outcome": "dropped", "reason": reason}
        self._observer.info(f"{described} was kept: {sent.message}" if sent.message else f"{described} was kept")
        waiting = [record for record in kept if signal_came(sent.name) in record.wake_on]
        return self._wake(waiting, f"{described} has come") | {"kept": [record.hook for record in kept]}

    def _is_proved(self, sent: SignalSent) -> bool:
        if sent.word_digest is None:
            return False
        return proves(sent.word_digest, sent.name, self._instances.tags(sent.instance))

    def _task_stopped(self, stopped: TaskStopped) -> dict[str, Any]:
        instance = self._container_instances.instance_of(stopped.container_instance, cluster=stopped.cluster)
        records = self._waiting(instance, DRAINED) if instance is not None else []
        return self._wake_if_drained(records, cluster=stopped.cluster, arn=stopped.container_instance)

    def _container_instance_changed(self, changed: ContainerInstanceChanged) -> dict[str, Any]:
        if changed.status == "ACTIVE" and changed.connected:
            cause = f"container instance {changed.container_instance} is ACTIVE"
            return self._wake(self._waiting(changed.instance, REGISTERED), cause)
        records = self._waiting(changed.instance, DRAINED) if changed.is_idle else []
        return self._wake_if_drained(records, cluster=changed.cluster, arn=changed.container_instance)

    def _ended(self, ended: CommandEnded | AutomationEnded | ExecutionEnded) -> dict[str, Any]:
        match ended:
            case CommandEnded(instance=instance, command=command):
                return self._wake_for(instance, command_ended(command), f"command {command} ended {ended.status}")
            case ExecutionEnded(instance=instance, name=name):
                return self._wake_for(instance, execution_ended(name), f"execution {name} ended {ended.status}")
            case AutomationEnded(execution=execution):
                instance_of_it = self._automations.instance_of(execution)
                cause = f"automation {execution} ended {ended.status}"
                return self._wake_for(instance_of_it, automation_ended(execution), cause)

    def _wake_for(self, instance: str | None, wake_event: str, cause: str) -> dict[str, Any]:
        return self._wake(self._waiting(instance, wake_event) if instance is not None else [], cause)

    def _wake_if_drained(self, records: list[Record], *, cluster: str, arn: str) -> dict[str, Any]:
        # A task that was told to stop is counted as neither running nor pending, long before it has stopped.
        container_instance = ContainerInstance(arn=arn, cluster=cluster, status="DRAINING")
        if records and (left := self._container_instances.tasks(container_instance)):
            return {"outcome": "left", "reason": f"{len(left)} tasks are left"}
        return self._wake(records, f"the last task on container instance {container_instance.name} has stopped")

    def _waiting(self, instance: str, wake_event: str) -> list[Record]:
        """Return the records of the actions of an instance that wait for an event."""
        return [record for record in self._records.of_instance(instance) if wake_event in record.wake_on]

    def _wake(self, records: Iterable[Record], cause: str) -> dict[str, Any]:
        """Wake the executions of `records`. One whose inbox is closed is about to poll anyway."""
        woken = [record.hook for record in records if self._send_wake(record, cause)]
        if woken:
            self._observer.info(f"woken: {cause}")
        return {"outcome": "woken" if woken else "not awaited", "hooks": woken}

    def _send_wake(self, record: Record, cause: str) -> bool:
        return record.inbox is not None and self._executions.send_message(record.inbox, encode(Wake(by=cause)))


def _refusal(sent: SignalSent, records: list[Record], *, proved: bool) -> str | None:
    """Return why a signal is not kept for any of these actions, None where it may be. The word is not in it."""
    if proved or not records:
        return None
    if sent.word_digest is not None:
        return "its word is not the one that the instance has given itself for it"
    if all(asks_for_word(record.plan_decision, sent.name) for record in records):
        return "the plan asks for the word that the instance has given itself for it, and it has none"
    return None
