"""The program as a shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asg_lifecycle.cli.app import application

ROOT = Path(__file__).parents[2]
TERMINATE = ROOT / "events" / "terminate.json"
PROGRAM = "from asg_lifecycle.cli.__main__ import main; main()"


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


def test_the_program_explains_a_file() -> None:
    result = run("explain", str(TERMINATE))

    assert (result.returncode, result.stdout.count(b"\n"), result.stderr) == (0, 4, b"")


def test_the_program_reads_standard_input_and_ends_with_2_for_bad_input() -> None:
    result = run("explain", "-", given=b"not JSON")

    assert (result.returncode, result.stdout, result.stderr.count(b"\n")) == (2, b"", 1)


@pytest.mark.parametrize(
    ("file", "code", "lines", "error_lines"),
    [
        (TERMINATE, 0, 4, 0),
        (ROOT / "events" / "foreign-hook.json", 0, 1, 0),
        (ROOT / "events" / "sqs-event.json", 0, 8, 0),
        (ROOT / "events" / "broken-token.json", 2, 0, 1),
        (Path(sys.executable), 2, 0, 1),
        (ROOT, 2, 0, 1),
    ],
)
def test_exit_code_and_streams(file: Path, code: int, lines: int, error_lines: int) -> None:
    result = CliRunner().invoke(application, ["explain", str(file)])

    assert (result.exit_code, result.stdout.count("\n"), result.stderr.count("\n")) == (code, lines, error_lines)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [(["--version"], "asg-lifecycle "), (["--help"], "explain"), (["explain", "--help"], "--hook-name-prefix")],
)
def test_version_and_help(arguments: list[str], shown: str) -> None:
    result = CliRunner().invoke(application, arguments, terminal_width=120)

    assert result.exit_code == 0
    assert shown in result.stdout


@pytest.mark.parametrize("arguments", [[], ["explain"], ["explode"], ["explain", "--no-such-option", "x"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(application, arguments).exit_code == 2


def test_the_program_explains_wrong_usage_without_a_traceback() -> None:
    result = run("explode")

    assert result.returncode == 2
    assert b"explode" in result.stderr
    assert b"'histry'. Did you mean 'history'? see asg-lifecycle --help" in run("histry").stderr
    assert b"Traceback" not in result.stderr


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

    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = run("explain", "-", "--json", given=json.dumps(event).encode(), **environment)
    in_words = run("explain", "-", given=json.dumps(event).encode(), **environment)

    assert (result.returncode, in_words.returncode) == (0, 0)
    assert json.loads(result.stdout)[0]["group"] == "组"
    assert "of group 组" in in_words.stdout.decode()


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
