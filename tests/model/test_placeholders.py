"""Placeholders: what is one, what it stands for, and how its value is put in."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.command_text import as_it_is, in_powershell, in_shell, quoting_of
from asg_lifecycle.model.instances import InstanceFacts
from asg_lifecycle.model.placeholders import (
    NAMES,
    CannotFillError,
    fill,
    fill_values,
    in_dns_name,
    near_misses,
    placeholder_values,
)

if TYPE_CHECKING:
    from collections.abc import Callable

INSTANCE = "i-1234567890abcdef0"
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:asg-lifecycle:live/durable-execution/name/id"
FACTS = InstanceFacts(
    state="running",
    addresses=("10.0.0.5", "10.0.1.6", "2001:db8::a1"),
    availability_zone="eu-central-1a",
    tags={"Name": "web one", "role": "web", "empty": ""},
)


def action(token: str | None = "t-1") -> LifecycleAction:  # noqa: S107 - names an action, opens nothing
    return LifecycleAction(
        token=token,
        group="web",
        hook="drain",
        instance=INSTANCE,
        transition=Transition.TERMINATING,
        time=0.0,
    )


VALUES = placeholder_values(action(), FACTS, FUNCTION)


def test_every_placeholder_has_its_value() -> None:
    assert VALUES == {
        "instance": INSTANCE,
        "group": "web",
        "hook": "drain",
        "token": "t-1",
        "transition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "region": "eu-central-1",
        "account": "123456789012",
        "private_ip": "10.0.0.5",
        "availability_zone": "eu-central-1a",
        "tag:Name": "web one",
        "tag:role": "web",
    }
    assert {*NAMES, "tag:Name", "tag:role"} == set(VALUES)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{instance}", INSTANCE),
        ("a {group} b {hook}", "a web b drain"),
        ("{tag:Name}", "web one"),
        ("{{instance}}", "{instance}"),
        ("{{{instance}}}", "{{instance}}"),
        ("${instance}", "${instance}"),
        ("{{ssm:name}}", "{{ssm:name}}"),
        ("{Instance} {foo} {} { instance } {tag:}", "{Instance} {foo} {} { instance } {tag:}"),
        ('{"a": {"b": 1}} {instance}', f'{{"a": {{"b": 1}}}} {INSTANCE}'),
        ("awk '{print $1}'", "awk '{print $1}'"),
        ("{instance", "{instance"),
        ("instance}", "instance}"),
        ("", ""),
    ],
)
def test_only_known_names_in_one_pair_of_braces_are_replaced(text: str, filled: str) -> None:
    assert fill(text, VALUES) == filled


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{tag:none}", "{tag:none} has no value: the instance has no tag 'none', or an empty one"),
        ("{tag:empty}", "the instance has no tag 'empty', or an empty one"),
        ("{tag:name}", "the instance has no tag 'name'"),
        ("{private_ip}", "{private_ip} has no value: EC2 did not tell it"),
        ("{token}", "the action was found without its event"),
        ("{region}", "the function is not known here"),
    ],
)
def test_what_has_no_value_is_said(text: str, words: str) -> None:
    values = placeholder_values(action(token=None), InstanceFacts(tags=FACTS.tags), "")
    with pytest.raises(CannotFillError, match=words.replace("{", r"\{")):
        fill(text, values)


def test_json_values_are_filled_in_their_texts_alone() -> None:
    plain = {"{instance}": ["{group}", 1, None, {"a": "{tag:Name}"}], "b": True}
    assert fill_values(plain, VALUES) == {"{instance}": ["web", 1, None, {"a": "web one"}], "b": True}


@given(st.text(max_size=30), st.text(alphabet="{}$instance:taggroup", max_size=40))
def test_text_without_placeholders_stays_and_a_value_is_never_read_again(value: str, text: str) -> None:
    values = {"instance": value, "group": "{instance}"} if value else {"instance": "x", "group": "{instance}"}
    try:
        filled = fill(text, values)
    except CannotFillError:
        return
    expected, rest = "", text
    while rest:
        for written, put in (
            ("{{instance}}", "{instance}"),
            ("{{group}}", "{group}"),
            *((f"${{{name}}}", f"${{{name}}}") for name in values),
            *((f"{{{name}}}", it) for name, it in values.items()),
        ):
            if rest.startswith(written):
                expected, rest = expected + put, rest.removeprefix(written)
                break
        else:
            expected, rest = expected + rest[0], rest[1:]
    assert filled == expected


# DNS names


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{instance}.example.com", f"{INSTANCE}.example.com"),
        ("ip-{private_ip}.example.com", "ip-10-0-0-5.example.com"),
        ("{tag:role}.{region}.example.com", "web.eu-central-1.example.com"),
    ],
)
def test_names_of_dns(text: str, filled: str) -> None:
    assert fill(text, VALUES, in_dns_name) == filled


def test_what_no_dns_name_has_is_refused() -> None:
    with pytest.raises(CannotFillError, match=r"\{tag:Name\} is 'web one', which cannot be part of a DNS name"):
        fill("{tag:Name}.example.com", VALUES, in_dns_name)


# Commands


EVIL = [
    "a b",
    "$(touch /tmp/x)",
    "`id`",
    "'; id; '",
    '"; id; "',
    "a;id",
    "a|id",
    "a&&id",
    "a>b",
    "*",
    "~",
    "$HOME",
    "\\",
    "a\\",
    "!x",
    "#x",
    "{a,b}",
    "ä",
]


@pytest.mark.parametrize("value", EVIL)
@pytest.mark.parametrize(
    "text", ["printf %s {tag:x}", "true\nprintf %s {tag:x}", "# don't\nprintf %s {tag:x}", 'printf %s "a"{tag:x}']
)
def test_a_value_comes_to_the_command_as_one_word_and_runs_nothing(value: str, text: str) -> None:
    command = fill(text, {"tag:x": value}, in_shell)
    for shell in ("sh", "bash"):
        ended = subprocess.run([shell, "-c", command], capture_output=True, check=True)  # noqa: S603 - what is tried
        prefix = "a" if '"a"' in text else ""
        assert ended.stdout.decode() == prefix + value


@pytest.mark.parametrize("value", EVIL)
@pytest.mark.parametrize(
    "text",
    [
        'echo "{tag:x}"',
        "echo '{tag:x}'",
        "echo \"it's {tag:x}",
        "cat <<EOF\n{tag:x}\nEOF",
        "cat <<EOF\na {tag:x}\nEOF",
        "echo `echo {tag:x}`",
        "echo $(( {tag:x} ))",
        "[[ {tag:x} -eq 1 ]]",
        "eval echo {tag:x}",
        "bash -c {tag:x}",
        "trap {tag:x} EXIT",
        ". {tag:x}",
        "find / -exec {tag:x}",
        "echo $'a {tag:x}",
        "sed -i s/a/{tag:x}/ f",
        "echo \\{tag:x}",
        "{tag:x}",
        "true; {tag:x} now",
        "true &&  {tag:x}",
        "sudo {tag:x}",
        "x=$({tag:x})",
    ],
)
def test_where_a_value_cannot_be_quoted_it_is_refused(value: str, text: str) -> None:
    with pytest.raises(CannotFillError, match="cannot be put into a command safely"):
        fill(text, {"tag:x": value}, in_shell)


@pytest.mark.parametrize("value", ["-rf", "..", "../etc", "a/../b", "a\nb", "a\x00b", "\u202e", ".", "{{ssm:/secret}}"])
@pytest.mark.parametrize("quote", [in_shell, in_powershell, as_it_is])
def test_what_quotes_do_not_make_safe_is_refused(value: str, quote: Callable[[str, str, str], str]) -> None:
    with pytest.raises(CannotFillError):
        fill("rm /data/x {tag:x}", {"tag:x": value}, quote)


@pytest.mark.parametrize("text", ['echo "{instance}"', "echo '{private_ip}'", "cat <<EOF\n{private_ip} me\nEOF"])
@pytest.mark.parametrize("quote", [in_shell, in_powershell, as_it_is])
def test_a_harmless_value_stands_anywhere(text: str, quote: Callable[[str, str, str], str]) -> None:
    assert fill(text, VALUES, quote) == fill(text, VALUES)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=12))
def test_any_value_is_one_word_or_refused(value: str) -> None:
    try:
        command = fill("printf %s {tag:x}", {"tag:x": value}, in_shell)
    except CannotFillError:
        return
    assert shlex.split(command) == ["printf", "%s", value]
    ended = subprocess.run(["sh", "-c", command], capture_output=True, check=True, env={"PATH": os.environ["PATH"]})  # noqa: S603, S607 - what is tried
    assert ended.stdout.decode() == value


@pytest.mark.parametrize(
    ("value", "quoted"),
    [("web one", "'web one'"), ("it's", "'it''s'"), ("a\u2019; id", "'a\u2019\u2019; id'"), ("$(id)", "'$(id)'")],
)
def test_words_of_powershell(value: str, quoted: str) -> None:
    assert fill("Stop-Service {tag:x}", {"tag:x": value}, in_powershell) == f"Stop-Service {quoted}"


@pytest.mark.parametrize("text", ['Stop-Service "{tag:x}"', "a `{tag:x}", "& {tag:x}", "{tag:x}", "a --% {tag:x}"])
def test_where_powershell_cannot_quote_it_is_refused(text: str) -> None:
    with pytest.raises(CannotFillError):
        fill(text, {"tag:x": "web one"}, in_powershell)


@pytest.mark.parametrize(
    ("document", "parameter", "expected"),
    [
        ("AWS-RunShellScript", "commands", in_shell),
        ("arn:aws:ssm:eu-central-1::document/AWS-RunShellScript", "commands", in_shell),
        ("AWS-RunPowerShellScript", "commands", in_powershell),
        ("AWS-RunShellScript", "workingDirectory", as_it_is),
        ("mine", "commands", as_it_is),
    ],
)
def test_the_language_of_a_parameter(document: str, parameter: str, expected: object) -> None:
    assert quoting_of(document, parameter) is expected


# Near misses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{instnace}", [("instnace", "instance")]),
        ("{Instance}", [("Instance", "instance")]),
        ("{intance} {instancee}", [("intance", "instance"), ("instancee", "instance")]),
        ("{private-ip}", [("private-ip", "private_ip")]),
        ("{privateip}", [("privateip", "private_ip")]),
        ("{groups}", [("groups", "group")]),
        ("{instance} {user} {} ${instnace} {{instnace}}", []),
        ('{"group": 1} {print $1}', []),
    ],
)
def test_what_is_one_letter_away(text: str, found: list[tuple[str, str]]) -> None:
    assert list(near_misses(text)) == found
