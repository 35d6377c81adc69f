"""A headless Chromium, driven by playwright: both have to be installed, and neither is downloaded from here."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CHROMIUM = "CHROMIUM"
"""The variable that names the program, where it is not `chromium` or `google-chrome` of the path."""

LETTERS = "--font-render-hinting=none"


def missing() -> str | None:
    """Return what lacks for a browser, None when nothing does."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: pip install playwright"
    if _program() is None:
        return f"there is no Chromium: install Debian's chromium, or name a program in {CHROMIUM}"
    return None


@contextmanager
def browser() -> Iterator[Any]:
    """Yield the browser of playwright's `sync_api`.

    Raises:
        RuntimeError: it is not installed.
    """
    lacks = missing()
    if lacks is not None:
        raise RuntimeError(lacks)
    # Not imported by its name: the types are to be checked where it is not installed, too.
    playwright: Any = importlib.import_module("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        # Chromium's own sandbox needs rights that a container does not give; the page is our own.
        program = driver.chromium.launch(executable_path=_program(), args=["--no-sandbox", LETTERS])
        try:
            yield program
        finally:
            program.close()


def _program() -> str | None:
    named = os.environ.get(CHROMIUM)
    return named or shutil.which("chromium") or shutil.which("google-chrome")
