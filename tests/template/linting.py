"""cfn-lint on an expanded template: it knows the ranges that SAM's own validation passes over."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.template.expanded import Expanded


def lint(expanded: Expanded, folder: Path) -> list[str]:
    """Return what cfn-lint finds, errors and warnings, one line each.

    Args:
        expanded: the template.
        folder: where to put it as a file.
    """
    file = folder / "expanded.json"
    file.write_text(json.dumps(expanded.template))
    answer = subprocess.run(  # noqa: S603 - the pinned cfn-lint
        [Path(sys.executable).with_name("cfn-lint"), "--format", "json", "--regions", "us-west-2", "--template", file],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(answer.stdout)
    except ValueError as error:
        raise RuntimeError(answer.stdout + answer.stderr) from error
    return [
        f"{entry['Rule']['Id']} {'/'.join(map(str, entry['Location']['Path']))}: {entry['Message']}" for entry in found
    ]
