"""The lifecycle action: one wait of one instance under one hook, as its event describes it."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from msgspec import Struct


class Transition(StrEnum):
    """The two transitions a hook can be for (R1)."""

    LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
    TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


class Location(StrEnum):
    """Where the instance comes from or goes to: `Origin` and `Destination` of the event (R21)."""

    EC2 = "EC2"
    AUTO_SCALING_GROUP = "AutoScalingGroup"
    WARM_POOL = "WarmPool"


class ActionResult(StrEnum):
    """The result that `CompleteLifecycleAction` sends (R7)."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


REPLACE_ROOT_VOLUME = "ReplaceRootVolume"


class LifecycleAction(Struct, frozen=True, kw_only=True):
    """One lifecycle action.

    Attributes:
        token: `LifecycleActionToken`, 36 characters, not always a UUID (R2). None where it is not known: no API lists
            tokens (R16), so a wait that the sweep found is addressed by its instance id (R11).
        group: Auto Scaling group name as `detail` gives it (R30).
        hook: lifecycle hook name.
        instance: EC2 instance id, 8 or 17 hex digits after `i-` (R29).
        transition: launching or terminating.
        time: when Auto Scaling put the instance into the wait, seconds since the epoch; without a token when the
            wait was found.
        origin: where the instance comes from, None when the event does not say (R21).
        destination: where the instance goes, None when the event does not say (R21).
        metadata: the hook's `NotificationMetadata`, None when absent.
        operation: the event's `Action` field, `ReplaceRootVolume` or None (R23).
        account: AWS account id, None when the payload does not say.
        region: AWS Region, None when the payload does not say.
        identity: the permanent name of the action where its work began without its token; None where the token is its
            name.
    """

    token: str | None
    group: str
    hook: str
    instance: str
    transition: Transition
    time: float
    origin: Location | None = None
    destination: Location | None = None
    metadata: str | None = None
    operation: str | None = None
    account: str | None = None
    region: str | None = None
    identity: str | None = None

    @property
    def reference(self) -> str:
        """The permanent name of this action, the same whichever execution works on it and whatever is learnt later."""
        if self.identity or self.token:
            return self.identity or self.token or ""
        wait = f"{self.group}\n{self.hook}\n{self.instance}\n{self.time:.3f}"
        return f"{self.instance}-{hashlib.sha256(wait.encode(errors='surrogatepass')).hexdigest()[:16]}"

    @property
    def launching(self) -> bool:
        """Whether the instance is on its way into the group."""
        return self.transition is Transition.LAUNCHING

    @property
    def survives(self) -> bool:
        """Whether the instance lives on after this action with the same id.

        True for every launch, for a move into the warm pool (R22), and for a root-volume replacement (R23).
        """
        return self.launching or self.destination is Location.WARM_POOL or self.operation == REPLACE_ROOT_VOLUME
