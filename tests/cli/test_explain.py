from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.console import json_text
from asg_lifecycle.cli.explain import explain_text
from asg_lifecycle.cli.input_files import LARGEST_INPUT
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH, Deployment
from tests.cli.plan_commands import at_path

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.testbed import Testbed

EVENTS = Path(__file__).parents[2] / "events"
MAY_BE_NULL = {"origin", "destination"}
TERMINATE = EVENTS / "terminate.json"


def explain(*arguments: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(application, ["explain", *arguments, "--json"], input=given)


def answers(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout_bytes.decode() or "[]")
    return [{name: value for name, value in each.items() if value is not None or name in MAY_BE_NULL} for each in found]


def changed(**detail: object) -> bytes:
    event = json.loads(TERMINATE.read_text())
    event["detail"] |= detail
    return json.dumps(event).encode()


def test_a_handled_event_is_shown_in_the_fields_the_handbook_names() -> None:
    result = explain(str(TERMINATE))

    assert result.exit_code == 0
    assert result.stderr == ""
    (answer,) = answers(result)
    plan = answer.pop("plan")
    assert answer == {
        "decision": "handle",
        "entry_point": "LifecycleActionFunction",
        "group": "web",
        "hook": "asg-lifecycle-terminate",
        "instance": "i-1234567890abcdef0",
        "token": "87654321-4321-4321-4321-210987654321",
        "transition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "origin": "AutoScalingGroup",
        "destination": "EC2",
        "survives": False,
    }
    assert plan["source"] == "built-in"
    assert [step["kind"] for step in plan["plan"]["steps"]] == ["deregister-targets"]
    assert plan["problems"] == []


def test_an_inline_plan_is_shown() -> None:
    (answer,) = answers(explain(str(EVENTS / "plan-inline.json")))

    assert answer["plan"]["source"] == "hook metadata"
    assert [step["kind"] for step in answer["plan"]["plan"]["steps"]] == ["run-command", "deregister-targets"]


def test_the_problems_of_a_plan_are_shown_and_the_action_is_still_handled() -> None:
    metadata = json.dumps({"plan": {"steps": [{"kind": "no-such-step"}]}})

    result = explain("-", given=changed(NotificationMetadata=metadata))

    assert result.exit_code == 0
    (answer,) = answers(result)
    assert answer["decision"] == "handle"
    assert answer["plan"]["plan"] is None
    assert "no-such-step" in answer["plan"]["problems"][0]


def test_an_absent_place_is_null() -> None:
    (answer,) = answers(explain(str(EVENTS / "no-origin-no-destination.json")))

    assert answer["origin"] is None
    assert answer["destination"] is None


@pytest.mark.parametrize("name", ["foreign-detail-type", "foreign-hook", "test-notification"])
def test_an_ignored_payload_is_a_decision_with_its_reason_and_no_error(name: str) -> None:
    result = explain(str(EVENTS / f"{name}.json"))

    assert result.exit_code == 0
    assert result.stderr == ""
    (answer,) = answers(result)
    assert answer.keys() == {"decision", "reason", *MAY_BE_NULL}
    assert answer["decision"] == "ignore"


def test_the_prefix_can_be_given_and_be_empty() -> None:
    drain = changed(LifecycleHookName="drain")

    decided = [
        answers(explain("-", *options, given=drain))[0]["decision"]
        for options in ((), ("--hook-name-prefix", "dr"), ("--hook-name-prefix", ""), ("--hook-name-prefix=x",))
    ]

    assert decided == ["ignore", "handle", "handle", "ignore"]


def test_an_empty_prefix_still_refuses_the_hooks_of_other_systems() -> None:
    (answer,) = answers(explain(str(EVENTS / "foreign-hook.json"), "--hook-name-prefix", ""))

    assert answer["decision"] == "ignore"


@pytest.mark.parametrize(
    ("name", "entry_point", "words"),
    [
        ("spot-interruption", "InterruptionFunction", "before the hook does, if it is InService in a group (parameter"),
        ("rebalance-recommendation", "InterruptionFunction", "and the group has Capacity Rebalancing"),
        ("signal", "SignalFunction", "keeps signal drained (success) for the actions of instance i-1234567890abcdef0"),
        ("command-ended", "SignalFunction", "that wait for command e8d3c0e4-71f7-4491-898f-c9b35bee5f3b, which ended"),
        (
            "automation-ended",
            "SignalFunction",
            "wait for automation '333ba70b-2333-48db-b17e-a5e69c6f4d1c', which",
        ),
        (
            "execution-ended",
            "SignalFunction",
            "actions of instance i-1234567890abcdef0 that wait for execution asg-",
        ),
        ("ecs-task-stopped", "SignalFunction", "wait for the last task on container instance"),
        ("ecs-container-instance", "SignalFunction", "that wait for its last task in ECS, if none is left"),
    ],
)
def test_what_another_function_does_is_said_with_its_name(name: str, entry_point: str, words: str) -> None:
    (answer,) = answers(explain(str(EVENTS / f"{name}.json")))

    assert (answer["decision"], answer["entry_point"]) == ("handle", entry_point)
    assert words in answer["reason"]


def test_what_another_function_ignores_or_cannot_read_is_said() -> None:
    event = json.loads((EVENTS / "spot-interruption.json").read_text())
    stopped = event | {"detail": event["detail"] | {"instance-action": "stop"}}
    broken = event | {"detail": {}}
    start = json.dumps({"source": "asg-lifecycle.start", "detail-type": "Start"}).encode()

    assert "does not terminate it" in answers(explain("-", given=json.dumps(stopped).encode()))[0]["reason"]
    assert explain("-", given=json.dumps(broken).encode()).exit_code == 2
    assert answers(explain("-", given=start))[0]["decision"] == "ignore"


def test_the_plan_that_is_looked_up_is_that_of_plan_explain(testbed: Testbed[Deployment]) -> None:
    testbed.deployment.put_plan("web", {"steps": [{"kind": "deregister-targets"}]})
    (instance,) = testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook("web", "asg-lifecycle-terminate", "TERMINATING")
    event = changed(EC2InstanceId=instance, NotificationMetadata=None)
    (offline,) = answers(explain("-", given=event))
    (asked,) = answers(explain("-", "--look-up", "--path", PLAN_PATH, given=event))
    (trial,) = json.loads(at_path("explain", "--group", "web", "--json").stdout)

    assert (offline["plan"]["source"], "the plan store was not asked" in offline["plan"]["why"]) == ("built-in", True)
    assert {name: asked["plan"].get(name) for name in ("name", "source", "why")} == {
        name: trial[name] for name in ("name", "source", "why")
    }
    assert asked["plan"]["source"] == "group name"
    assert [step["kind"] for step in asked["plan"]["plan"]["steps"]] == [step["kind"] for step in trial["steps"]]


def test_it_is_told_in_words(testbed: Testbed[Deployment]) -> None:
    del testbed
    said = CliRunner().invoke(application, ["explain", str(TERMINATE)]).stdout.splitlines()
    assert said[:2] == [
        "LifecycleActionFunction works on it:",
        "  instance i-1234567890abcdef0 of group web, hook asg-lifecycle-terminate (terminating)",
    ]
    assert said[-1] == "  1. deregister-targets"
    foreign = CliRunner().invoke(application, ["explain", str(EVENTS / "foreign-hook.json")]).stdout
    assert foreign.startswith("ignored: hook 'ecs-managed-draining-termination-hook' belongs to")


def test_several_actions_are_one_line_each_in_order() -> None:
    result = explain(str(EVENTS / "sqs-event.json"))

    assert result.exit_code == 0
    assert [answer["instance"] for answer in answers(result)] == ["i-1234567890abcdef0", "i-0fedcba9876543210"]


def test_broken_messages_do_not_hide_the_others() -> None:
    good = (EVENTS / "notification.json").read_text()
    bodies = ["broken", good, "{}", json.dumps({"Event": "autoscaling:TEST_NOTIFICATION"})]
    batch = {"Records": [{"messageId": "1", "body": body} for body in bodies]}

    result = explain("-", given=json.dumps(batch).encode())

    assert result.exit_code == 2
    assert [answer["decision"] for answer in answers(result)] == ["handle", "ignore"]
    assert result.stderr.count("\n") == 1
    assert "Records[0].body: expected JSON, found 'broken'" in result.stderr
    assert "(and 1 more that are broken)" in result.stderr


BAD: list[tuple[bytes, str]] = [
    (b"", "expected JSON, found ''"),
    (b" \n", "expected JSON"),
    (b"{", "expected JSON, found '{'"),
    (b"hello\nworld", "found 'hello\\nworld'"),
    (b"\x00\x01\x02", "expected JSON"),
    (b"\x7fELF\x02\x01\x01\x00\xff\xfe", "found no utf-8 text"),
    (b"\x1f\x8b\x08\x00", "found no utf-8 text"),
    (b"\xff\xfe\x00\xd8", "found no utf-16 text"),
    (b"[" * 1_000_000, "nested too deeply"),
    (b'{"a":' * 1_000_000, "nested too deeply"),
    (b'{"source": NaN}', "NaN is no JSON value"),
    (b"-Infinity", "-Infinity is no JSON value"),
    (b"1" * 5_000, "expected JSON"),
    (b"1e999", "a very large number"),
    (b"5", "the number 5"),
    (b"null", "null"),
    (b'"text"', "'text'"),
    (b"[]", "an empty list"),
    (b"{}", "an empty object"),
    (b'{"\\ud800": 1}', "broken Unicode '\\ud800'"),
    (changed(AutoScalingGroupName="\ud800"), "detail.AutoScalingGroupName"),
    (changed(EC2InstanceId="i-\n"), "'i-\\n'"),
    (changed(LifecycleActionToken=1), "detail.LifecycleActionToken"),
]


@pytest.mark.parametrize(("content", "words"), BAD)
def test_bad_input_ends_with_one_line_that_says_what_is_wrong(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_bytes(content)

    for result in (explain(str(file)), explain("-", given=content)):
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.startswith("asg-lifecycle: ")
        assert result.stderr.endswith("\n")
        assert result.stderr[:-1].isprintable()
        assert words in result.stderr


def test_what_cannot_be_read_is_named_with_the_cause(tmp_path: Path) -> None:
    missing = explain(str(tmp_path / "none.json"))
    folder = explain(str(tmp_path))
    too_long = explain("x" * 5_000)

    assert [missing.exit_code, folder.exit_code, too_long.exit_code] == [2, 2, 2]
    assert missing.stderr == f"asg-lifecycle: {tmp_path / 'none.json'}: No such file or directory\n"
    assert folder.stderr == f"asg-lifecycle: {tmp_path}: Is a directory\n"
    assert too_long.stderr.endswith(": File name too long\n")


def test_a_file_name_that_would_break_the_line_is_quoted() -> None:
    result = explain("no\nfile")

    assert result.stderr == "asg-lifecycle: 'no\\nfile': No such file or directory\n"


def test_a_payload_larger_than_aws_delivers_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as stream:
        stream.truncate(100 * LARGEST_INPUT)

    result = explain(str(file))

    assert result.exit_code == 2
    assert f"larger than {LARGEST_INPUT} bytes" in result.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_obstacle(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text(TERMINATE.read_text(), encoding=encoding)

    assert answers(explain(str(file))) == answers(explain(str(TERMINATE)))


def test_a_repeated_name_counts_by_its_last_as_in_the_lambda_runtime() -> None:
    twice = b'{"source": "aws.ec2", ' + TERMINATE.read_bytes().lstrip()[1:]

    (answer,) = answers(explain("-", given=twice))

    assert answer["decision"] == "handle"


def test_names_are_printed_as_they_are() -> None:
    result = explain("-", given=changed(AutoScalingGroupName="gruppe ü/组 🚀"))

    assert "gruppe ü/组 🚀".encode() in result.stdout_bytes


def test_half_a_surrogate_pair_leaves_as_the_escape_it_came_as() -> None:
    assert json_text({"name": "\ud83d"}) == b'{"name": "\\ud83d"}'
    assert json.loads(json_text({"name": "\ud83d"})) == {"name": "\ud83d"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["kind", "options", "steps", "plan"]), inner),
    max_leaves=10,
)


@settings(deadline=None)
@given(anything)
def test_whatever_the_metadata_holds_the_answer_is_one_line(plan: object) -> None:
    explanation = explain_text(changed(NotificationMetadata=json.dumps({"plan": plan})).decode(), "asg-lifecycle")

    (answer,) = explanation.decisions
    assert explanation.invalid == ()
    assert b"\n" not in json_text(answer)
