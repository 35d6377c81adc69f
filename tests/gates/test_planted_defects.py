"""Each tool of `make gates` finds a defect that is planted for it; `make gates` runs this, where the tools are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gates.check_template import check
from gates.dependencies import audit
from tests.template.expanded import ROOT, source

# Where the environments of the tools are.
GATES = os.environ.get("GATES_FOLDER")
pytestmark = pytest.mark.skipif(GATES is None, reason="`make gates` installs the tools and sets GATES_FOLDER")

INSECURE_WORKFLOW = """
name: greet
on: pull_request_target
jobs:
  greet:
    runs-on: ubuntu-latest
    steps:
      - run: echo "${{ github.event.pull_request.title }}"
"""


def tool(*path: str) -> str:
    assert GATES is not None
    return str(ROOT.joinpath(GATES, *path))


def test_checkov_finds_a_log_group_that_is_not_encrypted() -> None:
    template = source()
    del template["Resources"]["LogGroup"]["Properties"]["KmsKeyId"]
    problems, _ = check("checkov", tool("checkov", "bin", "checkov"), template)
    assert [problem.split(":")[0] for problem in problems] == ["checkov CKV_AWS_158 LogGroup"]


def test_cdk_nag_finds_a_queue_that_takes_requests_without_tls() -> None:
    template = source()
    del template["Resources"]["FunctionDeadLetterQueuePolicy"]
    problems, _ = check("cdk_nag", tool("node", "bin", "node"), template)
    assert [problem.split(":")[0] for problem in problems] == [
        "cdk_nag AwsSolutions-SQS4 FunctionDeadLetterQueue",
    ]


def run(*command: str | Path) -> tuple[int, str]:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a pinned tool
    return answer.returncode, answer.stdout + answer.stderr


def test_bandit_finds_a_shell_that_runs_what_it_is_given(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text("import subprocess\nimport sys\nsubprocess.run(sys.argv[1], shell=True)\n")
    status, said = run(tool("bandit", "bin", "bandit"), "--configfile", ROOT / "pyproject.toml", code)
    assert status == 1
    assert "B602" in said


def test_pip_audit_that_reaches_nobody_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody listens on port 9 of this machine.
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    problems, said = audit(tool("pip-audit", "bin", "pip-audit"), str(ROOT / "requirements" / "runtime.txt"))
    assert problems == []
    assert said.startswith("could not ask")


@pytest.mark.skipif(
    GATES is None or not Path(GATES, "zizmor").exists(), reason="zizmor is installed where there are workflows"
)
def test_zizmor_finds_a_workflow_that_runs_what_a_stranger_writes(tmp_path: Path) -> None:
    workflow = tmp_path / "greet.yml"
    workflow.write_text(INSECURE_WORKFLOW)
    status, said = run(tool("zizmor", "bin", "zizmor"), "--offline", workflow)
    assert status
    assert "template-injection" in said
