"""The program as a shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TERMINATE = ROOT / "events" / "terminate.json"
PROGRAM = "from asg_lifecycle.cli.main import main; main()"


def run(
    *arguments: str, code: str | None = None, given: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    start = ("-m", "asg_lifecycle.cli") if code is None else ("-c", code)
    return subprocess.run(  # noqa: S603 - this interpreter, with arguments from this file
        [sys.executable, *start, *arguments],
        input=given,
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
    )


@pytest.mark.parametrize(
    ("arguments", "given", "code", "lines", "error_lines"),
    [
        (("explain", str(TERMINATE)), b"", 0, 1, 0),
        (("explain", "-"), TERMINATE.read_bytes(), 0, 1, 0),
        (("explain", str(ROOT / "events" / "foreign-hook.json")), b"", 0, 1, 0),
        (("explain", str(ROOT / "events" / "sqs-event.json")), b"", 0, 2, 0),
        (("explain", str(ROOT / "events" / "broken-token.json")), b"", 2, 0, 1),
        (("explain", "-"), b"not JSON", 2, 0, 1),
        (("explain", sys.executable), b"", 2, 0, 1),
        (("explain", str(ROOT)), b"", 2, 0, 1),
    ],
)
def test_exit_code_and_streams(
    arguments: tuple[str, ...], given: bytes, code: int, lines: int, error_lines: int
) -> None:
    result = run(*arguments, given=given)

    assert (result.returncode, result.stdout.count(b"\n"), result.stderr.count(b"\n")) == (code, lines, error_lines)


def test_version_and_help() -> None:
    version = run("--version")
    overview = run("--help")
    command = run("explain", "--help")

    assert version.returncode == overview.returncode == command.returncode == 0
    assert version.stdout.startswith(b"asg-lifecycle ")
    assert b"explain" in overview.stdout
    assert b"--hook-name-prefix" in command.stdout


def test_wrong_usage_is_no_traceback() -> None:
    for arguments in ((), ("explain",), ("explode",), ("explain", "--no-such-option", "x")):
        result = run(*arguments)

        assert result.returncode == 2
        assert b"Traceback" not in result.stderr


def test_without_the_extra_one_line_says_what_to_install() -> None:
    result = run("explain", str(TERMINATE), code=f"import sys; sys.modules['typer'] = None; {PROGRAM}")

    assert result.returncode == 1
    assert result.stdout == b""
    assert result.stderr.count(b"\n") == 1
    assert b"pip install asg-lifecycle[cli]" in result.stderr


def test_another_missing_module_is_not_taken_for_the_extra() -> None:
    result = run("explain", str(TERMINATE), code=f"import sys; sys.modules['msgspec'] = None; {PROGRAM}")

    assert b"pip install" not in result.stderr
    assert b"msgspec" in result.stderr


def test_explain_imports_nothing_that_can_call_aws() -> None:
    code = f"import sys\ntry:\n    {PROGRAM}\nfinally:\n    print(*sys.modules, file=sys.stderr)"

    result = run("explain", str(TERMINATE), code=code)

    assert result.returncode == 0
    modules = set(result.stderr.decode().split())
    assert "asg_lifecycle.model.events" in modules
    assert not modules & {"boto3", "botocore.session", "botocore.client", "aws_durable_execution_sdk_python"}


def test_output_is_utf_8_whatever_the_locale() -> None:
    event = json.loads(TERMINATE.read_text())
    event["detail"]["AutoScalingGroupName"] = "组"

    result = run("explain", "-", given=json.dumps(event).encode(), PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert result.returncode == 0
    assert json.loads(result.stdout)["group"] == "组"


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    body = (ROOT / "events" / "notification.json").read_text()
    batch = json.dumps({"Records": [{"messageId": "1", "body": body}] * 1000}).encode()
    read_end, write_end = os.pipe()
    os.close(read_end)

    with os.fdopen(write_end, "wb") as closed:
        result = subprocess.run(
            [sys.executable, "-m", "asg_lifecycle.cli", "explain", "-"],
            input=batch,
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )

    assert result.stderr == b""
    assert result.returncode == 1
