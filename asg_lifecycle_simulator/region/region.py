"""A simulated AWS region: moto, with time that passes, events, faults and rate limits.

In process, entering the region points every boto3 client of the process at it. The services that moto knows
answer as moto does; the ones that the simulator knows better are `SimulatedService`s added to the region. A
`ThreadedMotoServer` started inside the region serves the same services over HTTP.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import boto3
from moto import mock_aws
from moto.ec2.models.instances import InstanceBackend
from moto.moto_api._internal import mock_random

from asg_lifecycle_simulator.region.environment import client, region_environment, session
from asg_lifecycle_simulator.region.events import Events
from asg_lifecycle_simulator.region.faults import CallFate, FaultKind, Faults
from asg_lifecycle_simulator.region.log import RegionLog
from asg_lifecycle_simulator.region.pages import page_limit
from asg_lifecycle_simulator.region.pauses import Pauses, note_pauses
from asg_lifecycle_simulator.region.rate_limits import RateLimits
from asg_lifecycle_simulator.region.region_names import refused_region
from asg_lifecycle_simulator.region.repeated_work import addresses_known, avoid_repeated_work
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.region.wire import (
    AnswerLostError,
    ApiCall,
    error_response,
    intercepted,
    service_and_operation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from moto.core.request import Request
    from werkzeug.wrappers import Response

    from asg_lifecycle_simulator.region.events import Event
    from asg_lifecycle_simulator.region.faults import Fault
    from asg_lifecycle_simulator.region.pages import PageLimit
    from asg_lifecycle_simulator.region.timeline import Timeline
    from asg_lifecycle_simulator.region.wire import Serve

ACCOUNT = "123456789012"


class SimulatedService(Protocol):
    """A part of the region that does better than moto. `services/base.py` has the class that services extend.

    `install` runs when the region is entered (at once when it already is), after moto's own data was reset;
    `uninstall` runs when it is left, in reverse order. Replace attributes of moto's classes with
    `region.replace`, which undoes itself.
    """

    def install(self) -> None:
        """Take over the service from moto."""
        ...

    def uninstall(self) -> None:
        """Give it back. Timers still set must do nothing from now on."""
        ...

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Take note that EC2 has terminated these instances."""
        ...


ServiceT = TypeVar("ServiceT", bound=SimulatedService)


def _served() -> CallFate:
    """Let every request through."""
    return CallFate.SERVED


class Region:
    """One account and region. Enter it as a context manager, once.

    Args:
        timeline: the time of everything in the region.
        seed: what everything random in the region is drawn from.
        name: the region's name.
        account: the account id.
        delivery_delay: seconds from an event to its delivery.

    Attributes:
        timeline: the time of everything in the region.
        name: the region's name.
        account: the account id.
        seed: what everything random in the region is drawn from.
        lock: held while a request is served, and by what touches a service's state; never while a subscriber runs.
        log: what happened, in order.
        faults: the faults that the next requests meet.
        calls: requests that reached the region, by boto3 service name and operation, but those inside `unobserved`.
        requests: the same in order, with time and status.
        limits: how many requests each service takes; pauses count as time.
        fate: decides whether a request reaches the region and its answer the caller.
        page_size: entries on a page of any list, at most; None for pages as long as AWS has them.
        pauses: botocore's pauses between two tries of a call; in virtual time they take none.
        events: the event bus.
        services: those that were added.
        random: what ids and tokens are drawn from, the same in every run with the same seed.
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
        self.fate: Callable[[], CallFate] = _served
        self.calls: Counter[tuple[str, str]] = Counter()
        self.requests: list[ApiCall] = []
        self.page_size: int | None = None
        self.pauses = Pauses()
        # A pause takes no time here, but the caller has let as much of it go by.
        self.limits = RateLimits(lambda: timeline.now() + self.pauses.total)
        self.events = Events(timeline, self.log, delivery_delay=delivery_delay)
        self.random = Random(seed)  # noqa: S311 - reproducible ids and tokens, no secrets
        self._unobserved = threading.local()
        self.services: list[SimulatedService] = []
        self._entered = False
        self._undo: ExitStack | None = None

    def add(self, service: ServiceT) -> ServiceT:
        """Add `service` to the region, for as long as the region lives, and return it.

        Services are installed, and told what happened, in the order in which they were added.
        """
        self.services.append(service)
        if self._undo is not None:
            self._install(service)
        return service

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
        # Making clients from one session is not thread-safe.
        with self.lock:
            return client(self.name, service)

    def subscribe(self, callback: Callable[[Event], None]) -> None:
        """Call `callback` with every event delivered from now on."""
        self.events.subscribe(callback)

    @contextmanager
    def unobserved(self) -> Iterator[None]:
        """Let this thread's requests pass uncounted, in long pages and without faults: a test arranges or reads."""
        self._unobserved.depth = getattr(self._unobserved, "depth", 0) + 1
        try:
            yield
        finally:
            self._unobserved.depth -= 1

    def new_id(self) -> str:
        """Return a new id, the same in every run with the same seed."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def emit(
        self, source: str, detail_type: str, detail: Mapping[str, object], *, resources: Sequence[str] = ()
    ) -> None:
        """Put an event on the default event bus, as AWS services do."""
        self.events.emit(
            {
                "version": "0",
                "id": self.new_id(),
                "detail-type": detail_type,
                "source": source,
                "account": self.account,
                "time": datetime.fromtimestamp(self.timeline.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": self.name,
                "resources": list(resources),
                "detail": dict(detail),
            }
        )

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
            undo.enter_context(addresses_known())
            undo.enter_context(mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": True}}))
            # Reading the models of the services takes most of the time of a short run: once is enough.
            undo.callback(setattr, boto3, "DEFAULT_SESSION", None)
            boto3.DEFAULT_SESSION = session(self.name)
            undo.enter_context(intercepted(self._pass))
            undo.callback(self.events.close)
            self._undo = undo.pop_all()
        mock_random.seed(self.seed)
        self.replace(InstanceBackend, "terminate_instances", self._terminate_instances())
        avoid_repeated_work(self.replace)
        if isinstance(self.timeline, VirtualTimeline):
            note_pauses(self.replace, self.pauses)
        try:
            for service in self.services:
                self._install(service)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
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
        service.install()

    def _terminate_instances(self) -> Callable[[InstanceBackend, list[str]], object]:
        terminate = InstanceBackend.terminate_instances

        def terminate_instances(backend: InstanceBackend, instance_ids: list[str]) -> object:
            terminated = terminate(backend, instance_ids)
            for service in self.services:
                service.instances_terminated(instance_ids)
            return terminated

        return terminate_instances

    def _pass(self, request: Request, serve: Serve) -> Response:
        with self.lock:
            if getattr(self._unobserved, "depth", 0):
                return serve()
            service, operation = service_and_operation(request)
            fate = self.fate()
            if fate is CallFate.LOST:
                raise AnswerLostError
            self.calls[service, operation] += 1
            fault = self.faults.take(service, operation) or self.limits.take(service, operation)
            limit = self._page_limit(request, service, operation)
            response = self._meet(refused_region(request) or fault, request, service, partial(serve, limit))
            if fate is CallFate.SERVED_AND_LOST:
                response = None
            status = None if response is None else response.status_code
            self.requests.append(ApiCall(self.timeline.now(), service, operation, status))
        if response is None:
            raise AnswerLostError
        return response

    def _page_limit(self, request: Request, service: str, operation: str) -> PageLimit | None:
        # EC2 takes either ids or the length of a page.
        if self.page_size is None or (service == "ec2" and "InstanceId.1" in request.values):
            return None
        return page_limit(service, operation, self.page_size)

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
