"""The page of a story: what it holds, whatever the story says. `test_story_in_browser.py` looks at it in a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import product
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from asg_lifecycle.cli.story_page.page import story_page
from asg_lifecycle.cli.story_page.scale import LEAST_SPAN, scale_of
from asg_lifecycle.cli.story_page.style import (
    DARK,
    DECORATION,
    GROUNDS,
    LIGHT,
    TEXTS,
    style_digest,
    style_sheet,
)
from asg_lifecycle.model.history_entries import EntryKind
from asg_lifecycle.model.step_memory import StepOutcome
from asg_lifecycle.model.story_parts import Source, StorySource, ToldEntry
from asg_lifecycle.model.story_telling import story_of
from tests.model.stories import HOSTILE, stories
from tests.model.test_action_story import BEGAN, record

if TYPE_CHECKING:
    from asg_lifecycle.model.action_story import ActionStory

# fmt: off
TAGS = {
    "html", "head", "meta", "title", "link", "style", "body", "a", "header", "h1", "h2", "p", "span", "main",
    "section", "figure", "div", "svg", "g", "path", "rect", "text", "ul", "li", "figcaption", "table", "caption",
    "thead", "tbody", "tr", "th", "td", "time", "dl", "dt", "dd", "footer",
}
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "role", "tabindex",
    "aria-label", "aria-labelledby", "aria-hidden", "viewbox", "transform", "x", "y", "d", "width", "height", "rx",
    "text-anchor", "scope", "datetime", "data-label", "title",
}
# fmt: on
VOID = {"meta", "link"}
CONSOLE = re.compile(r"https://[a-z0-9-]+\.console\.(aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)/")


class Outline(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.unknown: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.unknown |= {tag} - TAGS
        for name, value in attrs:
            self.unknown |= {name} - ATTRIBUTES
            if name == "href":
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def outline(page: str) -> Outline:
    found = Outline(page)
    assert found.open == []
    assert found.unknown == set()
    assert len(found.ids) == len(set(found.ids))
    for address in found.addresses:
        assert address == "data:," or (address[0] == "#" and address[1:] in found.ids) or CONSOLE.match(address)
    return found


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(stories())
def test_no_text_of_a_story_becomes_a_part_of_the_page(story: ActionStory) -> None:
    page = story_page(story)
    outline(page)
    page.encode()
    ET.fromstring(drawing_of(page))  # noqa: S314 - our own
    assert "\u202e" not in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", page)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(text: str) -> None:
    said = record(step_outcomes=(StepOutcome(kind=text, outcome=text, detail=text),), detail=text, problem=text)
    page = story_page(story_of(said, BEGAN + 60, stack=text))
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    assert shown in " ".join(outline(page).texts)


def drawing_of(page: str) -> str:
    found = re.search(r"<svg.*?</svg>", page, re.DOTALL)
    assert found is not None
    return found[0]


def bars(page: str) -> dict[str, list[tuple[float, float]]]:
    """Return where each bar begins and ends, by its colour."""
    found: dict[str, list[tuple[float, float]]] = {}
    for colour, x, width in re.findall(r'class="bar c-([a-z-]+)" x="([0-9.]+)" y="[0-9.]+" width="([0-9.]+)"', page):
        found.setdefault(colour, []).append((float(x), float(x) + float(width)))
    return found


def test_the_drawing_is_to_scale() -> None:
    found = bars(story_page(story_of(record(), BEGAN + 603)))
    ((wait_began, wait_ended),) = found["wait"]
    second = (wait_ended - wait_began) / 603
    ((step_began, step_ended),) = found["done"]
    assert step_began - wait_began == pytest.approx(3 * second, abs=0.2)
    assert step_ended - step_began == pytest.approx(60 * second, abs=0.2)
    ((present_began, present_ended),) = found["under-way"]
    assert (present_began, present_ended) == pytest.approx((step_ended, wait_ended), abs=0.2)
    assert len(found["blocker"]) == 3


def test_what_there_is_is_in_the_drawing_and_in_the_legend() -> None:
    told = StorySource(
        told_from=Source.HISTORY,
        why="it was read",
        entries=(
            ToldEntry(at=BEGAN + 5, kind=EntryKind.LOOK, detail="looked"),
            ToldEntry(at=BEGAN + 6, kind=EntryKind.BEAT, detail="accepted"),
            ToldEntry(at=BEGAN + 7, kind=EntryKind.TAKEOVER, detail="by another"),
            ToldEntry(at=BEGAN + 8, kind=EntryKind.MESSAGE, detail="nudged"),
        ),
    )
    page = story_page(story_of(record(deadline=BEGAN + 700), BEGAN + 603, source=told))
    for colour, name in (
        ("look", "look at the step"),
        ("beat", "heartbeat"),
        ("takeover", "taken over"),
        ("message", "message"),
        ("deadline", "deadline"),
        ("blocker", "blocker"),
    ):
        assert f'c-{colour}"' in drawing_of(page), colour
        assert f'<li class="c-{colour}"><span>{name}</span></li>' in page
    assert '<li class="c-queued">' not in page


def test_a_limit_far_away_does_not_squeeze_the_drawing() -> None:
    page = story_page(story_of(record(), BEGAN + 603))
    assert "deadline 16h13m later" in drawing_of(page)
    assert 'class="limit' not in page


def test_a_thousand_heartbeats_are_one_row_and_few_strokes() -> None:
    beats = tuple(ToldEntry(at=BEGAN + each, kind=EntryKind.BEAT, detail="accepted") for each in range(100, 50_100, 5))
    source = StorySource(told_from=Source.HISTORY, why="it was read", entries=beats)
    page = story_page(story_of(record(), BEGAN + 50_200, source=source))
    assert "10000 heartbeats" in page
    assert len(page) < 60_000


def test_a_wait_of_no_time_can_be_drawn() -> None:
    scale = scale_of(5.0, 5.0, [], left=0, right=100)
    assert scale.x(5.0) == 0
    assert scale.x(5.0 + LEAST_SPAN) == pytest.approx(98, abs=1)
    assert list(scale_of(0, 3.2e10, [], left=0, right=1).ticks())[:2] == [0, pytest.approx(3.7e9, rel=0.05)]


def test_only_its_own_style_is_allowed() -> None:
    page = story_page(story_of(record(), BEGAN + 60))
    (sheet,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert sheet == style_sheet()
    assert policy.startswith(f"default-src 'none'; style-src '{style_digest(sheet)}'; ")
    assert "script" not in policy
    assert not re.search(r"url\(|@import|src=| style=", page)


def test_every_row_of_the_drawing_leads_to_the_table() -> None:
    page = story_page(story_of(record(), BEGAN + 60))
    linked = re.findall(r'<a href="(#entry-[0-9]+)" aria-label="step (\d)', page)
    assert [number for _, number in linked] == ["1", "2"]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_shapes_can_be_told_from_the_ground(colours: dict[str, str]) -> None:
    assert LIGHT.keys() == DARK.keys()
    for name, ground in product(colours, GROUNDS):
        if name in {*GROUNDS, *DECORATION}:
            continue
        least = 4.5 if name in TEXTS else 3.0
        assert contrast(colours[name], colours[ground]) >= least, (name, ground)


def test_contrast_is_computed_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_who_put_it_on_hold_is_said() -> None:
    page = story_page(story_of(record(hold="arn:x at 2027-01-15T08:00:00Z: <later>"), BEGAN + 60))
    assert "<p>On hold since 2027-01-15 08:00:00 UTC, said arn:x: &lt;later&gt;</p>" in page


def test_an_outcome_of_a_later_version_is_drawn_and_named() -> None:
    outcome = StepOutcome(kind="wait", outcome="postponed", detail="later", began_at=BEGAN, ended_at=BEGAN + 9)
    page = story_page(story_of(msgspec.structs.replace(record(), step_outcomes=(outcome,)), BEGAN + 60))
    assert "step 1 postponed" in page
    assert len(bars(page)["wait"]) == 2
