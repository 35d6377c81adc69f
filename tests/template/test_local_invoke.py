"""`sam local invoke` gives each function what a deployment gives it, and reaches the simulator with no edit."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.settings import FEATURE_VARIABLES, IntakeSettings, Settings
from asg_lifecycle_simulator.server.command_line import DEFAULT_PORT
from asg_lifecycle_simulator.server.presets import Settings as Contents
from asg_lifecycle_simulator.server.server import REGION
from tests.runtime.function_package import FUNCTION, sam
from tests.template.expanded import ROOT, TEMPLATE, source
from tests.template.sam_environment import Invocation, sam_environments

if TYPE_CHECKING:
    from pathlib import Path

    from tests.template.sam_environment import SamEnvironment

DECLARED_EMPTY = {"AWS_ENDPOINT_URL"}
"""Empty on purpose, see the template."""

SWITCHES = ("Signals", "ActionEvents", "ActionTopic", *FEATURE_VARIABLES.values())

needs_sam = pytest.mark.skipif(sam() is None, reason="needs aws-sam-cli: `make unit` installs it and sets SAM")


UNRESOLVED = (
    "!Join ['', [!Ref Signals, !If [HearsSignals, a, !Ref AWS::NoValue]]]",
    "!If [HearsSignals, 'on', !Ref AWS::NoValue]",
    "''",
)
"""Values of a variable that SAM cannot resolve, or passes on empty."""

SWITCHED_ON = [
    {switch for number, switch in enumerate(SWITCHES, start=1) if number >> bit & 1}
    for bit in range(len(SWITCHES).bit_length())
]
"""The switches that are on in each run: no two are on in the same runs, and none is on in no run."""


@pytest.fixture(scope="module")
def environments() -> dict[str, SamEnvironment]:
    return sam_environments(Invocation())[0]


@pytest.fixture(scope="module")
def options() -> dict[str, Any]:
    """Return the options that `sam local invoke` takes from `samconfig.toml`."""
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())
    invoke: dict[str, Any] = configured["default"]["local_invoke"]["parameters"]
    return invoke


def lost(environments: dict[str, SamEnvironment]) -> list[str]:
    """Return the variables that SAM could not resolve, or that it passes on empty."""
    return [
        f"{function}.{variable}"
        for function, environment in environments.items()
        for variable, value in environment.declared.items()
        if not isinstance(value, str | int | float)
        or (environment.given[variable] == "" and variable not in DECLARED_EMPTY)
    ]


def settings_of(environment: SamEnvironment) -> Settings:
    return Settings.from_environment(environment.given)


@needs_sam
def test_no_function_loses_a_variable(environments: dict[str, SamEnvironment]) -> None:
    functions = {name for name, it in source()["Resources"].items() if it["Type"] == "AWS::Serverless::Function"}
    assert set(environments) == functions
    assert all(environment.declared for environment in environments.values())
    assert lost(environments) == []


@needs_sam
def test_a_variable_that_sam_cannot_resolve_is_found_out(tmp_path: Path) -> None:
    invocations = []
    for number, value in enumerate(UNRESOLVED):
        broken = tmp_path / f"template-{number}.yaml"
        broken.write_text(TEMPLATE.read_text().replace("SIGNALS: !Ref Signals", f"SIGNALS: {value}"))
        invocations.append(Invocation(template=broken))
    found = [lost(environments) for environments in sam_environments(*invocations)]
    assert found == [[f"{FUNCTION}.SIGNALS"]] * len(UNRESOLVED)


@needs_sam
def test_without_parameters_the_durable_function_is_given_the_defaults(
    environments: dict[str, SamEnvironment],
) -> None:
    assert settings_of(environments[FUNCTION]) == Settings(
        table="RecordsTable",
        hook_name_prefix="asg-lifecycle",
        record_retention=30 * 86_400.0,
        plan_path="/asg-lifecycle/local/plans",
        signals=True,
        built_in_features=frozenset({"TargetGroupSteps", "StatusCheckSteps"}),
        function=f"{FUNCTION}:live",
        action_events=True,
    )


@needs_sam
def test_each_switch_reaches_the_durable_function() -> None:
    off = dict.fromkeys(SWITCHES, "off")
    resolved = sam_environments(*(Invocation(parameters=off | dict.fromkeys(on, "on")) for on in SWITCHED_ON))
    for on, environments in zip(SWITCHED_ON, resolved, strict=True):
        settings = settings_of(environments[FUNCTION])
        assert settings.signals is ("Signals" in on)
        assert settings.action_events is ("ActionEvents" in on)
        assert settings.action_topic.endswith(":local-actions") is ("ActionTopic" in on)
        assert settings.built_in_features == on - {"Signals", "ActionEvents", "ActionTopic"}


@needs_sam
def test_the_other_functions_read_their_settings(environments: dict[str, SamEnvironment]) -> None:
    for name, environment in environments.items():
        if name != FUNCTION:
            settings = IntakeSettings.from_environment(environment.given)
            assert (settings.table, settings.hook_name_prefix) == ("RecordsTable", "asg-lifecycle"), name
            assert settings.function.startswith(FUNCTION), name
            assert settings.sweep_interval == 300.0, name


@needs_sam
def test_the_function_is_given_the_simulator(options: dict[str, Any]) -> None:
    invocation = Invocation(variables=ROOT / options["env_vars"], region=options["region"])
    given = sam_environments(invocation)[0][FUNCTION].given
    wanted = {
        "AWS_ENDPOINT_URL": f"http://host.docker.internal:{DEFAULT_PORT}",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "AWS_REGION": REGION,
        "HOOK_NAME_PREFIX": "asg-lifecycle",
        "RECORD_RETENTION_DAYS": "30",
        "TABLE_NAME": Contents.table,
    }
    assert {name: given[name] for name in wanted} == wanted


def test_the_container_finds_this_machine_and_the_event(options: dict[str, Any]) -> None:
    assert options["add_host"] == "host.docker.internal:host-gateway"
    event = json.loads((ROOT / options["event"]).read_text())
    assert event["region"] == options["region"] == REGION
