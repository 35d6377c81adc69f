"""Auto Scaling groups, lifecycle hooks and warm pools in CloudFormation stacks.

moto makes groups past its API, so the rules engine would not know them, and it makes neither hooks nor warm pools. Here
a stack makes them with the calls that CloudFormation makes, so that they are what a caller of the API gets. A property
that has no counterpart here fails the stack: nothing in a template is passed over. Changing and deleting them in a
stack is not simulated.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_AutoScaling.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from moto.autoscaling.models import FakeAutoScalingGroup, autoscaling_backends
from moto.core.common_models import CloudFormationModel

from asg_lifecycle_simulator.services.base import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asg_lifecycle_simulator.region.region import Region

NUMBERS = frozenset(
    {
        "Cooldown",
        "DesiredCapacity",
        "HealthCheckGracePeriod",
        "HeartbeatTimeout",
        "MaxGroupPreparedCapacity",
        "MaxSize",
        "MinSize",
    }
)
"""Properties that a template may give as text, and the API takes as numbers."""

GROUP_PROPERTIES = frozenset(
    {
        "AutoScalingGroupName",
        "AvailabilityZones",
        "CapacityRebalance",
        "Cooldown",
        "DesiredCapacity",
        "HealthCheckGracePeriod",
        "HealthCheckType",
        "InstanceLifecyclePolicy",
        "LaunchTemplate",
        "LifecycleHookSpecificationList",
        "MaxSize",
        "MinSize",
        "NewInstancesProtectedFromScaleIn",
        "Tags",
        "TargetGroupARNs",
        "VPCZoneIdentifier",
    }
)
HOOK_PROPERTIES = frozenset(
    {
        "AutoScalingGroupName",
        "DefaultResult",
        "HeartbeatTimeout",
        "LifecycleHookName",
        "LifecycleTransition",
        "NotificationMetadata",
        "NotificationTargetARN",
        "RoleARN",
    }
)
POOL_PROPERTIES = frozenset(
    {"AutoScalingGroupName", "InstanceReusePolicy", "MaxGroupPreparedCapacity", "MinSize", "PoolState"}
)


class StackHook(CloudFormationModel):
    """A lifecycle hook that a stack makes. moto finds this class by its type.

    Attributes:
        physical_resource_id: the hook's name.
    """

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the hook of a name."""
        return cls(name)

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return the property that names a hook."""
        return "LifecycleHookName"

    @staticmethod
    def cloudformation_type() -> str:
        """Return the kind of resource."""
        return "AWS::AutoScaling::LifecycleHook"


class StackWarmPool(CloudFormationModel):
    """A warm pool that a stack makes.

    Attributes:
        physical_resource_id: the name of its group.
    """

    def __init__(self, group: str) -> None:
        self.physical_resource_id = group

    @classmethod
    def of(cls, group: str) -> Self:
        """Return the warm pool of a group."""
        return cls(group)

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return that no property names a warm pool."""
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        """Return the kind of resource."""
        return "AWS::AutoScaling::WarmPool"


class StackGroups(Service):
    """What stacks make of Auto Scaling, in a region."""

    def install(self) -> None:
        """Make what stacks ask for with the API."""
        self._take_over(FakeAutoScalingGroup, self._make_group)
        self._take_over(StackHook, self._make_hook)
        self._take_over(StackWarmPool, self._make_warm_pool)

    def _take_over(self, model: object, make: Callable[[str, Mapping[str, Any]], object]) -> None:
        def create(
            _: object, resource_name: str, cloudformation_json: dict[str, Any], /, *__: object, **___: object
        ) -> object:
            return make(resource_name, cloudformation_json["Properties"])

        self.region.replace(model, "create_from_cloudformation_json", classmethod(create))

    def _make_group(self, name: str, properties: Mapping[str, Any]) -> FakeAutoScalingGroup:
        request = _request(properties, GROUP_PROPERTIES)
        if "VPCZoneIdentifier" in request:
            request["VPCZoneIdentifier"] = ",".join(request["VPCZoneIdentifier"])
        if "Cooldown" in request:
            request["DefaultCooldown"] = request.pop("Cooldown")
        with self.region.unobserved():
            self.region.client("autoscaling").create_auto_scaling_group(**request | {"AutoScalingGroupName": name})
        return _group(self.region, name)

    def _make_hook(self, name: str, properties: Mapping[str, Any]) -> StackHook:
        request = _request(properties, HOOK_PROPERTIES) | {"LifecycleHookName": name}
        with self.region.unobserved():
            self.region.client("autoscaling").put_lifecycle_hook(**request)
        return StackHook.named(name)

    def _make_warm_pool(self, _: str, properties: Mapping[str, Any]) -> StackWarmPool:
        with self.region.unobserved():
            self.region.client("autoscaling").put_warm_pool(**_request(properties, POOL_PROPERTIES))
        return StackWarmPool.of(properties["AutoScalingGroupName"])


def _group(region: Region, name: str) -> FakeAutoScalingGroup:
    return autoscaling_backends[region.account][region.name].autoscaling_groups[name]


def _request(properties: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return the parameters of a request that a resource's properties stand for.

    Raises:
        ValueError: there is a property among them that has no counterpart here.
    """
    unknown = properties.keys() - known
    if unknown:
        raise ValueError(f"the simulated stack does not know {', '.join(sorted(unknown))}")
    return {name: _value(name, value) for name, value in properties.items()}


def _value(name: str, value: object) -> object:
    match value:
        case list():
            return [_value(name, each) for each in value]
        case dict():
            return {inner: _value(inner, each) for inner, each in value.items()}
        case str() if name in NUMBERS:
            return int(value)
        case _:
            return value
