"""Which IP addresses a request of a plan may go to: none by which it would reach what belongs to Lambda or to EC2.

Private addresses are allowed, and so are those of other customers' networks that are shared (100.64.0.0/10). Forms that
carry an IPv4 address inside an IPv6 address are judged by the one they carry.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network

FORBIDDEN: dict[str, tuple[Network, ...]] = {
    "the function itself": tuple(map(ip_network, ("127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"))),
    # The metadata, DNS and time servers of EC2, and the credentials of Lambda, ECS and EKS.
    "a link-local address, where AWS keeps metadata and credentials": tuple(
        map(ip_network, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"))
    ),
    "no single host": tuple(map(ip_network, ("224.0.0.0/4", "240.0.0.0/4", "ff00::/8"))),
    # Nobody can tell to which IPv4 address these lead.
    "a translated address": tuple(map(ip_network, ("64:ff9b:1::/48", "2001::/32"))),
}
"""What must not be reached, and what that is."""

_TRANSLATED = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_LOWEST = 2**32 - 1


def why_forbidden(address: str) -> str | None:
    """Return what an address is that no request may go to, None when it may.

    Args:
        address: an IPv4 or IPv6 address as a resolver returns it.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "no address"
    if isinstance(parsed, IPv6Address):
        if parsed.scope_id is not None:
            return "an address of one network interface"
        carried = _carried(parsed)
        parsed = carried if carried is not None else parsed
    return next(
        (what for what, networks in FORBIDDEN.items() if any(parsed in each for each in networks)),
        None,
    )


def _carried(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address carries, None when it carries none."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & _LOWEST)
    if address in _SIX_TO_FOUR:
        return address.sixtofour
    return None


def is_allowed_host(host: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a list of hosts has a host.

    Args:
        host: a DNS name, or an address without brackets.
        allowed: names, `*.example.com` for all below one, and networks such as `10.0.0.0/16` for addresses.
    """
    try:
        address = ip_address(host)
    except ValueError:
        name = host.lower().rstrip(".")
        return any(_names(each.lower().rstrip("."), name) for each in allowed)
    return any(_holds(each, address) for each in allowed)


def _names(pattern: str, name: str) -> bool:
    return name.endswith(pattern[1:]) and name != pattern[2:] if pattern.startswith("*.") else name == pattern


def _holds(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        # A name.
        return False
