"""The scripts for instances send what the application reads, against metadata on loopback and a recording AWS CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.signal_words import TAG_PREFIX, proves
from asg_lifecycle.model.wake_events import SIGNAL_DETAIL_TYPE, SIGNAL_SOURCE, SignalSent, happening

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[1] / "examples" / "on-instance"
INSTANCE = "i-0123456789abcdef0"
RECORDING = """#!{python}
import json, os, sys
given = sys.stdin.read() if "file:///dev/stdin" in sys.argv else ""
words = [word.replace("file:///dev/stdin", given) for word in sys.argv[1:]]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([os.environ["AWS_DEFAULT_REGION"], *words, "ARGUMENTS", *sys.argv[1:]]) + "\\n")
print(os.environ.get("FAILED_ENTRIES", "0"))
"""


class Metadata:
    """The instance metadata service, version 2."""

    def __init__(self) -> None:
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
        return {"instance-id": INSTANCE, "placement/region": "eu-north-1"}.get(path)


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    made = Metadata()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def run(script: str, *arguments: str, metadata: Metadata, folder: Path, **environment: str) -> tuple[int, list[Any]]:
    """Run a script; return its exit code and the calls of the AWS CLI."""
    tool, calls = folder / "aws", folder / "calls"
    tool.write_text(RECORDING.format(python=sys.executable))
    tool.chmod(0o755)
    calls.touch()
    done = subprocess.run(  # noqa: S603 - the script that is tested
        [str(FOLDER / script), *arguments],
        env={
            "PATH": os.pathsep.join([str(folder), str(FOLDER), os.environ["PATH"]]),
            "CALLS": str(calls),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url,
            "ASG_LIFECYCLE_SIGNAL_DELAYS": "0 0",
            "ASG_LIFECYCLE_POLL_SECONDS": "0",
            "ASG_LIFECYCLE_WORDS": str(folder / "words"),
            **environment,
        },
        check=False,
        timeout=60,
    )
    return done.returncode, [json.loads(line) for line in calls.read_text().splitlines()]


def signal_of(call: list[str]) -> SignalSent:
    region, *words = call
    assert region == "eu-north-1"
    assert words[:2] == ["events", "put-events"]
    (entry,) = json.loads(words[words.index("--entries") + 1])
    assert (entry["Source"], entry["DetailType"]) == (SIGNAL_SOURCE, SIGNAL_DETAIL_TYPE)
    found = happening(
        {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
    )
    assert isinstance(found, SignalSent)
    return found


def test_a_signal_is_sent_and_sent_again(metadata: Metadata, tmp_path: Path) -> None:
    code, calls = run("asg-lifecycle-signal", "ready", metadata=metadata, folder=tmp_path)
    assert code == 0
    expected = SignalSent(instance=INSTANCE, hook=None, name="ready", succeeded=True, message="")
    assert [signal_of(call) for call in calls] == [expected, expected]


def test_whatever_the_message_holds_it_stays_a_message(metadata: Metadata, tmp_path: Path) -> None:
    words = ["ready", "failure", 'no "health" \\ after\n5 minutes: $(id) `id`']
    _, calls = run("asg-lifecycle-signal", *words, metadata=metadata, folder=tmp_path)
    found = signal_of(calls[0])
    assert found.message == "no health  after5 minutes: $(id) `id`"
    assert not found.succeeded


def test_an_entry_that_is_refused_fails_the_script(metadata: Metadata, tmp_path: Path) -> None:
    code, _ = run("asg-lifecycle-signal", "ready", metadata=metadata, folder=tmp_path, FAILED_ENTRIES="1")
    assert code == 1


@pytest.mark.parametrize(("command", "succeeded"), [("true", True), ("false", False)])
def test_the_drain_begins_when_the_instance_has_to_go(
    metadata: Metadata, tmp_path: Path, command: str, *, succeeded: bool
) -> None:
    metadata.states = ["InService", "InService", "Terminated"]
    _, calls = run("asg-lifecycle-drain", command, metadata=metadata, folder=tmp_path)
    found = signal_of(calls[0])
    assert (found.name, found.succeeded) == ("drained", succeeded)
    assert metadata.states == ["Terminated"]
    assert found.message == ("" if succeeded else "false ended with exit code 1")


@pytest.mark.parametrize("name", ["drained", "jobs/drained"])
def test_an_instance_proves_its_signals_by_a_word_that_only_it_knows(
    metadata: Metadata, tmp_path: Path, name: str
) -> None:
    code, (tagging,) = run("asg-lifecycle-word", name, metadata=metadata, folder=tmp_path)
    assert code == 0
    assert tagging[1:5] == ["ec2", "create-tags", "--resources", INSTANCE]
    key, _, digest = tagging[6].removeprefix("Key=").partition(",Value=")
    assert key == TAG_PREFIX + name
    (file,) = (tmp_path / "words").iterdir()
    assert (file.stat().st_mode & 0o077, file.parent.stat().st_mode & 0o077) == (0, 0)
    word = file.read_text().strip()
    assert word not in json.dumps(tagging)

    code, (_, *calls) = run("asg-lifecycle-signal", name, metadata=metadata, folder=tmp_path)
    assert code == 0
    assert all(proves(signal_of(call).word_digest or "", name, {key: digest}) for call in calls)
    # The arguments of a command can be seen by everybody on the instance.
    assert [word in call[call.index("ARGUMENTS") :] for call in calls] == [False, False]
    assert not any(word in argument for call in calls for argument in call[call.index("ARGUMENTS") :])

    _, (*_, other) = run("asg-lifecycle-signal", "other", metadata=metadata, folder=tmp_path)
    assert signal_of(other).word_digest is None
    _, (*_, again) = run("asg-lifecycle-word", name, metadata=metadata, folder=tmp_path)
    assert again[6] != tagging[6]


def test_the_policy_lets_an_instance_tag_itself_with_words_and_nothing_else() -> None:
    _, tagging = json.loads((FOLDER / "policy.json").read_text())["Statement"]
    assert tagging["Action"] == "ec2:CreateTags"
    assert tagging["Condition"] == {
        "ArnEquals": {"ec2:SourceInstanceARN": "arn:aws:ec2:*:*:instance/${ec2:InstanceID}"},
        "ForAllValues:StringLike": {"aws:TagKeys": f"{TAG_PREFIX}*"},
        "Null": {"aws:TagKeys": "false"},
    }


def test_the_policy_allows_no_other_events_than_signals() -> None:
    statement, _ = json.loads((FOLDER / "policy.json").read_text())["Statement"]
    assert statement["Action"] == "events:PutEvents"
    assert statement["Condition"] == {
        "StringEquals": {"events:source": SIGNAL_SOURCE, "events:detail-type": SIGNAL_DETAIL_TYPE}
    }
