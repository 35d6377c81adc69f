"""The story of an action: everything that is needed to tell it again, without AWS.

It is one JSON document, which `asg-lifecycle show --json` writes and `show --from` reads. Times are seconds since the
epoch, durations seconds, money dollars. `model/story_telling.py` makes it from a record.

A field that is added has a default, so that stories are read that were saved before. Any other change of the layout
makes a new version.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Struct

from asg_lifecycle.model.story_parts import (
    Moment,
    StoryBeginning,
    StoryIdentity,
    StoryLink,
    StoryMessage,
    StoryPlan,
    StoryPresent,
    StoryPrice,
    StorySignal,
    StorySource,
    StoryStep,
    StoryTakeovers,
    StoryTimes,
)

FORMAT = "asg-lifecycle story"
VERSION = 1


class StoryError(ValueError):
    """A document is no story that this version can read; the message says what was found and expected."""


class ActionStory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole story, as it was read at `read_at`."""

    format: str
    version: int
    read_at: Moment
    identity: StoryIdentity
    beginning: StoryBeginning
    plan: StoryPlan | None
    steps: tuple[StoryStep, ...]
    messages: tuple[StoryMessage, ...]
    signals: tuple[StorySignal, ...]
    takeovers: StoryTakeovers | None
    times: StoryTimes
    present: StoryPresent
    price: StoryPrice
    source: StorySource
    links: tuple[StoryLink, ...]

    @property
    def until(self) -> float:
        """Until when it is told: its end, or the time it was read."""
        return self.present.ended_at if self.present.ended_at is not None else self.read_at


def story_values(story: ActionStory) -> Any:  # noqa: ANN401 - JSON values
    """Return a story as JSON values."""
    return msgspec.to_builtins(story)


def read_story(text: str) -> ActionStory:
    """Return the story in a JSON document.

    Raises:
        StoryError: it is none, or one of another version.
    """
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise StoryError(f"this is no JSON: {error}") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise StoryError(f'this is no story: expected an object with "format": "{FORMAT}", as show --json writes it')
    version = values.get("version")
    if version != VERSION or isinstance(version, bool):
        raise StoryError(f"this is a story of version {_shown(version)}, and this asg-lifecycle reads {VERSION}")
    try:
        return msgspec.convert(values, type=ActionStory)
    except msgspec.ValidationError as error:
        raise StoryError(f"this is no whole story: {error}") from error


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"  # noqa: PLR2004 - enough for any number
