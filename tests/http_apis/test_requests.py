"""One request against real servers: slow, lying, redirecting, endless and resetting ones, in the clear and over TLS."""

from __future__ import annotations

import base64
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from werkzeug.wrappers import Request, Response

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.http_hosts import HttpHosts
from asg_lifecycle.aws.request_signing import RequestSigning, trusted_authorities
from asg_lifecycle.aws.secret_parameters import SecretParameters
from asg_lifecycle.aws.secret_values import SecretValues
from asg_lifecycle.composition.lifecycle_action import compose
from asg_lifecycle.http_apis.http_apis import HttpApis
from asg_lifecycle.http_apis.network import Network, resolve_by_system, why_forbidden_by_rules
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.http_auth import BasicAuth, HeaderAuth, HttpAuth, Sigv4Auth
from asg_lifecycle.model.http_exchanges import LARGEST_ANSWER, NO_ANSWER, NO_CONNECTION, NOT_TRUSTED, HttpRequest
from asg_lifecycle.model.http_texts import parse_url
from asg_lifecycle.model.redaction import KnownSecrets
from asg_lifecycle.settings import Settings
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH
from asg_lifecycle_simulator.services.certificates import certificates
from tests.http_apis.servers import LOOPBACK, drips, ok, raw_server, resets, says

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from asg_lifecycle.http_apis.http_apis import Sent
    from tests.execution.conftest import Testbed

HOST = "api.example.com"
TOKEN = "/asg-lifecycle/prod/http/token"  # noqa: S105 - the name of a secret
PASSWORD = "correct-horse-battery"  # noqa: S105 - planted, to see it nowhere


def apis(testbed: Testbed, port: int, *, forbidden: bool = False) -> HttpApis:
    """Return the edge, in a network in which every name leads to one port of loopback."""
    testbed.http_apis.allow(HOST)
    clients, clock = Clients(), testbed.timeline.now
    parameters = SecretParameters(clients, KnownSecrets())
    network = Network(
        resolve=lambda _, __: [(LOOPBACK, port)],
        **({} if forbidden else {"why_forbidden": lambda _: None}),
    )
    return HttpApis(
        HttpHosts(parameters, PLAN_PATH, clock),
        SecretValues(clients, parameters, KnownSecrets(), clock),
        RequestSigning(clients),
        trusted=trusted_authorities,
        clock=clock,
        network=network,
    )


def request(url: str = f"http://{HOST}/x", **fields: Any) -> HttpRequest:
    plain = HttpRequest(method="GET", url=parse_url(url), headers={}, seconds=2.0)
    return msgspec.structs.replace(plain, **fields)


def send(testbed: Testbed, answer: Any, *, with_body: bool = True, **fields: Any) -> Sent:
    with raw_server(answer) as server:
        return apis(testbed, server.port).send(request(**fields), None, with_body=with_body)


def failure(testbed: Testbed, answer: Any, **fields: Any) -> tuple[str, Consequence, str]:
    with pytest.raises(CallFailed) as raised:
        send(testbed, answer, **fields)
    it = raised.value.failure
    assert it.action == f"http: GET {HOST}"
    return it.code, it.consequence, it.message


def test_an_answer_is_read(testbed: Testbed) -> None:
    with raw_server(says(ok(b'{"a": 1}'))) as server:
        sent = apis(testbed, server.port).send(
            request(method="POST", body=b'{"b": 2}', headers={"X-A": "1"}), None, with_body=True
        )
        (head,) = server.heads
    assert (sent.answer.status, sent.answer.body, sent.answer.whole) == (200, b'{"a": 1}', True)
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /x HTTP/1.1"
    assert {"Host: api.example.com", "X-A: 1", "Content-Length: 8", "Accept-Encoding: identity"} <= set(lines)


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary", b"308 Permanent"])
def test_no_redirect_is_followed(testbed: Testbed, status: bytes) -> None:
    with raw_server(says(ok(b"", b"Location: http://169.254.169.254/latest", status=status))) as server:
        sent = apis(testbed, server.port).send(request(), None, with_body=True)
        assert sent.answer.status == int(status[:3])
        assert len(server.heads) == 1


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"x" * (LARGEST_ANSWER + 1)),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (2 * LARGEST_ANSWER),
        ok(b"short", length=100),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnot a chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ],
    ids=["too long", "endless", "shorter than it says", "no chunks", "cut off"],
)
def test_a_body_that_is_not_whole_is_known_to_be_none(testbed: Testbed, answer: bytes) -> None:
    sent = send(testbed, says(answer))
    assert (sent.answer.status, sent.answer.whole) == (200, False)
    assert len(sent.answer.body) <= LARGEST_ANSWER


def test_the_largest_answer_is_read(testbed: Testbed) -> None:
    sent = send(testbed, says(ok(b"x" * LARGEST_ANSWER)), seconds=10.0)
    assert (len(sent.answer.body), sent.answer.whole) == (LARGEST_ANSWER, True)


def test_more_than_it_says_is_not_read(testbed: Testbed) -> None:
    assert send(testbed, says(ok(b"12345", length=3))).answer.body == b"123"


def test_a_body_that_nobody_needs_is_not_waited_for(testbed: Testbed) -> None:
    over = threading.Event()
    began = time.monotonic()
    sent = send(testbed, drips(0.05, over, b"HTTP/1.1 202 Accepted\r\n\r\n"), with_body=False, seconds=5.0)
    over.set()
    assert (sent.answer.status, sent.answer.body) == (202, b"")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("head", "drop"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")],
)
def test_a_body_that_never_ends_is_given_up_in_time(testbed: Testbed, head: bytes, drop: bytes) -> None:
    # Each drop comes long before a socket's own timeout.
    over = threading.Event()
    began = time.monotonic()
    sent = send(testbed, drips(0.05, over, head, drop), seconds=0.6)
    over.set()
    assert (sent.answer.status, sent.answer.whole) == (200, False)
    assert 0.5 < time.monotonic() - began < 2.5


@pytest.mark.parametrize("drop", [b"x", b"X-More: 1\r\n"])
def test_a_head_that_never_ends_is_given_up_in_time(testbed: Testbed, drop: bytes) -> None:
    over = threading.Event()
    began = time.monotonic()
    code, consequence, message = failure(testbed, drips(0.05, over, b"HTTP/1.1 200 OK\r\nX-", drop), seconds=0.6)
    over.set()
    assert (code, consequence) == (NO_ANSWER, Consequence.TRANSIENT)
    assert message == "not within 0.6 s"
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("late", [0.0, 5.0])
def test_a_server_that_says_nothing_is_given_up_in_time(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch, late: float
) -> None:
    # With a late timer the socket's own timeout comes first: on a busy machine either may.
    timer = threading.Timer
    monkeypatch.setattr(threading, "Timer", lambda seconds, give_up: timer(seconds + late, give_up))
    over = threading.Event()
    code, _, message = failure(testbed, lambda _: over.wait(5), seconds=0.4)
    over.set()
    assert (code, message) == (NO_ANSWER, "not within 0.4 s")


@pytest.mark.parametrize(
    "answer",
    [
        resets,
        says(b""),
        says(b"no HTTP at all\r\n\r\n"),
        says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000),
        says(b"HTTP/1.1 200 OK\r\n"),
        says(b"HTTP/1.1 200 OK\r\nX: 1\r\n"),
        says(b"HTTP/1.1 200 OK\r\nX-"),
    ],
    ids=["resets", "closes", "no HTTP", "a header without end", "no headers", "half the headers", "half a header"],
)
def test_after_sending_no_answer_leaves_the_effect_open(testbed: Testbed, answer: Any) -> None:
    code, consequence, _ = failure(testbed, answer)
    assert (code, consequence) == (NO_ANSWER, Consequence.TRANSIENT)


def test_where_nobody_listens_nothing_is_sent(testbed: Testbed) -> None:
    with raw_server(resets) as server:
        port = server.port
    with pytest.raises(CallFailed) as raised:
        apis(testbed, port).send(request(), None, with_body=True)
    assert (raised.value.failure.code, raised.value.failure.consequence) == (NO_CONNECTION, Consequence.TRANSIENT)
    assert "nothing was sent" in raised.value.failure.message


def test_the_next_address_is_tried_when_one_does_not_answer(testbed: Testbed) -> None:
    with raw_server(resets) as gone:
        nobody = gone.port
    with raw_server(says(ok(b"{}"))) as server:
        it = apis(testbed, server.port)
        it._network = Network(  # noqa: SLF001 - no other way to two addresses
            resolve=lambda _, __: [(LOOPBACK, nobody), (LOOPBACK, server.port)], why_forbidden=lambda _: None
        )
        assert it.send(request(), None, with_body=True).answer.status == 200


def test_a_name_that_is_resolved_once_cannot_lead_elsewhere_later(testbed: Testbed) -> None:
    """Who answers for a name, and answers otherwise the second time, is not asked a second time."""
    asked = []
    with raw_server(says(ok(b"{}"))) as server:

        def resolve(host: str, port: int) -> list[tuple[str, int]]:
            asked.append((host, port))
            return [(LOOPBACK, server.port)] if len(asked) == 1 else [("169.254.169.254", 80)]

        it = apis(testbed, server.port)
        it._network = Network(resolve=resolve, why_forbidden=lambda _: None)  # noqa: SLF001 - as above
        assert it.send(request(), None, with_body=True).answer.status == 200
    assert asked == [(HOST, 80)]


def test_loopback_is_refused_by_the_network_of_the_function(testbed: Testbed) -> None:
    with raw_server(says(ok(b"{}"))) as server:
        with pytest.raises(CallFailed) as raised:
            apis(testbed, server.port, forbidden=True).send(request(), None, with_body=True)
        assert server.heads == []
    assert raised.value.failure.consequence is Consequence.REFUSED
    assert f"{HOST} leads to 127.0.0.1, which is the function itself" in str(raised.value)


@pytest.mark.parametrize("plan_path", [None, "", "/asg-lifecycle/asg-lifecycle/plans"])
def test_a_host_that_is_not_allowed_is_not_even_resolved(testbed: Testbed, plan_path: str | None) -> None:
    clients, clock = Clients(), testbed.timeline.now
    parameters = SecretParameters(clients, KnownSecrets())

    def resolve(*_: object) -> list[tuple[str, int]]:
        raise AssertionError("it was resolved")

    it = HttpApis(
        HttpHosts(parameters, plan_path, clock) if plan_path is not None else None,
        SecretValues(clients, parameters, KnownSecrets(), clock),
        RequestSigning(clients),
        trusted=trusted_authorities,
        clock=clock,
        network=Network(resolve=resolve),
    )
    with pytest.raises(CallFailed) as raised:
        it.send(request(), HttpAuth(bearer=TOKEN), with_body=True)
    assert raised.value.failure.consequence is Consequence.REFUSED
    assert testbed.region.calls["ssm", "GetParameters"] == (1 if plan_path else 0)


def test_a_host_is_off_the_list_within_a_minute(testbed: Testbed) -> None:
    with raw_server(says(ok(b"{}"))) as server:
        it = apis(testbed, server.port)
        it.send(request(), None, with_body=True)
        testbed.region.client("ssm").put_parameter(
            Name="/asg-lifecycle/asg-lifecycle/http-hosts", Value="other.example.com", Type="String", Overwrite=True
        )
        testbed.run(61)
        with pytest.raises(CallFailed, match=r"has other\.example\.com; add api"):
            it.send(request(), None, with_body=True)


@contextmanager
def tls(testbed: Testbed, host: str = HOST, certificate_for: str = HOST) -> Iterator[tuple[HttpApis, HttpRequest, Any]]:
    with raw_server(says(ok(b"{}")), certificates(certificate_for).context()) as server:
        asked = request(f"https://{host}/x", certificate_authority=certificates().authority.decode())
        yield apis(testbed, server.port), asked, server


def test_a_private_authority_is_trusted_where_the_plan_names_it(testbed: Testbed) -> None:
    with tls(testbed) as (it, asked, server):
        assert it.send(asked, None, with_body=True).answer.status == 200
        assert b"Host: api.example.com\r\n" in server.heads[0]


def test_the_server_is_told_the_name(testbed: Testbed) -> None:
    told = []
    context = certificates(HOST).context()
    context.sni_callback = lambda _, name, __: told.append(name)
    with raw_server(says(ok(b"{}")), context) as server:
        asked = request(f"https://{HOST}/x", certificate_authority=certificates().authority.decode())
        apis(testbed, server.port).send(asked, None, with_body=True)
    assert told == [HOST]


@pytest.mark.parametrize("case", ["another name", "not its authority", "no authority"])
def test_nothing_is_sent_to_a_server_that_is_not_the_one(testbed: Testbed, case: str) -> None:
    with tls(testbed, certificate_for="other.example.com" if case == "another name" else HOST) as (it, asked, server):
        authority = {"another name": asked.certificate_authority, "not its authority": None, "no authority": "-"}[case]
        with pytest.raises(CallFailed) as raised:
            it.send(
                request(str(asked.url), certificate_authority=authority),
                HttpAuth(bearer=secret(testbed)),
                with_body=True,
            )
        assert server.heads == []
    assert (raised.value.failure.code, raised.value.failure.consequence) == (NOT_TRUSTED, Consequence.REFUSED)


def test_a_server_without_tls_gets_nothing(testbed: Testbed) -> None:
    with raw_server(says(ok(b"{}"))) as server:
        with pytest.raises(CallFailed) as raised:
            apis(testbed, server.port).send(request(f"https://{HOST}/"), None, with_body=True)
        assert not any(head.startswith(b"GET") for head in server.heads)
    assert raised.value.failure.code == NO_CONNECTION


def test_a_handshake_that_never_ends_is_given_up_in_time(testbed: Testbed) -> None:
    over = threading.Event()
    began = time.monotonic()
    # The head of a record of TLS, and then its bytes, each long before a socket's own timeout.
    with raw_server(drips(0.05, over, b"\x16\x03\x03\x3f\xff"), reads=False) as server:
        with pytest.raises(CallFailed) as raised:
            apis(testbed, server.port).send(request(f"https://{HOST}/", seconds=0.6), None, with_body=True)
        over.set()
    assert raised.value.failure.code == NO_CONNECTION
    assert time.monotonic() - began < 2.5


def test_the_function_is_composed_with_the_network_there_is() -> None:
    settings = Settings(table="t", hook_name_prefix="", record_retention=1.0, plan_path="/asg-lifecycle/s/plans")
    network = compose(settings).services.http_apis._network  # noqa: SLF001 - there is no other way to it, nor shall be
    assert (network._resolve, network._why_forbidden) == (resolve_by_system, why_forbidden_by_rules)  # noqa: SLF001


def secret(testbed: Testbed, name: str = TOKEN, value: str = PASSWORD) -> str:
    testbed.http_apis.secret(name.partition("#")[0], value)
    return name


@pytest.mark.parametrize("name", [TOKEN, "asg-lifecycle/prod/http/token"])
def test_a_secret_is_sent_and_not_shown(testbed: Testbed, name: str) -> None:
    body = f'{{"you sent": "Bearer {PASSWORD}"}}'.encode()
    with raw_server(says(ok(body))) as server:
        sent = apis(testbed, server.port).send(request(), HttpAuth(bearer=secret(testbed, name)), with_body=True)
        assert f"Authorization: Bearer {PASSWORD}\r\n".encode() in server.heads[0]
    assert sent.redact(sent.answer.first_line) == '{"you sent": "Bearer [redacted]"}'


def test_each_way_to_say_who_sends_it(testbed: Testbed) -> None:
    name = secret(testbed)
    pair = base64.b64encode(f"anna:{PASSWORD}".encode()).decode()
    field = "asg-lifecycle/prod/http/json#token"
    testbed.http_apis.secret("asg-lifecycle/prod/http/json", f'{{"token": "{PASSWORD}\\n"}}')
    expected = {
        HttpAuth(basic=BasicAuth(user="anna", password=name)): f"Authorization: Basic {pair}",
        HttpAuth(header=HeaderAuth(name="X-Consul-Token", value=name)): f"X-Consul-Token: {PASSWORD}",
        HttpAuth(header=HeaderAuth(name="Authorization", value=name, prefix="ApiKey ")): (
            f"Authorization: ApiKey {PASSWORD}"
        ),
        HttpAuth(bearer=field): f"Authorization: Bearer {PASSWORD}",
    }
    for auth, line in expected.items():
        with raw_server(says(ok(b"{}"))) as server:
            sent = apis(testbed, server.port).send(request(), auth, with_body=True)
            assert f"{line}\r\n".encode() in server.heads[0]
        assert sent.redact(line).endswith("[redacted]")
        assert sent.redact(f"{pair} {PASSWORD}") == ("[redacted] [redacted]" if auth.basic else f"{pair} [redacted]")


def test_a_request_is_signed_with_the_role(testbed: Testbed) -> None:
    # The simulated region has a signature that costs nothing; `tests/aws/test_request_signing.py` has the real one.
    with raw_server(says(ok(b"{}"))) as server:
        auth = HttpAuth(sigv4=Sigv4Auth(service="es", region="us-east-2"))
        sent = apis(testbed, server.port).send(request(method="PUT", body=b"{}"), auth, with_body=True)
        head = server.heads[0].decode()
    (line,) = [each for each in head.split("\r\n") if each.startswith("Authorization: ")]
    assert "/us-east-2/es/aws4_request" in line
    assert sent.redact(line) == "Authorization: [redacted]"


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("two\nlines", TOKEN),
        ("schlüssel", TOKEN),
        ("[1]", "asg-lifecycle/prod/http/json#token"),
        ('{"other": "geheim"}', "asg-lifecycle/prod/http/json#token"),
        ('{"token": 5}', "asg-lifecycle/prod/http/json#token"),
    ],
)
def test_what_no_header_can_hold_is_refused_without_showing_it(testbed: Testbed, stored: str, name: str) -> None:
    secret(testbed, name, stored)
    with raw_server(says(ok(b"{}"))) as server:
        with pytest.raises(CallFailed) as raised:
            apis(testbed, server.port).send(request(), HttpAuth(bearer=name), with_body=True)
        assert server.heads == []
    assert raised.value.failure.code == "SecretNotUsable"
    assert not any(part in str(raised.value) for part in ("lines", "schl", "geheim", "[1]"))


def test_a_secret_that_was_replaced_is_read_again_when_it_is_refused(testbed: Testbed) -> None:
    name = secret(testbed)
    with raw_server(says(ok(b"", status=b"401 Unauthorized"))) as server:
        it = apis(testbed, server.port)
        it.send(request(), HttpAuth(bearer=name), with_body=True)
        testbed.http_apis.secret(name, "another-one-now")
        it.send(request(), HttpAuth(bearer=name), with_body=True)
        assert b"Bearer another-one-now" in server.heads[1]


def test_a_secret_is_not_read_for_every_request(testbed: Testbed) -> None:
    name = secret(testbed)
    with raw_server(says(ok(b"{}"))) as server:
        it = apis(testbed, server.port)
        for _ in range(5):
            it.send(request(), HttpAuth(bearer=name), with_body=True)
    # The hosts, and the secret.
    assert testbed.region.calls["ssm", "GetParameters"] == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((b"Retry-After: 120",), 120.0),
        ((b"Retry-After: Wed, 21 Oct 2026 07:28:30 GMT", b"Date: Wed, 21 Oct 2026 07:28:00 GMT"), 30.0),
        ((b"Retry-After: Wed, 21 Oct 2026 07:28:30 GMT",), None),
        ((b"Retry-After: soon",), None),
        ((b"Retry-After: -5",), None),
        ((), None),
    ],
)
def test_when_to_ask_again_is_read(testbed: Testbed, headers: tuple[bytes, ...], seconds: float | None) -> None:
    sent = send(testbed, says(ok(b"busy", *headers, status=b"503 Unavailable")))
    assert sent.answer.retry_after == seconds


def test_many_threads_may_send_at_once(testbed: Testbed) -> None:
    testbed.http_apis.serve("busy.example.com", echo, port=80, tls=False)
    with raw_server(says(ok(b"{}"))) as server:
        it = apis(testbed, server.port)
        statuses: list[int] = []

        def ask() -> None:
            statuses.append(it.send(request(), None, with_body=True).answer.status)

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert statuses == [200] * 20


@Request.application
def echo(asked: Request) -> Response:
    return Response(asked.data)


def answered(connection: socket.socket) -> None:
    connection.sendall(ok(b"{}"))


def test_a_connection_is_closed_after_every_answer(testbed: Testbed) -> None:
    closed = threading.Event()

    def answer(connection: socket.socket) -> None:
        answered(connection)
        if connection.recv(1) == b"":
            closed.set()

    send(testbed, answer)
    assert closed.wait(5)
