"""The program that draws the diagrams of the pages in the reader's browser: the site loads nothing from elsewhere.

python -m website.diagrams ARCHIVE FILE takes it out of the archive that `npm pack` brings.
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
from pathlib import Path

SHA256 = "6ad2f42c3fc26bbf9e45cbb6d11898972573ea52b33a5f4ff51952899f950ffd"
"""Of mermaid-11.17.2.tgz; the Makefile names the version. The theme is made for version 11."""

MEMBER = "package/dist/mermaid.min.js"


def program(archive: Path, digest: str = SHA256) -> bytes:
    """Return the program that an archive holds.

    Raises:
        ValueError: it is not the archive that is expected.
    """
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != digest:
        raise ValueError(f"{archive.name} has the digest {found}, not {digest}")
    with tarfile.open(archive) as files:
        member = files.extractfile(MEMBER)
        if member is None:
            raise ValueError(f"{archive.name} has no {MEMBER}")
        return member.read()


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(program(Path(sys.argv[1])))
