"""Plays the drain that the demo shows. What it needs takes seconds to import, which the demo does when it is seen."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rich.live import Live

from asg_lifecycle.cli.story_page.page import story_page
from asg_lifecycle.composition.lifecycle_action import compose
from asg_lifecycle.model.story_telling import story_of
from asg_lifecycle.settings import Settings
from asg_lifecycle_simulator.demo.checker import complaints_about
from asg_lifecycle_simulator.demo.drain import HEARTBEAT_TIMEOUT, TABLE, Drain
from asg_lifecycle_simulator.demo.view import SHOWN, clock, cost, history, view
from asg_lifecycle_simulator.deployment.table import create_table
from asg_lifecycle_simulator.deployment.told_entries import told_by_simulator
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import ScaledTimeline
from asg_lifecycle_simulator.server import presets
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.durable_executions.metering import metered, noting_branches
from asg_lifecycle_simulator.services.durable_executions.scaled_runner import local_runner
from asg_lifecycle_simulator.services.run_command.service import RunCommand
from asg_lifecycle_simulator.services.target_groups import TargetGroups
from handlers import lifecycle_action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aws_durable_execution_sdk_python_testing.runner import DurableFunctionTestRunner
    from rich.console import Console

FRAMES_PER_SECOND = 8
EXECUTION_TIMEOUT = 180_000
PATIENCE = 60.0
"""Real seconds after which a demo that has not ended is given up."""


def play(console: Console, scale: float, delay: int, begin: Callable[[], None], page: Path | None = None) -> list[str]:
    """Drain one of two instances, show it, and return what was wrong with it.

    Args:
        console: where it is shown.
        scale: how much faster than real time.
        delay: the deregistration delay, seconds.
        begin: called when there is something to see.
        page: where its story is written as a page, None for nowhere.
    """
    timeline = ScaledTimeline(scale)
    region = Region(timeline)
    autoscaling = region.add(AutoScaling(region))
    region.add(TargetGroups(region, autoscaling))
    run_command = region.add(RunCommand(region))
    try:
        with region:
            create_table(region, TABLE)
            presets.build(
                autoscaling,
                run_command,
                presets.Settings(table=TABLE, deregistration_delay=delay, heartbeat_timeout=HEARTBEAT_TIMEOUT),
            )
            with _deployed(region, timeline) as runner:
                drain = Drain(autoscaling, timeline, presets.INSTANCES[0], timeline.now())
                autoscaling.terminate(drain.instance)
                begin()
                ended = _watch(console, drain)
                # The handler's last invocation writes the record after the completion that ended the wait.
                arns = runner.started
                for arn in arns if ended else ():
                    runner.runner.wait_for_result(arn, timeout=10)
                operations = sum(runner.metered_operations(arn) for arn in arns)
            if console.is_terminal:
                # Elsewhere each line of it has been printed when it happened.
                console.print(history(drain))
            console.print(cost(drain, operations))
            if page is not None:
                _write_page(console, drain, page)
            complaints = complaints_about(drain.entries(), HEARTBEAT_TIMEOUT)
            return complaints if ended else [f"not ended within {PATIENCE:.0f} real seconds", *complaints]
    finally:
        timeline.close()


def _write_page(console: Console, drain: Drain, file: Path) -> None:
    """Write the story of the drain as a page, and say where; or why it could not be written."""
    record = drain.record()
    if record is None:
        return
    story = story_of(record, drain.timeline.now(), source=told_by_simulator(drain.entries()))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(story_page(story), encoding="utf-8")
    except OSError as error:
        console.print(f"its story could not be written: {error}", style="yellow", highlight=False, soft_wrap=True)
        return
    console.print(f"Its story, to open in a browser: {file}", highlight=False, markup=False, soft_wrap=True)


@dataclass(frozen=True)
class _Deployed:
    runner: DurableFunctionTestRunner
    started: list[str]
    branches: set[str]

    def metered_operations(self, arn: str) -> int:
        """Return how many operations Lambda would meter for an execution."""
        # The runner hands out copies that do not say what they are.
        record = self.runner._store.load(arn)  # noqa: SLF001 - there is no other way to its operations
        return metered(record.operations, branches=len(self.branches), retried_invocations=0)


@contextlib.contextmanager
def _deployed(region: Region, timeline: ScaledTimeline) -> Iterator[_Deployed]:
    settings = Settings(table=TABLE, hook_name_prefix="asg-lifecycle", record_retention=86_400.0)
    application = compose(settings, clock=timeline.now)

    started: list[str] = []
    handler = partial(lifecycle_action.handle, dependencies=application)
    branches: set[str] = set()
    with (
        noting_branches(branches),
        local_runner(handler, timeline, execution_timeout=EXECUTION_TIMEOUT) as runner,
    ):

        def start(event: object) -> None:
            started.append(runner.run_async(input=json.dumps(event), execution_timeout=EXECUTION_TIMEOUT))

        region.subscribe(start)
        yield _Deployed(runner, started, branches)


def _watch(console: Console, drain: Drain) -> bool:
    """Show the drain until it has ended; return whether it has."""
    limit = time.monotonic() + PATIENCE
    if not console.is_terminal:
        return _tell(console, drain, limit)
    live = Live(
        console=console,
        get_renderable=lambda: view(drain),
        refresh_per_second=FRAMES_PER_SECOND,
        # The application's own output goes to its file.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with live:
        while not _ended(drain) and time.monotonic() < limit:
            time.sleep(1 / FRAMES_PER_SECOND)
    return _ended(drain)


def _tell(console: Console, drain: Drain, limit: float) -> bool:
    told = 0
    while time.monotonic() < limit:
        ended = _ended(drain)
        entries = [entry for entry in drain.entries() if entry.kind in SHOWN]
        for entry in entries[told:]:
            at = clock(entry.time - drain.started)
            console.print(f"{at}  {entry.kind}  {entry.detail}".rstrip(), highlight=False, markup=False)
        told = len(entries)
        if ended:
            return True
        time.sleep(1 / FRAMES_PER_SECOND)
    return False


def _ended(drain: Drain) -> bool:
    record = drain.record()
    return record is not None and record.ended_at is not None and drain.instance_is_gone
