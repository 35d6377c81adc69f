"""Every sample event is answered by the packaged function that it is for, as docs/local-invoke.md says.

`sam local invoke` needs Docker. This is the same package, with the same environment, under the same Runtime Interface
Emulator and runtime client, without the container.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.runtime.function_package import ROOT, emulator, sam
from tests.runtime.local_lambda import FUNCTION, PATH, of_this_machine, start, start_function
from tests.runtime.processes import LOOPBACK, Processes, free_ports, listens, request, until
from tests.runtime.sample_events import DUPLICATE, HANDLERS, INTERRUPTION, KEPT, LIFECYCLE_ACTION, OVER, SAMPLES
from tests.template.expanded import source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime.function_package import Package
    from tests.runtime.local_lambda import LocalLambda
    from tests.template.sam_environment import SamEnvironment

SAM = sam()
EVENTS = ROOT / "events"
PAGE = (ROOT / "docs" / "local-invoke.md").read_text()
ROW = re.compile(r"^\| `([a-z-]+)\.json` \| `(\w+)` \| `([a-z ]+)` \|", re.MULTILINE)
IN_AN_EMPTY_REGION = {INTERRUPTION}
"""Where the instance is in a group of ours, the function would invoke the durable one, which is not there."""

needs_sam = pytest.mark.skipif(SAM is None, reason="needs aws-sam-cli: `make unit` installs it and sets SAM")


def test_every_event_is_in_the_table_and_the_table_is_the_pages() -> None:
    assert SAMPLES.keys() == {path.stem for path in EVENTS.glob("*.json")}
    on_page = {name: (function, outcome) for name, function, outcome in ROW.findall(PAGE)}
    assert on_page == {name: (sample.function, sample.outcome) for name, sample in SAMPLES.items()}


def test_the_handlers_are_those_of_the_template() -> None:
    resources = source()["Resources"]
    assert {name: resources[name]["Properties"]["Handler"] for name in HANDLERS} == HANDLERS


@pytest.mark.waits
@needs_sam
@pytest.mark.skipif(sys.platform != "linux", reason="the Runtime Interface Emulator is a Linux program")
def test_every_event_is_answered_in_the_lambda_runtime(
    package: Package, environments: dict[str, SamEnvironment], logs: Path
) -> None:
    assert SAM is not None
    answered: dict[str, str] = {}
    with Processes(logs) as processes:
        durable = start(
            processes,
            package,
            emulator(SAM),
            variables=environments[LIFECYCLE_ACTION].given,
            contents=("--scenario", "terminate", "--no-waiting"),
        )
        empty = _empty_region(processes)
        for function, handler in HANDLERS.items():
            if function == LIFECYCLE_ACTION:
                continue
            port, runtime_port = free_ports(2)
            region = empty if function in IN_AN_EMPTY_REGION else durable.region
            own = of_this_machine(package, region=region, executions=durable.executions)
            start_function(
                processes,
                package,
                emulator(SAM),
                handler=handler,
                environment=environments[function].given | own,
                ports=(port, runtime_port),
            )
            until(f"{function} listens", partial(listens, port))
            for name in (name for name, sample in SAMPLES.items() if sample.function == function):
                answered[name] = _outcome(_invoked(port, event(name)))
        for name in (name for name, sample in SAMPLES.items() if sample.function == LIFECYCLE_ACTION):
            answered[name] = _outcome(_executed(durable, event(name)))
    # Several are of one wait: what comes after the first of them is a duplicate.
    first = {name: OVER if outcome == DUPLICATE else outcome for name, outcome in answered.items()}
    assert first == {name: sample.outcome for name, sample in SAMPLES.items()}
    assert set(answered.values()) >= {OVER, DUPLICATE}


@needs_sam
def test_without_docker_sam_local_invoke_gets_as_far_as_the_container(tmp_path: Path) -> None:
    assert SAM is not None
    asked = subprocess.run(  # noqa: S603 - the pinned SAM
        [SAM, "local", "invoke", "SignalFunction", "--event", EVENTS / "signal.json"],
        cwd=ROOT,
        # Nothing listens there, whatever this machine has.
        env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock", "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 1
    assert "container runtime" in asked.stderr, asked.stderr


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def _invoked(port: int, payload: object) -> Any:
    return request(f"http://{LOOPBACK}:{port}/2015-03-31/functions/{FUNCTION}/invocations", payload)


def _executed(durable: LocalLambda, payload: object) -> Any:
    started = request(
        f"{durable.executions}/start-durable-execution",
        {
            "AccountId": "123456789012",
            "FunctionName": FUNCTION,
            "FunctionQualifier": "$LATEST",
            "ExecutionName": str(uuid.uuid4()),
            "ExecutionTimeoutSeconds": 600,
            "ExecutionRetentionPeriodDays": 1,
            "InvocationId": str(uuid.uuid4()),
            "Input": json.dumps(payload),
        },
    )
    address = f"{durable.executions}/2025-12-01/durable-executions/{quote(started['ExecutionArn'], safe='')}"
    until("the execution has ended", lambda: request(address)["Status"] != "RUNNING")
    return json.loads(request(address)["Result"])


def _outcome(answer: dict[str, Any]) -> str:
    assert "errorMessage" not in answer, answer
    return str(answer.get("outcome") or (KEPT if answer["batchItemFailures"] else "handed on"))


def _empty_region(processes: Processes) -> str:
    (port,) = free_ports(1)
    processes.start_module(
        "empty-region",
        *("asg_lifecycle_simulator", "--port", str(port), "--scenario", "none"),
        environment=PATH,
        folder=ROOT,
    )
    until("the empty Region listens", partial(listens, port))
    return f"http://{LOOPBACK}:{port}"
