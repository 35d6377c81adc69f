"""Where a name leads: resolved once, and every address looked at before a connection is made to one of them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Resolve: TypeAlias = "Callable[[str, int], Sequence[tuple[str, int]]]"
"""Returns the addresses and ports of a name and a port; raises OSError when the name leads nowhere."""


class ForbiddenAddressError(Exception):
    """A name leads to an address that no request may go to; the sentence says which."""


def resolve_by_system(host: str, port: int) -> list[tuple[str, int]]:
    """Return the addresses of a host, each once, in the order of the resolver.

    Raises:
        OSError: it has none, or the resolver does not answer.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((str(address[0]), port) for *_, address in found))


def why_forbidden_by_rules(address: str) -> str | None:
    """Return why no request may go to an address, None when one may."""
    from asg_lifecycle.model.network_addresses import why_forbidden  # noqa: PLC0415 - needed for a request alone

    return why_forbidden(address)


class Network:
    """How names are resolved, and which addresses are refused. The function has no other than the one there is.

    No dataclass: making one takes longer than all else here, at each cold start.

    Args:
        resolve: returns the addresses of a host; None for the resolver of the system.
        why_forbidden: returns why no request may go to an address, None when one may; None for the rules of the model.
    """

    def __init__(
        self, *, resolve: Resolve | None = None, why_forbidden: Callable[[str], str | None] | None = None
    ) -> None:
        self._resolve = resolve or resolve_by_system
        self._why_forbidden = why_forbidden or why_forbidden_by_rules

    def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """Return where connections to a host may go.

        Raises:
            ForbiddenAddressError: one of its addresses is forbidden: whoever answers for the name may choose which.
            OSError: it has none.
        """
        try:
            found = list(self._resolve(host, port))
        except UnicodeError as error:
            raise OSError(f"{host} is no name that can be resolved") from error
        for address, _ in found:
            if (why := self._why_forbidden(address)) is not None:
                raise ForbiddenAddressError(f"{host} leads to {address}, which is {why}")
        if not found:
            raise OSError(f"{host} has no address")
        return found
