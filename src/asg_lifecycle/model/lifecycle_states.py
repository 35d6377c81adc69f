"""The states of an instance in an Auto Scaling group, its `LifecycleState` (R17)."""

from __future__ import annotations


def waits(state: str | None) -> bool:
    """Return whether a lifecycle hook holds an instance in `state`.

    Auto Scaling has five such states (R17): `Pending:Wait`, `Terminating:Wait`, `Warmed:Pending:Wait`,
    `Warmed:Terminating:Wait` and `ReplacingRootVolume:Wait`. A new one would end the same way.

    Args:
        state: the instance's `LifecycleState`, None when it is in no group.
    """
    return state is not None and state.endswith(":Wait")


def is_retained(state: str | None) -> bool:
    """Return whether an instance in `state` was left running by an abandoned terminate hook (R10, R17).

    Args:
        state: the instance's `LifecycleState`, None when it is in no group.
    """
    return state is not None and state.endswith(":Retained")
