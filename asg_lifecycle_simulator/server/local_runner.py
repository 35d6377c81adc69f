"""Event delivery to a `dex-local-runner`, the durable execution emulator of the SDK for Python.

In AWS, the rule's asynchronous invocation of the durable function starts the execution. The emulator has no rules; it
starts one for each `POST /start-durable-execution` and then invokes the function at its Lambda endpoint.
"""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_WITHIN = 10.0
"""Seconds the emulator has to accept an event."""

ATTEMPTS = 6
EXECUTION_TIMEOUT = 172_800 + 3_600
"""Seconds an execution may take: the longest global timeout of a hook (R4) and room to finish."""


class LocalRunner:
    """Starts a durable execution for each event given to it, on a thread of its own, in order.

    An event the emulator does not accept in six attempts is dropped with a line on standard error.

    Args:
        url: of the emulator.
        account: the account the function is in.
        function: the function's name.
        lambda_endpoint: where the emulator invokes the function, a Runtime Interface Emulator for one; None leaves
            it to the emulator's own setting.
        retry_after: seconds between the first two attempts; each pause is twice as long as the one before.
    """

    def __init__(
        self,
        url: str,
        *,
        account: str,
        function: str = "lifecycle_action",
        lambda_endpoint: str | None = None,
        retry_after: float = 0.5,
    ) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError(f"the address of a local runner begins with http:// or https://, got {url}")
        self._start = urljoin(url, "/start-durable-execution")
        self._account = account
        self._function = function
        self._lambda_endpoint = lambda_endpoint
        self._retry_after = retry_after
        self._events: deque[Mapping[str, Any]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="local-runner-delivery", daemon=True)
        self._thread.start()

    def deliver(self, event: Mapping[str, Any]) -> None:
        """Start an execution with `event` as its input, soon."""
        with self._changed:
            self._events.append(event)
            self._changed.notify()

    def close(self) -> None:
        """Stop delivering; what has not been accepted yet is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (event := self._next()) is not None:
            self._deliver(event)

    def _next(self) -> Mapping[str, Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._events)
            return None if self._closed else self._events.popleft()

    def _deliver(self, event: Mapping[str, Any]) -> None:
        request = Request(  # noqa: S310 - the scheme was checked
            self._start, json.dumps(self._body(event)).encode(), {"Content-Type": "application/json"}
        )
        refusal: OSError | None = None
        for attempt in range(ATTEMPTS):
            if attempt and self._closed_within(self._retry_after * 2 ** (attempt - 1)):
                return
            try:
                with urlopen(request, timeout=ANSWER_WITHIN):  # noqa: S310 - the scheme was checked
                    return
            except HTTPError as error:
                error.close()
                refusal = error
            except OSError as error:
                refusal = error
        sys.stderr.write(f"event {event.get('id')} dropped: {self._start} did not accept it: {refusal}\n")

    def _closed_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, timeout=seconds)

    def _body(self, event: Mapping[str, Any]) -> dict[str, Any]:
        body = {
            "AccountId": self._account,
            "FunctionName": self._function,
            "FunctionQualifier": "$LATEST",
            "ExecutionName": str(uuid.uuid4()),
            "ExecutionTimeoutSeconds": EXECUTION_TIMEOUT,
            "ExecutionRetentionPeriodDays": 1,
            "InvocationId": str(uuid.uuid4()),
            "Input": json.dumps(event),
        }
        return body if self._lambda_endpoint is None else body | {"LambdaEndpoint": self._lambda_endpoint}
