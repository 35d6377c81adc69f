"""Every list that the application reads comes in pages; here of two entries, so that five take three."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest

from asg_lifecycle.aws.alarms import Alarms
from asg_lifecycle.aws.automations import Automations
from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.cloud_map import CloudMap
from asg_lifecycle.aws.commands import Commands
from asg_lifecycle.aws.container_instances import ContainerInstances
from asg_lifecycle.aws.dns_records import DnsRecords
from asg_lifecycle.aws.eks import Eks
from asg_lifecycle.aws.event_rules import EventRules
from asg_lifecycle.aws.executions import Executions
from asg_lifecycle.aws.group_capacity import GroupCapacity
from asg_lifecycle.aws.groups import Groups
from asg_lifecycle.aws.instances import Instances
from asg_lifecycle.aws.network_interfaces import NetworkInterfaces
from asg_lifecycle.aws.plan_store import PlanStore
from asg_lifecycle.aws.role_policies import RolePolicies
from asg_lifecycle.aws.scaling_activities import ScalingActivities
from asg_lifecycle.aws.secret_parameters import SecretParameters
from asg_lifecycle.aws.snapshots import Snapshots
from asg_lifecycle.aws.stacks import Stacks
from asg_lifecycle.aws.target_groups import TargetGroups
from asg_lifecycle.aws.topics import Topics
from asg_lifecycle.aws.traffic_sources import TrafficSources
from asg_lifecycle.aws.volumes import Volumes
from asg_lifecycle.composition.doctor_groups import group_facts
from asg_lifecycle.kubernetes.clusters import Clusters
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.records import claim_record
from asg_lifecycle.model.redaction import KnownSecrets
from asg_lifecycle.model.snapshots import ACTION_TAG
from asg_lifecycle.model.step_names import client_token
from asg_lifecycle.store.drain_slots import DrainSlots
from asg_lifecycle.store.record_queries import RecordQueries
from asg_lifecycle.store.records import Records
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH, Deployment
from asg_lifecycle_simulator.deployment.parameters import TABLE
from asg_lifecycle_simulator.deployment.stack import make_stack
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.region.pages import page_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "web"
NAMES = tuple(f"name-{number}" for number in range(5))


@pytest.fixture
def testbed() -> Iterator[Testbed[Deployment]]:
    with Testbed(Deployment) as testbed:
        testbed.region.page_size = 2
        yield testbed


@pytest.fixture
def clients(testbed: Testbed[Deployment]) -> Clients:  # noqa: ARG001 - its region is where they look
    return Clients()


def pages(testbed: Testbed[Deployment], service: str, operation: str) -> int:
    return testbed.region.calls[service, operation]


def test_groups(testbed: Testbed[Deployment], clients: Clients) -> None:
    for name in NAMES:
        testbed.autoscaling.create_group(name, capacity=0)
    assert tuple(group.name for group in Groups(clients).all()) == NAMES
    assert pages(testbed, "autoscaling", "DescribeAutoScalingGroups") == 3


def test_instances_of_a_warm_pool(testbed: Testbed[Deployment], clients: Clients) -> None:
    testbed.autoscaling.create_group(GROUP, capacity=0, max_size=5)
    boto3.client("autoscaling").put_warm_pool(AutoScalingGroupName=GROUP, MinSize=5)
    pooled = testbed.autoscaling.instances(GROUP)
    assert len(pooled) == 5
    assert [member.instance for member in Groups(clients).pool(GROUP)] == pooled
    assert pages(testbed, "autoscaling", "DescribeWarmPool") == 3


def test_instance_refreshes(testbed: Testbed[Deployment], clients: Clients) -> None:
    testbed.autoscaling.create_group(GROUP, capacity=0)
    client = boto3.client("autoscaling")
    for _ in NAMES:
        client.start_instance_refresh(AutoScalingGroupName=GROUP)
        client.cancel_instance_refresh(AutoScalingGroupName=GROUP)
    assert GroupCapacity(clients, clients).refresh_under_way(GROUP) is None
    assert pages(testbed, "autoscaling", "DescribeInstanceRefreshes") == 3
    started = client.start_instance_refresh(AutoScalingGroupName=GROUP)["InstanceRefreshId"]
    assert GroupCapacity(clients, clients).refresh_under_way(GROUP) == f"{started}, InProgress"


def test_scaling_activities(testbed: Testbed[Deployment], clients: Clients) -> None:
    first, *_ = testbed.autoscaling.create_group(GROUP, capacity=5)
    testbed.autoscaling.terminate(first)
    for instance in testbed.autoscaling.instances(GROUP)[1:5]:
        testbed.autoscaling.terminate(instance)
    cause = ScalingActivities(clients).cause_of_termination(GROUP, first)
    assert cause is not None
    assert "in response to a user request, shrinking the capacity from 5 to 4." in cause
    assert ScalingActivities(clients).cause_of_termination(GROUP, "i-0") is None
    assert pages(testbed, "autoscaling", "DescribeScalingActivities") == 4


def test_target_groups_attached_to_a_group(testbed: Testbed[Deployment], clients: Clients) -> None:
    arns = tuple(testbed.target_group(name) for name in NAMES)
    testbed.autoscaling.create_group(GROUP, capacity=0, target_group_arns=arns)
    assert TrafficSources(clients, testbed.timeline.now).target_groups(GROUP) == arns
    assert pages(testbed, "autoscaling", "DescribeLoadBalancerTargetGroups") == 3


def test_classic_load_balancers_attached_to_a_group(testbed: Testbed[Deployment], clients: Clients) -> None:
    testbed.autoscaling.create_group(GROUP, capacity=0)
    for name in NAMES:
        testbed.classic_load_balancers.make(name)
        testbed.classic_load_balancers.attachments.attach(GROUP, name)
    assert TrafficSources(clients, testbed.timeline.now).classic_load_balancers(GROUP) == NAMES
    assert pages(testbed, "autoscaling", "DescribeLoadBalancers") == 3


@pytest.mark.parametrize("kind", ["elbv2", "elb", "vpc-lattice"])
def test_traffic_sources_of_a_group(testbed: Testbed[Deployment], clients: Clients, kind: str) -> None:
    testbed.autoscaling.create_group(GROUP, capacity=0)
    for name in NAMES:
        boto3.client("autoscaling").attach_traffic_sources(
            AutoScalingGroupName=GROUP, TrafficSources=[{"Identifier": name, "Type": kind}]
        )
    found = TrafficSources(clients, testbed.timeline.now)
    assert found.target_groups(GROUP) == (() if kind == "elb" else NAMES)
    assert found.classic_load_balancers(GROUP) == (NAMES if kind == "elb" else ())
    assert pages(testbed, "autoscaling", "DescribeTrafficSources") == 3


def test_network_interfaces_of_a_pool(testbed: Testbed[Deployment], clients: Clients) -> None:
    made = {testbed.network_interfaces.make("web") for _ in NAMES}
    testbed.network_interfaces.make("other")
    assert {member.id for member, _ in NetworkInterfaces(clients).of_pool("web")} == made
    assert pages(testbed, "ec2", "DescribeNetworkInterfaces") == 3


def test_target_groups_by_their_tags(testbed: Testbed[Deployment], clients: Clients) -> None:
    arns = [testbed.target_group(name) for name in NAMES]
    boto3.client("elbv2").add_tags(ResourceArns=arns, Tags=[{"Key": "drain", "Value": "yes"}])
    found = TargetGroups(clients, testbed.timeline.now).tagged({"drain": "yes"})
    assert sorted(found) == sorted(arns)
    assert pages(testbed, "resourcegroupstaggingapi", "GetResources") == 3


def test_target_groups_for_whoever_lists_them(testbed: Testbed[Deployment]) -> None:
    arns = [testbed.target_group(name) for name in NAMES]
    read = list(boto3.client("elbv2").get_paginator("describe_target_groups").paginate())
    assert [len(page["TargetGroups"]) for page in read] == [2, 2, 1]
    assert [group["TargetGroupArn"] for page in read for group in page["TargetGroups"]] == arns


def test_ecs_clusters(testbed: Testbed[Deployment], clients: Clients) -> None:
    (instance,) = testbed.autoscaling.create_group(GROUP)
    for name in NAMES[:-1]:
        testbed.ecs.clusters[name] = []
    registered = testbed.ecs.register(instance, NAMES[-1])
    (found,) = ContainerInstances(clients, testbed.timeline.now).in_all_clusters(instance, group=GROUP).found
    assert found.arn == registered.arn
    assert pages(testbed, "ecs", "ListClusters") == 3


def test_registrations_of_an_instance(testbed: Testbed[Deployment], clients: Clients) -> None:
    (instance,) = testbed.autoscaling.create_group(GROUP)
    made = [testbed.ecs.register(instance) for _ in range(5)]
    found = ContainerInstances(clients, testbed.timeline.now).in_cluster(instance, "default") or ()
    assert [each.arn for each in found] == [each.arn for each in made]
    assert pages(testbed, "ecs", "ListContainerInstances") == 3


def test_ecs_tasks(testbed: Testbed[Deployment], clients: Clients) -> None:
    (instance,) = testbed.autoscaling.create_group(GROUP)
    made = testbed.ecs.run(testbed.ecs.register(instance), "web:1", count=5)
    containers = ContainerInstances(clients, testbed.timeline.now)
    (found,) = containers.in_cluster(instance, "default") or ()
    assert [task.arn for task in containers.tasks(found)] == [task.arn for task in made]


def test_commands(testbed: Testbed[Deployment], clients: Clients) -> None:
    (instance,) = testbed.autoscaling.create_group(GROUP)
    testbed.run_command.manage(instance)
    started = testbed.timeline.now()
    commands = Commands(clients)
    sent = [
        commands.send(
            instance=instance,
            document="AWS-RunShellScript",
            document_version=None,
            parameters={"commands": ["stop"]},
            comment=name,
        )
        for name in NAMES
    ]
    testbed.run(10)
    assert [commands.find(instance=instance, comment=name, since=started) for name in NAMES] == sent
    # The one that was sent first is listed last.
    assert pages(testbed, "ssm", "ListCommands") == 3 + 2 + 2 + 1 + 1


def test_automations(testbed: Testbed[Deployment], clients: Clients) -> None:
    testbed.automations.publish("Shop-Archive")
    tokens = [client_token(name, 0, 0) for name in NAMES]
    automations = Automations(clients)
    started = [
        automations.start(document="Shop-Archive", version=None, parameters={}, token=token, instance=name)
        for token, name in zip(tokens, NAMES, strict=True)
    ]
    testbed.run(10)
    assert [automations.find(token) for token in tokens] == [[each] for each in started]
    # One that was started twice, as it should not be, fills pages.
    testbed.automations.token_life = 0.0
    again = [
        automations.start(document="Shop-Archive", version=None, parameters={}, token=tokens[0], instance="i-1")
        for _ in range(4)
    ]
    testbed.run(10)
    assert automations.find(tokens[0]) == [*reversed(again), started[0]]
    assert pages(testbed, "ssm", "DescribeAutomationExecutions") == 5 + 3


def test_managed_instances_for_whoever_lists_them(testbed: Testbed[Deployment]) -> None:
    instances = testbed.autoscaling.create_group(GROUP, capacity=5)
    for instance in instances:
        testbed.run_command.manage(instance)
    read = list(boto3.client("ssm").get_paginator("describe_instance_information").paginate())
    assert [entry["InstanceId"] for page in read for entry in page["InstanceInformationList"]] == instances
    assert len(read) == 3


def test_plans(testbed: Testbed[Deployment], clients: Clients) -> None:
    for name in NAMES:
        testbed.deployment.put_plan(name, {"steps": []})
    store = PlanStore(clients, PLAN_PATH, testbed.timeline.now)
    assert sorted(plan.name for plan in store.plans()) == list(NAMES)
    assert pages(testbed, "ssm", "GetParametersByPath") == 3


def test_cloud_map(testbed: Testbed[Deployment], clients: Clients) -> None:
    namespaces = [testbed.cloud_map.namespace("internal") for _ in NAMES]
    services = [testbed.cloud_map.service(name, namespaces[-1]) for name in NAMES]
    services[-1].instances.update({name: {} for name in NAMES})
    cloud_map = CloudMap(clients, testbed.timeline.now)
    assert list(cloud_map.namespaces("internal")) == namespaces
    assert [service.id for service in cloud_map.services(namespaces[-1])] == [service.id for service in services]
    instances = cloud_map.instances(services[-1].id)
    assert instances is not None
    assert [instance.id for instance in instances] == list(NAMES)
    for operation in ("ListNamespaces", "ListServices", "ListInstances"):
        assert pages(testbed, "servicediscovery", operation) == 3


def test_record_sets(testbed: Testbed[Deployment], clients: Clients) -> None:
    zone = testbed.dns.zone()
    for name in NAMES:
        zone.put("www.example.com", "10.0.0.1", SetIdentifier=name, Weight=1)
    records = DnsRecords(clients)
    named, everything = records.record_sets(zone.id, ["www.example.com"]), records.record_sets(zone.id)
    assert named is not None
    assert everything is not None
    assert [record_set.content["SetIdentifier"] for record_set in named] == list(NAMES)
    assert len(everything) == len(zone.record_sets) == 7
    assert pages(testbed, "route53", "ListResourceRecordSets") == 3 + 4


def test_volumes(testbed: Testbed[Deployment], clients: Clients) -> None:
    made = sorted(testbed.volumes.make(tags={"data": "web"}) for _ in NAMES)
    volumes = Volumes(clients)
    assert [each.id for each in volumes.tagged("data", "web")] == made
    assert pages(testbed, "ec2", "DescribeVolumes") == 3
    named = volumes.named([*made, "vol-0123456789abcdef0"])
    assert [each and each.id for each in named.values()] == [*made, None]


def test_snapshots(testbed: Testbed[Deployment], clients: Clients) -> None:
    (instance,) = testbed.autoscaling.create_group(GROUP)
    for letter in "fghi":
        testbed.snapshots.attach(instance, f"/dev/sd{letter}")
    snapshots = Snapshots(clients)
    made = snapshots.create_of_instance(instance, tags={ACTION_TAG: "token/1"}, description="")
    snapshots.create_of_instance(instance, tags={ACTION_TAG: "token/2"}, description="")
    assert [each.snapshot for each in snapshots.made_by("token/1")] == [each.snapshot for each in made]
    assert pages(testbed, "ec2", "DescribeSnapshots") == 3
    assert list(snapshots.told([each.snapshot for each in made])) == [each.snapshot for each in made]
    assert pages(testbed, "ec2", "DescribeSnapshots") == 6


def test_images_for_whoever_lists_them(testbed: Testbed[Deployment]) -> None:
    (instance,) = testbed.autoscaling.create_group(GROUP)
    ec2 = boto3.client("ec2")
    made = [ec2.create_image(InstanceId=instance, Name=name, NoReboot=True)["ImageId"] for name in NAMES]
    read = list(ec2.get_paginator("describe_images").paginate(Owners=["self"]))
    assert [image["ImageId"] for page in read for image in page["Images"]] == made
    assert len(read) == 3


def test_nodes_and_pods(testbed: Testbed[Deployment], clients: Clients) -> None:
    cluster = testbed.kubernetes.cluster()
    nodes = [cluster.join(name) for name in NAMES]
    pods = cluster.run(nodes[-1], "web", count=5)
    clock = testbed.timeline.now
    opened = Clusters(Eks(clients, clock), SecretParameters(clients, KnownSecrets()), clock).open("production")
    found = opened.nodes()
    assert [node.name for node in found] == [node.name for node in nodes]
    assert [pod.name for pod in opened.pods(found[-1])] == [pod.name for pod in pods]
    asked = testbed.kubernetes.apis["production"].asked
    assert (asked["list nodes"], asked["list pods"]) == (3, 3)


def test_groups_with_all_that_the_doctor_looks_at(testbed: Testbed[Deployment], clients: Clients) -> None:
    for name in NAMES:
        testbed.autoscaling.create_group(name, capacity=1)
    groups = [*map(group_facts, Groups(clients).all())]
    assert [(group.name, group.size) for group in groups] == [(name, 1) for name in NAMES]
    assert pages(testbed, "autoscaling", "DescribeAutoScalingGroups") == 3
    instances = [instance for group in groups for instance in group.states]
    assert [*Instances(clients).tags_of([*instances, "i-00000000000000000"])] == instances


def test_what_a_stack_has_made(testbed: Testbed[Deployment], clients: Clients) -> None:
    outputs = make_stack(testbed.region, testbed.deployment)
    resources = Stacks(clients).resources("asg-lifecycle")
    assert pages(testbed, "cloudformation", "ListStackResources") == (len(resources) + 1) // 2
    alarms = [each.physical for each in resources if each.kind == "AWS::CloudWatch::Alarm"]
    assert [alarm.name for alarm in Alarms(clients).named([*alarms, "gone"])] == alarms
    assert pages(testbed, "cloudwatch", "DescribeAlarms") == (len(alarms) + 1) // 2
    assert len(alarms) == 12
    rules = EventRules(clients).all()
    assert outputs["RuleArn"] in {rule.arn for rule in rules}
    assert pages(testbed, "events", "ListRules") == (len(rules) + 1) // 2
    (role,) = [each.physical for each in resources if each.logical == "LifecycleActionFunctionRole"]
    arn = f"arn:aws:iam::{testbed.region.account}:role/{role}"
    actions = ["ec2:DescribeInstances", "ec2:RunInstances", "s3:GetObject", "s3:PutObject", "autoscaling:DescribeTags"]
    assert RolePolicies(clients).refused(arn, actions, ["*"], {}) == tuple(actions[1:4])
    assert pages(testbed, "iam", "SimulatePrincipalPolicy") == 3


def test_targets_of_a_rule(testbed: Testbed[Deployment], clients: Clients) -> None:
    events = boto3.client("events")
    events.put_rule(Name="rule", EventPattern="{}")
    arns = [f"arn:aws:lambda:eu-west-1:123456789012:function:{name}" for name in NAMES]
    events.put_targets(Rule="rule", Targets=[{"Id": arn[-6:], "Arn": arn} for arn in arns])
    assert EventRules(clients).targets("rule") == tuple(arns)
    assert pages(testbed, "events", "ListTargetsByRule") == 3


def test_subscriptions_of_a_topic(testbed: Testbed[Deployment], clients: Clients) -> None:
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    for number in range(105):
        queue = f"arn:aws:sqs:{testbed.region.name}:{testbed.region.account}:queue-{number}"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    assert Topics(clients).subscriptions(topic).confirmed == 105
    assert pages(testbed, "sns", "ListSubscriptionsByTopic") == 2


def test_failed_executions(testbed: Testbed[Deployment], clients: Clients) -> None:
    instances = testbed.autoscaling.create_group(GROUP, capacity=5)
    plan = json.dumps({"plan": {"steps": [{"kind": "wait", "options": {"duration": "1h"}}]}})
    testbed.autoscaling.put_hook(GROUP, "asg-lifecycle-terminate", "TERMINATING", NotificationMetadata=plan)
    began = testbed.timeline.now()
    for instance in instances:
        testbed.autoscaling.terminate(instance)
    testbed.run(60)
    arns = [execution.arn for execution in testbed.deployment.executions]
    for arn in arns:
        boto3.client("lambda").stop_durable_execution(DurableExecutionArn=arn)
    executions = Executions(clients, testbed.deployment.service.alias_arn)
    assert executions.failed(began - 1) == dict.fromkeys(arns, "STOPPED")
    assert pages(testbed, "lambda", "ListDurableExecutionsByFunction") == 1 + 1 + 3
    assert executions.failed(testbed.timeline.now()) == {}


def action(number: int, instance: str) -> LifecycleAction:
    return LifecycleAction(
        token=f"{number:036}",
        group=GROUP,
        hook=f"asg-lifecycle-{number}",
        instance=instance,
        transition=Transition.TERMINATING,
        time=datetime(2100, 1, 1, tzinfo=UTC).timestamp(),
    )


def test_records(testbed: Testbed[Deployment], clients: Clients) -> None:
    records, queries = Records(clients, TABLE), RecordQueries(clients, TABLE)
    for number in range(5):
        claimed = claim_record(action(number, NAMES[0]), execution="arn", now=1_000.0 + number, retention=60.0)
        assert records.claim(claimed) is None
    hooks = [f"asg-lifecycle-{number}" for number in range(5)]
    assert [record.hook for record in queries.in_flight().records] == hooks
    assert pages(testbed, "dynamodb", "Query") == 3
    assert sorted(record.hook for record in queries.of_instance(NAMES[0])) == hooks
    assert pages(testbed, "dynamodb", "Query") == 6


def test_drain_slots(testbed: Testbed[Deployment], clients: Clients) -> None:
    slots, now = DrainSlots(clients, TABLE), testbed.timeline.now()
    asked = [slots.request(GROUP, name, limit=1, until=now + 900, now=now) for name in (*NAMES, "name-5", "name-6")]
    assert [request.granted for request in asked] == [True, *[False] * 6]
    assert [request.ahead for request in asked[1:]] == [0, 1, 2, 3, 4, 5]


def test_what_a_test_arranges_comes_in_long_pages(testbed: Testbed[Deployment]) -> None:
    for name in NAMES:
        testbed.autoscaling.create_group(name, capacity=0)
    with testbed.region.unobserved():
        groups = boto3.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert len(groups) == 5


@pytest.mark.parametrize(
    ("service", "operation", "parameter"),
    [
        ("autoscaling", "DescribeWarmPool", "MaxRecords"),
        ("dynamodb", "Query", "Limit"),
        ("ec2", "DescribeVolumes", "MaxResults"),
        ("route53", "ListResourceRecordSets", "maxitems"),
        ("autoscaling", "CompleteLifecycleAction", None),
        ("", "", None),
    ],
)
def test_the_length_of_a_page_is_a_parameter_of_lists_alone(
    service: str, operation: str, parameter: str | None
) -> None:
    limit = page_limit(service, operation, 2)
    assert (limit and limit.parameter) == parameter
