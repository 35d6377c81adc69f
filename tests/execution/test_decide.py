"""What a round of the race leads to, for every combination of branches that finished in it."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.execution.heartbeat import HeartbeatState, KeepAlive
from asg_lifecycle.execution.race.decision import MESSAGES_KEPT, BranchResults, RaceOutcome, Round, decide, next_round
from asg_lifecycle.execution.work.work_state import PlanResult
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Extend, Finish, Hold, Message, Nudge, Resume, Skip, Unknown, describe
from asg_lifecycle.model.plans import OnTimeout, Plan, Result

if TYPE_CHECKING:
    from typing import Literal

CONTINUE, ABANDON = ActionResult.CONTINUE, ActionResult.ABANDON


def ended(how: Literal["done", "abandon", "held", "on_hold", "timed_out", "lost_ownership"]) -> PlanResult:
    return PlanResult(how=how, reason=f"work {how}", index=1, outcomes=())


KEEP_ALIVES = {
    "beating": None,
    "merged": KeepAlive(heartbeat=HeartbeatState(next_at=5.0), delay=5.0),
    "over": KeepAlive(heartbeat=HeartbeatState(next_at=5.0, over="ended without us"), delay=None),
    "deadline": KeepAlive(heartbeat=HeartbeatState(next_at=5.0), deadline_reached=True, delay=None),
}
MESSAGES: dict[str, Message | None] = {
    "silence": None,
    "finish CONTINUE": Finish(CONTINUE, by="ann"),
    "finish ABANDON": Finish(ABANDON, by="ann"),
    "skip": Skip(by="ann"),
    "hold": Hold(by="ann"),
    "resume": Resume(by="ann"),
    "extend": Extend(seconds=60, by="ann"),
    "nudge": Nudge(by="ann"),
    "unknown": Unknown("?"),
}
WORKS = {
    "working": None,
    "done": ended("done"),
    "abandon": ended("abandon"),
    "held": ended("held"),
    "timed_out": ended("timed_out"),
    "on_hold": ended("on_hold"),
    "lost_ownership": ended("lost_ownership"),
}

TAKEN = RaceOutcome(how="lost_ownership", reason="another execution has taken this action over")
OVER = RaceOutcome(how="over", reason="ended without us")
TOLD = {
    "finish CONTINUE": RaceOutcome(how="complete", result=CONTINUE, reason="finish CONTINUE, said ann"),
    "finish ABANDON": RaceOutcome(how="complete", result=ABANDON, reason="finish ABANDON, said ann"),
}
ABANDONED = RaceOutcome(how="complete", result=ABANDON, reason="work abandon")
PLANS = {
    f"on timeout {on_timeout}, result {result}": Plan(on_timeout=on_timeout, result=result)
    for on_timeout in OnTimeout
    for result in Result
}


def done(result: ActionResult = CONTINUE) -> RaceOutcome:
    return RaceOutcome(how="complete", result=result, reason="the work is done: work done")


def timed_out(on_timeout: OnTimeout = OnTimeout.ABANDON) -> RaceOutcome:
    result = CONTINUE if on_timeout is OnTimeout.CONTINUE else ABANDON
    said = "nothing can be held any longer" if on_timeout is OnTimeout.HOLD else f"the plan says {result}"
    return RaceOutcome(how="complete", result=result, reason=f"the deadline came before the work was done, {said}")


def late(on_timeout: OnTimeout) -> RaceOutcome:
    result = CONTINUE if on_timeout is OnTimeout.CONTINUE else ABANDON
    return RaceOutcome(how="complete", result=result, reason=f"work timed_out, the plan says {result}")


def expected(alive: str, message: str, work: str, plan: Plan) -> RaceOutcome | None:
    """Return the ending as the table of precedences has it, the first line that applies."""
    table = [
        (work == "lost_ownership", TAKEN),
        (alive == "over", OVER),
        (message in TOLD, TOLD.get(message)),
        (message == "hold" and work in {"done", "abandon", "timed_out"} and alive != "deadline", None),
        (message == "extend" and work == "timed_out" and alive != "deadline", None),
        (work == "done", done(ABANDON if plan.result is Result.ABANDON else CONTINUE)),
        (work == "abandon", ABANDONED),
        (work == "timed_out" and plan.on_timeout is not OnTimeout.HOLD, late(plan.on_timeout)),
        (alive == "deadline", timed_out(plan.on_timeout)),
    ]
    return next((ending for applies, ending in table if applies), None)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize(("alive", "message"), [*product(KEEP_ALIVES, MESSAGES)])
def test_every_combination(alive: str, message: str, plan: Plan) -> None:
    decided = {
        work: decide(BranchResults(keep_alive=KEEP_ALIVES[alive], message=MESSAGES[message], work=result), plan)
        for work, result in WORKS.items()
    }
    assert decided == {work: expected(alive, message, work, plan) for work in WORKS}


@pytest.mark.parametrize("work", ["held", "timed_out"])
def test_work_that_is_late_is_held_where_the_plan_holds(work: str) -> None:
    following = next_round(Round(), BranchResults(work=WORKS[work]), "")
    assert (following.held, following.newly_held) == (f"work {work}", True)


@pytest.mark.parametrize(
    ("finishes", "ending"),
    [
        pytest.param(BranchResults(), None, id="nothing has happened"),
        pytest.param(BranchResults(work=WORKS["done"]), done(), id="the work is done"),
        pytest.param(BranchResults(work=WORKS["abandon"]), ABANDONED, id="a step failed and the plan abandons"),
        pytest.param(BranchResults(work=WORKS["held"]), None, id="a step failed and the plan holds"),
        pytest.param(BranchResults(keep_alive=KEEP_ALIVES["deadline"]), timed_out(), id="the deadline"),
        pytest.param(
            BranchResults(keep_alive=KEEP_ALIVES["deadline"], work=WORKS["done"]),
            done(),
            id="done at the deadline is done",
        ),
        pytest.param(
            BranchResults(keep_alive=KEEP_ALIVES["deadline"], work=WORKS["held"]),
            timed_out(),
            id="held at the deadline: the plan decides",
        ),
        pytest.param(
            BranchResults(keep_alive=KEEP_ALIVES["deadline"], message=MESSAGES["nudge"]),
            timed_out(),
            id="a nudge at the deadline gives no more time",
        ),
        pytest.param(
            BranchResults(message=MESSAGES["finish ABANDON"], work=WORKS["done"]),
            TOLD["finish ABANDON"],
            id="an operator's word stands above the work",
        ),
        pytest.param(
            BranchResults(message=MESSAGES["finish CONTINUE"], keep_alive=KEEP_ALIVES["over"]),
            OVER,
            id="nobody completes an action that is over",
        ),
        pytest.param(
            BranchResults(
                work=WORKS["lost_ownership"], message=MESSAGES["finish CONTINUE"], keep_alive=KEEP_ALIVES["over"]
            ),
            TAKEN,
            id="another execution's action is left alone",
        ),
        pytest.param(BranchResults(message=MESSAGES["skip"]), None, id="a skip goes on"),
        pytest.param(BranchResults(message=MESSAGES["unknown"]), None, id="an unknown message changes nothing"),
    ],
)
def test_the_cases_that_matter(finishes: BranchResults, ending: RaceOutcome | None) -> None:
    assert decide(finishes, Plan()) == ending


def test_a_branch_that_still_waits_is_none_of_these() -> None:
    beating = KeepAlive(heartbeat=HeartbeatState(next_at=5.0), delay=5.0)
    assert decide(BranchResults(keep_alive=beating), Plan()) is None


GOING_ON = [
    (message, work) for message, work in product(MESSAGES, WORKS) if expected("beating", message, work, Plan()) is None
]
PROBLEMS = "there is no plan named 'web'"


@pytest.mark.parametrize("problems", ["", PROBLEMS], ids=["usable plan", "unusable plan"])
@pytest.mark.parametrize("held", [None, "a step failed before"])
@pytest.mark.parametrize(("message", "work"), GOING_ON)
def test_every_next_round(message: str, work: str, held: str | None, problems: str) -> None:
    said = MESSAGES[message]
    current = Round(number=3, held=held, newly_held=held is not None, message=Nudge(), messages=("earlier",))
    following = next_round(current, BranchResults(message=said, work=WORKS[work]), problems)
    if work == "held" and not isinstance(said, Skip | Resume):
        assert (following.held, following.newly_held) == ("work held", True)
    elif message in {"skip", "resume"}:
        assert (following.held, following.newly_held) == (problems or None, False)
    elif work == "on_hold":
        assert (following.held, following.newly_held) == ("work on_hold", False)
    else:
        assert (following.held, following.newly_held) == (held, False)
    assert following.hold == ("ann" if message == "hold" else None)
    assert following.number == 4
    assert following.message == said
    assert following.messages == (("earlier",) if said is None else ("earlier", describe(said)))


@pytest.mark.parametrize("message", ["skip", "resume"])
def test_a_word_begins_held_work_again(message: str) -> None:
    held = next_round(Round(), BranchResults(work=WORKS["held"]), "")
    assert held.held == "work held"
    assert next_round(held, BranchResults(message=MESSAGES[message]), "").held is None


@pytest.mark.parametrize("message", ["skip", "resume", "hold", "extend", "nudge", "unknown"])
def test_no_word_begins_the_work_of_a_plan_that_cannot_be_used(message: str) -> None:
    held = Round(held=PROBLEMS)
    assert next_round(held, BranchResults(message=MESSAGES[message]), PROBLEMS).held == PROBLEMS


def test_an_unknown_message_leaves_held_work_held() -> None:
    held = Round(number=2, held="work held", newly_held=True)
    following = next_round(held, BranchResults(message=Unknown("?")), "")
    assert (following.held, following.newly_held) == ("work held", False)


def test_the_last_twenty_messages_are_kept() -> None:
    current = Round()
    for number in range(50):
        current = next_round(current, BranchResults(message=Nudge(by=str(number))), "")
    assert len(current.messages) == MESSAGES_KEPT == 20
    assert current.messages[0] == "look again now, said 30"
    assert current.messages[-1] == "look again now, said 49"
    assert current.number == 51
