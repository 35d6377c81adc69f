"""The hosts that the deployment lets requests of plans go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.secret_parameters import SecretParameters

KEPT = 60.0
"""Seconds that the list is kept."""


class HttpHosts:
    """The list in Parameter Store that the stack keeps of its parameter `HttpHosts`.

    It is no variable of the function: an execution stays on the version of the function it began with, and a host that
    is taken off the list has to be off it for all.

    Args:
        parameters: reads it.
        path: of named plans, beside which it is; empty where there are none.
        clock: seconds since the epoch.
    """

    def __init__(self, parameters: SecretParameters, path: str, clock: Callable[[], float]) -> None:
        self._parameters = parameters
        self._name = f"{path.rpartition('/')[0]}/http-hosts" if path else ""
        self._hosts: TtlCache[tuple[str, ...]] = TtlCache(clock, KEPT)

    def allowed(self) -> tuple[str, ...]:
        """Return the hosts: names, `*.example.com`, networks. None of them: requests are switched off.

        Raises:
            CallFailed: no answer, throttled.
        """
        if not self._name:
            return ()
        return self._hosts.get(self._name, self._read) or ()

    def _read(self) -> tuple[str, ...]:
        try:
            text = self._parameters.find(self._name)
        except CallFailed as failed:
            # Where `HttpHosts` is empty the stack has neither the list nor the permission to read it.
            if failed.failure.consequence is Consequence.DENIED:
                return ()
            raise
        return tuple(host.strip() for host in (text or "").split(",") if host.strip())
