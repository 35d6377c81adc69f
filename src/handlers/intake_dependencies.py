"""The parts of the functions that start or wake executions, made once per Lambda environment."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from asg_lifecycle.composition.intake import compose_intake
from asg_lifecycle.settings import IntakeSettings

if TYPE_CHECKING:
    from asg_lifecycle.composition.intake import IntakeDependencies


@cache
def intake_dependencies() -> IntakeDependencies:
    """Return the parts, made when the first event arrives.

    Raises:
        KeyError: the environment lacks a setting.
    """
    return compose_intake(IntakeSettings.from_environment(os.environ))


@cache
def urgent_intake_dependencies() -> IntakeDependencies:
    """Return the parts of a function that has seconds, not minutes, for Auto Scaling's answers.

    Raises:
        KeyError: the environment lacks a setting.
    """
    return compose_intake(IntakeSettings.from_environment(os.environ), urgent=True)
