"""No sequence of calls breaks R2, R4, R5, R8 and R9."""

from __future__ import annotations

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling

GROUP = "web"
HOOKS = ("one", "two", "three")
RESULTS = st.sampled_from(["CONTINUE", "ABANDON"])
ENDS = (LogKind.COMPLETED, LogKind.SKIPPED)


class AutoScalingMachine(RuleBasedStateMachine):
    """Operators, hooks' workers and time act on one group in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.timeline = VirtualTimeline()
        self.region = Region(self.timeline).__enter__()
        self.autoscaling = self.region.add(AutoScaling(self.region))
        self.client = self.region.client("autoscaling")
        self.autoscaling.create_group(GROUP, capacity=2, max_size=4)
        for name in HOOKS:
            self.autoscaling.put_hook(GROUP, name, "TERMINATING", HeartbeatTimeout=30)
        self.checked = 0
        self.open: dict[str, tuple[str, str, float]] = {}
        """Token to instance, hook and start of the actions that the log says are under way."""
        self.states: dict[str, str] = {}

    def teardown(self) -> None:
        self.region.close()

    @rule(name=st.sampled_from(HOOKS), transition=st.sampled_from(["LAUNCHING", "TERMINATING"]), result=RESULTS)
    def put_hook(self, name: str, transition: str, result: str) -> None:
        self.autoscaling.put_hook(GROUP, name, transition, HeartbeatTimeout=30, DefaultResult=result)

    @rule(name=st.sampled_from(HOOKS))
    def delete_hook(self, name: str) -> None:
        self.ask("delete_lifecycle_hook", AutoScalingGroupName=GROUP, LifecycleHookName=name)

    @rule(capacity=st.integers(0, 4))
    def scale(self, capacity: int) -> None:
        self.autoscaling.scale(GROUP, capacity)

    @rule(reuse=st.booleans(), prepared=st.integers(0, 4))
    def put_warm_pool(self, prepared: int, *, reuse: bool) -> None:
        self.ask(
            "put_warm_pool",
            AutoScalingGroupName=GROUP,
            MaxGroupPreparedCapacity=prepared,
            InstanceReusePolicy={"ReuseOnScaleIn": reuse},
        )

    @rule(retains=st.booleans())
    def retain(self, *, retains: bool) -> None:
        self.autoscaling.retain(GROUP, on_terminate_abandon=retains)

    @precondition(lambda self: self.autoscaling.instances(GROUP))
    @rule(data=st.data(), decrement=st.booleans())
    def terminate(self, data: st.DataObject, *, decrement: bool) -> None:
        # Refused where the minimum forbids it.
        named = {"InstanceId": self.some_instance(data), "ShouldDecrementDesiredCapacity": decrement}
        self.ask("terminate_instance_in_auto_scaling_group", **named)

    @precondition(lambda self: self.autoscaling.instances(GROUP))
    @rule(data=st.data())
    def terminate_through_ec2(self, data: st.DataObject) -> None:
        self.region.client("ec2").terminate_instances(InstanceIds=[self.some_instance(data)])

    @precondition(lambda self: self.autoscaling.instances(GROUP))
    @rule(data=st.data(), operation=st.sampled_from(["detach_instances", "enter_standby"]))
    def take_out(self, data: st.DataObject, operation: str) -> None:
        instance = self.some_instance(data)
        if self.autoscaling.instance_state(instance) == "InService":
            named = {"AutoScalingGroupName": GROUP, "InstanceIds": [instance], "ShouldDecrementDesiredCapacity": True}
            self.ask(operation, **named)

    @precondition(lambda self: self.autoscaling.instances(GROUP))
    @rule(data=st.data())
    def replace_root_volume(self, data: st.DataObject) -> None:
        instance = self.some_instance(data)
        if self.autoscaling.instance_state(instance) == "InService":
            self.autoscaling.replace_root_volume(instance)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), result=RESULTS, by_instance=st.booleans())
    def complete(self, data: st.DataObject, result: str, *, by_instance: bool) -> None:
        token, (instance, hook, _) = data.draw(st.sampled_from(sorted(self.open.items())))
        which = {"InstanceId": instance} if by_instance else {"LifecycleActionToken": token}
        named = {"AutoScalingGroupName": GROUP, "LifecycleHookName": hook, "LifecycleActionResult": result}
        assert self.ask("complete_lifecycle_action", **named, **which)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        token, (_, hook, _) = data.draw(st.sampled_from(sorted(self.open.items())))
        named = {"AutoScalingGroupName": GROUP, "LifecycleHookName": hook, "LifecycleActionToken": token}
        assert self.ask("record_lifecycle_action_heartbeat", **named)

    @precondition(lambda self: self.open)
    @rule()
    def beat_all_for_long(self) -> None:
        # Past the boto3 client: the global timeout is a hundred beats away.
        for _ in range(104):
            self.timeline.run_for(29)
            self.check()
            for token, (_, hook, _) in self.open.items():
                self.autoscaling.actions.heartbeat(GROUP, hook, token, None)

    @rule(seconds=st.sampled_from([0.5, 1, 10, 29, 30, 31]))
    def let_time_pass(self, seconds: float) -> None:
        self.timeline.run_for(seconds)

    def check(self) -> None:
        entries = list(self.region.log)
        for entry in entries[self.checked :]:
            if entry.kind is LogKind.WAIT_STARTED:
                self.open[entry.token] = (entry.instance, entry.hook, entry.time)
            elif entry.kind in ENDS:
                # R4: whatever the heartbeats, 100 x 30 s is the end. KeyError here: one action ended twice.
                _, _, started = self.open.pop(entry.token)
                assert entry.time <= started + 3000
            elif entry.kind is LogKind.INSTANCE_STATE:
                left = self.states.get(entry.instance, "").endswith(":Wait")
                held = [token for token, (instance, _, _) in self.open.items() if instance == entry.instance]
                assert not (left and held), f"{entry} while {held} are under way"
                self.states[entry.instance] = entry.detail
        self.checked = len(entries)

    @invariant()
    def a_waiting_instance_has_an_action_and_every_action_one_timer(self) -> None:
        self.check()
        active = {action.token: action for action in self.autoscaling.actions.active}
        assert active.keys() == self.open.keys()
        timers = [timer.name for timer in self.timeline._timers if not timer.cancelled]  # noqa: SLF001 - to count them
        for token, action in active.items():
            assert timers.count(f"lifecycle action {token}") == 1
            assert self.timeline.now() <= action.expires <= min(action.global_deadline, self.timeline.now() + 30)
        waiting = {one for one in self.autoscaling.instances(GROUP) if self.state(one).endswith(":Wait")}
        assert waiting == {instance for instance, _, _ in self.open.values()}

    @invariant()
    def the_capacity_is_what_was_asked_for_or_above_it_only_while_nothing_can_be_spared(self) -> None:
        group = self.autoscaling.engine.groups[GROUP]
        members = [self.autoscaling.engine.instances[one] for one in self.autoscaling.instances(GROUP)]
        counted = [one for one in members if one.counts]
        assert len(counted) >= group.desired
        if len(counted) > group.desired:
            assert not [one for one in counted if one.state == "InService"]

    def some_instance(self, data: st.DataObject) -> str:
        return str(data.draw(st.sampled_from(self.autoscaling.instances(GROUP))))

    def state(self, instance: str) -> str:
        return self.autoscaling.instance_state(instance) or ""

    def ask(self, operation: str, **named: object) -> bool:
        try:
            getattr(self.client, operation)(**named)
        except ClientError as error:
            # Refusing is fine, breaking is not.
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400  # noqa: PT017 - any answer but this fails
            return False
        return True


TestAutoScaling = AutoScalingMachine.TestCase
TestAutoScaling.settings = settings(
    max_examples=20, stateful_step_count=40, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
