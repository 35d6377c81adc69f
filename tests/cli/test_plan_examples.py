"""The plans that come with the tool, and what a plain install says where a package is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from asg_lifecycle.cli.plan_examples import example_plans
from tests.cli.plan_commands import at_path, run

if TYPE_CHECKING:
    import pytest

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

FOLDER = Path(__file__).parents[2] / "plans"
NODE = {"steps": [{"kind": "drain-kubernetes", "options": {"cluster": "blue"}}]}


def test_every_example_is_listed_with_what_it_is_for() -> None:
    listed = json.loads(run("examples", "--output", "json").stdout)
    assert [each["name"] for each in listed] == sorted(file.stem for file in FOLDER.glob("*.yaml"))
    assert {each["hooks"] for each in listed} == {"launch", "terminate"}
    assert all(each["description"] for each in listed)


def test_an_example_is_printed_as_it_is() -> None:
    assert run("examples", "web-service").stdout == (FOLDER / "web-service.yaml").read_text(encoding="utf-8")


def test_an_unknown_example_is_refused_with_those_there_are() -> None:
    refused = run("examples", "web")
    assert refused.exit_code == 2
    assert "web-service" in refused.stderr


def test_examples_are_written_with_their_schema_and_over_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert run("examples", "web-service", "--write", str(folder)).exit_code == 0
    assert run("examples", "--write", str(folder)).exit_code == 0
    assert {file.name for file in folder.iterdir()} == {*(f"{name}.yaml" for name in example_plans()), "schema.json"}

    (folder / "web-service.yaml").write_text("steps: []\n")
    (folder / "ci-runner.yaml").unlink()
    refused = run("examples", "--write", str(folder))
    assert refused.exit_code == 1
    assert "web-service.yaml" in refused.stderr
    assert not (folder / "ci-runner.yaml").exists()

    refused = run("examples", "--write", str(folder / "web-service.yaml"))
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (1, 1)


def test_without_a_kubernetes_client_a_step_that_needs_one_says_what_is_missing(
    testbed: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    testbed.kubernetes.cluster("blue")
    testbed.autoscaling.create_group("web", capacity=1)
    testbed.autoscaling.put_hook("web", "asg-lifecycle-terminate", "TERMINATING")
    testbed.deployment.put_plan("web", NODE)
    monkeypatch.delitem(sys.modules, "asg_lifecycle.kubernetes.client", raising=False)
    monkeypatch.setitem(sys.modules, "lightkube", None)

    tried = at_path("explain", "--group", "web")

    assert tried.exit_code == 0, tried.output
    assert "drain-kubernetes: could not be found out: the package lightkube is not installed" in tried.stdout
    assert "pip install '.[function]'" in tried.stdout
