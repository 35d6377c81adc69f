"""What EC2 knows of an instance."""

from __future__ import annotations

from msgspec import Struct

GONE_STATES = frozenset({"shutting-down", "terminated"})


class InstanceFacts(Struct, frozen=True, kw_only=True):
    """An instance as EC2 sees it.

    Attributes:
        state: `running`, `stopped`, `terminated`, …; None when it could not be read.
        addresses: its private IPv4 addresses on all interfaces, that of the first interface first; after them its
            IPv6 addresses.
        private_name: the private DNS name of its first interface, None when it has none (any more).
        problem: why the state could not be read, None when it was.
        unread: whether it may be read at another try.
    """

    state: str | None = None
    addresses: tuple[str, ...] = ()
    private_name: str | None = None
    problem: str | None = None
    unread: bool = False

    @property
    def gone(self) -> bool:
        """Whether the instance was terminated before its hook fired (R28)."""
        return self.state in GONE_STATES


class InstanceAddresses(Struct, frozen=True, kw_only=True):
    """The addresses and names of an instance, on all of its interfaces. EC2 tells none once it is terminated.

    Attributes:
        state: of the instance, as in `InstanceFacts`.
        private: private IPv4 addresses, that of the first interface first.
        public: public IPv4 addresses, in the same order.
        ipv6: IPv6 addresses.
        names: the private and public DNS names that EC2 gives it.
    """

    state: str
    private: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def of_interfaces(self) -> tuple[str, ...]:
        """The addresses that its interfaces carry: private IPv4 and IPv6."""
        return (*self.private, *self.ipv6)

    @property
    def all(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.private, *self.public, *self.ipv6, *self.names)


class StatusChecks(Struct, frozen=True, kw_only=True):
    """EC2's status checks of an instance: `ok`, `impaired`, `initializing`, `insufficient-data` or `not-applicable`.

    Attributes:
        system: of the hardware that the instance runs on.
        instance: of the instance itself.
        state: of the instance, `running`.
    """

    system: str
    instance: str
    state: str
