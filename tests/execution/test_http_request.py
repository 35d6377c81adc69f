"""A request to an HTTP API is sent as often as that does no harm, and what it began is waited for."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.messages import Nudge, Resume, Skip
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle.plans.validation import find_problems
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash, CrashPoint
from tests.execution.http_api import HOST, Lost, answer, begun, outcome, serve, step

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from tests.execution.conftest import Testbed

POLL = {"url": f"http://{HOST}/nodes/{{instance}}", "until": "jobs == `0`", "progress": "{jobs} jobs left"}
OPEN = "may have had its effect"


def test_a_request_is_sent_with_its_placeholders(testbed: Testbed) -> None:
    api = serve(testbed, POST=answer({"id": 7}, 201))
    instance = begun(
        testbed,
        step(
            path="/nodes/{instance}/drain?group={group}",
            body={"reason": "{group} scales in", "list": ["{instance}", 5, None]},
            headers={"X-Zone": "{availability_zone}"},
            expect={"status": [201], "condition": "id == `7`"},
        ),
    )
    (sent,) = api.asked
    assert sent.url == f"http://{HOST}/nodes/{instance}/drain?group=web"
    assert sent.get_json() == {"reason": "web scales in", "list": [instance, 5, None]}
    assert sent.headers["X-Zone"].startswith("eu-west-1")
    assert sent.mimetype == "application/json"
    assert outcome(testbed) == ("completed", f"POST http://{HOST}/nodes/{instance}/drain was answered 201")


def test_text_is_sent_as_text(testbed: Testbed) -> None:
    api = serve(testbed, PUT=answer())
    instance = begun(testbed, step("PUT", body="drain {instance}\n", headers={"content-type": "text/x-command"}))
    (sent,) = api.asked
    assert (sent.get_data(as_text=True), sent.content_type) == (f"drain {instance}\n", "text/x-command")


def test_what_it_began_is_waited_for(testbed: Testbed) -> None:
    api = serve(testbed, POST=answer(status=202), GET=[answer({"jobs": 2}), answer({"jobs": 1}), answer({"jobs": 0})])
    instance = begun(testbed, step(poll=POLL), within=5)
    record = testbed.record()
    assert record.detail == f"http-request: waiting for {HOST}: 2 jobs left"
    (blocker,) = record.present_steps[0].progress.blockers  # type: ignore[union-attr]
    assert (blocker.kind, blocker.name, blocker.reason) == ("http-api", HOST, "2 jobs left")
    testbed.finish()
    assert outcome(testbed) == (
        "completed",
        f"GET http://{HOST}/nodes/{instance}: until holds: 0 jobs left",
    )
    assert (api.count("POST"), api.count("GET")) == (1, 3)


@pytest.mark.parametrize(
    ("poll", "answers", "status", "said"),
    [
        ({"until": {"state": "idle"}}, [{"state": "busy"}, {"state": "idle", "more": 1}], "completed", "until holds"),
        ({"until": {"a": {"b": [1, True]}}}, [{"a": {"b": [1, 1]}}, {"a": {"b": [1, True]}}], "completed", "until"),
        ({"until": "a", "fail_when": "state == 'failed'"}, [{"state": "failed"}], "held", "fail_when holds"),
        ({"until": "a", "fail_when": "b", "progress": "{why}"}, [{"b": 1, "why": "disk"}], "held", "holds: disk"),
        ({"until": "length(a)"}, [{"a": None}], "held", "'length(a)' cannot be applied to the answer"),
        ({"until": "a"}, ["<html>"], "held", "the answer is not JSON"),
        ({"until": "a", "progress": "{a.b} of {instance}"}, [{"c": 1}, {"a": 1}], "completed", "unknown of i-"),
        ({"until": "a", "progress": "{length([a, '{group}'])} {a}"}, [{"a": "x"}], "completed", "holds: 2 x"),
    ],
)
def test_conditions_decide(testbed: Testbed, poll: Any, answers: list[Any], status: str, said: str) -> None:
    serve(testbed, POST=answer(), GET=[answer(each) for each in answers])
    begun(testbed, step(poll=poll), within=60)
    found = outcome(testbed)
    assert found[0] == status
    assert said in found[1]


def test_a_status_can_end_the_wait_and_another_go_on_with_it(testbed: Testbed) -> None:
    api = serve(testbed, DELETE=[answer(), answer("busy", 422), answer("busy", 422), answer(status=404)])
    begun(
        testbed, step("DELETE", poll={"method": "DELETE", "until_status": [204, 404], "wait_status": [422]}), within=8
    )
    assert testbed.record().detail == f"http-request: waiting for {HOST}: 422: busy"
    testbed.finish()
    assert outcome(testbed) == ("completed", f"DELETE http://{HOST}/drain was answered 404")
    assert api.count("DELETE") == 4


def test_what_is_found_is_put_in(testbed: Testbed) -> None:
    def listed(request: Request) -> Any:
        return answer([{"name": "other", "id": 1}, {"name": request.args["name"], "id": 42}])

    api = serve(
        testbed, GET=[listed, answer({"id": 42, "busy": True}), answer({"id": 42, "busy": False})], PUT=answer()
    )
    find = {"url": f"http://{HOST}/nodes?name={{instance}}", "value": "[?name=='{instance}'].id"}
    poll = {"url": f"http://{HOST}/nodes/{{found}}", "until": "!busy", "fail_when": "id != `42`"}
    begun(testbed, step("PUT", "/nodes/{found}", body={"id": "{found}"}, find=find, poll=poll), within=60)
    assert outcome(testbed) == ("completed", f"GET http://{HOST}/nodes/42: until holds")
    assert [request.path for request in api.asked] == ["/nodes", "/nodes/42", "/nodes/42", "/nodes/42"]
    assert api.asked[1].get_json() == {"id": "42"}


@pytest.mark.parametrize(
    ("found", "said"),
    [([{"id": 1}, {"id": 2}], "find.value finds 2 values, expected one"), ([{"id": {}}], "neither a text nor")],
)
def test_what_is_not_found_for_sure_fails_the_step(testbed: Testbed, found: Any, said: str) -> None:
    api = serve(testbed, GET=answer(found), POST=answer())
    begun(testbed, step(path="/{found}", find={"url": f"http://{HOST}/", "value": "[].id"}), within=60)
    assert outcome(testbed)[0] == "held"
    assert said in outcome(testbed)[1]
    assert api.count("POST") == 0


BUSY, UNAVAILABLE = answer("slow down", 429), answer("later", 503, Retry_After="120")
BROKEN = answer("broken", 500)
KEY = {"idempotency_key": "{instance}-drain"}


@pytest.mark.one_of(3)
@pytest.mark.parametrize(
    ("method", "options", "first", "sent", "status"),
    [
        # Never taken: sent again, whatever it is.
        ("POST", {}, BUSY, 2, "completed"),
        ("POST", {}, UNAVAILABLE, 2, "completed"),
        ("PATCH", {}, UNAVAILABLE, 2, "completed"),
        ("PUT", {}, BUSY, 2, "completed"),
        # It may have been done: sent again only where that does no harm.
        ("POST", {}, BROKEN, 1, "held"),
        ("PATCH", {}, BROKEN, 1, "held"),
        ("POST", {}, answer("no Retry-After", 503), 1, "held"),
        ("POST", {}, answer("gateway", 504), 1, "held"),
        ("POST", KEY, BROKEN, 2, "completed"),
        ("PATCH", KEY, BROKEN, 2, "completed"),
        ("PUT", {}, BROKEN, 2, "completed"),
        ("DELETE", {}, answer("gateway", 502), 2, "completed"),
        ("GET", {}, BROKEN, 2, "completed"),
        ("POST", {}, Lost(), 1, "held"),
        ("PATCH", {}, Lost(), 1, "held"),
        ("POST", KEY, Lost(), 2, "completed"),
        ("PUT", {}, Lost(), 2, "completed"),
        ("DELETE", {}, Lost(), 2, "completed"),
        # It was refused.
        ("POST", {}, answer("no", 400), 1, "held"),
        ("PUT", {}, answer("no", 404), 1, "held"),
        ("PUT", {}, answer("no", 409), 1, "held"),
        ("GET", {}, answer(status=302, Location="http://169.254.169.254/"), 1, "held"),
        ("GET", {}, answer(status=304), 1, "held"),
    ],
)
def test_a_request_is_repeated_by_what_its_failure_means(  # noqa: PLR0913, PLR0917 - a row of the table
    testbed: Testbed, method: str, options: Any, first: Any, sent: int, status: str
) -> None:
    api = serve(testbed, **{method: [first, answer({})]})
    begun(testbed, step(method, **options), within=150)
    assert (api.count(method), outcome(testbed)[0]) == (sent, status), outcome(testbed)
    open_effect = isinstance(first, Lost) or first.status_code >= 500
    assert (OPEN in outcome(testbed)[1]) == (status == "held" and open_effect)
    if options:
        assert {request.headers["Idempotency-Key"] for request in api.asked} == {f"{testbed.record().instance}-drain"}


@pytest.mark.parametrize("busy", [answer("later", 429, Retry_After="120"), UNAVAILABLE])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_first_request_is_sent_again_when_the_server_wants_it(testbed: Testbed, method: str, busy: Any) -> None:
    api = serve(testbed, **{method: [busy, busy, answer()]})
    begun(testbed, step(method), within=118)
    assert api.count(method) == 1
    # A little later, so that those who were refused together do not all come again together.
    testbed.run(20)
    assert api.count(method) == 2
    testbed.run(100)
    assert api.count(method) == 2
    testbed.finish()
    assert (api.count(method), outcome(testbed)[0]) == (3, "completed")


def test_the_pause_that_the_server_asks_for_is_kept(testbed: Testbed) -> None:
    api = serve(testbed, PUT=[UNAVAILABLE, answer()], GET=[UNAVAILABLE, answer({"jobs": 0})])
    begun(testbed, step("PUT", poll=POLL), within=100)
    assert api.count("PUT") == 1
    assert testbed.record().detail == f"http-request: kept: PUT http://{HOST}/drain was answered 503: later"
    testbed.run(60)
    assert (api.count("PUT"), api.count("GET")) == (2, 1)
    testbed.run(60)
    assert api.count("GET") == 1
    testbed.finish()
    assert outcome(testbed)[0] == "completed"


def test_a_post_that_found_no_connection_is_sent_once_there_is_one(testbed: Testbed) -> None:
    api = serve(testbed, POST=answer())
    leads = dict(testbed.http_apis.names)
    testbed.http_apis.names.clear()
    begun(testbed, step(), within=1500)
    assert testbed.record().status == "working"
    assert "nothing was sent" in outcome(testbed)[1] or "leads nowhere" in outcome(testbed)[1]
    testbed.http_apis.names.update(leads)
    testbed.finish()
    assert (api.count("POST"), outcome(testbed)[0]) == (1, "completed")


def test_an_api_that_is_down_while_it_is_polled_holds_the_instance(testbed: Testbed) -> None:
    api = serve(testbed, POST=answer(), GET=[Lost()] * 6 + [BROKEN] * 6 + [answer({"jobs": 0})])
    begun(testbed, {**step(poll=POLL), "timeout": "2m", "on_failure": "continue"}, within=300)
    assert testbed.record().status == "working"
    testbed.finish()
    assert outcome(testbed)[0] == "completed"
    assert (api.count("POST"), api.count("GET")) == (1, 13)


def test_an_error_says_its_first_line(testbed: Testbed) -> None:
    serve(testbed, PUT=answer("\n  quota exceeded for web \n<html>" + "x" * 5000, 403))
    begun(testbed, step("PUT"))
    said = f"http: PUT {HOST} failed: http://{HOST}/drain answered 403: quota exceeded for web (HTTP 403)"
    assert outcome(testbed)[1].endswith(said)


def test_an_answer_that_is_not_the_expected_one_fails_the_step(testbed: Testbed) -> None:
    serve(testbed, POST=answer({"acknowledged": False}))
    begun(testbed, step(expect={"condition": {"acknowledged": True}}))
    status, said = outcome(testbed)
    assert status == "held"
    assert 'was answered 200: {"acknowledged": false}: expect.condition does not hold' in said


@pytest.mark.parametrize("case", ["not listed", "off"])
def test_a_host_that_is_not_allowed_gets_nothing(testbed: Testbed, case: str) -> None:
    api = serve(testbed, POST=answer())
    client = testbed.region.client("ssm")
    if case == "off":
        client.delete_parameter(Name="/asg-lifecycle/asg-lifecycle/http-hosts")
    else:
        client.put_parameter(
            Name="/asg-lifecycle/asg-lifecycle/http-hosts", Value="*.other.com", Type="String", Overwrite=True
        )
    begun(testbed, step())
    status, said = outcome(testbed)
    assert (status, api.asked) == ("held", [])
    expected = "has *.other.com; add" if case == "not listed" else "is empty, so http-request is switched off; add"
    assert f"the parameter HttpHosts of the stack {expected} {HOST} where requests may go there" in said


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "0.0.0.0"])  # noqa: S104
def test_a_name_that_leads_to_metadata_gets_nothing(testbed: Testbed, address: str) -> None:
    testbed.http_apis.names[HOST, 80] = [(address, 80)]
    testbed.http_apis.allow(HOST)
    begun(testbed, step())
    status, said = outcome(testbed)
    assert status == "held"
    assert f"{HOST} leads to {address}, which is" in said


def crashes() -> list[tuple[int, int, bool]]:
    return [(invocation, call, after) for invocation in (1, 2) for call in range(1, 9) for after in (False, True)]


@pytest.mark.one_of(8)
@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(("invocation", "number", "after"), crashes())
@pytest.mark.parametrize("where", ["call", "checkpoint"])
def test_the_lambda_may_die_anywhere(  # noqa: PLR0913, PLR0917 - where it dies
    testbed: Testbed,
    method: str,
    invocation: int,
    number: int,
    after: bool,  # noqa: FBT001 - likewise
    where: str,
) -> None:
    service = testbed.deployment.service
    if where == "call":
        service.call_crashes.append(CallCrash(invocation=invocation, call=number, after=after))
    else:
        service.crash_points.append(CrashPoint(invocation=invocation, checkpoint=number, after=after))
    api = serve(testbed, **{method: answer(), "GET": [answer({"jobs": 1}), answer({"jobs": 0})]})
    begun(testbed, step(method, poll=POLL), within=600)
    status, said = outcome(testbed)
    if method == "PUT":
        assert (status, api.count("PUT") >= 1) == ("completed", True)
        assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    elif status == "completed":
        assert api.count("POST") == 1
    else:
        # It is not known whether it was sent, and nobody lets the instance go.
        assert (status, testbed.completions()) == ("held", [])
        assert f"{OPEN}: the function was interrupted" in said
        assert api.count("POST") <= 1


@pytest.mark.one_of(2)
@pytest.mark.parametrize("call", range(1, 7))
@pytest.mark.parametrize("after", [False, True])
def test_the_lambda_may_die_when_it_sends_again_what_was_refused(testbed: Testbed, call: int, *, after: bool) -> None:
    testbed.deployment.service.call_crashes.append(CallCrash(invocation=2, call=call, after=after))
    api = serve(testbed, POST=[BUSY, answer()])
    begun(testbed, step(), within=600)
    status, said = outcome(testbed)
    assert api.count("POST") <= 2
    assert status == ("held" if OPEN in said else "completed")
    assert status == "held" or api.count("POST") == 2


def test_an_event_that_comes_twice_sends_once(testbed: Testbed) -> None:
    testbed.region.events.deliveries = lambda _: (1.0, 1.0, 30.0)
    api = serve(testbed, POST=answer(), GET=[answer({"jobs": 1}), answer({"jobs": 0})])
    begun(testbed, step(poll=POLL), within=300)
    assert (api.count("POST"), outcome(testbed)[0]) == (1, "completed")


def taken_over(testbed: Testbed) -> None:
    record = testbed.record()
    testbed.deployment.service.stop(record.execution)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
    testbed.deployment.start(payload(start))


def test_who_takes_over_goes_on_polling(testbed: Testbed) -> None:
    find = {"url": f"http://{HOST}/find", "value": "id"}
    busy = answer({"jobs": 1, "id": 7})
    api = serve(testbed, POST=answer(), GET=[busy, busy, busy, answer({"jobs": 0})])
    begun(testbed, step(path="/{found}", find=find, poll={"until": "jobs == `0`"}), within=5)
    taken_over(testbed)
    testbed.finish()
    assert (api.count("POST"), outcome(testbed)[0]) == (1, "completed")
    assert {request.path for request in api.asked} == {"/find", "/7"}


@pytest.mark.parametrize("call", range(4, 10))
def test_who_takes_over_a_request_that_may_have_been_sent_does_not_send_it(testbed: Testbed, call: int) -> None:
    testbed.deployment.service.call_crashes.append(CallCrash(invocation=1, call=call))
    api = serve(testbed, POST=answer())
    begun(testbed, step(), within=1.5)
    if testbed.record().status == "working":
        taken_over(testbed)
    testbed.run(300)
    status, said = outcome(testbed)
    assert api.count("POST") <= 1
    assert status == ("held" if OPEN in said else "completed")
    assert status == "held" or api.count("POST") == 1


def test_after_a_refusal_is_mended_a_resume_sends_it_again(testbed: Testbed) -> None:
    api = serve(testbed, POST=[answer("who are you", 401), answer()])
    begun(testbed, step())
    assert outcome(testbed)[0] == "held"
    testbed.deployment.send_message(testbed.record(), Resume(by="anna"))
    testbed.run(10)
    assert (api.count("POST"), outcome(testbed)[0]) == (2, "completed")


def test_what_may_have_had_its_effect_is_sent_again_by_a_resume_alone(testbed: Testbed) -> None:
    api = serve(testbed, POST=[Lost(), answer()])
    begun(testbed, step())
    testbed.deployment.send_message(testbed.record(), Nudge(by="anna"))
    testbed.run(10)
    taken_over(testbed)
    testbed.run(60)
    assert (api.count("POST"), outcome(testbed)[0]) == (1, "held")
    assert OPEN in outcome(testbed)[1]
    testbed.deployment.send_message(testbed.record(), Resume(by="anna"))
    testbed.run(10)
    assert (api.count("POST"), outcome(testbed)[0]) == (2, "completed")


def test_a_skipped_one_says_that_nothing_is_undone(testbed: Testbed) -> None:
    serve(testbed, POST=answer(), GET=answer({"jobs": 1}))
    begun(testbed, step(poll=POLL), {"kind": "wait", "options": {"duration": "5m"}}, within=20)
    testbed.deployment.send_message(testbed.record(), Skip())
    testbed.run(5)
    (skipped,) = testbed.record().step_outcomes
    assert skipped.outcome == "skipped"
    assert f"POST http://{HOST}/drain is not undone, it may still be at work" in skipped.detail


def test_what_takes_too_long_fails_the_step(testbed: Testbed) -> None:
    serve(testbed, POST=answer(), GET=answer({"jobs": 1}))
    begun(testbed, {**step(poll=POLL), "timeout": "5m"}, within=400)
    status, said = outcome(testbed)
    assert status == "held"
    assert f"not done within 5m: waiting for {HOST}: 1 jobs left; POST http://{HOST}/drain is not undone" in said


def test_the_poll_comes_as_often_as_the_plan_says(testbed: Testbed) -> None:
    api = serve(testbed, POST=answer(), GET=answer({"jobs": 1}))
    begun(testbed, step(poll={**POLL, "every": "2m"}), within=480)
    assert api.count("GET") == 4


def test_a_dry_run_sends_nothing(testbed: Testbed) -> None:
    api = serve(testbed, POST=answer(), GET=answer())
    find = {"url": f"http://{HOST}/find", "value": "id"}
    begun(testbed, step(path="/{found}/drain", find=find, poll={**POLL}), dry_run=True)
    assert api.asked == []
    instance = testbed.record().instance
    looked, sent = f"GET http://{HOST}/find", f"POST http://{HOST}/FOUND/drain"
    then = f"GET http://{HOST}/nodes/{instance} until it is done"
    assert outcome(testbed)[1] == f"dry run: would look up FOUND with {looked}, then send {sent}, then {then}"


def test_a_dry_run_says_that_a_host_is_not_allowed(testbed: Testbed) -> None:
    begun(testbed, step(), dry_run=True)
    assert outcome(testbed)[1].startswith("dry run: would fail: the parameter HttpHosts of the stack is empty")


def test_a_placeholder_without_a_value_fails_the_step(testbed: Testbed) -> None:
    api = serve(testbed, POST=answer())
    begun(testbed, step(path="/{tag:Pool}"))
    assert (outcome(testbed)[0], api.asked) == ("held", [])
    assert "{tag:Pool} has no value" in outcome(testbed)[1]


@pytest.mark.parametrize("where", ["poll", "find"])
def test_a_placeholder_leads_no_secret_to_another_server(testbed: Testbed, where: str) -> None:
    api = serve(testbed, POST=answer(), GET=answer({"id": 1}))
    testbed.http_apis.allow("*.example.com")
    names = testbed.http_apis.names
    names |= {(f"{name}.example.com", 80): names[HOST, 80] for name in ("web", "asg-lifecycle-terminate")}
    other = {"url": "http://{hook}.example.com/", "until": "a"} if where == "poll" else {}
    find = {"find": {"url": "http://{hook}.example.com/", "value": "id"}} if where == "find" else {}
    options = {"method": "POST", "url": "http://{group}.example.com/", **({"poll": other} if other else find)}
    begun(testbed, {"kind": "http-request", "options": options})
    assert (outcome(testbed)[0], api.asked) == ("held", [])
    assert "which is another server than" in outcome(testbed)[1]


def test_requests_side_by_side(testbed: Testbed) -> None:
    api = serve(testbed, POST=answer(), PUT=answer(), GET=[answer({"jobs": 1}), answer({"jobs": 0})])
    begun(testbed, {"parallel": [step(poll=POLL), step("PUT", "/other")]}, within=100)
    assert outcome(testbed)[0] == "completed"
    assert (api.count("POST"), api.count("PUT")) == (1, 1)


H = f"http://{HOST}/"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "option 'url' is missing"),
        ({"url": "ftp://h/"}, "expected a URL"),
        ({"url": "https://u:p@h/"}, "without user and fragment"),
        ({"url": "https://0x7f.1/"}, "an address in its usual form"),
        ({"url": H, "method": "TRACE"}, "valid: DELETE, GET, HEAD, PATCH, POST, PUT"),
        ({"url": H, "auth": {"bearer": "/asg-lifecycle/p/http/x"}}, "auth needs https"),
        ({"url": "https://h", "auth": {}}, "auth has one of bearer, basic, header and sigv4"),
        ({"url": "https://h", "auth": {"bearer": "/asg-lifecycle/p/kubernetes/x"}}, "is something else; expected the"),
        ({"url": H, "headers": {"Authorization": "Bearer x"}}, "a plan is no place for secrets"),
        ({"url": H, "headers": {"Host": "evil"}}, "it is set for you"),
        (
            {"url": "https://h", "auth": {"header": {"name": "Host", "value": "/asg-lifecycle/p/http/x"}}},
            "auth.header has the name of host, which is no header for secrets",
        ),
        ({"url": H, "poll": {"method": "HEAD", "until": "a"}}, "conditions on a body, which HEAD has not"),
        ({"url": H, "headers": {"a b": "c"}}, "headers has the name 'a b'"),
        ({"url": H, "headers": {"A": "b\nc"}}, "expected printable ASCII"),
        ({"url": H, "headers": {"A": "1", "a": "2"}}, "twice"),
        ({"url": H, "body": {}}, "body is for PUT, DELETE, POST and PATCH; the method is GET"),
        ({"url": H, "timeout": "2m"}, "expected a minute at most"),
        ({"url": H, "expect": {"status": [100]}}, "a number of at least 200"),
        ({"url": H, "expect": {"condition": "a =="}}, "is not an expression of JMESPath"),
        ({"url": H, "expect": {"condition": {}}}, "an empty object, which every answer meets"),
        ({"url": H, "poll": {}}, "it would never end"),
        ({"url": H, "poll": {"until": "[?a=={instance}]"}}, "between single quotes"),
        ({"url": H, "poll": {"until": "a", "url": "http://other/"}}, "poll.url is of another server"),
        ({"url": H, "poll": {"until": "a", "progress": "{a ||} left"}}, "poll.progress: 'a ||' is not an expression"),
        ({"url": H, "poll": {"until": "a", "progress": "{a[?b=={group}]}"}}, "poll.progress: a placeholder cannot be"),
        ({"url": H, "poll": {"until_status": [404], "wait_status": [404]}}, "404 in until_status and in wait_status"),
        ({"url": f"{H}{{found}}"}, "{found} stands for what find finds, and there is no find"),
        ({"url": H, "find": {"url": "http://other/", "value": "a"}}, "find.url is of another server"),
        ({"url": H, "certificate_authority": "x"}, "certificate_authority is not PEM"),
        ({"url": H, "poll": {"untill": "a"}}, "untill"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    (problem,) = find_problems({"steps": [{"kind": "http-request", "options": options}]})
    assert said in str(problem)


def test_a_secret_that_was_written_into_the_plan_is_not_repeated() -> None:
    plans = [{"bearer": "hunter2"}, {"basic": {"user": "a", "password": "hunter2"}}, {"header": {"value": "hunter2"}}]
    for auth in plans:
        problems = find_problems({"steps": [{"kind": "http-request", "options": {"url": "https://h", "auth": auth}}]})
        assert problems
        assert not any("hunter2" in str(problem) for problem in problems)


LOADED = """
import sys
from asg_lifecycle.composition.lifecycle_action import compose
from asg_lifecycle.settings import Settings
from handlers import lifecycle_action
before = set(sys.modules)
compose(Settings(table="t", hook_name_prefix="", record_retention=1.0))
print("asg_lifecycle.http_apis.connection" in sys.modules)
from asg_lifecycle.http_apis import connection
import jmespath
print(sorted(name for name in set(sys.modules) - before if not name.startswith("asg_lifecycle.")))
"""


def test_without_a_request_nothing_is_loaded_and_with_one_nothing_that_boto3_has_not() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)  # noqa: S603 - the lines above
    loaded, more = done.stdout.strip().splitlines()
    assert (loaded, json.loads(more.replace("'", '"'))) == ("False", [])
