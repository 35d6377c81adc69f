"""An Auto Scaling group at one moment: its capacity, and its instances."""

from __future__ import annotations

from msgspec import Struct

IN_SERVICE = "InService"


class MemberState(Struct, frozen=True, kw_only=True):
    """An instance as its group lists it.

    Attributes:
        instance: EC2 instance id.
        state: its `LifecycleState` (R17).
        healthy: whether Auto Scaling takes it for healthy.
        protected: whether scale-in spares it.
    """

    instance: str
    state: str
    healthy: bool = True
    protected: bool = False

    @property
    def serves(self) -> bool:
        """Whether it is in service and healthy."""
        return self.state == IN_SERVICE and self.healthy

    @property
    def stays(self) -> bool:
        """Whether it is in service or on its way there: what stands by, or is on its way out, is no capacity."""
        return self.state == IN_SERVICE or self.state.startswith("Pending")


class GroupState(Struct, frozen=True, kw_only=True):
    """An Auto Scaling group at a look.

    Attributes:
        name: of the group.
        desired: desired capacity.
        minimum: minimum size.
        maximum: maximum size, None where it is not told.
        members: its instances, without those of its warm pool.
        suspended: its suspended processes, `Launch`.
    """

    name: str
    desired: int
    minimum: int
    members: tuple[MemberState, ...]
    suspended: tuple[str, ...] = ()
    maximum: int | None = None

    def state_of(self, instance: str) -> str | None:
        """Return the `LifecycleState` of an instance, None when the group does not list it."""
        return next((member.state for member in self.members if member.instance == instance), None)
