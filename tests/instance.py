"""An instance as scripts on it see it: its metadata service on loopback, and an AWS CLI that records its calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ON_INSTANCE = Path(__file__).parents[1] / "examples" / "on-instance"
RECORDING = """#!{python}
import json, os, sys
given = sys.stdin.read() if "file:///dev/stdin" in sys.argv else ""
words = [word.replace("file:///dev/stdin", given) for word in sys.argv[1:]]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([os.environ["AWS_DEFAULT_REGION"], *words]) + "\\n")
with open(os.environ["ARGUMENTS"], "a") as arguments:
    arguments.write(json.dumps(sys.argv) + "\\n")
print(os.environ.get("FAILED_ENTRIES", "0"))
"""


class Metadata:
    """The instance metadata service, version 2.

    Attributes:
        instance: id of the instance.
        region: its Region.
        states: what it is asked to be, one for each question; the last one stays.
    """

    def __init__(self, instance: str, region: str) -> None:
        self.instance = instance
        self.region = region
        self.states = ["Terminated"]
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self._answer("a-token" if self.headers.get("X-aws-ec2-metadata-token-ttl-seconds") else None)

            def do_GET(self) -> None:
                known = self.headers.get("X-aws-ec2-metadata-token") == "a-token"
                self._answer(metadata.of(self.path.removeprefix("/latest/meta-data/")) if known else None)

            def _answer(self, text: str | None) -> None:
                self.send_response(404 if text is None else 200)
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def of(self, path: str) -> str | None:
        if path == "autoscaling/target-lifecycle-state":
            return self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"instance-id": self.instance, "placement/region": self.region}.get(path)


@contextmanager
def serving(instance: str, region: str) -> Iterator[Metadata]:
    """Serve the metadata of an instance."""
    made = Metadata(instance, region)
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


def run_script(
    command: Sequence[str | Path], *, metadata: Metadata, folder: Path, path: Sequence[Path] = (), **environment: str
) -> tuple[int, list[Any]]:
    """Run a script on the instance; return its exit code and the calls of the AWS CLI: Region, then words.

    What the AWS CLI read from its standard input stands in place of its path; the file `arguments` of the folder has
    the arguments as everybody on the instance may see them.

    Args:
        command: the script and its arguments.
        metadata: that of the instance.
        folder: takes the AWS CLI and its record.
        path: where programs are looked for before the machine's own.
        environment: more variables.
    """
    tool, calls = folder / "aws", folder / "calls"
    tool.write_text(RECORDING.format(python=sys.executable))
    tool.chmod(0o755)
    calls.touch()
    done = subprocess.run(  # noqa: S603 - the script that is tested
        command,
        env={
            "PATH": os.pathsep.join(map(str, [folder, *path, os.environ["PATH"]])),
            "CALLS": str(calls),
            "ARGUMENTS": str(folder / "arguments"),
            "ASG_LIFECYCLE_WORDS": str(folder / "words"),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url,
            "ASG_LIFECYCLE_SIGNAL_DELAYS": "0 0",
            "ASG_LIFECYCLE_POLL_SECONDS": "0",
            **environment,
        },
        check=False,
        timeout=60,
    )
    return done.returncode, [json.loads(line) for line in calls.read_text().splitlines()]
