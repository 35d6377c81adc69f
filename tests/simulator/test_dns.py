"""The simulated Route 53 refuses what Route 53 refuses: it is what the steps are tested against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.route53 import Dns, Zone

if TYPE_CHECKING:
    from collections.abc import Iterator

WEB = "web.example.com."


class Bench:
    def __init__(self, region: Region, dns: Dns, timeline: VirtualTimeline) -> None:
        self.timeline = timeline
        self.zone: Zone = dns.zone()
        self.route53 = region.client("route53")

    def change(self, *changes: tuple[str, dict[str, Any]]) -> str:
        answer = self.route53.change_resource_record_sets(
            HostedZoneId=self.zone.id,
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": content} for action, content in changes]},
        )
        return str(answer["ChangeInfo"]["Id"])

    def refused(self, *changes: tuple[str, dict[str, Any]]) -> str:
        before = dict(self.zone.record_sets)
        with pytest.raises(ClientError) as caught:
            self.change(*changes)
        assert caught.value.response["Error"]["Code"] == "InvalidChangeBatch"
        assert self.zone.record_sets == before
        return str(caught.value.response["Error"]["Message"])


@pytest.fixture
def bench() -> Iterator[Bench]:
    timeline = VirtualTimeline()
    region = Region(timeline)
    dns = region.add(Dns(region))
    with region:
        yield Bench(region, dns, timeline)


def record(*values: str, name: str = WEB, kind: str = "A", ttl: int = 60, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values], **more}


@pytest.mark.parametrize(
    "stale",
    [
        record("10.0.0.1"),
        record("10.0.0.1", "10.0.0.3"),
        record("10.0.0.1", "10.0.0.2", ttl=61),
        record("10.0.0.1", "10.0.0.2", HealthCheckId="h"),
    ],
)
def test_a_delete_has_to_match_in_everything(bench: Bench, stale: dict[str, Any]) -> None:
    bench.zone.put(WEB, "10.0.0.1", "10.0.0.2")
    assert "do not match the current values" in bench.refused(("DELETE", stale))
    bench.change(("DELETE", record("10.0.0.2", "10.0.0.1")))
    assert bench.zone.values(WEB) is None


def test_a_batch_is_made_as_a_whole_or_not_at_all(bench: Bench) -> None:
    bench.zone.put(WEB, "10.0.0.1")
    told = bench.refused(("CREATE", record("10.0.0.9", name="new.example.com")), ("CREATE", record("10.0.0.2")))
    assert "but it already exists" in told
    assert "but it was not found" in bench.refused(("DELETE", record("10.0.0.1", name="other.example.com")))
    bench.change(("DELETE", record("10.0.0.1")), ("CREATE", record("10.0.0.2")))
    assert bench.zone.values(WEB) == ["10.0.0.2"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (record("10.0.0.1", name="web.example.org"), "is not permitted in zone example.com."),
        (record("10.0.0.1", name="myexample.com"), "is not permitted in zone example.com."),
        (record("10.0.0.1", "10.0.0.1", name="new.example.com"), "Duplicate Resource Record"),
        (record("2001:db8::1", name="new.example.com"), "Invalid Resource Record"),
        (record("10.0.0.1", name="new.example.com", SetIdentifier="a"), "SetIdentifier and exactly one"),
        (record("10.0.0.1", SetIdentifier="a", Weight=1), "as other RRSets exist with the same name and type"),
        (record("a.example.com", kind="CNAME"), "conflicting RRSet of type A"),
        (
            record("10.0.0.1", name="heavy.example.com", ttl=5, SetIdentifier="b", Weight=1),
            "weighted sets must contain the same TTL",
        ),
    ],
)
def test_what_cannot_be_created(bench: Bench, content: dict[str, Any], told: str) -> None:
    bench.zone.put(WEB, "10.0.0.1")
    bench.zone.put("heavy.example.com", "10.0.0.1", SetIdentifier="a", Weight=1)
    assert told in bench.refused(("CREATE", content))


def test_a_batch_holds_a_thousand_values(bench: Bench) -> None:
    many = [f"10.{number // 250}.0.{number % 250}" for number in range(1001)]
    assert "1000" in bench.refused(("CREATE", record(*many)))


def test_a_change_spreads_in_its_time(bench: Bench) -> None:
    change = bench.change(("CREATE", record("10.0.0.1")))
    assert bench.route53.get_change(Id=change)["ChangeInfo"]["Status"] == "PENDING"
    bench.timeline.run_for(30)
    assert bench.route53.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC"
    with pytest.raises(ClientError, match="NoSuchChange"):
        bench.route53.get_change(Id="C404")


def test_the_list_is_in_order_and_goes_on_where_it_stopped(bench: Bench) -> None:
    for number in range(7):
        bench.zone.put(WEB, "10.0.0.1", SetIdentifier=f"s-{number}", Weight=1)
    bench.zone.put("a.web.example.com", "10.0.0.1")
    pages = bench.route53.get_paginator("list_resource_record_sets").paginate(
        HostedZoneId=bench.zone.id, PaginationConfig={"PageSize": 2}
    )
    found = [(each["Name"], each.get("SetIdentifier")) for page in pages for each in page["ResourceRecordSets"]]
    assert found[:2] == [("example.com.", None)] * 2
    assert found[2:9] == [(WEB, f"s-{number}") for number in range(7)]
    assert found[9:] == [("a.web.example.com.", None)]
