"""The options of `move-address`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from asg_lifecycle.model.bounds import matching
from asg_lifecycle.model.resource_names import NameText

PoolName: TypeAlias = Annotated[NameText, Meta(min_length=1, max_length=256)]
"""The value of a tag, with placeholders."""

OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

PrivateAddress: TypeAlias = Annotated[
    str, matching(rf"^{OCTET}(\.{OCTET}){{3}}$", "an IPv4 address, such as 10.0.0.50")
]
"""A private address that a plan names."""


class MoveAddressOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is moved, and out of which pool."""

    what: Annotated[
        Literal["elastic-ip", "private-ip", "network-interface"],
        Meta(description="`elastic-ip`, `network-interface`, or `private-ip` for a secondary private IPv4 address."),
    ]
    pool: Annotated[
        PoolName | None,
        Meta(
            description="Which Elastic IPs or network interfaces: those whose tag `asg-lifecycle:pool` has this value, "
            "with placeholders such as `{group}`."
        ),
    ] = None
    addresses: Annotated[
        tuple[PrivateAddress, ...],
        Meta(
            max_length=100,
            description="Which private addresses. An instance can have those in the subnet of its first network "
            "interface.",
        ),
    ] = ()
    device_index: Annotated[
        Annotated[int, Meta(ge=1, le=15)] | None,
        Meta(description="Of a network interface that is attached; 1 when absent."),
    ] = None
    force: Annotated[
        bool,
        Meta(
            description="Detach a network interface by force when it has not gone after a minute; its network may not "
            "work again on another instance."
        ),
    ] = False

    def __post_init__(self) -> None:
        """Refuse options that do not go together.

        Raises:
            ValueError: they do not.
        """
        if self.what == "private-ip":
            _check_private(self)
        elif self.pool is None:
            raise ValueError(
                f"no pool is named: give pool, the value of the tag asg-lifecycle:pool of each {self.what}"
            )
        elif self.addresses:
            raise ValueError(f"addresses are for private-ip; a pool of {self.what} is named by its tag")
        if self.what != "network-interface" and (self.device_index is not None or self.force):
            raise ValueError("device_index and force are for network-interface")


def _check_private(options: MoveAddressOptions) -> None:
    if not options.addresses:
        raise ValueError("private-ip takes its pool from the plan: give addresses")
    if options.pool is not None:
        raise ValueError("private addresses have no tags: give addresses in place of pool")
