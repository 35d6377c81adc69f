from __future__ import annotations

import pytest

from asg_lifecycle.plans.built_in import DEFAULT_FEATURES, NEEDING_TAGS
from asg_lifecycle.settings import FEATURE_VARIABLES, IntakeSettings, Settings

SWITCHES = ("SIGNALS", "ACTION_EVENTS", "ACTION_TOPIC", *FEATURE_VARIABLES)
OWN = {"AWS_LAMBDA_FUNCTION_NAME": "stack-LifecycleAction", "FUNCTION_ALIAS": "live"}
LEAST = {"TABLE_NAME": "table", **OWN, **dict.fromkeys(SWITCHES, "off")}


@pytest.mark.parametrize("path", ["/asg-lifecycle/stack/plans", "/asg-lifecycle/stack/plans/"])
def test_a_slash_at_the_end_of_the_plan_path_makes_no_difference(path: str) -> None:
    settings = Settings.from_environment(LEAST | {"PLAN_PATH": path})
    assert settings.plan_path == "/asg-lifecycle/stack/plans"


def test_what_is_not_set() -> None:
    settings = Settings.from_environment(LEAST)
    assert (settings.plan_path, settings.drains_per_group, settings.signals) == ("", None, False)
    assert settings.record_retention == 30 * 86_400
    assert settings.built_in_features == frozenset()
    assert (settings.sweep_interval, settings.hand_over_at) == (300, 2_500)


def test_the_function_knows_its_own_alias() -> None:
    assert Settings.from_environment(LEAST).function == "stack-LifecycleAction:live"


@pytest.mark.parametrize("variable", OWN)
def test_a_function_that_does_not_know_itself_is_an_error(variable: str) -> None:
    environment = {name: value for name, value in LEAST.items() if name != variable}
    with pytest.raises(KeyError, match=variable):
        Settings.from_environment(environment)


def test_every_feature_of_built_in_plans_has_its_variable() -> None:
    assert set(FEATURE_VARIABLES.values()) == DEFAULT_FEATURES | NEEDING_TAGS


@pytest.mark.parametrize("variable", FEATURE_VARIABLES)
def test_each_switch_switches_its_own_feature(variable: str) -> None:
    settings = Settings.from_environment(LEAST | {variable: "on"})
    assert settings.built_in_features == {FEATURE_VARIABLES[variable]}


@pytest.mark.parametrize("events", ["on", "off"])
def test_others_are_told_of_actions_where_that_is_on(events: str) -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:stack-actions"
    told = {"ACTION_EVENTS": events, "ACTION_TOPIC": "on", "ACTION_TOPIC_ARN": arn}
    settings = Settings.from_environment(LEAST | told)
    assert (settings.action_events, settings.action_topic) == (events == "on", arn)
    assert Settings.from_environment(LEAST | told | {"ACTION_TOPIC": "off"}).action_topic == ""


@pytest.mark.parametrize(("value", "found"), [(None, "is not set"), ("true", "is 'true'")])
def test_what_a_switch_was_found_to_be_is_said(value: str | None, found: str) -> None:
    environment = {name: kept for name, kept in (LEAST | {"SIGNALS": value}).items() if kept is not None}
    with pytest.raises(ValueError, match=rf"^SIGNALS {found}; "):
        Settings.from_environment(environment)


def test_the_minutes_between_sweeps_are_read_as_seconds() -> None:
    least = {"TABLE_NAME": "table", "FUNCTION_ARN": "arn:aws:lambda:eu-west-1:123456789012:function:f:live"}
    assert IntakeSettings.from_environment(least).sweep_interval == 300
    assert IntakeSettings.from_environment(least | {"SWEEP_MINUTES": "7"}).sweep_interval == 420
    assert Settings.from_environment(LEAST | {"SWEEP_MINUTES": "7"}).sweep_interval == 420


@pytest.mark.parametrize("value", ["", "true", "On", "{}", None])
@pytest.mark.parametrize("variable", SWITCHES)
def test_a_switch_that_is_neither_on_nor_off_is_an_error(variable: str, value: str | None) -> None:
    environment = {name: kept for name, kept in (LEAST | {variable: value}).items() if kept is not None}
    with pytest.raises(ValueError, match=rf"^{variable} is .*; expected 'on' or 'off'"):
        Settings.from_environment(environment)


@pytest.mark.parametrize("path", ["", "/"])
def test_an_empty_plan_path_is_an_error(path: str) -> None:
    # Without a path the plan that somebody wrote for the group would not be looked for.
    with pytest.raises(ValueError, match=rf"^PLAN_PATH is '{path}'; expected a path"):
        Settings.from_environment(LEAST | {"PLAN_PATH": path})


@pytest.mark.parametrize("variable", ["RECORD_RETENTION_DAYS", "DRAINS_PER_GROUP", "SWEEP_MINUTES"])
def test_an_empty_number_is_an_error(variable: str) -> None:
    with pytest.raises(ValueError, match=r"''"):
        Settings.from_environment(LEAST | {variable: ""})
