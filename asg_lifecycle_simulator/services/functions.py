"""Lambda functions of other people: the events they are invoked with, and their answers.

moto runs functions in Docker. Here a function is a Python callable of its event; an exception is a `FunctionError`.
Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.responses import LambdaResponse

from asg_lifecycle_simulator.services.base import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.region.region import Region


class Functions(Service):
    """The functions of a region.

    Attributes:
        events: what each function was invoked with, in order, by its name.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self._functions: dict[str, Callable[[Any], Any]] = {}
        self._asynchronous: dict[str, Callable[[Any], None]] = {}
        self.events: dict[str, list[Any]] = {}

    def install(self) -> None:
        """Answer for the functions that are deployed; moto answers for the others."""

        def invoke(request: LambdaResponse) -> Any:  # noqa: ANN401 - what moto's dispatcher takes
            name = unquote(request.path.rsplit("/", 2)[-2]).rpartition(":function:")[2].partition(":")[0]
            if name not in self._functions:
                raise UnknownFunctionException(name)
            event = json.loads(request.body or b"null")
            asynchronous = request.headers.get("X-Amz-Invocation-Type") == "Event"
            if asynchronous and name in self._asynchronous:
                self.events[name].append(event)
                self._asynchronous[name](event)
                return 202, {}, ""
            headers, answer = self._run(name, event)
            return (202, {}, "") if asynchronous else (200, headers, json.dumps(answer))

        self.region.replace(LambdaResponse, "invoke", invoke)

    def deploy(
        self, name: str, function: Callable[[Any], Any], *, asynchronous: Callable[[Any], None] | None = None
    ) -> None:
        """Deploy a function.

        Args:
            name: its name.
            function: returns its answer to an event.
            asynchronous: takes an event of an invocation that nobody waits for; None to run it at once all the same.
        """
        self._functions[name] = function
        if asynchronous is not None:
            self._asynchronous[name] = asynchronous
        self.events[name] = []

    def _run(self, name: str, event: object) -> tuple[dict[str, str], Any]:
        self.events[name].append(event)
        try:
            return {}, self._functions[name](event)
        except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
            kind = type(error).__name__
            return {"X-Amz-Function-Error": "Unhandled"}, {"errorType": kind, "errorMessage": str(error)}
