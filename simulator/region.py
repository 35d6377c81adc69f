"""A simulated AWS region: moto with time, lifecycle actions and trouble in it.

In process, entering the region points every boto3 client of the process at it. The services that moto knows
answer as moto does; the ones the simulator knows better are `SimulatedService`s plugged into the region. A
`ThreadedMotoServer` started inside the region serves the same services over HTTP.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self

import boto3
from moto import mock_aws

from simulator.environment import region_environment
from simulator.faults import FaultKind, Faults
from simulator.log import RegionLog
from simulator.wire import AnswerLostError, ApiCall, error_response, intercepted, service_and_operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from moto.core.request import Request
    from werkzeug.wrappers import Response

    from simulator.faults import Fault
    from simulator.timeline import Timeline

ACCOUNT = "123456789012"


class SimulatedService(Protocol):
    """A part of the region that does better than moto.

    `install` runs when the region is entered (at once when it already is), after moto's own data was reset;
    `uninstall` runs when it is left, in reverse order. Replace attributes of moto's classes with
    `region.replace`, which undoes itself.
    """

    def install(self, region: SimulatedRegion) -> None:
        """Take over the service in `region`."""
        ...

    def uninstall(self) -> None:
        """Give it back. Timers still set must do nothing from now on."""
        ...


class DrainAttached(Protocol):
    """Deregisters an instance from the target groups attached to its group and waits until it is drained (R26)."""

    def __call__(self, instance_id: str, target_group_arns: Sequence[str], then: Callable[[], None]) -> None:
        """Start draining; call `then` once, when `instance_id` is drained everywhere."""
        ...


def drained_at_once(
    instance_id: str,  # noqa: ARG001 - the shape of DrainAttached
    target_group_arns: Sequence[str],  # noqa: ARG001 - the shape of DrainAttached
    then: Callable[[], None],
) -> None:
    """Stand in for target groups in a region that has none."""
    then()


class SimulatedRegion:
    """One account and region.

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
        drain_attached: how attached target groups drain; the target-group service puts itself here.
    """

    def __init__(self, timeline: Timeline, *, seed: int = 0, name: str = "eu-west-1", account: str = ACCOUNT) -> None:
        self.timeline = timeline
        self.name = name
        self.account = account
        self.seed = seed
        self.lock = threading.RLock()
        self.log = RegionLog(timeline.now)
        self.faults = Faults()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.requests: list[ApiCall] = []
        self.drain_attached: DrainAttached = drained_at_once
        self._stage = threading.local()
        self._services: list[SimulatedService] = []
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
        before = getattr(owner, name)
        setattr(owner, name, value)
        self._undo.callback(setattr, owner, name, before)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 picks the type by the name
        """Return a boto3 client of the region."""
        return boto3.client(service, region_name=self.name)  # type: ignore[call-overload]

    @contextmanager
    def unobserved(self) -> Iterator[None]:
        """Let this thread's requests inside pass uncounted and without faults: those of the stage, not of the play."""
        self._stage.depth = getattr(self._stage, "depth", 0) + 1
        try:
            yield
        finally:
            self._stage.depth -= 1

    def __enter__(self) -> Self:
        """Point boto3 at the region and install its services."""
        with ExitStack() as undo:
            undo.enter_context(region_environment(self.name, self.account))
            undo.enter_context(mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": True}}))
            undo.enter_context(intercepted(self._pass))
            self._undo = undo.pop_all()
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
            if getattr(self._stage, "depth", 0):
                return serve()
            service, operation = service_and_operation(request)
            self.calls[service, operation] += 1
            fault = self.faults.take(service, operation)
            response = self._meet(fault, request, service, serve)
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
