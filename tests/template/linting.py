"""cfn-lint on an expanded template: it knows the ranges that SAM's own validation passes over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cfnlint.api import lint as findings_in  # type: ignore[import-untyped] # the package ships no types
from cfnlint.config import ManualArgs  # type: ignore[import-untyped] # the same

if TYPE_CHECKING:
    from tests.template.expanded import Expanded


def lint(expanded: Expanded) -> list[str]:
    """Return what cfn-lint finds, errors and warnings, one line each."""
    # In this process: in one of its own it would first read its rules and schemas, which takes longer than most
    # templates do.
    found = findings_in(json.dumps(expanded.template), config=ManualArgs(regions=["us-west-2"]))
    return [f"{each.rule.id} {'/'.join(map(str, each.path or ()))}: {each.message}" for each in found]
