"""A simulated AWS region: moto with time, lifecycle actions and trouble in it.

In process, entering the region points every boto3 client of the process at it. The services that moto knows
answer as moto does; the ones the simulator knows better are `SimulatedService`s plugged into the region. A
`ThreadedMotoServer` started inside the region serves the same services over HTTP.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, Self

import boto3
from moto import mock_aws
from moto.core.serialize import XFormedAttributePicker

from asg_lifecycle_simulator.region.environment import CREDENTIALS, region_environment
from asg_lifecycle_simulator.region.events import Events
from asg_lifecycle_simulator.region.faults import CallFate, FaultKind, Faults
from asg_lifecycle_simulator.region.log import RegionLog
from asg_lifecycle_simulator.region.rate_limits import RateLimits
from asg_lifecycle_simulator.region.serialization import POSSIBLE_KEYS
from asg_lifecycle_simulator.region.wire import (
    AnswerLostError,
    ApiCall,
    error_response,
    intercepted,
    service_and_operation,
)
from asg_lifecycle_simulator.services.autoscaling.service import AutoScalingService

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from moto.core.request import Request
    from werkzeug.wrappers import Response

    from asg_lifecycle_simulator.region.events import Event
    from asg_lifecycle_simulator.region.faults import Fault
    from asg_lifecycle_simulator.region.timeline import Timeline

ACCOUNT = "123456789012"
LAUNCH_CONFIGURATION = "simulated"
IMAGE = "ami-12c6146b"
SPOT_NOTICE = 120.0
"""Seconds between the warning and the end of a Spot instance (R27)."""


DrainAttached = Callable[[str, Sequence[str], Callable[[], None]], None]
"""Deregisters an instance id from target groups by ARN and calls the last argument once, when it is drained (R26)."""


@cache
def _session(name: str) -> Any:  # noqa: ANN401 - so that its clients can be made by name
    """Return a session for the region `name`; it reads the models of the services once for all regions of a run."""
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=name,
    )


class SimulatedService(Protocol):
    """A part of the region that does better than moto.

    `install` runs when the region is entered (at once when it already is), after moto's own data was reset;
    `uninstall` runs when it is left, in reverse order. Replace attributes of moto's classes with
    `region.replace`, which undoes itself.
    """

    def install(self, region: Region) -> None:
        """Take over the service in `region`."""
        ...

    def uninstall(self) -> None:
        """Give it back. Timers still set must do nothing from now on."""
        ...


def _served() -> CallFate:
    """Let every request through."""
    return CallFate.SERVED


def drained_at_once(
    instance_id: str,  # noqa: ARG001 - the shape of DrainAttached
    target_group_arns: Sequence[str],  # noqa: ARG001 - the shape of DrainAttached
    then: Callable[[], None],
) -> None:
    """Stand in for target groups in a region that has none."""
    then()


class Region:
    """One account and region. Enter it as a context manager, once.

    Args:
        timeline: the time everything in the region lives by.
        seed: what everything random in the region is drawn from.
        name: the region's name.
        account: the account id.
        delivery_delay: seconds from an event to its delivery.

    Attributes:
        timeline: the time everything in the region lives by.
        name: the region's name.
        account: the account id.
        seed: what everything random in the region is drawn from.
        lock: held while a request is served; a timer's callback that touches a service's state takes it too.
            Never held while a subscriber runs.
        log: what happened, in order.
        faults: what shall go wrong.
        calls: requests that reached the region, by boto3 service name and operation. What is asked inside
            `unobserved` is not counted and meets no faults.
        requests: the same in order, with time and status.
        limits: how many requests each service takes.
        fate: decides whether a request reaches the region and its answer the caller.
        events: the event bus.
        autoscaling: the Auto Scaling service.
        drain_attached: how attached target groups drain; the target-group service puts itself here.
    """

    def __init__(
        self,
        timeline: Timeline,
        *,
        seed: int = 0,
        name: str = "eu-west-1",
        account: str = ACCOUNT,
        delivery_delay: float = 1.0,
    ) -> None:
        self.timeline = timeline
        self.name = name
        self.account = account
        self.seed = seed
        self.lock = threading.RLock()
        self.log = RegionLog(timeline.now)
        self.faults = Faults()
        self.limits = RateLimits(timeline.now)
        self.fate: Callable[[], CallFate] = _served
        self.calls: Counter[tuple[str, str]] = Counter()
        self.requests: list[ApiCall] = []
        self.events = Events(timeline, self.log, delivery_delay=delivery_delay)
        self.drain_attached: DrainAttached = drained_at_once
        self.autoscaling = AutoScalingService(self)
        self._clients: dict[str, Any] = {}
        self._unobserved = threading.local()
        self._services: list[SimulatedService] = [self.autoscaling]
        self._entered = False
        self._undo: ExitStack | None = None

    def add(self, service: SimulatedService) -> None:
        """Plug `service` into the region, for as long as the region lives."""
        self._services.append(service)
        if self._undo is not None:
            self._install(service)

    def replace(self, owner: object, name: str, value: object) -> None:
        """Set the attribute `name` of `owner` until the region is left."""
        if self._undo is None:
            raise RuntimeError("the region has not been entered")
        if name in vars(owner):
            self._undo.callback(setattr, owner, name, vars(owner)[name])
        else:
            self._undo.callback(delattr, owner, name)
        setattr(owner, name, value)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 picks the type by the name
        """Return the region's boto3 client of `service`, made when it is first asked for."""
        with self.lock:
            if service not in self._clients:
                self._clients[service] = _session(self.name).client(service)
            return self._clients[service]

    def subscribe(self, callback: Callable[[Event], None]) -> None:
        """Call `callback` with every event delivered from now on."""
        self.events.subscribe(callback)

    @contextmanager
    def unobserved(self) -> Iterator[None]:
        """Let this thread's requests inside pass uncounted and without faults: a test arranges something, or looks."""
        self._unobserved.depth = getattr(self._unobserved, "depth", 0) + 1
        try:
            yield
        finally:
            self._unobserved.depth -= 1

    def create_group(
        self, name: str, *, capacity: int = 1, max_size: int | None = None, target_group_arns: Sequence[str] = ()
    ) -> list[str]:
        """Create an Auto Scaling group of `capacity` instances and return their ids.

        Args:
            name: the group's name.
            capacity: desired capacity.
            max_size: maximum size, twice the capacity and one when not given.
            target_group_arns: target groups to attach.
        """
        with self.unobserved():
            autoscaling = self.client("autoscaling")
            if not autoscaling.describe_launch_configurations(LaunchConfigurationNames=[LAUNCH_CONFIGURATION])[
                "LaunchConfigurations"
            ]:
                autoscaling.create_launch_configuration(
                    LaunchConfigurationName=LAUNCH_CONFIGURATION, ImageId=IMAGE, InstanceType="t4g.small"
                )
            autoscaling.create_auto_scaling_group(
                AutoScalingGroupName=name,
                LaunchConfigurationName=LAUNCH_CONFIGURATION,
                MinSize=0,
                MaxSize=2 * capacity + 1 if max_size is None else max_size,
                DesiredCapacity=capacity,
                AvailabilityZones=[f"{self.name}a"],
                TargetGroupARNs=list(target_group_arns),
            )
        return self.instances(name)

    def put_hook(self, group: str, hook: str, transition: str, **fields: str | int) -> None:
        """Put a lifecycle hook.

        Args:
            group: the group's name.
            hook: the hook's name.
            transition: `LAUNCHING` or `TERMINATING`.
            fields: further fields as PutLifecycleHook names them, `HeartbeatTimeout` in seconds.
        """
        with self.unobserved():
            self.client("autoscaling").put_lifecycle_hook(
                AutoScalingGroupName=group,
                LifecycleHookName=hook,
                LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition}",
                **fields,
            )

    def scale(self, group: str, capacity: int) -> None:
        """Set the desired capacity of `group`."""
        with self.unobserved():
            self.client("autoscaling").set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=capacity)

    def terminate(self, instance_id: str, *, decrement: bool = True) -> None:
        """Terminate an instance of a group; without `decrement` it is replaced."""
        with self.unobserved():
            self.client("autoscaling").terminate_instance_in_auto_scaling_group(
                InstanceId=instance_id, ShouldDecrementDesiredCapacity=decrement
            )

    def instances(self, group: str) -> list[str]:
        """Return the ids of the instances of `group` and of its warm pool, oldest first."""
        with self.lock:
            return [instance.id for instance in self.autoscaling.engine.members(group)]

    def instance_state(self, instance_id: str) -> str | None:
        """Return the `LifecycleState` of an instance (R17), None when no group has it any more."""
        with self.lock:
            instance = self.autoscaling.engine.instances.get(instance_id)
            return None if instance is None else instance.state

    def interrupt_spot(self, instance_id: str) -> None:
        """Warn of the interruption of an instance, which EC2 terminates two minutes later, hook or no hook (R27).

        Auto Scaling begins to terminate an instance at its warning where the group has Capacity Rebalancing.
        """
        self._emit_ec2("EC2 Spot Instance Interruption Warning", instance_id, {"instance-action": "terminate"})
        self.timeline.call_after(
            SPOT_NOTICE, lambda: self._reclaim(instance_id), name=f"spot instance {instance_id} is reclaimed"
        )
        with self.lock:
            self.autoscaling.interrupted(instance_id)

    def recommend_rebalance(self, instance_id: str) -> None:
        """Recommend to replace an instance, which Auto Scaling does where the group has Capacity Rebalancing."""
        self._emit_ec2("EC2 Instance Rebalance Recommendation", instance_id, {})
        with self.lock:
            self.autoscaling.rebalance(instance_id)

    def emit(
        self, source: str, detail_type: str, detail: Mapping[str, object], *, resources: Sequence[str] = ()
    ) -> None:
        """Let something happen that EventBridge tells of."""
        self.events.emit(
            {
                "version": "0",
                "id": self.autoscaling.new_id(),
                "detail-type": detail_type,
                "source": source,
                "account": self.account,
                "time": datetime.fromtimestamp(self.timeline.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": self.name,
                "resources": list(resources),
                "detail": dict(detail),
            }
        )

    def _emit_ec2(self, detail_type: str, instance_id: str, detail: dict[str, object]) -> None:
        arn = f"arn:aws:ec2:{self.name}a:{self.account}:instance/{instance_id}"
        self.emit("aws.ec2", detail_type, {"instance-id": instance_id, **detail}, resources=[arn])

    def _reclaim(self, instance_id: str) -> None:
        if self._undo is not None:
            with self.unobserved():
                self.client("ec2").terminate_instances(InstanceIds=[instance_id])

    def __enter__(self) -> Self:
        """Point boto3 at the region and install its services.

        Raises:
            RuntimeError: the region has been entered before; make a new one.
        """
        if self._entered:
            raise RuntimeError("a simulated region is entered once")
        self._entered = True
        with ExitStack() as undo:
            undo.enter_context(region_environment(self.name, self.account))
            undo.enter_context(mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": True}}))
            # Reading the models of the services takes most of the time of a short run: once is enough.
            undo.callback(setattr, boto3, "DEFAULT_SESSION", None)
            boto3.DEFAULT_SESSION = _session(self.name)
            undo.enter_context(intercepted(self._pass))
            undo.callback(self.events.close)
            self._undo = undo.pop_all()
        self.replace(XFormedAttributePicker, "get_possible_keys", POSSIBLE_KEYS)
        try:
            for service in self._services:
                self._install(service)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave everything as it was before."""
        self.close()

    def close(self) -> None:
        """Uninstall the services and give boto3 back."""
        if self._undo is not None:
            undo, self._undo = self._undo, None
            undo.close()

    def _install(self, service: SimulatedService) -> None:
        if self._undo is None:
            raise RuntimeError("the region has not been entered")
        self._undo.callback(service.uninstall)
        service.install(self)

    def _pass(self, request: Request, serve: Callable[[], Response]) -> Response:
        with self.lock:
            if getattr(self._unobserved, "depth", 0):
                return serve()
            service, operation = service_and_operation(request)
            fate = self.fate()
            if fate is CallFate.LOST:
                raise AnswerLostError
            self.calls[service, operation] += 1
            fault = self.faults.take(service, operation) or self.limits.take(service, operation)
            response = self._meet(fault, request, service, serve)
            if fate is CallFate.SERVED_AND_LOST:
                response = None
            status = None if response is None else response.status_code
            self.requests.append(ApiCall(self.timeline.now(), service, operation, status))
        if response is None:
            raise AnswerLostError
        return response

    def _meet(
        self, fault: Fault | None, request: Request, service: str, serve: Callable[[], Response]
    ) -> Response | None:
        if fault is None:
            return serve()
        if fault.kind is FaultKind.REFUSED:
            return error_response(request, service, fault.code, fault.message, fault.status)
        if fault.kind is FaultKind.RESPONSE_LOST:
            serve()
        return None
