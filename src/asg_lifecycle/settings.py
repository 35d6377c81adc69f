"""The settings of the Lambda functions, read from the environment once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from msgspec import Struct

from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS_PER_DAY = 86_400.0

LOCAL = "local"
"""The name of the stack where there is none."""

HAND_OVER_AT = 2_500
"""Operations of an execution, which may have 3,000: what is left is enough to start the successor through hours of
throttling, with the heartbeats."""

FEATURE_VARIABLES = {
    "TARGET_GROUP_STEPS": "TargetGroupSteps",
    "STATUS_CHECK_STEPS": "StatusCheckSteps",
    "ECS_STEPS": "EcsSteps",
    "KUBERNETES_STEPS": "KubernetesSteps",
}
"""The parameter of the template behind each variable that says whether built-in plans may use a feature of steps."""


class Settings(Struct, frozen=True, kw_only=True):
    """What the deployment decides for the durable function.

    Attributes:
        table: name of the DynamoDB table of records.
        hook_name_prefix: hooks whose name begins so are ours; empty means every hook that is not known to
            belong to another system.
        record_retention: seconds a record is kept after its action ended.
        drains_per_group: how many instances of one group do drain work at once where the plan does not say; None for
            as many as there are.
        plan_path: where named plans are in Parameter Store, without a slash at its end; empty for nowhere.
        signals: events say when a wait may be over.
        built_in_features: the features of steps that built-in plans may use.
        stack: name of the CloudFormation stack.
        sweep_interval: seconds between two sweeps, which find an action whose execution has died.
        function: name and alias of the durable function itself, as `name:alias`; empty where it starts no other
            execution.
        hand_over_at: operations at which an execution hands its action over to a fresh one.
        action_events: events about actions are put on the default bus.
        action_topic: ARN of the topic by which people are told of them; empty where none is.
        metrics_by_group: metrics are written for each group, too.
    """

    table: str
    hook_name_prefix: str
    record_retention: float
    drains_per_group: int | None = None
    plan_path: str = ""
    signals: bool = False
    built_in_features: frozenset[str] = frozenset()
    stack: str = LOCAL
    sweep_interval: float = 300.0
    function: str = ""
    hand_over_at: int = HAND_OVER_AT
    action_events: bool = False
    action_topic: str = ""
    metrics_by_group: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings of the durable function.

        `TABLE_NAME`, `HOOK_NAME_PREFIX`, `RECORD_RETENTION_DAYS`, `DRAINS_PER_GROUP`, `SWEEP_MINUTES`, `PLAN_PATH`,
        `FUNCTION_ALIAS` beside the `AWS_LAMBDA_FUNCTION_NAME` that Lambda sets, `ACTION_TOPIC_ARN`, and the switches
        `SIGNALS`, `ACTION_EVENTS`, `ACTION_TOPIC` and `FEATURE_VARIABLES`, each `on` or `off`. A switch or a path that
        got lost on its way would be a plan without steps, which releases instances: it is an error instead.
        `METRICS_BY_GROUP` may be missing: that is off.

        Raises:
            KeyError: `TABLE_NAME`, `AWS_LAMBDA_FUNCTION_NAME` or `FUNCTION_ALIAS` is not set; or `ACTION_TOPIC_ARN`
                where `ACTION_TOPIC` is on.
            ValueError: `RECORD_RETENTION_DAYS`, `DRAINS_PER_GROUP` or `SWEEP_MINUTES` is not a number, a switch is
                neither `on` nor `off` or not set, or `PLAN_PATH` is set and empty.
        """
        return cls(
            table=environment["TABLE_NAME"],
            hook_name_prefix=environment.get("HOOK_NAME_PREFIX", DEFAULT_HOOK_NAME_PREFIX),
            record_retention=float(environment.get("RECORD_RETENTION_DAYS", "30")) * SECONDS_PER_DAY,
            # CloudFormation passes a number; 0 stands for no limit.
            drains_per_group=int(environment.get("DRAINS_PER_GROUP", "0")) or None,
            plan_path=_plan_path(environment),
            signals=_is_on(environment, "SIGNALS"),
            built_in_features=frozenset(
                feature for variable, feature in FEATURE_VARIABLES.items() if _is_on(environment, variable)
            ),
            stack=environment.get("STACK_NAME", LOCAL),
            sweep_interval=_sweep_interval(environment),
            function=f"{environment['AWS_LAMBDA_FUNCTION_NAME']}:{environment['FUNCTION_ALIAS']}",
            action_events=_is_on(environment, "ACTION_EVENTS"),
            action_topic=environment["ACTION_TOPIC_ARN"] if _is_on(environment, "ACTION_TOPIC") else "",
            metrics_by_group=environment.get("METRICS_BY_GROUP") == "on",
        )


class IntakeSettings(Struct, frozen=True, kw_only=True):
    """What the deployment decides for the functions that start or wake executions.

    Attributes:
        table: name of the DynamoDB table of records.
        function: qualified ARN of the durable function.
        hook_name_prefix: hooks whose name begins so are ours.
        stack: name of the CloudFormation stack.
        sweep_interval: seconds between two sweeps.
        metrics_by_group: metrics are written for each group, too.
        action_events: an event is put on the default bus when the sweep holds an action.
        action_topic: ARN of the topic where the same is published, empty for none.
    """

    table: str
    function: str
    hook_name_prefix: str
    stack: str = LOCAL
    sweep_interval: float = 300.0
    metrics_by_group: bool = False
    action_events: bool = False
    action_topic: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return what the environment gives.

        `TABLE_NAME`, `FUNCTION_ARN`, `HOOK_NAME_PREFIX`, `STACK_NAME`, `SWEEP_MINUTES` and `METRICS_BY_GROUP`; of the
        sweep `ACTION_EVENTS`, `ACTION_TOPIC` and `ACTION_TOPIC_ARN`, too, without which nothing is published.

        Raises:
            KeyError: `TABLE_NAME` or `FUNCTION_ARN` is not set; or `ACTION_TOPIC_ARN` where `ACTION_TOPIC` is on.
            ValueError: `SWEEP_MINUTES` is not a number.
        """
        return cls(
            table=environment["TABLE_NAME"],
            function=environment["FUNCTION_ARN"],
            hook_name_prefix=environment.get("HOOK_NAME_PREFIX", DEFAULT_HOOK_NAME_PREFIX),
            stack=environment.get("STACK_NAME", LOCAL),
            sweep_interval=_sweep_interval(environment),
            metrics_by_group=environment.get("METRICS_BY_GROUP") == "on",
            action_events=environment.get("ACTION_EVENTS") == "on",
            action_topic=environment["ACTION_TOPIC_ARN"] if environment.get("ACTION_TOPIC") == "on" else "",
        )


def _sweep_interval(environment: Mapping[str, str]) -> float:
    return 60.0 * float(environment.get("SWEEP_MINUTES", "5"))


def _plan_path(environment: Mapping[str, str]) -> str:
    path = environment.get("PLAN_PATH")
    if path is not None and not path.strip("/"):
        raise ValueError(f"PLAN_PATH is {path!r}; expected a path in Parameter Store, or no such variable for no plans")
    return (path or "").rstrip("/")


def _is_on(environment: Mapping[str, str], variable: str) -> bool:
    value = environment.get(variable)
    if value not in {"on", "off"}:
        found = "is not set" if value is None else f"is {value!r}"
        raise ValueError(f"{variable} {found}; expected 'on' or 'off': deploy the template that belongs to this code")
    return value == "on"
