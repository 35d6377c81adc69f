"""The history of a run, which the checker reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.campaign.scenario import Scenario
    from asg_lifecycle_simulator.region.log import LogEntry
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
    from asg_lifecycle_simulator.services.run_command.model import Invocation

GROUP = "web"
OUR_HOOK = "asg-lifecycle-main"
OUR_SECOND_HOOK = "asg-lifecycle-second"
FOREIGN_HOOK = "somebody-elses"
BYSTANDER_POOL = "bystanders"


@dataclass(kw_only=True)
class RunHistory:
    """What happened in one run.

    Attributes:
        scenario: what was run.
        started_at: when it began, seconds since the epoch.
        log: the region's own log.
        records: the current record of each wait.
        executions: all executions.
        commands: how each command went on each instance.
        registered: names of the target groups that each instance was registered with.
        settled_at: when that was and Systems Manager began to manage it, by instance.
        undone: what was not done on the instance when Auto Scaling was told CONTINUE, by the token of the action; only
            actions with something undone.
        disturbed: entries of the log that somebody made who undoes work, not the application.
        gone_at: when EC2 terminated an instance without its group, by instance.
        said: operators' messages: when, what, to which instance and hook.
        sampled: the metrics that were written to standard output.
        faults: how many faults were met, by kind.
        stopped: ARNs of executions that were stopped from outside.
        unfinished: executions still running at the end.
    """

    scenario: Scenario
    started_at: float
    log: list[LogEntry] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    executions: list[SimulatedExecution] = field(default_factory=list)
    commands: list[Invocation] = field(default_factory=list)
    registered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settled_at: dict[str, float] = field(default_factory=dict)
    undone: dict[str, tuple[str, ...]] = field(default_factory=dict)
    disturbed: list[LogEntry] = field(default_factory=list)
    gone_at: dict[str, float] = field(default_factory=dict)
    said: list[tuple[float, str, str, str]] = field(default_factory=list)
    sampled: str = ""
    faults: dict[str, int] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    unfinished: int = 0
