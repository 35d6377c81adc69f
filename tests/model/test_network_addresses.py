"""A plan is no way into the function or into EC2's metadata, however an address is written."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.http_apis.network import ForbiddenAddressError, Network, resolve_by_system
from asg_lifecycle.model.network_addresses import is_allowed_host, why_forbidden

FORBIDDEN = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",  # noqa: S104 - refused
    "0.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.169.253",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "ff02::1",
    # IPv4 inside of IPv6: mapped, compatible, NAT64, 6to4.
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2002:7f00:1::",
    "2001::1",
    "no address",
    "",
]
ALLOWED = [
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "100.64.0.1",
    "203.0.113.9",
    "8.8.8.8",
    "fd12:3456::1",
    "2600:1f18::1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_no_request_goes_to_an_address_of_the_function_or_of_its_surroundings(address: str) -> None:
    assert why_forbidden(address) is not None


@pytest.mark.parametrize("address", ALLOWED)
def test_private_and_public_addresses_are_allowed(address: str) -> None:
    assert why_forbidden(address) is None


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_it_is(address: object) -> None:
    plain = str(address)
    carried = [f"::ffff:{plain}", f"64:ff9b::{plain}"]
    assert {why_forbidden(each) for each in carried} == {why_forbidden(plain)}


@pytest.mark.parametrize("written", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "0"])
def test_other_ways_to_write_an_address_lead_to_what_they_mean(written: str) -> None:
    # The plan's check refuses them; where they came all the same, the resolver says what they are.
    addresses = [address for address, _ in resolve_by_system(written, 80)]
    assert addresses
    with pytest.raises(ForbiddenAddressError, match="which is"):
        Network().addresses(written, 80)


def test_a_name_is_refused_when_one_of_its_addresses_is_forbidden() -> None:
    network = Network(resolve=lambda _, port: [("203.0.113.9", port), ("169.254.169.254", port)])
    with pytest.raises(ForbiddenAddressError, match=r"leads to 169\.254\.169\.254, which is a link"):
        network.addresses("api.example.com", 443)


def test_a_name_that_leads_nowhere_is_no_connection() -> None:
    with pytest.raises(OSError, match="has no address"):
        Network(resolve=lambda _, __: []).addresses("api.example.com", 443)
    with pytest.raises(OSError, match="no name that can be resolved"):
        Network().addresses("a" * 64 + ".example.com", 443)


def test_the_functions_network_is_the_one_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(ForbiddenAddressError):
        Network().addresses("metadata.example.com", 80)
    assert asked == ["metadata.example.com"]


@pytest.mark.parametrize(
    ("host", "allowed", "expected"),
    [
        ("api.example.com", ("api.example.com",), True),
        ("API.example.com.", ("api.EXAMPLE.com",), True),
        ("api.example.com", ("*.example.com",), True),
        ("a.b.example.com", ("*.example.com",), True),
        ("example.com", ("*.example.com",), False),
        ("evilexample.com", ("*.example.com",), False),
        ("api.example.com.evil.net", ("api.example.com", "*.example.com"), False),
        ("api.example.com", (), False),
        ("api.example.com", ("*",), False),
        ("10.0.3.4", ("10.0.0.0/16",), True),
        ("10.1.3.4", ("10.0.0.0/16", "*.example.com"), False),
        ("10.0.3.4", ("10.0.3.4",), True),
        ("fd12::1", ("fd12::/16",), True),
        ("10.0.3.4.example.com", ("10.0.0.0/16",), False),
    ],
)
def test_a_host_is_one_that_the_deployment_names(host: str, allowed: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001
    assert is_allowed_host(host, allowed) is expected
