"""The example plan for devices of Tailscale, against a simulated API of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.routing import Rule

from tests.execution.http_api import answer
from tests.execution.routed_api import Routed, started

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from tests.execution.conftest import Testbed


class Tailscale(Routed):
    """Tailscale: devices are deleted by id; several may have one host name, and those of others are listed."""

    rules = (
        Rule("/api/v2/tailnet/-/devices", methods=["GET"], endpoint="listed"),
        Rule("/api/v2/device/<device>", methods=["GET"], endpoint="shown"),
        Rule("/api/v2/device/<device>", methods=["DELETE"], endpoint="deleted"),
    )
    secret = "tskey-api-abc"  # noqa: S105 - planted

    def __init__(self, testbed: Testbed) -> None:
        super().__init__(testbed)
        self.devices: dict[str, dict[str, Any]] = {}
        self.has("nOther", "i-0other")

    def has(self, device: str, hostname: str, *, external: bool = False) -> None:
        self.devices[device] = {"nodeId": device, "id": "1", "hostname": hostname, "isExternal": external}

    def listed(self, _: Request) -> Response:
        return answer({"devices": list(self.devices.values())})

    def shown(self, _: Request, device: str) -> Response:
        if device not in self.devices:
            return answer({"message": "not found"}, 404)
        return answer(self.devices[device])

    def deleted(self, _: Request, device: str) -> Response:
        if device not in self.devices:
            return answer({"message": "not found"}, 404)
        if self.devices[device]["isExternal"]:
            return answer({"message": "cannot delete devices outside of your tailnet"}, 501)
        del self.devices[device]
        return answer("")


def tailscale(testbed: Testbed, *hostnames: str) -> Tailscale:
    """Return the API, when an instance goes; its device has the id of the instance as its host name, or another."""
    api = Tailscale(testbed)
    secret = ("asg-lifecycle/prod/http/tailscale", api.secret)
    instance = started(testbed, "tailscale-device", api, host="api.tailscale.com", port=443, secret=secret)
    for number, hostname in enumerate(hostnames):
        api.has(f"n{number}", hostname.format(instance))
    api.has("nExternal", instance, external=True)
    testbed.terminate(instance)
    return api


def test_a_device_leaves_the_tailnet(testbed: Testbed) -> None:
    api = tailscale(testbed, "{}")
    testbed.finish()
    assert testbed.record().status == "completed"
    assert list(api.devices) == ["nOther", "nExternal"]
    assert testbed.elapsed < 120


@pytest.mark.parametrize("lost", ["listed", "shown", "deleted"])
def test_an_answer_of_tailscale_that_is_lost_is_asked_for_again(testbed: Testbed, lost: str) -> None:
    api = tailscale(testbed, "{}")
    api.loses = {lost}
    testbed.finish()
    assert testbed.record().status == "completed"
    assert testbed.elapsed < 600
    assert (list(api.devices), api.loses) == (["nOther", "nExternal"], set())


@pytest.mark.parametrize(
    ("hostnames", "why"),
    [((), "there is no devices"), (("ip-10-0-0-5",), "there is no devices"), (("{}", "{}"), "finds 2 values")],
)
def test_a_device_that_cannot_be_told_is_held(testbed: Testbed, hostnames: tuple[str, ...], why: str) -> None:
    api = tailscale(testbed, *hostnames)
    testbed.run(600)
    assert (testbed.record().status, why in str(testbed.record().problem)) == ("held", True)
    assert len(api.devices) == 2 + len(hostnames)


def test_a_tailscale_that_is_down_is_waited_for(testbed: Testbed) -> None:
    api = tailscale(testbed, "{}")
    api.down = True
    testbed.run(600)
    assert (testbed.completions(), "502" in str(testbed.record().detail)) == ([], True)
    api.down = False
    testbed.finish()
    assert (testbed.record().status, list(api.devices)) == ("completed", ["nOther", "nExternal"])
