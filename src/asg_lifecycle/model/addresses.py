"""Addresses and DNS names in one form, so that they can be compared."""

from __future__ import annotations

from ipaddress import ip_address


def is_ipv6(address: str) -> bool:
    """Return whether an IP address is one of IPv6."""
    return ip_address(address).version == 6  # noqa: PLR2004 - it says what it is


def is_address(value: str) -> bool:
    """Return whether a text is an IP address, not a name."""
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def reverse_name(address: str) -> str:
    """Return the name of the PTR record of an IP address: of `10.0.0.5` it is `5.0.0.10.in-addr.arpa.`."""
    return f"{ip_address(address).reverse_pointer}."


def normalized(value: str) -> str:
    """Return an IP address or DNS name in the form in which it is compared: `2001:DB8:0::1` is `2001:db8::1`."""
    try:
        return ip_address(value.strip()).compressed
    except ValueError:
        return value.strip().rstrip(".").lower()
