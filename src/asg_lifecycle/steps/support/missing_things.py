"""Things that a plan names and that do not exist: what the sentences and the answers about them have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.progress import Done, Missing

if TYPE_CHECKING:
    from collections.abc import Sequence


def there_is_no(missing: Sequence[str]) -> str:
    """Return the end of a sentence about what does not exist, each with what it is: `target group web`."""
    return f"; there is no {', no '.join(missing)}" if missing else ""


def done_unless_missing(done: str, missing: Sequence[str]) -> Done | Missing:
    """Return the answer of a step at its end.

    Args:
        done: what was done for everything that exists.
        missing: what is named and does not exist, each with what it is.
    """
    return Missing(f"there is no {', no '.join(missing)}; {done}") if missing else Done(done)
