"""Test a lifecycle hook handler of your own: Auto Scaling with real lifecycle actions, in virtual time.

    from asg_lifecycle_simulator.testing import LifecycleRegion

    def test_the_instance_is_released(lifecycle_region: LifecycleRegion) -> None:
        lifecycle_region.deploy("handler.lambda_handler")
        instance, = lifecycle_region.create_group("web", capacity=1)
        lifecycle_region.put_hook("web", "drain", transition="TERMINATING", heartbeat_timeout=60)
        lifecycle_region.terminate(instance)
        lifecycle_region.run(60)
        assert lifecycle_region.action(instance).ended_by == "CompleteLifecycleAction"

Needs the extra `simulator`. R1 to R32 are the rules of Auto Scaling that docs/simulator.md lists.
All durations are seconds. All times are seconds since the epoch in simulated time, which begins at the real time and
moves in `run` alone.
"""

from __future__ import annotations

import copy
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from asg_lifecycle_simulator.foreign.actions import (
    EndedBy,
    LifecycleAction,
    RefusedCall,
    Result,
    Transition,
    history,
    read_actions,
    read_refusals,
)
from asg_lifecycle_simulator.foreign.invocations import (
    LIFECYCLE_ACTIONS,
    Handler,
    HandlerFunction,
    Invocation,
    LambdaContext,
    load_handler,
)
from asg_lifecycle_simulator.region.faults import Faults
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.late_instances import LateInstances
from asg_lifecycle_simulator.services.other_services import add_services
from asg_lifecycle_simulator.services.run_command.service import RunCommand
from asg_lifecycle_simulator.services.spot import SpotInstances
from asg_lifecycle_simulator.services.target_groups import TargetGroups

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "LIFECYCLE_ACTIONS",
    "EndedBy",
    "Faults",
    "Handler",
    "Invocation",
    "LambdaContext",
    "LifecycleAction",
    "LifecycleRegion",
    "RefusedCall",
    "Result",
    "Transition",
]


class LifecycleRegion:
    """A simulated Region. Enter it as a context manager, once; the fixture `lifecycle_region` is one that was entered.

    A boto3 client that is made while it is entered talks to it, without credentials and network. One that was made
    before may talk to AWS: have handlers imported by `deploy`. What has no method here is asked of boto3: warm pools,
    standby, target groups, queues.

    Args:
        name: the Region's name.
        seed: what tokens and ids are drawn from, the same in every run.
        delivery_delay: seconds from an event or a notification to its delivery.
    """

    def __init__(self, *, name: str = "eu-west-1", seed: int = 0, delivery_delay: float = 1.0) -> None:
        self._timeline = VirtualTimeline(float(round(time.time())))
        self._started = self._timeline.now()
        self._delay = delivery_delay
        self._region = Region(self._timeline, seed=seed, name=name, delivery_delay=delivery_delay)
        self._autoscaling = self._region.add(AutoScaling(self._region))
        self._spot = self._region.add(SpotInstances(self._region, self._autoscaling))
        target_groups = self._region.add(TargetGroups(self._region, self._autoscaling))
        self._region.add(RunCommand(self._region))
        self._late = self._region.add(LateInstances(self._region))
        self._functions = add_services(self._region, self._autoscaling, target_groups)
        self._invocations: list[Invocation] = []
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        """Point boto3 at the Region."""
        self._undo.enter_context(self._region)
        return self

    def __exit__(self, *_: object) -> None:
        """Give boto3 back, and forget the handlers' modules that were imported."""
        self._undo.close()

    @property
    def now(self) -> float:
        """The time, seconds since the epoch. A handler's own clock does not know it."""
        return self._timeline.now()

    @property
    def elapsed(self) -> float:
        """How many simulated seconds have passed in `run` so far."""
        return self._timeline.now() - self._started

    def run(self, seconds: float) -> None:
        """Let so many seconds pass: events arrive, handlers run, timers run out, each at its exact time."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds} s")
        self._timeline.run_for(seconds)

    def call_after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call `callback` when so many seconds have passed: in place of a queue's delay or a state machine's wait."""
        self._timeline.call_after(seconds, callback, name="call_after")

    def create_group(
        self, group: str, *, capacity: int = 1, max_size: int | None = None, target_groups: tuple[str, ...] = ()
    ) -> list[str]:
        """Create an Auto Scaling group, and return the ids of its instances, which are in service.

        Args:
            group: its name (R29).
            capacity: its desired capacity.
            max_size: its maximum size, twice the capacity and one when None.
            target_groups: ARNs of target groups to attach; they are drained before a terminate hook begins (R26).
        """
        return self._autoscaling.create_group(
            group, capacity=capacity, max_size=max_size, target_group_arns=target_groups
        )

    def put_hook(  # noqa: PLR0913 - a hook has these fields
        self,
        group: str,
        hook: str,
        *,
        transition: Transition,
        heartbeat_timeout: int = 3600,
        default_result: Result = "ABANDON",
        metadata: str | None = None,
        target: str | None = None,
        role: str | None = None,
    ) -> None:
        """Put a lifecycle hook on a group; what is out of range is refused as AWS refuses it.

        Args:
            group: the group's name.
            hook: the hook's name (R29).
            transition: what it waits for (R1).
            heartbeat_timeout: seconds, 30 to 7200 (R3). The wait ends after 100 times that, or two days (R4).
            default_result: how an action ends whose time runs out (R6).
            metadata: `NotificationMetadata` (R21, R29).
            target: ARN of a queue, a topic or a function that is told beside the event (R19, R20).
            role: ARN of the role that a queue or a topic needs, and a function must not have.
        """
        given = {"NotificationMetadata": metadata, "NotificationTargetARN": target, "RoleARN": role}
        self._autoscaling.put_hook(
            group,
            hook,
            transition,
            HeartbeatTimeout=heartbeat_timeout,
            DefaultResult=default_result,
            **{name: value for name, value in given.items() if value is not None},
        )

    def scale(self, group: str, capacity: int) -> None:
        """Set the desired capacity of a group: instances are launched under its launch hooks or terminated."""
        self._autoscaling.scale(group, capacity)

    def terminate(self, instance: str, *, replace: bool = False) -> None:
        """Let Auto Scaling terminate an instance; with `replace` another is launched in its place."""
        self._autoscaling.terminate(instance, decrement=not replace)

    def interrupt_spot(self, instance: str) -> None:
        """Warn of a Spot interruption; EC2 terminates the instance two minutes later, hook or no hook (R27, R28)."""
        self._spot.interrupt(instance)

    def replace_root_volume(self, instance: str) -> None:
        """Replace the root volume of an instance in service: out under terminate hooks, in under launch hooks (R23)."""
        self._autoscaling.replace_root_volume(instance)

    def instances(self, group: str) -> list[str]:
        """Return the ids of the instances of a group and of its warm pool, oldest first."""
        return self._autoscaling.instances(group)

    def state(self, instance: str) -> str | None:
        """Return the `LifecycleState` of an instance, like `Terminating:Wait` (R17); None when no group has it."""
        return self._autoscaling.instance_state(instance)

    def deploy(
        self,
        handler: Handler | str,
        *,
        name: str = "handler",
        pattern: Mapping[str, Any] | None = LIFECYCLE_ACTIONS,
        timeout: float = 900.0,
    ) -> str:
        """Deploy a Lambda function that EventBridge invokes, and return its ARN.

        What the handler raises fails its invocation, which Lambda tries again after one minute and after two more; it
        fails no test by itself. See `invocations`.

        Args:
            handler: the handler, or `module.function`, which is imported anew, so that the clients that the module
                makes are those of the Region.
            name: the function's name.
            pattern: the event pattern of its rule; None for no rule, where the function is a hook's target.
            timeout: seconds that its context tells.

        Raises:
            ValueError: there is a function of that name, or the handler is named in another form.
        """
        if name in self._functions.events:
            raise ValueError(f"there is a function {name} already")
        if isinstance(handler, str):
            handler, forget = load_handler(handler)
            self._undo.callback(forget)
        function = HandlerFunction(self._region, name, handler, timeout=timeout, record=self._invocations.append)
        self._undo.callback(function.close)
        self._functions.deploy(
            name, function.invoke, asynchronous=partial(function.invoke_asynchronously, delay=self._delay)
        )
        if pattern is not None:
            self._region.subscribe(function.rule(pattern))
        return function.arn

    @property
    def invocations(self) -> list[Invocation]:
        """Every run of a handler so far, in order, with what it returned or raised."""
        return list(self._invocations)

    @property
    def actions(self) -> list[LifecycleAction]:
        """Every lifecycle action so far, in the order in which they began (R2)."""
        return read_actions(self._region)

    def action(self, instance: str, hook: str | None = None) -> LifecycleAction:
        """Return the latest lifecycle action of an instance, under any hook or the one that is named.

        Raises:
            LookupError: there has been none.
        """
        found = [each for each in self.actions if each.instance == instance and hook in (None, each.hook)]
        if not found:
            raise LookupError(f"no lifecycle action of {instance}" + (f" under {hook}" if hook else ""))
        return found[-1]

    @property
    def refused(self) -> list[RefusedCall]:
        """Every heartbeat and completion so far that no action under way was meant by (R12, R13)."""
        return read_refusals(self._region)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that AWS put on the event bus so far, lost ones included."""
        return copy.deepcopy(self._region.events.emitted)

    def calls(self, service: str, operation: str) -> int:
        """Return how many calls have reached the Region so far, like `calls("autoscaling", "CompleteLifecycleAction")`.

        What the methods of this class ask is not counted.
        """
        return self._region.calls[service, operation]

    def history(self) -> str:
        """Return what happened as text, a line each: time since the start, what, group, hook, instance, detail."""
        return history(self._region, self._started)

    def deliver_events(self, *delays: float) -> None:
        """Deliver each event from now on after each of so many seconds: none loses it, two deliver it twice (R18)."""
        self._region.events.deliveries = lambda _: delays

    @property
    def faults(self) -> Faults:
        """What the next calls meet, like `faults.throttle("autoscaling", "CompleteLifecycleAction")` (R15).

        Further ones are `contend` (R14), `lose_request`, `lose_response`, `deny`, `allow`, `fail` and `clear`.
        """
        return self._region.faults

    def refuse_at_first(self, seconds: float) -> None:
        """Refuse heartbeat and completion so long after a wait has begun, as R13 says."""
        self._autoscaling.timings.not_yet = seconds

    def hide_new_instances(self, seconds: float) -> None:
        """Let EC2 know nothing of an instance so long after its launch, as R32 says."""
        self._late.known_after = seconds
