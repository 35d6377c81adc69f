"""Lambda functions that plans name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients

NO_ANSWER = "ReadTimeoutError"
"""The error of an invocation whose function takes too long."""


class Answer(Struct, frozen=True):
    """The answer of a function.

    Attributes:
        succeeded: whether it returned, and did not raise.
        text: its answer or its error, JSON.
    """

    succeeded: bool
    text: str


class Functions:
    """The Lambda functions that plans name."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def ask(self, function: str, payload: bytes) -> Answer:
        """Invoke a function and wait for its answer.

        Args:
            function: name or ARN, with a version or alias behind a colon or without.
            payload: JSON.

        Raises:
            CallFailed: no answer within a minute, throttled, denied, no such function.
        """
        with calling("lambda:InvokeFunction"):
            answer = self._clients.asked_functions.invoke(FunctionName=function, Payload=payload)
        return Answer("FunctionError" not in answer, answer["Payload"].read().decode(errors="replace"))

    def hand_over(self, function: str, payload: bytes) -> None:
        """Invoke a function without waiting for it. Repeating it invokes it again.

        Args:
            function: name or ARN, with a version or alias behind a colon or without.
            payload: JSON.

        Raises:
            CallFailed: no answer, throttled, denied, no such function.
        """
        with calling("lambda:InvokeFunction"):
            self._clients.functions.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
