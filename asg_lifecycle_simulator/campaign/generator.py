"""Draws the scenarios of a campaign: the same seed and run, the same scenario."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.campaign.calls import CORE, EFFECTS
from asg_lifecycle_simulator.campaign.kinds.catalog import CAMPAIGN_KINDS
from asg_lifecycle_simulator.campaign.scenario import (
    FAULTS,
    SWEEP_EVERY,
    TRANSITIONS,
    Incident,
    InjectedFault,
    LambdaCrash,
    OperatorMessage,
    Pool,
    Scenario,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle_simulator.campaign.kinds.base import DrawnStep

FREQUENT = frozenset({"deregister-targets", "run-command"})
"""The kinds about which the checker knows more than whether their work is done: drawn more often than the others."""


def generate_scenario(seed: int, run: int, *, kinds: Sequence[str] | None = None) -> Scenario:
    """Return run number `run` of the campaign `seed`: always the same one.

    Args:
        seed: of the campaign.
        run: number of the run.
        kinds: the kinds of the plan's steps, of one transition; drawn where it is None.
    """
    return _Draw(Random(f"{seed}/{run}"), kinds).scenario()  # noqa: S311 - reproducible, no secrets


class _Draw:
    def __init__(self, random: Random, kinds: Sequence[str] | None) -> None:
        self._random = random
        self._kinds = kinds

    def scenario(self) -> Scenario:
        random = self._random
        move = self._move()
        usable = self._kinds is not None or self._chance(0.95)
        never_ends = self._chance(0.05)
        exit_code = random.choice((0, 0, 0, 0, 0, 0, 1))
        hurried = usable and self._chance(0.08)
        pools = tuple(self._pool(number) for number in range(random.randint(0 if self._kinds is None else 1, 3)))
        steps = self._steps(move, pools) if usable else ()
        # What only an operator or the deadline ends.
        endless = not usable or never_ends or exit_code != 0 or hurried
        endless = endless or any(step.fails or step.endless for step in steps)
        # What takes the place of an abandoned instance of a warm pool is under nobody's management, and held.
        heartbeat = min(self._heartbeat(short=endless), 300 if move in {"pool", "pool-return"} else 7200)
        sweep = self._chance(0.4)
        plan = self._plan(steps, usable=usable, hurried=hurried)
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
            steps=() if plan is None else steps,
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
            faults=self._faults(heartbeat, steps, protected=protected),
            crashes=self._crashes(),
            incidents=self._incidents(saved=saved, protected=protected),
            messages=self._messages(endless=endless),
            protected=protected,
            known_after=random.choice((0.0, 0.0, 5.0, 40.0)) if move == "launch" else 0.0,
            signals=self._chance(0.75) or any(step.kind == "wait-for-signal" for step in steps),
            hand_over_at=random.choice((None, None, None, None, 40, 60)),
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

    def _move(self) -> str:
        moves = [("terminate", 12), ("launch", 3), ("pool-return", 1), ("pool", 1), ("root-volume", 1)]
        if self._kinds is not None:
            moves = [each for each in moves if all(self._suits(kind, each[0]) for kind in self._kinds)]
        return str(self._of(*moves))

    @staticmethod
    def _suits(kind: str, move: str) -> bool:
        return TRANSITIONS[move] in CAMPAIGN_KINDS[kind].transitions

    def _steps(self, move: str, pools: Sequence[Pool]) -> tuple[DrawnStep, ...]:
        kinds = list(self._kinds) if self._kinds is not None else self._drawn_kinds(move)
        named = [pool.name for pool in pools if self._kinds is not None or self._chance(0.8)]
        if not named:
            kinds = [kind for kind in kinds if kind != "deregister-targets"]
        # Most steps end by themselves: the others cost the run all of its time.
        steps = [CAMPAIGN_KINDS[kind].draw(self._random, ends=self._chance(0.75)) for kind in kinds]
        return tuple(
            replace(step, options={**step.options, "names": [*named, *step.options.get("names", ())]})
            if step.kind == "deregister-targets"
            else step
            for step in steps
        )

    def _drawn_kinds(self, move: str) -> list[str]:
        suited = [kind for kind in CAMPAIGN_KINDS if self._suits(kind, move)]
        kinds = [kind for kind in suited if kind in FREQUENT and self._chance(0.5)]
        others = [kind for kind in suited if kind not in FREQUENT]
        kinds += self._random.sample(others, self._of((0, 2), (1, 5), (2, 2)))
        excluded = {name for kind in kinds for name in CAMPAIGN_KINDS[kind].excludes}
        kinds = [kind for kind in kinds if kind not in excluded]
        self._random.shuffle(kinds)
        return kinds

    def _plan(self, steps: Sequence[DrawnStep], *, usable: bool, hurried: bool) -> dict[str, Any] | None:
        if not usable:
            return {"steps": [{"kind": self._random.choice(("drain", "run-comand")), "options": {}}]}
        if self._kinds is None and self._chance(0.1):
            return None
        entries = [step.planned() for step in steps]
        if hurried:
            entries = [step | {"timeout": self._random.choice(("5s", "30s", "2m", "10m"))} for step in entries]
        if len(entries) > 1 and self._chance(0.4):
            beside = self._random.randint(2, len(entries))
            entries = [{"parallel": entries[:beside]}, *entries[beside:]]
        on_failure = self._of((None, 4), ("continue", 2), ("abandon", 1), ("hold", 1))
        on_timeout = self._of((None, 3), ("continue", 1), ("abandon", 1))
        chosen = {"on_failure": on_failure, "on_timeout": on_timeout}
        return {"steps": entries} | {name: value for name, value in chosen.items() if value is not None}

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

    def _faults(self, heartbeat: int, steps: Sequence[DrawnStep], *, protected: bool) -> tuple[InjectedFault, ...]:
        dependencies = _dependencies(steps)
        faults = [self._short_fault(dependencies) for _ in range(self._random.choice((0, 0, 1, 2, 4)))]
        if self._chance(0.2):
            service = self._random.choice(tuple(dependencies))
            operation = self._random.choice(dependencies[service])
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

    def _short_fault(self, dependencies: dict[str, tuple[str, ...]]) -> InjectedFault:
        everything = {**dependencies, **CORE}
        if self._chance(0.5):
            met = [each for each in EFFECTS if each[0] in everything]
            # EC2 is asked for the instance by every plan, and for copies of it by few.
            met = [each for each in met if each[0] != "ec2" or each[1] in everything["ec2"]]
            service, operation = self._random.choice(met)
            kind = self._random.choice(("response lost", "response lost", *FAULTS))
            return InjectedFault(
                service=service, operation=operation, kind=kind, at=0.0, times=self._random.randint(1, 2)
            )
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
        whats = ("finish CONTINUE", "finish ABANDON", "skip", "hold", "resume", "extend", "nudge", "nudge", "garbage")
        messages = tuple(
            OperatorMessage(what=self._random.choice(whats), at=self._random.uniform(2, 600))
            for _ in range(self._random.randint(1, 3))
        )
        held = [message.at for message in messages if message.what == "hold"]
        if held:
            # What is on hold stays until its deadline: nearly always somebody resumes it.
            messages += (OperatorMessage(what="resume", at=max(held) + self._random.uniform(5, 300)),)
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


def _dependencies(steps: Sequence[DrawnStep]) -> dict[str, tuple[str, ...]]:
    """Return what the steps ask of AWS: it may be down for hours."""
    asked: dict[str, tuple[str, ...]] = {"ec2": ("DescribeInstances",)}
    for step in steps:
        for service, operations in CAMPAIGN_KINDS[step.kind].calls.items():
            asked[service] = tuple(dict.fromkeys((*asked.get(service, ()), *operations)))
    return asked
