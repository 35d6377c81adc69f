"""The example plan that sends the last logs, against a simulated systemd with what writes and what forwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.execution.routed_api import plan_of
from tests.execution.shell_instance import ShellInstance

if TYPE_CHECKING:
    from pathlib import Path

    from tests.execution.conftest import Testbed

SYSTEMCTL = """
import json
path = os.environ["HOME"] + "/state.json"
state = json.load(open(path))
verb, unit = sys.argv[1], sys.argv[-1]
if verb == "is-active":
    sys.exit(0 if state["results"].get(unit) == "running" else 3)
if verb == "show":
    print(state["results"][unit])
if verb == "stop" and unit == "web":
    state["held"].append("the last line of web")
    state["results"][unit] = "success"
elif verb == "stop":
    state["results"][unit] = state["ends"]
    if state["ends"] == "success":
        state["received"] += state["held"]
        state["held"] = []
json.dump(state, open(path, "w"))
"""


def flushing(testbed: Testbed, folder: Path, *running: str, ends: str = "success") -> ShellInstance:
    """Return an instance that goes, on which units run; `ends` is how those end that forward."""
    (instance,) = testbed.group(plan=plan_of("log-flush"), heartbeat=900)
    it = ShellInstance(testbed, instance, folder)
    state = {"results": dict.fromkeys(["web", *running], "running"), "held": ["a line"], "received": [], "ends": ends}
    (folder / "state.json").write_text(json.dumps(state))
    it.has("systemctl", SYSTEMCTL)
    it.has("journalctl", "")
    testbed.terminate(instance)
    return it


def state_of(it: ShellInstance) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((it.folder / "state.json").read_text())
    return state


@pytest.mark.parametrize(
    "units", [("amazon-cloudwatch-agent",), ("vector",), ("amazon-cloudwatch-agent", "fluent-bit")]
)
def test_the_last_line_is_received_before_the_instance_goes(
    testbed: Testbed, tmp_path: Path, units: tuple[str, ...]
) -> None:
    it = flushing(testbed, tmp_path, *units)
    testbed.finish()
    assert testbed.record().status == "completed"
    state = state_of(it)
    assert (state["received"], state["held"]) == (["a line", "the last line of web"], [])
    assert set(state["results"].values()) == {"success"}
    asked = it.asked()
    assert asked.index("journalctl --sync") < asked.index(f"systemctl stop {units[0]}")
    assert testbed.elapsed >= 90
    assert f"stopped: {' '.join(units)}" in testbed.record().step_outcomes[-1].detail


@pytest.mark.parametrize(
    ("units", "ends", "why"),
    [
        (("fluent-bit",), "timeout", "fluent-bit was stopped with the result timeout"),
        ((), "success", "nothing that forwards logs is running here"),
    ],
)
def test_lines_that_may_not_have_been_sent_hold_the_instance(
    testbed: Testbed, tmp_path: Path, units: tuple[str, ...], ends: str, why: str
) -> None:
    it = flushing(testbed, tmp_path, *units, ends=ends)
    testbed.run(1200)
    record = testbed.record()
    assert (record.status, testbed.completions(), state_of(it)["received"]) == ("held", [], [])
    assert why in str(record.problem)
