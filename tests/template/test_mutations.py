"""Each check reports a template that is broken in its respect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.template import checks
from tests.template.expanded import expand, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.template.expanded import Expanded

FUNCTION = "Resources.LifecycleActionFunction.Properties"
SWEEP = "Resources.SweepFunction.Properties"
ROLE = "Resources.LifecycleActionFunctionRole.Properties"
STATEMENTS = f"{ROLE}.Policies.0.PolicyDocument.Statement"
SWEEP_STATEMENTS = "Resources.SweepFunctionRole.Properties.Policies.0.PolicyDocument.Statement"
RULE = f"{FUNCTION}.Events.LifecycleAction.Properties"
RULE_QUEUE = "Resources.RuleDeadLetterQueue.Properties"
RULE_QUEUE_POLICY = "Resources.RuleDeadLetterQueuePolicy.Properties.PolicyDocument.Statement.0"
TABLE = "Resources.RecordsTable"
DESCRIBING = f"{STATEMENTS}.DescribeWhatHasNoResourceLevelPermissions.Action"

TARGET_GROUP_STEPS = "Resources.TargetGroupStepsPolicy"
COMMAND_STEPS = "Resources.CommandStepsPolicy"
ACTION_EVENTS = "Resources.ActionEventsPolicy.Properties.PolicyDocument.Statement.PutEventsAboutActions"

NOTHING = object()
"""In place of a value: the key is taken away."""

MUTATIONS: list[tuple[str, object, Callable[[Expanded], Iterator[str]]]] = [
    (f"{FUNCTION}.AutoPublishAlias", NOTHING, checks.rule_invokes_the_alias_of_the_durable_function),
    (f"{RULE}.Pattern.source", ["aws.autoscaling", "aws.ec2"], checks.rule_matches_our_hooks),
    (f"{RULE}.Pattern.detail-type", ["EC2 Instance-terminate Lifecycle Action"], checks.rule_matches_our_hooks),
    (f"{RULE}.Pattern.detail", NOTHING, checks.rule_matches_our_hooks),
    (f"{RULE}.Pattern.detail.LifecycleHookName", [{"exists": True}], checks.rule_matches_our_hooks),
    (f"{RULE}.State", "DISABLED", checks.rule_matches_our_hooks),
    (f"{RULE}.DeadLetterConfig", NOTHING, checks.nothing_undelivered_is_lost),
    (f"{RULE}.DeadLetterConfig.Arn.Fn::GetAtt.0", "FunctionDeadLetterQueue", checks.nothing_undelivered_is_lost),
    (f"{RULE}.RetryPolicy.MaximumEventAgeInSeconds", 60, checks.nothing_undelivered_is_lost),
    (f"{RULE_QUEUE_POLICY}.Condition", NOTHING, checks.nothing_undelivered_is_lost),
    (f"{RULE_QUEUE_POLICY}.Principal", "*", checks.nothing_undelivered_is_lost),
    (f"{FUNCTION}.DeadLetterQueue", NOTHING, checks.nothing_undelivered_is_lost),
    (f"{FUNCTION}.EventInvokeConfig", NOTHING, checks.nothing_undelivered_is_lost),
    (f"{FUNCTION}.EventInvokeConfig.MaximumRetryAttempts", 2, checks.nothing_undelivered_is_lost),
    (f"{FUNCTION}.EventInvokeConfig.MaximumEventAgeInSeconds", 60, checks.nothing_undelivered_is_lost),
    ("Globals.Function.LoggingConfig.LogFormat", "JSON", checks.logs_expire),
    ("Globals.Function.Environment.Variables.POWERTOOLS_LOG_LEVEL", "INFO", checks.logs_expire),
    ("Resources.SweepFunction.Metadata", NOTHING, checks.every_function_is_packaged_with_bytecode),
    (f"{RULE_QUEUE}.SqsManagedSseEnabled", False, checks.queues_are_encrypted_and_keep),
    (f"{RULE_QUEUE}.MessageRetentionPeriod", NOTHING, checks.queues_are_encrypted_and_keep),
    ("Resources.TaskRule", NOTHING, checks.what_ends_waits_is_heard),
    ("Resources.CommandRule.Properties.EventPattern.source", ["aws.ec2"], checks.what_ends_waits_is_heard),
    ("Resources.ContainerInstanceRulePermission", NOTHING, checks.what_ends_waits_is_heard),
    (f"{FUNCTION}.DurableConfig.ExecutionTimeout", 172_800, checks.function_is_durable_beyond_the_longest_wait),
    (f"{FUNCTION}.DurableConfig.RetentionPeriodInDays", 91, checks.function_is_durable_beyond_the_longest_wait),
    (f"{FUNCTION}.Runtime", "python3.12", checks.function_is_durable_beyond_the_longest_wait),
    (f"{FUNCTION}.Timeout", 900, checks.function_is_durable_beyond_the_longest_wait),
    (f"{TABLE}.Properties.KeySchema.1.AttributeName", "token", checks.table_is_the_one_the_code_and_the_simulator_use),
    (
        f"{TABLE}.Properties.GlobalSecondaryIndexes.1.Projection.ProjectionType",
        "ALL",
        checks.table_is_the_one_the_code_and_the_simulator_use,
    ),
    (f"{TABLE}.Properties.GlobalSecondaryIndexes.2", NOTHING, checks.table_is_the_one_the_code_and_the_simulator_use),
    (
        f"{TABLE}.Properties.TimeToLiveSpecification.AttributeName",
        "ttl",
        checks.table_is_the_one_the_code_and_the_simulator_use,
    ),
    (f"{TABLE}.Properties.BillingMode", "PROVISIONED", checks.table_is_safe),
    (f"{TABLE}.Properties.SSESpecification.SSEEnabled", False, checks.table_is_safe),
    (f"{TABLE}.Properties.PointInTimeRecoverySpecification", NOTHING, checks.table_is_safe),
    (f"{TABLE}.DeletionPolicy", "Delete", checks.table_is_safe),
    ("Globals.Function.LoggingConfig.LogGroup", NOTHING, checks.logs_expire),
    ("Resources.LogGroup.Properties.RetentionInDays", NOTHING, checks.logs_expire),
    (f"{DESCRIBING}.0", NOTHING, checks.role_allows_what_the_code_declares),
    (f"{DESCRIBING}.0", "autoscaling:Describe*", checks.role_allows_what_the_code_declares),
    (f"{STATEMENTS}.ReadAndWriteRecords.Action.2", "dynamodb:Scan", checks.role_allows_what_the_code_declares),
    (f"{ROLE}.ManagedPolicyArns.2", "AdministratorAccess", checks.role_allows_what_the_code_declares),
    (f"{TARGET_GROUP_STEPS}.Condition", NOTHING, checks.what_is_switched_off_is_absent),
    (
        f"{COMMAND_STEPS}.Properties.PolicyDocument.Statement.ReadCommands.Action.0",
        "ssm:GetDocument",
        checks.steps_are_granted_by_their_feature,
    ),
    ("Parameters.CommandSteps.AllowedValues", ["yes"], checks.steps_are_granted_by_their_feature),
    ("Parameters.TargetGroupSteps.Description", "Steps.", checks.steps_are_granted_by_their_feature),
    ("Conditions.GrantsStatusCheckSteps", {"Fn::Equals": ["on", "on"]}, checks.steps_are_granted_by_their_feature),
    (f"{STATEMENTS}.ReadAndWriteRecords.Resource", "*", checks.role_is_scoped),
    (f"{STATEMENTS}.ReadAndWriteRecords.Condition", {"Null": {"aws:SourceVpc": "true"}}, checks.role_is_scoped),
    (f"{STATEMENTS}.AnswerLifecycleActions.Resource", "*", checks.role_is_scoped),
    (f"{TARGET_GROUP_STEPS}.Properties.PolicyDocument.Statement.ChangeTargets.Effect", "Deny", checks.role_is_scoped),
    ("Resources.ActionEventsPolicy.Condition", NOTHING, checks.what_is_switched_off_is_absent),
    (f"{ACTION_EVENTS}.Condition", NOTHING, checks.role_is_scoped),
    (f"{ACTION_EVENTS}.Resource", "*", checks.role_is_scoped),
    (
        f"{COMMAND_STEPS}.Properties.PolicyDocument.Statement.SendDocuments.Resource.0",
        NOTHING,
        checks.role_is_scoped,
    ),
    (
        "Resources.EventStepsPolicy.Properties.PolicyDocument.Statement.PutEventsOfOurs.Condition",
        NOTHING,
        checks.role_is_scoped,
    ),
    ("Resources.OwnExecutionsPolicy.Properties.PolicyDocument.Statement.0.Resource", "*", checks.role_is_scoped),
    (f"{SWEEP_STATEMENTS}.0.Resource", "*", checks.roles_of_the_doors_allow_what_their_code_declares),
    (f"{SWEEP_STATEMENTS}.0.Action", "s3:*", checks.roles_of_the_doors_allow_what_their_code_declares),
    (f"{SWEEP}.Environment.Variables.FUNCTION_ARN", "latest", checks.every_door_starts_the_alias),
    (
        "Resources.NotificationFunctionRole.Properties.Policies.0.PolicyDocument.Statement.StartExecutions.Resource",
        "*",
        checks.every_door_starts_the_alias,
    ),
    ("Resources.FunctionDeadLettersAlarm", NOTHING, checks.every_dead_letter_queue_has_an_alarm),
    ("Resources.LostActionsAlarm.Properties.MetricName", "Lost", checks.alarms_watch_metrics_that_are_written),
    ("Resources.LostActionsAlarm.Properties.Dimensions", [], checks.alarms_watch_metrics_that_are_written),
    ("Resources.SweepAlarm.Properties.AlarmActions", [], checks.alarms_watch_metrics_that_are_written),
    ("Resources.NotificationTopic.Condition", NOTHING, checks.what_is_switched_off_is_absent),
    ("Resources.InterruptionFunction.Condition", NOTHING, checks.what_is_switched_off_is_absent),
    ("Resources.SweepFunction.Condition", "DrainsEarly", checks.what_is_switched_off_is_absent),
    ("Globals.Function.KmsKeyArn", NOTHING, checks.everything_is_encrypted_with_the_key),
    (f"{FUNCTION}.DurableConfig.KMSKeyArn", NOTHING, checks.everything_is_encrypted_with_the_key),
    (f"{TABLE}.Properties.SSESpecification.KMSMasterKeyId", NOTHING, checks.everything_is_encrypted_with_the_key),
    ("Resources.LogGroup.Properties.KmsKeyId", NOTHING, checks.everything_is_encrypted_with_the_key),
    ("Resources.ActionEventTopic.Properties.KmsMasterKeyId", NOTHING, checks.everything_is_encrypted_with_the_key),
    (f"{RULE_QUEUE}.KmsMasterKeyId", NOTHING, checks.queues_are_encrypted_and_keep),
    ("Resources.FunctionDeadLetterQueuePolicy", NOTHING, checks.requests_without_tls_are_refused),
    (
        "Resources.NotificationTopicPolicy.Properties.PolicyDocument.Statement.0.Effect",
        "Allow",
        checks.requests_without_tls_are_refused,
    ),
    ("Resources.CommandRule.Properties.Targets.0.DeadLetterConfig", NOTHING, checks.what_fails_is_kept),
    (f"{SWEEP}.Events.Sweep.Properties.DeadLetterConfig", NOTHING, checks.what_fails_is_kept),
    (f"{SWEEP}.DeadLetterQueue", NOTHING, checks.what_fails_is_kept),
    (f"{SWEEP_STATEMENTS}.KeepEventsThatFailed", NOTHING, checks.what_fails_is_kept),
    ("Resources.EventDeadLetterQueuePolicy", NOTHING, checks.what_fails_is_kept),
    ("Resources.NotificationSubscription.Properties.RedrivePolicy", NOTHING, checks.what_fails_is_kept),
    ("Resources.NotificationDeadLetterQueuePolicy", NOTHING, checks.what_fails_is_kept),
    (f"{ROLE}.RoleName", "asg-lifecycle", checks.roles_can_be_placed_and_bounded),
    (f"{ROLE}.Path", NOTHING, checks.roles_can_be_placed_and_bounded),
    ("Resources.NotificationRole.Properties.PermissionsBoundary", NOTHING, checks.roles_can_be_placed_and_bounded),
    ("Globals.Function.VpcConfig", NOTHING, checks.functions_can_be_placed_and_traced),
    ("Globals.Function.Tracing", "Active", checks.functions_can_be_placed_and_traced),
    (f"{ROLE}.ManagedPolicyArns.1", NOTHING, checks.functions_can_be_placed_and_traced),
]


def changed(template: Any, path: str, value: object) -> dict[str, Any]:
    """Change one place of the template; a segment of the path is a key, a position, or the `Sid` of a statement."""
    *parents, last = path.split(".")
    place = template
    for segment in parents:
        place = place[_position(place, segment)]
    key = _position(place, last)
    if value is NOTHING:
        del place[key]
    elif isinstance(place, list) and key == len(place):
        place.append(value)
    else:
        place[key] = value
    changed_template: dict[str, Any] = template
    return changed_template


def _position(place: Any, segment: str) -> Any:
    if not isinstance(place, list):
        return segment
    return int(segment) if segment.isdigit() else [entry.get("Sid") for entry in place].index(segment)


@pytest.mark.parametrize(
    ("path", "value", "check"),
    MUTATIONS,
    ids=[f"{path.partition('.')[2]}={'gone' if value is NOTHING else value}" for path, value, _ in MUTATIONS],
)
def test_a_broken_template_is_found_out(path: str, value: object, check: Callable[[Expanded], Iterator[str]]) -> None:
    assert list(check(expand(changed(source(), path, value))))


def test_every_check_finds_something() -> None:
    assert {check.__name__ for _, _, check in MUTATIONS} == {check.__name__ for check in checks.CHECKS}
