"""What EC2 knows of an instance."""

from __future__ import annotations

from msgspec import Struct

from asg_lifecycle.model.addresses import is_ipv6
from asg_lifecycle.model.conditions import Condition

GONE_STATES = frozenset({"shutting-down", "terminated"})


class InstanceFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An instance as EC2 sees it.

    Attributes:
        state: `running`, `stopped`, `terminated`, …; None when it could not be read.
        addresses: its private IPv4 addresses on all interfaces, that of the first interface first; after them its
            IPv6 addresses.
        private_name: the private DNS name of its first interface, None when it has none (any more).
        availability_zone: None when it is not known.
        tags: its tags.
        problem: why the state could not be read, None when it was.
        unread: whether it may be read at another try.
        purchase: what EC2 calls its `InstanceLifecycle`, `spot` or another; None for an instance on demand.
        causes: the causes of its termination that what Auto Scaling says leaves possible (`model.conditions`); None
            where no plan has asked for it, or nothing was found.
        cause: what Auto Scaling says.
    """

    state: str | None = None
    addresses: tuple[str, ...] = ()
    private_name: str | None = None
    availability_zone: str | None = None
    tags: dict[str, str] = {}
    problem: str | None = None
    unread: bool = False
    purchase: str | None = None
    causes: tuple[Condition, ...] | None = None
    cause: str = ""

    @property
    def private_ip(self) -> str | None:
        """The first private IPv4 address."""
        return next((address for address in self.addresses if not is_ipv6(address)), None)

    def completed_by(self, earlier: InstanceFacts) -> InstanceFacts:
        """Return these facts with what was known earlier, which EC2 forgets of an instance that is terminated.

        What was told first stays: tags and addresses that a step has worked with do not change under it.
        """
        return InstanceFacts(
            state=self.state,
            addresses=tuple(dict.fromkeys((*earlier.addresses, *self.addresses))),
            private_name=earlier.private_name or self.private_name,
            availability_zone=earlier.availability_zone or self.availability_zone,
            tags=earlier.tags or self.tags,
            problem=self.problem,
            unread=self.unread,
            purchase=earlier.purchase or self.purchase,
            causes=earlier.causes if earlier.causes is not None else self.causes,
            cause=earlier.cause or self.cause,
        )

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
