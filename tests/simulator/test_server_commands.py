"""Every command against a served region, in an environment of nothing but the line that the server prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import boto3
import pytest
from typer.main import get_command

from asg_lifecycle.cli.app import application
from asg_lifecycle.model.doctor.registry import CHECKS
from asg_lifecycle_simulator.server.presets import INSTANCES
from tests.simulator.served_region import PATIENCE, ROOT, Operator, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST, SECOND = INSTANCES


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a region in which one instance waits, enter the environment it prints, and return its address."""
    with serving(monkeypatch, "--waiting", "--deregistration-delay", "900") as address:
        yield address


def every_command() -> set[str]:
    commands: dict[str, Any] = vars(get_command(application))["commands"]
    found = set()
    for name, command in commands.items():
        under: dict[str, Any] = vars(command).get("commands", {})
        found |= {f"{name} {each}" for each in under} or {name}
    return found


def post(url: str, path: str, body: object) -> None:
    with urlopen(Request(f"{url}/simulator/{path}", json.dumps(body).encode()), timeout=PATIENCE):  # noqa: S310 - loopback
        pass


def lose_event(url: str, instance: str) -> str:
    """Put the event of an instance into the rule's dead-letter queue, as EventBridge would; return its message's id."""
    with urlopen(f"{url}/simulator/event?instance={instance}", timeout=PATIENCE) as answer:  # noqa: S310 - loopback
        event = answer.read().decode()
    (stack,) = boto3.client("cloudformation").describe_stacks()["Stacks"]
    (queue,) = [each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "RuleDeadLetterQueueUrl"]
    return boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=event)["MessageId"]


def about_plans(operator: Operator, folder: Path) -> None:
    operator("plan examples", says="web-service")
    operator(f"plan examples web-service --write {folder}", says="web-service.yaml")
    file = folder / "web-service.yaml"
    operator(f"plan check {file}", says="can be used for terminate hooks")
    operator("plan schema", says="$schema")
    operator("plan steps deregister-targets", says="deregister-targets")
    operator("plan list", says="there are no plans")
    operator(f"plan put web {file}", says="version 1")
    operator("plan list", says="web")
    operator("plan show web", says="kind: deregister-targets")
    operator(f"plan diff web {file}", says="does not differ")
    operator("plan versions web", says="version 1")
    operator("plan restore web 1 --yes", says="as it is already")
    operator("plan explain --group web", says="deregister-targets: would")
    operator("plan delete web --yes", says="is deleted")


def about_stories(operator: Operator, folder: Path) -> None:
    story, page = folder / "story.json", folder / "story.html"
    story.write_text(operator(f"show {FIRST} --json", says="deregister-targets").output, encoding="utf-8")
    operator(f"show --from {story}", says="#InstanceDetails:instanceId=")
    operator(f"show --from {story} --html {page}", says=f"wrote {page}")
    assert FIRST in page.read_text(encoding="utf-8")


def about_groups(operator: Operator) -> None:
    # Nobody is told of alarms in the simulator, and nothing else is wrong.
    told = operator("doctor", says=f"0 errors, 1 warning, 0 notes; {len(CHECKS)} checks, 1 group", code=20)
    assert "alarm-without-action" in told.output
    operator("check-delete", says="is not ready to be deleted", code=1)
    operator("install-hook --group web --launch --yes", says="nothing to change")
    operator("remove-hook --group web --name asg-lifecycle-terminate --yes", says=FIRST, code=1)
    operator("drain --group web --all --keep-capacity --dry-run", says="dry run: nothing was done")
    operator("terminate-retained --group web --reason 'to save' --yes", says="there is nothing to terminate", code=1)


def about_dead_letters(operator: Operator, url: str) -> None:
    operator("redrive list", says="there are no dead letters")
    letter = lose_event(url, SECOND)
    operator("redrive list", says=SECOND)
    operator(f"redrive show {letter}", says=SECOND)
    operator("doctor", says="dead-letters", code=20)
    # Its action is worked on all the same: another execution would be one too many.
    operator("redrive start --all", says="left alone", code=1)


@pytest.mark.waits
def test_every_command_works_in_the_environment_that_the_server_prints(served: str, tmp_path: Path) -> None:
    operator = Operator()
    operator("version", says="stack asg-lifecycle ")
    operator.until("ps", says=FIRST)
    operator.until(f"why {FIRST}", says="deregister-targets")
    operator(f"show {FIRST}", says="claimed")
    about_stories(operator, tmp_path)
    operator(f"explain {ROOT / 'events' / 'terminate.json'}", says=FIRST)
    about_plans(operator, tmp_path / "plans")
    about_groups(operator)
    operator(f"nudge {FIRST} --yes", says="heard")
    operator(f"hold {FIRST} --reason 'to look at it' --yes", says="heard, now held: on hold; deregister-targets")
    operator(f"resume {FIRST} --yes", says="heard, now working: deregister-targets")
    operator(f"extend 30m {FIRST} --yes", says="no timeout runs", code=1)
    operator(f"signal {FIRST} --name ready", says="sent signal ready")
    operator.until(f"show {FIRST}", says="ready, a success")

    post(served, "terminate", {"instance": SECOND})
    operator.until("ps", says=SECOND)
    about_dead_letters(operator, served)
    operator.until(f"why {SECOND}", says="deregister-targets")
    operator(f"skip {SECOND} --reason 'it is drained' --yes", says="heard")
    operator.until("history", says=SECOND)
    operator(f"abandon {FIRST} --reason 'to look at it' --yes", says="heard")
    operator(f"show {FIRST} --follow", says="ABANDON", code=10)
    operator(f"finish {FIRST} --reason 'it is over' --yes", says="there is nothing to finish", code=1)
    operator("history --failed", says="no action has failed in the last 7d")
    assert every_command() - operator.called == set(), "call it here"
