"""Which pods of a node the drain waits for, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.kubernetes.objects import Pod
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.durations import readable
from asg_lifecycle.steps.support.sentences import counted, listed

if TYPE_CHECKING:
    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.objects import Node, Obstacle
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.support.evictions import EvictionResult


class Leaving(Struct, frozen=True, kw_only=True):
    """Which pods need not be waited for.

    Attributes:
        skip_overdue_after: seconds that a pod of a node that is not ready may be overdue, infinite for no limit.
        ignore_returning: do not wait for pods that have come back to the cordoned node.
    """

    skip_overdue_after: float
    ignore_returning: bool


class PodsLeft(Struct, frozen=True, kw_only=True):
    """The pods that the drain waits for.

    Attributes:
        pods: all of them.
        returned: those of them that run on the node again although it is cordoned: asked to leave, they would come
            back once more.
        note: what else there is to say about pods, to put behind a sentence.
    """

    pods: tuple[Pod, ...]
    returned: tuple[Pod, ...]
    note: str

    @property
    def asked(self) -> tuple[Pod, ...]:
        """Those that are asked to leave."""
        return tuple(pod for pod in self.pods if pod not in self.returned)


def pods_left(cluster: Cluster, node: Node, leaving: Leaving, target: Target) -> PodsLeft:
    """Return the pods of a node that the drain waits for.

    Raises:
        CallFailed: no answer, denied.
    """
    staying = [pod for pod in cluster.pods(node) if pod.has_to_leave]
    overdue = [pod for pod in staying if not node.ready and _overdue(pod, target.now) >= leaving.skip_overdue_after]
    returned = [pod for pod in staying if pod not in overdue and _has_returned(pod, target.began_at)]
    notes = []
    if overdue:
        late = readable(leaving.skip_overdue_after)
        notes.append(f"not waited for, overdue by {late} on a node that is not ready: {_paths(overdue)}")
    if returned:
        how = "left on the node" if leaving.ignore_returning else "not evicted again, they would come back"
        notes.append(f"{how}: {listed(_came_back(pod) for pod in returned)}")
    ignored = overdue + (returned if leaving.ignore_returning else [])
    return PodsLeft(
        pods=tuple(pod for pod in staying if pod not in ignored),
        returned=() if leaving.ignore_returning else tuple(returned),
        note="".join(f"; {note}" for note in notes),
    )


def pod_blockers(node: Node, left: PodsLeft, evicted: EvictionResult) -> tuple[Blocker, ...]:
    """Return what keeps the instance, as data: a budget once with the pods that it keeps, and each other pod.

    Args:
        node: the node.
        left: the pods that are waited for.
        evicted: how they reacted.
    """
    ready = () if node.ready else (Blocker(kind=BlockerKind.NODE, name=node.name, reason=node.standing),)
    kept = dict(evicted.kept_by_path)
    by_budget: dict[str, list[tuple[Pod, Obstacle]]] = {}
    others = []
    for pod in left.pods:
        obstacle = kept.get(pod.path)
        if obstacle is not None and obstacle.of_budget:
            # Where it is not known which budget it is, or are, the pod's name tells them apart.
            name = f"{pod.namespace}/{obstacle.budget}" if obstacle.budget is not None else pod.path
            by_budget.setdefault(name, []).append((pod, obstacle))
        else:
            others.append(Blocker(kind=BlockerKind.POD, name=pod.path, reason=_reason(pod, left, obstacle)))
    budgets = (
        Blocker(
            kind=BlockerKind.POD_DISRUPTION_BUDGET,
            name=name,
            reason=f"keeps {listed(pod.path for pod, _ in of_it)}: {of_it[0][1].reason}",
        )
        for name, of_it in by_budget.items()
    )
    return (*ready, *budgets, *others)


def _reason(pod: Pod, left: PodsLeft, obstacle: Obstacle | None) -> str:
    if obstacle is not None:
        return obstacle.reason
    if pod in left.returned:
        return _came_back(pod)
    return "it is terminating" if pod.terminating else "it is being evicted"


def _overdue(pod: Pod, now: float) -> float:
    return now - pod.end_due_at if pod.end_due_at is not None else -1.0


def _has_returned(pod: Pod, began_at: float) -> bool:
    """Return whether a controller has put a pod on the node after it was cordoned."""
    return pod.owner is not None and pod.toleration is not None and not pod.terminating and pod.created_at > began_at


def _came_back(pod: Pod) -> str:
    return f"{pod.path} of {pod.owner} tolerates {pod.toleration}"


def _paths(pods: list[Pod]) -> str:
    return f"{counted(len(pods), 'pod')}: {listed(pod.path for pod in pods)}"
