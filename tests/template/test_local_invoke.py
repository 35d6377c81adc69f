"""`sam local invoke` with no option of its own reaches the simulator with no edit of the template."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from asg_lifecycle_simulator.__main__ import DEFAULT_PORT
from asg_lifecycle_simulator.server.presets import Settings
from asg_lifecycle_simulator.server.server import REGION
from tests.template.expanded import ROOT, TEMPLATE

SAM = Path(os.environ.get("SAM", ROOT / ".venv-sam" / "bin" / "sam"))
ASK = """
import json, sys
from unittest.mock import MagicMock
from samcli.commands.local.cli_common.invoke_context import InvokeContext
from samcli.commands.local.lib.local_lambda import LocalLambdaRunner
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

template, variables, region = sys.argv[1:]
functions = SamFunctionProvider(SamLocalStackProvider.get_stacks(template)[0])
(function,) = [it for it in functions.get_all() if it.name == "LifecycleActionFunction"]
values = InvokeContext._get_env_vars_value(variables)
runner = LocalLambdaRunner(MagicMock(), functions, ".", ".", aws_region=region, env_vars_values=values)
print(json.dumps(runner._make_env_vars(function).resolve()))
"""
"""What SAM does before it starts a container, which needs Docker."""


@pytest.fixture
def options() -> dict[str, Any]:
    """Return the options that `sam local invoke` takes from `samconfig.toml`."""
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())
    invoke: dict[str, Any] = configured["default"]["local_invoke"]["parameters"]
    return invoke


@pytest.mark.skipif(
    "SAM" not in os.environ and not SAM.exists(), reason="needs aws-sam-cli: `make unit` installs it and sets SAM"
)
def test_the_function_is_given_the_simulator(options: dict[str, Any]) -> None:
    answer = subprocess.run(  # noqa: S603 - the pinned SAM's Python
        [SAM.with_name("python"), "-c", ASK, TEMPLATE, ROOT / options["env_vars"], options["region"]],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    variables = json.loads(answer.stdout.splitlines()[-1])
    assert {value for value in variables.values() if not isinstance(value, str)} == set()
    wanted = {
        "AWS_ENDPOINT_URL": f"http://host.docker.internal:{DEFAULT_PORT}",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_REGION": REGION,
        "HOOK_NAME_PREFIX": "asg-lifecycle",
        "RECORD_RETENTION_DAYS": "30",
        "TABLE_NAME": Settings.table,
    }
    assert {name: variables[name] for name in wanted} == wanted


def test_the_container_finds_this_machine_and_the_event(options: dict[str, Any]) -> None:
    assert options["add_host"] == "host.docker.internal:host-gateway"
    event = json.loads((ROOT / options["event"]).read_text())
    assert event["region"] == options["region"] == REGION
