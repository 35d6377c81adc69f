"""What a step calls the work that it starts elsewhere, so that a second start finds the first.

A name is made of the action, the position of the step in its plan, and how often operators have had it begin again. It
is the same whichever execution works on the action, and whatever is learnt of it later.
"""

from __future__ import annotations

import hashlib
import re

PREFIX = "asg-lifecycle-"
"""What the names of all executions of state machines begin with; the stack's policy allows no others."""

_EXECUTION = re.compile(rf"{PREFIX}(i-[0-9a-f]{{8,17}})-[0-9a-f]{{32}}")


def client_token(reference: str, position: int, attempt: int) -> str:
    """Return a text of the shape of a UUID, as idempotency tokens have it.

    Args:
        reference: the permanent name of the action.
        position: of the step in its plan, from 0.
        attempt: how often operators have had it begin again.
    """
    digest = _digest(reference, position, attempt)
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


def execution_name(instance: str, reference: str, position: int, attempt: int) -> str:
    """Return the name of an execution of a state machine: 66 characters at most, where Step Functions takes 80.

    Args:
        instance: EC2 instance id, which tells people and events what the execution is about.
        reference: the permanent name of the action.
        position: of the step in its plan, from 0.
        attempt: how often operators have had it begin again.
    """
    return f"{PREFIX}{instance}-{_digest(reference, position, attempt)}"


def instance_in(name: str) -> str | None:
    """Return the instance that an execution of this name is about, None where the name is none of ours."""
    found = _EXECUTION.fullmatch(name)
    return found[1] if found is not None else None


def _digest(reference: str, position: int, attempt: int) -> str:
    told = f"{reference}\n{position}\n{attempt}"
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:32]
