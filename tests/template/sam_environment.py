"""The environment that `sam local invoke` gives to each function, resolved by SAM's own code."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.runtime.function_package import sam
from tests.template.expanded import ROOT, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REGION = "us-west-2"
RESOLVE = """
import json, sys
from unittest.mock import MagicMock
from samcli.commands.local.cli_common.invoke_context import InvokeContext
from samcli.commands.local.lib.local_lambda import LocalLambdaRunner
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

def environments(template, parameters, variables, region):
    stacks, _ = SamLocalStackProvider.get_stacks(template, parameter_overrides=parameters)
    functions = SamFunctionProvider(stacks)
    values = InvokeContext._get_env_vars_value(variables or None)
    runner = LocalLambdaRunner(MagicMock(), functions, ".", ".", aws_region=region, env_vars_values=values)
    return {
        function.name: {
            "declared": (function.environment or {}).get("Variables", {}),
            "given": runner._make_env_vars(function).resolve(),
        }
        for function in functions.get_all()
    }

print(json.dumps([environments(*asked) for asked in json.loads(sys.argv[1])]))
"""
"""What SAM does before it starts a container, which needs Docker."""


@dataclass(frozen=True, kw_only=True)
class SamEnvironment:
    """What SAM makes of one function's environment.

    Attributes:
        declared: what its resolver has made of the template's values; one that it cannot resolve is still an object.
        given: the variables the function gets, those that SAM adds included.
    """

    declared: dict[str, Any]
    given: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """With what `sam local invoke` is called.

    Attributes:
        template: the template.
        parameters: as `--parameter-overrides` gives them.
        variables: the file that `--env-vars` names.
        region: as `--region` gives it.
    """

    template: Path = TEMPLATE
    parameters: Mapping[str, str] = field(default_factory=dict)
    variables: Path | None = None
    region: str = REGION

    @property
    def asked(self) -> tuple[str, dict[str, str], str, str]:
        """What is asked of SAM's code."""
        return str(self.template), dict(self.parameters), str(self.variables or ""), self.region


def sam_environments(*invocations: Invocation) -> list[dict[str, SamEnvironment]]:
    """Return for each invocation the environment of every function of its template, by logical id.

    All in one process of SAM: to start it takes longer than what it is asked.

    Raises:
        RuntimeError: SAM is not there, or failed; the message is what it said.
    """
    executable = sam()
    if executable is None:
        raise RuntimeError("needs aws-sam-cli: `make unit` installs it and sets SAM")
    answer = subprocess.run(  # noqa: S603 - the pinned SAM's Python
        [
            *(executable.with_name("python"), "-c", RESOLVE),
            json.dumps(
                [(str(it.template), dict(it.parameters), str(it.variables or ""), it.region) for it in invocations]
            ),
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    found: list[dict[str, Any]] = json.loads(answer.stdout.splitlines()[-1])
    return [{name: SamEnvironment(**environment) for name, environment in each.items()} for each in found]
