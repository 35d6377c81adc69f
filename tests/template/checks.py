"""What the expanded template has to be. Each check yields a sentence for each thing that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import fields

from asg_lifecycle.aws.permissions import (
    ACTION_EVENT_PERMISSIONS,
    AUTOMATION_SIGNAL_PERMISSIONS,
    CORE_PERMISSIONS,
    ECS_SIGNAL_PERMISSIONS,
    INTERRUPTION_PERMISSIONS,
    NOTIFICATION_PERMISSIONS,
    SIGNAL_PERMISSIONS,
    SWEEP_PERMISSIONS,
)
from asg_lifecycle.model.action_events import SOURCE
from asg_lifecycle.model.metrics import NAMESPACE, SERVICE, Metric
from asg_lifecycle.model.records import Record
from asg_lifecycle.model.snapshots import ACTION_TAG
from asg_lifecycle.model.wake_events import READERS
from asg_lifecycle.steps.catalog import CATALOG
from asg_lifecycle.steps.publish_event import SOURCE as STEP_SOURCE
from asg_lifecycle_simulator.deployment.table import ATTRIBUTES, INDEXES, KEY_SCHEMA
from gates.template import Resolver
from tests.template.expanded import DURABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.template.expanded import Expanded

LONGEST_WAIT = 48 * 3600
"""Seconds (R4)."""
LONGEST_RETENTION = 90
"""Days, of a durable execution's history."""
LONGEST_INVOCATION = 120
"""Seconds."""
MEMORY = 256
"""Megabytes."""
DURABLE_RUNTIMES = frozenset({"python3.13", "python3.14"})
DETAIL_TYPES = {"EC2 Instance-launch Lifecycle Action", "EC2 Instance-terminate Lifecycle Action"}
LONGEST_EVENT_AGE = 21_600
"""Seconds for which Lambda keeps an asynchronous event at most."""

QUEUE_LIFETIME = 14 * 86_400
"""Seconds, the longest SQS knows."""

MANAGED_POLICIES = ["arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicDurableExecutionRolePolicy"]
"""What a function with a `DurableConfig` needs: checkpoints, the execution's state, log lines."""

HERE = "${AWS::Region}:${AWS::AccountId}"
GROUPS = {f"arn:${{AWS::Partition}}:autoscaling:{HERE}:autoScalingGroup:*:autoScalingGroupName/*"}
LATTICE_TARGET_GROUPS = {f"arn:${{AWS::Partition}}:vpc-lattice:{HERE}:targetgroup/*"}
TARGET_GROUPS = {f"arn:${{AWS::Partition}}:elasticloadbalancing:{HERE}:targetgroup/*"}
COMMAND_TARGETS = {
    f"arn:${{AWS::Partition}}:ec2:{HERE}:instance/*",
    f"arn:${{AWS::Partition}}:ssm:{HERE}:document/*",
    "arn:${AWS::Partition}:ssm:${AWS::Region}::document/*",
}
TABLE = {"RecordsTable.Arn"}
EVERYTHING = {"*"}
NO_VALUE = "AWS::NoValue"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

LISTS = frozenset({"AutomationDocuments", "AutomationRoles", "HttpHosts", "StateMachines"})
"""The parameters that grant steps what they need when they are not empty."""

ENCRYPTED = (
    ("AWS::DynamoDB::Table", "SSESpecification", "KMSMasterKeyId"),
    ("AWS::Lambda::Function", "DurableConfig", "KMSKeyArn"),
    ("AWS::Lambda::Function", "KmsKeyArn"),
    ("AWS::Logs::LogGroup", "KmsKeyId"),
    ("AWS::SNS::Topic", "KmsMasterKeyId"),
)
"""The kinds of resources that store something, beside queues, and where their key stands."""

WRITES_LOG_LINES = {"logs:CreateLogStream", "logs:PutLogEvents"}
KEEPS_FAILED_EVENTS = {"sqs:SendMessage"}
DOORS = {
    "SweepFunction": {*SWEEP_PERMISSIONS, *ACTION_EVENT_PERMISSIONS, *WRITES_LOG_LINES, *KEEPS_FAILED_EVENTS},
    "NotificationFunction": {
        *NOTIFICATION_PERMISSIONS,
        *WRITES_LOG_LINES,
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    },
    "InterruptionFunction": {*INTERRUPTION_PERMISSIONS, *WRITES_LOG_LINES, *KEEPS_FAILED_EVENTS},
    "SignalFunction": {
        *SIGNAL_PERMISSIONS,
        *AUTOMATION_SIGNAL_PERMISSIONS,
        *ECS_SIGNAL_PERMISSIONS,
        *WRITES_LOG_LINES,
        *KEEPS_FAILED_EVENTS,
    },
}
"""What each of the other functions may do: its code's calls, Lambda's own reading of a queue, and its dead letters."""

SWITCHED = {
    "ActionEventsPolicy": "PublishesActionEvents",
    "ActionEventTopic": "HasActionTopic",
    "ActionTopicPolicy": "HasActionTopic",
    "Notification": "TakesNotifications",
    "Interruption": "DrainsEarly",
    "SignalFunctionEcsPolicy": "HearsOfEcs",
    "TaskRule": "HearsOfEcs",
    "ContainerInstanceRule": "HearsOfEcs",
    "CommandRule": "HearsOfCommands",
    "AutomationRule": "HearsOfAutomations",
    "SignalFunctionAutomationPolicy": "HearsOfAutomations",
    "StateMachineRule": "HearsOfStateMachines",
    "OperationsDashboard": "MakesDashboard",
    "OperatorPolicy": "MakesOperatorPolicies",
    "ReadOnlyPolicy": "MakesOperatorPolicies",
    "Signal": "HearsSignals",
    "MissedSignals": "HearsSignals",
    "HttpHostsParameter": "GrantsHttpHosts",
    "KeyNetworkAndTracingPolicy": "UsesKeyNetworkOrTracing",
    **{f"{parameter}Policy": f"Grants{parameter}" for step in CATALOG for parameter in step.permissions_by_parameter()},
}
"""The condition of everything whose logical id begins so."""

ELASTIC_IPS = {f"arn:${{AWS::Partition}}:ec2:{HERE}:elastic-ip/*"}
INSTANCES = {f"arn:${{AWS::Partition}}:ec2:{HERE}:instance/*"}
NETWORK_INTERFACES = {f"arn:${{AWS::Partition}}:ec2:{HERE}:network-interface/*"}
AUTOMATIONS = {f"arn:${{AWS::Partition}}:ssm:{HERE}:automation-execution/*"}
NAMED_IN_LISTS = {
    "AutomationDocuments": "Only-Mine",
    "AutomationRoles": "arn:aws:iam::123456789012:role/only-mine,arn:aws:iam::123456789012:role/mine-too",
    "StateMachines": ",".join(
        f"arn:aws:states:us-west-2:123456789012:stateMachine:{name}" for name in ("only-mine", "mine-too")
    ),
}
"""The values with which resources are read that are the parts of a list."""

RUNBOOKS = AUTOMATIONS | {
    f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:{account}:{runbook}"
    for account in ("", "${AWS::AccountId}")
    for name in ("Only-Mine", "-1", "-2", "-3", "-4")
    for runbook in (f"automation-definition/{name}:*", f"document/{name}")
}
ROLES = set(NAMED_IN_LISTS["AutomationRoles"].split(","))
MACHINES = set(NAMED_IN_LISTS["StateMachines"].split(","))
EXECUTIONS = {f"{arn.replace(':stateMachine:', ':execution:')}:asg-lifecycle-*" for arn in MACHINES}
ECS = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:"
HEALTH_CHECKS = {"arn:${AWS::Partition}:route53:::healthcheck/*"}
HOSTED_ZONES = {"arn:${AWS::Partition}:route53:::hostedzone/*"}
PLANS = {
    f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter/asg-lifecycle/${{AWS::StackName}}/plans{below}"
    for below in ("", "/*")
}
MADE = {f"arn:${{AWS::Partition}}:ec2:${{AWS::Region}}::{kind}/*" for kind in ("image", "snapshot")}
INSTANCES, VOLUMES = ({f"arn:${{AWS::Partition}}:ec2:{HERE}:{kind}/*"} for kind in ("instance", "volume"))
RESOURCES: dict[str, set[str]] = {
    "autoscaling:CompleteLifecycleAction": GROUPS,
    "autoscaling:DescribeAutoScalingGroups": EVERYTHING,
    "autoscaling:DescribeAutoScalingInstances": EVERYTHING,
    "autoscaling:DescribeLifecycleHooks": EVERYTHING,
    "autoscaling:DescribeLoadBalancerTargetGroups": EVERYTHING,
    "autoscaling:DescribeLoadBalancers": EVERYTHING,
    "autoscaling:DescribeTrafficSources": EVERYTHING,
    "autoscaling:DescribeScalingActivities": EVERYTHING,
    "autoscaling:DescribeTags": EVERYTHING,
    "autoscaling:RecordLifecycleActionHeartbeat": GROUPS,
    "cloudwatch:GetMetricData": EVERYTHING,
    "dynamodb:DeleteItem": TABLE,
    "dynamodb:GetItem": TABLE,
    "dynamodb:PutItem": TABLE,
    "dynamodb:Query": TABLE,
    "dynamodb:UpdateItem": TABLE,
    "ec2:AttachVolume": INSTANCES | VOLUMES,
    "ec2:CreateImage": INSTANCES | MADE,
    "ec2:CreateSnapshot": VOLUMES | MADE,
    "ec2:CreateSnapshots": INSTANCES | VOLUMES | MADE,
    "ec2:CreateTags": MADE,
    "ec2:DescribeImages": EVERYTHING,
    "ec2:DescribeInstanceStatus": EVERYTHING,
    "ec2:DescribeInstances": EVERYTHING,
    "ec2:DescribeSnapshots": EVERYTHING,
    "ec2:AssignPrivateIpAddresses": NETWORK_INTERFACES,
    "ec2:AssociateAddress": ELASTIC_IPS | NETWORK_INTERFACES,
    "ec2:AttachNetworkInterface": INSTANCES | NETWORK_INTERFACES,
    "ec2:DescribeAddresses": EVERYTHING,
    "ec2:DescribeNetworkInterfaces": EVERYTHING,
    "ec2:DescribeSubnets": EVERYTHING,
    "ec2:DetachNetworkInterface": INSTANCES | NETWORK_INTERFACES,
    "ec2:DisassociateAddress": ELASTIC_IPS | NETWORK_INTERFACES,
    "ec2:ModifyNetworkInterfaceAttribute": INSTANCES | NETWORK_INTERFACES,
    "ec2:UnassignPrivateIpAddresses": NETWORK_INTERFACES,
    "ec2:DescribeVolumes": EVERYTHING,
    "ec2:DetachVolume": INSTANCES | VOLUMES,
    "ecs:DescribeClusters": {f"{ECS}cluster/*"},
    "ecs:DescribeContainerInstances": {f"{ECS}container-instance/*"},
    "ecs:DescribeServices": {f"{ECS}service/*"},
    "ecs:DescribeTasks": {f"{ECS}task/*"},
    "ecs:GetTaskProtection": {f"{ECS}task/*"},
    "ecs:UpdateTaskProtection": {f"{ECS}task/*"},
    "ecs:ListClusters": EVERYTHING,
    "ecs:ListContainerInstances": {f"{ECS}cluster/*"},
    "ecs:ListTasks": {f"{ECS}container-instance/*"},
    "ecs:StopTask": {f"{ECS}task/*"},
    "ecs:UpdateContainerInstancesState": {f"{ECS}container-instance/*"},
    "eks:DescribeCluster": {"arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:cluster/*"},
    "elasticloadbalancing:DeregisterInstancesFromLoadBalancer": {
        "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:loadbalancer/*"
    },
    "elasticloadbalancing:DescribeInstanceHealth": EVERYTHING,
    "elasticloadbalancing:DescribeLoadBalancerAttributes": EVERYTHING,
    "elasticloadbalancing:DeregisterTargets": TARGET_GROUPS,
    "vpc-lattice:DeregisterTargets": LATTICE_TARGET_GROUPS,
    "vpc-lattice:ListTargets": LATTICE_TARGET_GROUPS,
    "elasticloadbalancing:DescribeTargetGroupAttributes": EVERYTHING,
    "elasticloadbalancing:DescribeTargetGroups": EVERYTHING,
    "elasticloadbalancing:DescribeTargetHealth": EVERYTHING,
    "elasticloadbalancing:RegisterTargets": TARGET_GROUPS,
    "events:PutEvents": {f"arn:${{AWS::Partition}}:events:{HERE}:event-bus/{name}" for name in ("*", "default")},
    "iam:PassRole": ROLES,
    "lambda:GetDurableExecution": {"${LifecycleActionFunction.Arn}:*"},
    "lambda:InvokeFunction": {
        "${LifecycleActionFunction.Arn}:*",
        "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*",
        "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*:*",
    },
    "lambda:SendDurableExecutionCallbackSuccess": {"${LifecycleActionFunction.Arn}:*"},
    "route53:ChangeResourceRecordSets": HOSTED_ZONES,
    "route53:DeleteHealthCheck": HEALTH_CHECKS,
    "route53:GetChange": {"arn:${AWS::Partition}:route53:::change/*"},
    "route53:GetHealthCheck": HEALTH_CHECKS,
    "route53:ListResourceRecordSets": HOSTED_ZONES,
    "route53:UpdateHealthCheck": HEALTH_CHECKS,
    "servicediscovery:DeregisterInstance": {f"arn:${{AWS::Partition}}:servicediscovery:{HERE}:service/*"},
    "servicediscovery:GetNamespace": EVERYTHING,
    "servicediscovery:GetOperation": EVERYTHING,
    "servicediscovery:ListInstances": EVERYTHING,
    "servicediscovery:ListNamespaces": EVERYTHING,
    "servicediscovery:ListServices": EVERYTHING,
    "sns:Publish": {"arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:*", "ActionEventTopic.TopicArn"},
    "sqs:SendMessage": {"FunctionDeadLetterQueue.Arn"},
    "ssm:AddTagsToResource": AUTOMATIONS,
    "ssm:CancelCommand": EVERYTHING,
    "ssm:DescribeAutomationExecutions": EVERYTHING,
    "ssm:GetAutomationExecution": AUTOMATIONS,
    "ssm:StartAutomationExecution": RUNBOOKS,
    "ssm:StopAutomationExecution": AUTOMATIONS,
    "states:DescribeExecution": EXECUTIONS,
    "states:DescribeStateMachine": MACHINES,
    "states:StartExecution": MACHINES,
    "states:StartSyncExecution": MACHINES,
    "states:StopExecution": EXECUTIONS,
    "ssm:DescribeInstanceInformation": EVERYTHING,
    "ssm:GetCommandInvocation": EVERYTHING,
    "secretsmanager:GetSecretValue": {
        f"arn:${{AWS::Partition}}:secretsmanager:{HERE}:secret:asg-lifecycle/${{AWS::StackName}}/http/*"
    },
    "ssm:GetParameter": {
        "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/asg-lifecycle/${AWS::StackName}/kubernetes/*"
    },
    "ssm:GetParameters": PLANS
    | {
        f"arn:${{AWS::Partition}}:ssm:{HERE}:parameter/asg-lifecycle/${{AWS::StackName}}/{below}"
        for below in ("http/*", "http-hosts")
    },
    "ssm:GetParametersByPath": PLANS,
    "ssm:ListCommands": EVERYTHING,
    "ssm:SendCommand": COMMAND_TARGETS,
    "tag:GetResources": EVERYTHING,
}
"""On what each action may be allowed: `*` only where IAM knows nothing narrower."""

OF_A_POOL = {"StringLike": {"ec2:ResourceTag/asg-lifecycle:pool": {"Ref": "AddressPools"}}}
CONDITIONS: dict[str, dict[str, Any]] = {
    "AttachAndDetachAtInstancesOfGroups": {
        "StringLike": {"aws:ResourceTag/aws:autoscaling:groupName": {"Ref": "AutoScalingGroups"}}
    },
    "CopyInstancesOfGroups": {"Null": {"aws:ResourceTag/aws:autoscaling:groupName": "false"}},
    "MakeWhatHasTheTagOfItsAction": {"Null": {f"aws:RequestTag/{ACTION_TAG}": "false"}},
    "PutEventsAboutActions": {"StringEquals": {"events:source": SOURCE}},
    "PutEventsOfOurs": {"StringEquals": {"events:source": STEP_SOURCE}},
    "TagWhatIsMade": {"StringEquals": {"ec2:CreateAction": ["CreateImage", "CreateSnapshot", "CreateSnapshots"]}},
    "MoveElasticIps": OF_A_POOL,
    "MoveNetworkInterfaces": OF_A_POOL,
    "GiveRolesToRunbooks": {"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}},
    "TagAutomations": {"ForAllValues:StringLike": {"aws:TagKeys": "asg-lifecycle:*"}},
}
"""The statements that are for a part of their resources' use alone."""


def declared_permissions() -> set[str]:
    """Return the IAM actions that the code says it needs, those of every step included."""
    granted = (actions for step in CATALOG for actions in step.permissions_by_parameter().values())
    return {*CORE_PERMISSIONS, *ACTION_EVENT_PERMISSIONS, *(action for actions in granted for action in actions)}


def rule_invokes_the_alias_of_the_durable_function(expanded: Expanded) -> Iterator[str]:
    """The rule's one target is the alias; a durable function cannot be invoked without a version."""
    function, _ = expanded.only("AWS::Lambda::Function")
    rule, properties = expanded.only("AWS::Events::Rule")
    aliases = {
        name for name, it in expanded.of("AWS::Lambda::Alias").items() if it["FunctionName"] == {"Ref": function}
    }
    targets = [target["Arn"] for target in properties["Targets"]]
    if len(targets) != 1 or targets[0].get("Ref") not in aliases:
        yield f"the rule's targets are {targets}, expected the alias of {function} alone"
    allowed = [
        permission["FunctionName"]
        for permission in expanded.of("AWS::Lambda::Permission").values()
        if permission.get("SourceArn") == {"Fn::GetAtt": [rule, "Arn"]}
    ]
    if allowed != targets:
        yield f"the rule may invoke {allowed}, its targets are {targets}"


def rule_matches_our_hooks(expanded: Expanded) -> Iterator[str]:
    """Both detail-types of Auto Scaling, restricted by the hook's name (R1)."""
    _, properties = expanded.only("AWS::Events::Rule")
    pattern = expanded.resolve(properties["EventPattern"])
    if pattern.get("source") != ["aws.autoscaling"]:
        yield f"the rule's source is {pattern.get('source')}"
    if set(pattern.get("detail-type", ())) != DETAIL_TYPES:
        yield f"the rule's detail-types are {pattern.get('detail-type')}"
    if pattern.get("detail") != {"LifecycleHookName": [{"prefix": "asg-lifecycle"}]}:
        yield f"the rule's detail is {pattern.get('detail')}, expected the prefix of our hooks alone"
    if properties.get("State", "ENABLED") != "ENABLED":
        yield "the rule is disabled"


def function_is_durable_beyond_the_longest_wait(expanded: Expanded) -> Iterator[str]:
    """An execution outlives every hook (R4), on a runtime that knows durable executions."""
    _, properties = expanded.only("AWS::Lambda::Function")
    durable = properties.get("DurableConfig", {})
    if durable.get("ExecutionTimeout", 0) <= LONGEST_WAIT:
        yield f"an execution may last {durable.get('ExecutionTimeout')} s, a hook waits up to {LONGEST_WAIT} s"
    if not 1 <= durable.get("RetentionPeriodInDays", 0) <= LONGEST_RETENTION:
        yield f"its history is kept {durable.get('RetentionPeriodInDays')} days"
    if properties["Runtime"] not in DURABLE_RUNTIMES:
        yield f"the runtime {properties['Runtime']} knows no durable executions"
    if properties["MemorySize"] != MEMORY or properties["Timeout"] > LONGEST_INVOCATION:
        yield f"{properties['MemorySize']} MB and {properties['Timeout']} s for an invocation"


def nothing_undelivered_is_lost(expanded: Expanded) -> Iterator[str]:
    """Rule and function retry, and each has a dead-letter queue that it can write to."""
    _, function = expanded.only("AWS::Lambda::Function")
    rule, properties = expanded.only("AWS::Events::Rule")
    queues = expanded.of("AWS::SQS::Queue")
    of_function = _queue(function.get("DeadLetterConfig", {}).get("TargetArn"))
    of_rule = _queue(properties["Targets"][0].get("DeadLetterConfig", {}).get("Arn"))
    if of_function not in queues or of_rule not in queues or of_function == of_rule:
        yield f"dead-letter queues: {of_function} of the function, {of_rule} of the rule"
    if not _allowed(expanded, "sqs:SendMessage") >= {f"{of_function}.Arn"}:
        yield "the function may not write to its dead-letter queue"
    if not any(_lets_the_rule_write(policy, of_rule, rule) for policy in expanded.of("AWS::SQS::QueuePolicy").values()):
        yield "the rule, and nothing else, should be allowed to write to its dead-letter queue"
    if properties["Targets"][0].get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", 0) < 3600:
        yield "the rule gives up within an hour"
    configured = [
        config
        for config in expanded.of("AWS::Lambda::EventInvokeConfig").values()
        if config["FunctionName"] == {"Ref": DURABLE}
    ]
    if [config.get("Qualifier") for config in configured if "MaximumRetryAttempts" not in config] != ["live"]:
        yield "the alias is configured with what means nothing for durable executions, or not at all"
    if {config.get("MaximumEventAgeInSeconds") for config in configured} != {LONGEST_EVENT_AGE}:
        yield "Lambda drops an event that has waited for less than six hours"


def queues_are_encrypted_and_keep(expanded: Expanded) -> Iterator[str]:
    """What nobody has looked at is kept as long as SQS can; with a key of the account it is encrypted with that."""
    for name, queue in expanded.of("AWS::SQS::Queue").items():
        keys = [queue.get("SqsManagedSseEnabled"), queue.get("KmsMasterKeyId")]
        encrypted, with_key = expanded.resolve(keys), expanded.resolve(keys, {"KmsKeyArn": KEY})
        if (encrypted, with_key) != ([True, NO_VALUE], [NO_VALUE, KEY]):
            yield f"{name} is encrypted with {encrypted}, where a key is given with {with_key}"
        if queue.get("MessageRetentionPeriod") != QUEUE_LIFETIME:
            yield f"{name} keeps messages {queue.get('MessageRetentionPeriod')} s"


def table_is_the_one_the_code_and_the_simulator_use(expanded: Expanded) -> Iterator[str]:
    """Keys and indexes are those of the simulator's table, and every attribute is a field of a record."""
    _, table = expanded.only("AWS::DynamoDB::Table")
    if table["KeySchema"] != list(KEY_SCHEMA):
        yield f"the table's key is {table['KeySchema']}"
    attributes = {entry["AttributeName"]: entry["AttributeType"] for entry in table["AttributeDefinitions"]}
    if attributes != ATTRIBUTES:
        yield f"the table's attributes are {attributes}"
    indexes = {
        index["IndexName"]: tuple(key["AttributeName"] for key in index["KeySchema"])
        for index in table["GlobalSecondaryIndexes"]
    }
    if indexes != {name: tuple(key for key in keys if key is not None) for name, keys in INDEXES.items()}:
        yield f"the table's indexes are {indexes}"
    if any(index["Projection"] != {"ProjectionType": "KEYS_ONLY"} for index in table["GlobalSecondaryIndexes"]):
        yield "an index copies more than keys, and costs a write at each change"
    expiry = table.get("TimeToLiveSpecification", {})
    if not expiry.get("Enabled") or expiry.get("AttributeName") != "expires_at":
        yield f"records expire by {expiry}"
    if unknown := {*attributes, expiry.get("AttributeName")} - {field.name for field in fields(Record)}:
        yield f"no fields of a record: {unknown}"


def table_is_safe(expanded: Expanded) -> Iterator[str]:
    """On demand, encrypted, recoverable, and kept when the stack goes."""
    name, table = expanded.only("AWS::DynamoDB::Table")
    if table.get("BillingMode") != "PAY_PER_REQUEST":
        yield "the table is not on demand"
    if not table.get("SSESpecification", {}).get("SSEEnabled"):
        yield "the table is not encrypted"
    if not table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
        yield "the table cannot be recovered to a point in time"
    resource = expanded.template["Resources"][name]
    if {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} != {"Retain"}:
        yield "the table goes with the stack"


def logs_expire(expanded: Expanded) -> Iterator[str]:
    """The function writes to a log group of the stack that has a retention."""
    group, properties = expanded.only("AWS::Logs::LogGroup")
    _, function = expanded.only("AWS::Lambda::Function")
    logging = function.get("LoggingConfig", {})
    # With the format JSON, Lambda filters by level: metrics, which have none, would be lost where it is WARN.
    if logging != {"LogGroup": {"Ref": group}, "LogFormat": "Text"}:
        yield f"the function logs to {logging}"
    if function["Environment"]["Variables"].get("POWERTOOLS_LOG_LEVEL") != {"Ref": "LogLevel"}:
        yield "the level of the log lines is not the one of the parameter"
    if properties.get("RetentionInDays") != {"Ref": "LogRetentionDays"}:
        yield "the log lines never expire"


def every_function_is_packaged_with_bytecode(expanded: Expanded) -> Iterator[str]:
    """Every function is packaged by `src/Makefile`, which brings bytecode along."""
    for name, resource in expanded.template["Resources"].items():
        method = resource.get("Metadata", {}).get("BuildMethod")
        if resource["Type"] == "AWS::Lambda::Function" and method != "makefile":
            yield f"{name} is built by {method}"


def role_allows_what_the_code_declares(expanded: Expanded) -> Iterator[str]:
    """Each declared action, and nothing else but the dead-letter queue's."""
    _, role = expanded.only("AWS::IAM::Role")
    managed = [_named(expanded, it) for it in _present(expanded.resolve(role.get("ManagedPolicyArns", [])))]
    if managed != MANAGED_POLICIES:
        yield f"the role's managed policies are {managed}"
    allowed = {action for statement in _statements(expanded) for action in _listed(statement["Action"])}
    wanted = declared_permissions() | {"sqs:SendMessage"}
    if missing := wanted - allowed:
        yield f"declared, but not allowed: {', '.join(sorted(missing))}"
    if spare := allowed - wanted:
        yield f"allowed, but not declared: {', '.join(sorted(spare))}"


def roles_of_the_doors_allow_what_their_code_declares(expanded: Expanded) -> Iterator[str]:
    """Each action that a door uses, and what Lambda itself needs to feed it."""
    for function, wanted in DOORS.items():
        allowed = {action for it in _statements(expanded, function) for action in _listed(it["Action"])}
        if allowed != wanted:
            yield f"{function}: missing {sorted(wanted - allowed)}, spare {sorted(allowed - wanted)}"
        for statement in _statements(expanded, function):
            actions = set(_listed(statement["Action"]))
            unscoped = {action for action in actions if not action.startswith(("autoscaling:Describe", "ec2:Describe"))}
            if unscoped and "*" in _listed(statement["Resource"]):
                yield f"{function} may do {sorted(unscoped)} to everything"


def every_door_starts_the_alias(expanded: Expanded) -> Iterator[str]:
    """The doors hand actions to the durable function by its alias, and may invoke nothing else."""
    for function in DOORS:
        variables = expanded.of("AWS::Lambda::Function")[function]["Environment"]["Variables"]
        alias = {"Ref": f"{DURABLE}Aliaslive"}
        if variables.get("FUNCTION_ARN") != alias:
            yield f"{function} starts {variables.get('FUNCTION_ARN')}"
        invoked = [
            statement["Resource"]
            for statement in _statements(expanded, function)
            if "lambda:InvokeFunction" in _listed(statement["Action"])
        ]
        if invoked != ([alias] if function != "SignalFunction" else []):
            yield f"{function} may invoke {invoked}"


def what_ends_waits_is_heard(expanded: Expanded) -> Iterator[str]:
    """A rule for each kind of event that the signal door reads, and no other, which may invoke it."""
    function = {"Fn::GetAtt": ["SignalFunction", "Arn"]}
    rules = {
        name: rule for name, rule in expanded.of("AWS::Events::Rule").items() if rule["Targets"][0]["Arn"] == function
    }
    heard = sorted(
        (source, detail_type)
        for rule in rules.values()
        for source in rule["EventPattern"]["source"]
        for detail_type in rule["EventPattern"]["detail-type"]
    )
    if heard != sorted(READERS):
        yield f"the rules hear {heard}, the door reads {sorted(READERS)}"
    allowed = [
        permission["SourceArn"]["Fn::GetAtt"][0]
        for permission in expanded.of("AWS::Lambda::Permission").values()
        if permission["FunctionName"] == {"Ref": "SignalFunction"}
    ]
    if sorted(allowed) != sorted(rules):
        yield f"the rules {sorted(rules)} need the function, {sorted(allowed)} may invoke it"


def every_dead_letter_queue_has_an_alarm(expanded: Expanded) -> Iterator[str]:
    """Nobody looks into a queue that does not say that it holds something."""
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in expanded.of("AWS::CloudWatch::Alarm").values()
        for dimension in alarm.get("Dimensions", ())
        if dimension["Name"] == "QueueName"
    }
    dead = {name for name in expanded.of("AWS::SQS::Queue") if "DeadLetter" in name}
    if dead != watched:
        yield f"dead-letter queues {sorted(dead)}, alarms on {sorted(watched)}"


def alarms_watch_metrics_that_are_written(expanded: Expanded) -> Iterator[str]:
    """Names and dimensions are those the code writes, and the topic is told where there is one."""
    metrics = {metric.value for metric in Metric}
    for name, alarm in expanded.of("AWS::CloudWatch::Alarm").items():
        if alarm.get("Namespace") == NAMESPACE:
            if alarm["MetricName"] not in metrics:
                yield f"{name} watches {alarm['MetricName']}, which nobody writes"
            stack = {"Name": "stack", "Value": {"Ref": "AWS::StackName"}}
            if alarm["Dimensions"] != [{"Name": "service", "Value": SERVICE}, stack]:
                yield f"{name} watches {alarm['Dimensions']}"
        if expanded.resolve(alarm["AlarmActions"], {"AlarmTopicArn": "arn:topic"}) != ["arn:topic"]:
            yield f"{name} tells nobody"


def what_is_switched_off_is_absent(expanded: Expanded) -> Iterator[str]:
    """The notification and interruption doors are there only where their parameter asks for them."""
    resources = expanded.template["Resources"]
    for name, resource in resources.items():
        condition = resource.get("Condition")
        expected = next((it for start, it in SWITCHED.items() if name.startswith(start)), None)
        if condition != expected:
            yield f"{name} is there on {condition}, expected {expected}"


def steps_are_granted_by_their_feature(expanded: Expanded) -> Iterator[str]:
    """The policy of a family of steps allows what they declare, and nothing else, and hangs on its parameter."""
    features: dict[str, set[str]] = {}
    for step in CATALOG:
        if step.template_parameter is None and step.permissions:
            yield f"{step.kind} needs {step.permissions} and names no feature"
        for parameter, actions in step.permissions_by_parameter().items():
            features.setdefault(parameter, set()).update(actions)
    policies = {**expanded.of("AWS::IAM::Policy"), **expanded.of("AWS::IAM::ManagedPolicy")}
    for template_parameter, wanted in features.items():
        policy = policies.get(f"{template_parameter}Policy", {"PolicyDocument": {"Statement": []}})
        allowed = {it for statement in policy["PolicyDocument"]["Statement"] for it in _listed(statement["Action"])}
        if allowed != wanted:
            yield f"{template_parameter}: missing {sorted(wanted - allowed)}, spare {sorted(allowed - wanted)}"
        parameter = expanded.template["Parameters"].get(template_parameter, {})
        is_list = template_parameter in LISTS
        if (parameter.get("Default") != "") if is_list else (parameter.get("AllowedValues") != ["off", "on"]):
            yield f"there is no parameter {template_parameter} to switch on and off"
        on = {"Fn::Equals": [{"Ref": template_parameter}, "on"]}
        filled = {"Fn::Not": [{"Fn::Equals": [{"Ref": template_parameter}, ""]}]}
        if expanded.template["Conditions"].get(f"Grants{template_parameter}") != (filled if is_list else on):
            yield f"{template_parameter} is not granted by its parameter"
        kinds = [step.kind for step in CATALOG if template_parameter in step.permissions_by_parameter()]
        if missing := [kind for kind in kinds if kind not in parameter.get("Description", "")]:
            yield f"the description of {template_parameter} does not name {', '.join(missing)}"


def role_is_scoped(expanded: Expanded) -> Iterator[str]:
    """Each action is allowed on the resources of this account and Region that it is for."""
    for statement in _statements(expanded):
        condition = CONDITIONS.get(statement.get("Sid", ""))
        expected = {"Sid", "Effect", "Action", "Resource"} | ({"Condition"} if condition is not None else set())
        if statement.get("Effect") != "Allow" or statement.keys() - expected or statement.get("Condition") != condition:
            yield f"an unexpected statement: {statement}"
    for action in declared_permissions() | {"sqs:SendMessage"}:
        on = _allowed(expanded, action)
        if on != RESOURCES.get(action):
            yield f"{action} is allowed on {sorted(on)}, expected {sorted(RESOURCES.get(action, ()))}"


def everything_is_encrypted_with_the_key(expanded: Expanded) -> Iterator[str]:
    """Where a key of the account is given, it is that of all that is stored; without one AWS's own keys are."""
    properties = {name: it.get("Properties", {}) for name, it in expanded.template["Resources"].items()}
    for kind, *path in ENCRYPTED:
        for name in expanded.of(kind):
            value: Any = properties[name]
            if path[0] == "DurableConfig" and path[0] not in value:
                continue
            for key in path:
                value = value.get(key, {})
            default = "alias/aws/sns" if kind == "AWS::SNS::Topic" else NO_VALUE
            if [expanded.resolve(value), expanded.resolve(value, {"KmsKeyArn": KEY})] != [default, KEY]:
                yield f"{name} is encrypted with {value}"


def requests_without_tls_are_refused(expanded: Expanded) -> Iterator[str]:
    """Every queue and topic has a policy, and no more than one, that denies what comes without TLS."""
    for kind, policies, places, action, attribute in (
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues", "sqs:*", "Arn"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics", "sns:Publish", None),
    ):
        for name in expanded.of(kind):
            resource = {"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name}
            denial = {
                "Effect": "Deny",
                "Principal": "*",
                "Action": action,
                "Resource": resource,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
            own = [it for it in expanded.of(policies).values() if {"Ref": name} in it[places]]
            denied = [
                {key: value for key, value in statement.items() if key != "Sid"}
                for policy in own
                for statement in policy["PolicyDocument"]["Statement"]
                if statement["Effect"] == "Deny"
            ]
            if len(own) != 1 or denied != [denial]:
                yield f"{name} has {len(own)} policies, which deny {denied}"


def what_fails_is_kept(expanded: Expanded) -> Iterator[str]:
    """Every rule, asynchronous function and subscription has a dead-letter queue that it may write to."""
    for name, rule in expanded.of("AWS::Events::Rule").items():
        for target in rule["Targets"]:
            queue = _queue(target.get("DeadLetterConfig", {}).get("Arn"))
            if queue is None or {"Fn::GetAtt": [name, "Arn"]} not in _senders(expanded, queue, "events.amazonaws.com"):
                yield f"what {name} cannot deliver is lost"
    polled = {it["FunctionName"]["Ref"] for it in expanded.of("AWS::Lambda::EventSourceMapping").values()}
    for name, function in expanded.of("AWS::Lambda::Function").items():
        queue = _queue(function.get("DeadLetterConfig", {}).get("TargetArn"))
        granted = [it["Resource"] for it in _statements(expanded, name) if _listed(it["Action"]) == ["sqs:SendMessage"]]
        if name not in polled and (queue is None or {"Fn::GetAtt": [queue, "Arn"]} not in granted):
            yield f"what {name} cannot work on is lost"
    for name, subscription in expanded.of("AWS::SNS::Subscription").items():
        queue = _queue(subscription.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        if queue is None or subscription["TopicArn"] not in _senders(expanded, queue, "sns.amazonaws.com"):
            yield f"what {name} cannot deliver is lost"


def roles_can_be_placed_and_bounded(expanded: Expanded) -> Iterator[str]:
    """Every role has the path and the boundary of the parameters, and no name of its own."""
    boundary = {"PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary"}
    for name, role in expanded.of("AWS::IAM::Role").items():
        if "RoleName" in role:
            yield f"{name} has a name, and cannot be made twice"
        if role.get("Path") != {"Ref": "RolePath"}:
            yield f"{name} is at {role.get('Path')}"
        bounds = [expanded.resolve(role.get("PermissionsBoundary"), it) for it in ({}, boundary)]
        if bounds != [NO_VALUE, *boundary.values()]:
            yield f"{name} is bounded by {role.get('PermissionsBoundary')}"


def functions_can_be_placed_and_traced(expanded: Expanded) -> Iterator[str]:
    """Every function runs in the network that is given, and is traced where that is asked for."""
    network = {"SubnetIds": "subnet-0123456789abcdef0", "SecurityGroupIds": "sg-0123456789abcdef0"}
    for name, function in expanded.of("AWS::Lambda::Function").items():
        placed = [expanded.resolve(function.get("VpcConfig"), it) for it in ({}, network)]
        if placed != [NO_VALUE, {key: {"Fn::Split": [",", value]} for key, value in network.items()}]:
            yield f"{name} runs in {placed}"
        traced = [expanded.resolve(function.get("TracingConfig"), {"Tracing": it}) for it in ("off", "on")]
        if traced != [{"Mode": "PassThrough"}, {"Mode": "Active"}]:
            yield f"{name} is traced: {traced}"
        policy = {"Fn::If": ["UsesKeyNetworkOrTracing", {"Ref": "KeyNetworkAndTracingPolicy"}, {"Ref": NO_VALUE}]}
        if policy not in expanded.of("AWS::IAM::Role")[f"{name}Role"].get("ManagedPolicyArns", []):
            yield f"{name} may not use its key and its network"


CHECKS: tuple[Callable[[Expanded], Iterator[str]], ...] = (
    rule_invokes_the_alias_of_the_durable_function,
    rule_matches_our_hooks,
    function_is_durable_beyond_the_longest_wait,
    nothing_undelivered_is_lost,
    queues_are_encrypted_and_keep,
    table_is_the_one_the_code_and_the_simulator_use,
    table_is_safe,
    logs_expire,
    every_function_is_packaged_with_bytecode,
    role_allows_what_the_code_declares,
    steps_are_granted_by_their_feature,
    role_is_scoped,
    roles_of_the_doors_allow_what_their_code_declares,
    every_door_starts_the_alias,
    what_ends_waits_is_heard,
    every_dead_letter_queue_has_an_alarm,
    alarms_watch_metrics_that_are_written,
    what_is_switched_off_is_absent,
    everything_is_encrypted_with_the_key,
    requests_without_tls_are_refused,
    what_fails_is_kept,
    roles_can_be_placed_and_bounded,
    functions_can_be_placed_and_traced,
)


def _statements(expanded: Expanded, function: str = DURABLE) -> list[dict[str, Any]]:
    """Return what the role of a function allows: its own policies, and those that are attached to it."""
    name = f"{function}Role"
    policies = list(expanded.of("AWS::IAM::Role")[name].get("Policies", ()))
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        policies += [it for it in expanded.of(kind).values() if {"Ref": name} in it.get("Roles", ())]
    return [
        {key: value for key, value in statement.items() if key != "Condition" or expanded.resolve(value) != NO_VALUE}
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def _allowed(expanded: Expanded, action: str) -> set[str]:
    return {
        _named(expanded, resource)
        for statement in _statements(expanded)
        if action in _listed(statement["Action"])
        for resource in _resources(expanded, statement["Resource"])
    }


def _resources(expanded: Expanded, value: Any) -> list[Any]:
    """Return the resources of a statement; what is made of a parameter with a list, for the values that are above."""
    if not any(f"{{{name}}}" in str(value) or f"'{name}'" in str(value) for name in NAMED_IN_LISTS):
        return _listed(value)
    defaults = {name: parameter["Default"] for name, parameter in expanded.template["Parameters"].items()}
    return _listed(Resolver(expanded.template, {**defaults, **NAMED_IN_LISTS}).resolve(value))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _present(values: list[Any]) -> list[Any]:
    return [it for it in values if it != NO_VALUE]


def _named(expanded: Expanded, resource: Any) -> str:
    """Return the text of an ARN, in which parameters have their defaults."""
    match resource:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::Sub": str(text)}:
            for name, parameter in expanded.template["Parameters"].items():
                text = text.replace(f"${{{name}}}", str(parameter["Default"]))
            return text
        case {"Fn::If": _}:
            return _named(expanded, expanded.resolve(resource))
        case _:
            return str(resource)


def _senders(expanded: Expanded, queue: str, service: str) -> list[Any]:
    """Return the ARNs in whose name a service of AWS may write to a queue."""
    return [
        it["Fn::If"][1] if isinstance(it, dict) and "Fn::If" in it else it
        for policy in expanded.of("AWS::SQS::QueuePolicy").values()
        if policy["Queues"] == [{"Ref": queue}]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": service}
        for it in _listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
    ]


def _queue(arn: Any) -> str | None:
    match arn:
        case {"Fn::GetAtt": [str(name), "Arn"]}:
            return name
        case _:
            return None


def _lets_the_rule_write(policy: dict[str, Any], queue: str | None, rule: str) -> bool:
    arn = {"Fn::GetAtt": [queue, "Arn"]}
    return policy["Queues"] == [{"Ref": queue}] and [
        {name: value for name, value in statement.items() if name != "Sid"}
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}},
        }
    ]
