"""Writes the pages that are made from the code and from measurements: `python -m website.references`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from website import operations_reference, price_reference, template_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[1]

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/parameters.md": template_reference.page,
    "docs/price.md": price_reference.page,
    "docs/operations/README.md": operations_reference.page,
}
"""Each page, and what returns its text."""

if __name__ == "__main__":
    for path, page in PAGES.items():
        (ROOT / path).write_text(page(), encoding="utf-8")
