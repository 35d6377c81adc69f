"""Taking messages out of the envelopes that SQS, SNS and Lambda put around them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.fields import FieldReader, Problem, join, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTS = ("Records", "Messages")
"""Fields that hold several messages: of a Lambda event, and of what `aws sqs receive-message` prints."""

_TEXTS = {
    "body": "messageId",
    "Body": "MessageId",
    "Message": "TopicArn",
}
"""Fields that hold a message as text, with the field that tells the envelope from other objects with that name:
a record of a Lambda event from SQS, a message of `aws sqs receive-message`, an SNS message."""


_BODIES = ("body", "Body")
"""Those of them that a queue's messages have."""


class Message(Struct, frozen=True):
    """One message out of its envelopes.

    Attributes:
        path: where it stands in the payload, empty when it is the payload.
        content: the parsed JSON.
    """

    path: str
    content: object


def messages_in(payload: object, path: str = "") -> Iterator[Message | Problem]:
    """Yield every message in a payload, at least one; the payload itself when it is in no envelope.

    An envelope that cannot be opened yields its problem; the messages beside it are yielded as well.

    Args:
        payload: the parsed JSON.
        path: where it stands.
    """
    name = next((name for name in _LISTS if name in payload), None) if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or name is None:
        yield from _open(payload, path)
        return
    contained = payload[name]
    if not isinstance(contained, list) or not contained:
        yield Problem(join(path, name), "a list with at least one message", shown(contained))
        return
    for position, envelope in enumerate(contained):
        yield from _open(envelope, f"{join(path, name)}[{position}]", listed=True)


def messages_in_text(text: str, path: str = "") -> Iterator[Message | Problem]:
    """Yield every message in the JSON text of a payload, like `messages_in`. The last of repeated names counts."""
    try:
        payload = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        yield Problem(path, "JSON", "lists or objects nested too deeply")
    except ValueError as error:
        yield Problem(path, "JSON", f"{shown(text)} ({error})")
    else:
        yield from messages_in(payload, path)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON value")


def _open(envelope: object, path: str, *, listed: bool = False) -> Iterator[Message | Problem]:
    # Only a text is opened further, and each text in a text doubles its escapes, so the depth is small.
    if not isinstance(envelope, dict):
        yield Message(path, envelope)
        return
    fields = FieldReader(envelope, path)
    if "Sns" in envelope:
        inner = fields.inner("Sns")
        if inner is None:
            yield from fields.problems
            return
        fields = inner
    name = next((name for name, companion in _TEXTS.items() if {name, companion} <= fields.values.keys()), None)
    if name is None and listed:
        # In a list it is an envelope without its id, too: people leave that out of what they write by hand.
        name = next((name for name in _BODIES if name in fields.values), None)
        lacking = next((body for body in _BODIES if name is None and _TEXTS[body] in fields.values), None)
        if lacking is None and name is None and fields.values.get("eventSource") == "aws:sqs":
            lacking = "body"
        if lacking is not None:
            fields.problem(lacking, "a message as text", "nothing")
            yield from fields.problems
            return
    # The confirmation of an SNS subscription carries a sentence for people, not a message.
    if name is None or "SubscribeURL" in fields.values:
        yield Message(fields.path, fields.values)
        return
    text = fields.text(name, "a message as text", is_valid=lambda _: True)
    if fields.problems:
        yield from fields.problems
    else:
        yield from messages_in_text(text, join(fields.path, name))
