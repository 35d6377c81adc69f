"""What `wait-for-capacity` is told: whose capacity is counted, and how much of it there has to be."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from asg_lifecycle.model.bounds import matching
from asg_lifecycle.model.resource_names import EcsCluster
from asg_lifecycle.steps.support.cluster_choice import ClusterOptions

TARGET_GROUP_ARN = "arn:[a-z0-9-]+:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]+"


class EcsServiceName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ECS service."""

    cluster: Annotated[EcsCluster, Meta(description="Name or ARN of its cluster.")]
    name: Annotated[
        str,
        matching("^[A-Za-z0-9_-]{1,255}$", "the name of a service, up to 255 letters, digits, hyphens and underscores"),
        Meta(description="Its name."),
    ]


class DeploymentName(ClusterOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deployment of Kubernetes."""

    namespace: Annotated[
        str, matching("^[a-z0-9-]{1,63}$", "the name of a namespace"), Meta(description="Its namespace.")
    ]
    name: Annotated[str, matching("^[a-z0-9.-]{1,253}$", "the name of a deployment"), Meta(description="Its name.")]


class WaitForCapacityOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose capacity, and how much. Without one of the first three: that of the instance's Auto Scaling group."""

    target_group: Annotated[
        Annotated[
            str,
            matching(
                f"^({TARGET_GROUP_ARN}|[A-Za-z0-9-]{{1,32}})$",
                "the name or the ARN of a target group of Elastic Load Balancing",
            ),
        ]
        | None,
        Meta(description="Healthy targets of this target group of Elastic Load Balancing, by its name or ARN."),
    ] = None
    service: Annotated[EcsServiceName | None, Meta(description="Running tasks of this ECS service.")] = None
    deployment: Annotated[
        DeploymentName | None, Meta(description="Available pods of this deployment of Kubernetes.")
    ] = None
    at_least: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(
            description="How many have to be healthy without the instance. The default is as many as desired. Of a "
            "group, a service or a deployment never more than desired is waited for; a target group has no desired "
            "number of its own, so as many as this are waited for there."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse more than one place to count at.

        Raises:
            ValueError: more than one is named.
        """
        named = [each for each in ("target_group", "service", "deployment") if getattr(self, each) is not None]
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)} cannot be counted together: give one of them")
