from __future__ import annotations

import pytest

from asg_lifecycle.settings import Settings


@pytest.mark.parametrize("path", ["/asg-lifecycle/stack/plans", "/asg-lifecycle/stack/plans/"])
def test_a_slash_at_the_end_of_the_plan_path_makes_no_difference(path: str) -> None:
    settings = Settings.from_environment({"TABLE_NAME": "table", "PLAN_PATH": path})
    assert settings.plan_path == "/asg-lifecycle/stack/plans"


def test_what_is_not_set() -> None:
    settings = Settings.from_environment({"TABLE_NAME": "table"})
    assert (settings.plan_path, settings.drains_per_group, settings.signals) == ("", None, False)
    assert settings.record_retention == 30 * 86_400
