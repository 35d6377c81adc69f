"""An instance whose commands are really run by its shell, with programs of the test in place of what it would have."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from pathlib import Path

    from asg_lifecycle_simulator.services.run_command.model import Invocation
    from tests.execution.conftest import Testbed

RECORDS = """#!{python}
import os, sys
with open(os.environ["HOME"] + "/asked", "a") as asked:
    print({name!r}, *sys.argv[1:], file=asked)
"""


class ShellInstance:
    """What is on an instance.

    Args:
        testbed: where it is managed from now on.
        instance: its id.
        folder: its home, and where its programs are.
    """

    def __init__(self, testbed: Testbed, instance: str, folder: Path) -> None:
        self.folder = folder
        self.has("systemctl", "")
        testbed.run_command.manage(instance)
        testbed.run_command.behave(self._run, instance=instance)

    def has(self, program: str, text: str) -> None:
        """Have a program in Python, which also records what it was asked."""
        file = self.folder / program
        file.write_text(RECORDS.format(python=sys.executable, name=program) + text)
        file.chmod(0o755)

    def asked(self) -> list[str]:
        """Return what its programs were asked so far."""
        file = self.folder / "asked"
        return file.read_text().splitlines() if file.exists() else []

    def _run(self, invocation: Invocation) -> Behaviour:
        script = self.folder / "_script.sh"
        # As the document does: one script for all of its lines.
        script.write_text("\n".join(invocation.command.parameters["commands"]))
        done = subprocess.run(  # noqa: S603 - the plan's own commands
            ["/bin/sh", script],
            env={"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Behaviour(duration=2, exit_code=done.returncode, standard_output=done.stdout, standard_error=done.stderr)
