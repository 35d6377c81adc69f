"""What the start page shows under "Play with it", typed in its order against a region that the shown server serves."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle_simulator.server.presets import INSTANCES
from tests.simulator.served_region import PATIENCE, ROOT, Operator, serving

if TYPE_CHECKING:
    from pathlib import Path

FIRST, _ = INSTANCES
SAYS = {
    "ps": FIRST,
    "why": "deregister-targets",
    "show": "wrote story.html: open it in a browser",
    "finish": "heard, now completed",
    "plan": "is kept below",
    "install-hook": "dry run: nothing was done",
    "doctor": "0 errors, ",
    "check-delete": "is not ready to be deleted: no instance waits, and 2 hooks would be answered by nobody",
}
"""What each command says, by its first word."""
CODES = {"doctor": 20, "check-delete": 1}
"""How those end that find something."""


def shown() -> list[str]:
    page = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Play with it\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


@pytest.mark.waits
def test_what_the_start_page_shows_can_be_played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server, drain, *looked = shown()
    program, *options = shlex.split(server)
    assert (program, options[:2]) == (".venv/bin/python", ["-m", "asg_lifecycle_simulator"])
    with serving(monkeypatch, *options[2:]):
        words = [sys.executable, "-m", "asg_lifecycle.cli", *shlex.split(drain)[1:], "--yes"]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as draining:  # noqa: S603 - as shown
            operator = Operator()
            operator.until("ps", says=FIRST)
            operator.until(f"why {FIRST}", says="deregister-targets")
            monkeypatch.chdir(tmp_path)
            (tmp_path / "plans").symlink_to(ROOT / "plans")
            for line in looked:
                command = line.removeprefix("asg-lifecycle ")
                verb = command.split()[0]
                asked = " --yes" if verb == "finish" else ""
                operator(command + asked, says=SAYS[verb], code=CODES.get(verb, 0))
                if verb == "finish":
                    told, _ = draining.communicate(timeout=PATIENCE)
                    assert f"{FIRST}: completed with CONTINUE" in told
    assert draining.returncode == 0
    assert FIRST in (tmp_path / "story.html").read_text(encoding="utf-8")
    assert operator.called >= SAYS.keys() - {"plan"}
