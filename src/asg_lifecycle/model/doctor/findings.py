"""What `asg-lifecycle doctor` finds, and the checks that find it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asg_lifecycle.model.doctor.facts import AccountFacts


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """Actions are lost, held, or not handled at all."""
    WARNING = "warning"
    """Actions may be lost, or end in another way than the plan means them to, or something could not be checked."""
    NOTE = "note"
    """Worth knowing; nothing has to be done."""


class Observation(Struct, frozen=True, kw_only=True):
    """What a check has seen once.

    Attributes:
        evidence: a sentence with the names and numbers.
        command: what mends it, as one types it; with a name in capital letters where the operator has to choose.
        group: the Auto Scaling group it is about, None for the stack or the account.
        hook: the hook it is about, None for none.
    """

    evidence: str
    command: str
    group: str | None = None
    hook: str | None = None


class Finding(Struct, frozen=True, kw_only=True):
    """What a check has seen, with the name and the severity of the check. The attributes are those of `Observation`."""

    severity: Severity
    name: str
    evidence: str
    command: str
    group: str | None = None
    hook: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that is looked for.

    Attributes:
        name: of its findings, in words joined by hyphens.
        severity: of its findings.
        find: returns what there is; nothing where the facts it needs could not be read: `not-checked` says that.
    """

    name: str
    severity: Severity
    find: Callable[[AccountFacts], Iterable[Observation]]

    def findings(self, facts: AccountFacts) -> tuple[Finding, ...]:
        """Return the findings of this check."""
        return tuple(
            Finding(
                severity=self.severity,
                name=self.name,
                evidence=seen.evidence,
                command=seen.command,
                group=seen.group,
                hook=seen.hook,
            )
            for seen in self.find(facts)
        )
