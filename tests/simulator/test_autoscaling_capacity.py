"""The capacity of simulated groups: minimum size, suspended processes, failed launches, refreshes, late lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import GROUP

if TYPE_CHECKING:
    from tests.simulator.conftest import AutoScalingTestbed


def states(testbed: AutoScalingTestbed) -> dict[str, str]:
    (group,) = testbed.client.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
    return {each["InstanceId"]: each["LifecycleState"] for each in group["Instances"]}


def test_a_termination_that_shrinks_below_the_minimum_is_refused(auto_scaling: AutoScalingTestbed) -> None:
    (instance,) = auto_scaling.group()
    auto_scaling.client.update_auto_scaling_group(AutoScalingGroupName=GROUP, MinSize=1)
    with pytest.raises(ClientError, match="desiredSize equals minSize"):
        auto_scaling.service.terminate(instance, decrement=True)
    assert auto_scaling.state(instance) == "InService"
    auto_scaling.service.terminate(instance, decrement=False)
    assert len(states(auto_scaling)) == 1


def test_a_suspended_launch_replaces_nothing_until_it_is_resumed(auto_scaling: AutoScalingTestbed) -> None:
    (instance,) = auto_scaling.group()
    auto_scaling.client.suspend_processes(AutoScalingGroupName=GROUP, ScalingProcesses=["Launch"])
    auto_scaling.service.terminate(instance, decrement=False)
    assert states(auto_scaling) == {}
    auto_scaling.client.resume_processes(AutoScalingGroupName=GROUP, ScalingProcesses=["Launch"])
    assert set(states(auto_scaling).values()) == {"InService"}


def test_nothing_is_launched_where_ec2_has_no_capacity(auto_scaling: AutoScalingTestbed) -> None:
    (instance,) = auto_scaling.group()
    auto_scaling.service.launches(GROUP, possible=False)
    auto_scaling.service.terminate(instance, decrement=False)
    assert states(auto_scaling) == {}
    auto_scaling.service.launches(GROUP, possible=True)
    assert len(states(auto_scaling)) == 1


def test_one_instance_refresh_at_a_time(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.group()
    auto_scaling.client.start_instance_refresh(AutoScalingGroupName=GROUP)
    with pytest.raises(ClientError, match="already in progress"):
        auto_scaling.client.start_instance_refresh(AutoScalingGroupName=GROUP)
    auto_scaling.client.cancel_instance_refresh(AutoScalingGroupName=GROUP)
    with pytest.raises(ClientError, match="No in progress"):
        auto_scaling.client.cancel_instance_refresh(AutoScalingGroupName=GROUP)
    found = auto_scaling.client.describe_instance_refreshes(AutoScalingGroupName=GROUP)["InstanceRefreshes"]
    assert [each["Status"] for each in found] == ["Cancelled"]


def test_lists_show_instances_as_they_were(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held()
    auto_scaling.service.timings.listing = 20.0
    auto_scaling.complete(instance)
    auto_scaling.timeline.run_for(15)
    assert auto_scaling.state(instance) is None
    assert states(auto_scaling)[instance].startswith("Terminating")
    auto_scaling.timeline.run_for(30)
    assert instance not in states(auto_scaling)
