"""Addresses and DNS names in one form, so that they can be compared."""

from __future__ import annotations

from ipaddress import ip_address


def normalized(value: str) -> str:
    """Return an IP address or DNS name in the form in which it is compared: `2001:DB8:0::1` is `2001:db8::1`."""
    try:
        return ip_address(value.strip()).compressed
    except ValueError:
        return value.strip().rstrip(".").lower()
