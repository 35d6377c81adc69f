"""How plans name what exists in AWS, each with words that say what is expected."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from asg_lifecycle.model.bounds import matching
from asg_lifecycle.model.placeholders import KNOWN, NAMES, TAG

PLACEHOLDERS = ", ".join(f"{{{name}}}" for name in (*NAMES, f"{TAG}NAME"))

NameText: TypeAlias = Annotated[
    str,
    matching(
        rf"^([^{{}}]|\{{({KNOWN})\}}|\{{\{{({KNOWN})\}}\}})*$",
        f"text without braces but those of placeholders: {PLACEHOLDERS}",
    ),
]
"""Text that is nothing but a name, with placeholders in it."""

TargetGroupArn: TypeAlias = Annotated[
    str,
    matching(
        "^arn:[a-z0-9-]+:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]+$",
        "the ARN of a target group of Elastic Load Balancing, "
        "'arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID'; a name belongs under names",
    ),
]
"""The ARN of a target group."""

AnyTargetGroupArn: TypeAlias = Annotated[
    str,
    matching(
        "^arn:[a-z0-9-]+:(elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]+"
        "|vpc-lattice:[a-z0-9-]+:[0-9]{12}:targetgroup/tg-[0-9a-z]{17})$",
        "the ARN of a target group of Elastic Load Balancing, "
        "'arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID', or of VPC Lattice, "
        "'arn:aws:vpc-lattice:REGION:ACCOUNT:targetgroup/tg-ID'; a name belongs under names",
    ),
]
"""The ARN of a target group of Elastic Load Balancing or of VPC Lattice."""

TargetGroupName: TypeAlias = Annotated[
    str,
    matching(
        "^[A-Za-z0-9-]{1,32}$",
        "the name of a target group, up to 32 letters, digits and hyphens; an ARN belongs under arns",
    ),
]
"""The name of a target group."""

EksClusterName: TypeAlias = Annotated[
    str,
    matching(
        "^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$",
        "the name of an EKS cluster, up to 100 letters, digits, hyphens and underscores; not its ARN",
    ),
]
"""The name of an EKS cluster."""

FunctionName: TypeAlias = Annotated[
    str,
    matching(
        "^((arn:[a-z0-9-]+:lambda:[a-z0-9-]+:)?[0-9]{12}:function:)?[A-Za-z0-9_-]{1,140}(:[A-Za-z0-9_$-]{1,128})?$",
        "the name or the ARN of a Lambda function, with an alias or version behind a colon where one is wanted",
    ),
]
"""A Lambda function, with an alias or version where one is wanted."""

TopicArn: TypeAlias = Annotated[
    str,
    matching(
        "^arn:[a-z0-9-]+:sns:[a-z0-9-]+:[0-9]{12}:.", "the ARN of an SNS topic, 'arn:aws:sns:REGION:ACCOUNT:NAME'"
    ),
]
"""The ARN of an SNS topic."""

DnsName: TypeAlias = Annotated[
    str,
    matching(
        rf"^([A-Za-z0-9_.*-]|\\[0-7]{{3}}|\{{({KNOWN})\}}){{1,1024}}$",
        "a DNS name: letters, digits, hyphens, underscores and dots, '*' for a whole label; "
        f"placeholders: {PLACEHOLDERS}",
    ),
]
"""The name of a DNS record; Route 53 writes other characters as a backslash and three octal digits."""

EcsCluster: TypeAlias = Annotated[
    str,
    matching(
        "^(arn:[a-z0-9-]+:ecs:[a-z0-9-]+:[0-9]{12}:cluster/)?[A-Za-z0-9_-]{1,255}$",
        "the name of an ECS cluster, up to 255 letters, digits, hyphens and underscores, or its ARN "
        "'arn:aws:ecs:REGION:ACCOUNT:cluster/NAME'",
    ),
]
"""An ECS cluster."""

EventBus: TypeAlias = Annotated[
    str,
    matching(
        "^(arn:[a-z0-9-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/)?[A-Za-z0-9._/-]{1,256}$",
        "the name of an EventBridge bus, or its ARN 'arn:aws:events:REGION:ACCOUNT:event-bus/NAME'",
    ),
]
"""An EventBridge bus."""

CommandDocument: TypeAlias = Annotated[
    str,
    matching(
        "^(arn:[a-z0-9-]+:ssm:[a-z0-9-]+:([0-9]{12})?:document/)?[A-Za-z0-9_.-]{1,128}$",
        "the name of a command document, up to 128 letters, digits, dots, hyphens and underscores, or its ARN "
        "'arn:aws:ssm:REGION:ACCOUNT:document/NAME'",
    ),
]
"""A command document of Systems Manager."""

AutomationDocument: TypeAlias = Annotated[
    str,
    matching(
        "^[A-Za-z0-9_.-]{3,128}$",
        "the name of an Automation runbook of this account or of AWS, 3 to 128 letters, digits, dots, hyphens and "
        "underscores; not its ARN",
    ),
]
"""A runbook of Systems Manager."""

DocumentVersion: TypeAlias = Annotated[
    str,
    matching(
        r"^(\$LATEST|\$DEFAULT|[1-9][0-9]*)$",
        "the version of a document, a number, $DEFAULT or $LATEST",
    ),
]
"""A version of a document of Systems Manager."""

RoleArn: TypeAlias = Annotated[
    str,
    matching(
        "^arn:[a-z0-9-]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,576}$",
        "the ARN of a role, 'arn:aws:iam::ACCOUNT:role/NAME'",
    ),
]
"""The ARN of an IAM role."""

StateMachine: TypeAlias = Annotated[
    str,
    matching(
        "^(arn:[a-z0-9-]+:states:[a-z0-9-]+:[0-9]{12}:stateMachine:)?[A-Za-z0-9_-]{1,80}$",
        "the name of a state machine, up to 80 letters, digits, hyphens and underscores, or its ARN "
        "'arn:aws:states:REGION:ACCOUNT:stateMachine:NAME', without version or alias",
    ),
]
"""A state machine of Step Functions."""

Statistic: TypeAlias = Annotated[
    str,
    matching(
        "^(Average|Sum|Minimum|Maximum|SampleCount|IQR|(p|tm|tc|ts|wm)[0-9]{1,3}([.][0-9]{1,10})?"
        "|(PR|TM|TC|TS|WM)[(][0-9.%]*:[0-9.%]*[)])$",
        "a statistic of CloudWatch: Average, Sum, Minimum, Maximum, SampleCount, or one such as p99, tm90 or PR(:300)",
    ),
]
"""A statistic of CloudWatch."""
