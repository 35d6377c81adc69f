"""What all simulated services have in common: the region they are part of, its time, and how they take moto's place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from moto.core.responses import ActionResult, BaseResponse

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.timers import RegionTimers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from asg_lifecycle_simulator.region.region import Region

Request: TypeAlias = "dict[str, Any]"
"""The parameters of a request by their names in the API."""

Response: TypeAlias = "dict[str, Any]"
"""The answer to a request as the service model has it, times as `datetime`."""

MotoResponse = TypeVar("MotoResponse", bound=BaseResponse)


class Service:
    """A simulated service, constructed with its region; `region.add` makes it part of it.

    Attributes:
        region: the region.
        timers: the region's time; stops when the region is left.
    """

    def __init__(self, region: Region) -> None:
        self.region = region
        self.timers = RegionTimers(region.timeline, region.lock)

    def install(self) -> None:
        """Take over from moto; runs when the region is entered."""

    def uninstall(self) -> None:
        """Stop every timer; runs when the region is left."""
        self.timers.stop()

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Take note that EC2 has terminated these instances."""

    @property
    def now(self) -> float:
        """The region's time, seconds since the epoch."""
        return self.timers.now()

    def log(self, instance: str, detail: str) -> None:
        """Write into the region's log what happened to an instance; `detail` begins with the service's boto3 name."""
        self.region.log.write(LogKind.SERVICE, instance=instance, detail=detail)

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of one of the region's resources."""
        return f"arn:aws:{service}:{self.region.name}:{self.region.account}:{resource}"

    def answer(
        self, responses: type[MotoResponse], operations: Mapping[str, Callable[[MotoResponse], Response]]
    ) -> None:
        """Answer operations in place of moto.

        Args:
            responses: moto's class for the requests of the service.
            operations: what answers each operation, by the name of moto's method. It gets moto's object.
        """
        for name, operation in operations.items():
            self.region.replace(responses, name, _method(operation))

    def answer_json(
        self, responses: type[BaseResponse], operations: Mapping[str, Callable[[Request], Response]]
    ) -> None:
        """Answer operations of a service that is sent JSON, as in `answer`; each gets the request's parameters."""
        self.answer(responses, {name: _reading_json(operation) for name, operation in operations.items()})

    def answer_query(
        self, responses: type[BaseResponse], operations: Mapping[str, Callable[[Request], Response]]
    ) -> None:
        """Answer operations of a service that is sent forms, as in `answer`; each gets the request's parameters."""
        self.answer(responses, {name: _reading_query(operation) for name, operation in operations.items()})


def page(  # noqa: PLR0913 - APIs differ in these
    entries: Sequence[Any],
    name: str,
    request: Request,
    *,
    most: int,
    size: str = "MaxResults",
    position: str = "NextToken",
    following: str | None = None,
) -> Response:
    """Return one page of a list as an answer, with the token of the next page if there is one.

    Args:
        entries: the whole list.
        name: what the answer calls it.
        request: says where the page begins and how long it is.
        most: entries on the longest page, and on a page whose length the request leaves open.
        size: what the request calls the length of a page.
        position: what the request calls the token of a page.
        following: what the answer calls the token of the next page, the same when None.
    """
    start = int(request.get(position) or 0)
    end = start + min(int(request.get(size) or most), most)
    return {name: list(entries[start:end])} | ({following or position: str(end)} if end < len(entries) else {})


def _method(operation: Callable[[MotoResponse], Response]) -> Callable[[MotoResponse], ActionResult]:
    # A bound method that is stored on a class is not given the instance; a plain function is.
    def method(response: MotoResponse) -> ActionResult:
        return ActionResult(operation(response))

    return method


def _reading_json(operation: Callable[[Request], Response]) -> Callable[[BaseResponse], Response]:
    return lambda response: operation(json.loads(response.body or "{}"))


def _reading_query(operation: Callable[[Request], Response]) -> Callable[[BaseResponse], Response]:
    return lambda response: operation(response._get_params())  # noqa: SLF001 - moto's way to the parameters
