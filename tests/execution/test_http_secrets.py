"""A secret is sent to its API and appears nowhere else, whatever the API makes of it."""

from __future__ import annotations

import base64
import json
import logging
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.execution_histories import ExecutionHistories
from asg_lifecycle.cli.story_page.page import story_page
from asg_lifecycle.model.action_story import story_values
from asg_lifecycle.model.messages import Skip
from asg_lifecycle.model.story_history import source_of
from asg_lifecycle.model.story_telling import story_of
from asg_lifecycle_simulator.region.log import LogKind
from tests.execution.http_api import HOST, Api, answer, begun

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from tests.execution.conftest import Testbed

SECRET = 'tr0ub4dor&3/"café'.encode("ascii", "ignore").decode()
"""With signs that JSON, URLs and base64 write in other ways."""

NAME = "asg-lifecycle/prod/http/planted"
FORMS = {
    SECRET,
    json.dumps(SECRET)[1:-1],
    quote(SECRET, safe=""),
    escape(SECRET),
    escape(SECRET, quote=False),
    base64.b64encode(SECRET.encode()).decode(),
    base64.b64encode(f"anna:{SECRET}".encode()).decode(),
}
AUTHS: dict[str, Any] = {
    "bearer": {"bearer": NAME},
    "basic": {"basic": {"user": "anna", "password": NAME}},
    "header": {"header": {"name": "X-Key", "value": NAME, "prefix": "Key "}},
}


def told(request: Request) -> str:
    return request.headers.get("Authorization") or request.headers["X-Key"]


def echoed(request: Request) -> dict[str, Any]:
    """Return all that was sent, as APIs that are too helpful do."""
    return {"error": f"{told(request)} is not {SECRET}", "left": SECRET, "url": quote(SECRET), "headers": told(request)}


def story_told(testbed: Testbed) -> str:
    """Return what `show` tells of the action: the page of its story, and all that a saved one holds."""
    record = testbed.record()
    history = ExecutionHistories(Clients(), testbed.timeline.run_for).of_action(testbed.execution.arn)
    told = story_of(record, testbed.timeline.now(), source=source_of(history, record))
    page = story_page(told)
    assert f"http: POST {HOST}" in page or f"https://{HOST}/" in page
    return page + json.dumps(story_values(told))


def refuses(status: int) -> Any:
    return lambda request: answer(f"{told(request)} {SECRET} {json.dumps(SECRET)}", status)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "done": ({}, {"POST": lambda request: answer(echoed(request))}),
    "refused": ({}, {"POST": refuses(403)}),
    "broken": ({}, {"POST": refuses(500)}),
    "busy": ({"method": "PUT"}, {"PUT": lambda request: answer(told(request), 503, Retry_After="30")}),
    "redirects": ({}, {"POST": lambda request: answer(told(request), 302, Location=f"https://evil/{told(request)}")}),
    "no JSON": ({"expect": {"condition": "a"}}, {"POST": refuses(200)}),
    "not met": ({"expect": {"condition": "a"}}, {"POST": lambda request: answer(echoed(request))}),
    "no condition of it": (
        {"expect": {"condition": "abs(left)"}},
        {"POST": lambda request: answer(echoed(request))},
    ),
    "progress": (
        {"poll": {"until": "a", "progress": "{left} {error} {headers} {url} {@}"}},
        {"POST": answer(), "GET": lambda request: answer(echoed(request))},
    ),
    "no condition of the poll": (
        {"poll": {"until": "abs(error)"}},
        {"POST": answer(), "GET": lambda request: answer(echoed(request))},
    ),
    "long progress": (
        {"poll": {"until": "a", "progress": "{long}"}},
        {"POST": answer(), "GET": answer({"long": "x" * 290 + SECRET})},
    ),
    "fails": (
        {"poll": {"until": "a", "fail_when": "left", "progress": "{error}"}},
        {"POST": answer(), "GET": lambda request: answer(echoed(request))},
    ),
    "poll refused": ({"poll": {"until": "a"}}, {"POST": answer(), "GET": refuses(401)}),
    "poll waits": ({"poll": {"until": "a", "wait_status": [409]}}, {"POST": answer(), "GET": refuses(409)}),
    "found several": (
        {"find": {"url": f"https://{HOST}/find", "value": "[left, error]"}},
        {"POST": answer(), "GET": lambda request: answer(echoed(request))},
    ),
}


@pytest.mark.one_of(5)
@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("case", CASES)
def test_a_planted_secret_appears_nowhere(
    testbed: Testbed,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    case: str,
    auth: str,
) -> None:
    # What our own code logs, at its most talkative, and what Lambda would show of libraries.
    caplog.set_level(logging.WARNING)
    caplog.set_level(logging.DEBUG, "asg-lifecycle")
    changed, answers = CASES[case]
    api = Api({method: [given] for method, given in answers.items()})
    testbed.http_apis.serve(HOST, api)
    testbed.http_apis.secret(NAME, SECRET)
    options = {
        "method": "POST",
        "url": f"https://{HOST}/{{instance}}",
        "auth": AUTHS[auth],
        "certificate_authority": testbed.http_apis.authority,
        **changed,
    }
    begun(testbed, {"kind": "http-request", "options": options}, within=90)
    if testbed.record().status in {"held", "working"}:
        testbed.deployment.send_message(testbed.record(), Skip())
        testbed.run(10)
    assert any(SECRET in told(request) or told(request).startswith("Basic ") for request in api.asked)
    printed = capsys.readouterr()
    with testbed.region.unobserved():
        items = testbed.region.client("dynamodb").scan(TableName="asg-lifecycle")["Items"]
    seen = {
        "the records": repr(items),
        "the log": printed.out + printed.err + caplog.text + repr([vars(each) for each in caplog.records]),
        "the events": repr(testbed.region.events.emitted),
        "the region's log": repr(list(testbed.region.log)) + repr(testbed.log(LogKind.COMPLETED)),
        "the history": repr([vars(each) for each in testbed.execution.operations]),
        "the story": story_told(testbed),
        "the answer": repr(testbed.execution.result) + repr(testbed.execution.error),
    }
    assert all(len(text) > 2 for text in seen.values())
    found = {
        (place, form) for place, text in seen.items() for form in FORMS if form in text or repr(form)[1:-1] in text
    }
    assert found == set()
    # Nor half of it.
    assert {place for place, text in seen.items() if SECRET[:8] in text or SECRET[-8:] in text} == set()
