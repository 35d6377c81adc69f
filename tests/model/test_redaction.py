"""Secrets are hidden, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
import time
from itertools import product
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.redaction import HIDDEN, KnownSecrets, Redaction, redacted, redacted_values

PEM_BODY = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{PEM_BODY}\n{PEM_BODY}\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
SHAPES = {
    "access key": "AKIA" + "Q7XWN3PLMZRT5UVK",
    "temporary access key": "ASIA" + "Q7XWN3PLMZRT5UVK",
    "JWT": JWT,
    "GitHub token": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "GitHub fine-grained token": "github_pat_" + "11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ",
    "GitLab token": "glpat-" + "a1B2c3D4e5F6g7H8i9J0",
    "Slack token": "xoxb-" + "123456789012-abcdefGHIJKL",
    "Slack webhook": "hooks.slack.com/services/" + "T000/B000/XXXXXXXXXXXX",
    "payment key": "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc",
    "package token": "npm_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "Vault token": "hvs." + "CAESIJlU02LQZq2Nl9q1hX3nHc4KGh4K",
    "PEM": PEM_BODY,
}
WRITTEN = {"PEM": PEM, "Slack webhook": "https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXX"}
"""What is written where more than the secret itself is."""

NAMES = [
    "password",
    "PASSWORD",
    "DB_PASSWORD",
    "dbPassword",
    "spring.datasource.password",
    "passwd",
    "MYSQL_PASS",
    "db.pass",
    "passphrase",
    "secret",
    "client_secret",
    "clientSecret",
    "SecretString",
    "token",
    "GITHUB_TOKEN",
    "auth-token",
    "accessToken",
    "api_key",
    "apiKey",
    "X-Api-Key",
    "AWS_SECRET_ACCESS_KEY",
    "SecretAccessKey",
    "aws_session_token",
    "encryption-key",
    "credential",
    "X-Amz-Signature",
]
FORMS = [
    "{name}={value}",
    "export {name}={value}; run",
    "{name}: {value}",
    "  {name}: {value}\n",
    "- {name}: '{value}'",
    '{name} = "{value}"',
    "{name} => {value},",
    "{name} := {value}",
    "grant_type=password&{name}%3D{value}",
    '{{"{name}": "{value}", "other": 1}}',
    '{{"{name}":"{value}"}}',
    "{{'{name}': '{value}'}}",
    '{{\\"{name}\\": \\"{value}\\"}}',
    "https://example.com/x?{name}={value}&y=1",
    "--{name}={value}",
    "curl -H '{name}: {value}' https://example.com",
    "<{name}>{value}</{name}>",
    "it failed: {name}={value}",
    "line\n{name}={value}\nline",
]
SECRETS = ["hunter2", "S3cr3t!pass", "correct-horse-battery-9", "Zm9vYmFyCg==", "p/a+s.s_w0rd"]


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("around", ["{}", "it said: {} and more", '"{}"', "x={}", "[{}]", "a,{},b", "({})", "{}\nnext"])
def test_a_credential_is_known_by_its_shape(name: str, around: str) -> None:
    text = around.format(WRITTEN.get(name, SHAPES[name]))
    found = redacted(text)
    assert SHAPES[name] not in found
    assert HIDDEN in found


@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_hidden_by_its_name(form: str) -> None:
    every = list(product(NAMES, SECRETS))
    found = {redacted(form.format(name=name, value=value)) for name, value in every}
    assert len(every) == len(NAMES) * len(SECRETS) > 0
    assert found == {form.format(name=name, value=HIDDEN) for name, _ in every}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abcdefgh", f"Authorization: {HIDDEN}"),
        ("'Authorization: Basic dXNlcjpwYXNz'", f"'Authorization: {HIDDEN}'"),
        ("sent Bearer abc123def456 to it", f"sent Bearer {HIDDEN} to it"),
        ("Cookie: sid=1a2b; theme=x\nHost: y", f"Cookie: {HIDDEN}\nHost: y"),
        ("https://user:hunter2@db.example.com/x", f"https://{HIDDEN}@db.example.com/x"),
        ("postgres://u:p@ss@h:5432/d", f"postgres://{HIDDEN}@h:5432/d"),
        ("mysql --user root --password hunter2 shop", f"mysql --user root --password {HIDDEN} shop"),
        ("dump --db-pass hunter2 shop", f"dump --db-pass {HIDDEN} shop"),
        ("connect user=app pass=hunter2", f"connect user=app pass={HIDDEN}"),
        ("curl -u admin:hunter2 https://ci", f"curl -u admin:{HIDDEN} https://ci"),
        ("curl --user 'admin:hunter 2' https://ci", f"curl --user 'admin:{HIDDEN}' https://ci"),
        ("curl --proxy-user=admin:hunter2 -v", f"curl --proxy-user=admin:{HIDDEN} -v"),
        ("login failed with password: hunter2, twice", f"login failed with password: {HIDDEN}, twice"),
        (f"it said: {PEM_BODY[20:]}\n{PEM_BODY}\n-----END PRIVATE KEY-----\nend", f"it said: {HIDDEN}\nend"),
        (f"key {PEM[:80]}", f"key {HIDDEN}"),
        (PEM.replace("\n", "\\n"), HIDDEN),
        ('{"password": "a \\"quoted\\" word", "x": 1}', f'{{"password": "{HIDDEN}", "x": 1}}'),
        ('{"password": "cut off he', f'{{"password": "{HIDDEN}'),
        ('{"key": "abc123"}', f'{{"key": "{HIDDEN}"}}'),
        ("X-Consul-Token: 87654321-4321-4321-4321-210987654321", f"X-Consul-Token: {HIDDEN}"),
    ],
)
def test_a_secret_is_hidden_and_the_rest_stays(text: str, expected: str) -> None:
    assert redacted(text) == expected


ORDINARY = [
    "waiting for signal drained of instance i-0123456789abcdef0",
    "waiting for 2 of 5 tasks: web:17, worker:3",
    "claimed the lifecycle action with token 87654321-4321-4321-4321-210987654321",
    "token=87654321-4321-4321-4321-210987654321, hook=asg-lifecycle-terminate",
    '{"LifecycleActionToken": "87654321-4321-4321-4321-210987654321", "token": "87654321-4321-4321-4321-210987654321"}',
    "LifecycleActionToken: 87654321-4321-4321-4321-210987654321",
    "action token: 87654321-4321-4321-4321-210987654321",
    "arn:aws:lambda:eu-west-1:123456789012:function:lifecycle-action:1/durable-execution/web/09fb5089-3db7",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf was not found",
    "arn:aws:kms:eu-west-1:123456789012:key/87654321-4321-4321-4321-210987654321 is disabled",
    "kms key: arn:aws:kms:eu-west-1:123456789012:key/mrk-1",
    "would add tag Key=Name,Value=web and Key=Stage,Value=production",
    '[{"Key": "Name", "Value": "web"}, {"Key":"asg-lifecycle:plan","Value":"web","PropagateAtLaunch":false}]',
    "target group key-pair, web-key and token-bucket were deregistered",
    "key-pair web-key: not found",
    "a token bucket of 100 tokens, 10 tokens a second",
    "MaxTokens=512, tokens: 12",
    "could not read the token: AccessDeniedException",
    "permission ssm:GetParameter is missing: User is not authorized (AccessDenied); grant it to the function's role",
    "parameter /asg-lifecycle/prod/kubernetes/token: ParameterNotFound",
    "there is no parameter /prod/db-password",
    "the secret is named prod/db-password and the key alias/prod",
    "plan web: unknown key 'onfailure', expected on_failure",
    "node ip-10-0-0-1 has taint node.kubernetes.io/unschedulable, topologyKey: topology.kubernetes.io/zone",
    "pod shop/web-0: Cannot evict pod as it would violate the pod's disruption budget.",
    "no pod tolerates taint key=dedicated,value=gpu",
    "the Secrets Manager endpoint is not reachable",
    "kubernetes: create pods/eviction failed: Unauthorized (Unauthorized); the token was refused",
    "https://console.aws.amazon.com/ec2/home?region=eu-west-1#Instances:instanceId=i-0123456789abcdef0",
    "https://api.example.com:8443/nodes/web@eu",
    "git@github.com:example/web.git",
    "basic health checks passed, bearer of news, Basic authentication is off",
    'would invoke archive with {"id": "1", "callback": null, "token": null}',
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "commit 3913c6f5b0e7d1f2a3b4c5d6e7f8091a2b3c4d5e was deployed",
    "skip the current step, said arn:aws:sts::123456789012:assumed-role/Admin/eve at 2026-11-30T09:00:00Z: keyboard",
    "password rotation is due; see the tokens page",
    "PASS: tests/drain.sh\n# PASS: 12, all of them pass: fine",
    "12 tests, pass=12, fail=0; --bypass cache, bypass=yes",
    "docker run -u 1000:1000 web; sort -u names; chown --user 10:20",
    "public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGu",
    "idempotency_key={action}, partition_key: wait",
    "echo ${DB_PASSWORD} and password={tag:Name} and token=$(cat file)",
]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text
    assert KnownSecrets()(text) == text


@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/steps/*.md")), ids=lambda path: path.stem)
def test_the_sentences_of_our_own_documents_stay_as_they_are(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if redacted(line) != line] == []


@given(st.text(max_size=300))
def test_any_text_is_read_and_reading_it_again_changes_nothing(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


pieces = st.sampled_from(
    [
        "password",
        "token",
        "key",
        "secret",
        "=",
        ":",
        ": ",
        '"',
        "'",
        "\\",
        "{",
        "}",
        " ",
        "\n",
        ",",
        "a1b2c3",
        "Bearer ",
        "https://",
        "@",
        "-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----",
        HIDDEN,
        "<",
        ">",
        "--",
        "_",
        "é",
        "x",
    ]
)


@given(st.lists(pieces, max_size=30).map("".join))
def test_reading_it_again_changes_nothing(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@given(
    st.sampled_from(NAMES),
    st.sampled_from(FORMS),
    st.from_regex(r"[A-Za-z0-9]{4,12}[0-9][A-Za-z0-9]{4,12}", fullmatch=True),
    st.lists(pieces.filter(lambda piece: piece.isspace() or piece in {"x", ",", "é"}), max_size=5).map("".join),
)
def test_no_planted_value_is_left(name: str, form: str, value: str, before: str) -> None:
    assert value not in redacted(f"{before} {form.format(name=name, value=value)}")


SLOW = {
    "names": "password=" * 30_000,
    "quotes": 'tag-key:"' * 20_000,
    "letters": "a" * 300_000 + "password",
    "words": "a " * 150_000 + "token",
    "backslashes": "\\" * 200_000 + '"token',
    "escapes": 'token:\\"' * 30_000,
    "ends": "-----END PRIVATE KEY-----" * 10_000 + "MII " * 40_000,
    "addresses": "://a:" * 60_000,
    "web tokens": "eyJ" * 90_000,
    "elements": "<token" * 40_000,
    "flags": "--a-" * 60_000 + "token",
    "spaces": "token" + " " * 200_000,
}


@pytest.mark.one_of(3)
@pytest.mark.parametrize("name", SLOW)
def test_no_text_takes_long(name: str) -> None:
    began = time.process_time()
    redacted(SLOW[name])
    # A way back for each character would take minutes.
    assert time.process_time() - began < 20.0


secrets = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_categories=["Nd"]), min_size=4)
around = st.text("0123456789 ", max_size=20)


@given(secrets, around, around)
def test_no_form_of_a_known_secret_is_left(secret: str, before: str, after: str) -> None:
    redact = Redaction((secret,))
    encoded = base64.b64encode(secret.encode()).decode()
    in_json, in_html = json.dumps(secret)[1:-1], html.escape(secret)
    in_urls = (quote(secret, safe=""), quote(secret), quote_plus(secret), quote(secret, safe="&"))
    for form in (secret, in_json, in_html, *in_urls, encoded, encoded.rstrip("=")):
        assert form not in redact(before + form + after).replace(HIDDEN, "")


@given(st.text(min_size=4, max_size=40))
def test_a_known_secret_is_found_inside_of_json_inside_of_json(secret: str) -> None:
    text = json.dumps({"said": json.dumps({"it": secret})})
    assert HIDDEN in Redaction((secret,))(text)


def test_a_known_secret_is_hidden_wherever_it_stands() -> None:
    redact = Redaction(("hunter2/hunter2", "hunter2"))
    assert redact("hunter2 Bearer hunter2/hunter2, hunter2%2Fhunter2") == f"{HIDDEN} Bearer {HIDDEN}, {HIDDEN}"
    assert Redaction(())("text") == "text"
    known = KnownSecrets()
    known.learn("correct horse\n")
    assert known("it is correct horse, or password=x1y2") == f"it is {HIDDEN}, or password={HIDDEN}"


def test_json_values_are_read_through() -> None:
    values = {"message": "password=hunter2", "token": "87654321-4321", "more": [{"at": 1.5, "said": ("key=a1b2",)}]}
    assert redacted_values(values) == {
        "message": f"password={HIDDEN}",
        "token": "87654321-4321",
        "more": [{"at": 1.5, "said": [f"key={HIDDEN}"]}],
    }
