"""Where a name leads: resolved once, and every address looked at before a connection is made to one of them."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from asg_lifecycle.model.network_addresses import why_forbidden

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Resolve: TypeAlias = "Callable[[str, int], Sequence[tuple[str, int]]]"
"""Returns the addresses and ports of a name and a port; raises OSError when the name leads nowhere."""


class ForbiddenAddressError(Exception):
    """A name leads to an address that no request may go to; the sentence says which."""


def resolve(host: str, port: int) -> list[tuple[str, int]]:
    """Return the addresses of a host, each once, in the order of the resolver.

    Raises:
        OSError: it has none, or the resolver does not answer.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((str(address[0]), port) for *_, address in found))


@dataclass(frozen=True, kw_only=True)
class Network:
    """How names are resolved, and which addresses are refused. The function has no other than this one.

    Attributes:
        resolve: returns the addresses of a host.
        why_forbidden: returns why no request may go to an address, None when one may.
    """

    resolve: Resolve = resolve
    why_forbidden: Callable[[str], str | None] = why_forbidden

    def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """Return where connections to a host may go.

        Raises:
            ForbiddenAddressError: one of its addresses is forbidden: whoever answers for the name may choose which.
            OSError: it has none.
        """
        try:
            found = list(self.resolve(host, port))
        except UnicodeError as error:
            raise OSError(f"{host} is no name that can be resolved") from error
        for address, _ in found:
            if (why := self.why_forbidden(address)) is not None:
                raise ForbiddenAddressError(f"{host} leads to {address}, which is {why}")
        if not found:
            raise OSError(f"{host} has no address")
        return found
