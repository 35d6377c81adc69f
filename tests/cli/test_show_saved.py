"""`show --json`, `--from` and `--html`: a story that is kept, and drawn again anywhere."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from asg_lifecycle.model.action_story import FORMAT, VERSION
from tests.cli.action_commands import COMMAND, SIGNAL, run, waiting

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed


@pytest.fixture
def saved(stack: Testbed[Deployment], tmp_path: Path) -> Path:
    """Return the file of a story that was read while the action waits for a signal."""
    (instance,) = waiting(stack, "web", SIGNAL, COMMAND)
    stack.run(60)
    file = tmp_path / "story.json"
    file.write_text(run("show", instance, "--json").stdout, encoding="utf-8")
    return file


def test_json_is_one_document_with_everything(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, COMMAND)
    record = stack.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    shown = [run("show", instance, *form) for form in (["--json"], ["-o", "json"], ["--json", "--quiet"])]
    assert {(each.exit_code, each.stderr) for each in shown} == {(0, "")}
    assert len({each.stdout for each in shown}) == 1
    story: dict[str, Any] = json.loads(shown[0].stdout)
    assert (story["format"], story["version"]) == (FORMAT, VERSION)
    assert story["identity"]["token"] == record.token
    assert story["identity"]["stack"] == "asg-lifecycle"
    assert [(step["kind"], step["state"]) for step in story["steps"]] == [
        ("wait-for-signal", "under way"),
        ("run-command", "to come"),
    ]
    assert story["steps"][0]["blockers"][0]["name"] == "drained"
    assert story["times"]["deadline"] == record.deadline
    assert story["price"]["at_least"] is False
    assert story["source"]["told_from"] == "history"
    assert [link["what"] for link in story["links"]] == ["group", "instance", "executions"]


IN_TURN = """
import contextlib, io, json, sys
from asg_lifecycle.cli.app import application

def ran(words):
    output = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(output):
        try:
            application(words)
        except SystemExit as ended:
            output.flush()
            return [ended.code, output.buffer.getvalue().decode()]

found = {form: ran(words) for form, words in json.loads(sys.argv[1]).items()}
print(json.dumps({"ran": found, "imported": [*{"boto3", "botocore.session", "botocore.client"} & {*sys.modules}]}))
"""
"""Calls the command line with one line after the other, in a process that has imported nothing else."""


def test_a_saved_story_is_shown_in_every_form_without_aws(saved: Path, tmp_path: Path) -> None:
    instance = json.loads(saved.read_text())["identity"]["instance"]
    page = tmp_path / "page.html"
    forms = {form: ["--output", form] for form in ("table", "json", "yaml", "csv")} | {"html": ["--html", str(page)]}
    lines = {form: ["show", "--from", str(saved), *options] for form, options in forms.items()}
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-c", IN_TURN, json.dumps(lines)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    ended = json.loads(done.stdout)
    assert ended["imported"] == []
    assert {form: code for form, (code, _) in ended["ran"].items()} == dict.fromkeys(forms, 0)
    shown = {form: text for form, (_, text) in ended["ran"].items()}
    assert json.loads(shown["json"]) == json.loads(saved.read_text())
    listed = yaml.safe_load(shown["yaml"])
    told = {"delivery", "heartbeat", "round", "look"}
    happened = [entry["what"] for entry in listed if entry["what"] not in told]
    assert happened == ["waiting", "claimed", "plan", "step", "now"]
    assert [row["what"] for row in csv.DictReader(shown["csv"].splitlines())] == [entry["what"] for entry in listed]
    assert "instance: https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#Inst" in shown["table"]
    assert "price so far: $0." in shown["table"]
    assert "told from the record and the execution history: " in shown["table"]
    assert f"<h1>Instance {instance}</h1>" in page.read_text(encoding="utf-8")
    assert shown["html"] == f"wrote {page}: open it in a browser\n"


def test_a_saved_story_shows_what_was_shown_live(saved: Path, tmp_path: Path) -> None:
    instance = json.loads(saved.read_text())["identity"]["instance"]
    for form in ("table", "json", "yaml", "csv"):
        assert run("show", "--from", str(saved), "-o", form).stdout == run("show", instance, "-o", form).stdout
    for file, words in (("a.html", ["--from", str(saved)]), ("b.html", [instance])):
        assert run("show", *words, "--html", str(tmp_path / file)).exit_code == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_quiet_leaves_out_what_stands_below_the_table(saved: Path) -> None:
    loud, quiet = (run("show", "--from", str(saved), *more).stdout for more in ([], ["--quiet"]))
    assert loud.startswith(quiet)
    assert "https://" not in quiet


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 7}, "this is a story of version 7, and this asg-lifecycle reads 1"),
        ({"format": "another"}, "this is no story: expected an object"),
        ({"read_at": "now"}, "this is no whole story: Expected `float`, got `str` - at `$.read_at`"),
        ({"extra\n": 1}, "this is no whole story: Object contains unknown field `extra\\n`"),
    ],
)
def test_another_document_is_refused_on_one_line(saved: Path, change: dict[str, Any], words: str) -> None:
    saved.write_text(json.dumps(json.loads(saved.read_text()) | change))
    refused = run("show", "--from", str(saved))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"asg-lifecycle: {saved}: {words}")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show"], "name an instance or a token, or a saved story with --from"),
        (["show", "i-0123456789abcdef0", "--from", "x"], "it goes with neither an instance nor --follow"),
        (["show", "--follow", "--from", "x"], "it goes with neither an instance nor --follow"),
        (["show", "--from", "/no/such/file"], "/no/such/file: No such file or directory"),
        (["show", "--from", "x", "--html", "-", "--json"], "--html - and --output json both write to standard output"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str], said: str) -> None:
    refused = run(*words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert said in refused.stderr


def test_a_page_goes_to_standard_output_alone(saved: Path) -> None:
    shown = run("show", "--from", str(saved), "--html", "-").stdout
    assert shown.startswith("<!DOCTYPE html>")
    assert shown.endswith("</html>\n")


def test_json_and_a_page_can_be_written_at_once(saved: Path, tmp_path: Path) -> None:
    done = run("show", "--from", str(saved), "--json", "--html", str(tmp_path / "page.html"))
    assert json.loads(done.stdout) == json.loads(saved.read_text())
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")


def test_a_page_is_written_whole_or_not_at_all(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    page, link = folder / "page.html", folder / "link.html"
    page.write_text("before")
    page.chmod(0o640)
    link.symlink_to(page)
    assert run("show", "--from", str(saved), "--html", str(link)).exit_code == 0
    assert link.is_symlink()
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert page.stat().st_mode & 0o777 == 0o640
    assert sorted(folder.iterdir()) == [link, page]


def test_a_page_that_cannot_be_written_leaves_what_was_there(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    page.write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused = run("show", "--from", str(saved), "--html", str(page))
    assert (refused.exit_code, refused.stderr) == (2, f"asg-lifecycle: {page}: No space left on device\n")
    assert page.read_text() == "before"
    assert sorted(tmp_path.iterdir()) == sorted([page, saved])


@pytest.mark.parametrize("file", ["", "missing/page.html", "/dev/null"])
def test_what_is_no_file_is_refused(saved: Path, tmp_path: Path, file: str) -> None:
    refused = run("show", "--from", str(saved), "--html", str(tmp_path / file))
    assert refused.exit_code == 2
    assert refused.stderr.startswith("asg-lifecycle: ")
    assert refused.stderr.count("\n") == 1
    assert Path("/dev/null").is_char_device()
