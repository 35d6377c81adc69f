"""Runs checkov and cdk-nag on the expanded template with every switch on, and compares findings and explanations.

python -m gates.check_template checkov .venv-gates/checkov/bin/checkov
python -m gates.check_template cdk_nag node
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from gates.findings import (
    Finding,
    Tool,
    explained_in_file,
    explained_in_metadata,
    read_cdk_nag,
    read_checkov,
    unsettled,
)
from gates.template import with_every_switch_on, without_explanations
from tests.template.expanded import source

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent
GENERATED = HERE / "generated_resources.yaml"
"""What explains findings of the resources that SAM makes."""

# Without the download it asks nobody: its rules come with the package.
CHECKOV = (
    "--framework",
    "cloudformation",
    "--output",
    "json",
    "--compact",
    "--quiet",
    "--skip-download",
    "--soft-fail",
)


def run(command: Iterable[str | Path]) -> bytes:
    """Return what a tool writes.

    Raises:
        RuntimeError: it failed; the message is what it said.
    """
    answer = subprocess.run(list(command), capture_output=True, check=False)  # noqa: S603 - a pinned tool
    if answer.returncode:
        raise RuntimeError(answer.stdout.decode() + answer.stderr.decode())
    return answer.stdout


def findings(tool: Tool, executable: str, template: Path) -> list[Finding]:
    """Return what a tool finds in a template file."""
    match tool:
        case "checkov":
            return read_checkov(run([executable, *CHECKOV, "--file", template]))
        case "cdk_nag":
            return read_cdk_nag(run([executable, HERE / "cdk_nag" / "check.mjs", template]))


def check(tool: Tool, executable: str, written: dict[str, Any]) -> tuple[list[str], str]:
    """Return a sentence for each thing that is not settled, and what to say if there is none.

    Args:
        tool: what is to look at the template.
        executable: checkov, or Node for cdk-nag.
        written: the template as it is written.
    """
    expanded = with_every_switch_on(template=written).template
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.json"
        template.write_text(json.dumps(without_explanations(expanded)))
        found = findings(tool, executable, template)
    explained = [*explained_in_metadata(written), *explained_in_file(GENERATED.read_bytes(), expanded, written)]
    explained = [it for it in explained if it.tool == tool]
    return list(unsettled(found, explained)), f"{len(found)} findings, each explained"


def main() -> None:
    """Check the template with the tool that is named, and exit with 1 if something is not settled."""
    name, executable = sys.argv[1:]
    tool = next(it for it in get_args(Tool) if it == name)
    problems, summary = check(tool, executable, source())
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if problems:
        sys.exit(f"{name}: {len(problems)} to mend or to explain")
    sys.stdout.write(f"{name}: {summary}\n")


if __name__ == "__main__":
    main()
