"""How the pods of a node are made to leave, some at each poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.kubernetes.objects import Obstacle
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.steps.support.sentences import counted, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.objects import Pod

AT_ONCE = 50
"""Pods that are asked to leave at one poll, so that it ends in time."""

MOST_FAILED = 3
"""Failed requests after which one poll ends: each may take as long as the API server is given to answer."""


class EvictionResult(Struct, frozen=True, kw_only=True):
    """How the pods reacted that were asked to leave.

    Attributes:
        kept_by_path: for each pod that stays its path and what is in the way.
        api_failed: whether the API server could not answer for some of them.
        last: the path of the last pod that was asked, None when all were asked.
        leaving: how many pods leave.
    """

    kept_by_path: tuple[tuple[str, Obstacle], ...]
    api_failed: bool
    last: str | None
    leaving: int

    @property
    def kept(self) -> tuple[str, ...]:
        """For each pod that stays a sentence that says why."""
        return tuple(f"{path} is kept: {obstacle.reason}" for path, obstacle in self.kept_by_path)


def evict_pods(cluster: Cluster, pods: Sequence[Pod], *, grace: int | None, forced: bool, after: str) -> EvictionResult:
    """Ask pods to leave that have not been told to. One that cannot does not keep the others.

    Where they are forced, those that were told and were given longer than `grace` are told again.

    Args:
        cluster: the cluster.
        pods: what has to leave.
        grace: seconds that each has; None for its own.
        forced: delete them, whatever their disruption budgets say.
        after: the path of the pod that was asked last; those that come after it are asked first.

    Raises:
        CallFailed: none of them could be asked, or a right is missing for one.
    """
    staying = sorted((pod for pod in pods if _is_asked(pod, grace, forced=forced)), key=lambda pod: pod.path)
    batch = sorted(staying, key=lambda pod: pod.path <= after)[:AT_ONCE]
    kept: list[tuple[str, Obstacle]] = []
    failures: list[CallFailed] = []
    leaving = 0
    for pod in batch:
        try:
            obstacle = cluster.delete(pod, grace=grace) if forced else cluster.evict(pod, grace=grace)
        except CallFailed as failed:
            failures.append(failed)
            obstacle = Obstacle(reason=str(failed))
        if obstacle is not None:
            kept.append((pod.path, obstacle))
        else:
            leaving += 1
        if len(failures) == MOST_FAILED:
            break
    lasting = [failed for failed in failures if failed.failure.consequence is not Consequence.TRANSIENT]
    if lasting:
        raise lasting[0]
    if failures and len(failures) == len(kept) and not leaving:
        raise failures[0]
    return EvictionResult(
        kept_by_path=tuple(kept),
        api_failed=bool(failures),
        last=batch[-1].path if len(staying) > len(batch) else None,
        leaving=leaving,
    )


def _is_asked(pod: Pod, grace: int | None, *, forced: bool) -> bool:
    if not pod.terminating:
        return True
    return forced and grace is not None and pod.end_grace is not None and pod.end_grace > grace


def kept_for(result: EvictionResult) -> str:
    """Return what keeps the pods that stay, to put behind a sentence."""
    return f"; {listed(result.kept, '; ')}" if result.kept else ""


def named(pods: Sequence[Pod]) -> str:
    """Return pods by name, the first few of them."""
    ordered = sorted(pods, key=lambda pod: pod.path)
    return listed(f"{pod.path} {'terminating' if pod.terminating else pod.phase}" for pod in ordered)


def count(pods: Sequence[Pod]) -> str:
    """Return how many pods there are, and some of their names."""
    return f"{counted(len(pods), 'pod')}: {named(pods)}" if pods else "no pods"
