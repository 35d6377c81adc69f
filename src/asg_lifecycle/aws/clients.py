"""The boto3 clients, each made when it is first needed: a wake-up that only sends a heartbeat pays for one."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from asg_lifecycle.aws.account import Account, chosen_account
from asg_lifecycle.aws.errors import configuring

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_elb import ElasticLoadBalancingClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_servicediscovery import ServiceDiscoveryClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient
    from mypy_boto3_vpc_lattice import VPCLatticeClient

CONNECT_SECONDS = 3
READ_SECONDS = 10
ASKED_READ_SECONDS = 60
"""Seconds that a function or an express state machine has to answer; our own invocation has twice as long."""

HEARTBEAT_READ_SECONDS = 4
"""A heartbeat that hangs has to leave time for two more within 15 s, half of the shortest timeout there is (R3). So has
a checkpoint, without which no heartbeat is sent."""

SEARCH_READ_SECONDS = 20

PROMPT_CONNECT_SECONDS = 1
PROMPT_READ_SECONDS = 2
"""What must never delay a drain is given up soon."""


def _settings(attempts: int, read_seconds: int = READ_SECONDS, connect_seconds: int = CONNECT_SECONDS) -> Config:
    return Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )


REPEATABLE = _settings(2)
"""For calls that boto3 may repeat: one more try is enough for a connection that died while the Lambda was frozen."""

CHECKPOINTS = _settings(2, HEARTBEAT_READ_SECONDS)
"""For Lambda: the client that the durable engine makes for itself waits 50 s for an answer."""

SEARCH = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=SEARCH_READ_SECONDS,
    retries={"total_max_attempts": 7, "mode": "adaptive"},
)
"""For Auto Scaling where many groups are read and nothing waits for one call: a storm that throttles two of five calls
lets seven tries through, and adaptive retries slow down for the heartbeats of others."""

URGENT = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=HEARTBEAT_READ_SECONDS,
    retries={"total_max_attempts": 6, "mode": "adaptive"},
)
"""For Auto Scaling after a Spot warning, which leaves two minutes (R27)."""

ONCE = _settings(1)
ASKED = _settings(1, ASKED_READ_SECONDS)
HEARTBEAT = _settings(1, HEARTBEAT_READ_SECONDS)
"""For calls that only we repeat, after a look at the action: a command sent twice runs twice, a completion repeated
after a lost answer looks like one by somebody else (R12), and a thousand drains that are throttled together must not
call again at once (R15)."""

PROMPT = _settings(1, PROMPT_READ_SECONDS, PROMPT_CONNECT_SECONDS)
"""For the events about actions: one that cannot be published is not repeated."""

MAKING = threading.RLock()
"""Held while a client is made: making clients from one session is not thread-safe, using them is."""


class Clients:
    """Lazily made clients on boto3's default session, or on one of their own for the account that an operator chose.

    Safe to use from the threads of parallel branches.

    Args:
        auto_scaling: how often Auto Scaling is asked, and how long its answer is waited for.
        publishing: the same of EventBridge and SNS.
        region: name of the Region, None for the one that was chosen, or else boto3's.
    """

    def __init__(
        self, auto_scaling: Config = HEARTBEAT, *, publishing: Config = ONCE, region: str | None = None
    ) -> None:
        self._auto_scaling = auto_scaling
        self._publishing = publishing
        chosen = chosen_account()
        self._account = Account(profile=chosen.profile, region=region or chosen.region)
        self._session: Any = None
        self._lock = threading.Lock()

    @cached_property
    def asked_functions(self) -> LambdaClient:
        """The Lambda client for functions whose answer is waited for."""
        client: LambdaClient = self._make("lambda", ASKED)
        return client

    @cached_property
    def asked_stepfunctions(self) -> SFNClient:
        """The Step Functions client for executions whose end is waited for."""
        client: SFNClient = self._make("stepfunctions", ASKED)
        return client

    @cached_property
    def autoscaling(self) -> AutoScalingClient:
        """The Auto Scaling client."""
        client: AutoScalingClient = self._make("autoscaling", self._auto_scaling)
        return client

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """The CloudFormation client, of the command line."""
        client: CloudFormationClient = self._make("cloudformation", REPEATABLE)
        return client

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        """The CloudWatch client."""
        client: CloudWatchClient = self._make("cloudwatch", ONCE)
        return client

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """The DynamoDB client."""
        client: DynamoDBClient = self._make("dynamodb", REPEATABLE)
        return client

    @cached_property
    def ec2(self) -> EC2Client:
        """The EC2 client."""
        client: EC2Client = self._make("ec2", ONCE)
        return client

    @cached_property
    def ecs(self) -> ECSClient:
        """The ECS client."""
        client: ECSClient = self._make("ecs", ONCE)
        return client

    @cached_property
    def eks(self) -> EKSClient:
        """The EKS client."""
        client: EKSClient = self._make("eks", ONCE)
        return client

    @cached_property
    def elb(self) -> ElasticLoadBalancingClient:
        """The Elastic Load Balancing client for Classic Load Balancers."""
        client: ElasticLoadBalancingClient = self._make("elb", ONCE)
        return client

    @cached_property
    def elbv2(self) -> ElasticLoadBalancingv2Client:
        """The Elastic Load Balancing v2 client."""
        client: ElasticLoadBalancingv2Client = self._make("elbv2", ONCE)
        return client

    @cached_property
    def events(self) -> EventBridgeClient:
        """The EventBridge client."""
        client: EventBridgeClient = self._make("events", self._publishing)
        return client

    @cached_property
    def functions(self) -> LambdaClient:
        """The Lambda client, of the durable engine, too."""
        client: LambdaClient = self._make("lambda", CHECKPOINTS)
        return client

    @cached_property
    def iam(self) -> IAMClient:
        """The IAM client, of the command line: one service for all Regions."""
        client: IAMClient = self._make("iam", REPEATABLE)
        return client

    @cached_property
    def route53(self) -> Route53Client:
        """The Route 53 client: one service for all Regions."""
        client: Route53Client = self._make("route53", ONCE)
        return client

    @cached_property
    def secretsmanager(self) -> Any:  # noqa: ANN401 - the stubs of Secrets Manager are not among the requirements
        """The Secrets Manager client."""
        return self._make("secretsmanager", ONCE)

    @cached_property
    def servicediscovery(self) -> ServiceDiscoveryClient:
        """The AWS Cloud Map client."""
        client: ServiceDiscoveryClient = self._make("servicediscovery", ONCE)
        return client

    @cached_property
    def tagging(self) -> ResourceGroupsTaggingAPIClient:
        """The Resource Groups Tagging client."""
        client: ResourceGroupsTaggingAPIClient = self._make("resourcegroupstaggingapi", ONCE)
        return client

    @cached_property
    def sns(self) -> SNSClient:
        """The SNS client."""
        client: SNSClient = self._make("sns", self._publishing)
        return client

    @cached_property
    def sqs(self) -> SQSClient:
        """The SQS client, of the command line."""
        client: SQSClient = self._make("sqs", REPEATABLE)
        return client

    @cached_property
    def ssm(self) -> SSMClient:
        """The Systems Manager client."""
        client: SSMClient = self._make("ssm", ONCE)
        return client

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """The Step Functions client."""
        client: SFNClient = self._make("stepfunctions", ONCE)
        return client

    @cached_property
    def sts(self) -> STSClient:
        """The Security Token Service client. It only signs and calls nothing."""
        client: STSClient = self._make("sts", ONCE)
        return client

    @cached_property
    def vpc_lattice(self) -> VPCLatticeClient:
        """The VPC Lattice client."""
        client: VPCLatticeClient = self._make("vpc-lattice", ONCE)
        return client

    def signer(self) -> tuple[Any, str]:
        """Return the credentials that the clients sign with, None where there are none, and the Region."""
        client = self.ssm
        with self._lock:
            session: Any = boto3.DEFAULT_SESSION if self._session is boto3 else self._session
        return session.get_credentials(), client.meta.region_name

    def signed_identity(self, header: str, value: str, *, seconds: int) -> str:
        """Return a signed URL of `GetCallerIdentity` whose signature holds a header. Nothing is called.

        Args:
            header: name of the header.
            value: the header's value.
            seconds: how long the URL may be used.
        """

        def sign_it_too(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's AWSRequest
            request.headers.add_header(header, value)

        event, client = "before-sign.sts.GetCallerIdentity", self.sts
        # Two threads that sign at once would sign each other's header.
        with self._lock:
            client.meta.events.register(event, sign_it_too)
            try:
                return client.generate_presigned_url("get_caller_identity", ExpiresIn=seconds, HttpMethod="GET")
            finally:
                client.meta.events.unregister(event, sign_it_too)

    def _make(self, service: Any, config: Config) -> Any:  # noqa: ANN401 - boto3 picks the type by the name
        with MAKING, configuring():
            if self._session is None:
                self._session = _session_of(self._account)
            return self._session.client(service, config=config)


def _session_of(account: Account) -> Any:  # noqa: ANN401 - boto3 itself has a session's methods, for the default one
    if account == Account():
        return boto3
    return boto3.Session(profile_name=account.profile, region_name=account.region)
