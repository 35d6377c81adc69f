// Two groups: one that is made here, with both hooks, and one that exists and gets a terminate hook.
import { App, Stack } from 'aws-cdk-lib';
import { AutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import { InstanceType, LaunchTemplate, MachineImage, SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Effect, ManagedPolicy, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { AnsweredHook } from './answered-hook.ts';

const app = new App({ analyticsReporting: false });
const chosen = (name: string, otherwise: string): string => app.node.tryGetContext(name) ?? otherwise;
const stack = new Stack(app, 'Answered');

const vpc = Vpc.fromVpcAttributes(stack, 'Vpc', {
  vpcId: chosen('vpcId', 'vpc-12345678'),
  availabilityZones: [chosen('availabilityZone', 'eu-west-1a')],
  privateSubnetIds: [chosen('subnetId', 'subnet-12345678')],
});

const group = new AutoScalingGroup(stack, 'Group', {
  autoScalingGroupName: 'worker',
  vpc,
  minCapacity: 1,
  maxCapacity: 10,
  launchTemplate: new LaunchTemplate(stack, 'LaunchTemplate', {
    instanceType: new InstanceType('t3.micro'),
    machineImage: MachineImage.latestAmazonLinux2023(),
    requireImdsv2: true,
    securityGroup: new SecurityGroup(stack, 'SecurityGroup', { vpc }),
    role: new Role(stack, 'InstanceRole', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
      // Run Command reaches the instance.
      managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('AmazonSSMManagedInstanceCore')],
      // It lets the instance read every parameter: those with secrets of plans, too.
      inlinePolicies: {
        'no-secrets-of-plans': new PolicyDocument({
          statements: [
            new PolicyStatement({
              sid: 'RefuseParametersOfAsgLifecycle',
              effect: Effect.DENY,
              actions: ['ssm:GetParameter*'],
              resources: [
                stack.formatArn({ service: 'ssm', region: '*', resource: 'parameter', resourceName: 'asg-lifecycle/*' }),
              ],
            }),
          ],
        }),
      },
    }),
  }),
});

new AnsweredHook(stack, 'Launch', {
  group,
  transition: 'launch',
  planName: 'worker',
  plan: {
    description: 'wait until the instance is well',
    steps: [{ parallel: [{ kind: 'wait-for-status-checks' }, { kind: 'wait-for-managed' }] }],
    timeout: '30m',
    on_failure: 'abandon',
    on_timeout: 'abandon',
  },
});

// plans/queue-worker.yaml
const stopWorker = {
  description: 'let the jobs under way finish',
  transition: 'terminate',
  steps: [
    {
      kind: 'run-command',
      options: {
        document: 'AWS-RunShellScript',
        parameters: { commands: ['systemctl stop worker'], executionTimeout: ['86400'] },
      },
    },
  ],
  drains_per_group: 5,
  timeout: '1d',
  on_timeout: 'abandon',
};
const terminate = new AnsweredHook(stack, 'Terminate', {
  group,
  transition: 'terminate',
  planName: 'worker',
  plan: stopWorker,
  heartbeatTimeout: 1800,
});

const existing = new AnsweredHook(stack, 'Existing', {
  group: AutoScalingGroup.fromAutoScalingGroupName(stack, 'ExistingGroup', chosen('existingGroup', 'old-workers')),
  transition: 'terminate',
  planName: 'worker',
  heartbeatTimeout: 1800,
});
// Its actions follow the same plan, which has to be there before.
existing.node.addDependency(terminate);

app.synth();
