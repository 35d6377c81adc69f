"""Which node an instance is: the `providerID` of AWS decides, then addresses, then names; else nobody guesses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.kubernetes.identity import Identity, instance_in, is_instance, matches
from asg_lifecycle.kubernetes.objects import Node

OURS = "i-0123456789abcdef0"
OTHER = "i-0fedcba9876543210"
IDENTITY = Identity(
    instance=OURS,
    addresses=("10.0.0.7", "10.0.1.7", "2001:db8::7"),
    names=("ip-10-0-0-7.eu-west-1.compute.internal",),
)


def node(name: str = "node", **values: Any) -> Node:
    fields: dict[str, Any] = {
        "provider_id": None,
        "addresses": (),
        "names": (),
        "cordoned": False,
        "ready": True,
        "standing": "",
        "taints": (),
        "labels": {},
        "annotations": {},
    }
    return Node(name=name, uid=name, **(fields | values))


@pytest.mark.parametrize(
    ("provider_id", "instance"),
    [
        (f"aws:///eu-west-1a/{OURS}", OURS),
        (f"aws:////{OURS}", OURS),
        (f"aws:///{OURS}", OURS),
        ("aws:///eu-west-1a/i-01234567", "i-01234567"),
        ("aws:///eu-west-1a/fargate-ip-10-0-0-7.eu-west-1.compute.internal", None),
        ("k3s://ip-10-0-0-7", None),
        (f"k3s://{OURS}", None),
        ("rke2://ip-10-0-0-7", None),
        ("eks-hybrid:///eu-west-1/production/mi-0123456789abcdef0", None),
        (f"aws:///eu-west-1a/{OURS}/more", None),
        (f"aws:///eu-west-1a/{OURS}0", None),
        ("", None),
        (None, None),
    ],
)
def test_only_the_provider_id_of_aws_names_an_instance(provider_id: str | None, instance: str | None) -> None:
    assert instance_in(provider_id) == instance


@pytest.mark.parametrize("provider_id", [None, "k3s://ip-10-0-0-7", "rke2://web", "aws://elsewhere"])
@pytest.mark.parametrize(
    "values",
    [
        {"addresses": ("10.0.0.7",)},
        {"addresses": ("10.0.1.7",)},
        {"addresses": ("192.168.0.1", "10.0.1.7")},
        {"addresses": ("2001:DB8:0::7",)},
        {"name": "ip-10-0-0-7.eu-west-1.compute.internal"},
        {"name": "IP-10-0-0-7.EU-WEST-1.compute.internal."},
        {"name": "ip-10-0-1-7.corp.example.com"},
        {"name": "ip-10-0-0-7"},
        {"name": f"{OURS}.eu-west-1.compute.internal"},
        {"name": OURS, "addresses": ("192.168.0.1",)},
        {"name": "web", "names": ("ip-10-0-0-7.eu-west-1.compute.internal",)},
    ],
)
def test_any_other_falls_through_to_addresses_and_names(provider_id: str | None, values: dict[str, Any]) -> None:
    assert is_instance(node(**{"provider_id": provider_id} | values), IDENTITY) is True


@pytest.mark.parametrize(
    "values",
    [
        {"provider_id": f"aws:///eu-west-1a/{OTHER}", "addresses": ("10.0.0.7",), "name": OURS},
        {"addresses": ("10.0.0.8",)},
        {"addresses": ("10.0.0.8",), "name": "ip-10-0-0-7.eu-west-1.compute.internal"},
        {"name": "ip-10-0-0-8.eu-west-1.compute.internal"},
        {"name": f"{OTHER}.eu-west-1.compute.internal"},
    ],
)
def test_the_node_of_another_instance_is_ruled_out(values: dict[str, Any]) -> None:
    assert is_instance(node(**values), IDENTITY) is False


@pytest.mark.parametrize("identity", [IDENTITY, Identity(instance=OURS)])
def test_a_node_that_tells_nothing_is_neither(identity: Identity) -> None:
    assert is_instance(node("web", provider_id="k3s://web"), identity) is None


def test_without_addresses_of_the_instance_the_addresses_of_a_node_say_nothing() -> None:
    assert is_instance(node(addresses=("10.0.0.8",)), Identity(instance=OURS)) is None


def test_a_provider_id_is_worth_more_than_an_address() -> None:
    left_over = node("old", addresses=("10.0.0.7",))
    ours = node("new", provider_id=f"aws:///eu-west-1a/{OURS}", addresses=("10.0.0.7",))
    assert matches((left_over, ours), IDENTITY).ours == (ours,)


def test_two_that_have_the_address_are_both_told() -> None:
    both = (node("old", addresses=("10.0.0.7",)), node("new", addresses=("10.0.1.7",)))
    assert matches(both, IDENTITY).ours == both


ids = st.sampled_from([OURS, OTHER])
addresses = st.lists(
    st.integers(1, 9).map(lambda last: str(IPv4Address(0x0A000000 + last)))
    | st.integers(1, 9).map(lambda last: str(IPv6Address((0x20010DB8 << 96) + last))),
    max_size=3,
).map(tuple)
provider_ids = (
    st.none()
    | ids.map(lambda instance: f"aws:///eu-west-1a/{instance}")
    | st.text("abk3s:/-i0123456789", max_size=12).filter(lambda text: instance_in(text) is None)
)
names = st.sampled_from(["web", "ip-10-0-0-7", "ip-10-0-0-8.corp", OURS, f"{OTHER}.corp"])


@given(provider_ids, addresses, names)
def test_every_node_is_ruled_out_only_on_proof(provider_id: str | None, held: tuple[str, ...], name: str) -> None:
    answer = is_instance(node(name, provider_id=provider_id, addresses=held), IDENTITY)
    if (named := instance_in(provider_id)) is not None:
        assert answer is (named == OURS)
    elif set(held) & {*IDENTITY.addresses}:
        assert answer is True
    elif answer is False:
        assert held or name.startswith(("ip-", "i-"))
        assert not name.startswith(OURS)
