"""Every check of `asg-lifecycle doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.doctor import hooks, operation, plans, rules
from asg_lifecycle.model.doctor.findings import Severity

if TYPE_CHECKING:
    from asg_lifecycle.model.doctor.facts import AccountFacts
    from asg_lifecycle.model.doctor.findings import Finding

CHECKS = (*rules.CHECKS, *hooks.CHECKS, *plans.CHECKS, *operation.CHECKS)


def diagnose(facts: AccountFacts) -> tuple[Finding, ...]:
    """Return the findings of all checks: errors first, then warnings, then notes."""
    found = [finding for check in CHECKS for finding in check.findings(facts)]
    return tuple(sorted(found, key=lambda finding: [*Severity].index(finding.severity)))
