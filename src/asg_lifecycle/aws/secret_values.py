"""Secrets that requests to HTTP APIs need: SecureString parameters, and secrets of Secrets Manager."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.aws.secret_parameters import SecretParameters
    from asg_lifecycle.model.redaction import KnownSecrets

KEPT = 300.0
"""Seconds that a value is kept in memory: a storm polls more often than Parameter Store answers, 40 times a second."""


class SecretValues:
    """The secrets, by the names that plans use (see `model.http_auth.SecretName`).

    Args:
        clients: the AWS clients.
        parameters: reads Parameter Store.
        known: learns each value, so that it is hidden wherever it might be shown.
        clock: seconds since the epoch.
    """

    def __init__(
        self, clients: Clients, parameters: SecretParameters, known: KnownSecrets, clock: Callable[[], float]
    ) -> None:
        self._clients = clients
        self._parameters = parameters
        self._known = known
        self._values: TtlCache[str] = TtlCache(clock, KEPT)

    def value(self, name: str) -> str:
        """Return a secret, without white space around it.

        Raises:
            CallFailed: no answer, throttled, denied, no such secret, no such field in it, or nothing a header can hold.
        """

        def ask() -> str:
            return self._read(name)

        return self._values.get(name, ask) or ask()

    def forget(self, name: str) -> None:
        """Forget a value that was refused: it may have been replaced."""
        self._values.forget(name)

    def _read(self, name: str) -> str:
        stored, _, field = name.partition("#")
        if stored.startswith("/"):
            action, text = "ssm:GetParameters", self._parameters.find(stored) or ""
        else:
            action = "secretsmanager:GetSecretValue"
            with calling("secretsmanager:GetSecretValue"):
                text = self._clients.secretsmanager.get_secret_value(SecretId=stored).get("SecretString", "")
        value = (_field(text, field, name, action) if field else text).strip()
        self._known.learn(value)
        if not value or not value.isascii() or not value.isprintable():
            raise _refused(action, f"{name} is not there, is empty, or is not printable ASCII text on one line")
        return value


def _field(text: str, field: str, name: str, action: str) -> str:
    try:
        plain = json.loads(text)
    except ValueError:
        plain = None
    value = plain.get(field) if isinstance(plain, dict) else None
    if not isinstance(value, str):
        raise _refused(action, f"{name}: the secret is no JSON object with a text in the field {field}")
    return value


def _refused(action: str, message: str) -> CallFailed:
    # Nothing of the value is told: neither what it is nor what it begins with.
    return CallFailed(Failure(consequence=Consequence.REFUSED, action=action, code="SecretNotUsable", message=message))
