"""Each example plan has a guide, and what the guide sets up is enough for the plan."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.cli.plan_files import read_plan
from asg_lifecycle.model.durations import seconds
from asg_lifecycle.model.hook_proposal import StackParameters, needed_heartbeat, work_length
from asg_lifecycle.model.timing import GLOBAL_TIMEOUT_CAP
from asg_lifecycle.plans.validation import parse
from asg_lifecycle.steps.catalog import CATALOG, KINDS
from tests.template.checks import LISTS
from tests.template.expanded import expand, source

if TYPE_CHECKING:
    from asg_lifecycle.model.plans import Plan

ROOT = Path(__file__).parents[1]
PLANS = sorted((ROOT / "plans").glob("*.yaml"))
GUIDES = ROOT / "docs" / "guides"
every_plan = pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)


def plan_of(file: Path) -> Plan:
    plan = read_plan(file.read_text(encoding="utf-8")).plan
    assert plan is not None
    return parse(plan)


def guide_of(file: Path) -> str:
    return (GUIDES / f"{file.stem}.md").read_text(encoding="utf-8")


def test_there_is_a_guide_for_each_plan_and_no_other() -> None:
    assert {file.stem for file in GUIDES.glob("*.md")} == {file.stem for file in PLANS} | {"README"}
    index = (GUIDES / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\((\w[\w-]*)\.md\)", index)) == [file.stem for file in PLANS]


@every_plan
def test_the_guide_switches_on_what_the_plan_needs(file: Path) -> None:
    wanted = {KINDS[step.kind].template_parameter for step in plan_of(file).leaves()} - {None}
    defaults = {name for name, it in expand(source()).template["Parameters"].items() if it["Default"] == "on"}
    written = re.findall(rf"`(\w+)=on`|`({'|'.join(LISTS)})=[\w.*,:/-]+`", guide_of(file))
    assert {switch or filled for switch, filled in written} == wanted - defaults


@every_plan
def test_the_hook_is_made_for_the_plan_that_was_put_and_explained_when_it_is_there(file: Path) -> None:
    guide, found = guide_of(file), read_plan(file.read_text(encoding="utf-8"))
    made = re.findall(r"^    asg-lifecycle install-hook --group (\S+) --(launch|terminate)$", guide, re.MULTILINE)
    if not made:
        assert "put-lifecycle-hook" in guide
        return
    ((group, transition),) = made
    assert transition == found.transition
    shown = [line.strip() for line in guide.splitlines() if line.startswith("    asg-lifecycle ")]
    assert shown == [
        f"asg-lifecycle plan check plans/{file.name}",
        f"asg-lifecycle plan put {group} plans/{file.name}",
        f"asg-lifecycle install-hook --group {group} --{transition}",
        f"asg-lifecycle plan explain --group {group}",
    ]


def heartbeat_of(file: Path) -> int:
    """Return the heartbeat timeout of the hook that a guide makes, seconds: said, or chosen by `install-hook`."""
    said = re.findall(r"--heartbeat-timeout (\d+)", guide_of(file))
    if said:
        return int(said[0])
    parameters = StackParameters(hook_name_prefix="asg-lifecycle", sweep_interval=300)
    return needed_heartbeat(work_length(plan_of(file), parameters), parameters.sweep_interval)


@every_plan
def test_the_hook_lives_as_long_as_the_plan(file: Path) -> None:
    heartbeat = heartbeat_of(file)
    plan = plan_of(file)
    # R4: a hundred heartbeat timeouts, 48 hours at most. A plan without a timeout has its steps'.
    lives = min(100.0 * heartbeat, GLOBAL_TIMEOUT_CAP)
    steps = sum(seconds(step.timeout) for step in plan.steps if step.timeout is not None)
    assert lives >= max(seconds(plan.timeout) if plan.timeout is not None else 0.0, steps)
    # What all texts advise: shorter, and a lost event might not be found in time.
    assert heartbeat >= 900


@every_plan
def test_the_transition_is_the_plans(file: Path) -> None:
    ways_in = {"add-dns-record", "attach-volume", "move-address", "register-targets"} | {
        kind for kind in KINDS if kind.startswith("wait-for-")
    }
    way_out = {kind for kind in KINDS if kind.startswith(("deregister-", "detach-", "drain-", "remove-"))}
    kinds = {step.kind for step in plan_of(file).leaves()}
    if re.search(r"_LAUNCHING|install-hook --group \S+ --launch", guide_of(file)):
        assert kinds & ways_in
        assert not kinds & way_out
    else:
        assert re.search(r"_TERMINATING|install-hook --group \S+ --terminate", guide_of(file))


def test_every_kind_of_step_is_shown_in_a_plan() -> None:
    shown = {step.kind for file in PLANS for step in plan_of(file).leaves()}
    assert {step.kind for step in CATALOG} - shown == set()
