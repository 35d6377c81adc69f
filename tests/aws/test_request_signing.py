"""A signature is the one that AWS describes, computed here once more by its description.

Source: "Create a signed AWS API request" (IAM User Guide).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

import boto3
import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.request_signing import RequestSigning
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, TOKEN = "wJalrXUtnFEMI/K7MDENG", "session-token-of-the-role"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield
    boto3.DEFAULT_SESSION = None


def keyed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@pytest.mark.parametrize(("region", "signed_for"), [(None, "eu-west-1"), ("us-east-2", "us-east-2")])
def test_the_signature_is_the_one_that_aws_describes(region: str | None, signed_for: str) -> None:
    body = b'{"a": 1}'
    url = "https://search.example.com:9200/a%20b/_search?size=1&q=x%2Fy"
    headers = RequestSigning(Clients()).headers(
        "PUT", url, {"Content-Type": "application/json", "X-Other": "1"}, body, service="es", region=region
    )
    moment = headers["X-Amz-Date"]
    names = "content-type;host;x-amz-date;x-amz-security-token"
    canonical = "\n".join(
        [
            "PUT",
            # Each part of the path is encoded once more, but for S3.
            "/a%2520b/_search",
            "q=x%2Fy&size=1",
            "content-type:application/json",
            "host:search.example.com:9200",
            f"x-amz-date:{moment}",
            f"x-amz-security-token:{TOKEN}",
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{moment[:8]}/{signed_for}/es/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{KEY}".encode()
    for part in scope.split("/"):
        key = keyed(key, part)
    assert headers["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={names}, Signature={keyed(key, to_sign).hex()}"
    )
    assert headers["X-Amz-Security-Token"] == TOKEN
    assert set(headers) == {"Authorization", "X-Amz-Date", "X-Amz-Security-Token"}


def test_without_credentials_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(CallFailed, match="sign for es"):
        RequestSigning(Clients()).headers("GET", "https://h/", {}, None, service="es", region=None)
