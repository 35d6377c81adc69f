"""What is kept of a text that work elsewhere has put out."""

from __future__ import annotations

from asg_lifecycle.model.redaction import redacted

KEPT, READ = 500, 20_000
"""Characters at the end of a text that are kept; and that are read, to find secrets that a cut would make
unrecognisable."""


def kept_end(what: str, text: str) -> str:
    """Return the end of a sentence with the end of a text without secrets; nothing where the text is empty.

    Args:
        what: stands before it: `outputs`.
        text: what was put out.
    """
    # In this order: what is left of a secret that was cut would look like none.
    kept = redacted(text[-READ:]).strip()[-KEPT:]
    return f"; {what}: {kept}" if kept else ""
