"""Conditions leave a step out only on what is known, and causes are read only from texts that are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.conditions import CAUSES, Condition, ConditionAnswer, StepConditions
from asg_lifecycle.model.termination_causes import possible_causes

AT = "At 2025-09-01T01:15:39Z"
ALARM = f"{AT} a monitor alarm low in state ALARM triggered policy cpu changing the desired capacity from 7 to 6."
REQUEST = (
    f"{AT} a user request update of AutoScalingGroup constraints to min: 0, max: 4, desired: 0 changing the desired "
)
REQUEST += "capacity from 1 to 0."
OUT = f"{AT} an instance was taken out of service in response to"
DIFFERENCE = f"{OUT} a difference between desired and actual capacity, shrinking the capacity from 7 to 6."
CHOSEN = f"{AT} instance i-0d1835f80668172d7 was selected for termination."

KNOWN = {
    f"{ALARM}  {DIFFERENCE}  {CHOSEN}": {Condition.SCALE_IN},
    f"{REQUEST}  {DIFFERENCE}  {CHOSEN}": {Condition.SCALE_IN},
    f"{DIFFERENCE}  {CHOSEN}": {Condition.SCALE_IN, Condition.REBALANCE},
    f"{AT} instance i-1 was taken out of service in response to a user request, shrinking the capacity from 1 to 0.": {
        Condition.SCALE_IN
    },
    f"{AT} instance i-1 was taken out of service in response to a user request.": set(),
    f"{OUT} an instance refresh.  {CHOSEN}": {Condition.INSTANCE_REFRESH},
    f"{OUT} a EC2 health check indicating it has been terminated or stopped.": {Condition.HEALTH_CHECK},
    f"{OUT} an ELB system health check failure.": {Condition.HEALTH_CHECK},
    f"{OUT} a user health-check.": {Condition.HEALTH_CHECK},
    f"{OUT} an EC2 instance status checks failure": {Condition.HEALTH_CHECK},
    f"{OUT} an EC2 instance rebalance recommendation.": {Condition.REBALANCE},
    f"{OUT} its maximum lifetime.": CAUSES,
    "": CAUSES,
    "somebody wanted it": CAUSES,
}


@pytest.mark.parametrize("text", KNOWN)
def test_causes_are_read_from_the_texts_that_are_known(text: str) -> None:
    assert possible_causes(text) == KNOWN[text]


@given(st.text())
def test_any_text_leaves_causes_possible_that_a_plan_can_ask_for(text: str) -> None:
    assert possible_causes(text) <= CAUSES
    if "taken out of service" not in text.lower():
        assert possible_causes(text) == CAUSES


conditions = st.lists(st.sampled_from(Condition), unique=True, max_size=4).map(tuple)
answers = st.fixed_dictionaries({each: st.sampled_from([True, False, None]) for each in Condition})


@given(conditions, conditions, answers)
def test_a_step_is_left_out_only_on_what_is_known(
    when: tuple[Condition, ...], unless: tuple[Condition, ...], known: dict[Condition, bool | None]
) -> None:
    told = {each: ConditionAnswer(holds, f"{each} is {holds}") for each, holds in known.items()}
    reason = StepConditions(when=when, unless=unless).reason_to_skip(told)
    runs = not any(known[each] is True for each in unless) and (
        not when or any(known[each] is not False for each in when)
    )
    assert (reason is None) == runs
    if all(holds is None for holds in known.values()):
        assert reason is None


def test_the_reason_says_the_condition_and_what_is_known() -> None:
    told = {
        Condition.SPOT: ConditionAnswer(holds=False, because="the instance is on-demand"),
        Condition.GONE: ConditionAnswer(holds=True, because="the instance is terminated"),
    }
    spot = StepConditions(when=(Condition.SPOT,))
    assert spot.reason_to_skip(told) == "skipped (when spot): the instance is on-demand"
    gone = StepConditions(when=(Condition.SPOT, Condition.GONE), unless=(Condition.GONE,))
    assert gone.reason_to_skip(told) == "skipped (unless gone): the instance is terminated"
    assert gone.said == "when spot or gone, unless gone"
