"""Secrets that plans name: SecureString parameters of Parameter Store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.model.redaction import KnownSecrets


class SecretParameters:
    """The parameters. No value is cached; what was read is hidden from then on wherever it might be shown.

    Args:
        clients: the AWS clients.
        known: learns each value.
    """

    def __init__(self, clients: Clients, known: KnownSecrets) -> None:
        self._clients = clients
        self._known = known

    def value(self, name: str) -> str:
        """Return the value of a parameter, decrypted.

        Raises:
            CallFailed: no answer, throttled, denied, no such parameter.
        """
        with calling("ssm:GetParameter"):
            value = self._clients.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        self._known.learn(value)
        return value

    def find(self, name: str) -> str | None:
        """Return the value of a parameter, decrypted; None where there is no such parameter.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("ssm:GetParameters"):
            found = self._clients.ssm.get_parameters(Names=[name], WithDecryption=True)["Parameters"]
        return next((parameter["Value"] for parameter in found), None)
