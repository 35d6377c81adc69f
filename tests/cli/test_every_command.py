"""What holds for every command: options, defaults, examples, exit codes, the reference."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from asg_lifecycle.aws.account import Account, acting_in
from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.command_reference import reference
from asg_lifecycle.cli.every_command import commands_of
from asg_lifecycle.cli.exit_codes import MEANINGS, ExitCode
from asg_lifecycle.cli.local_times import ago, local_time
from asg_lifecycle.composition import action_tools, command_line
from asg_lifecycle.model.messages import Unknown
from asg_lifecycle_simulator.deployment.parameters import TABLE
from tests.cli.action_commands import SIGNAL, run, waiting

if TYPE_CHECKING:
    from typer.core import TyperCommand

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

ROOT = Path(__file__).parents[2]


def tree() -> TyperGroup:
    root = get_command(application)
    assert isinstance(root, TyperGroup)
    return root


COMMANDS: list[tuple[tuple[str, ...], TyperCommand]] = list(commands_of(tree()))
NAMES = [" ".join(path) for path, _ in COMMANDS]
FOREIGN = "us-west-2"


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=NAMES)
def test_every_command_has_the_common_options_once(path: tuple[str, ...], command: TyperCommand) -> None:
    opts = [opt for parameter in command.params for opt in (*parameter.opts, *parameter.secondary_opts)]
    assert len(opts) == len(set(opts))
    assert {"--profile", "--region", "--quiet"} <= set(opts)
    assert ("--output" in opts) <= ("--json" in opts)
    shown = CliRunner().invoke(application, [*path, "--help"], terminal_width=120)
    assert shown.exit_code == 0
    assert "--profile" in shown.stdout


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=NAMES)
def test_the_help_of_every_command_has_an_example_that_can_be_used(
    path: tuple[str, ...], command: TyperCommand
) -> None:
    (example,) = re.findall(r"For example: `asg-lifecycle ([^`]+)`", command.help or "")
    words = shlex.split(example)
    assert tuple(words[: len(path)]) == path
    with command.make_context("example", words[len(path) :]) as context:
        assert context.params


def test_the_reference_is_that_of_the_code() -> None:
    written = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert written == reference(), "write it with python -m asg_lifecycle.cli.command_reference docs/command-line.md"
    for path, command in COMMANDS:
        assert f"\n## {' '.join(path)}\n" in written
        assert all(f"`{opt}`" in written for parameter in command.params for opt in parameter.opts if opt[0] == "-")


def test_every_exit_code_has_a_meaning_in_one_table() -> None:
    assert set(MEANINGS) == set(ExitCode)
    for code in ExitCode:
        assert f"| {code.value} | {MEANINGS[code]} |" in reference()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explode"], "No such command 'explode'; see asg-lifecycle --help"),
        (["ps", "--colour"], "No such option: --colour"),
        (["ps", "--status", "dead"], "Invalid value for '--status': 'dead' is not one of 'starting'"),
        (["why"], "Missing argument 'INSTANCE'; see asg-lifecycle why --help"),
        (["ps", "--json", "--output", "yaml"], "--json and --output yaml contradict each other"),
        (["plan", "show", "web", "-o", "csv", "--path", "/x", "--launch"], "there is no plan named 'web'"),
    ],
)
def test_what_is_wrong_is_one_line(testbed: Testbed[Deployment], words: list[str], said: str) -> None:
    del testbed
    done = run(*words)
    assert done.exit_code in {1, 2}
    assert done.stdout == ""
    assert done.stderr.startswith("asg-lifecycle: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_an_unknown_message_is_refused_and_not_sent(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    assert "No such command 'finsh'. Did you mean 'finish'" in run("finsh", instance).stderr
    tools = action_tools.compose_action_tools(TABLE)
    (record,) = tools.records.of_instance(instance)
    with pytest.raises(ValueError, match="unknown message, ignored: dance: nothing was sent"):
        tools.messages.deliver(record, Unknown("dance"), 5)
    assert ("lambda", "SendDurableExecutionCallbackSuccess") not in stack.region.calls


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_for_every_shell(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # typer's own switch: without it, it looks which shell has called.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = CliRunner().invoke(application, ["--show-completion", shell], prog_name="asg-lifecycle")
    assert done.exit_code == 0, done.output
    assert "_ASG_LIFECYCLE_COMPLETE" in done.stdout
    assert "--install-completion" in CliRunner().invoke(application, ["--help"], terminal_width=120).stdout


def test_commands_and_values_are_completed() -> None:
    def completed(line: str) -> str:
        environment = {"_ASG_LIFECYCLE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "2"}
        return CliRunner().invoke(application, [], prog_name="asg-lifecycle", env=environment).stdout

    assert "restore" in completed("asg-lifecycle plan ")
    assert completed("asg-lifecycle ps --wat").strip() == "--watch"


# Defaults


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "asg-lifecycle").mkdir()
    return tmp_path / "asg-lifecycle" / "config.toml"


def params(*words: str) -> dict[str, Any]:
    """Return the values of a command's options as it gets them, with what the class at the root takes off."""
    found: dict[str, Any] = {}
    root = tree()
    command = root.commands["ps"]
    command.callback = lambda **values: found.update(values)
    root.main(["ps", *words], prog_name="asg-lifecycle", standalone_mode=False)
    return found


def test_what_is_said_counts_before_the_environment_and_that_before_the_file(
    configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    assert (params()["stack"], params()["region"]) == ("", None)
    configured.write_text('stack = "file"\nregion = "eu-west-1"\nprofile = "file"\noutput = "json"\n')
    assert {name: params()[name] for name in ("stack", "region", "profile", "output")} == {
        "stack": "file",
        "region": "eu-west-1",
        "profile": "file",
        "output": "json",
    }
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert params()["region"] == "eu-west-2"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert params()["region"] == "eu-west-3"
    for name, value in {"STACK": "set", "REGION": "eu-north-1", "PROFILE": "set", "OUTPUT": "yaml"}.items():
        monkeypatch.setenv(f"ASG_LIFECYCLE_{name}", value)
    assert {name: params()[name] for name in ("stack", "region", "profile", "output")} == {
        "stack": "set",
        "region": "eu-north-1",
        "profile": "set",
        "output": "yaml",
    }
    said = params("--stack", "said", "--region", "us-east-1", "--profile", "said", "--output", "csv")
    assert (said["stack"], said["region"], said["profile"], said["output"]) == ("said", "us-east-1", "said", "csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stak = 'x'", "it can hold: stack, region, profile, output"),
        ("output = 'xml'", "Invalid enum value 'xml'"),
        ("output = 'xml'", "output is one of table, json, yaml, csv"),
        ("stack = 1", "Expected `str | null`, got `int`"),
        ("stack =", "cannot be read"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(configured: Path, text: str, said: str) -> None:
    configured.write_bytes(text.encode(errors="surrogateescape"))
    done = run("ps")
    assert done.exit_code == 2
    assert str(configured) in done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert CliRunner().invoke(application, ["--help"]).exit_code == 0


# Account and Region


def test_a_profile_counts_before_the_credentials_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # boto3 keeps a session, and with it the credentials of whoever made it.
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    file = tmp_path / "config"
    file.write_text("[profile other]\nregion = eu-north-1\naws_access_key_id = OTHER\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "MINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with acting_in(Account(profile="other")):
        other = Clients().sqs
    with acting_in(Account(profile="other", region="us-east-1")):
        elsewhere = Clients().sqs
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    mine = Clients().sqs
    keys = [client._request_signer._credentials.access_key for client in (other, elsewhere, mine)]  # type: ignore[attr-defined]  # noqa: SLF001 - only there it shows
    assert keys == ["OTHER", "OTHER", "MINE"]
    assert [client.meta.region_name for client in (other, elsewhere, mine)] == ["eu-north-1", "us-east-1", "eu-west-1"]


def copy_to(testbed: Testbed[Deployment], region: str, *, name: str) -> None:
    """Make a stack of ours in another Region, with a table that holds the same records."""
    import boto3  # noqa: PLC0415 - only here another Region is needed

    with testbed.region.unobserved():
        here, there = testbed.region.client("dynamodb"), boto3.client("dynamodb", region_name=region)
        described = here.describe_table(TableName=TABLE)["Table"]
        indexes: list[Any] = [
            {part: index[part] for part in ("IndexName", "KeySchema", "Projection")}
            for index in described["GlobalSecondaryIndexes"]
        ]
        there.create_table(
            TableName=TABLE,
            KeySchema=described["KeySchema"],
            AttributeDefinitions=described["AttributeDefinitions"],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=indexes,
        )
        for item in here.scan(TableName=TABLE)["Items"]:
            there.put_item(TableName=TABLE, Item=item)
        outputs = {key: {"Value": TABLE} for key in ("FunctionAlias", "Table", "PlanPath")}
        template = {"Resources": {"Any": {"Type": "AWS::SQS::Queue"}}, "Outputs": outputs}
        boto3.client("cloudformation", region_name=region).create_stack(
            StackName=name, TemplateBody=json.dumps(template)
        )


def test_the_region_that_is_said_is_asked(testbed: Testbed[Deployment]) -> None:
    (instance,) = waiting(testbed, "web", SIGNAL)
    copy_to(testbed, FOREIGN, name="asg-lifecycle")
    here = run("ps")
    assert (here.exit_code, "there is no stack of asg-lifecycle" in here.stderr) == (2, True)
    assert instance in run("ps", "--region", FOREIGN).stdout
    assert run("why", instance, "--region", FOREIGN).exit_code == 0


@pytest.fixture
def few_regions(stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> Testbed[Deployment]:
    """Return a region in an account that has not thirty of them enabled, but three."""
    enabled = command_line.enabled_regions()
    assert {"eu-west-1", "eu-west-2", FOREIGN} <= set(enabled)
    monkeypatch.setattr(command_line, "enabled_regions", lambda: ("eu-west-1", "eu-west-2", FOREIGN))
    return stack


def test_the_actions_of_all_regions(few_regions: Testbed[Deployment]) -> None:
    stack = few_regions
    (instance,) = waiting(stack, "web", SIGNAL)
    copy_to(stack, FOREIGN, name="far-away")
    listed = json.loads(run("ps", "--all-regions", "--json").stdout)
    assert sorted((each["instance"], each["region"], each["stack"]) for each in listed) == [
        (instance, "eu-west-1", "asg-lifecycle"),
        (instance, FOREIGN, "far-away"),
    ]
    only = json.loads(run("ps", "--all-regions", "--stack", "far-away", "--json").stdout)
    assert [each["region"] for each in only] == [FOREIGN]
    assert run("ps", "--all-regions", "--stack", "nobody").exit_code == 2
    assert "region" in run("ps", "--all-regions").stdout.splitlines()[0].split()


def test_the_regions_have_to_be_known(stack: Testbed[Deployment]) -> None:
    stack.region.faults.deny("ec2", "DescribeRegions")
    assert "permission ec2:DescribeRegions is missing" in run("ps", "--all-regions").stderr


def test_a_region_that_cannot_be_asked_hides_no_other(few_regions: Testbed[Deployment]) -> None:
    stack = few_regions
    waiting(stack, "web", SIGNAL)
    stack.region.faults.deny("dynamodb", "Query")
    done = run("ps", "--all-regions")
    assert done.exit_code == 1
    assert "asg-lifecycle: eu-west-1: permission dynamodb:Query is missing" in done.stderr


# Quiet, and times


def test_quiet_writes_only_what_was_asked_for(stack: Testbed[Deployment]) -> None:
    del stack
    assert run("ps").stdout == "no instance waits at our hooks\n"
    assert run("ps", "--quiet").stdout == ""
    assert run("ps", "--quiet", "--json").stdout == "[]\n"
    assert run("plan", "list", "-q").stdout == ""


def test_what_could_not_be_foreseen_is_still_raised() -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise ZeroDivisionError

    assert isinstance(CliRunner().invoke(app, []).exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (0, "just now"),
        (59, "59 s ago"),
        (190, "3 min ago"),
        (7_300, "2 h ago"),
        (200_000, "2 d ago"),
        (-300, "in 5 min"),
    ],
)
def test_how_long_ago(passed: int, said: str) -> None:
    assert ago(1_000_000.0, 1_000_000.0 + passed) == said


def test_a_time_has_its_zone() -> None:
    code = "from asg_lifecycle.cli.local_times import local_time; print(local_time(1_800_000_000))"
    environment = {"TZ": "CET-1CEST", "PYTHONPATH": str(ROOT / "src")}
    shown = subprocess.run(  # noqa: S603 - this interpreter, with the code above
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert shown.stdout == "2027-01-15 09:00:00 CET\n"
    assert local_time(None) == "-"


def test_what_is_said_of_a_failed_call_is_said_for_the_operator() -> None:
    # As text a denied call says what the function lacks.
    modules = sorted((ROOT / "src" / "asg_lifecycle" / "cli").glob("*.py"))
    said = re.compile(r"\{failed\}|str\(failed\)")
    assert [path.name for path in modules if said.search(path.read_text(encoding="utf-8"))] == ["console.py"]
