"""An event of an action as people read it: by mail, and in a chat channel.

The chat gets a custom notification of Amazon Q Developer in chat applications:
https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.action_events import NAMES, ActionEvent, EventKind, shortened
from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.durations import roughly

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_SUBJECT = 100
"""Characters, of the subject of an SNS message. It is ASCII, without line breaks."""

LONGEST_LINE = 500
MOST_NAMED = 5
"""Blockers that are named one by one."""

SAID = {
    EventKind.STARTED: "Started",
    EventKind.HELD: "Held",
    EventKind.STEP_FAILED: "Step failed",
    EventKind.ENDED: "Ended",
}
SIGNS = {
    EventKind.STARTED: ":arrow_forward:",
    EventKind.HELD: ":raised_hand:",
    EventKind.STEP_FAILED: ":warning:",
    EventKind.ENDED: ":checkered_flag:",
}
ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""What chats take for markup: https://api.slack.com/reference/surfaces/formatting#escaping."""


def subject(kind: EventKind, event: ActionEvent) -> str:
    """Return what a mail has for its subject: what happened, and to which instance."""
    how = f" with {event.result}" if event.result is not None else f", {event.status}"
    said = SAID[kind] + (how if kind is EventKind.ENDED else "")
    text = f"{said}: {event.instance} in {event.group}"
    return shortened("".join(sign if " " <= sign <= "~" else "?" for sign in text), LONGEST_SUBJECT).replace("…", "~")


def text(kind: EventKind, event: ActionEvent, now: float) -> str:
    """Return the message as plain text: three lines and a link.

    Args:
        kind: of the event.
        event: the event.
        now: seconds since the epoch.
    """
    return "\n".join([*_lines(kind, event, now), event.links.group])


def chat(kind: EventKind, event: ActionEvent, now: float) -> str:
    """Return the message as a custom notification, JSON. All those of an action are one thread of the channel.

    Args:
        kind: of the event.
        event: the event.
        now: seconds since the epoch.
    """
    title = subject(kind, event)
    links = {"group": event.links.group, "instance": event.links.instance, "executions": event.links.function}
    notification: dict[str, Any] = {
        "version": "1.0",
        "source": "custom",
        "id": event.id,
        "content": {
            "textType": "client-markdown",
            "title": f"{SIGNS[kind]} {_escaped(title)}",
            "description": "\n".join(map(_escaped, _lines(kind, event, now))),
            "nextSteps": [
                *([] if kind is EventKind.ENDED else [f"`asg-lifecycle why {event.instance}`"]),
                " · ".join(f"<{link}|{name}>" for name, link in links.items()),
            ],
        },
        "metadata": {
            "threadId": event.action,
            "summary": title,
            "eventType": kind.value,
            "relatedResources": [event.instance, event.group],
            "additionalContext": {"kind": NAMES[kind], "hook": event.hook, "stack": event.stack},
        },
    }
    return json.dumps(notification, ensure_ascii=False)


def _lines(kind: EventKind, event: ActionEvent, now: float) -> Iterator[str]:
    """Yield what is said: which wait, why, and what keeps the instance or comes next."""
    transition = "launch" if event.transition == Transition.LAUNCHING else "terminate"
    step = event.step if kind is not EventKind.STARTED else None
    at = f", step {step.number} of {step.of} ({step.kind})" if step is not None else ""
    waits = "waited" if kind is EventKind.ENDED else "has been waiting"
    yield (
        f"Instance {event.instance} of group {event.group} {waits} for {roughly(max(0.0, now - event.waiting_since))} "
        f"under the {transition} hook {event.hook}{at}."
    )
    yield shortened(f"{SAID[kind]}: {event.reason}".replace("\n", " "), LONGEST_LINE)
    yield shortened(_third(kind, event, now), LONGEST_LINE)


def _third(kind: EventKind, event: ActionEvent, now: float) -> str:
    if event.blockers:
        named = [f"{each.kind} {each.name} ({each.reason})" for each in event.blockers[:MOST_NAMED]]
        more = len(event.blockers) - len(named)
        verb = "was" if kind is EventKind.ENDED else "is"
        return f"It {verb} kept by {', '.join(named)}{f' and {more} more' if more else ''}.".replace("\n", " ")
    if kind is EventKind.ENDED:
        return f"Its execution: {event.execution}"
    if event.deadline is None:
        return "Its deadline is not known yet."
    return f"Its plan decides by itself in {roughly(max(0.0, event.deadline - now))}, at its deadline."


def _escaped(words: str) -> str:
    return words.translate(ESCAPED)
