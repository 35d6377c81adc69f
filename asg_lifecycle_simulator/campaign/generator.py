"""Draws the scenarios of a campaign: the same seed and run, the same scenario."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.campaign.scenario import (
    FAULTS,
    SWEEP_EVERY,
    Incident,
    InjectedFault,
    LambdaCrash,
    OperatorMessage,
    Pool,
    Scenario,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPENDENCIES = {
    "elbv2": ("DeregisterTargets", "DescribeTargetHealth", "DescribeTargetGroups", "DescribeTargetGroupAttributes"),
    "ssm": ("SendCommand", "GetCommandInvocation", "ListCommands", "DescribeInstanceInformation"),
    "ec2": ("DescribeInstances",),
}
"""What the steps need: may be down for hours."""

CORE = {
    "autoscaling": (
        "RecordLifecycleActionHeartbeat",
        "CompleteLifecycleAction",
        "DescribeLifecycleHooks",
        "DescribeAutoScalingInstances",
        "DescribeAutoScalingGroups",
    ),
    "dynamodb": ("PutItem", "UpdateItem", "GetItem", "Query", "BatchGetItem"),
    "lambda": ("Invoke", "GetDurableExecution", "SendDurableExecutionCallbackSuccess"),
}
"""What keeps an action alive: may be down for a part of the heartbeat timeout."""

EFFECTS = (
    ("ssm", "SendCommand"),
    ("elbv2", "DeregisterTargets"),
    ("autoscaling", "CompleteLifecycleAction"),
    ("dynamodb", "PutItem"),
    ("dynamodb", "UpdateItem"),
    ("lambda", "Invoke"),
)
"""Calls whose lost answer leaves open whether they had their effect."""


def generate_scenario(seed: int, run: int) -> Scenario:
    """Return run number `run` of the campaign `seed`: always the same one."""
    return _Draw(Random(f"{seed}/{run}")).scenario()  # noqa: S311 - reproducible, no secrets


class _Draw:
    def __init__(self, random: Random) -> None:
        self._random = random

    def scenario(self) -> Scenario:
        random = self._random
        move = self._of(("terminate", 12), ("launch", 3), ("pool-return", 1), ("pool", 1), ("root-volume", 1))
        usable = self._chance(0.95)
        never_ends = self._chance(0.05)
        exit_code = random.choice((0, 0, 0, 0, 0, 0, 1))
        hurried = usable and self._chance(0.08)
        # What only an operator or the deadline ends.
        endless = not usable or never_ends or exit_code != 0 or hurried
        heartbeat = self._heartbeat(short=endless)
        sweep = self._chance(0.4)
        pools = tuple(self._pool(number) for number in range(random.randint(0, 3)))
        on_failure = self._of((None, 4), ("continue", 2), ("abandon", 1), ("hold", 1))
        on_timeout = self._of((None, 3), ("continue", 1), ("abandon", 1))
        plan = self._plan(pools, usable=usable, on_failure=on_failure, on_timeout=on_timeout)
        self._shape(plan, hurried=hurried)
        saved = sweep and heartbeat >= 3 * SWEEP_EVERY
        protected = not self._chance(0.15)
        deliveries = self._deliveries(heartbeat, saved=saved, protected=protected)
        return Scenario(
            seed=random.getrandbits(32),
            move=move,
            instances=1 if endless else random.choice((1, 1, 1, 2, 3, 4)),
            apart=random.choice((0.0, 0.0, 3.0, 40.0)),
            heartbeat=heartbeat,
            default_result=random.choice(("ABANDON", "CONTINUE")),
            plan=plan,
            usable=usable,
            pools=pools,
            duration=random.choice((1.0, 5.0, 30.0, 90.0, 300.0)),
            exit_code=exit_code,
            never_ends=never_ends,
            foreign=random.choice((None, None, None, 5.0, 120.0, 900.0)),
            foreign_result=random.choice(("CONTINUE", "CONTINUE", "ABANDON")),
            second=self._chance(0.15),
            retains=self._chance(0.15),
            deliveries=deliveries,
            not_yet=random.choice((0.0, 0.0, 0.0, 2.0, 15.0)),
            sweep=sweep,
            drains_per_group=random.choice((None, None, None, 1, 2)),
            faults=self._faults(heartbeat, protected=protected),
            crashes=self._crashes(),
            incidents=self._incidents(saved=saved, protected=protected),
            messages=self._messages(endless=endless),
            protected=protected,
            # Drawn last, so that the older draws of a seed stay what they were before there were signals.
            signals=self._chance(0.75),
        )

    def _heartbeat(self, *, short: bool) -> int:
        # What ends only at its deadline has to have one that is near.
        if short:
            return self._random.choice((30, 45, 60))
        return self._random.choice((30, 60, 120, 300, 900, 900, 1800, 3600, 7200))

    def _pool(self, number: int) -> Pool:
        return Pool(
            name=f"pool-{number}",
            delay=self._random.choice((0, 10, 60, 300, 900)),
            connections=self._random.choice((None, None, 0.0, 7.0, 100.0)),
        )

    def _plan(
        self, pools: Sequence[Pool], *, usable: bool, on_failure: str | None, on_timeout: str | None
    ) -> dict[str, Any] | None:
        if not usable:
            return {"steps": [{"kind": self._random.choice(("drain", "run-comand")), "options": {}}]}
        if self._chance(0.1):
            return None
        steps: list[dict[str, Any]] = []
        named = [pool.name for pool in pools if self._chance(0.8)]
        if named:
            steps.append({"kind": "deregister-targets", "options": {"names": named}})
        if self._chance(0.6):
            options = {"document": "AWS-RunShellScript", "parameters": {"commands": ["systemctl stop worker"]}}
            steps.insert(self._random.randint(0, len(steps)), {"kind": "run-command", "options": options})
        plan: dict[str, Any] = {"steps": steps}
        return plan | {
            name: value for name, value in (("on_failure", on_failure), ("on_timeout", on_timeout)) if value is not None
        }

    def _shape(self, plan: dict[str, Any] | None, *, hurried: bool) -> None:
        """Give steps timeouts, and put them side by side."""
        if plan is None:
            return
        steps = plan["steps"]
        if hurried:
            for step in steps:
                step["timeout"] = self._random.choice(("5s", "30s", "2m", "10m"))
        if len(steps) > 1 and self._chance(0.4):
            plan["steps"] = [{"parallel": steps}]

    def _deliveries(self, heartbeat: int, *, saved: bool, protected: bool) -> tuple[tuple[float, ...], ...]:
        found: list[tuple[float, ...]] = []
        for _ in range(6):
            late = self._random.uniform(0.0, heartbeat / 3 if protected else 1200.0)
            fate = self._of(("plain", 10), ("late", 2), ("tripled", 2), ("lost", 1))
            if fate == "lost" and (saved or not protected):
                found.append(())
            elif fate == "late":
                found.append((late,))
            elif fate == "tripled":
                found.append((0.5, self._random.uniform(0.5, 30.0), self._random.uniform(0.5, 600.0)))
            else:
                found.append((self._random.uniform(0.2, 3.0),))
        return tuple(found)

    def _faults(self, heartbeat: int, *, protected: bool) -> tuple[InjectedFault, ...]:
        faults = [self._short_fault() for _ in range(self._random.choice((0, 0, 1, 2, 4)))]
        if self._chance(0.2):
            service = self._random.choice(tuple(DEPENDENCIES))
            operation = self._random.choice(DEPENDENCIES[service])
            kind = self._random.choice((*FAULTS[:4], "denied"))
            lasting = self._random.choice((30.0, 200.0, 900.0, 4000.0))
            faults.append(self._lasting_fault(service, operation, kind, lasting))
        if self._chance(0.15):
            service = self._random.choice(tuple(CORE))
            operation = self._random.choice(CORE[service])
            # A protected action has to be left enough of its time to be kept alive in.
            lasting = min(120.0, heartbeat / 5) if protected else self._random.choice((120.0, 900.0, 4000.0))
            faults.append(self._lasting_fault(service, operation, self._random.choice(FAULTS), lasting))
        return tuple(faults)

    def _short_fault(self) -> InjectedFault:
        if self._chance(0.5):
            service, operation = self._random.choice(EFFECTS)
            kind = self._random.choice(("response lost", "response lost", *FAULTS))
            return InjectedFault(
                service=service, operation=operation, kind=kind, at=0.0, times=self._random.randint(1, 2)
            )
        everything = {**DEPENDENCIES, **CORE}
        service = self._random.choice(tuple(everything))
        return InjectedFault(
            service=service,
            operation=self._random.choice(everything[service]),
            kind=self._random.choice(FAULTS),
            at=self._random.choice((0.0, self._random.uniform(0, 300))),
            times=self._random.randint(1, 2),
        )

    def _lasting_fault(self, service: str, operation: str, kind: str, lasting: float) -> InjectedFault:
        at = self._random.choice((0.0, self._random.uniform(0, 400)))
        return InjectedFault(service=service, operation=operation, kind=kind, at=at, lasting=lasting)

    def _crashes(self) -> tuple[LambdaCrash, ...]:
        return tuple(
            LambdaCrash(
                invocation=self._random.choice((1, 1, 2, 3, 5, 8)),
                number=self._random.randint(1, 9),
                at_call=self._chance(0.5),
                after=self._chance(0.5),
            )
            for _ in range(self._random.choice((0, 0, 0, 1, 2)))
        )

    def _incidents(self, *, saved: bool, protected: bool) -> tuple[Incident, ...]:
        if not self._chance(0.5 if saved else 0.25):
            return ()
        kinds = ["hook deleted", "instance gone", "redeployed"]
        # A dead execution is taken over by the next sweep.
        if saved or not protected:
            kinds += ["execution stopped"] * 6
        at = self._random.choice((self._random.uniform(1, 20), self._random.uniform(1, 400)))
        return (Incident(kind=self._random.choice(kinds), at=at),)

    def _messages(self, *, endless: bool) -> tuple[OperatorMessage, ...]:
        if not self._chance(0.25):
            return self._last_message() if endless else ()
        whats = ("finish CONTINUE", "finish ABANDON", "skip", "nudge", "nudge", "garbage")
        messages = tuple(
            OperatorMessage(what=self._random.choice(whats), at=self._random.uniform(2, 600))
            for _ in range(self._random.randint(1, 3))
        )
        return (*messages, *self._last_message()) if endless else messages

    def _last_message(self) -> tuple[OperatorMessage, ...]:
        # Now and then it has to be the deadline.
        if self._chance(0.2):
            return ()
        what = self._random.choice(("finish CONTINUE", "finish ABANDON"))
        return (OperatorMessage(what=what, at=self._random.uniform(100, 700)),)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _of(self, *weighted: tuple[Any, int]) -> Any:  # noqa: ANN401 - whatever is drawn from
        values, weights = zip(*weighted, strict=True)
        return self._random.choices(values, weights)[0]
