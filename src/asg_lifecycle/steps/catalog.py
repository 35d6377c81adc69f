"""The kinds of steps there are. A new one is added here, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.steps.add_dns_record import AddDnsRecord
from asg_lifecycle.steps.attach_volume import AttachVolume
from asg_lifecycle.steps.create_image import CreateImage
from asg_lifecycle.steps.create_snapshot import CreateSnapshot
from asg_lifecycle.steps.deregister_classic_elb import DeregisterClassicElb
from asg_lifecycle.steps.deregister_cloud_map import DeregisterCloudMap
from asg_lifecycle.steps.deregister_targets import DeregisterTargets
from asg_lifecycle.steps.detach_volume import DetachVolume
from asg_lifecycle.steps.drain_ecs import DrainEcs
from asg_lifecycle.steps.drain_kubernetes import DrainKubernetes
from asg_lifecycle.steps.http_request import SendHttpRequest
from asg_lifecycle.steps.invoke_function import InvokeFunction
from asg_lifecycle.steps.move_address import MoveAddress
from asg_lifecycle.steps.publish_event import PublishEvent
from asg_lifecycle.steps.register_targets import RegisterTargets
from asg_lifecycle.steps.remove_dns_records import RemoveDnsRecords
from asg_lifecycle.steps.run_automation import RunAutomation
from asg_lifecycle.steps.run_command import RunCommand
from asg_lifecycle.steps.start_execution import StartExecution
from asg_lifecycle.steps.wait import Wait
from asg_lifecycle.steps.wait_for_capacity import WaitForCapacity
from asg_lifecycle.steps.wait_for_ecs import WaitForEcs
from asg_lifecycle.steps.wait_for_kubernetes import WaitForKubernetes
from asg_lifecycle.steps.wait_for_managed import WaitForManaged
from asg_lifecycle.steps.wait_for_metric import WaitForMetric
from asg_lifecycle.steps.wait_for_signal import WaitForSignal
from asg_lifecycle.steps.wait_for_status_checks import WaitForStatusChecks

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Step

CATALOG: tuple[type[Step], ...] = (
    AddDnsRecord,
    AttachVolume,
    CreateImage,
    CreateSnapshot,
    DeregisterCloudMap,
    DeregisterClassicElb,
    DeregisterTargets,
    DetachVolume,
    DrainEcs,
    DrainKubernetes,
    SendHttpRequest,
    InvokeFunction,
    MoveAddress,
    PublishEvent,
    RegisterTargets,
    RemoveDnsRecords,
    RunAutomation,
    RunCommand,
    StartExecution,
    Wait,
    WaitForCapacity,
    WaitForEcs,
    WaitForKubernetes,
    WaitForManaged,
    WaitForMetric,
    WaitForSignal,
    WaitForStatusChecks,
)

KINDS: dict[str, type[Step]] = {step.kind: step for step in CATALOG}
