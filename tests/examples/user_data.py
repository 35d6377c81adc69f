"""The user data of the examples, composed of what `examples/on-instance` has.

python -m tests.examples.user_data    # writes it into the templates
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).parents[2] / "examples"
ON_INSTANCE = EXAMPLES / "on-instance"
SHELL = "#!/bin/sh\n"
INDENT = " " * 12
USER_DATA = re.compile(r"(?<=          Fn::Base64: \|\n)(?: {12}.*\n|\n(?= {12}|\n))+")
"""The block of text in a template, its lines as deep as `INDENT`."""

WEB_SERVICE = """# In place of your service: one that answers /health.
mkdir -p /srv/web
echo ok > /srv/web/health
cat > /etc/systemd/system/web.service <<'END-OF-FILE'
[Service]
ExecStart=/usr/bin/python3 -m http.server 8080 --directory /srv/web
END-OF-FILE

"""


def _written(name: str) -> str:
    """Return the part of user data that puts a script or a unit in its place."""
    text = (ON_INSTANCE / name).read_text()
    if name.endswith(".service"):
        return f"cat > /etc/systemd/system/{name} <<'END-OF-FILE'\n{text}END-OF-FILE\n\n"
    return f"cat > /usr/local/bin/{name} <<'END-OF-FILE'\n{text}END-OF-FILE\nchmod 755 /usr/local/bin/{name}\n\n"


def _web_service() -> str:
    end = (ON_INSTANCE / "user-data.sh").read_text().removeprefix(SHELL)
    return SHELL + WEB_SERVICE + _written("asg-lifecycle-signal") + end


def _ci_runner() -> str:
    parts = "".join(_written(f"asg-lifecycle-{name}") for name in ("word", "signal", "drain", "drain.service"))
    return (
        f"{SHELL}# The image has the runner, as the unit worker.\n{parts}systemctl enable --now asg-lifecycle-drain\n"
    )


COMPOSED: dict[str, Callable[[], str]] = {"ci-runner": _ci_runner, "web-service": _web_service}
"""What composes the user data of an example, by the example's folder."""


def write() -> None:
    """Put the user data into the templates."""
    for example, compose in COMPOSED.items():
        file = EXAMPLES / example / "template.yaml"
        block = textwrap.indent(compose(), INDENT)
        text, found = USER_DATA.subn(lambda _, block=block: block, file.read_text())  # type: ignore[misc]  # a default
        if found != 1:
            raise RuntimeError(f"{file} has {found} blocks of user data")
        file.write_text(text)


if __name__ == "__main__":
    write()
