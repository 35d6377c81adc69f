"""The archive with the function's code: the same bytes for the same files, whenever and wherever it is made."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DATE = (1980, 1, 1, 0, 0, 0)
"""The first that an archive can hold. Dates of files would make every archive another one."""

READABLE = 0o100644 << 16
"""A file that everybody may read, as Unix attributes in an archive: Lambda runs the code as another user."""

MOST_BYTES = 262_144_000
"""Unpacked, with all layers (AWS Lambda quotas, "Deployment package size")."""


def code_archive(folder: Path) -> bytes:
    """Return the files below `folder` as a ZIP archive.

    Raises:
        FileNotFoundError: there are no files: the function has not been built.
        ValueError: Lambda would refuse the package: unpacked it is too large.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise FileNotFoundError(f"there are no files below {folder}: build the function first")
    size = sum(path.stat().st_size for path in files)
    if size > MOST_BYTES:
        raise ValueError(f"{folder} holds {size} bytes, and Lambda takes {MOST_BYTES} at most")
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), DATE)
            entry.external_attr = READABLE
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return written.getvalue()


def archive_name(archive: bytes) -> str:
    """Return a name for an archive that no other archive has: other code has to be another object in S3."""
    return f"asg-lifecycle-{hashlib.sha256(archive).hexdigest()[:20]}.zip"
