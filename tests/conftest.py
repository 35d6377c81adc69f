"""What holds for all tests."""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings
from typer import testing
from typer.main import get_command

if TYPE_CHECKING:
    from collections.abc import Generator

    from typer import Typer
    from typer.core import TyperCommand

# A machine that is busy takes its time: how long an example or its data take says nothing about the code.
# `make fuzz` draws more examples for longer.
settings.register_profile("unhurried", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("unhurried"), max_examples=100)
settings.load_profile("unhurried")

# Seconds. About a twentieth of the run went into threads that take turns while each has something to compute. They
# still take turns wherever one waits; the campaign that is run by hand keeps the default, which mixes them more.
sys.setswitchinterval(0.05)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--thorough`, for each night and a release: every case of every test, and more at random."""
    parser.addoption("--thorough", action="store_true", help="every case of every test, and more at random")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what waits for other processes, and leave most cases out of a test that says `one_of(3)`.

    Which are left out depends on their names alone, so every run and every worker tries the same. A run that is
    thorough, or names single tests, leaves out none.
    """
    # Where nothing is left to do meanwhile, at the end, the wait would be added to the run.
    items.sort(key=lambda item: item.get_closest_marker("waits") is None)
    if config.getoption("--thorough") or any("::" in argument for argument in config.args):
        return
    tried: set[str] = set()
    left_out = []
    for item in items:
        mark, test = item.get_closest_marker("one_of"), item.nodeid.partition("[")[0]
        if mark is None or test not in tried or crc32(item.nodeid.encode()) % mark.args[0] == 0:
            tried.add(test)
        else:
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        dropped = {id(item) for item in left_out}
        items[:] = [item for item in items if id(item) not in dropped]


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Return whether this run may take its time."""
    return bool(pytestconfig.getoption("--thorough"))


def pytest_collection_finish() -> None:
    """Keep the garbage collector off what lives as long as the run: a fifth of the run went into looking through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@cache
def _tree_of(application: Typer, _: str | None) -> TyperCommand:
    return get_command(application)  # type: ignore[return-value]  # click's class, which typer carries


def pytest_sessionfinish() -> None:
    """Look for garbage once at the end: pytest does it five times, in each worker, through all that is there."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a test that passed has printed and logged from the process that reports, which would read all of it."""
    report = yield
    if report.passed and "P" not in item.config.getoption("reportchars"):
        report.sections.clear()
    return report


def pytest_configure(config: pytest.Config) -> None:
    """Have a thorough run draw more, and the tree of our commands made once.

    typer's `CliRunner` makes that for each call, which takes longer than most calls. The tree keeps nothing of a call.
    It depends on one variable: whether typer looks for the shell that called.
    """
    if config.getoption("--thorough"):
        settings.load_profile("thorough")
    detection = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"
    replaced: dict[str, object] = vars(testing)
    replaced["_get_command"] = lambda application: _tree_of(application, os.environ.get(detection))
