"""Every kind of step that the campaign knows: one entry for each kind of the application's catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.campaign.kinds.addresses import MoveAddress
from asg_lifecycle_simulator.campaign.kinds.capacity import WaitForCapacity
from asg_lifecycle_simulator.campaign.kinds.containers import DrainEcs, WaitForEcs
from asg_lifecycle_simulator.campaign.kinds.copies import CreateImage, CreateSnapshot
from asg_lifecycle_simulator.campaign.kinds.http_apis import HttpRequest
from asg_lifecycle_simulator.campaign.kinds.kubernetes import DrainKubernetes, WaitForKubernetes
from asg_lifecycle_simulator.campaign.kinds.load_balancing import (
    DeregisterClassicElb,
    DeregisterTargets,
    RegisterTargets,
)
from asg_lifecycle_simulator.campaign.kinds.messages import (
    InvokeFunction,
    PublishEvent,
    RunCommand,
    WaitForManaged,
    WaitForSignal,
)
from asg_lifecycle_simulator.campaign.kinds.names import AddDnsRecord, DeregisterCloudMap, RemoveDnsRecords
from asg_lifecycle_simulator.campaign.kinds.observations import Wait, WaitForMetric, WaitForStatusChecks
from asg_lifecycle_simulator.campaign.kinds.volumes import AttachVolume, DetachVolume
from asg_lifecycle_simulator.campaign.kinds.workflows import RunAutomation, StartExecution

if TYPE_CHECKING:
    from asg_lifecycle_simulator.campaign.kinds.base import CampaignKind

CAMPAIGN_KINDS: dict[str, type[CampaignKind]] = {
    each.kind: each
    for each in (
        AddDnsRecord,
        AttachVolume,
        CreateImage,
        CreateSnapshot,
        DeregisterClassicElb,
        DeregisterCloudMap,
        DeregisterTargets,
        DetachVolume,
        DrainEcs,
        DrainKubernetes,
        HttpRequest,
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
}
"""By kind."""
