// A lifecycle hook that asg-lifecycle answers, and the plan that its actions follow.
import { CfnAutoScalingGroup, CfnLifecycleHook, type IAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import { CfnParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';

const TRANSITIONS = {
  launch: 'autoscaling:EC2_INSTANCE_LAUNCHING',
  terminate: 'autoscaling:EC2_INSTANCE_TERMINATING',
} as const;

export interface AnsweredHookProps {
  /** The group that gets the hook: one that is made here, or one that exists. */
  readonly group: IAutoScalingGroup;
  /** Whether the hook holds instances on their way in or out. */
  readonly transition: keyof typeof TRANSITIONS;
  /** Name of the plan. */
  readonly planName: string;
  /** The plan, as docs/plans.md has it. Left out, it is there already. */
  readonly plan?: object;
  /** Seconds from 600 to 7200; the hook lasts a hundred times as long, 48 hours at most. 900 if left out. */
  readonly heartbeatTimeout?: number;
  /** What happens when time runs out: ABANDON if left out, so that no timer releases an instance. */
  readonly defaultResult?: 'ABANDON' | 'CONTINUE';
  /** Name of the stack of asg-lifecycle in this Region: asg-lifecycle if left out. */
  readonly lifecycleStack?: string;
  /** What that stack's HookNamePrefix says: asg-lifecycle if left out. */
  readonly hookNamePrefix?: string;
}

export class AnsweredHook extends Construct {
  constructor(scope: Construct, id: string, props: AnsweredHookProps) {
    super(scope, id);
    const heartbeatTimeout = props.heartbeatTimeout ?? 900;
    if (heartbeatTimeout < 600 || heartbeatTimeout > 7200) {
      throw new Error(`the heartbeat timeout of a hook is 600 to 7200 seconds, not ${heartbeatTimeout}`);
    }
    const plan = props.plan && new CfnParameter(this, 'Plan', {
      type: 'String',
      name: `/asg-lifecycle/${props.lifecycleStack ?? 'asg-lifecycle'}/plans/${props.transition}/${props.planName}`,
      value: JSON.stringify(props.plan),
    });
    const hook = {
      lifecycleHookName: `${props.hookNamePrefix ?? 'asg-lifecycle'}-${props.transition}`,
      lifecycleTransition: TRANSITIONS[props.transition],
      heartbeatTimeout,
      defaultResult: props.defaultResult ?? 'ABANDON',
      notificationMetadata: JSON.stringify({ plan: props.planName }),
    };
    const made = props.group.node.defaultChild;
    if (made instanceof CfnAutoScalingGroup) {
      // In the group, not as a resource of its own: that would be made after the first instances have launched.
      made.lifecycleHookSpecificationList = [...((made.lifecycleHookSpecificationList as object[] | undefined) ?? []), hook] as
        CfnAutoScalingGroup.LifecycleHookSpecificationProperty[];
      if (plan) made.addResourceDependency(plan);
    } else {
      const added = new CfnLifecycleHook(this, 'Hook', { autoScalingGroupName: props.group.autoScalingGroupName, ...hook });
      if (plan) added.addResourceDependency(plan);
    }
  }
}
