"""The page of a story in headless Chromium: it renders, asks nobody for anything, and a keyboard reaches all of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from asg_lifecycle.cli.story_page.page import story_page
from asg_lifecycle.model.history_entries import EntryKind
from asg_lifecycle.model.step_memory import StepOutcome
from asg_lifecycle.model.story_parts import Source, StorySource, ToldEntry
from asg_lifecycle.model.story_telling import story_of
from benchmarks.story.browser import CHROMIUM, browser, missing
from tests.cli.test_story_page import contrast
from tests.model.stories import HOSTILE
from tests.model.test_action_story import BEGAN, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Who names a browser wants these tests, and is told what lacks.
pytestmark = pytest.mark.skipif(missing() is not None and CHROMIUM not in os.environ, reason=missing() or "")

SIZES = {"desktop": (1120, 900), "phone": (390, 844)}
TOLD = StorySource(
    told_from=Source.HISTORY,
    why="it was read",
    entries=tuple(ToldEntry(at=BEGAN + each, kind=EntryKind.BEAT, detail="accepted") for each in range(2, 600, 60)),
)
FOCUSED = """() => {
    const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
    return {
        name: element.getAttribute('aria-label') || element.textContent,
        href: element.getAttribute('href'),
        outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        body: element === document.body,
    };
}"""
TEXTS = """() => [...document.querySelectorAll('body *')].filter(
    element => [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
        && !element.closest('title, style') && element.checkVisibility()
).map(element => {
    const style = getComputedStyle(element);
    let ground = element;
    while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
    const drawn = element.namespaceURI.endsWith('svg');
    return [drawn ? style.fill : style.color, getComputedStyle(ground).backgroundColor, element.textContent];
})"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as program:
        yield program


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    file = tmp_path / "story.html"
    file.write_text(story_page(story_of(record(), BEGAN + 603, log_group="logs", source=TOLD)), encoding="utf-8")
    return file


class Visit:
    """A page that is open, with what it said and asked for."""

    def __init__(self, chromium: Any, file: Path, *, size: str = "desktop", scheme: str = "light") -> None:
        width, height = SIZES[size]
        self.page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.said: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def focused_by_tab(self) -> list[dict[str, Any]]:
        """Press Tab until the page is left; return what had the focus."""
        found: list[dict[str, Any]] = []
        for _ in range(200):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(FOCUSED)
            if focused["body"]:
                return found
            found.append(focused)
        raise AssertionError("the focus never leaves the page")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_renders_and_asks_nobody(chromium: Any, page_file: Path, size: str, scheme: str) -> None:
    visit = Visit(chromium, page_file, size=size, scheme=scheme)
    assert visit.said == []
    assert [url for url in visit.requests if not url.startswith("data:")] == [page_file.as_uri()]
    assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    box = visit.page.locator("svg").bounding_box()
    assert box["width"] > 300
    assert box["height"] > 200
    ground = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is (scheme == "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_all_text_can_be_read(chromium: Any, page_file: Path, size: str, scheme: str) -> None:
    texts = Visit(chromium, page_file, size=size, scheme=scheme).page.evaluate(TEXTS)
    assert len(texts) > 60
    for colour, ground, text in texts:
        assert contrast(hexadecimal(colour), hexadecimal(ground)) >= 4.5, text


def hexadecimal(colour: str) -> str:
    red, green, blue = (int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    return f"#{red:02x}{green:02x}{blue:02x}"


@pytest.mark.parametrize("size", SIZES)
def test_a_keyboard_reaches_everything_and_sees_where_it_is(chromium: Any, page_file: Path, size: str) -> None:
    visit = Visit(chromium, page_file, size=size)
    focused = visit.focused_by_tab()
    links = visit.page.evaluate("[...document.querySelectorAll('a')].map(each => each.getAttribute('href'))")
    assert [each["href"] for each in focused if each["href"] is not None] == links
    assert focused[0]["name"] == "Skip to what happened"
    assert "The drawing of the timeline, to scale" in [each["name"] for each in focused]
    assert [each["name"] for each in focused if not each["outline"] or not each["seen"]] == []


def test_the_skip_link_leads_past_the_drawing(chromium: Any, page_file: Path) -> None:
    visit = Visit(chromium, page_file)
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "happened"
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.closest('#links, section').getAttribute('aria-labelledby')") == (
        "links"
    )


def test_a_screen_reader_hears_headings_rows_and_what_the_links_are(chromium: Any, page_file: Path) -> None:
    heard = Visit(chromium, page_file).page.locator("body").aria_snapshot()
    for line in (
        '- heading "Instance i-0123456789abcdef0" [level=1]',
        '- heading "Timeline" [level=2]',
        '- heading "What happened" [level=2]',
        '- region "The drawing of the timeline, to scale"',
        'link "step 1 of 3, run-command: done, 1m"',
        '- columnheader "in words"',
        '- rowheader "step 2 under way"',
        '- link "i-0123456789abcdef0"',
    ):
        assert line in heard, heard


def test_a_step_of_the_drawing_leads_to_its_row(chromium: Any, page_file: Path) -> None:
    visit = Visit(chromium, page_file)
    visit.page.get_by_role("link", name="step 2 of 3").click()
    assert visit.page.evaluate("document.querySelector('tr:target th').textContent") == "step 2 under way"


def test_on_paper_it_is_light_and_whole(chromium: Any, page_file: Path) -> None:
    visit = Visit(chromium, page_file, scheme="dark")
    visit.page.emulate_media(media="print")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    scroll = "document.querySelector('.scroll')"
    visit.page.set_viewport_size({"width": 700, "height": 900})
    assert visit.page.evaluate(f"{scroll}.scrollWidth <= {scroll}.clientWidth + 1")
    assert visit.page.pdf(format="A4").startswith(b"%PDF")


def test_hostile_text_does_nothing(chromium: Any, tmp_path: Path) -> None:
    outcomes = tuple(
        StepOutcome(kind=text, outcome=text, detail=text, began_at=BEGAN, ended_at=BEGAN + 9) for text in HOSTILE
    )
    texts = {name: "".join(HOSTILE) for name in ("group", "hook", "instance", "execution", "detail", "problem")}
    story = story_of(msgspec.structs.replace(record(), step_outcomes=outcomes, **texts), BEGAN + 60)
    file = tmp_path / "story.html"
    file.write_text(story_page(story), encoding="utf-8")
    visit = Visit(chromium, file)
    assert visit.said == []
    assert [url for url in visit.requests if not url.startswith("data:")] == [file.as_uri()]
    assert visit.page.evaluate("document.scripts.length + document.images.length") == 0


def test_a_script_would_not_run(chromium: Any, page_file: Path) -> None:
    broken = page_file.read_text(encoding="utf-8").replace("</body>", "<script>document.title = 'ran'</script></body>")
    page_file.write_text(broken, encoding="utf-8")
    visit = Visit(chromium, page_file)
    assert visit.page.title() != "ran"
    assert "Content Security Policy" in "".join(visit.said)
