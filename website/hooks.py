"""What MkDocs does for this site beside its own work: see `links`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import ConfigurationError  # type: ignore[import-not-found] # in an environment of its own
from mkdocs.structure.files import File  # type: ignore[import-not-found] # likewise

sys.path.insert(0, str(Path(__file__).parents[1]))

from website import links

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig  # type: ignore[import-not-found] # likewise
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page  # type: ignore[import-not-found] # likewise

ROOT = Path(__file__).parents[1]
DIAGRAMS = ROOT / ".venv-site" / "mermaid.min.js"
DIAGRAMS_PLACE = "assets/mermaid.min.js"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let `folder/` in the navigation stand for the pages of that folder, and have the diagrams drawn."""
    config.nav = _expanded(config.nav or [])
    if not DIAGRAMS.exists():
        raise ConfigurationError(f"{DIAGRAMS.relative_to(ROOT)} is missing: make site brings it")
    # Otherwise the theme loads it from elsewhere.
    config.extra_javascript.append(DIAGRAMS_PLACE)
    return config


def _expanded(nav: list[object]) -> list[object]:
    entries: list[object] = []
    for entry in nav:
        if isinstance(entry, dict):
            entries.append(
                {title: _expanded(each) if isinstance(each, list) else each for title, each in entry.items()}
            )
        elif isinstance(entry, str) and entry.endswith("/"):
            folder = ROOT / links.DOCS / entry
            entries.extend(f"{entry}{file.name}" for file in sorted(folder.glob("*.md")) if file.name != "README.md")
        else:
            entries.append(entry)
    return entries


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add pages for folders without one, and for what the documents lead to outside `docs/`."""
    files.append(File.generated(config, DIAGRAMS_PLACE, abs_src_path=str(DIAGRAMS)))
    for path, place in links.outside(ROOT).items():
        there = ROOT / path
        if there.is_dir():
            if place.endswith("/index.md"):
                files.append(File.generated(config, place, content=links.listing(ROOT, path)))
        elif there.suffix == ".md" or not place.endswith(".md"):
            files.append(File.generated(config, place, abs_src_path=str(there)))
        else:
            files.append(File.generated(config, place, content=links.shown(there)))
    for folder in sorted(each for each in (ROOT / links.DOCS).iterdir() if each.is_dir()):
        path = folder.relative_to(ROOT).as_posix()
        place = links.place(ROOT, path)
        if place.endswith("/index.md") and any(folder.glob("*.md")):
            files.append(File.generated(config, place, content=links.listing(ROOT, path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let the links of a document lead to the pages of the site."""
    del config, files
    source = _document(page.file)
    if source is None:
        return markdown
    return links.rewritten(markdown, lambda link: links.relative(page.file.src_uri, _place(source, link)))


def _document(file: File) -> str | None:
    """Return the path of a page's document from the root of the repository, None for a page that is made here."""
    if file.abs_src_path is None:
        return None
    return Path(file.abs_src_path).relative_to(ROOT).as_posix()


def _place(source: str, link: str) -> str:
    try:
        return links.place(ROOT, links.target(source, link))
    except FileNotFoundError:
        # MkDocs tells which page has the link.
        return f"missing/{link}"
