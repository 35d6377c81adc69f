"""Writes the reference of the events about actions: `python -m tests.event_reference > docs/events.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from asg_lifecycle.model.action_events import NAMES, SOURCE, VERSION, ActionEvent, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEN = {
    EventKind.STARTED: "the plan is chosen and the work begins; once for each action",
    EventKind.HELD: "the work has stopped until somebody decides or the deadline comes; each time anew",
    EventKind.STEP_FAILED: "a step has failed, whatever the plan does then",
    EventKind.ENDED: "the action is over, by us or without us; once, perhaps without a start",
}
TYPES = {"number": "number", "integer": "number", "string": "text", "null": "`null`", "array": "list"}

HEAD = """# Events about actions

<!-- Written by `python -m tests.event_reference`; the fields are those of the code. -->

The application tells what becomes of an action, unasked: as events on the default bus of EventBridge, which is on
(the parameter `ActionEvents`), and in words by a topic of SNS, which is off (`ActionTopic`).

- Events are on because they cost next to nothing where nobody listens, and a rule can be added at any time: a switch
  that is turned on in an incident reaches only the actions that begin after it. The topic is off because it tells
  people.
- They are sent inside durable operations that exist anyway. One that cannot be sent within three seconds is not
  repeated: the metric `ActionEventsUnpublished` counts it, the log has the error, the drain goes on. They are news,
  not the truth: that is the record.
- What an operation does may be done twice, so an event may come twice, and EventBridge and SNS deliver at least once.
  The `id` is the same then: `ACTION-KIND-NUMBER`. Two holds of one action have two ids.
- Nothing of ours listens to them. A plan that is only observed tells nobody. What the sweep holds, because no
  execution can work on it, is told like any other hold. An alarm tells of events that could not be published.
- Examples of rules are in [examples/event-rules](../examples/event-rules/README.md).
"""

COST = """## What it costs

EventBridge takes $1 for a million events, SNS $0.50 for a million messages, mail extra; events that match no rule
cost the same. An action that goes well has two. A storm of 1,000 terminations puts 2,000 events, $0.002, each in a
request of its own, because each action is an invocation of its own: nothing can be sent together. Over the ten
seconds in which such a storm begins that is 100 requests a second. EventBridge takes 400 to 10,000 a second from an
account, by Region (the quota `PutEvents throttle limit in transactions per second`); what it throttles is left out
and counted.

To make the client and to call takes some tens of milliseconds of Lambda's time, about a sixth of the price of the
event. Invocations that have nothing to tell pay for loading the code alone, about 5 ms of a cold start.
"""

PEOPLE = """## Told in words

With `ActionTopic=on` the stack makes a topic; its ARN is the output `ActionTopicArn`. Every event is a message with a
subject, three lines and a link:

    Held: i-0123456789abcdef0 in web

    Instance i-0123456789abcdef0 of group web has been waiting for 5m under the terminate hook asg-lifecycle-terminate,
    step 1 of 2 (wait-for-signal).
    Held: the work was not done within 5m
    It is kept by signal ready (not received yet).
    https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#AutoScalingGroupDetails:id=web;view=details

One topic serves mail and chats: subscribers by HTTPS get the same as a custom notification of Amazon Q Developer in
chat applications (formerly AWS Chatbot), all others get the text. In a channel of Slack all messages of one action
are one thread, if the channel's preferences allow threads. Other tools that subscribe by HTTPS get that notification,
too: give them a rule on the bus instead.

A subscription may ask for some of it, by a filter policy on the attributes `kind` (`started`, `held`, `step-failed`,
`ended`), `group` and `status`. This needs AWS:

    aws sns subscribe --topic-arn TOPIC --protocol email --notification-endpoint ann@example.com \\
      --attributes FilterPolicy='{"kind":["held"]}'
"""


def reference() -> str:
    """Return the page, as Markdown."""
    return "\n".join([HEAD, *_kinds(), "", *_fields(), "", COST, PEOPLE.rstrip("\n"), ""])


def _kinds() -> Iterator[str]:
    yield "## Kinds"
    yield ""
    yield f"The `source` is `{SOURCE}`."
    yield ""
    yield "| `detail-type` | in ids | when |"
    yield "|---|---|---|"
    for kind in EventKind:
        yield f"| `{kind}` | `{NAMES[kind]}` | {WHEN[kind]} |"


def _fields() -> Iterator[str]:
    schema = msgspec.json.schema(ActionEvent)
    definitions = schema["$defs"]
    yield f"## Fields of `detail`, version {VERSION}"
    yield ""
    yield "Times are seconds since the epoch. Every field is there, perhaps as `null`. A field may be added within"
    yield "a version; a field that changes or goes away makes another version."
    yield ""
    yield "| field | type | what |"
    yield "|---|---|---|"
    for name, field in definitions["ActionEvent"]["properties"].items():
        yield f"| `{name}` | {_type(field)} | {field['description']} |"
        inner = _definition(field, definitions)
        for below, part in inner.get("properties", {}).items():
            yield f"| `{name}.{below}` | {_type(part)} | {part.get('description', 'See `Blocker` in the code.')} |"


def _definition(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    for option in (field, *field.get("anyOf", ())):
        if "$ref" in option:
            found: dict[str, Any] = definitions[option["$ref"].rpartition("/")[2]]
            return found
    return {}


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"])
    if "$ref" in field:
        named = field["$ref"].rpartition("/")[2]
        return "text" if named in {"ActionResult", "Status"} else "object"
    return TYPES[field["type"]]


if __name__ == "__main__":
    sys.stdout.write(reference())
