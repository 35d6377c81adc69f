"""The handler of notifications as a target of random input: it needs a simulated region."""

# ruff: noqa: S101 - Hypothesis runs it, and searches for input that fails an assertion
from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from asg_lifecycle.model.events import Invalid, decisions_in_text
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import PREFIX
from asg_lifecycle_simulator.deployment.testbed import Testbed
from handlers import notification

if TYPE_CHECKING:
    from collections.abc import Iterator


class NotificationQueue:
    """`handlers.notification` in a simulated region.

    Args:
        deployment: what it starts executions of.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    @property
    def started(self) -> int:
        """How many executions were started."""
        return len(self._deployment.executions)

    def given_back(self, bodies: list[str]) -> set[int]:
        """Give a batch of messages to the handler; return the positions of those to be delivered again."""
        records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
        answer = notification.handle({"Records": records}, self._deployment.intake)
        return {int(each["itemIdentifier"]) for each in answer["batchItemFailures"]}

    def check(self, bodies: list[str]) -> None:
        """Check the handler's answer to a batch."""
        failed = self.given_back(bodies)
        for number, body in enumerate(bodies):
            found = decisions_in_text(body, hook_name_prefix=PREFIX)
            assert (number in failed) == any(isinstance(each, Invalid) for each in found)


@contextmanager
def notification_queue() -> Iterator[NotificationQueue]:
    """Deploy the application in a simulated region and yield its queue."""
    with Testbed(Deployment) as testbed:
        yield NotificationQueue(testbed.deployment)
