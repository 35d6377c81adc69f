from __future__ import annotations

import pytest

from tests.runtime.local_invoke_check import WANTED, wrong_in

DEREGISTERED, DRAINED, COMPLETED = ({"kind": kind.value, "detail": detail} for kind, detail in WANTED)


def test_drained_and_then_completed_is_right() -> None:
    noise = {"kind": "heartbeat accepted", "detail": ""}
    assert wrong_in([noise, DEREGISTERED, noise, DRAINED, COMPLETED, noise]) == []


@pytest.mark.parametrize(
    "log",
    [
        [],
        [COMPLETED],
        [DEREGISTERED, COMPLETED],
        [DEREGISTERED, DRAINED],
        [DEREGISTERED, DRAINED, COMPLETED | {"detail": "ABANDON CompleteLifecycleAction"}],
        [COMPLETED, DEREGISTERED, DRAINED],
        [DEREGISTERED, COMPLETED, DRAINED],
        [COMPLETED, DEREGISTERED, DRAINED, COMPLETED],
    ],
)
def test_an_instance_released_too_early_is_noticed(log: list[dict[str, str]]) -> None:
    assert len(wrong_in(log)) > 0
