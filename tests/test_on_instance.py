"""The scripts for instances send what the application reads, against metadata on loopback and a recording AWS CLI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.signal_words import TAG_PREFIX, proves
from asg_lifecycle.model.wake_events import SIGNAL_DETAIL_TYPE, SIGNAL_SOURCE, SignalSent, happening
from tests.instance import ON_INSTANCE, run_script, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.instance import Metadata

INSTANCE = "i-0123456789abcdef0"


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    with serving(INSTANCE, "eu-north-1") as made:
        yield made


def run(script: str, *arguments: str, metadata: Metadata, folder: Path, **environment: str) -> tuple[int, list[Any]]:
    return run_script(
        [ON_INSTANCE / script, *arguments], metadata=metadata, folder=folder, path=[ON_INSTANCE], **environment
    )


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
    assert word not in (tmp_path / "arguments").read_text()

    _, (*_, other) = run("asg-lifecycle-signal", "other", metadata=metadata, folder=tmp_path)
    assert signal_of(other).word_digest is None
    _, (*_, again) = run("asg-lifecycle-word", name, metadata=metadata, folder=tmp_path)
    assert again[6] != tagging[6]


def test_the_policy_lets_an_instance_tag_itself_with_words_and_nothing_else() -> None:
    _, tagging = json.loads((ON_INSTANCE / "policy.json").read_text())["Statement"]
    assert tagging["Action"] == "ec2:CreateTags"
    assert tagging["Condition"] == {
        "ArnEquals": {"ec2:SourceInstanceARN": "arn:aws:ec2:*:*:instance/${ec2:InstanceID}"},
        "ForAllValues:StringLike": {"aws:TagKeys": f"{TAG_PREFIX}*"},
        "Null": {"aws:TagKeys": "false"},
    }


def test_the_policy_allows_no_other_events_than_signals() -> None:
    statement, _ = json.loads((ON_INSTANCE / "policy.json").read_text())["Statement"]
    assert statement["Action"] == "events:PutEvents"
    assert statement["Condition"] == {
        "StringEquals": {"events:source": SIGNAL_SOURCE, "events:detail-type": SIGNAL_DETAIL_TYPE}
    }
