"""The page of a simulated drain as a picture, and with --page the page itself.

python -m benchmarks.story --write docs/images/story.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from asg_lifecycle.cli.story_page.page import story_page
from benchmarks.story.browser import browser
from benchmarks.story.scene import play

WIDTH, HEIGHT = 1120, 900


def main(arguments: list[str] | None = None) -> int:
    """Draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.story", description=__doc__)
    parser.add_argument("--write", type=Path, default=Path("docs/images/story.png"))
    parser.add_argument("--page", type=Path, help="where the page is written, too")
    parser.add_argument("--dark", action="store_true", help="as where the system is dark")
    parser.add_argument("--finished", action="store_true", help="when the action has ended")
    parser.add_argument("--whole", action="store_true", help="the page to its end, not its first screen alone")
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--paper", action="store_true", help="as it is printed")
    chosen = parser.parse_args(arguments)
    page_text = story_page(play(finished=chosen.finished))
    if chosen.page is not None:
        chosen.page.write_text(page_text, encoding="utf-8")
    with browser() as chromium:
        scheme = "dark" if chosen.dark else "light"
        page = chromium.new_page(viewport={"width": chosen.width, "height": HEIGHT}, color_scheme=scheme)
        page.set_content(page_text)
        if chosen.paper:
            page.emulate_media(media="print")
        page.screenshot(path=chosen.write, full_page=chosen.whole)
    sys.stdout.write(f"{chosen.write}: {chosen.write.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
