"""Planted secrets appear nowhere, whatever kind of step meets them and whatever says them."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.errors import classify
from asg_lifecycle.aws.execution_histories import ExecutionHistories
from asg_lifecycle.aws.secret_parameters import SecretParameters
from asg_lifecycle.cli.story_page.page import story_page
from asg_lifecycle.composition.observer import compose_observer
from asg_lifecycle.model.action_story import story_values
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.messages import Finish, Hold, Nudge, Resume, Skip
from asg_lifecycle.model.progress import Done, Failed, StepAnswer, Waiting
from asg_lifecycle.model.redaction import HIDDEN, KnownSecrets
from asg_lifecycle.model.story_history import source_of
from asg_lifecycle.model.story_telling import story_of
from asg_lifecycle.steps.catalog import KINDS
from asg_lifecycle.steps.run_command import OUTPUT_KEPT
from asg_lifecycle.store.records import Records
from asg_lifecycle_simulator.deployment.parameters import TABLE
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.execution.test_every_step import SCENES, every_kind
from tests.model.test_redaction import SHAPES, WRITTEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle.model.record_changes import RecordChanges
    from asg_lifecycle.steps.base import Step
    from tests.execution.conftest import Testbed

NAMED = ("hunter2-by-name", "p4ss-in-json", "k3y-in-a-header", "us3r:p4ss-in-a-url")
PLANTED = (*SHAPES.values(), *NAMED)
SAYING = (
    f"DB_PASSWORD={NAMED[0]} "
    f'{{"secret": "{NAMED[1]}"}} X-Api-Key: {NAMED[2]} https://{NAMED[3]}@db.example.com/ '
    + " ".join(WRITTEN.get(name, secret) for name, secret in SHAPES.items())
)
"""What somebody else says, with every kind of secret in it."""

OURS = {("ec2", "DescribeInstances"), ("ec2", "DescribeTags")}
ENGINE = {"autoscaling", "dynamodb", "lambda"}
"""What an execution itself calls: without it no step is reached."""


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """Yield the log lines as they are written: the logger keeps the stream that it began with."""
    (handler,) = (it for it in compose_observer("local").logger.handlers if isinstance(it, logging.StreamHandler))
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


@pytest.fixture(autouse=True)
def every_kind_is_for_both_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scenes, which are for terminate hooks, reach the kinds for launch hooks, too."""
    for kind in KINDS.values():
        monkeypatch.setattr(kind, "transition", None)


class Watched:
    """An action of one kind of step, and everything that is kept, written and told of it."""

    def __init__(self, testbed: Testbed, kind: str, **more: Any) -> None:
        self.testbed = testbed
        (self.instance,) = testbed.group(plan={"steps": []})
        options = SCENES[kind](testbed, self.instance)
        plan = {"steps": [{"kind": kind, "options": options}], **more}
        testbed.autoscaling.put_hook(
            "web",
            "asg-lifecycle-terminate",
            "TERMINATING",
            HeartbeatTimeout=300,
            NotificationMetadata=json.dumps({"plan": plan}),
        )

    def terminate(self) -> None:
        self.testbed.terminate(self.instance)

    def seen(self, log_lines: io.StringIO, printed: str) -> str:
        record, region = self.testbed.record(), self.testbed.region
        execution = self.testbed.execution
        history = ExecutionHistories(Clients(), self.testbed.timeline.run_for).of_action(execution.arn)
        story = story_of(record, self.testbed.timeline.now(), source=source_of(history, record))
        # What an operator sends is kept as it was sent by Lambda, as the payload of a callback.
        operations = [
            vars(it) for it in execution.record.get_assertable_operations() if it.operation_type.value != "CALLBACK"
        ]
        shown = json.dumps(story_values(story)) + story_page(story)
        return f"{record}{region.events.emitted}{operations}{log_lines.getvalue()}{printed}{shown}"


@pytest.fixture
def is_clean(capsys: pytest.CaptureFixture[str], log_lines: io.StringIO, testbed: Testbed) -> Callable[[Watched], str]:
    def check(watched: Watched) -> str:
        assert watched.testbed is testbed
        seen = watched.seen(log_lines, capsys.readouterr().out)
        assert [secret for secret in PLANTED if secret in seen] == []
        return seen

    return check


@pytest.mark.one_of(2)
@every_kind
def test_what_aws_says_to_a_step_is_kept_without_secrets(
    testbed: Testbed, is_clean: Callable[[Watched], str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    watched, refused = Watched(testbed, kind), 0
    take = testbed.region.faults.take

    def refuse(service: str, operation: str) -> Fault | None:
        nonlocal refused
        if service in ENGINE or (service, operation) in OURS or (service, operation) == ("events", "PutEvents"):
            return take(service, operation)
        refused += 1
        return Fault(FaultKind.REFUSED, "ValidationException", SAYING)

    monkeypatch.setattr(testbed.region.faults, "take", refuse)
    watched.terminate()
    testbed.run(120)
    monkeypatch.setattr(testbed.region.faults, "take", take)
    seen = is_clean(watched)
    assert (HIDDEN in seen) == bool(refused)


@pytest.mark.one_of(8)
@every_kind
@pytest.mark.parametrize("answer", [Waiting(SAYING), Done(SAYING), Failed(SAYING), ValueError(SAYING)], ids=type)
def test_what_a_step_says_is_kept_without_secrets(
    testbed: Testbed,
    is_clean: Callable[[Watched], str],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    answer: StepAnswer | ValueError,
) -> None:
    def begin(_: Step, __: object) -> StepAnswer:
        if isinstance(answer, ValueError):
            raise answer
        if isinstance(answer, Waiting):
            return Waiting(SAYING, blockers=(Blocker(kind=BlockerKind.SERVICE, name=SAYING, reason=SAYING),))
        return answer

    monkeypatch.setattr(KINDS[kind], "begin", begin)
    watched = Watched(testbed, kind)
    watched.terminate()
    testbed.run(60)
    assert HIDDEN in is_clean(watched)


@pytest.mark.one_of(2)
@every_kind
def test_what_a_step_would_do_is_kept_without_secrets(
    testbed: Testbed, is_clean: Callable[[Watched], str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(KINDS[kind], "preview", lambda *_: SAYING)
    watched = Watched(testbed, kind, observe=True)
    watched.terminate()
    testbed.run(30)
    assert HIDDEN in is_clean(watched)


@pytest.mark.parametrize(
    "message",
    [Nudge(SAYING), Skip(SAYING), Hold(SAYING), Resume(SAYING), Finish(ActionResult.CONTINUE, SAYING), SAYING.encode()],
    ids=lambda message: type(message).__name__,
)
def test_what_an_operator_says_is_kept_without_secrets(
    testbed: Testbed, is_clean: Callable[[Watched], str], message: Any
) -> None:
    watched = Watched(testbed, "wait-for-signal")
    watched.terminate()
    testbed.run(30)
    testbed.deployment.send_message(testbed.record(), message)
    testbed.run(200)
    assert HIDDEN in is_clean(watched)


@pytest.mark.parametrize("exit_code", [0, 1])
def test_of_a_command_s_output_the_last_lines_stay_without_secrets(
    testbed: Testbed, is_clean: Callable[[Watched], str], exit_code: int
) -> None:
    watched = Watched(testbed, "run-command")
    output = f"begun\n{SAYING}\n{'a long line without anything ' * 12}\nDB_PASSWORD={NAMED[0]}\nthe disk is full"
    testbed.run_command.behave(
        Behaviour(duration=5, exit_code=exit_code, standard_output=output, standard_error=output)
    )
    watched.terminate()
    testbed.run(120)
    assert "the disk is full" in is_clean(watched)


def test_what_a_function_answers_is_kept_without_secrets(testbed: Testbed, is_clean: Callable[[Watched], str]) -> None:
    watched = Watched(testbed, "invoke-function")
    testbed.functions.deploy("archive", lambda _: {"done": True, "password": NAMED[1], "said": SAYING})
    watched.terminate()
    testbed.run(120)
    seen = is_clean(watched)
    assert "function archive answered" in seen
    assert HIDDEN in seen


def test_what_is_left_of_a_secret_that_is_cut_off_is_hidden_too(
    testbed: Testbed, is_clean: Callable[[Watched], str]
) -> None:
    watched = Watched(testbed, "run-command")
    testbed.run_command.behave(Behaviour(standard_output=f"{SHAPES['GitHub token']} {'.' * (OUTPUT_KEPT - 12)}"))
    watched.terminate()
    testbed.run(120)
    assert SHAPES["GitHub token"][-8:] not in is_clean(watched)


def test_an_error_of_aws_has_no_secrets() -> None:
    error = ClientError({"Error": {"Code": "ValidationException", "Message": SAYING}}, "SendCommand")
    said = str(classify(error, "ssm:SendCommand"))
    assert HIDDEN in said
    assert [secret for secret in PLANTED if secret in said] == []


def test_a_secret_that_was_read_is_hidden_wherever_it_turns_up(testbed: Testbed, log_lines: io.StringIO) -> None:
    secret = "correct horse battery"  # noqa: S105 - planted
    with testbed.region.unobserved():
        testbed.region.client("ssm").put_parameter(Name="/app/word", Value=secret, Type="SecureString")
    known = KnownSecrets()
    assert known(secret) == secret
    assert SecretParameters(Clients(), known).value("/app/word") == secret
    compose_observer("local", redact=known).error(f"it said: {secret}!")
    assert f"it said: {HIDDEN}!" in log_lines.getvalue()
    assert secret not in log_lines.getvalue()


def test_sentences_of_the_record_are_written_without_secrets(testbed: Testbed) -> None:
    watched = Watched(testbed, "wait-for-signal")
    watched.terminate()
    testbed.run(30)
    record = testbed.record()
    changes: RecordChanges = {"problem": SAYING, "hold": SAYING, "detail": SAYING, "reason": SAYING, "plan_why": SAYING}
    written = Records(Clients(), TABLE).update(record.wait, record.execution, {**changes, "messages": (SAYING,)})
    assert HIDDEN in str(written)
    assert [secret for secret in PLANTED if secret in str(written)] == []


def test_what_an_earlier_version_has_kept_is_told_without_secrets(testbed: Testbed) -> None:
    watched = Watched(testbed, "wait-for-signal")
    watched.terminate()
    testbed.run(30)
    kept = msgspec.structs.replace(testbed.record(), detail=SAYING, problem=SAYING, messages=(SAYING,))
    story = story_of(kept, testbed.timeline.now())
    told = json.dumps(story_values(story)) + story_page(story)
    assert HIDDEN in told
    assert [secret for secret in PLANTED if secret in told] == []
