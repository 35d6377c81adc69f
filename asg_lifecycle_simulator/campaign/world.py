"""The steps of a run in its simulated region: prepares instances, disturbs the work, and judges it at each CONTINUE."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.campaign.kinds.catalog import CAMPAIGN_KINDS
from asg_lifecycle_simulator.campaign.waits import OURS
from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle_simulator.campaign.history import RunHistory
    from asg_lifecycle_simulator.campaign.kinds.base import CampaignKind
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed
    from asg_lifecycle_simulator.region.log import LogEntry

RELEASED = "CONTINUE CompleteLifecycleAction"
"""How the log says that we have released an instance."""

SURVIVED = frozenset({"pool-return", "root-volume"})
"""The moves that instances survive: what would forget them for good is left out (R22, R23)."""


class World:
    """What a run's steps work on.

    Args:
        testbed: the region and the application.
        history: of the run, which names the scenario; it is told what was not done.
    """

    def __init__(self, testbed: Testbed[Deployment], history: RunHistory) -> None:
        self._testbed = testbed
        self._history = history
        self._kinds = [CAMPAIGN_KINDS[step.kind](step, testbed) for step in history.scenario.steps]
        self._settled: set[str] = set()
        self._since: dict[str, float] = {}

    def arrange(self) -> None:
        """Make what all instances share, and follow the region's log from now on."""
        for kind in self._kinds:
            kind.arrange()
        self._testbed.region.log.on_entry.append(self._follow)

    def _follow(self, entry: LogEntry) -> None:
        if not entry.hook.startswith(OURS):
            return
        if entry.kind is LogKind.WAIT_STARTED:
            self._since[entry.token] = entry.time
            # The log is written in the midst of a change.
            self._after(0.0, entry.instance, self._begin)
        elif entry.kind is LogKind.COMPLETED and entry.detail == RELEASED and not self._needs_nothing(entry.instance):
            undone = tuple(self._undone(entry.instance, self._since[entry.token]))
            if undone:
                self._history.undone[entry.token] = undone

    def _needs_nothing(self, instance: str) -> bool:
        """Return whether nothing need be done for a CONTINUE: EC2 has ended the instance, or another hook keeps it.

        That other hook of ours has the same plan. What one of two such executions has done, the other one finds done:
        it need not wait until everybody knows.
        """
        if instance in self._history.gone_at:
            return True
        active = self._testbed.autoscaling.actions.active
        return any(action.instance == instance and action.hook.name.startswith(OURS) for action in active)

    def _begin(self, instance: str) -> None:
        for kind in self._kinds:
            if instance not in self._settled:
                kind.settle(instance)
            kind.waits(instance)
            for seconds in kind.step.disturbed_at:
                self._after(seconds, instance, partial(self._disturb, kind))
        self._settled.add(instance)

    def _disturb(self, kind: CampaignKind, instance: str) -> None:
        # Whoever undoes work that is done, undoes what the application cannot know of any more.
        if self._testbed.autoscaling.instance_state(instance) is None:
            return
        if instance not in self._history.gone_at and kind.undone(instance, self._testbed.timeline.now()) is not None:
            log = self._testbed.region.log
            before = len(log)
            kind.disturb(instance)
            self._history.disturbed += list(log)[before:]
            self._testbed.region.faults.met["disturbed"] += 1

    def _undone(self, instance: str, since: float) -> Iterator[str]:
        survives = self._history.scenario.move in SURVIVED
        for kind in self._kinds:
            if kind.step.left_out or (survives and kind.forgets_for_good):
                continue
            if kind.step.fails:
                yield f"anything could be done about {kind.kind}, which fails: {kind.step.shape}"
            elif (undone := kind.undone(instance, since)) is not None:
                yield undone

    def _after(self, seconds: float, instance: str, then: Callable[[str], None]) -> None:
        region = self._testbed.region

        def guarded() -> None:
            with region.lock:
                then(instance)

        self._testbed.timeline.call_after(seconds, guarded, name="campaign")
