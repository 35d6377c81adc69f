"""How the pods of a node are made to leave, some at a look."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.objects import Pod

NAMED = 5
"""Pods that are named while they are waited for."""

AT_ONCE = 50
"""Pods that are asked to leave in one look, so that it ends in time."""

MOST_TROUBLED = 3
"""Requests of one look that may come to nothing: each may take as long as the API server is given to answer."""


class EvictionResult(Struct, frozen=True, kw_only=True):
    """What came of asking pods to leave.

    Attributes:
        kept: what keeps each of them that stays, sentences.
        troubled: whether the API server could not answer for some of them.
        last: the path of the last one that was asked, None when all were.
        leaving: how many leave.
    """

    kept: tuple[str, ...]
    troubled: bool
    last: str | None
    leaving: int


def evict_pods(cluster: Cluster, pods: Sequence[Pod], *, grace: int | None, forced: bool, after: str) -> EvictionResult:
    """Ask pods to leave that have not been told to. One that cannot does not keep the others.

    Args:
        cluster: the cluster.
        pods: what has to leave.
        grace: seconds that each has; None for its own.
        forced: delete them, whatever their disruption budgets say.
        after: the path of the pod that was asked last; those behind it have their turn first.

    Raises:
        CallFailed: none of them could be asked, or a right is missing for one.
    """
    staying = sorted((pod for pod in pods if not pod.terminating), key=lambda pod: pod.path)
    turn = sorted(staying, key=lambda pod: pod.path <= after)[:AT_ONCE]
    kept: list[str] = []
    failures: list[CallFailed] = []
    leaving = 0
    for pod in turn:
        try:
            why = cluster.delete(pod, grace=grace) if forced else cluster.evict(pod, grace=grace)
        except CallFailed as failed:
            failures.append(failed)
            why = str(failed)
        if why is not None:
            kept.append(f"{pod.path} is kept: {why}")
        else:
            leaving += 1
        if len(failures) == MOST_TROUBLED:
            break
    lasting = [failed for failed in failures if failed.failure.consequence is not Consequence.TRANSIENT]
    if lasting:
        raise lasting[0]
    if failures and len(failures) == len(kept) and not leaving:
        raise failures[0]
    return EvictionResult(
        kept=tuple(kept),
        troubled=bool(failures),
        last=turn[-1].path if len(staying) > len(turn) else None,
        leaving=leaving,
    )


def kept_for(asked: EvictionResult) -> str:
    """Return what keeps the pods that stay, to put behind a sentence."""
    named = "; ".join(islice(asked.kept, NAMED))
    return f"; {named}" + ("; …" if len(asked.kept) > NAMED else "") if named else ""


def named(pods: Sequence[Pod]) -> str:
    """Return pods by name, the first few of them."""
    ordered = sorted(pods, key=lambda pod: pod.path)
    listed = [f"{pod.path} {'terminating' if pod.terminating else pod.phase}" for pod in ordered[:NAMED]]
    return ", ".join(listed) + (", …" if len(pods) > NAMED else "")


def count(pods: Sequence[Pod]) -> str:
    """Return how many pods there are, and some of their names."""
    return "no pods" if not pods else f"{len(pods)} {'pod' if len(pods) == 1 else 'pods'}: {named(pods)}"
