"""Requests that are signed for a Region which does not exist are refused as AWS refuses them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import boto3

from asg_lifecycle_simulator.region.faults import Fault, FaultKind

if TYPE_CHECKING:
    from moto.core.request import Request

SCOPE = re.compile(r"Credential=[^/,]+/[0-9]{8}/([^/,]+)/")
"""The Region in the `Authorization` header of a request (Signature Version 4)."""

NO_REGION = Fault(FaultKind.REFUSED, "SignatureDoesNotMatch", "Credential should be scoped to a valid region.", 403)


def refused_region(request: Request) -> Fault | None:
    """Return how a request for an unknown Region is refused; None for one that can be served."""
    found = SCOPE.search(request.headers.get("Authorization", ""))
    return NO_REGION if found is not None and found[1] not in _known_regions() else None


@cache
def _known_regions() -> frozenset[str]:
    """Return the Regions of all partitions, and the names under which services without Regions are signed."""
    session = boto3.Session()
    partitions = session.get_available_partitions()
    regions = {region for partition in partitions for region in session.get_available_regions("ec2", partition)}
    return frozenset({*regions, *partitions, *(f"{partition}-global" for partition in partitions)})
