"""What a placeholder stands for stays in its place: it leads a request nowhere else, and adds nothing to it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.http_texts import in_condition, in_header, in_plain_text, in_url, parse_url
from asg_lifecycle.model.placeholders import CannotFillError, fill, fill_found
from asg_lifecycle.model.redaction import Redaction

values = st.text(min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://api.example.com/a?b=c", ("https", "api.example.com", 443, "/a?b=c")),
        ("http://10.0.0.5:9200", ("http", "10.0.0.5", 9200, "/")),
        ("https://[fd12::1]:8443/x", ("https", "fd12::1", 8443, "/x")),
        ("https://h?x=1", ("https", "h", 443, "/?x=1")),
    ],
)
def test_a_url_is_taken_apart(text: str, parts: tuple[str, str, int, str]) -> None:
    url = parse_url(text)
    assert (url.scheme, url.host, url.port, url.target) == parts


@pytest.mark.parametrize(
    "text",
    [
        "ftp://h/",
        "https://",
        "https:///x",
        "https://user@h/",
        "https://user:password@h/",
        "https://h/#fragment",
        "https://h/a b",
        "https://h\\@evil/",
        "https://h/\r\nHost: evil",
        "https://h:0/",
        "https://h:70000/",
        "https://h/../x",
        "https://h/./x",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://10.0.0.256/",
        "https://[fe80::1%25eth0]/",
        "https://bücher.example/",
        " https://h/",
    ],
)
def test_what_is_no_plain_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="url "):
        parse_url(text)


@given(values)
def test_a_value_leads_no_request_elsewhere(value: str) -> None:
    try:
        filled = fill("https://api.example.com/nodes/{tag:Name}/drain?by={tag:Name}", {"tag:Name": value}, in_url)
        url = parse_url(filled)
    except (CannotFillError, ValueError):
        return
    assert (url.host, url.target.count("/"), url.target.count("?")) == ("api.example.com", 3, 1)
    assert urlsplit(filled).hostname == "api.example.com"


@given(values)
def test_a_value_in_the_host_changes_no_more_than_the_host(value: str) -> None:
    try:
        filled = fill("https://{tag:Name}.example.com:9200/x", {"tag:Name": value}, in_url)
        url = parse_url(filled)
    except (CannotFillError, ValueError):
        return
    assert url.host == f"{value}.example.com"
    assert (url.port, url.target) == (9200, "/x")


@pytest.mark.parametrize(("address", "host"), [("10.0.0.5", "10.0.0.5"), ("fd12::5", "fd12::5")])
def test_an_address_is_put_in_as_a_host(address: str, host: str) -> None:
    assert parse_url(fill("http://{private_ip}:4646/v1", {"private_ip": address}, in_url)).host == host


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{instance}://h/", "https"),
        ("https://h/{instance}/x", ".."),
        ("https://h/{instance}/x", "."),
        ("https://{instance}/x", "a/b"),
        ("https://{instance}/x", "user@evil"),
        ("https://h:{instance}/x", "80"),
    ],
)
def test_what_would_lead_elsewhere_is_refused(text: str, value: str) -> None:
    with pytest.raises(CannotFillError, match="cannot be put in safely"):
        fill(text, {"instance": value}, in_url)


@given(values)
def test_a_header_has_one_line(value: str) -> None:
    try:
        filled = fill("by {tag:Name}", {"tag:Name": value}, in_header)
    except CannotFillError:
        return
    assert filled.isascii()
    assert filled.isprintable()


@given(values)
def test_a_condition_keeps_its_meaning(value: str) -> None:
    import jmespath  # type: ignore[import-untyped] # noqa: PLC0415 - only here

    try:
        filled = fill("name == '{tag:Name}'", {"tag:Name": value}, in_condition)
    except CannotFillError:
        assert not value.isprintable() or set(value) & set("'\\`")
        return
    assert jmespath.search(filled, {"name": value}) is True
    assert jmespath.search(filled, {"name": f"{value}x"}) is False


@pytest.mark.parametrize("text", ["name == {tag:Name}", "name == 'a' || {tag:Name}", r"name == 'it\'s' && {tag:Name}"])
def test_in_a_condition_a_placeholder_stands_between_quotes(text: str) -> None:
    with pytest.raises(CannotFillError, match="between single quotes"):
        fill(text, {"tag:Name": "true"}, in_condition)


@pytest.mark.parametrize("value", ["a&b=c", "a\nb", '"', "<x>", "a=b", "{}"])
def test_a_text_of_unknown_language_takes_plain_values_alone(value: str) -> None:
    with pytest.raises(CannotFillError, match="JSON takes every value"):
        fill("name={tag:Name}", {"tag:Name": value}, in_plain_text)


def test_what_was_found_is_put_in_as_its_place_wants_it() -> None:
    values = {"instance": "i-1"}
    assert fill_found("https://h/{found}/{instance}", values, "a/b", in_url) == "https://h/a%2Fb/i-1"
    assert fill_found("x == '{found}' && y == '{instance}'", values, "7", in_condition) == "x == '7' && y == 'i-1'"
    assert fill_found("{found}", values, None) == "{found}"
    with pytest.raises(CannotFillError):
        fill_found("https://{found}/", values, "evil/x", in_url)


def test_a_secret_is_hidden_wherever_it_stands() -> None:
    redact = Redaction(("hunter2/hunter2", "hunter2"))
    assert redact("hunter2 Bearer hunter2/hunter2, hunter2%2Fhunter2") == "[redacted] Bearer [redacted], [redacted]"
    assert Redaction(())("text") == "text"
