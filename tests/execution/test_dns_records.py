"""DNS records of an instance come and go, and those of others stay as they are."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status
from asg_lifecycle.plans.validation import find_problems
from tests.execution.conftest import GROUP, LAUNCH_HOOK

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.services.route53 import Zone
    from tests.execution.conftest import Testbed

MUTATING = "ChangeResourceRecordSets"
OTHER = "10.255.0.9"
WEB = "web.example.com"


@pytest.fixture
def zone(testbed: Testbed) -> Zone:
    return testbed.dns.zone()


def plan(zone: Zone, kind: str = "remove-dns-records", **options: Any) -> dict[str, Any]:
    zones = {"zones": [zone.id]} if kind == "remove-dns-records" else {"zone": zone.id}
    return {"steps": [{"kind": kind, "options": {**zones, **options}}]}


def ended(testbed: Testbed) -> tuple[float, str]:
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    (step,) = testbed.record().step_outcomes
    return testbed.elapsed, step.detail


def leaving(testbed: Testbed, zone: Zone, **options: Any) -> str:
    (instance,) = testbed.group(plan=plan(zone, **options))
    return instance


class TestRemoval:
    def test_a_value_is_taken_out_and_the_ttl_waited_for(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        zone.put(WEB, OTHER, testbed.addresses.private(instance), ttl=300)
        testbed.terminate(instance)
        testbed.run(20)
        assert zone.values(WEB) == [OTHER]
        assert "waiting until all servers of Route 53 know" in (testbed.record().detail or "")
        testbed.run(60)
        assert "clients may keep the address for the TTL of 5m: waiting until" in (testbed.record().detail or "")
        testbed.finish()

        elapsed, detail = ended(testbed)
        assert 330 <= elapsed <= 360
        assert detail == f"taken out of {WEB} A"

    def test_the_ttl_is_not_waited_for_where_the_plan_says_so(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone, wait_for_ttl=False)
        zone.put(WEB, testbed.addresses.private(instance), ttl=86_400)
        testbed.terminate(instance)
        testbed.finish()
        assert 30 <= ended(testbed)[0] <= 50
        assert zone.values(WEB) is None

    def test_every_kind_of_record_set(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone, types=["A", "AAAA", "CNAME"])
        testbed.addresses.give(instance, "2001:db8::1")
        private, public = testbed.addresses.private(instance), testbed.addresses.public(instance)
        zone.put("public.example.com", public)
        zone.put("six.example.com", "2001:DB8:0::1", "2001:db8::2", kind="AAAA")
        zone.put("weighted.example.com", private, SetIdentifier="one", Weight=0, HealthCheckId="h")
        zone.put("weighted.example.com", private, SetIdentifier="two", Weight=9)
        zone.put("weighted.example.com", OTHER, SetIdentifier="three", Weight=1)
        zone.put("multi.example.com", private, SetIdentifier="m", MultiValueAnswer=True)
        zone.put("multi.example.com", OTHER, SetIdentifier="n", MultiValueAnswer=True)
        zone.put("latency.example.com", private, OTHER, SetIdentifier="eu", Region="eu-west-1")
        zone.put("failover.example.com", private, SetIdentifier="p", Failover="PRIMARY", HealthCheckId="h")
        zone.put("geo.example.com", private, SetIdentifier="no", GeoLocation={"CountryCode": "NO"})
        zone.put("*.example.com", private, OTHER)
        zone.put("stale.example.com", "10.0.0.250", SetIdentifier=instance, Weight=1)
        name = f"EC2-{public.replace('.', '-')}.compute-1.amazonaws.com."
        zone.put("alias-of-ec2.example.com", name, kind="CNAME")
        zone.put("cname.example.com", "elsewhere.example.com", kind="CNAME")
        zone.put("text.example.com", f'"{private}"', kind="TXT")
        target = {"DNSName": "lb.example.com.", "HostedZoneId": "Z9", "EvaluateTargetHealth": False}
        zone.put("lb-alias.example.com", AliasTarget=target)
        testbed.terminate(instance)
        testbed.finish()

        left = {
            (key[0].partition(".")[0], key[2]): [record["Value"] for record in content.get("ResourceRecords", ())]
            for key, content in zone.record_sets.items()
            if key[1] not in {"NS", "SOA", "TXT"}
        }
        assert left == {
            ("six", ""): ["2001:db8::2"],
            ("weighted", "three"): [OTHER],
            ("multi", "n"): [OTHER],
            ("latency", "eu"): [OTHER],
            ("\\052", ""): [OTHER],
            ("cname", ""): ["elsewhere.example.com"],
            ("lb-alias", ""): [],
        }
        assert zone.record_sets["latency.example.com.", "A", "eu"]["Region"] == "eu-west-1"
        assert "text.example.com." in {key[0] for key in zone.record_sets}
        assert "and 6 more" in ended(testbed)[1]

    def test_only_the_names_and_zones_of_the_plan(self, testbed: Testbed, zone: Zone) -> None:
        other = testbed.dns.zone("example.org")
        instance = leaving(testbed, zone, names=[WEB.upper(), "{instance}.example.com"])
        address = testbed.addresses.private(instance)
        zone.put(WEB, address, OTHER)
        zone.put(f"{instance}.example.com", "10.0.0.251")
        zone.put("untold.example.com", address)
        other.put("web.example.org", address)
        testbed.terminate(instance)
        testbed.finish()
        assert zone.values(WEB) == [OTHER]
        assert zone.values(f"{instance}.example.com") is None
        assert zone.values("untold.example.com") == [address]
        assert other.values("web.example.org") == [address]

    def test_two_that_leave_at_once_do_not_write_each_other_back(self, testbed: Testbed, zone: Zone) -> None:
        instances = testbed.group(3, plan=plan(zone, names=[WEB]))
        addresses = [testbed.addresses.private(instance) for instance in instances]
        zone.put(WEB, *addresses)
        zone.before_next = [
            # Somebody else takes the second one out, and puts another one in, after it was read for the first.
            lambda: zone.put(WEB, addresses[0], addresses[2], OTHER),
        ]
        for instance in instances:
            testbed.terminate(instance)
        testbed.run(10)
        testbed.finish()
        assert zone.values(WEB) == [OTHER]
        assert len(testbed.completions()) == 3

    def test_a_set_that_changes_in_between_is_read_again(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        address = testbed.addresses.private(instance)
        zone.put(WEB, address, OTHER)
        zone.before_next = [partial(zone.put, WEB, address, OTHER, "10.1.1.1", ttl=ttl) for ttl in (61, 62, 63)]
        testbed.terminate(instance)
        testbed.run(6)
        assert "again, somebody else changed them" in (testbed.record().detail or "")
        testbed.finish()
        assert zone.values(WEB) == [OTHER, "10.1.1.1"]
        assert zone.record_sets[f"{WEB}.", "A", ""]["TTL"] == 63
        assert testbed.calls("route53")[MUTATING] == 4

    def test_one_that_is_gone_before_it_is_changed_is_done(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        zone.put(WEB, testbed.addresses.private(instance))
        zone.before_next = [zone.record_sets.clear]
        testbed.terminate(instance)
        testbed.finish()
        assert ended(testbed)[1] == f"taken out of {WEB} A"
        # When it went is not known: a minute for Route 53's servers, and the TTL.
        assert ended(testbed)[0] >= 120

    def test_an_instance_without_records_is_done(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        zone.put(WEB, OTHER)
        testbed.terminate(instance)
        testbed.finish()
        assert ended(testbed)[1] == f"instance {instance} has no record in hosted zone {zone.id}"
        assert MUTATING not in testbed.calls("route53")

    def test_a_zone_there_is_not_is_said(self, testbed: Testbed, zone: Zone) -> None:
        (instance,) = testbed.group(plan=plan(zone, zones=["ZNOWHERE", zone.id]))
        zone.put(WEB, testbed.addresses.private(instance))
        testbed.terminate(instance)
        testbed.run(500)
        # It fails, and the work on the zones that there are is done all the same.
        assert testbed.completions() == []
        assert zone.values(WEB) is None
        assert f"there is no hosted zone ZNOWHERE; taken out of {WEB} A: create it" in (testbed.record().problem or "")

    def test_a_zone_that_goes_midway_is_done(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone, wait_for_ttl=False)
        zone.put(WEB, testbed.addresses.private(instance))
        zone.before_next = [testbed.dns.zones.clear]
        testbed.terminate(instance)
        testbed.run(1)
        testbed.dns.zones.clear()
        testbed.finish()
        assert ended(testbed)[1] == f"taken out of {WEB} A"

    def test_a_change_that_is_refused_holds_the_instance(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        zone.put(WEB, testbed.addresses.private(instance))
        message = f"[The record set {WEB} A is protected: ask the network team]"
        testbed.region.faults.fail("route53", MUTATING, code="InvalidChangeBatch", message=message)
        testbed.terminate(instance)
        testbed.run(120)
        assert testbed.record().status is Status.HELD
        assert "ask the network team" in (testbed.record().problem or "")

    def test_lost_answers_are_made_up_for(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        zone.put(WEB, testbed.addresses.private(instance), OTHER, ttl=100)
        for operation in ("ListResourceRecordSets", MUTATING, "GetChange"):
            testbed.region.faults.lose_response("route53", operation)
        testbed.terminate(instance)
        testbed.finish()
        assert zone.values(WEB) == [OTHER]
        # The change itself is not known by its id: its minute is waited out, and then the TTL all the same.
        assert ended(testbed)[0] >= 160
        assert testbed.calls("route53")[MUTATING] == 1

    @pytest.mark.parametrize("code", ["Throttling", "PriorRequestNotComplete"])
    def test_throttling_is_waited_out(self, testbed: Testbed, zone: Zone, code: str) -> None:
        instance = leaving(testbed, zone)
        zone.put(WEB, testbed.addresses.private(instance), OTHER)
        for operation in ("ListResourceRecordSets", MUTATING, "GetChange"):
            testbed.region.faults.fail("route53", operation, code=code, times=4)
        testbed.terminate(instance)
        testbed.finish()
        assert ended(testbed)[1] == f"taken out of {WEB} A"
        assert zone.values(WEB) == [OTHER]

    def test_a_permission_that_is_missing_is_named(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        zone.put(WEB, testbed.addresses.private(instance))
        testbed.region.faults.deny("route53", MUTATING)
        testbed.terminate(instance)
        testbed.run(120)
        assert testbed.record().status is Status.HELD
        assert "permission route53:ChangeResourceRecordSets is missing" in (testbed.record().problem or "")

    def test_a_change_that_route_53_has_forgotten(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        zone.takes = 5000
        zone.put(WEB, testbed.addresses.private(instance))
        testbed.terminate(instance)
        testbed.run(20)
        testbed.dns.forget_changes()
        testbed.finish()
        assert 120 <= ended(testbed)[0] <= 160

    def test_an_instance_that_survives_keeps_its_records(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        zone.put(WEB, testbed.addresses.private(instance))
        testbed.autoscaling.replace_root_volume(instance)
        testbed.run(600)
        assert zone.values(WEB) == [testbed.addresses.private(instance)]
        assert testbed.calls("route53") == {}

    def test_a_dry_run_changes_nothing(self, testbed: Testbed, zone: Zone) -> None:
        (instance,) = testbed.group(plan={**plan(zone), "dry_run": True})
        address = testbed.addresses.private(instance)
        zone.put(WEB, address, OTHER)
        zone.put("alone.example.com", address)
        testbed.terminate(instance)
        testbed.finish()
        detail = ended(testbed)[1]
        assert detail == f"dry run: would delete alone.example.com A, take {address} out of {WEB} A"
        assert MUTATING not in testbed.calls("route53")

    def test_a_zone_of_many_pages_and_more_changes_than_a_batch_takes(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        address = testbed.addresses.private(instance)
        for number in range(700):
            zone.put(f"other-{number}.example.com", OTHER)
        for number in range(5):
            zone.put(f"to-the-end-{number}.example.com", address, *(f"10.200.{number}.{each}" for each in range(250)))
        testbed.terminate(instance)
        testbed.finish()
        assert all(len(zone.values(f"to-the-end-{number}.example.com") or ()) == 250 for number in range(5))
        assert testbed.calls("route53")[MUTATING] == 5

    def test_more_sets_of_one_name_than_a_page_holds(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone, names=[WEB])
        for number in range(120):
            zone.put(WEB, f"10.200.0.{number}", SetIdentifier=f"i-{number:04}", MultiValueAnswer=True)
        zone.put(WEB, testbed.addresses.private(instance), SetIdentifier="z", MultiValueAnswer=True)
        testbed.terminate(instance)
        testbed.finish()
        assert zone.values(WEB, identifier="z") is None
        assert testbed.calls("route53")["ListResourceRecordSets"] == 3 * 2

    def test_named_records_cost_one_request_each(self, testbed: Testbed, zone: Zone) -> None:
        for number in range(700):
            zone.put(f"zone-{number}.example.com", OTHER)
        instances = testbed.group(2, plan=plan(zone, names=[WEB]))
        zone.put(WEB, OTHER, *map(testbed.addresses.private, instances))
        for instance in instances:
            testbed.terminate(instance)
            testbed.run(200)
        assert len(testbed.completions()) == 2
        assert testbed.calls("route53")["ListResourceRecordSets"] == 2 * 2
        assert testbed.calls("route53")[MUTATING] == 2

    def gone(self, testbed: Testbed, instance: str) -> Record:
        with testbed.region.unobserved():
            testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
        testbed.finish()
        (record,) = [record for record in testbed.deployment.records() if record.instance == instance]
        return record

    def test_of_an_instance_that_is_gone_what_bears_its_id_is_found(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        address = testbed.addresses.private(instance)
        zone.put(WEB, address)
        zone.put("own.example.com", address, SetIdentifier=instance, Weight=1, ttl=5000)
        record = self.gone(testbed, instance)
        assert zone.values("own.example.com", identifier=instance) is None
        assert zone.values(WEB) == [address]
        detail = record.step_outcomes[0].detail
        assert "the instance is gone, nothing is waited for" in detail
        assert "EC2 had forgotten its addresses before they were read" in detail

    def test_names_made_of_the_id_need_no_address(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone, names=["{instance}.example.com"])
        zone.put(f"{instance}.example.com", testbed.addresses.private(instance))
        record = self.gone(testbed, instance)
        assert zone.values(f"{instance}.example.com") is None
        assert "forgotten" not in record.step_outcomes[0].detail

    def test_its_addresses_are_remembered_when_it_goes_midway(self, testbed: Testbed, zone: Zone) -> None:
        instance = leaving(testbed, zone)
        zone.put(WEB, testbed.addresses.public(instance), OTHER)
        testbed.region.faults.throttle("route53", MUTATING, times=3)
        testbed.terminate(instance)
        testbed.run(5)
        assert zone.values(WEB) != [OTHER]
        self.gone(testbed, instance)
        assert zone.values(WEB) == [OTHER]


class TestAddition:
    def launched(self, testbed: Testbed, zone: Zone, **options: Any) -> str:
        """Launch one instance whose hook adds a record, and return its id."""
        return self.launch(testbed, plan(zone, "add-dns-record", **{"name": WEB, **options}))

    def launch(self, testbed: Testbed, chosen: dict[str, Any]) -> str:
        before = set(testbed.group(0))
        testbed.autoscaling.put_hook(
            GROUP,
            LAUNCH_HOOK,
            "LAUNCHING",
            HeartbeatTimeout=300,
            NotificationMetadata=json.dumps({"plan": chosen}),
        )
        testbed.autoscaling.scale(GROUP, 1)
        (instance,) = set(testbed.autoscaling.instances(GROUP)) - before
        return instance

    def test_it_is_done_when_all_servers_know(self, testbed: Testbed, zone: Zone) -> None:
        instance = self.launched(testbed, zone)
        testbed.run(20)
        assert "waiting until all servers of Route 53 know" in (testbed.record().detail or "")
        testbed.finish()
        assert zone.values(WEB) == [testbed.addresses.private(instance)]
        assert zone.record_sets[f"{WEB}.", "A", ""]["TTL"] == 60
        assert 30 <= ended(testbed)[0] <= 50

    def test_its_address_joins_the_others(self, testbed: Testbed, zone: Zone) -> None:
        zone.put(WEB, OTHER, ttl=17)
        instance = self.launched(testbed, zone, address="public")
        testbed.finish()
        assert zone.values(WEB) == [OTHER, testbed.addresses.public(instance)]
        assert zone.record_sets[f"{WEB}.", "A", ""]["TTL"] == 17

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"routing": "weighted", "weight": 0}, {"Weight": 0}),
            ({"routing": "multivalue"}, {"MultiValueAnswer": True}),
        ],
    )
    def test_a_record_set_of_its_own(
        self, testbed: Testbed, zone: Zone, options: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        zone.put(WEB, OTHER, SetIdentifier="other", ttl=30, **expected)
        instance = self.launched(testbed, zone, **options)
        testbed.finish()
        own = zone.record_sets[f"{WEB}.", "A", instance]
        assert own == {
            "Name": f"{WEB}.",
            "Type": "A",
            "SetIdentifier": instance,
            **expected,
            "TTL": 30,
            "ResourceRecords": [{"Value": testbed.addresses.private(instance)}],
        }
        assert zone.values(WEB, identifier="other") == [OTHER]

    def test_a_name_of_its_own_is_removed_again_on_the_way_out(self, testbed: Testbed, zone: Zone) -> None:
        instance = self.launched(testbed, zone, name="{instance}.example.com", ttl="5s")
        testbed.finish()
        assert zone.values(f"{instance}.example.com") == [testbed.addresses.private(instance)]

    def test_ipv6(self, testbed: Testbed, zone: Zone) -> None:
        instance = self.launched(testbed, zone, type="AAAA")
        testbed.addresses.give(instance, "2001:db8::7")
        testbed.finish()
        assert zone.values(WEB, "AAAA") == ["2001:db8::7"]

    def test_one_that_is_there_is_done_at_once(self, testbed: Testbed, zone: Zone) -> None:
        instance = self.launched(testbed, zone)
        address = testbed.addresses.private(instance)
        zone.put(WEB, OTHER, address)
        testbed.finish()
        assert ended(testbed)[1] == f"{WEB} A holds {address} already"
        assert MUTATING not in testbed.calls("route53")

    @pytest.mark.parametrize(("options", "told"), [({"address": "public"}, "public IPv4"), ({"type": "AAAA"}, "IPv6")])
    def test_an_instance_without_such_an_address_is_held(
        self, testbed: Testbed, zone: Zone, options: dict[str, Any], told: str
    ) -> None:
        instance = self.launched(testbed, zone, **options)
        testbed.addresses.take_public(instance)
        testbed.run(60)
        assert testbed.record().status is Status.HELD
        assert f"instance {instance} has no {told} address for {WEB}" in (testbed.record().problem or "")

    def test_an_address_that_ec2_is_about_to_give_is_waited_for(self, testbed: Testbed, zone: Zone) -> None:
        instance = self.launched(testbed, zone, address="public")
        testbed.addresses.hold_back(instance)
        testbed.run(60)
        assert "waiting for EC2 to give the instance a public IPv4 address" in (testbed.record().detail or "")
        testbed.addresses.bring_up(instance, "203.0.113.9")
        testbed.finish()
        assert zone.values(WEB) == ["203.0.113.9"]

    @pytest.mark.parametrize(
        ("there", "told"),
        [
            ({"kind": "CNAME", "values": ["elsewhere.example.com"]}, "is a CNAME"),
            ({"values": [OTHER], "SetIdentifier": "blue", "Weight": 1}, "web.example.com A of blue is weighted"),
            ({"AliasTarget": {"DNSName": "lb.", "HostedZoneId": "Z9", "EvaluateTargetHealth": False}}, "is alias"),
        ],
    )
    def test_what_is_in_the_way_holds_the_instance(
        self, testbed: Testbed, zone: Zone, there: dict[str, Any], told: str
    ) -> None:
        zone.put(WEB, *there.pop("values", ()), **there)
        self.launched(testbed, zone)
        testbed.run(60)
        assert testbed.record().status is Status.HELD
        assert told in (testbed.record().problem or "")
        assert MUTATING not in testbed.calls("route53")

    def test_a_zone_there_is_not_holds_the_instance(self, testbed: Testbed, zone: Zone) -> None:
        zone.id = "ZNOWHERE"
        self.launched(testbed, zone)
        testbed.run(60)
        assert testbed.record().status is Status.HELD
        assert "there is no hosted zone ZNOWHERE" in (testbed.record().problem or "")

    @pytest.mark.parametrize("present", [True, False])
    def test_somebody_else_is_faster(self, testbed: Testbed, zone: Zone, *, present: bool) -> None:
        if present:
            zone.put(WEB, "10.1.1.1")
        zone.before_next = [lambda: zone.put(WEB, OTHER)]
        instance = self.launched(testbed, zone)
        testbed.finish()
        assert zone.values(WEB) == [OTHER, testbed.addresses.private(instance)]
        assert testbed.calls("route53")[MUTATING] == 2

    def test_lost_answers_add_once(self, testbed: Testbed, zone: Zone) -> None:
        for operation in ("ListResourceRecordSets", MUTATING, "GetChange"):
            testbed.region.faults.lose_response("route53", operation)
        instance = self.launched(testbed, zone)
        testbed.finish()
        assert zone.values(WEB) == [testbed.addresses.private(instance)]
        assert ended(testbed)[0] >= 60
        assert testbed.calls("route53")[MUTATING] == 1

    def test_throttling_is_waited_out(self, testbed: Testbed, zone: Zone) -> None:
        for operation in ("ListResourceRecordSets", MUTATING, "GetChange"):
            testbed.region.faults.throttle("route53", operation, times=3)
        instance = self.launched(testbed, zone)
        testbed.finish()
        assert zone.values(WEB) == [testbed.addresses.private(instance)]

    def test_a_permission_that_is_missing_is_named(self, testbed: Testbed, zone: Zone) -> None:
        testbed.region.faults.deny("route53", "ListResourceRecordSets")
        self.launched(testbed, zone)
        testbed.run(120)
        assert testbed.record().status is Status.HELD
        assert "permission route53:ListResourceRecordSets is missing" in (testbed.record().problem or "")

    @pytest.mark.parametrize(
        ("there", "told"),
        [(None, "would add {address} to"), (OTHER, "would add {address} to"), ("own", "holds {address} already")],
    )
    def test_a_dry_run_adds_nothing(self, testbed: Testbed, zone: Zone, there: str | None, told: str) -> None:
        chosen = {**plan(zone, "add-dns-record", name=WEB), "dry_run": True}
        instance = self.launch(testbed, chosen)
        address = testbed.addresses.private(instance)
        if there is not None:
            zone.put(WEB, address if there == "own" else there)
        testbed.finish()
        assert told.format(address=address) in ended(testbed)[1]
        assert MUTATING not in testbed.calls("route53")


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        ("remove-dns-records", {}, "zones"),
        ("remove-dns-records", {"zones": []}, "at least 1 entries"),
        (
            "remove-dns-records",
            {"zones": ["example.com"]},
            "option 'zones[0]': is 'example.com'; expected the id of a hosted zone, such as 'Z1D633PJN98FT9'",
        ),
        ("remove-dns-records", {"zones": ["Z1"], "types": ["MX"]}, "MX"),
        (
            "add-dns-record",
            {"zone": WEB, "name": WEB},
            "option 'zone': is 'web.example.com'; expected the id of a hosted zone, such as 'Z1D633PJN98FT9'",
        ),
        ("add-dns-record", {"zone": "Z1", "name": WEB, "routing": "weighted"}, "weight goes with routing weighted"),
        ("add-dns-record", {"zone": "Z1", "name": WEB, "weight": 3}, "weight goes with routing weighted"),
        ("add-dns-record", {"zone": "Z1", "name": WEB, "ttl": "99999d"}, "expected no more than 2147483647 seconds"),
    ],
)
def test_bad_options_are_refused(kind: str, options: dict[str, Any], told: str) -> None:
    problems = find_problems({"steps": [{"kind": kind, "options": options}]})
    assert any(told in str(problem) for problem in problems), problems
