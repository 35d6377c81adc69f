"""What the application writes to its log group, with the virtual time of each line."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack, contextmanager, redirect_stdout
from logging import StreamHandler
from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.deployment.metric_lines import MARK, Datum, data_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools import Logger

    from asg_lifecycle_simulator.region.timeline import Timeline


class WrittenLines(io.TextIOBase):
    """Collects the lines that are written, log lines and metrics.

    Attributes:
        log: the log lines as JSON, with `@timestamp` in virtual seconds and `@message`.
        metrics: virtual seconds and values of what the metric lines hold.
    """

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline
        self._rest = ""
        self.log: list[dict[str, Any]] = []
        self.metrics: list[tuple[float, Datum]] = []

    def write(self, text: str) -> int:
        """Take a part of the output."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.startswith("{"):
                self._take(line)
        return len(text)

    def _take(self, line: str) -> None:
        read, now = json.loads(line), self._timeline.now()
        if MARK in read:
            self.metrics += [(now, datum) for datum in data_in(read)]
        self.log.append({**read, "@timestamp": now, "@message": line})

    @contextmanager
    def of(self, *loggers: Logger) -> Iterator[None]:
        """Collect what the application prints and what the loggers write."""
        with ExitStack() as collecting:
            for logger in loggers:
                handler = logger.registered_handler
                if not isinstance(handler, StreamHandler):
                    raise TypeError(f"expected a handler with a stream, found {handler}")
                before = handler.setStream(self)
                collecting.callback(handler.setStream, before)
            collecting.enter_context(redirect_stdout(self))
            yield
