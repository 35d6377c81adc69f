"""Links of the documents: on GitHub they may lead to folders and outside `docs/`, on the site to pages alone."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DOCS = "docs"
"""The folder of the site's pages, from the root of the repository."""

REPOSITORY = "repository"
"""The folder of the site that shows what the pages name outside `docs/`."""

SHOWN = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".sh": "bash",
    ".service": "ini",
    ".py": "python",
    "": "bash",
}
"""The kinds of files that have a page with their text, and the language of it; others are copied as they are."""

LONGEST_SHOWN = 40_000
"""Characters. A longer file is to be downloaded."""

LINK = re.compile(r"(\]\()([^)\s]+)(\))")
FENCE = re.compile(r"^\s*(```|~~~)")
SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//|#|/)", re.IGNORECASE)


def links(text: str) -> Iterator[str]:
    """Yield the relative links of a document, without their anchors."""
    for line in _outside_fences(text):
        for found in LINK.finditer(line):
            if not SCHEME.match(found[2]):
                yield found[2].partition("#")[0]


def rewritten(text: str, change: Callable[[str], str]) -> str:
    """Return a document with its relative links changed; anchors stay, and so does what stands in a fence."""

    def replaced(found: re.Match[str]) -> str:
        if SCHEME.match(found[2]):
            return found[0]
        path, mark, anchor = found[2].partition("#")
        return f"{found[1]}{change(path)}{mark}{anchor}{found[3]}"

    fenced = False
    lines = []
    for line in text.splitlines(keepends=True):
        if FENCE.match(line):
            fenced = not fenced
        lines.append(line if fenced else LINK.sub(replaced, line))
    return "".join(lines)


def _outside_fences(text: str) -> Iterator[str]:
    fenced = False
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield line


def target(source: str, link: str) -> str:
    """Return what a link leads to, as a path from the root of the repository.

    Args:
        source: the document, from the root of the repository.
        link: the link in it, relative.
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def place(root: Path, path: str) -> str:
    """Return where the site has a file or folder of the repository, as a path from the root of the site's sources.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    there = root / path
    if not there.exists():
        raise FileNotFoundError(path)
    inside = path == DOCS or path.startswith(f"{DOCS}/")
    shown = posixpath.relpath(path, DOCS) if inside else posixpath.join(REPOSITORY, path)
    if there.is_dir():
        return posixpath.join(shown, "README.md" if (there / "README.md").exists() else "index.md")
    if inside or there.suffix == ".md" or not is_shown(there):
        return shown
    return f"{shown}.md"


def is_shown(file: Path) -> bool:
    """Return whether a file that is no document has a page with its text."""
    return file.suffix in SHOWN and file.stat().st_size <= LONGEST_SHOWN


def relative(source: str, destination: str) -> str:
    """Return the link from one page to another, both as paths from the root of the site's sources."""
    return posixpath.relpath(destination, posixpath.dirname(source) or ".")


def outside(root: Path) -> dict[str, str]:
    """Return what the documents lead to outside `docs/`, directly and by each other: path of the repository to place.

    A folder brings its files along.
    """
    found: dict[str, str] = {}
    documents = [file.relative_to(root).as_posix() for file in sorted((root / DOCS).rglob("*.md"))]
    while documents:
        source = documents.pop()
        for link in links((root / source).read_text(encoding="utf-8")):
            path = target(source, link)
            for each in _with_files(root, path):
                if each in found or each == DOCS or each.startswith(f"{DOCS}/"):
                    continue
                found[each] = place(root, each)
                document = posixpath.join(each, "README.md") if (root / each).is_dir() else each
                if document.endswith(".md") and (root / document).exists():
                    documents.append(document)
    return found


def _with_files(root: Path, path: str) -> Iterator[str]:
    yield path
    if (root / path).is_dir():
        yield from (file.relative_to(root).as_posix() for file in sorted((root / path).iterdir()) if file.is_file())


def listing(root: Path, folder: str) -> str:
    """Return the page of a folder that has none of its own: its files, documents by their titles."""
    lines = [f"# {folder.rpartition('/')[2].capitalize()}", ""]
    source = place(root, folder)
    for file in sorted((root / folder).iterdir()):
        if not file.is_file():
            continue
        path = file.relative_to(root).as_posix()
        link = relative(source, place(root, path))
        title, first = _beginning(file) if file.suffix == ".md" else (file.name, "")
        lines.append(f"- [{title}]({link})" + (f": {first}" if first else ""))
    return "\n".join(lines) + "\n"


def _beginning(file: Path) -> tuple[str, str]:
    """Return the title and the first sentence of a document."""
    parts = [part.strip() for part in file.read_text(encoding="utf-8").split("\n\n")]
    text = next((part for part in parts[1:] if part and not part.startswith(("<!--", "#", "|", "-", "    "))), "")
    sentence = re.split(r"(?<=[.:]) |(?<=[.:])$", " ".join(text.split()))[0]
    # A link would lead from another folder.
    return parts[0].removeprefix("# "), "" if "](" in sentence else sentence


def shown(file: Path) -> str:
    """Return the page of a file that is no document: its text."""
    text = file.read_text(encoding="utf-8").rstrip("\n")
    return f"# {file.name}\n\n~~~~ {SHOWN[file.suffix]}\n{text}\n~~~~\n"
