"""The kinds that wait for time, a metric or EC2's checks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import EITHER, LAUNCH, CampaignKind, Shape
from asg_lifecycle_simulator.services.status_checks import Checks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

LENGTHS = {"plain": 45.0, "long": 300.0}
MINUTE = 60.0
MEASURED = 240
"""Minutes for which there are values of a metric."""

NAMESPACE, METRIC = "Workers", "Busy"


class Wait(CampaignKind):
    """`wait`."""

    kind = "wait"
    transitions = EITHER
    shapes: ClassVar[Mapping[str, Shape]] = {
        name: Shape(options={"duration": f"{length:g}s"}) for name, length in LENGTHS.items()
    }

    def undone(self, instance: str, since: float) -> str | None:
        """Return that the time is not over."""
        del instance
        return None if self.now >= since + LENGTHS[self.step.shape] else "the time to wait was over"


class WaitForMetric(CampaignKind):
    """`wait-for-metric`: each instance has a metric that is 1 while it is busy, and 0 then."""

    kind = "wait-for-metric"
    transitions = EITHER
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {"cloudwatch": ("GetMetricData",)}

    @classmethod
    def drawn_options(cls, random: Random) -> dict[str, Any]:
        """Draw the number of periods."""
        busy = {"namespace": NAMESPACE, "name": METRIC, "dimensions": {"InstanceId": "{instance}"}}
        return {"metrics": {"busy": busy}, "comparison": "<=", "threshold": 0, "periods": random.choice((1, 2))}

    def arrange(self) -> None:
        """Make the list of when each instance falls idle."""
        self._idle_at: dict[str, float] = {}

    def settle(self, instance: str) -> None:
        """Write all of the instance's values: those of the future are not read before their time."""
        first = self.now - self.now % MINUTE
        self._idle_at[instance] = self.now + self.step.takes
        values = [
            {
                "MetricName": METRIC,
                "Dimensions": [{"Name": "InstanceId", "Value": instance}],
                "Timestamp": datetime.fromtimestamp(first + number * MINUTE, UTC),
                "Value": float(first + number * MINUTE <= self._idle_at[instance]),
            }
            for number in range(MEASURED)
        ]
        with self.testbed.region.unobserved():
            self.testbed.region.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=values)

    def undone(self, instance: str, since: float) -> str | None:
        """Return that it is busy."""
        del since
        return None if self.now >= self._idle_at[instance] else "it was idle"


class WaitForStatusChecks(CampaignKind):
    """`wait-for-status-checks`."""

    kind = "wait-for-status-checks"
    transitions = LAUNCH
    shapes: ClassVar[Mapping[str, Shape]] = {
        "pass": Shape(weight=5),
        "never pass": Shape(endless=True),
    }
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {"ec2": ("DescribeInstanceStatus",)}

    def arrange(self) -> None:
        """Decide how the checks go."""
        never = self.step.shape == "never pass"
        self.testbed.status_checks.behave(Checks(passes_after=self.step.takes, system="impaired" if never else "ok"))

    def undone(self, instance: str, since: float) -> str | None:
        """Return that they have not passed."""
        del since
        return None if self.testbed.status_checks.have_passed(instance) else "its status checks had passed"
