"""Words with which an instance proves that a signal is its own.

IAM sees the source and the type of an event, not its detail: whoever may send signals may send them for any instance.
So an instance makes a word by chance, keeps it to itself, and puts the SHA-256 of it into a tag of its own, which IAM
can allow each instance for itself alone. The word is in the signal, and nowhere else: who knows the tag knows no word.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.model.plans import PlanDecision

if TYPE_CHECKING:
    from collections.abc import Mapping

TAG_PREFIX = "asg-lifecycle:word/"
"""A tag with this and the name of a signal has the SHA-256 of the signal's word, as hexadecimal digits."""

KIND = "wait-for-signal"
"""The kind of step whose option `word` asks for one."""

DEFAULT_NAME = "done"
"""What a signal is called where the plan does not say."""

WORD = re.compile(r"[!-~]{32,200}")
"""A shorter word could be found by trying; a tag is no place for the SHA-256 of one that can."""

NO_WORD = "no word"
"""The digest of what is no word: no tag has it."""


def word_digest(word: object) -> str:
    """Return the SHA-256 of a word as hexadecimal digits, `NO_WORD` where it is none. Any JSON value is accepted."""
    if not isinstance(word, str) or WORD.fullmatch(word) is None:
        return NO_WORD
    return hashlib.sha256(word.encode()).hexdigest()


def proves(digest: str, name: str, tags: Mapping[str, str]) -> bool:
    """Return whether a word is the one that an instance has given itself for a signal.

    Args:
        digest: of the word, see `word_digest`.
        name: of the signal.
        tags: of the instance, as they are now.
    """
    expected = tags.get(TAG_PREFIX + name, "").strip().lower()
    return digest != NO_WORD and hmac.compare_digest(digest.encode(), expected.encode())


def asks_for_word(plan_decision: str | None, name: str) -> bool:
    """Return whether a plan waits for a signal that has to have its word.

    Args:
        plan_decision: of the record, as JSON; None where none is chosen yet.
        name: of the signal.

    Returns:
        False, too, where another version wrote the plan in a way that is not understood: the step counts a signal
        without its word as none in any case.
    """
    if plan_decision is None:
        return False
    try:
        plan = msgspec.json.decode(plan_decision, type=PlanDecision).plan
    except msgspec.MsgspecError:
        return False
    waits = [step.options for step in plan.leaves() if step.kind == KIND] if plan is not None else []
    named = [options for options in waits if options.get("name", DEFAULT_NAME) == name]
    return bool(named) and all(options.get("word") is True for options in named)
