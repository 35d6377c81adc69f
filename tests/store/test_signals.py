"""Signals are kept for the action they were sent to, in the table of records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.records import Record, claim_record
from asg_lifecycle.model.signals import Signal
from asg_lifecycle.store.records import Records
from asg_lifecycle.store.signals import Signals
from tests.store.test_drain_slots import TABLE, table

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTION = LifecycleAction(
    token="1" * 36,
    group="web",
    hook="asg-lifecycle-terminate",
    instance="i-1234567890abcdef0",
    transition=Transition.TERMINATING,
    time=1_000.0,
)
NEWER = msgspec.structs.replace(ACTION, token="2" * 36, time=2_000.0)
DRAINED = Signal(name="drained", succeeded=True, message="", at=2_020.0)


class SignalTable:
    """The signals and the records they are kept in."""

    def __init__(self) -> None:
        self.records = Records(Clients(), TABLE)
        self.signals = Signals(Clients(), TABLE)

    def claim(self, action: LifecycleAction, execution: str) -> Record:
        record = claim_record(action, execution=execution, now=action.time + 10, retention=86_400.0)
        assert self.records.claim(record) is None
        return record


@pytest.fixture
def kept() -> Iterator[SignalTable]:
    with table():
        yield SignalTable()


def test_a_signal_is_kept_for_the_action_in_flight(kept: SignalTable) -> None:
    record = kept.claim(ACTION, "arn:first")
    after = kept.signals.keep(record, DRAINED)
    assert after is not None
    assert after.signals == (DRAINED,)
    assert kept.signals.of(record.wait) == (DRAINED,)


def test_a_signal_is_not_kept_for_an_action_that_another_has_replaced(kept: SignalTable) -> None:
    replaced = kept.claim(ACTION, "arn:first")
    current = kept.claim(NEWER, "arn:second")
    assert kept.signals.keep(replaced, DRAINED) is None
    assert kept.signals.of(current.wait) == ()


def test_a_signal_is_not_kept_for_an_action_that_has_ended(kept: SignalTable) -> None:
    record = kept.claim(ACTION, "arn:first")
    kept.records.update(record.wait, "arn:first", {"in_flight": None})
    assert kept.signals.keep(record, DRAINED) is None
    assert kept.signals.of(record.wait) == ()
